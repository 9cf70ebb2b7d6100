//! Noise that hides each person in a count.
//!
//! In: a count, what one person can change in it, how much may be learned of a person (epsilon), and a key. Out: the
//! count with two-sided geometric noise (Ghosh, Roughgarden and Sundararajan 2009): whoever knows everybody else's
//! movements still cannot tell with any certainty whether one person is in it. The noise follows from the key and
//! the place of the count, so a replay gives the same; whoever has the key can take it off again, so the key stays
//! with the gateway. It refuses an epsilon of zero or less: that is no noise at all.

use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// Counts are noised in so many parts of a device: movements are counted in shares.
const GRAINS: f64 = 1_000.0;

/// Noise of one period.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    key: [u8; 16],
    /// Ratio between the probabilities of neighbouring values, per grain.
    alpha: f64,
}

impl Noise {
    /// Noise for counts that one person changes by at most `sensitivity`; `None` where none is wanted.
    pub fn new(key: [u8; 16], epsilon: f64, sensitivity: f64) -> Option<Self> {
        (epsilon > 0.0).then(|| Self { key, alpha: (-epsilon / (sensitivity * GRAINS)).exp() })
    }

    /// The count with noise; `place` tells counts of a period apart.
    pub fn add(&self, count: f64, place: u64) -> f64 {
        let geometric = |side: u64| {
            let mut hasher = SipHasher24::new_with_key(&self.key);
            hasher.write_u64(place);
            hasher.write_u64(side);
            // Uniform on 0 to 1, without 0.
            let uniform = ((hasher.finish() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
            (uniform.ln() / self.alpha.ln()).floor()
        };
        ((count * GRAINS).round() + geometric(0) - geometric(1)) / GRAINS
    }

    /// Standard deviation of the noise.
    pub fn sd(&self) -> f64 {
        (2.0 * self.alpha).sqrt() / (1.0 - self.alpha) / GRAINS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(period: u64) -> [u8; 16] {
        let mut key = [7; 16];
        key[..8].copy_from_slice(&period.to_le_bytes());
        key
    }

    /// A thief who knows everybody else, over many periods, with and without one person who gave all they may to
    /// one count: the best difference between accusing rightly and wrongly over all thresholds.
    fn advantage(epsilon: f64, sensitivity: f64) -> f64 {
        let periods = 40_000;
        let told = |count: f64, first: u64| -> Vec<f64> {
            let of = |period| Noise::new(key(period), epsilon, sensitivity).expect("noise").add(count, 3);
            (first..first + periods).map(of).collect()
        };
        let (with, without) = (told(20.0 + sensitivity, 0), told(20.0, periods));
        let share = |counts: &[f64], threshold: f64| {
            counts.iter().filter(|count| **count >= threshold).count() as f64 / counts.len() as f64
        };
        let thresholds = (0..400).map(|step| 10.0 + f64::from(step) / 10.0);
        thresholds.map(|threshold| share(&with, threshold) - share(&without, threshold)).fold(0.0, f64::max)
    }

    #[test]
    fn a_thief_who_knows_everybody_else_learns_little() {
        for (epsilon, sensitivity) in [(1.0, 4.0), (0.5, 4.0), (2.0, 2.0), (1.0, 1.0)] {
            let limit = (f64::exp(epsilon) - 1.0) / (f64::exp(epsilon) + 1.0);
            let found = advantage(epsilon, sensitivity);
            // Two shares of 40 000 differ by 0.01 by chance.
            assert!(found <= limit + 0.01, "epsilon {epsilon}: advantage {found:.3}, at most {limit:.3}");
            assert!(found > 0.5 * limit, "epsilon {epsilon}: {found:.3}; more noise than was asked for");
        }
    }

    #[test]
    fn the_noise_has_the_spread_of_its_law() {
        let noise = |period| Noise::new(key(period), 1.0, 4.0).expect("noise");
        let draws: Vec<f64> = (0..20_000).map(|period| noise(period).add(0.0, 1)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let sd = (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64).sqrt();
        assert!(mean.abs() < 0.15 && (sd / noise(0).sd() - 1.0).abs() < 0.03, "{mean} {sd}");
        assert!((noise(0).sd() - 5.6).abs() < 0.1, "methods (d): 5.6 at epsilon 1 and four movements");
        assert_eq!(noise(5).add(3.0, 1), noise(5).add(3.0, 1));
        assert!(Noise::new(key(0), 0.0, 4.0).is_none());
    }
}
