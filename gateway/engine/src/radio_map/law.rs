//! What is learned of receivers' gains and the path loss exponent.
//!
//! In: lessons, each a level heard by a receiver from a place that is known or believed. Out: a gain per
//! receiver with its variance, and the exponent that fits best. It refuses to stray far from what was assumed on
//! little evidence: each answer is weighed against a prior.
//!
//! Fed with beliefs after each update this is the online form of expectation and maximisation (Cappé and
//! Moulines, "On-line expectation-maximization algorithm for latent data models", 2009): receivers need no
//! calibration, the people who walk by do it.

use super::{Assumptions, RadioMap};
use crate::venue::ReceiverId;

/// Weighted sums of what one receiver heard.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weight: f64,
    distance: f64,
    distance_squared: f64,
    level: f64,
    level_distance: f64,
}

/// Running sums by receiver.
#[derive(Clone, Debug)]
pub struct Law {
    sums: Vec<Sums>,
}

/// One level heard from one place, or in expectation over places.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lesson {
    /// Its weight: the inverse of a variance, dB⁻².
    pub weight: f64,
    /// Mean of ten times the decades of distance.
    pub distance: f64,
    /// Mean of its square.
    pub distance_squared: f64,
    /// Mean level above what it would be without gain and path loss, dB.
    pub level_db: f64,
    /// Mean of that times distance.
    pub level_distance: f64,
}

impl Law {
    /// Nothing learned.
    pub fn new(map: &RadioMap) -> Self {
        Self { sums: map.receivers().map(|_| Sums::default()).collect() }
    }

    /// Takes a lesson in.
    pub fn learn(&mut self, receiver: ReceiverId, lesson: &Lesson) {
        let sums = &mut self.sums[usize::from(receiver.0)];
        sums.weight += lesson.weight;
        sums.distance += lesson.weight * lesson.distance;
        sums.distance_squared += lesson.weight * lesson.distance_squared;
        sums.level += lesson.weight * lesson.level_db;
        sums.level_distance += lesson.weight * lesson.level_distance;
    }

    /// Lets all lessons count for less.
    pub fn fade(&mut self, by: f64) {
        for sums in &mut self.sums {
            sums.weight *= by;
            sums.distance *= by;
            sums.distance_squared *= by;
            sums.level *= by;
            sums.level_distance *= by;
        }
    }

    /// The exponent that fits best, with gains free within their prior. Only lessons from known places may be
    /// asked: over beliefs, which are wide, it would come out too small.
    pub fn exponent(&self, assumptions: &Assumptions) -> f64 {
        let gain_precision = assumptions.gain_db.hypot(assumptions.common_gain_db).powi(-2);
        let precision = assumptions.exponent_spread.powi(-2);
        let (mut above, mut below) = (precision * assumptions.path_loss_exponent, precision);
        for sums in &self.sums {
            let total = sums.weight + gain_precision;
            below += sums.distance_squared - sums.distance * sums.distance / total;
            above += sums.distance * sums.level / total - sums.level_distance;
        }
        above / below
    }

    /// Gains at an exponent, each with its variance. Receivers share a common gain that is little known, as the
    /// usual transmitter is, and differ from it by less.
    pub fn gains(&self, assumptions: &Assumptions, exponent: f64) -> Vec<(f64, f64)> {
        let apart = assumptions.gain_db.powi(-2);
        let mut common_precision = assumptions.common_gain_db.powi(-2);
        let mut common_db = 0.0;
        for sums in self.sums.iter().filter(|sums| sums.weight > 0.0) {
            let precision = sums.weight * apart / (sums.weight + apart);
            common_precision += precision;
            common_db += precision * (sums.level + exponent * sums.distance) / sums.weight;
        }
        common_db /= common_precision;
        let gain = |sums: &Sums| {
            let precision = sums.weight + apart;
            ((sums.level + exponent * sums.distance + apart * common_db) / precision, 1.0 / precision)
        };
        self.sums.iter().map(gain).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::Venue;

    #[test]
    fn gains_and_exponent_come_back_from_known_places() {
        let plan = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
            [[receiver]]\nname = \"a\"\nx_m = 5\ny_m = 5\n[[receiver]]\nname = \"b\"\nx_m = 15\ny_m = 5\n";
        let map = RadioMap::new(&Venue::parse(plan).expect("plan"), Assumptions::default());
        let mut law = Law::new(&map);
        for (receiver, gain_db) in [(0, 4.0), (1, -3.0)] {
            for step in 0..100 {
                let distance = f64::from(step) * 0.1;
                let level_db = gain_db - 2.6 * distance;
                let (distance_squared, level_distance) = (distance * distance, level_db * distance);
                let lesson = Lesson { weight: 1.0, distance, distance_squared, level_db, level_distance };
                law.learn(ReceiverId(receiver), &lesson);
            }
        }
        let exponent = law.exponent(map.assumptions());
        let gains = law.gains(map.assumptions(), exponent);
        assert!((exponent - 2.6).abs() < 0.01, "{exponent}");
        assert!((gains[0].0 - 4.0).abs() < 0.1 && (gains[1].0 + 3.0).abs() < 0.1, "{gains:?}");
    }
}
