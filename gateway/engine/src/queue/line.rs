//! One queue: those who are there counted, their order used as far as it is seen.
//!
//! In: how many probes are at the queue now, which of them joined and left when, what its tills tell. Out: the
//! queue's state. Two estimates stand side by side: the probes there over the penetration, and the gap filter,
//! which uses order and time; each has the weight it has earned. The gap filter runs behind the clock: a probe is
//! seen to leave, not to step up to the counter, so its service began a service time before. It refuses more
//! pending steps than its limit, counted.

use super::balance::Balance;
use super::experts::Experts;
use super::throughput::Throughput;
use crate::arrivals::{ArrivalProfile, SlotState};
use crate::gap::pmf::Pmf;
use crate::gap::rates::Gamma;
use crate::gap::{GapCounters, GapFilter, GapSettings};
use crate::identity::DeviceKey;
use crate::output::QueueState;
use crate::time::{Duration, Timestamp};
use crate::venue::{Queue, QueueId};
use std::collections::VecDeque;

/// A service is not believed to take longer than this, nor shorter, seconds.
const SERVICE_RANGE_S: (f64, f64) = (1.0, 120.0);

/// The gap filter runs at least this far behind: a probe that seemed to leave and is back by then had not left.
const BEHIND_MIN: Duration = Duration::from_secs(30);

/// A departure is known this long after it happened: it must have lasted, and positions lag by a second or two.
const NOTICED_AFTER: Duration = Duration::from_secs(8);

/// A probe that stayed shorter walked through: a line is some metres wide, and people walk 1.3 m/s.
const WALKED_THROUGH: Duration = Duration::from_secs(6);

/// One who leaves before this share of the wait foretold was hardly served; but the foretelling may be wrong.
const EARLIEST: f64 = 0.6;
const SERVED_SHARE_MIN: f64 = 0.2;

/// What happened lately and has not been put through the filter yet: two minutes of a gate.
const PENDING_MAX: usize = 1_024;

/// People the venue's penetration is worth at one queue, where head counts there tell otherwise.
const PENETRATION_WEIGHT: f64 = 8.0;

/// Share of those counted who may be beside the line, and of those in it who may not be counted.
const MISPLACED: f64 = 0.2;

/// Half a person: the least a count is off.
const VARIANCE_MIN: f64 = 0.25;

/// How surely probes are seen at the queue, as their mean share weighted by itself: below the first, who comes and
/// goes cannot be told from who stands beside, and only the count says anything; from the second it can.
const SURE: (f64, f64) = (0.55, 0.85);

/// Seconds over which that is judged.
const SURE_OVER_S: f64 = 300.0;

/// Sales told this often are single sales; told seldomer they are counts.
const SALES_LIVE: Duration = Duration::from_secs(60);

/// People sold to since the sale before, at most, if sales are told as they happen.
const SALES_LIVE_MAX: u32 = 3;

/// What a probe did, or a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Joined(DeviceKey),
    /// Started service, having joined then.
    Started(DeviceKey, Timestamp),
    Served(DeviceKey),
    Beside(DeviceKey),
    Lost(DeviceKey),
    Sale,
}

/// Counts told for one queue.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    sales_at: Option<Timestamp>,
    /// Till-minutes since then in which everybody had to wait, and all.
    busy_min: f64,
    all_min: f64,
    /// Probes found at head counts, over the heads.
    probes: f64,
    heads: f64,
}

/// One queue.
pub struct Line {
    filter: GapFilter,
    /// Steps in the order of their time.
    pending: VecDeque<(Timestamp, Step)>,
    throughput: Throughput,
    balance: Balance,
    experts: Experts,
    told: Told,
    /// Probes at the queue now, as an expected number, and how many left since the last report.
    probes: f64,
    left: f64,
    /// Means over time of the sums of shares and of their squares.
    shares: (f64, f64),
    reported_at: Option<Timestamp>,
    refused: u64,
}

