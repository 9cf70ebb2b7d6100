//! Random draws from one seed.
//!
//! In: the scenario's seed and the purpose of the draws. Out: uniform, normal, exponential, gamma and
//! Poisson numbers, the same on every run. Each purpose has a stream of its own, so that a change in the
//! radio leaves the crowd as it was. It never asks the system for entropy.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// What the draws are for. The numbers are part of the output: changing one changes every recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Who comes when, and for how long.
    Arrivals = 1,
    /// Where people go and how long it takes.
    Crowd = 2,
    /// Addresses, advertising delays, batteries.
    Firmware = 3,
    /// Shadowing: the same hall for the same seed.
    Shadowing = 4,
    /// Fading and losses of single packets.
    Packets = 5,
    /// Injected faults.
    Faults = 6,
    /// Who carries what.
    Carried = 7,
    /// Where fixed devices stand.
    Fixed = 8,
}

/// One stream of random numbers.
pub struct Random {
    words: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Random {
    /// The stream of one purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut words = ChaCha8Rng::seed_from_u64(seed);
        words.set_stream(purpose as u64);
        Self { words, spare_normal: None }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `count`; 0 where `count` is 0. The bias of the multiplication is below 1e-12 here.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Mean 0, standard deviation 1: Box–Muller, two at a time.
    pub fn normal(&mut self) -> f64 {
        if let Some(normal) = self.spare_normal.take() {
            return normal;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sine, cosine) = (TAU * self.unit()).sin_cos();
        self.spare_normal = Some(radius * sine);
        radius * cosine
    }

    /// Exponential with a mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Gamma with a mean and a coefficient of variation: 1 is the exponential, 0 is always the mean.
    pub fn gamma(&mut self, mean: f64, cv: f64) -> f64 {
        if cv < 1e-3 {
            return mean;
        }
        let shape = 1.0 / (cv * cv);
        mean * self.standard_gamma(shape) / shape
    }

    /// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000;
    /// shapes below 1 by their boost with a power of a uniform number.
    fn standard_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let power = (1.0 - self.unit()).powf(1.0 / shape);
            return self.standard_gamma(shape + 1.0) * power;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Fills bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.words.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(draw: impl FnMut() -> f64) -> (f64, f64) {
        let values: Vec<f64> = std::iter::repeat_with(draw).take(100_000).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
    }

    fn check((mean, sd): (f64, f64), mean_wanted: f64, sd_wanted: f64) {
        assert!((mean - mean_wanted).abs() < 0.02 * sd_wanted.max(1.0), "mean {mean}, wanted {mean_wanted}");
        assert!((sd - sd_wanted).abs() < 0.02 * sd_wanted.max(1.0), "sd {sd}, wanted {sd_wanted}");
    }

    #[test]
    fn draws_have_their_mean_and_spread() {
        let mut random = Random::new(1, Purpose::Crowd);
        check(moments(|| random.unit()), 0.5, 12.0_f64.sqrt().recip());
        check(moments(|| random.normal()), 0.0, 1.0);
        check(moments(|| random.exponential(40.0)), 40.0, 40.0);
        check(moments(|| random.gamma(40.0, 0.6)), 40.0, 24.0);
        check(moments(|| random.gamma(5.0, 1.5)), 5.0, 7.5);
        check(moments(|| random.gamma(5.0, 0.0)), 5.0, 0.0);
    }

    #[test]
    fn a_stream_depends_on_seed_and_purpose_only() {
        let first = |seed, purpose| Random::new(seed, purpose).bits();
        assert_eq!(first(7, Purpose::Crowd), first(7, Purpose::Crowd));
        assert_ne!(first(7, Purpose::Crowd), first(7, Purpose::Packets));
        assert_ne!(first(7, Purpose::Crowd), first(8, Purpose::Crowd));
    }
}
