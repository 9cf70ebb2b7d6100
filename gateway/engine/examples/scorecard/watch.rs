//! Watches a simulated line with the gap filter and the named baselines.
//!
//! In: a scenario, a seed, whether sales are told. Out: one sample for some of the people who came, with
//! the truth, our estimate and the baselines: probes over penetration, rate times the last wait (LES),
//! that wait, and full knowledge of the line.

use super::line::{PERIOD_MIN, Party, Scenario, Shape};
use super::random::Random;
use venue_engine::arrivals::ArrivalProfile;
use venue_engine::gap::{GapFilter, GapSettings};
use venue_engine::identity::DeviceKey;
use venue_engine::output::QueueState;
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::QueueId;

/// People before the first sample: the filter's start is not scored.
const WARM_UP: usize = 200;

/// Share of unheard people at whose arrival the estimates are scored.
const SAMPLED: f64 = 0.3;

/// More parties than ever wait at once.
const LONGEST: usize = 1_000;

/// The limit of the simulated queue, seconds; only forecasts depend on it.
const WAIT_LIMIT_S: f64 = 300.0;

/// Forgetting and weight of the baseline's rate, as in the reference.
const RATE_FORGET_MIN: f64 = 30.0;
const RATE_WEIGHT: f64 = 8.0;

/// One moment: just before somebody joins who is not heard.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// People waiting.
    pub length: f64,
    /// The wait that followed, minutes.
    pub wait_min: f64,
    /// Our estimate of the length, and its interval.
    pub ours: [f64; 3],
    /// Our estimate of the wait, and its interval, minutes.
    pub ours_wait_min: [f64; 3],
    /// Probes over penetration.
    pub scaled: f64,
    /// Rate times LES.
    pub rate_times_last: f64,
    /// LES: the wait of the last probe served, minutes.
    pub last_wait_min: f64,
    /// The wait foretold from the true length, minutes.
    pub known_wait_min: f64,
}

/// What happens in a line, in the order of the variants at equal times.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum What {
    Sale,
    Left,
    Started,
    Joined,
    Busy,
    Sampled,
}

/// The baselines' state.
struct Baselines {
    shape: f64,
    exposure: f64,
    clock_min: f64,
    waiting: usize,
    last_wait_min: f64,
}

/// A moment of a simulated minute.
pub fn at(minute: f64) -> Timestamp {
    Timestamp::from_micros((minute * 60e6).round() as i64)
}

/// The filter a scenario's queue would have.
pub fn filter(scenario: &Scenario, wait_limit_s: f64) -> GapFilter {
    let slots = if matches!(scenario.shape, Shape::Steady(_)) { 1 } else { 60 };
    let slot_min = PERIOD_MIN / f64::from(slots);
    let rates: Vec<f64> = (0..slots).map(|slot| scenario.profile((f64::from(slot) + 0.5) * slot_min)).collect();
    let slot = Duration::from_secs_f64(slot_min * 60.0);
    let settings = GapSettings {
        servers: scenario.servers,
        service_per_min: scenario.service_believed.0,
        service_weight: scenario.service_believed.1,
        served_at_once: Duration::ZERO,
        penetration: scenario.believed,
        party_size: scenario.party_size,
        wait_limit_s,
        ..GapSettings::default()
    };
    GapFilter::new(settings, ArrivalProfile::given(slot, &rates).expect("rates are positive"))
}

/// Runs one scenario and seed.
pub fn watch(scenario: &Scenario, seed: u64, sales: bool) -> Vec<Sample> {
    let parties = scenario.run(seed);
    let events = events(&parties, seed, sales);
    let mut filter = filter(scenario, WAIT_LIMIT_S);
    let mut baselines = Baselines { shape: 8.0, exposure: 8.0, clock_min: 0.0, waiting: 0, last_wait_min: 0.0 };
    let mut samples = Vec::new();
    for (minute, what, number) in events {
        let party = &parties[number.min(parties.len() - 1)];
        baselines.pass(scenario, minute);
        let (time, key) = (at(minute), DeviceKey(number as u64));
        match what {
            What::Sale => filter.till_sale(time),
            What::Busy => filter.tills_busy(time, number),
            What::Left => filter.probe_left(time, key),
            What::Started => filter.probe_started(time, key),
            What::Joined => filter.probe_joined(time, key),
            What::Sampled => {
                let before = &parties[number.saturating_sub(LONGEST)..number];
                let waiting = before.iter().filter(|other| other.left_line > minute);
                let ahead = waiting.map(|other| other.size).sum::<f64>();
                let state = filter.report(QueueId(0), time);
                samples.push(baselines.sample(scenario, minute, party, ahead, &state));
            }
        }
        baselines.happened(what, party);
    }
    samples
}