impl Line {
    /// An empty line.
    pub fn new(queue: &Queue, penetration: f64, penetration_cv: f64) -> Self {
        let throughput = Throughput::new(queue.wait_limit_s);
        let service = throughput.service(f64::from(queue.servers));
        let settings = GapSettings {
            servers: queue.servers as usize,
            service_per_min: service.mean(),
            service_weight: service.shape,
            penetration,
            penetration_cv,
            wait_limit_s: queue.wait_limit_s,
            trusts_waits: false,
            ..GapSettings::default()
        };
        // Until arrivals were seen, half of what could be served.
        let arrivals_per_min = 0.5 * service.mean() * f64::from(queue.servers);
        Self {
            filter: GapFilter::new(settings, ArrivalProfile::new(arrivals_per_min)),
            balance: Balance::new(arrivals_per_min),
            pending: VecDeque::new(),
            throughput,
            experts: Experts::default(),
            told: Told::default(),
            probes: 0.0,
            left: 0.0,
            shares: (0.0, 0.0),
            reported_at: None,
            refused: 0,
        }
    }

    /// What was ignored.
    pub fn counters(&self) -> GapCounters {
        let counters = self.filter.counters();
        GapCounters { joins_refused: counters.joins_refused + self.refused, ..counters }
    }

    /// Arrivals by the time of day, as learned here.
    pub fn profile(&self) -> &[SlotState] {
        self.balance.state()
    }

    /// Takes up a profile learned before; false when it does not fit.
    pub fn restore(&mut self, profile: &[SlotState]) -> bool {
        self.balance.restore(profile)
    }

    /// How many probes are at the queue now, as an expected number: the sum of their shares; and the sum of their
    /// squares. Once a second.
    pub fn counted(&mut self, probes: f64, squares: f64) {
        self.probes = probes;
        self.shares.0 += (probes - self.shares.0) / SURE_OVER_S;
        self.shares.1 += (squares - self.shares.1) / SURE_OVER_S;
    }

    /// How far joins and departures can be trusted, 0 to 1.
    fn sureness(&self) -> f64 {
        let (sum, squares) = self.shares;
        ((squares / sum.max(f64::MIN_POSITIVE) - SURE.0) / (SURE.1 - SURE.0)).clamp(0.0, 1.0)
    }

    /// A probe joined.
    pub fn joined(&mut self, at: Timestamp, key: DeviceKey) {
        let started = self.pending.iter().find_map(|(_, step)| match step {
            Step::Started(known, joined) if *known == key => Some(*joined),
            _ => None,
        });
        if let Some(joined) = started {
            let gone = self.served_share(joined, at);
            let is_of_it = |step: &Step| matches!(step, Step::Started(known, _) | Step::Served(known) if *known == key);
            self.pending.retain(|(_, step)| !is_of_it(step));
            // It is back before its departure went through the filter: it had not left.
            self.left -= gone;
            return;
        }
        self.throughput.joined(1.0 / self.filter.penetration());
        self.add(at, Step::Joined(key));
    }

    /// A probe that joined at `joined` left; true when it was served as far as can be seen.
    pub fn left(&mut self, joined: Timestamp, at: Timestamp, key: DeviceKey) -> bool {
        if at.since(joined) < WALKED_THROUGH {
            self.beside(at, key);
            return false;
        }
        let weight = self.served_share(joined, at);
        self.left += weight;
        let started = joined.max(at - self.service());
        self.add(started, Step::Started(key, joined));
        if started == joined {
            // It never waited, so its stay was its service.
            self.add(at, Step::Served(key));
        }
        weight >= 1.0
    }

    /// How likely a probe that left was served and had not only walked by: one served waits about as long as was
    /// foretold when it joined.
    fn served_share(&self, joined: Timestamp, at: Timestamp) -> f64 {
        let stay_min = at.since(joined).as_secs_f64() / 60.0;
        let told_min = self.experts.count_told_min(joined).filter(|_| self.throughput.is_known()).unwrap_or(0.0);
        (stay_min / (EARLIEST * told_min).max(1e-6)).clamp(SERVED_SHARE_MIN, 1.0)
    }

