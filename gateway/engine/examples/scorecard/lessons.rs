//! How fast the venue's own head learns which offer to make.
//!
//! In: a seed, a number of offers, and whether the score of a fleet ships. Out: the share of the possible
//! gain over drawing offers evenly that was had. The world is that of the reference simulation of the
//! method: six vouchers, ten facts, redemption 3 to 15 % with a logistic truth that no linear head can quite
//! know. The fleet's score is learned from evenly drawn offers of other venues, whose tastes share four
//! fifths of their variance with this one. Heads, probabilities and draws are the engine's own.

use super::random::Random;
use venue_engine::offers::head::Head;
use venue_engine::offers::policy::{self, Drawn, Slice};

const VOUCHERS: usize = 6;
const FACTS: usize = 10;
/// Facts and the constant.
const WIDTH: usize = FACTS + 1;
/// Spread of tastes, as in the reference.
const RICHNESS: f64 = 0.8 * 1.6;
/// Share of the variance of tastes that venues have in common.
const SHARED: f64 = 0.8;
/// Other venues of the fleet, and evenly drawn offers logged at each.
const VENUES: usize = 8;
const FLEET_OFFERS: usize = 4_000;
/// The rate an unknown offer is taken to have, as in the reference.
const START: f64 = 0.06;

/// How likely each voucher is redeemed, given the facts.
struct World {
    weights: [[f64; FACTS]; VOUCHERS],
    base: [f64; VOUCHERS],
}

/// Tastes common to the fleet.
struct Fleet {
    weights: [[f64; FACTS]; VOUCHERS],
    base: [f64; VOUCHERS],
}

impl Fleet {
    fn draw(random: &mut Random) -> Self {
        let scale = RICHNESS / (FACTS as f64).sqrt();
        let weights = std::array::from_fn(|_| std::array::from_fn(|_| scale * random.normal()));
        let mut base = std::array::from_fn(|_| -2.6 + 0.35 * random.normal());
        base[0] = -4.5;
        Self { weights, base }
    }

    fn venue(&self, random: &mut Random) -> World {
        let scale = RICHNESS / (FACTS as f64).sqrt();
        let taste =
            |common: f64, random: &mut Random| SHARED.sqrt() * common + (1.0 - SHARED).sqrt() * scale * random.normal();
        let weights = self.weights.map(|row| row.map(|common| taste(common, random)));
        World { weights, base: self.base }
    }
}

impl World {
    fn rates(&self, facts: &[f64; FACTS]) -> [f64; VOUCHERS] {
        std::array::from_fn(|voucher| {
            let linear: f64 = self.weights[voucher].iter().zip(facts).map(|(weight, fact)| weight * fact).sum();
            let bend = 0.5 * facts[0].abs() * (voucher as f64 / (VOUCHERS - 1) as f64 - 0.5);
            1.0 / (1.0 + (-(linear + self.base[voucher] + bend)).exp())
        })
    }
}

/// What was had.
#[derive(Clone, Copy, Debug)]
pub struct Lesson {
    /// Share of the possible gain over even drawing, over all offers made.
    pub gain: f64,
    /// The same over the offers the policy chose: without the slice that is drawn evenly on purpose.
    pub chosen: f64,
    /// The same for the learner alone: always the best estimate, without any slice or floor.
    pub greedy: f64,
}

/// Learns over a number of decisions; with the fleet's score, or from nothing.
pub fn learn(decisions: usize, with_fleet: bool, seed: u64) -> Lesson {
    let mut random = Random::new(seed);
    let fleet = Fleet::draw(&mut random);
    let score = with_fleet.then(|| fleet_score(&fleet, &mut random));
    let world = fleet.venue(&mut random);
    let [gain, chosen] = gains(&world, score.as_deref(), decisions, false, &mut random);
    let mut random = Random::new(seed + 1_000_003);
    let [greedy, _] = gains(&world, score.as_deref(), decisions, true, &mut random);
    Lesson { gain, chosen, greedy }
}

/// One head per voucher, taught by other venues.
fn fleet_score(fleet: &Fleet, random: &mut Random) -> Vec<Head> {
    let mut heads = heads(&[START]);
    for _ in 0..VENUES {
        let world = fleet.venue(random);
        for _ in 0..FLEET_OFFERS {
            let facts: [f64; FACTS] = std::array::from_fn(|_| random.normal());
            let voucher = ((random.uniform() * VOUCHERS as f64) as usize).min(VOUCHERS - 1);
            let redeemed = random.chance(world.rates(&facts)[voucher]);
            heads[voucher].learn(&told(&facts, None), f64::from(u8::from(redeemed)));
        }
    }
    heads
}

fn heads(start: &[f64]) -> Vec<Head> {
    let width = WIDTH + start.len() - 1;
    let mut weights = vec![0.0; width];
    weights[0] = start[0];
    // With a score the score itself is the start.
    if let Some(weight) = start.get(1) {
        weights[width - 1] = *weight;
    }
    (0..VOUCHERS).map(|_| Head::new(&weights)).collect()
}

fn told(facts: &[f64; FACTS], score: Option<f64>) -> Vec<f32> {
    let numbers = std::iter::once(1.0).chain(facts.iter().copied()).chain(score);
    numbers.map(|number| number as f32).collect()
}

/// Redemptions had, possible and by even drawing.
#[derive(Default)]
struct Tally([f64; 3]);

impl Tally {
    fn add(&mut self, rates: &[f64; VOUCHERS], arm: usize) {
        let even = rates.iter().sum::<f64>() / VOUCHERS as f64;
        let best = rates.iter().copied().fold(0.0, f64::max);
        self.0.iter_mut().zip([rates[arm], best, even]).for_each(|(sum, value)| *sum += value);
    }

    fn gain(&self) -> f64 {
        let [had, best, even] = self.0;
        (had - even) / (best - even)
    }
}

/// The gain over all offers, and over those the policy chose.
fn gains(world: &World, score: Option<&[Head]>, decisions: usize, greedy: bool, random: &mut Random) -> [f64; 2] {
    let mut heads = if score.is_some() { heads(&[0.0, 1.0]) } else { heads(&[START]) };
    let (mut all, mut chosen) = (Tally::default(), Tally::default());
    for decided in 0..decisions {
        let facts: [f64; FACTS] = std::array::from_fn(|_| random.normal());
        let rates = world.rates(&facts);
        let plain = told(&facts, None);
        let rows: Vec<Vec<f32>> =
            (0..VOUCHERS).map(|voucher| told(&facts, score.map(|score| score[voucher].estimate(&plain)))).collect();
        let values: Vec<f64> = heads.iter().zip(&rows).map(|(head, row)| head.estimate(row)).collect();
        let mut drawn = policy::draw(&values, decided as u64, random.uniform());
        if greedy {
            drawn = Drawn { arm: Some(best_of(&values)), slice: Slice::Policy };
        }
        let redeemed = random.uniform();
        let Some(arm) = drawn.arm else { continue };
        all.add(&rates, arm);
        if drawn.slice == Slice::Policy {
            chosen.add(&rates, arm);
        }
        heads[arm].learn(&rows[arm], f64::from(u8::from(redeemed <= rates[arm])));
    }
    [all.gain(), chosen.gain()]
}

fn best_of(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, place| if values[place] > values[best] { place } else { best })
}
