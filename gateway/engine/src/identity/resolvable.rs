//! Resolvable private addresses: whose they are, by the keys that were registered.
//!
//! In: addresses as they are heard, and a hash of each that means nothing outside this epoch. Out: the
//! subject whose key made the address. It keeps no address: what was found, and what was not, is remembered
//! under the hash until the epoch ends. Source: Core 5.4, Vol 3 Part H, 2.2.2 (`ah`) and Vol 6 Part B, 1.3.2.2.
//!
//! No index can be made over addresses not yet seen, so a new address costs one block for each key; keys are
//! kept ready, and each address is tried once an epoch. A crowd that invents addresses is held to a budget.

use super::DeviceKey;
use crate::advert::{Address, RandomKind};
use crate::cipher::{Cipher, Key};
use crate::time::{Duration, Timestamp};
use std::collections::BTreeMap;

/// Keys kept at once. A key made ready takes 180 to 700 bytes, so all of them stay within 7 MiB.
pub const KEYS_MAX: usize = 10_000;

/// Addresses remembered an epoch: the devices a board hears a day (design limit). Past it, new ones are
/// tried again each time they are heard, within the budget.
const REMEMBERED_MAX: usize = 100_000;

/// Blocks a second of event time at most: some 10 ms of one core here, and a tenth of one on a small board.
const BLOCKS_PER_S: u64 = 1_000_000;

/// Makes the 24-bit hash of an address from the 24 bits before it.
pub fn ah(irk: &Cipher, prand: [u8; 3]) -> [u8; 3] {
    let mut plain = [0; 16];
    plain[13..].copy_from_slice(&prand);
    let [.., a, b, c] = irk.block(plain);
    [a, b, c]
}

/// The keys, and what was found with them this epoch.
#[derive(Default)]
pub struct Resolver {
    keys: Vec<(Key, Cipher, DeviceKey)>,
    found: BTreeMap<u64, Option<DeviceKey>>,
    epoch: i64,
    second: i64,
    blocks: u64,
    /// Addresses not tried, because the budget was spent.
    pub shed: u64,
}

impl Resolver {
    /// Takes a key; false when there are too many. What was not found before may be found now.
    pub fn register(&mut self, key: Key, subject: DeviceKey) -> bool {
        if let Some(known) = self.keys.iter_mut().find(|(known, ..)| *known == key) {
            known.2 = subject;
        } else if self.keys.len() >= KEYS_MAX {
            return false;
        } else {
            self.keys.push((key, Cipher::new(key), subject));
        }
        self.found.clear();
        true
    }

    /// Drops the keys of a subject.
    pub fn forget(&mut self, subject: DeviceKey) {
        self.keys.retain(|(_, _, whose)| *whose != subject);
        self.found.clear();
    }

    /// Whether an address is worth asking about.
    pub fn knows(&self, address: Address) -> bool {
        !self.keys.is_empty() && address.random_kind() == Some(RandomKind::Resolvable)
    }

    /// Whose address it is. `hash` stands for it in memory, within the `epoch` it was made in.
    pub fn resolve(&mut self, address: Address, hash: u64, epoch: i64, at: Timestamp) -> Option<DeviceKey> {
        if epoch != self.epoch {
            self.found.clear();
            self.epoch = epoch;
        }
        if let Some(known) = self.found.get(&hash) {
            return *known;
        }
        if !self.afford(at) {
            self.shed += 1;
            return None;
        }
        let [p0, p1, p2, tail @ ..] = address.bytes;
        let made = |(_, cipher, _): &&(Key, Cipher, DeviceKey)| ah(cipher, [p0, p1, p2]) == tail;
        let subject = self.keys.iter().find(made).map(|(_, _, subject)| *subject);
        if self.found.len() < REMEMBERED_MAX {
            self.found.insert(hash, subject);
        }
        subject
    }

    /// Whether this second has blocks left for all keys; the first address of a second always has.
    fn afford(&mut self, at: Timestamp) -> bool {
        let second = at.as_micros().div_euclid(Duration::from_secs(1).as_micros());
        if second != self.second {
            (self.second, self.blocks) = (second, 0);
        }
        let afford = self.blocks == 0 || self.blocks + self.keys.len() as u64 <= BLOCKS_PER_S;
        self.blocks += if afford { self.keys.len() as u64 } else { 0 };
        afford
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advert::AddressType;

    /// Core 5.4, Vol 3 Part H, D.7.
    const IRK: Key = Key(0xec02_34a3_57c8_ad05_3410_10a6_0a39_7d9b_u128.to_be_bytes());
    const MADE: Address = Address { bytes: [0x70, 0x81, 0x94, 0x0d, 0xfb, 0xaa], kind: AddressType::Random };
    const SUBJECT: DeviceKey = DeviceKey(7);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn other(number: u32) -> Address {
        let [_, a, b, c] = number.to_be_bytes();
        Address { bytes: [0x40, a, b, c, 0, 0], kind: AddressType::Random }
    }

    #[test]
    fn the_specification_sample() {
        assert_eq!(ah(&Cipher::new(IRK), [0x70, 0x81, 0x94]), [0x0d, 0xfb, 0xaa]);
    }

    #[test]
    fn one_key_finds_its_address_and_no_other() {
        let mut resolver = Resolver::default();
        assert!(!resolver.knows(MADE));
        assert!(resolver.register(Key([1; 16]), DeviceKey(1)) && resolver.register(IRK, SUBJECT));
        assert!(resolver.knows(MADE));
        assert!(!resolver.knows(Address { kind: AddressType::Public, ..MADE }));
        assert_eq!(resolver.resolve(MADE, 1, 0, at(0)), Some(SUBJECT));
        assert_eq!(resolver.resolve(other(5), 2, 0, at(0)), None);
        resolver.forget(SUBJECT);
        assert_eq!(resolver.resolve(MADE, 1, 0, at(0)), None);
    }

    #[test]
    fn an_address_is_tried_once_an_epoch_and_again_after_a_registration() {
        let mut resolver = Resolver::default();
        resolver.register(Key([1; 16]), DeviceKey(1));
        assert_eq!(resolver.resolve(MADE, 1, 0, at(0)), None);
        let blocks = resolver.blocks;
        assert_eq!(resolver.resolve(MADE, 1, 0, at(0)), None);
        assert_eq!(resolver.blocks, blocks);
        resolver.register(IRK, SUBJECT);
        assert_eq!(resolver.resolve(MADE, 1, 0, at(0)), Some(SUBJECT));
        assert_eq!(resolver.found.len(), 1);
        resolver.resolve(other(1), 2, 1, at(0));
        assert_eq!(resolver.found.len(), 1);
    }

    #[test]
    fn a_flood_of_invented_addresses_is_held_to_the_budget() {
        let mut resolver = Resolver::default();
        (0..KEYS_MAX as u32).for_each(|number| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&number.to_be_bytes());
            assert!(resolver.register(Key(key), SUBJECT));
        });
        assert!(!resolver.register(IRK, SUBJECT));
        (0..150).for_each(|number| _ = resolver.resolve(other(number), u64::from(number), 0, at(0)));
        assert_eq!((resolver.shed, resolver.found.len()), (50, 100));
        resolver.resolve(other(149), 149, 0, at(1));
        assert_eq!(resolver.found.len(), 101);
    }
}
