//! What the gap filter says of a moment.
//!
//! In: the filter, brought up to that moment. Out: the distributions of people waiting and of everybody in
//! line or in service, and from them the queue's state with 90 % intervals. It changes nothing the filter
//! believes, except that time has passed.

use super::GapFilter;
use super::pmf::{Chain, Pmf};
use super::rates::Gamma;
use crate::arrivals::ArrivalProfile;
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
            return self.beyond_tills(&self.in_system(at));
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

    /// Those waiting, of those waiting or being served.
    fn beyond_tills(&self, in_system: &Pmf) -> Pmf {
        let servers = self.tills.count();
        let mut line = Pmf::empty();
        for (people, mass) in in_system.entries() {
            line.add(mass, &Pmf::point(people.saturating_sub(servers)), 0);
        }
        line
    }

    /// The distribution of parties waiting or being served at a time up to which only joins are known yet, in
    /// order: who has been served since the filter's own time will be seen when they leave.
    pub fn foreseen(&self, at: Timestamp, joins: &[Timestamp]) -> Pmf {
        let Some(mut from) = self.clock else { return Pmf::point(joins.len()) };
        let mut in_system = self.in_system(from);
        for (to, count) in joins.iter().map(|joined| (*joined, 1)).chain([(at, 0)]) {
            let minutes = to.since(from).as_secs_f64() / 60.0;
            if minutes > 0.0 {
                let unseen =
                    (1.0 - self.settings.penetration) * self.kappas.theta().mean() * self.profile.people(from, to);
                in_system.run(&Chain { arrivals_per_min: unseen / minutes, ..self.chain() }, minutes);
                from = to;
            }
            in_system = in_system.and(count);
        }
        in_system
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
        // Today's deviation from the profile fades on the way; half-way stands for all of it.
        let mut half_way = self.kappas;
        half_way.pass(ahead.as_secs_f64() / 120.0, 0.0, None, self.trust(at));
        self.pushed_from(&self.in_system(at), at, ahead, tills_more, (half_way.theta(), &self.profile))
    }

    /// The same from any distribution now, with arrivals after a profile times theta.
    fn pushed_from(
        &self,
        now: &Pmf,
        at: Timestamp,
        ahead: Duration,
        tills_more: i32,
        (theta, profile): (Gamma, &ArrivalProfile),
    ) -> (Pmf, Service) {
        let servers = (self.tills.count() as i32 + tills_more).max(1) as usize;
        let service = self.tills.rate().mean();
        let chain = Chain { arrivals_per_min: 0.0, service_per_min: service, servers, departures_seen: false };
        let people = |from, to| profile.people(from, to);
        let pushed = forecast::push(now, &chain, theta, at, ahead, people);
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
        let in_system = self.in_system(at);
        let then = self.pushed(at, AHEAD, 0);
        let arrivals_per_min = self.arrivals_per_min(at);
        let state = self.state(queue, at, &self.line(at), &in_system, then);
        QueueState { arrivals_per_min: Some(arrivals_per_min), ..state }
    }

    /// The queue's state from a distribution of parties waiting or being served, with arrivals to come after a
    /// profile times theta.
    pub fn report_of(
        &mut self,
        queue: QueueId,
        at: Timestamp,
        in_system: &Pmf,
        (theta, profile): (Gamma, &ArrivalProfile),
    ) -> QueueState {
        let then = self.pushed_from(in_system, at, AHEAD, 0, (theta, profile));
        let arrivals_per_min = theta.mean() * profile.rate_per_min(at) * self.settings.party_size;
        let state = self.state(queue, at, &self.beyond_tills(in_system), in_system, then);
        QueueState { arrivals_per_min: Some(arrivals_per_min), ..state }
    }

    fn state(
        &mut self,
        queue: QueueId,
        at: Timestamp,
        line: &Pmf,
        in_system: &Pmf,
        (then, service_then): (Pmf, Service),
    ) -> QueueState {
        let limit_min = self.settings.wait_limit_s / 60.0;
        let service = self.service();
        let wait = service.wait(in_system);
        let p_now = service.longer(in_system, limit_min);
        let p_then = service_then.longer(&then, limit_min);
        let miss = self.calibration.interval_miss();
        let (low_min, high_min) = (wait.quantile_min(miss / 2.0), wait.quantile_min(1.0 - miss / 2.0));
        self.calibration.told(at, p_now, p_then, (low_min, high_min));
        let size = self.settings.party_size;
        let (length, length_low, length_high) = self.heads(line);
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
            arrivals_per_min: None,
            served_per_min: Some(busy_share / service.servers as f64 * service.busy_per_min * size),
            p_wait_over_limit: Some(self.calibration.now(p_now)),
            p_wait_over_limit_15min: Some(self.calibration.ahead(p_then)),
        }
    }
}
