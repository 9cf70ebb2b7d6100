//! The probes known to be in a line, in the order they joined.
//!
//! In: joins, starts and departures by key. Out: who is first, and what a start says of the order. It
//! refuses more probes than its limit; a probe overtaken again and again is not in the line and goes.

use crate::identity::DeviceKey;
use crate::time::Timestamp;

/// Probes in one line. With more, every head counts as known anyway and the newest are not taken.
pub const WAITING_MAX: usize = 256;

/// A probe passed by so many that joined after it stands beside the line.
const OVERTAKEN_MAX: u8 = 3;

/// One waiting probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiter {
    /// When it joined.
    pub joined: Timestamp,
    /// Which device.
    pub key: DeviceKey,
    overtaken: u8,
    /// No longer heard: it keeps its place until somebody behind it is served.
    lost: bool,
}

/// What a start of service means for the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Started {
    /// When this probe joined, for its own wait.
    pub joined: Timestamp,
    /// The join time of the place in line that was served. Two probes seen in the wrong order are swapped:
    /// what counts is that one of them was served.
    pub place_joined: Timestamp,
}

/// The probes waiting.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    line: Vec<Waiter>,
}

impl Waiting {
    /// Probes waiting.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether no probe waits.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// The first in line.
    pub fn first(&self) -> Option<&Waiter> {
        self.line.first()
    }

    /// A probe joined; false when the line holds too many or has it already.
    pub fn join(&mut self, joined: Timestamp, key: DeviceKey) -> bool {
        if self.line.len() >= WAITING_MAX || self.line.iter().any(|waiter| waiter.key == key) {
            return false;
        }
        let place = self.line.partition_point(|waiter| waiter.joined <= joined);
        self.line.insert(place, Waiter { joined, key, overtaken: 0, lost: false });
        true
    }

    /// A probe started service. `None` for one not in line.
    pub fn start(&mut self, key: DeviceKey) -> Option<Started> {
        let place = self.line.iter().position(|waiter| waiter.key == key)?;
        let joined = self.line[place].joined;
        let place_joined = self.line[0].joined;
        // Each of those ahead takes the place, and the join time, of the one behind it.
        for ahead in 0..place {
            self.line[ahead].joined = self.line[ahead + 1].joined;
            self.line[ahead].overtaken = self.line[ahead].overtaken.saturating_add(1);
        }
        self.line.remove(place);
        self.line.retain(|waiter| waiter.overtaken < OVERTAKEN_MAX);
        Some(Started { joined, place_joined })
    }

    /// A probe is no longer heard: its address changed, or its battery died. The person still stands there.
    pub fn lose(&mut self, key: DeviceKey) {
        self.line.iter_mut().filter(|waiter| waiter.key == key).for_each(|waiter| waiter.lost = true);
    }

    /// Somebody is being served, so the lost ones who stood before them have been; whether there were any.
    pub fn drop_lost_before(&mut self, key: DeviceKey) -> bool {
        let Some(place) = self.line.iter().position(|waiter| waiter.key == key) else { return false };
        let (count, mut index) = (self.line.len(), 0);
        self.line.retain(|waiter| {
            index += 1;
            index > place || !waiter.lost
        });
        self.line.len() < count
    }

    /// The first in line, if it is lost.
    pub fn lost_first(&self) -> Option<DeviceKey> {
        self.first().filter(|first| first.lost).map(|first| first.key)
    }

    /// How many who are still heard stand before a probe.
    pub fn before(&self, key: DeviceKey) -> usize {
        self.line.iter().take_while(|waiter| waiter.key != key).filter(|waiter| !waiter.lost).count()
    }

    /// A probe left unserved; tells when it joined and whether it was first.
    pub fn leave(&mut self, key: DeviceKey) -> Option<(Timestamp, bool)> {
        let place = self.line.iter().position(|waiter| waiter.key == key)?;
        Some((self.line.remove(place).joined, place == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    fn line(joins: &[(i64, u64)]) -> Waiting {
        let mut waiting = Waiting::default();
        joins.iter().for_each(|(minutes, key)| assert!(waiting.join(at(*minutes), DeviceKey(*key))));
        waiting
    }

    #[test]
    fn a_swap_serves_the_first_place() {
        let mut waiting = line(&[(1, 1), (2, 2), (3, 3)]);
        let started = waiting.start(DeviceKey(2)).unwrap();
        assert_eq!((started.joined, started.place_joined), (at(2), at(1)));
        assert_eq!(waiting.first().map(|first| (first.joined, first.key)), Some((at(2), DeviceKey(1))));
    }

    #[test]
    fn one_beside_the_line_goes_after_three_have_passed_it() {
        let mut waiting = line(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        for key in 2..=4 {
            assert!(waiting.start(DeviceKey(key)).is_some());
        }
        assert_eq!((waiting.len(), waiting.first().map(|first| first.key)), (1, Some(DeviceKey(5))));
    }

    #[test]
    fn a_lost_probe_keeps_its_place_until_the_next_is_served() {
        let mut waiting = line(&[(1, 1), (2, 2), (3, 3)]);
        waiting.lose(DeviceKey(1));
        assert_eq!((waiting.lost_first(), waiting.before(DeviceKey(3))), (Some(DeviceKey(1)), 1));
        assert!(waiting.drop_lost_before(DeviceKey(2)) && !waiting.drop_lost_before(DeviceKey(2)));
        assert_eq!(waiting.start(DeviceKey(2)).map(|started| started.place_joined), Some(at(2)));
    }

    #[test]
    fn late_joins_find_their_place_and_the_line_has_a_limit() {
        let mut waiting = line(&[(5, 5), (2, 2)]);
        assert_eq!(waiting.first().map(|first| first.key), Some(DeviceKey(2)));
        assert!(!waiting.join(at(9), DeviceKey(5)));
        for key in 10..1_000 {
            waiting.join(at(9), DeviceKey(key));
        }
        assert_eq!(waiting.len(), WAITING_MAX);
    }
}
