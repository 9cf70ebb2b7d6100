//! Who sent an advert, without remembering addresses.
//!
//! In: adverts with raw addresses. Out: sightings that carry either the key of a registered subject or a
//! keyed hash of the address. It lets no address out (invariant 5): the hash key lives in memory, is
//! replaced each epoch by a one-way step, and the one before is kept only until devices heard under it
//! have either been heard again or gone. It never links two addresses, but of those whose key was registered.

pub mod ephemeral;
pub mod resolvable;

use crate::advert::{Address, AddressType, Advert};
use crate::beacon::{self, BeaconId, DeviceClass, Heard};
use crate::event::{Registration, SubjectKind};
use crate::recording::Source;
use crate::reorder::Timed;
use crate::settings::Settings;
use crate::time::{Duration, Timestamp};
use crate::venue::ReceiverId;
use ephemeral::EidKey;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher128};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Subjects followed at once: 100 000 opted-in attendees a venue (design limit) and as many assets.
pub const SUBJECTS_MAX: usize = 200_000;

/// Beacons followed without registration, with `track_all`: strangers choose how many there are.
pub const TRACKED_MAX: usize = 20_000;

/// The key under which a device's state is kept: a keyed hash of an address or of a subject's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKey(pub u64);

/// One advert after identification. Its order is (time, receiver, content).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// When it was heard.
    pub at: Timestamp,
    /// By which receiver.
    pub receiver: ReceiverId,
    /// Whose state it updates.
    pub key: DeviceKey,
    /// The key of the same address in the epoch before, while devices may still be known under it.
    pub previous_key: Option<NonZeroU64>,
    /// Strength, where known.
    pub rssi_dbm: Option<i8>,
    /// Strength at 1 m as the beacon states it.
    pub measured_power_dbm: Option<i8>,
    /// What kind of device it seems to be.
    pub class: DeviceClass,
    /// Whether it is a subject whose position may be told.
    pub followed: bool,
}

impl Timed for Sighting {
    fn at(&self) -> Timestamp {
        self.at
    }
}

/// A registered or followed beacon carrier.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Name in all outputs.
    pub who: Arc<str>,
    /// Attendee, asset, or `None` for a beacon followed by `track_all`.
    pub kind: Option<SubjectKind>,
}

/// The registry and the hash keys.
pub struct Identity {
    name_key: [u8; 16],
    epochs: Epochs,
    beacons: BTreeMap<BeaconId, DeviceKey>,
    ephemeral: ephemeral::Resolver,
    resolvable: resolvable::Resolver,
    subjects: BTreeMap<DeviceKey, Subject>,
    tracked: usize,
    track_all: bool,
}

impl Identity {
    /// An empty registry; all keys come from the settings' seed.
    pub fn new(settings: &Settings) -> Self {
        let root = settings.seed.to_le_bytes();
        Self {
            name_key: derive(&[0; 16], b"subject names", &root),
            epochs: Epochs::new(derive(&[0; 16], b"address hash", &root), settings),
            beacons: BTreeMap::new(),
            ephemeral: ephemeral::Resolver::default(),
            resolvable: resolvable::Resolver::default(),
            subjects: BTreeMap::new(),
            tracked: 0,
            track_all: settings.track_all,
        }
    }

    /// Takes a registration; false when the registry is full.
    pub fn register(&mut self, registration: &Registration) -> bool {
        let key = self.key_of_name(&registration.who);
        if !self.subjects.contains_key(&key) && self.subjects.len() >= SUBJECTS_MAX {
            return false;
        }
        let taken = match registration.beacon {
            BeaconId::EidKey { key: secret, exponent, offset_s } => {
                self.ephemeral.register(EidKey { key: secret, exponent, offset_s }, key)
            }
            BeaconId::Irk { key: secret } => self.resolvable.register(secret, key),
            stated => {
                self.beacons.insert(stated, key);
                true
            }
        };
        if !taken {
            return false;
        }
        self.subjects.insert(key, Subject { who: registration.who.clone(), kind: Some(registration.kind) });
        true
    }

    /// Drops a subject with all its beacons; the key its state is kept under, if it was known.
    pub fn forget(&mut self, who: &str) -> Option<DeviceKey> {
        let key = self.key_of_name(who);
        self.beacons.retain(|_, subject| *subject != key);
        self.ephemeral.forget(key);
        self.resolvable.forget(key);
        self.subjects.remove(&key).map(|_| key)
    }

    /// The subject of a key.
    pub fn subject(&self, key: DeviceKey) -> Option<&Subject> {
        self.subjects.get(&key)
    }

    /// Turns an advert into a sighting; the address goes no further.
    pub fn sight(&mut self, advert: &Advert<'_>) -> Sighting {
        let heard = beacon::hear(advert.payload);
        let stated = heard.id.and_then(|id| self.followed_key(id));
        let (key, previous_key, followed) = match stated.or_else(|| self.recognise(&heard, advert.address, advert.at)) {
            Some(key) => (key, None, true),
            None => {
                let (key, previous) = self.epochs.hash(advert.address, advert.at);
                (key, previous, false)
            }
        };
        Sighting { previous_key, followed, ..sighting(advert.at, advert.receiver, key, advert.rssi_dbm, &heard) }
    }

