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
    /// The wait of the last probe that left after queueing.
    last_wait_s: Option<f64>,
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
        self.last_wait_s = Some(at.since(joined).as_secs_f64());
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
        let sd_s = wait_s.map(|wait_s| wait_sd_s(wait_s, length, penetration));
        let quantile = |way: f64| wait_s.zip(sd_s).map(|(wait_s, sd_s)| (wait_s + way * NORMAL_95 * sd_s).max(0.0));
        QueueState {
            at,
            queue,
            length,
            length_low: (length - half).max(probes),
            length_high: length + half,
            wait_s,
            wait_low_s: quantile(-1.0),
            wait_high_s: quantile(1.0),
            arrivals_per_min: Some(arrivals_per_min),
            served_per_min: Some(served_per_min),
            p_wait_over_limit: wait_s.zip(sd_s).map(|(wait_s, sd_s)| p_over(wait_s, sd_s, wait_limit_s)),
            p_wait_over_limit_15min: None,
        }
    }

    /// The last wait that ended, or the longest still going on; nothing where nobody waits.
    fn wait_s(&self, at: Timestamp, probes: f64) -> Option<f64> {
        if probes == 0.0 {
            return Some(0.0);
        }
        let head_s = self.waiting.front().map(|joined| at.since(*joined).as_secs_f64());
        match (self.last_wait_s, head_s) {
            (Some(last_s), Some(head_s)) => Some(last_s.max(head_s)),
            (last_s, head_s) => last_s.or(head_s),
        }
    }
}

/// How far the next wait lies from the last, seconds: services differ (one in `sqrt(Q + 1)`), and the length is
/// known only through the probes (`sqrt((1 - p) / (p Q))`).
fn wait_sd_s(wait_s: f64, length: f64, penetration: f64) -> f64 {
    let service = 1.0 / (length + 1.0);
    let counting = (1.0 - penetration) / (penetration * length.max(1.0));
    wait_s * (service + counting).sqrt()
}

/// Probability that a wait of this mean and spread is over a limit; the logistic curve that lies within 0.01 of
/// the normal distribution (Bowling et al. 2009).
fn p_over(wait_s: f64, sd_s: f64, limit_s: f64) -> f64 {
    if sd_s <= 0.0 {
        return f64::from(u8::from(wait_s > limit_s));
    }
    1.0 / (1.0 + (-1.702 * (wait_s - limit_s) / sd_s).exp())
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
        assert_eq!(state.wait_s, Some(90.0));
        // One probe waits: sd is 90 sqrt(1/3 + 1/2), so the limit of 60 s is 0.365 of it below.
        let p = state.p_wait_over_limit.expect("known");
        assert!((p - 0.65).abs() < 0.01, "{p}");
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
