//! Two estimates of the same queue, trusted by how well each foretold waits.
//!
//! In: what each told at each moment, and the waits of probes that followed. Out: the weight of the gap filter
//! against the count. The gap filter is the better one where joins and departures are seen clearly, since it
//! uses their order; where positions are rough, counting those who are there is. Weights follow the losses
//! exponentially (Littlestone and Warmuth 1994). It refuses to remember longer than an hour.

use crate::time::{Duration, Timestamp};
use std::collections::VecDeque;

/// Moments remembered: an hour, at the least spacing.
const TOLD_MAX: usize = 360;
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Weight of the gap filter before any wait was seen, as odds: most receivers hang too far apart for it.
const PRIOR_ODDS: f64 = 0.1;

/// How fast losses move the weight, and how fast they fade with each wait that is seen.
const RATE: f64 = 0.5;
const KEPT: f64 = 0.98;

/// Waits this short, minutes, all count alike.
const SHORT_MIN: f64 = 0.5;

/// What both told and how it came true.
#[derive(Clone, Debug, Default)]
pub struct Experts {
    told: VecDeque<(Timestamp, f64, f64)>,
    /// Loss of the gap filter over that of the count.
    behind: f64,
}

impl Experts {
    /// Weight of the gap filter, 0 to 1; the rest is the count's.
    pub fn gap_weight(&self) -> f64 {
        let odds = PRIOR_ODDS * (-RATE * self.behind).clamp(-20.0, 20.0).exp();
        odds / (1.0 + odds)
    }

    /// Keeps the waits both foretold at a moment, minutes.
    pub fn told(&mut self, at: Timestamp, gap_min: f64, count_min: f64) {
        if self.told.back().is_some_and(|(last, ..)| at.since(*last) < TOLD_EVERY) {
            return;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back((at, gap_min, count_min));
    }

    /// The wait foretold by the count at a moment, minutes; `None` where nothing was told yet.
    pub fn count_told_min(&self, at: Timestamp) -> Option<f64> {
        let place = self.told.partition_point(|(told_at, ..)| *told_at <= at);
        place.checked_sub(1).map(|last| self.told[last].2)
    }

    /// A probe that joined then waited so long, minutes.
    pub fn waited(&mut self, joined: Timestamp, wait_min: f64) {
        let place = self.told.partition_point(|(at, ..)| *at <= joined);
        let Some((_, gap_min, count_min)) = place.checked_sub(1).map(|last| self.told[last]) else { return };
        let loss = |told_min: f64| ((told_min + SHORT_MIN) / (wait_min + SHORT_MIN)).ln().abs();
        self.behind = self.behind * KEPT + loss(gap_min) - loss(count_min);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_one_that_foretells_better_is_trusted() {
        let run = |gap_min: f64, count_min: f64| {
            let mut experts = Experts::default();
            for minute in 0..40 {
                experts.told(at(60 * minute), gap_min, count_min);
                experts.waited(at(60 * minute + 5), 4.0);
            }
            experts.gap_weight()
        };
        assert!(run(4.2, 8.0) > 0.95 && run(12.0, 4.0) < 0.01);
        assert!((Experts::default().gap_weight() - 1.0 / 11.0).abs() < 1e-9);
    }
}