    /// A probe was not in the line after all.
    pub fn beside(&mut self, at: Timestamp, key: DeviceKey) {
        self.throughput.joined(-1.0 / self.filter.penetration());
        match self.pending.iter().position(|(_, step)| *step == Step::Joined(key)) {
            Some(place) => drop(self.pending.remove(place)),
            None => self.add(at, Step::Beside(key)),
        }
    }

    /// A probe is no longer heard since then.
    pub fn lost(&mut self, at: Timestamp, key: DeviceKey) {
        self.add(at, Step::Lost(key));
    }

    /// The tills served so many people since they told last.
    pub fn sold(&mut self, at: Timestamp, people: u32) {
        let told = self.told;
        self.told = Told { sales_at: Some(at), busy_min: 0.0, all_min: 0.0, ..told };
        // Before the first count nobody knows since when it counts.
        let Some(before) = told.sales_at else { return };
        if told.busy_min > 0.9 * told.all_min {
            self.throughput.sold(f64::from(people), told.all_min);
        }
        if at.since(before) <= SALES_LIVE && people <= SALES_LIVE_MAX {
            (0..people).for_each(|_| self.add(at, Step::Sale));
        }
    }

    /// Somebody counted the people at the queue: in line and at the counter.
    pub fn head_count(&mut self, people: u32) {
        self.told.probes += self.probes;
        self.told.heads += f64::from(people);
    }

    /// The state at a moment; `penetration` and its coefficient of variation are the venue's.
    pub fn report(&mut self, queue: QueueId, at: Timestamp, penetration: f64, penetration_cv: f64) -> QueueState {
        let known = self.told.probes + PENETRATION_WEIGHT * penetration;
        let penetration = (known / (self.told.heads + PENETRATION_WEIGHT)).clamp(0.005, 1.0);
        self.filter.set_penetration(penetration, penetration_cv);
        self.learn_service(at, penetration);
        self.settle(at - self.behind());
        let joins = self.pending.iter().filter(|(_, step)| matches!(step, Step::Joined(_)));
        let joins: Vec<Timestamp> = joins.map(|(at, _)| *at).collect();
        let (gap, count) = (self.filter.foreseen(at, &joins), count_of(self.probes, penetration, penetration_cv));
        let wait_min = |in_system: &Pmf| self.filter.service().wait(in_system).mean_min;
        self.experts.told(at, wait_min(&gap), wait_min(&count));
        let weight = self.sureness() * self.experts.gap_weight();
        let mut both = Pmf::empty();
        both.add(weight, &gap, 0);
        both.add(1.0 - weight, &count, 0);
        let people = both.moments().0;
        let service = self.filter.service();
        let busy = both.entries().map(|(count, mass)| mass * count.min(service.servers) as f64).sum::<f64>();
        let served_per_min = busy / service.servers as f64 * service.busy_per_min;
        self.balance.pass(at, people, served_per_min, penetration);
        self.filter.report_of(queue, at, &both, (self.balance.theta(), self.balance.profile()))
    }

    fn learn_service(&mut self, at: Timestamp, penetration: f64) {
        let minutes = self.reported_at.replace(at).map_or(0.0, |before| at.since(before).as_secs_f64() / 60.0);
        let servers = self.filter.tills().count() as f64;
        let is_busy = self.probes / penetration > 2.0 * servers + 2.0;
        let left = std::mem::take(&mut self.left);
        let busy = f64::from(u8::from(is_busy));
        self.told.busy_min += busy * servers * minutes;
        self.told.all_min += servers * minutes;
        let trusted = busy * self.sureness();
        self.throughput.pass(minutes, trusted * servers * minutes, trusted * left, penetration);
        self.filter.set_service(self.throughput.service(servers));
    }

    /// How long one service takes, as far as is known.
    fn service(&self) -> Duration {
        let seconds = 60.0 / self.filter.tills().rate().mean();
        Duration::from_secs_f64(seconds.clamp(SERVICE_RANGE_S.0, SERVICE_RANGE_S.1))
    }

