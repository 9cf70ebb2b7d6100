//! The gap filter: how long a queue is and how long one waits, from the few people who are heard.
//!
//! In: detectable people (probes) who join a line, start service, leave; sales at its tills; the
//! penetration. Out: the distribution of people waiting, of the wait of somebody joining now and in a
//! quarter of an hour, arrivals and services a minute. The line is served in order by several tills; the
//! unseen people between two probes (a gap) are Poisson, and time without the next probe's start says how
//! many of them have been served. It counts nobody by itself and refuses probes beyond its limit.
//!
//! The filter keeps one vector. While a probe waits it is X, the unseen people ahead of the first waiting
//! probe; otherwise N, everybody in line or in service. With w waiting probes of which the first has
//! waited H: `E[Q] = E[X] + w + e`, e the unseen arrivals of the time H.

pub mod estimate;
pub mod kappa;
pub mod pmf;
pub mod rates;
pub mod settings;
pub mod tills;
pub mod waiting;

use crate::arrivals::ArrivalProfile;
use crate::forecast::Calibration;
use crate::identity::DeviceKey;
use crate::time::{Duration, Timestamp};
use kappa::{KappaMixture, Span};
use pmf::{Chain, Pmf};
use rates::{Gamma, SeenGap, judge_gap};
pub use settings::{GapCounters, GapSettings};
use tills::Tills;
use waiting::Waiting;

/// Watched minutes after which a profile has half its weight: two days of one slot.
const PROFILE_TRUSTED_MIN: f64 = 30.0;

/// Beyond one for each till: two probes seen to join in the wrong order, and one more.
const OVERTAKEN_AT_ONCE_MAX: usize = 3;

/// A lost probe that has nobody before it with this probability has been served.
const SERVED_BY_NOW: f64 = 0.9;

/// A device that stayed shorter only passed by.
const PASSING_BY: Duration = Duration::from_secs(15);

/// Belief in the rate of leaving the line unserved: one in 200 waiting minutes, as from half a person.
const RENEGING: Gamma = Gamma { shape: 0.5, exposure: 100.0 };

/// Minutes of waiting over which reneging is remembered.
const RENEGING_MIN_MAX: f64 = 2_000.0;

/// Probes in service at once; more than the tills there are means that some were not seen to leave.
const SERVING_MAX: usize = 32;

/// Without a sale for so long while people wait, the tills have stopped telling.
const SALES_SILENT: Duration = Duration::from_mins(15);

/// Longest time between two events that is still one watch; after it the line is taken as empty.
const SILENCE_MAX: Duration = Duration::from_mins(8 * 60);

/// The gap between two probes whose end is awaited.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    /// Unseen people expected in it if theta were 1.
    exposure: f64,
    /// Busy server minutes since the probe before it started service.
    server_minutes: f64,
    /// The span behind the probe before it, when it started.
    span: Span,
    /// Middle of the gap's arrivals.
    middle: Timestamp,
}

/// The last probe's start, from which sales count those who joined after it.
#[derive(Clone, Copy, Debug)]
struct Counted {
    joined: Timestamp,
    sales: f64,
    in_service: f64,
}

/// One queue's filter.
#[derive(Clone, Debug)]
pub struct GapFilter {
    settings: GapSettings,
    profile: ArrivalProfile,
    tills: Tills,
    /// Today's arrivals over the profile's, and this moment's.
    kappas: KappaMixture,
    reneging: Gamma,
    waiting: Waiting,
    serving: Vec<(DeviceKey, Timestamp)>,
    /// X while `is_ahead`, otherwise N.
    belief: Pmf,
    is_ahead: bool,
    gap: Option<Gap>,
    /// Time up to which rates are known, and up to which `belief` is. The second stops where a probe joined
    /// of which it is not certain yet that it must wait.
    clock: Option<Timestamp>,
    belief_at: Timestamp,
    last_sale: Option<Timestamp>,
    counted: Option<Counted>,
    calibration: Calibration,
    counters: GapCounters,
}

