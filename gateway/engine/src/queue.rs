//! How long a queue is and how long one waits: probes over penetration.
//!
//! In: detectable people (probes) who join and leave a queue. Out: length, the wait of somebody joining
//! now, arrivals and services per minute. The length is the probes waiting over the penetration, the wait
//! is that of the last probe that left, or of the first still waiting if that is longer already. Both are
//! the named baselines. It needs no model of service and knows nothing between two probes.

use crate::output::QueueState;
use crate::time::{Duration, Timestamp};
use crate::venue::QueueId;
use std::collections::VecDeque;

/// A device that stayed shorter only passed by.
pub const PASSING_BY: Duration = Duration::from_secs(15);

/// Window over which arrivals and services are counted.
const RATE_WINDOW: Duration = Duration::from_mins(10);

/// Waits kept for the spread: about the last quarter of an hour at a busy stand with half the people heard.
const WAITS_KEPT: usize = 32;

/// Probes remembered per queue for the rates; beyond it the oldest are forgotten and rates read low.
const PROBES_MAX: usize = 4_096;

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// What is known of one queue.
#[derive(Default)]
pub struct Queue {
    /// When each probe now in the queue joined, in that order.
    waiting: VecDeque<Timestamp>,
    joined: VecDeque<Timestamp>,
    served: VecDeque<Timestamp>,
    waits_s: VecDeque<f64>,
}

impl Queue {
    /// A probe joined.
    pub fn join(&mut self, at: Timestamp) {
        let place = self.waiting.partition_point(|joined| *joined <= at);
        self.waiting.insert(place, at);
        push_bounded(&mut self.joined, at, PROBES_MAX);
    }

    /// A probe that joined at `joined` left; it was served unless it only passed by.
    pub fn leave(&mut self, joined: Timestamp, at: Timestamp) {
        if let Some(place) = self.waiting.iter().position(|known| *known == joined) {
            self.waiting.remove(place);
        }
        if at.since(joined) < PASSING_BY {
            if let Some(place) = self.joined.iter().rposition(|known| *known == joined) {
                self.joined.remove(place);
            }
            return;
        }
        push_bounded(&mut self.served, at, PROBES_MAX);
        push_bounded(&mut self.waits_s, at.since(joined).as_secs_f64(), WAITS_KEPT);
    }

    /// The state at a moment; `penetration` is the share of people who are probes.
    pub fn report(&mut self, queue: QueueId, at: Timestamp, penetration: f64, wait_limit_s: f64) -> QueueState {
        let in_window = |times: &mut VecDeque<Timestamp>| {
            while times.front().is_some_and(|first| at.since(*first) > RATE_WINDOW) {
                times.pop_front();
            }
            times.len() as f64 / penetration / (RATE_WINDOW.as_secs_f64() / 60.0)
        };
        let arrivals_per_min = in_window(&mut self.joined);
        let served_per_min = in_window(&mut self.served);
        let probes = self.waiting.iter().filter(|joined| at.since(**joined) >= PASSING_BY).count() as f64;
        let length = probes / penetration;
        let half = NORMAL_95 * (length * (1.0 - penetration) / penetration).sqrt();
        let wait_s = self.wait_s(at, probes);
        let spread = wait_s.map(|wait_s| self.wait_spread_s(wait_s));
        QueueState {
            at,
            queue,
            length,
            length_low: (length - half).max(probes),
            length_high: length + half,
            wait_s,
            wait_low_s: spread.map(|(low, _)| low),
            wait_high_s: spread.map(|(_, high)| high),
            arrivals_per_min: Some(arrivals_per_min),
            served_per_min: Some(served_per_min),
            p_wait_over_limit: self.share_over(wait_limit_s),
            p_wait_over_limit_15min: None,
        }
    }

    /// The last wait that ended, or the longest still going on; nothing where nobody waits.
    fn wait_s(&self, at: Timestamp, probes: f64) -> Option<f64> {
        if probes == 0.0 {
            return Some(0.0);
        }
        let head_s = self.waiting.front().map(|joined| at.since(*joined).as_secs_f64());
        match (self.waits_s.back(), head_s) {
            (Some(last_s), Some(head_s)) => Some(last_s.max(head_s)),
            (None, head_s) => head_s,
            (last_s, None) => last_s.copied(),
        }
    }

    /// 90 % of the recent waits lay between these, and so does the estimate.
    fn wait_spread_s(&self, wait_s: f64) -> (f64, f64) {
        let mut waits_s: Vec<f64> = self.waits_s.iter().copied().collect();
        waits_s.sort_by(f64::total_cmp);
        let last = waits_s.len().saturating_sub(1) as f64;
        let quantile = |share: f64| waits_s.get((share * last).round() as usize).copied().unwrap_or(wait_s);
        (quantile(0.05).min(wait_s), quantile(0.95).max(wait_s))
    }

    fn share_over(&self, limit_s: f64) -> Option<f64> {
        let over = self.waits_s.iter().filter(|wait_s| **wait_s > limit_s).count();
        (!self.waits_s.is_empty()).then(|| over as f64 / self.waits_s.len() as f64)
    }
}

fn push_bounded<T>(items: &mut VecDeque<T>, item: T, count_max: usize) {
    if items.len() >= count_max {
        items.pop_front();
    }
    items.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn report(queue: &mut Queue, seconds: i64) -> QueueState {
        queue.report(QueueId(0), at(seconds), 0.5, 60.0)
    }

    #[test]
    fn two_probes_at_half_penetration_are_four_people() {
        let mut queue = Queue::default();
        queue.join(at(0));
        queue.join(at(10));
        let state = report(&mut queue, 40);
        assert_eq!((state.length, state.wait_s), (4.0, Some(40.0)));
        assert!(state.length_low >= 2.0 && state.length_high > 4.0);
    }

    #[test]
    fn the_last_wait_that_ended_is_the_estimate() {
        let mut queue = Queue::default();
        queue.join(at(0));
        queue.join(at(70));
        queue.leave(at(0), at(90));
        let state = report(&mut queue, 100);
        assert_eq!((state.wait_s, state.p_wait_over_limit), (Some(90.0), Some(1.0)));
        assert_eq!(state.served_per_min, Some(0.2));
    }

    #[test]
    fn passing_by_is_not_queueing() {
        let mut queue = Queue::default();
        queue.join(at(0));
        queue.leave(at(0), at(10));
        let state = report(&mut queue, 20);
        assert_eq!((state.length, state.wait_s, state.arrivals_per_min), (0.0, Some(0.0), Some(0.0)));
    }
}
