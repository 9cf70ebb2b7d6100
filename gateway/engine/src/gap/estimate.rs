//! What the gap filter says of a moment.
//!
//! In: the filter, brought up to that moment. Out: the distributions of people waiting and of everybody in
//! line or in service, and from them the queue's state with 90 % intervals. It changes nothing the filter
//! believes, except that time has passed.

use super::GapFilter;
use super::pmf::{Chain, Pmf};
use crate::forecast::{self, Outlook, Service};
use crate::output::QueueState;
use crate::time::{Duration, Timestamp};
use crate::venue::QueueId;

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// How far ahead the forecast looks.
pub const AHEAD: Duration = Duration::from_mins(15);

impl GapFilter {
    /// The distribution of parties waiting, not counting those being served.
    pub fn line(&self, at: Timestamp) -> Pmf {
        if !self.is_ahead {
            let in_system = self.in_system(at);
            let servers = self.tills.count();
            let mut line = Pmf::empty();
            for (people, mass) in in_system.entries() {
                line.add(mass, &Pmf::point(people.saturating_sub(servers)), 0);
            }
            return line;
        }
        let Some(first) = self.waiting.first() else { return Pmf::point(0) };
        let variance = self.settings.penetration_cv.powi(2);
        let behind = self.unseen(first.joined, at, &self.span(at), variance);
        self.belief.sum(&behind).and(self.waiting.len())
    }

    /// The distribution of parties waiting or being served.
    pub fn in_system(&self, at: Timestamp) -> Pmf {
        if self.is_ahead {
            return self.line(at).and(self.tills.count());
        }
        if self.waiting.is_empty() {
            return self.belief.clone();
        }
        // Probes of which it is not certain yet whether they must wait: the chain ran only to their join.
        let mut undecided = self.clone();
        undecided.advance_belief(at);
        undecided.belief.and(self.waiting.len())
    }

    /// How those in line are served.
    pub fn service(&self) -> Service {
        Service { busy_per_min: self.tills.busy_rate(), servers: self.tills.count(), variation: self.tills.variation() }
    }

    /// People a minute who join now, all things considered.
    pub fn arrivals_per_min(&self, at: Timestamp) -> f64 {
        self.kappas.theta().mean() * self.profile.rate_per_min(at) * self.settings.party_size
    }

    /// The distribution of parties in line or in service `ahead` from now, with some tills opened or closed.
    pub fn pushed(&self, at: Timestamp, ahead: Duration, tills_more: i32) -> (Pmf, Service) {
        let servers = (self.tills.count() as i32 + tills_more).max(1) as usize;
        let service = self.tills.rate().mean();
        let now = self.in_system(at);
        let chain = Chain { arrivals_per_min: 0.0, service_per_min: service, servers, departures_seen: false };
        let profile = |from, to| self.profile.people(from, to);
        // Today's deviation from the profile fades on the way; half-way stands for all of it.
        let mut half_way = self.kappas;
        half_way.pass(ahead.as_secs_f64() / 120.0, 0.0, None, self.trust(at));
        let pushed = forecast::push(&now, &chain, half_way.theta(), at, ahead, profile);
        let then = Service { busy_per_min: servers as f64 * service, servers, variation: self.tills.variation() };
        (pushed, then)
    }

    /// What to expect `ahead` from now if `tills_more` tills open (or, negative, close) at once.
    pub fn outlook(&self, at: Timestamp, ahead: Duration, tills_more: i32) -> Outlook {
        let (in_system, service) = self.pushed(at, ahead, tills_more);
        let limit_min = self.settings.wait_limit_s / 60.0;
        Outlook {
            wait_s: 60.0 * service.wait(&in_system).mean_min,
            p_wait_over_limit: service.longer(&in_system, limit_min),
        }
    }

    /// Heads in a line of parties, with a 90 % interval. Parties of a mean size g are taken as one and a Poisson
    /// number of others, of variance g - 1 each.
    fn heads(&self, line: &Pmf) -> (f64, f64, f64) {
        let size = self.settings.party_size;
        let (parties, low, high) = (line.moments().0, line.quantile(0.05), line.quantile(0.95));
        let sizes = NORMAL_95 * (parties * (size - 1.0).max(0.0)).sqrt();
        let spread = |parties_off: f64| (parties_off * size).hypot(sizes);
        let heads = parties * size;
        let low = if size > 1.0 { (heads - spread(parties - low)).max(low) } else { low };
        let high = if size > 1.0 { heads + spread(high - parties) } else { high };
        (heads, low, high)
    }

    /// The queue's state at a moment.
    pub fn report(&mut self, queue: QueueId, at: Timestamp) -> QueueState {
        self.advance(at);
        let at = self.now(at);
        let limit_min = self.settings.wait_limit_s / 60.0;
        let (line, in_system, service) = (self.line(at), self.in_system(at), self.service());
        let wait = service.wait(&in_system);
        let p_now = service.longer(&in_system, limit_min);
        let (then, service_then) = self.pushed(at, AHEAD, 0);
        let p_then = service_then.longer(&then, limit_min);
        let miss = self.calibration.interval_miss();
        let (low_min, high_min) = (wait.quantile_min(miss / 2.0), wait.quantile_min(1.0 - miss / 2.0));
        self.calibration.told(at, p_now, p_then, (low_min, high_min));
        let size = self.settings.party_size;
        let (length, length_low, length_high) = self.heads(&line);
        let busy_share: f64 = in_system.entries().map(|(n, mass)| mass * n.min(service.servers) as f64).sum();
        QueueState {
            at,
            queue,
            length,
            length_low,
            length_high,
            // The median: half of those who join now wait longer.
            wait_s: Some(60.0 * wait.quantile_min(0.5)),
            wait_low_s: Some(60.0 * low_min),
            wait_high_s: Some(60.0 * high_min),
            arrivals_per_min: Some(self.arrivals_per_min(at)),
            served_per_min: Some(busy_share / service.servers as f64 * service.busy_per_min * size),
            p_wait_over_limit: Some(self.calibration.now(p_now)),
            p_wait_over_limit_15min: Some(self.calibration.ahead(p_then)),
        }
    }
}
