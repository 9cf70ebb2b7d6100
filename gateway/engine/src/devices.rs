//! The devices alive now, and when each of them is given up.
//!
//! In: sightings in event order. Out: each device's state, and the devices not heard for too long. It
//! refuses a new device when the table is full, which is counted. Giving up is by a ring of seconds: the
//! cost follows the devices due, never all devices.

use crate::beacon::DeviceClass;
use crate::identity::{DeviceKey, Sighting};
use crate::live_count::Track;
use crate::locate::Levels;
use crate::people::fixed::Stay;
use crate::time::{Duration, Timestamp};
use crate::venue::ZoneId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Devices alive at once. The design asks for 10 000, and 100 000 seen a day; a flood of made-up addresses
/// may fill the table, and then the newest comers are not counted.
pub const DEVICES_MAX: usize = 131_072;

/// Width of a slot of the ring.
const SLOT: Duration = Duration::from_secs(1);

/// State of one device. Kept small: 10 000 of them live in a 2 GB board beside everything else.
#[derive(Clone, Debug)]
pub struct Device {
    /// First sighting.
    pub first_at: Timestamp,
    /// Last sighting.
    pub last_at: Timestamp,
    /// Radio levels.
    pub levels: Levels,
    /// When it entered its zone.
    pub entered_at: Timestamp,
    /// How it stays where it is.
    pub stay: Stay,
    /// How its address was heard, while it counts.
    pub track: Option<Track>,
    /// Zone after hysteresis.
    pub zone: Option<ZoneId>,
    /// Best guess of its class.
    pub class: DeviceClass,
    /// Whether it stands for a person in the counts.
    pub counted: bool,
    /// Whether its position may be told.
    pub followed: bool,
}

impl Device {
    fn new(sighting: &Sighting) -> Self {
        Self {
            first_at: sighting.at,
            last_at: sighting.at,
            levels: Levels::default(),
            entered_at: sighting.at,
            stay: Stay::default(),
            track: None,
            zone: None,
            class: sighting.class,
            counted: false,
            followed: sighting.followed,
        }
    }
}

/// All devices alive.
pub struct Devices {
    map: HashMap<DeviceKey, Device, BuildHasherDefault<KeyIsHash>>,
    ring: Vec<Vec<DeviceKey>>,
    absent_after: Duration,
    /// Slots before this have been looked through.
    expired_until: Option<Timestamp>,
}

impl Devices {
    /// An empty table that gives devices up after `absent_after`.
    pub fn new(absent_after: Duration) -> Self {
        let slots = absent_after.as_micros() / SLOT.as_micros() + 3;
        Self {
            map: HashMap::default(),
            ring: std::iter::repeat_with(Vec::new).take(slots as usize).collect(),
            absent_after,
            expired_until: None,
        }
    }

    /// Devices alive.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The state of a device.
    pub fn get(&self, key: DeviceKey) -> Option<&Device> {
        self.map.get(&key)
    }

    /// The state of a device, to change.
    pub fn get_mut(&mut self, key: DeviceKey) -> Option<&mut Device> {
        self.map.get_mut(&key)
    }

    /// Looks at every device, in no particular order: what is made of them must not depend on it.
    #[expect(clippy::disallowed_methods, reason = "what is summed is whole numbers, the same in any order")]
    pub fn each(&self, mut look: impl FnMut(DeviceKey, &Device)) {
        self.map.iter().for_each(|(key, device)| look(*key, device));
    }

    /// The device of a sighting, with whether it is new; `None` when the table is full.
    pub fn touch(&mut self, sighting: &Sighting) -> Option<(&mut Device, bool)> {
        self.follow_key(sighting);
        let is_new = !self.map.contains_key(&sighting.key);
        if is_new {
            if self.map.len() >= DEVICES_MAX {
                return None;
            }
            self.schedule(sighting.key, sighting.at);
        }
        let device = self.map.entry(sighting.key).or_insert_with(|| Device::new(sighting));
        device.last_at = device.last_at.max(sighting.at);
        if device.class == DeviceClass::Unknown {
            device.class = sighting.class;
        }
        Some((device, is_new))
    }

    /// Drops a device at once.
    pub fn remove(&mut self, key: DeviceKey) -> Option<Device> {
        self.map.remove(&key)
    }

    /// When `expire` should next be called.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        if self.map.is_empty() { None } else { self.expired_until.map(|until| until + SLOT) }
    }

    /// Takes out the devices due in the slot that ends at `until`, the value of `next_expiry`.
    pub fn expire(&mut self, until: Timestamp) -> Vec<(DeviceKey, Device)> {
        let slot = self.slot_of(until - SLOT);
        let due = std::mem::take(&mut self.ring[slot]);
        self.expired_until = Some(until);
        let mut gone = Vec::new();
        for key in due {
            let Some(device) = self.map.get(&key) else { continue };
            let last_at = device.last_at;
            if last_at + self.absent_after < until {
                gone.extend(self.map.remove(&key).map(|device| (key, device)));
            } else {
                self.schedule(key, last_at);
            }
        }
        gone
    }

    /// Moves a device known under the address hash of the epoch before to its new hash.
    fn follow_key(&mut self, sighting: &Sighting) {
        let Some(previous) = sighting.previous_key else { return };
        if self.map.contains_key(&sighting.key) {
            return;
        }
        if let Some(device) = self.map.remove(&DeviceKey(previous.get())) {
            self.schedule(sighting.key, sighting.at);
            self.map.insert(sighting.key, device);
        }
    }

    fn schedule(&mut self, key: DeviceKey, last_at: Timestamp) {
        if self.map.is_empty() {
            // Nobody was there: start the ring anew instead of turning it through the gap.
            self.ring.iter_mut().for_each(Vec::clear);
            self.expired_until = Some(last_at.window_start(SLOT));
        }
        let slot = self.slot_of(last_at + self.absent_after);
        self.ring[slot].push(key);
    }

    fn slot_of(&self, at: Timestamp) -> usize {
        at.as_micros().div_euclid(SLOT.as_micros()).rem_euclid(self.ring.len() as i64) as usize
    }
}

/// A hasher for keys that are keyed hashes already: strangers cannot choose them.
#[derive(Default)]
struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
