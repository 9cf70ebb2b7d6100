//! People who walk between zones, of whom a share is followed.
//!
//! In: how many, which share, whether noise is asked for, a seed. Out: our movements of a quarter hour beside the true ones.
//! People stay in a zone for an exponential time beyond half a minute and go on to others with fixed odds; in some
//! zones more of them are followed than in others.

use super::random::Random;
use std::collections::BTreeMap;
use venue_engine::flow::Flow;
use venue_engine::identity::DeviceKey;
use venue_engine::settings::Settings;
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::ZoneId;

const ZONES: usize = 5;
const WINDOW_S: i64 = 900;
const STAY_S: f64 = 480.0;

/// Pairs with fewer true movements are not scored.
const MOVEMENTS_MIN: f64 = 100.0;

/// How well a window was told.
#[derive(Clone, Copy, Debug, Default)]
pub struct MovementScore {
    /// Mean error of a pair's share of all movements, over that share.
    pub share_error: f64,
    /// What chance leaves of a share, knowing how many are followed.
    pub floor: f64,
    /// Share of true numbers inside the interval.
    pub covered: f64,
}

/// One quarter hour.
pub fn quarter(people: usize, followed: f64, epsilon: f64, seed: u64) -> MovementScore {
    let mut random = Random::new(seed);
    let settings = Settings {
        seed,
        movement_window: Duration::from_secs(WINDOW_S),
        movement_epsilon: epsilon,
        ..Settings::default()
    };
    let mut flow = Flow::new(&settings, ZONES);
    let odds: Vec<Vec<f64>> = (0..ZONES).map(|_| (0..ZONES).map(|_| 0.2 + random.uniform()).collect()).collect();
    let mut crowd: Vec<(usize, f64, bool)> = (0..people)
        .map(|_| ((random.uniform() * ZONES as f64) as usize % ZONES, stay_s(&mut random), random.chance(followed)))
        .collect();
    let mut truth: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    // Nobody's zone is known at first, so the quarter hour before is not scored.
    for second in (-WINDOW_S..WINDOW_S).step_by(5) {
        if second == 0 {
            flow.close(at(0));
        }
        let mut there = [0.0; ZONES];
        for (index, (zone, until_s, is_followed)) in crowd.iter_mut().enumerate() {
            // A movement counts when half a minute of the next stay has passed within the window.
            if *until_s <= second as f64 {
                let next = choose(&odds[*zone], *zone, &mut random);
                if (-30..WINDOW_S - 30).contains(&second) {
                    *truth.entry((*zone, next)).or_default() += 1.0;
                }
                (*zone, *until_s) = (next, second as f64 + stay_s(&mut random));
            }
            there[*zone] += 1.0;
            if *is_followed {
                let zone = ZoneId(*zone as u8);
                flow.see(DeviceKey(index as u64 * 0x9e37_79b9), at(second), Some(zone), &[(zone, 1.0)]);
            }
        }
        flow.note(0.0, there.iter().enumerate().map(|(zone, people)| (ZoneId(zone as u8), *people)));
    }
    score(&truth, &flow.close(at(WINDOW_S)).movements, followed)
}

fn score(
    truth: &BTreeMap<(usize, usize), f64>,
    told: &[venue_engine::output::Movement],
    followed: f64,
) -> MovementScore {
    let told: BTreeMap<(usize, usize), _> =
        told.iter().map(|one| ((usize::from(one.origin.0), usize::from(one.destination.0)), one)).collect();
    let (all, all_told): (f64, f64) = (truth.values().sum(), told.values().map(|one| one.people).sum());
    let mut score = MovementScore::default();
    let mut scored = 0.0;
    for (pair, movements) in truth.iter().filter(|(_, movements)| **movements >= MOVEMENTS_MIN) {
        let (people, covers) =
            told.get(pair).map_or((0.0, false), |one| (one.people, (one.low..=one.high).contains(movements)));
        score.share_error += (people / all_told / (movements / all) - 1.0).abs();
        // Mean of the absolute value of a normal deviation.
        score.floor += ((1.0 - followed) / (movements * followed)).sqrt() * 0.798;
        score.covered += f64::from(u8::from(covers));
        scored += 1.0;
    }
    let MovementScore { share_error, floor, covered } = score;
    MovementScore { share_error: share_error / scored, floor: floor / scored, covered: covered / scored }
}

fn stay_s(random: &mut Random) -> f64 {
    40.0 + random.exponential(STAY_S - 40.0)
}

fn choose(odds: &[f64], not: usize, random: &mut Random) -> usize {
    let sum: f64 = odds.iter().enumerate().filter(|(zone, _)| *zone != not).map(|(_, odds)| odds).sum();
    let mut left = random.uniform() * sum;
    let others = odds.iter().enumerate().filter(|(zone, _)| *zone != not);
    others
        .into_iter()
        .find(|(_, odds)| {
            left -= *odds;
            left <= 0.0
        })
        .map_or((not + 1) % odds.len(), |(zone, _)| zone)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_763_701_200_000_000 + second * 1_000_000)
}
