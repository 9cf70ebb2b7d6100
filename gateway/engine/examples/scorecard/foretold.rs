//! Forecasts of a wait over the limit a quarter of an hour ahead, and how they came true.
//!
//! In: a load, a limit, a penetration, a seed. Out: probabilities and outcomes: ours, the ideal forecast
//! that knows everybody in line and all rates, and the best that probes allow when the rates are known.
//! M/M/2 with services of a minute, asked every five minutes, as in the reference simulation.

use super::known::KnownRates;
use super::line::{Party, Scenario, Shape};
use super::watch::{at, filter};
use venue_engine::forecast::{Service, push};
use venue_engine::gap::estimate::AHEAD;
use venue_engine::gap::pmf::{Chain, Pmf};
use venue_engine::gap::rates::Gamma;
use venue_engine::identity::DeviceKey;
use venue_engine::time::Timestamp;
use venue_engine::venue::QueueId;

const SERVERS: usize = 2;
const ASKED_EVERY_MIN: f64 = 5.0;
const FIRST_ASKED_MIN: f64 = 100.0;
const AHEAD_MIN: f64 = 15.0;
/// The last arrivals are not asked about: their waits are not known yet.
const LAST_MIN: f64 = 70.0;

/// One forecast.
#[derive(Clone, Copy, Debug)]
pub struct Foretold {
    /// Ours.
    pub ours: f64,
    /// Of one who knows everybody in line and all rates.
    pub ideal: f64,
    /// Of one who knows the probes and all rates.
    pub known_rates: f64,
    /// Whether the wait then was over the limit.
    pub over: bool,
}

/// What happens, in this order at equal times.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum What {
    Left,
    Started,
    Joined,
    StartedAtOnce,
    Asked,
}

/// Asks through one run.
pub fn foretell(load: f64, limit_min: f64, penetration: f64, seed: u64) -> Vec<Foretold> {
    let scenario = Scenario { parties: 2_500, ..Scenario::at(Shape::Steady(load), penetration) };
    let parties = scenario.run(seed);
    let per_min = load * SERVERS as f64;
    let mut ours = filter(&scenario, 60.0 * limit_min);
    let mut known = KnownRates::new((1.0 - penetration) * per_min, SERVERS);
    let mut told = Vec::new();
    for (minute, what, number) in events(&parties) {
        let (time, key) = (at(minute), DeviceKey(number as u64));
        match what {
            What::Left => ours.probe_left(time, key),
            What::Joined => {
                ours.probe_joined(time, key);
                known.joined(minute, parties[number].wait > 0.0);
            }
            What::Started => {
                ours.probe_started(time, key);
                known.started(minute);
            }
            What::StartedAtOnce => ours.probe_started(time, key),
            What::Asked => {
                let there = |party: &&Party| party.arrived <= minute && party.served.is_some_and(|at| at > minute);
                let everybody = Pmf::point(parties.iter().filter(there).count());
                told.push(Foretold {
                    ours: ours.report(QueueId(0), time).p_wait_over_limit_15min.unwrap_or_default(),
                    ideal: pushed(&everybody, per_min, limit_min),
                    known_rates: pushed(&known.in_system(minute), per_min, limit_min),
                    over: wait_of_a_newcomer(&parties, minute + AHEAD_MIN) > limit_min,
                });
            }
        }
    }
    told
}

fn events(parties: &[Party]) -> Vec<(f64, What, usize)> {
    let mut events = Vec::new();
    for (number, party) in parties.iter().enumerate().filter(|(_, party)| party.probe) {
        let started = if party.wait > 0.0 { What::Started } else { What::StartedAtOnce };
        events.push((party.left_line, started, number));
        events.push((party.arrived, What::Joined, number));
        events.extend(party.served.map(|served| (served, What::Left, number)));
    }
    let last = parties.last().map_or(0.0, |party| party.arrived) - LAST_MIN;
    let asked = ((last - FIRST_ASKED_MIN) / ASKED_EVERY_MIN) as usize;
    events.extend((0..asked).map(|ask| (FIRST_ASKED_MIN + ask as f64 * ASKED_EVERY_MIN, What::Asked, 0)));
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1 as u8).cmp(&(b.1 as u8))));
    events
}

/// Probability of a wait over the limit after the belief has run on at the true rates.
fn pushed(now: &Pmf, per_min: f64, limit_min: f64) -> f64 {
    let chain = Chain { arrivals_per_min: 0.0, service_per_min: 1.0, servers: SERVERS, departures_seen: false };
    let people = |from: Timestamp, to: Timestamp| per_min * to.since(from).as_secs_f64() / 60.0;
    let then = push(now, &chain, Gamma::of(1.0, 1e9), at(0.0), AHEAD, people);
    Service { busy_per_min: SERVERS as f64, servers: SERVERS, variation: 1.0 }.longer(&then, limit_min)
}

/// The wait of somebody who would join at a minute: until one of the tills is free of all before.
fn wait_of_a_newcomer(parties: &[Party], minute: f64) -> f64 {
    let before = parties.iter().take_while(|party| party.arrived <= minute);
    let mut busy: Vec<f64> = before.filter_map(|party| party.served).filter(|served| *served > minute).collect();
    busy.sort_by(|a, b| b.total_cmp(a));
    busy.get(SERVERS - 1).map_or(0.0, |served| served - minute)
}

/// Brier skill of a forecast against the base rate.
pub fn skill(told: &[Foretold], forecast: impl Fn(&Foretold) -> f64) -> f64 {
    let share = told.iter().filter(|one| one.over).count() as f64 / told.len() as f64;
    let squares = told.iter().map(|one| (forecast(one) - f64::from(u8::from(one.over))).powi(2)).sum::<f64>();
    1.0 - squares / told.len() as f64 / (share * (1.0 - share))
}

/// Mean distance between told probability and what came true, over ten bins weighed by their size.
pub fn calibration_error(told: &[Foretold]) -> f64 {
    let mut bins = [[0.0; 2]; 10];
    for one in told {
        let bin = &mut bins[((one.ours * 10.0) as usize).min(9)];
        bin[0] += one.ours;
        bin[1] += f64::from(u8::from(one.over));
    }
    bins.iter().map(|[told, came]| (told - came).abs()).sum::<f64>() / told.len() as f64
}
