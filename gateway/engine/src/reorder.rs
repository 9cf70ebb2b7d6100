//! Puts what arrives late in its place.
//!
//! In: items with their event time, in any order within the allowed lateness. Out: the same items in
//! the order of (time, content), once nothing earlier can come. It refuses items older than what it has
//! already let go. Ties are broken by content and not by arrival, so any arrival order gives one result.

use crate::time::{Duration, Timestamp};

/// Width of a slot. A slot is let go at once, so it should hold few items (20 at 20 000 adverts/s): with
/// 10 ms one advert in fifty waited 6 us for its neighbours.
const SLOT: Duration = Duration::from_millis(1);

/// Most items held: three seconds at the highest rate of 20 000 adverts/s. Beyond it the oldest slot is let
/// go early, which costs late items but never memory.
const ITEMS_MAX: usize = 60_000;

/// Items an empty slot keeps room for: half as many again as a full one holds at the highest rate. Radios hand
/// over what they heard in bursts with one time, which land in another slot each time: were their room kept,
/// every slot would grow to the longest burst ever seen (20 MiB at 20 000 adverts/s in bursts of 200).
const ROOM_MAX: usize = 32;

/// Longest lateness allowed; the ring of slots is as long.
pub const LATENESS_MAX: Duration = Duration::from_secs(30);

/// What can be put in order.
pub trait Timed: Ord {
    /// Its event time.
    fn at(&self) -> Timestamp;
}

/// A ring of time slots.
pub struct Reorder<T> {
    slots: Vec<Vec<T>>,
    /// Everything before this has been let go. A multiple of `SLOT`.
    released_until: Timestamp,
    /// End of the newest slot ever filled.
    filled_until: Timestamp,
    held: usize,
}

impl<T: Timed> Reorder<T> {
    /// An empty buffer that can hold items up to `lateness` behind the newest.
    pub fn new(lateness: Duration) -> Self {
        let lateness = lateness.min(LATENESS_MAX);
        let slots = lateness.as_micros() / SLOT.as_micros() + 2;
        Self {
            slots: std::iter::repeat_with(Vec::new).take(slots as usize).collect(),
            released_until: Timestamp::MIN,
            filled_until: Timestamp::MIN,
            held: 0,
        }
    }

    /// Items held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Everything before this has been let go.
    pub fn released_until(&self) -> Timestamp {
        self.released_until
    }

    /// Whether `release` must be called before the next `insert`.
    pub fn is_full(&self) -> bool {
        self.held >= ITEMS_MAX
    }

    /// The end of the oldest slot that holds something, to make room.
    pub fn oldest_slot_end(&self) -> Timestamp {
        let mut end = self.released_until + SLOT;
        while end < self.filled_until && self.slots[self.slot_of(end - SLOT)].is_empty() {
            end += SLOT;
        }
        end
    }

    /// Takes an item. The caller has released everything up to the item's time minus the lateness.
    ///
    /// # Errors
    /// Gives the item back if its place has already been let go.
    pub fn insert(&mut self, item: T) -> Result<(), T> {
        let at = item.at();
        if at < self.released_until {
            return Err(item);
        }
        let slot = self.slot_of(at);
        self.slots[slot].push(item);
        self.held += 1;
        self.filled_until = self.filled_until.max(at.window_start(SLOT) + SLOT);
        Ok(())
    }

    /// Lets go, in order, all items of whole slots before `until`, each slot's items to `sink`.
    ///
    /// `until` is rounded down to a slot.
    pub fn release(&mut self, until: Timestamp, mut sink: impl FnMut(&T)) {
        let until = until.window_start(SLOT);
        while self.released_until < until && self.held > 0 {
            let start = self.first_start();
            if start >= until {
                break;
            }
            let slot = self.slot_of(start);
            let mut items = std::mem::take(&mut self.slots[slot]);
            items.sort_unstable();
            self.held -= items.len();
            items.iter().for_each(&mut sink);
            items.clear();
            self.slots[slot] = if items.capacity() > ROOM_MAX { Vec::new() } else { items };
            self.released_until = start + SLOT;
        }
        self.released_until = self.released_until.max(until);
    }

    /// Start of the oldest slot that holds something.
    fn first_start(&self) -> Timestamp {
        let ring = SLOT.as_micros() * self.slots.len() as i64;
        let mut start = self.released_until.max(self.filled_until - Duration::from_micros(ring));
        while self.slots[self.slot_of(start)].is_empty() {
            start += SLOT;
        }
        start
    }

    fn slot_of(&self, at: Timestamp) -> usize {
        let number = at.as_micros().div_euclid(SLOT.as_micros());
        number.rem_euclid(self.slots.len() as i64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Item(i64);

    impl Timed for Item {
        fn at(&self) -> Timestamp {
            Timestamp::from_micros(self.0 * 1_000)
        }
    }

    /// Feeds milliseconds as the engine does, and returns what came out in order.
    fn order(arrivals: &[i64], lateness_ms: i64) -> (Vec<i64>, usize) {
        let lateness = Duration::from_millis(lateness_ms);
        let mut reorder = Reorder::new(lateness);
        let mut out = Vec::new();
        let mut late = 0;
        for &ms in arrivals {
            let item = Item(ms);
            reorder.release(item.at() - lateness, |item: &Item| out.push(item.0));
            late += usize::from(reorder.insert(item).is_err());
        }
        reorder.release(Timestamp::MAX, |item: &Item| out.push(item.0));
        (out, late)
    }

    #[test]
    fn any_order_within_the_lateness_comes_out_the_same() {
        let (sorted, late) = order(&[0, 30, 31, 500, 900, 1_000], 1_000);
        assert_eq!((sorted, late), (vec![0, 30, 31, 500, 900, 1_000], 0));
        assert_eq!(order(&[500, 1_000, 31, 30, 900, 0], 1_000), (vec![0, 30, 31, 500, 900, 1_000], 0));
    }

    #[test]
    fn what_comes_too_late_is_given_back() {
        assert_eq!(order(&[0, 5_000, 3_000], 1_000), (vec![0, 5_000], 1));
    }

    #[test]
    fn a_gap_of_years_is_no_work() {
        let years_ms = 100 * 365 * 86_400_000;
        assert_eq!(order(&[0, years_ms, years_ms + 1], 1_000).0, [0, years_ms, years_ms + 1]);
        assert_eq!(order(&[-years_ms, 5], 2_000).0, [-years_ms, 5]);
    }

    #[test]
    fn bursts_leave_no_room_behind() {
        let mut reorder = Reorder::new(Duration::from_secs(2));
        for burst in 0..4_000 {
            let at_ms = burst * 7;
            reorder.release(Timestamp::from_micros((at_ms - 2_000) * 1_000), |_| {});
            (0..200).for_each(|_| assert!(reorder.insert(Item(at_ms)).is_ok()));
        }
        let room: usize = reorder.slots.iter().map(Vec::capacity).sum();
        assert!(room < 2 * reorder.held(), "{room} places for {} items", reorder.held());
    }
}
