//! One probe at the queues: how surely it is there, when it joined which, and when it left.
//!
//! In: each second the probability of being at each queue. Out: joins and departures, dated back to the first
//! moment that pointed to them. It refuses to follow every
//! flicker: a change must last for some seconds.

use super::stand::Shares;
use crate::time::{Duration, Timestamp};
use crate::venue::{QUEUES_MAX, QueueId};

/// For joins and departures probabilities are smoothed over so many seconds.
const CHANGES_OVER_S: f32 = 4.0;

/// A probe is at the queue that is this likely.
const AT: f32 = 0.45;

/// It has left when it is this unlikely there: positions are off by a metre or two, lines are a few wide.
const LEFT: f32 = 0.25;

/// A change counts when it has lasted so long.
const LASTS: Duration = Duration::from_secs(3);

/// What happened at a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The probe is at the queue since then.
    Joined {
        /// Which queue.
        queue: QueueId,
        /// Since when.
        at: Timestamp,
    },
    /// The probe left.
    Left {
        /// Which queue.
        queue: QueueId,
        /// When it had joined.
        joined: Timestamp,
        /// When it left.
        at: Timestamp,
    },
}

/// Where a probe is, and what may be about to change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Presence {
    smooth: [f32; QUEUES_MAX],
    here: Option<(QueueId, Timestamp)>,
    /// The queue it may have gone to (`None`: to no queue) and since when.
    rival: Option<(Option<QueueId>, Timestamp)>,
}

impl Presence {
    /// The queue the probe is at, and since when.
    pub fn here(&self) -> Option<(QueueId, Timestamp)> {
        self.here
    }

    /// Takes the probabilities of the next second into account; at most a departure and a join follow.
    pub fn update(&mut self, shares: &Shares, now: Timestamp) -> [Option<Change>; 2] {
        let weight = 1.0 - (-1.0 / CHANGES_OVER_S).exp();
        self.smooth.iter_mut().zip(shares).for_each(|(value, share)| *value += weight * (share - *value));
        let place = self.place();
        if place == self.here.map(|(queue, _)| queue) {
            self.rival = None;
            return [None, None];
        }
        let since = match self.rival {
            Some((rival, since)) if rival == place => since,
            _ => now,
        };
        self.rival = Some((place, since));
        if now.since(since) < LASTS {
            return [None, None];
        }
        self.rival = None;
        let left = self.leave(since);
        self.here = place.map(|queue| (queue, since));
        [left, place.map(|queue| Change::Joined { queue, at: since })]
    }

    /// Ends the stay, if there is one.
    pub fn leave(&mut self, at: Timestamp) -> Option<Change> {
        self.here.take().map(|(queue, joined)| Change::Left { queue, joined, at: at.max(joined) })
    }

    /// The queue the probabilities speak for, with hysteresis.
    fn place(&self) -> Option<QueueId> {
        let order = |a: &(u8, &f32), b: &(u8, &f32)| a.1.total_cmp(b.1).then(b.0.cmp(&a.0));
        let (best, share) = (0u8..).zip(&self.smooth).max_by(order)?;
        let here = self.here.map(|(queue, _)| queue);
        let stays = here.filter(|queue| self.smooth[usize::from(queue.0)] >= LEFT);
        if *share >= AT { Some(QueueId(best)) } else { stays }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Feeds probabilities of queue 0 second by second; what happened.
    fn changes(shares: &[(i64, f32)]) -> Vec<(char, i64)> {
        let mut presence = Presence::default();
        let mut told = Vec::new();
        let mut second = 0;
        for (seconds, share) in shares {
            for _ in 0..*seconds {
                let mut all = Shares::default();
                all[0] = *share;
                for change in presence.update(&all, at(second)).into_iter().flatten() {
                    told.push(match change {
                        Change::Joined { at, .. } => ('j', at.as_micros() / 1_000_000),
                        Change::Left { at, .. } => ('l', at.as_micros() / 1_000_000),
                    });
                }
                second += 1;
            }
        }
        told
    }

    #[test]
    fn joins_and_departures_are_dated_back() {
        assert_eq!(changes(&[(10, 0.1), (60, 0.9), (20, 0.1)]), [('j', 12), ('l', 76)]);
    }

    #[test]
    fn a_flicker_is_no_change() {
        assert_eq!(changes(&[(10, 0.1), (3, 0.9), (10, 0.1)]), []);
        assert_eq!(changes(&[(10, 0.9), (20, 0.4), (3, 0.1), (20, 0.4)]), [('j', 2)]);
    }
}