    /// Turns what a board sent into a sighting: its hash is taken as it is.
    pub fn sight_from_board(
        &mut self,
        at: Timestamp,
        receiver: ReceiverId,
        source: Source,
        rssi_dbm: Option<i8>,
        payload: &[u8],
    ) -> Sighting {
        let heard = beacon::hear(payload);
        match source {
            Source::Address(address) => self.sight(&Advert { at, receiver, address, rssi_dbm, channel: None, payload }),
            Source::Hash(hash) => {
                let known = heard.eid.and_then(|eid| self.ephemeral_key(eid, at));
                let key = known.unwrap_or(DeviceKey(hash));
                Sighting { followed: known.is_some(), ..sighting(at, receiver, key, rssi_dbm, &heard) }
            }
            Source::Beacon(id) => {
                let known = self.followed_key(id);
                let key = known.unwrap_or_else(|| self.key_of_name(&id.to_string()));
                Sighting { followed: known.is_some(), ..sighting(at, receiver, key, rssi_dbm, &heard) }
            }
        }
    }

    /// Adverts that were not looked up among the keys, because strangers had spent the budget.
    pub fn lookups_shed(&self) -> u64 {
        self.ephemeral.shed + self.resolvable.shed
    }

    /// The subject whose key made the identifier or the address.
    fn recognise(&mut self, heard: &Heard, address: Address, at: Timestamp) -> Option<DeviceKey> {
        if let Some(key) = heard.eid.and_then(|eid| self.ephemeral_key(eid, at)) {
            return Some(key);
        }
        if !self.resolvable.knows(address) {
            return None;
        }
        let (hash, _) = self.epochs.hash(address, at);
        self.resolvable.resolve(address, hash.0, self.epochs.number.unwrap_or(0), at)
    }

    fn ephemeral_key(&mut self, eid: [u8; 8], at: Timestamp) -> Option<DeviceKey> {
        (!self.ephemeral.is_empty()).then(|| self.ephemeral.resolve(eid, at))?
    }

    fn followed_key(&mut self, id: BeaconId) -> Option<DeviceKey> {
        if let Some(key) = self.beacons.get(&id) {
            return Some(*key);
        }
        if !self.track_all || self.tracked >= TRACKED_MAX {
            return None;
        }
        let who: Arc<str> = id.to_string().into();
        let key = self.key_of_name(&who);
        self.beacons.insert(id, key);
        self.subjects.insert(key, Subject { who, kind: None });
        self.tracked += 1;
        Some(key)
    }

    fn key_of_name(&self, who: &str) -> DeviceKey {
        let mut hasher = SipHasher24::new_with_key(&self.name_key);
        hasher.write(who.as_bytes());
        DeviceKey(hasher.finish())
    }
}

fn sighting(at: Timestamp, receiver: ReceiverId, key: DeviceKey, rssi_dbm: Option<i8>, heard: &Heard) -> Sighting {
    let Heard { measured_power_dbm, class, .. } = *heard;
    Sighting { at, receiver, key, previous_key: None, rssi_dbm, measured_power_dbm, class, followed: false }
}

/// The hash keys of the running epoch and of the one before.
struct Epochs {
    length: Duration,
    /// How long after a change a device may still be known under the old key.
    overlap: Duration,
    number: Option<i64>,
    current: [u8; 16],
    previous: Option<[u8; 16]>,
}

impl Epochs {
    fn new(first: [u8; 16], settings: &Settings) -> Self {
        let overlap = settings.absent_after + settings.allowed_lateness;
        Self { length: settings.identity_epoch, overlap, number: None, current: first, previous: None }
    }

    fn hash(&mut self, address: Address, at: Timestamp) -> (DeviceKey, Option<NonZeroU64>) {
        self.advance(at);
        let start = Timestamp::from_micros(self.number.unwrap_or(0).saturating_mul(self.length.as_micros()));
        let age = at.since(start);
        match self.previous {
            // A late advert of the epoch before: hashed as it would have been in time.
            Some(previous) if age < Duration::ZERO => (DeviceKey(hash(&previous, address)), None),
            Some(previous) if age < self.overlap => {
                (DeviceKey(hash(&self.current, address)), NonZeroU64::new(hash(&previous, address)))
            }
            _ => (DeviceKey(hash(&self.current, address)), None),
        }
    }

    /// Steps the key once for each epoch begun. Old keys cannot be computed back from new ones.
    fn advance(&mut self, at: Timestamp) {
        let number = at.as_micros().div_euclid(self.length.as_micros());
        let Some(known) = self.number else {
            self.number = Some(number);
            return;
        };
        // A jump of many epochs leaves nobody known under the old key, so one step forgets as well as many.
        if number > known {
            let next = derive(&self.current, b"next epoch", &number.to_le_bytes());
            self.previous = (number == known + 1).then_some(self.current);
            self.current = next;
            self.number = Some(number);
        }
    }
}

