//! Eddystone-EID: whose beacon it is, by the keys that were registered.
//!
//! In: ephemeral identifiers as they are heard. Out: the subject whose key made them. Each key's identifiers
//! of the window before, of now and of the next one lie in an index, made anew when the beacon's clock enters
//! a window. What the clock does is learnt from what is heard: the offset is kept between bounds that every
//! hearing narrows and time widens. After a power loss a beacon's clock stands up to a day behind; then the
//! windows of that day are searched, within a budget. Sources: Google, "Eddystone-EID" and "Computing the
//! EID"; the clock error is that page's.

use super::DeviceKey;
use crate::beacon::EID_EXPONENT_MAX;
use crate::cipher::{Cipher, Key};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Keys kept at once: each takes 32 bytes and three entries of the index, so all of them some 3 MiB.
pub const KEYS_MAX: usize = 10_000;

/// How far a beacon's clock may drift: 150 millionths, 13 s a day.
const DRIFT: f64 = 150e-6;

/// How far behind a clock may be after a power loss: beacons save it once a day.
const BEHIND_S: f64 = 87_000.0;

/// Windows without a hearing after which a key is searched for in the day before.
const SILENT_WINDOWS: f64 = 2.0;

/// Blocks a minute of event time spent on searches: some 5 ms of one core here, 0.2 s on a small board.
const SEARCH_BLOCKS_PER_MINUTE: u64 = 200_000;

/// Identifiers remembered as nobody's: those of some 4 000 strangers' beacons. When full it is emptied.
const STRANGERS_MAX: usize = 4_096;

/// An ephemeral identifier.
pub type Eid = [u8; 8];

/// A registered key and what it says of its beacon's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EidKey {
    /// Identity key.
    pub key: Key,
    /// A window lasts two to the power of this, seconds; 15 at most.
    pub exponent: u8,
    /// The beacon's clock less Unix time, seconds.
    pub offset_s: i64,
}

/// The identifier a key makes in the window that holds `clock_s` of the beacon's clock.
pub fn eid(key: Key, exponent: u8, clock_s: u32) -> Eid {
    made(&temporary(key, clock_s), exponent, clock_s)
}

/// The temporary key, which lasts for 65 536 seconds.
fn temporary(key: Key, clock_s: u32) -> Cipher {
    let [t0, t1, ..] = clock_s.to_be_bytes();
    let mut plain = [0; 16];
    plain[11] = 0xff;
    plain[14..].copy_from_slice(&[t0, t1]);
    Cipher::new(Key(Cipher::new(key).block(plain)))
}

fn made(temporary: &Cipher, exponent: u8, clock_s: u32) -> Eid {
    let mut plain = [0; 16];
    plain[11] = exponent;
    plain[12..].copy_from_slice(&(clock_s >> exponent << exponent).to_be_bytes());
    let [a, b, c, d, e, f, g, h, ..] = temporary.block(plain);
    [a, b, c, d, e, f, g, h]
}

struct Slot {
    registered: EidKey,
    subject: DeviceKey,
    /// Bounds of the beacon's clock less event time, seconds, and the best guess within them.
    low_s: f64,
    high_s: f64,
    offset_s: f64,
    /// Event time of the bounds, and of the last hearing, seconds.
    bounded_s: f64,
    heard_s: f64,
    /// The window whose neighbours lie in the index, and when it ends, microseconds.
    window: Option<i64>,
    due_us: i64,
}

impl Slot {
    fn window_s(&self) -> f64 {
        f64::from(1_u32 << self.registered.exponent)
    }

    fn window_at(&self, at_s: f64) -> i64 {
        ((at_s + self.offset_s) / self.window_s()).floor() as i64
    }

    fn eid(&self, window: i64) -> Option<Eid> {
        let clock_s = u32::try_from(window << self.registered.exponent).ok()?;
        Some(eid(self.registered.key, self.registered.exponent, clock_s))
    }

    /// Narrows the bounds to what a hearing in a window allows; where nothing is left the clock was set anew.
    fn hear(&mut self, window: i64, at_s: f64) {
        let widened_s = DRIFT * (at_s - self.bounded_s).max(0.0);
        let (from_s, until_s) = (window as f64 * self.window_s() - at_s, (window + 1) as f64 * self.window_s() - at_s);
        let (low_s, high_s) = ((self.low_s - widened_s).max(from_s), (self.high_s + widened_s).min(until_s));
        if low_s <= high_s {
            (self.low_s, self.high_s) = (low_s, high_s);
            self.offset_s = self.offset_s.clamp(low_s, high_s);
        } else {
            (self.low_s, self.high_s, self.offset_s) = (from_s, until_s, (from_s + until_s) / 2.0);
        }
        (self.bounded_s, self.heard_s) = (at_s.max(self.bounded_s), at_s.max(self.heard_s));
    }
}

/// The keys, their index, and what is known of their clocks.
#[derive(Default)]
pub struct Resolver {
    slots: BTreeMap<u32, Slot>,
    next_slot: u32,
    index: BTreeMap<Eid, (u32, i64)>,
    /// When each key's window ends, microseconds.
    due: BTreeSet<(i64, u32)>,
    strangers: BTreeSet<Eid>,
    /// Where the next search begins, the minute of the budget, and what is spent of it.
    search_from: u32,
    minute: i64,
    blocks: u64,
    /// Identifiers not searched for, because the budget was spent.
    pub shed: u64,
}