impl GapFilter {
    /// An empty line.
    pub fn new(settings: GapSettings, profile: ArrivalProfile) -> Self {
        let service = Gamma::of(settings.service_per_min, settings.service_weight);
        Self {
            tills: Tills::new(settings.servers, service),
            profile,
            kappas: KappaMixture::new(1.0),
            reneging: RENEGING,
            waiting: Waiting::default(),
            serving: Vec::new(),
            belief: Pmf::point(0),
            is_ahead: false,
            gap: None,
            clock: None,
            belief_at: Timestamp::MIN,
            last_sale: None,
            counted: None,
            calibration: Calibration::default(),
            counters: GapCounters::default(),
            settings,
        }
    }

    /// What was ignored.
    pub fn counters(&self) -> GapCounters {
        self.counters
    }

    /// The arrival profile, with what was learned.
    pub fn profile(&self) -> &ArrivalProfile {
        &self.profile
    }

    /// The arrival profile, to restore what was learned before.
    pub fn profile_mut(&mut self) -> &mut ArrivalProfile {
        &mut self.profile
    }

    /// The tills.
    pub fn tills(&self) -> &Tills {
        &self.tills
    }

    /// Probes waiting.
    pub fn probes_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The share of parties with a probe.
    pub fn penetration(&self) -> f64 {
        self.settings.penetration
    }

    /// A better belief in the penetration: the share of parties with a probe, and its coefficient of variation.
    pub fn set_penetration(&mut self, penetration: f64, penetration_cv: f64) {
        self.settings.penetration = penetration.clamp(0.005, 1.0);
        self.settings.penetration_cv = penetration_cv;
    }

    /// A better belief in the services a minute of one till.
    pub fn set_service(&mut self, service: Gamma) {
        self.tills.set_rate(service);
    }

    /// A probe joined the line.
    pub fn probe_joined(&mut self, at: Timestamp, key: DeviceKey) {
        self.advance(at);
        let at = self.now(at);
        if !self.waiting.join(at, key) {
            self.counters.joins_refused += 1;
            return;
        }
        self.profile.joined(at, 1.0 / self.settings.penetration);
        let span = self.is_ahead.then(|| self.span(at)).map(|span| Span { probes: span.probes - 1.0, ..span });
        self.kappas.joined(span.as_ref());
    }

    /// A probe started service: it left the line for the counter. One that stood behind several others cannot
    /// have been served, and gave up.
    pub fn probe_started(&mut self, at: Timestamp, key: DeviceKey) {
        if self.waiting.before(key) >= OVERTAKEN_AT_ONCE_MAX + self.tills.count() {
            return self.probe_left(at, key);
        }
        self.advance(at);
        let at = self.now(at);
        if self.waiting.drop_lost_before(key) {
            self.gap = None;
        }
        let at_once = |joined: Timestamp| at.since(joined) <= self.settings.served_at_once;
        if !self.is_ahead && self.waiting.first().is_some_and(|first| first.key == key && at_once(first.joined)) {
            self.served_at_once(at, key);
        } else {
            self.resolve(at);
            self.served(at, key);
        }
        if self.serving.len() >= SERVING_MAX {
            self.serving.remove(0);
        }
        self.serving.push((key, at));
    }

    /// A probe left: from the counter after its service, or from the line unserved.
    pub fn probe_left(&mut self, at: Timestamp, key: DeviceKey) {
        self.advance(at);
        let at = self.now(at);
        if let Some(place) = self.serving.iter().position(|(known, _)| *known == key) {
            let (_, started) = self.serving.remove(place);
            self.tills.service_seen(at.since(started).as_secs_f64() / 60.0);
        } else if self.waiting.first().is_some_and(|first| first.key == key) {
            self.first_gave_up(at, key);
        } else {
            match self.waiting.leave(key) {
                Some((joined, _)) => self.gave_up(at, joined),
                None => self.counters.unknown_probes += 1,
            }
        }
    }

    /// A probe is no longer heard, but the person has not left.
    pub fn probe_lost(&mut self, key: DeviceKey) {
        self.waiting.lose(key);
    }