fn hash(key: &[u8; 16], address: Address) -> u64 {
    let [a, b, c, d, e, f] = address.bytes;
    let kind = u8::from(address.kind == AddressType::Random);
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write_u64(u64::from_le_bytes([a, b, c, d, e, f, kind, 0]));
    hasher.finish()
}

fn derive(key: &[u8; 16], purpose: &[u8], input: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher128::new_with_key(key);
    hasher.write(purpose);
    hasher.write(input);
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Key;

    fn address(last: u8) -> Address {
        Address { bytes: [0xc0, 0xff, 0xee, 0, 0, last], kind: AddressType::Random }
    }

    fn epochs() -> Epochs {
        Epochs::new([7; 16], &Settings::default())
    }

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    fn registered(beacon: &str) -> Identity {
        let mut identity = Identity::new(&Settings::default());
        let beacon = beacon.parse().expect("a beacon");
        let (at, who) = (minutes(0), "ann".into());
        assert!(identity.register(&Registration { at, who, kind: SubjectKind::Attendee, beacon }));
        identity
    }

    fn sight(identity: &mut Identity, bytes: [u8; 6], payload: &[u8]) -> Sighting {
        let address = Address { bytes, kind: AddressType::Random };
        let (at, receiver) = (minutes(1), ReceiverId(0));
        identity.sight(&Advert { at, receiver, address, rssi_dbm: None, channel: None, payload })
    }

    /// The address of Core 5.4, Vol 3 Part H, D.7, and another.
    #[test]
    fn a_registered_phone_is_known_by_its_address_until_it_is_forgotten() {
        let mut identity = registered("irk:ec0234a357c8ad05341010a60a397d9b");
        let (hers, not_hers) = ([0x70, 0x81, 0x94, 0x0d, 0xfb, 0xaa], [0x70, 0x81, 0x94, 0x0d, 0xfb, 0xab]);
        let sighting = sight(&mut identity, hers, &[]);
        assert!(sighting.followed);
        assert_eq!(identity.subject(sighting.key).map(|subject| &*subject.who), Some("ann"));
        assert!(!sight(&mut identity, not_hers, &[]).followed);
        identity.forget("ann");
        assert!(!sight(&mut identity, hers, &[]).followed);
    }

    #[test]
    fn a_registered_beacon_is_known_by_its_ephemeral_identifier() {
        let mut identity = registered("eid:000102030405060708090a0b0c0d0e0f:9");
        let key = Key(std::array::from_fn(|place| place as u8));
        let mut payload = vec![0x0d, 0x16, 0xaa, 0xfe, 0x30, 0xee];
        payload.extend(ephemeral::eid(key, 9, 60));
        let sighting = sight(&mut identity, [1; 6], &payload);
        assert!(sighting.followed && identity.subject(sighting.key).is_some());
        assert_eq!(sighting.measured_power_dbm, Some(-59));
        // A board that hashed the address has not hidden the identifier.
        let from_board = identity.sight_from_board(minutes(1), ReceiverId(0), Source::Hash(7), None, &payload);
        assert!(from_board.followed && from_board.key == sighting.key);
        payload[13] ^= 1;
        assert!(!sight(&mut identity, [1; 6], &payload).followed);
    }

    #[test]
    fn a_hash_lasts_one_epoch_and_overlaps_by_one_close_out() {
        let mut epochs = epochs();
        let (first, none) = epochs.hash(address(1), minutes(0));
        assert_eq!(none, None);
        assert_eq!(epochs.hash(address(1), minutes(14)).0, first);
        let (second, previous) = epochs.hash(address(1), minutes(15));
        assert_ne!(second, first);
        assert_eq!(previous.map(NonZeroU64::get), Some(first.0));
        assert_eq!(epochs.hash(address(1), minutes(17)), (second, None));
    }

    #[test]
    fn a_late_advert_is_hashed_as_it_would_have_been_in_time() {
        let mut epochs = epochs();
        let (first, _) = epochs.hash(address(1), minutes(14));
        epochs.hash(address(2), minutes(15));
        assert_eq!(epochs.hash(address(1), minutes(15) - Duration::from_secs(1)), (first, None));
    }

    #[test]
    fn two_epochs_apart_nothing_is_shared() {
        let mut epochs = epochs();
        let (first, _) = epochs.hash(address(1), minutes(0));
        let (third, previous) = epochs.hash(address(1), minutes(31));
        assert_ne!(first, third);
        assert_eq!(previous, None);
    }

    #[test]
    fn public_and_random_addresses_of_the_same_bytes_differ() {
        let mut epochs = epochs();
        let public = Address { kind: AddressType::Public, ..address(1) };
        assert_ne!(epochs.hash(address(1), minutes(0)).0, epochs.hash(public, minutes(0)).0);
    }
}