    /// How far the filter runs behind the clock.
    fn behind(&self) -> Duration {
        self.service().max(BEHIND_MIN) + NOTICED_AFTER
    }

    /// Puts everything up to a time through the filter.
    fn settle(&mut self, until: Timestamp) {
        while let Some((at, step)) = self.pending.front().copied().filter(|(at, _)| *at <= until) {
            self.pending.pop_front();
            match step {
                Step::Joined(key) => self.filter.probe_joined(at, key),
                Step::Started(key, joined) => {
                    self.experts.waited(joined, at.since(joined).as_secs_f64() / 60.0);
                    self.filter.probe_started(at, key);
                }
                Step::Served(key) => self.filter.probe_left(at, key),
                Step::Beside(key) => self.filter.probe_beside(at, key),
                Step::Lost(key) => self.filter.probe_lost(key),
                Step::Sale => self.filter.till_sale(at),
            }
        }
        self.filter.advance(until);
    }

    fn add(&mut self, at: Timestamp, step: Step) {
        if self.pending.len() >= PENDING_MAX {
            self.refused += 1;
            return;
        }
        let place = self.pending.partition_point(|(known, _)| *known <= at);
        self.pending.insert(place, (at, step));
    }
}

/// People at the queue from the probes there: each stands for `1/p`, and some stand beside the line. The
/// variance is that of a binomial count (methods (b)), of the penetration, and of those misplaced.
fn count_of(probes: f64, penetration: f64, penetration_cv: f64) -> Pmf {
    let mean = (probes / penetration).max(1e-3);
    let share = MISPLACED.hypot(penetration_cv);
    let variance = mean * (1.0 - penetration) / penetration + (share * mean).powi(2) + VARIANCE_MIN;
    if variance <= mean {
        return Pmf::poisson(mean);
    }
    let Gamma { shape, .. } = Gamma::of_moments(mean, variance - mean);
    Pmf::negative_binomial(mean, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::FloorId;
    use proptest::prelude::*;

    fn queue() -> Queue {
        let (area, counter) = (vec![[0.0, 0.0]; 3], vec![[0.0, 1.0]; 3]);
        Queue { name: "bar".into(), floor: FloorId(0), area, counter, servers: 2, wait_limit_s: 300.0 }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_763_700_000_000_000 + seconds * 1_000_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever probes and tills seem to do, in any order of telling, the state stays a state.
        #[test]
        fn every_state_is_finite(
            steps in prop::collection::vec((0u8..8, 0u64..12, 0i64..20, 0i64..120), 1..400),
            penetration in 0.02f64..1.0,
        ) {
            let mut line = Line::new(&queue(), penetration, 0.1);
            let mut now = 0;
            let mut joined = [0; 12];
            for (what, key, passed, back) in steps {
                now += passed;
                let place = key as usize;
                let (key, earlier) = (DeviceKey(key), at(now - back.min(now)));
                match what {
                    0 | 1 => {
                        joined[place] = now - back.min(now);
                        line.joined(earlier, key);
                    }
                    2 | 3 => drop(line.left(at(joined[place]), at(now.max(joined[place])), key)),
                    4 => line.beside(earlier, key),
                    5 => line.lost(earlier, key),
                    6 => line.sold(at(now), (back % 5) as u32),
                    _ => line.head_count((back % 9) as u32),
                }
                line.counted((back % 17) as f64 / 2.0, (back % 17) as f64 / 2.5);
                let state = line.report(QueueId(0), at(now), penetration, 0.1);
                let told = [Some(state.length), state.wait_s, state.arrivals_per_min, state.served_per_min];
                let chances = [state.p_wait_over_limit, state.p_wait_over_limit_15min];
                for value in told.into_iter().chain(chances) {
                    prop_assert!(value.is_some_and(|value| value.is_finite() && value >= 0.0), "{state:?}");
                }
                prop_assert!(state.length_low <= state.length && state.length <= state.length_high + 1.0, "{state:?}");
                prop_assert!(chances.iter().flatten().all(|chance| *chance <= 1.0), "{state:?}");
            }
        }
    }
}