    /// A probe was not in this line after all.
    pub fn probe_beside(&mut self, at: Timestamp, key: DeviceKey) {
        self.advance(at);
        let at = self.now(at);
        self.serving.retain(|(known, _)| *known != key);
        let is_first = self.waiting.first().is_some_and(|first| first.key == key);
        let Some((joined, _)) = self.waiting.leave(key) else { return };
        self.kappas.not_joined();
        self.profile.joined(at, -1.0 / self.settings.penetration);
        if is_first {
            self.first_gone(at, joined);
        }
    }

    /// A sale at one of the line's tills: somebody's service ended.
    pub fn till_sale(&mut self, at: Timestamp) {
        self.advance(at);
        let at = self.now(at);
        self.last_sale = Some(at);
        if self.is_ahead {
            self.belief.serve_one();
            if self.settings.trusts_waits {
                self.tills.started();
            }
        } else {
            let servers = self.tills.count();
            self.belief.weigh(|people| people.min(servers) as f64);
            self.belief.serve_one();
        }
        if let Some(counted) = &mut self.counted {
            counted.sales += 1.0;
        }
    }

    /// The tills tell how many of them are serving somebody now. While one is free nobody waits.
    pub fn tills_busy(&mut self, at: Timestamp, busy: usize) {
        self.advance(at);
        if self.is_ahead || !self.waiting.is_empty() {
            // A probe that waits says more than a till that is about to serve it.
            return;
        }
        let open = self.tills.count();
        self.belief = if busy < open {
            Pmf::point(busy)
        } else {
            self.belief.given_at_least(open).map_or_else(|| Pmf::point(open), |waiting| waiting.and(open))
        };
    }

    /// Lets time pass without an event.
    pub fn advance(&mut self, to: Timestamp) {
        let Some(from) = self.clock else {
            (self.clock, self.belief_at) = (Some(to), to);
            self.kappas = KappaMixture::new(self.trust(to));
            return;
        };
        if to <= from {
            return;
        }
        if to.since(from) > SILENCE_MAX && self.waiting.is_empty() {
            (self.belief, self.is_ahead, self.gap, self.belief_at) = (Pmf::point(0), false, None, to);
        }
        self.advance_rates(from, to);
        self.clock = Some(to);
        let undecided = !self.is_ahead && !self.waiting.is_empty();
        if !undecided {
            self.advance_belief(to);
        } else if self.waiting.first().is_some_and(|first| to.since(first.joined) > self.settings.served_at_once) {
            self.resolve(to);
        }
        if self.is_ahead
            && self.belief.at(0) > SERVED_BY_NOW
            && let Some((joined, _)) = self.waiting.lost_first().and_then(|key| self.waiting.leave(key))
        {
            self.first_gone(to, joined);
        }
    }

    /// Time never goes back; a late event counts as now.
    fn now(&self, at: Timestamp) -> Timestamp {
        self.clock.map_or(at, |clock| clock.max(at))
    }

    /// How far the profile can be trusted at a time of day.
    fn trust(&self, at: Timestamp) -> f64 {
        let watched = self.profile.watched_min(at);
        watched / (watched + PROFILE_TRUSTED_MIN)
    }

    fn advance_rates(&mut self, from: Timestamp, to: Timestamp) {
        let minutes = to.since(from).as_secs_f64() / 60.0;
        let span = self.is_ahead.then(|| self.span(from));
        let expected = self.settings.penetration * self.profile.people(from, to);
        self.profile.watched(to, minutes);
        self.kappas.pass(minutes, expected, span.as_ref(), self.trust(to));
        let kept = (RENEGING_MIN_MAX / self.reneging.exposure).min(1.0);
        let waited = minutes * self.waiting.len() as f64;
        self.reneging = Gamma { shape: self.reneging.shape * kept, exposure: self.reneging.exposure * kept + waited };
    }