fn events(parties: &[Party], seed: u64, sales: bool) -> Vec<(f64, What, usize)> {
    let mut random = Random::new(seed ^ 0xabcd);
    let mut events = Vec::new();
    for (number, party) in parties.iter().enumerate() {
        if party.probe {
            events.push((party.arrived + party.late, What::Joined, number));
            match party.served {
                Some(served) => {
                    events.push((party.left_line.max(party.arrived + party.late), What::Started, number));
                    events.push((served, What::Left, number));
                }
                None => events.push((party.left_line, What::Left, number)),
            }
        } else if number > WARM_UP && random.chance(SAMPLED) {
            events.push((party.arrived - 1e-6, What::Sampled, number));
        }
        if sales {
            events.extend(party.served.map(|served| (served, What::Sale, number)));
        }
    }
    if sales {
        events.extend(busy(parties));
    }
    // A join and a start at the same moment: the join comes first, whatever else happened then.
    let rank = |event: &(f64, What, usize)| {
        let at_once = event.1 == What::Started && parties[event.2].wait <= 0.0;
        if at_once { 7 } else { 2 * event.1 as u8 }
    };
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(rank(a).cmp(&rank(b))));
    events
}

/// How many tills serve after each start and end of a service.
fn busy(parties: &[Party]) -> Vec<(f64, What, usize)> {
    let served = parties.iter().filter_map(|party| party.served.map(|served| (party.left_line, served)));
    let mut changes: Vec<(f64, i32)> = served.flat_map(|(start, end)| [(start, 1), (end, -1)]).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut serving = 0;
    let mut told: Vec<(f64, What, usize)> = Vec::with_capacity(changes.len());
    for (minute, change) in changes {
        serving += change;
        told.push((minute, What::Busy, serving.max(0) as usize));
    }
    // Of changes at one moment only the last is told: one leaves, the next steps up.
    told.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.2 = later.2;
        }
        same
    });
    told
}

impl Baselines {
    fn pass(&mut self, scenario: &Scenario, minute: f64) {
        let passed = minute - self.clock_min;
        let kept = (-passed / RATE_FORGET_MIN).exp();
        self.shape = RATE_WEIGHT + (self.shape - RATE_WEIGHT) * kept;
        let expected = scenario.believed * scenario.profile(minute) * passed;
        self.exposure = RATE_WEIGHT + (self.exposure - RATE_WEIGHT) * kept + expected;
        self.clock_min = minute;
    }

    fn happened(&mut self, what: What, party: &Party) {
        match what {
            What::Joined => {
                self.waiting += 1;
                self.shape += 1.0;
            }
            What::Started => {
                self.waiting -= 1;
                self.last_wait_min = party.wait;
            }
            What::Left if party.served.is_none() => self.waiting -= 1,
            _ => {}
        }
    }

    fn sample(&self, scenario: &Scenario, minute: f64, party: &Party, length: f64, state: &QueueState) -> Sample {
        let minutes = |seconds: Option<f64>| seconds.unwrap_or_default() / 60.0;
        let rate = scenario.profile(minute) * self.shape / self.exposure;
        let capacity = scenario.servers as f64;
        Sample {
            length,
            wait_min: party.wait,
            ours: [state.length, state.length_low, state.length_high],
            ours_wait_min: [minutes(state.wait_s), minutes(state.wait_low_s), minutes(state.wait_high_s)],
            scaled: self.waiting as f64 / scenario.believed * scenario.party_size,
            rate_times_last: rate * self.last_wait_min * scenario.party_size,
            last_wait_min: self.last_wait_min,
            known_wait_min: if party.wait > 0.0 { (length / scenario.party_size + 1.0) / capacity } else { 0.0 },
        }
    }
}