impl Resolver {
    /// Takes a key; false when there are too many, or no beacon has such a clock.
    pub fn register(&mut self, registered: EidKey, subject: DeviceKey) -> bool {
        if registered.exponent > EID_EXPONENT_MAX || registered.offset_s.unsigned_abs() > u64::from(u32::MAX) {
            return false;
        }
        if let Some(slot) = self.slots.values_mut().find(|slot| slot.registered.key == registered.key) {
            slot.subject = subject;
            return true;
        }
        if self.slots.len() >= KEYS_MAX {
            return false;
        }
        let offset_s = registered.offset_s as f64;
        // One window either way is what the index covers anyway.
        let slack_s = f64::from(1_u32 << registered.exponent);
        let slot = Slot {
            registered,
            subject,
            low_s: offset_s - slack_s,
            high_s: offset_s + slack_s,
            offset_s,
            bounded_s: 0.0,
            heard_s: f64::NEG_INFINITY,
            window: None,
            due_us: i64::MIN,
        };
        self.slots.insert(self.next_slot, slot);
        self.due.insert((i64::MIN, self.next_slot));
        self.next_slot += 1;
        self.strangers.clear();
        true
    }

    /// Drops the keys of a subject.
    pub fn forget(&mut self, subject: DeviceKey) {
        self.slots.retain(|_, slot| slot.subject != subject);
        self.index.retain(|_, (slot, _)| self.slots.contains_key(slot));
        self.due.retain(|(_, slot)| self.slots.contains_key(slot));
    }

    /// Whether any key was registered.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whose identifier it is.
    pub fn resolve(&mut self, heard: Eid, at: Timestamp) -> Option<DeviceKey> {
        self.refresh(at);
        let at_s = at.as_micros() as f64 / 1e6;
        let (number, window) = match self.index.get(&heard) {
            Some(found) => *found,
            None => self.search(heard, at)?,
        };
        let slot = self.slots.get_mut(&number)?;
        slot.hear(window, at_s);
        let subject = slot.subject;
        // The index follows the clock where the hearing moved it.
        if slot.window != Some(slot.window_at(at_s)) {
            self.enter(number, at_s);
        }
        Some(subject)
    }

    /// Makes the identifiers of every key whose beacon has entered a window.
    fn refresh(&mut self, at: Timestamp) {
        while let Some((_, number)) = self.due.first().copied().filter(|(due, _)| *due <= at.as_micros()) {
            self.enter(number, at.as_micros() as f64 / 1e6);
        }
    }

    /// Puts the identifiers around the window of now in the index, instead of those before.
    fn enter(&mut self, number: u32, at_s: f64) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let now = slot.window_at(at_s);
        let around = |window: i64| window - 1..=window + 1;
        let old = slot.window.into_iter().flat_map(around).filter_map(|window| slot.eid(window));
        old.for_each(|eid| _ = self.index.remove(&eid));
        let new = around(now).filter_map(|window| Some((slot.eid(window)?, (number, window))));
        self.index.extend(new);
        self.due.remove(&(slot.due_us, number));
        slot.window = Some(now);
        slot.due_us = (((now + 1) as f64 * slot.window_s() - slot.offset_s) * 1e6).ceil() as i64;
        self.due.insert((slot.due_us, number));
    }

    /// Looks for an identifier nobody has now among those of the day before of beacons long silent.
    fn search(&mut self, heard: Eid, at: Timestamp) -> Option<(u32, i64)> {
        if self.strangers.contains(&heard) {
            return None;
        }
        let (at_s, minute) = (at.as_micros() as f64 / 1e6, at.as_micros().div_euclid(60_000_000));
        if minute != self.minute {
            (self.minute, self.blocks) = (minute, 0);
        }
        let in_turn = self.slots.range(self.search_from..).chain(self.slots.range(..self.search_from));
        for (number, slot) in in_turn {
            if self.blocks >= SEARCH_BLOCKS_PER_MINUTE {
                self.search_from = *number;
                self.shed += 1;
                return None;
            }
            if at_s - slot.heard_s < SILENT_WINDOWS * slot.window_s() {
                continue;
            }
            let last = slot.window_at(at_s) - 2;
            let first = last - (BEHIND_S / slot.window_s()).ceil() as i64;
            self.blocks += (last - first) as u64;
            if let Some(window) = find(slot, heard, first.max(0)..=last) {
                return Some((*number, window));
            }
        }
        if self.strangers.len() >= STRANGERS_MAX {
            self.strangers.clear();
        }
        self.strangers.insert(heard);
        None
    }
}

/// The window whose identifier it is. The temporary key changes so rarely that it is kept between windows.
fn find(slot: &Slot, heard: Eid, windows: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let EidKey { key, exponent, .. } = slot.registered;
    let mut ready: Option<(u32, Cipher)> = None;
    windows.into_iter().find(|window| {
        let Ok(clock_s) = u32::try_from(*window << exponent) else { return false };
        let span = clock_s >> 16;
        if ready.as_ref().is_none_or(|(known, _)| *known != span) {
            ready = Some((span, temporary(key, clock_s)));
        }
        ready.as_ref().is_some_and(|(_, temporary)| made(temporary, exponent, clock_s) == heard)
    })
}

#[cfg(test)]
mod tests;