    /// Brings the vector up to a time, which must be certain to belong to its present meaning.
    fn advance_belief(&mut self, to: Timestamp) {
        let from = self.belief_at;
        let minutes = to.since(from).as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return;
        }
        self.belief_at = to;
        let sales_told = self.sales_told(to);
        if self.is_ahead {
            self.serve(minutes, sales_told);
        } else {
            let unseen = (1.0 - self.settings.penetration) * self.kappas.theta().mean() * self.profile.people(from, to);
            let chain = Chain { arrivals_per_min: unseen / minutes, departures_seen: sales_told, ..self.chain() };
            self.belief.run(&chain, minutes);
        }
        self.counters.longer_than_support += u64::from(self.belief.at_end() > 1e-3);
    }

    /// Services while a probe waits: all tills are busy, and nobody behind that probe is served.
    fn serve(&mut self, minutes: f64, sales_told: bool) {
        let served = self.tills.busy_rate() * minutes;
        if let Some(gap) = &mut self.gap {
            gap.server_minutes += self.tills.open() * minutes;
        }
        let gone = self.reneging.mean() * self.belief.moments().0 * minutes;
        let noticed_before = self.belief.at(0);
        self.belief.serve(if sales_told { gone } else { served + gone });
        let noticed = if sales_told { 1.0 } else { (noticed_before + self.belief.at(0)) / 2.0 };
        if self.settings.trusts_waits {
            self.tills.nothing_started(minutes, noticed);
        }
    }

    fn sales_told(&self, at: Timestamp) -> bool {
        self.last_sale.is_some_and(|sale| at.since(sale) <= SALES_SILENT)
    }

    fn chain(&self) -> Chain {
        Chain {
            arrivals_per_min: 0.0,
            service_per_min: self.tills.rate().mean(),
            servers: self.tills.count(),
            departures_seen: false,
        }
    }

    /// The span behind the first waiting probe, up to a time.
    fn span(&self, to: Timestamp) -> Span {
        match self.waiting.first() {
            Some(first) => self.span_behind(first.joined, to, self.waiting.len() - 1),
            None => Span::default(),
        }
    }

    fn span_behind(&self, joined: Timestamp, to: Timestamp, probes: usize) -> Span {
        let expected = self.settings.penetration * self.profile.people(joined, to);
        Span { expected, probes: probes as f64 }
    }

    /// Unseen people who joined from one moment to another, behind a probe with this span; the rate there is
    /// uncertain by a relative variance more than kappa says.
    fn unseen(&self, from: Timestamp, to: Timestamp, span: &Span, variance: f64) -> Pmf {
        let expected = (1.0 - self.settings.penetration) * self.profile.people(from, to);
        let mean_stay = self.reneging.mean() * to.since(from).as_secs_f64() / 60.0;
        let stayed = if mean_stay > 1e-6 { -(-mean_stay).exp_m1() / mean_stay } else { 1.0 };
        let mut sum = Pmf::empty();
        for local in self.kappas.locals(span) {
            let shape = 1.0 / (1.0 / local.shape + variance);
            sum.add(local.weight, &Pmf::negative_binomial(expected * stayed * local.factor, shape), 0);
        }
        sum
    }

    /// The first probe is certain to wait: everybody beyond the tills when it joined is ahead of it.
    fn resolve(&mut self, to: Timestamp) {
        if self.is_ahead || self.waiting.is_empty() {
            return;
        }
        self.belief = self.belief.given_at_least(self.tills.count()).unwrap_or_else(|| Pmf::point(0));
        (self.is_ahead, self.gap) = (true, None);
        self.advance_belief(to);
    }

    /// A probe was served without waiting: a till was free when it joined.
    fn served_at_once(&mut self, at: Timestamp, key: DeviceKey) {
        self.waiting.start(key);
        self.came_true(at, at);
        let fewer = self.belief.given_below(self.tills.count());
        self.belief = fewer.map_or_else(|| Pmf::point(1), |free| free.and(1));
        self.count_by_sales(at, at, self.belief.moments().0);
        self.gap = None;
        self.advance_undecided(at);
    }

    /// Brings N up to the join of the next probe of which it is not known whether it must wait, or to now.
    fn advance_undecided(&mut self, at: Timestamp) {
        self.advance_belief(self.waiting.first().map_or(at, |next| next.joined));
    }

    /// A waiting probe was served.
    fn served(&mut self, at: Timestamp, key: DeviceKey) {
        let Some(started) = self.waiting.start(key) else {
            self.counters.unknown_probes += 1;
            return;
        };
        self.came_true(started.joined, at);
        self.judge_gap(at);
        self.count_by_sales(started.place_joined, at, self.tills.count() as f64);
        if !self.sales_told(at) && self.settings.trusts_waits {
            self.tills.started();
        }
        let span = self.span_behind(started.place_joined, at, self.waiting.len());
        if let Some(next) = self.waiting.first().map(|next| next.joined) {
            self.belief = self.unseen(started.place_joined, next, &span, 0.0);
            let middle = started.place_joined + Duration::from_micros(next.since(started.place_joined).as_micros() / 2);
            let exposure = (1.0 - self.settings.penetration) * self.profile.people(started.place_joined, next);
            self.gap = Some(Gap { exposure, span, middle, ..Gap::default() });
        } else {
            // Everybody who joined since this probe did is still there, beside those in service.
            self.belief = self.unseen(started.place_joined, at, &span, 0.0).and(self.tills.count());
            (self.is_ahead, self.gap) = (false, None);
        }
        self.belief_at = at;
    }

    /// In a line served in order, those served between two probes' starts are those who joined between the
    /// probes: where sales are told, they count everybody, whether the line was empty meanwhile or not.
    fn count_by_sales(&mut self, joined: Timestamp, at: Timestamp, in_service: f64) {
        let before = self.counted.replace(Counted { joined, sales: 0.0, in_service });
        let Some(before) = before.filter(|before| self.sales_told(at) && before.joined < joined) else { return };
        let unseen = (before.sales + in_service - before.in_service - 1.0).max(0.0);
        let exposure = (1.0 - self.settings.penetration) * self.profile.people(before.joined, joined);
        let middle = before.joined + Duration::from_micros(joined.since(before.joined).as_micros() / 2);
        self.kappas.counted(unseen, exposure, at.since(middle).as_secs_f64() / 60.0);
    }

    /// A probe's wait is over: what was told when it joined can be judged.
    fn came_true(&mut self, joined: Timestamp, started: Timestamp) {
        if !self.settings.trusts_waits {
            return;
        }
        let wait_min = started.since(joined).as_secs_f64() / 60.0;
        self.calibration.outcome(joined, wait_min, self.settings.wait_limit_s / 60.0);
    }

    /// The gap ahead of the probe that starts now has been served: that tells of arrivals and of service.
    fn judge_gap(&mut self, at: Timestamp) {
        let Some(gap) = self.gap.take().filter(|gap| gap.exposure > 0.0 && gap.server_minutes > 0.0) else { return };
        if self.sales_told(at) {
            return;
        }
        let age_min = at.since(gap.middle).as_secs_f64() / 60.0;
        let seen = SeenGap { exposure: gap.exposure, server_minutes: gap.server_minutes };
        let service = self.tills.rate();
        let evidence = judge_gap(self.kappas.theta(), service, &seen);
        self.kappas.served(&seen, service, &gap.span, age_min);
        self.tills.learned(evidence.service);
    }

    /// The first probe in line left it unserved, or had only passed by.
    fn first_gave_up(&mut self, at: Timestamp, key: DeviceKey) {
        let Some((joined, _)) = self.waiting.leave(key) else { return };
        self.gave_up(at, joined);
        self.first_gone(at, joined);
    }

    /// The first in line is gone: those behind it up to the next probe are now ahead of that one.
    fn first_gone(&mut self, at: Timestamp, joined: Timestamp) {
        self.gap = None;
        if !self.is_ahead {
            self.advance_undecided(at);
            return;
        }
        let span = self.span_behind(joined, at, self.waiting.len());
        match self.waiting.first().map(|next| next.joined) {
            Some(next) => self.belief = self.belief.sum(&self.unseen(joined, next, &span, 0.0)),
            None => {
                let behind = self.unseen(joined, at, &span, 0.0);
                self.belief = self.belief.sum(&behind).and(self.tills.count());
                self.is_ahead = false;
            }
        }
    }

    /// A probe is gone unserved. One that only passed by had not joined.
    fn gave_up(&mut self, at: Timestamp, joined: Timestamp) {
        if at.since(joined) < PASSING_BY {
            self.kappas.not_joined();
            self.profile.joined(at, -1.0 / self.settings.penetration);
        } else {
            self.reneging.shape += 1.0;
        }
    }
}

#[cfg(test)]
mod tests;
