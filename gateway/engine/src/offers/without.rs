//! How many go to a stand by themselves: what an offer adds is measured against them.
//!
//! In: people who got no offer for comparison, and whether they came to the stand they would have been sent
//! to. Out: the share that does. Only the share drawn for comparison counts: others differ from those who
//! got offers.

use crate::venue::QueueId;

/// Before anything is known: 1 of 20, an assumption worth twenty people.
const CAME_PRIOR: f64 = 1.0;
const ASKED_PRIOR: f64 = 20.0;
/// When this many are counted both counts are halved, so that the rate follows the day.
const ASKED_MAX: f64 = 400.0;

/// Counts per stand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Without(Vec<(f64, f64)>);

impl Without {
    pub(super) fn new(stands: usize) -> Self {
        Self(vec![(CAME_PRIOR, ASKED_PRIOR); stands])
    }

    /// Share of people who come to a stand without an offer.
    pub(super) fn rate(&self, stand: QueueId) -> f64 {
        self.0.get(usize::from(stand.0)).map_or(0.0, |(came, asked)| came / asked)
    }

    pub(super) fn learn(&mut self, stand: QueueId, came: bool) {
        let Some((sum, asked)) = self.0.get_mut(usize::from(stand.0)) else { return };
        *sum += f64::from(u8::from(came));
        *asked += 1.0;
        if *asked > ASKED_MAX {
            *sum /= 2.0;
            *asked /= 2.0;
        }
    }

    pub(super) fn of(&self, stand: QueueId) -> (f64, f64) {
        self.0.get(usize::from(stand.0)).copied().unwrap_or((CAME_PRIOR, ASKED_PRIOR))
    }

    /// Goes on from the counts of before a restart; refuses what is no rate.
    pub(super) fn restore(&mut self, stand: QueueId, (came, asked): (f64, f64)) {
        if let Some(place) = self.0.get_mut(usize::from(stand.0))
            && (1.0..=ASKED_MAX).contains(&asked)
            && (0.0..=asked).contains(&came)
        {
            *place = (came, asked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_learned_and_stays_a_rate() {
        let mut without = Without::new(2);
        assert!((without.rate(QueueId(0)) - 0.05).abs() < 1e-12);
        (0..10_000).for_each(|round| without.learn(QueueId(0), round % 4 == 0));
        assert!((without.rate(QueueId(0)) - 0.25).abs() < 0.02, "{}", without.rate(QueueId(0)));
        without.restore(QueueId(1), (f64::NAN, 3.0));
        without.restore(QueueId(1), (5.0, 3.0));
        without.restore(QueueId(9), (1.0, 3.0));
        assert!((without.rate(QueueId(1)) - 0.05).abs() < 1e-12);
        without.restore(QueueId(1), (1.0, 4.0));
        assert_eq!(without.rate(QueueId(1)), 0.25);
    }
}
