//! What a venue's own log teaches: one linear estimate per campaign, learned offer by offer.
//!
//! In: numbers about an offer with the model's score among them, and later 1 or 0 for what became of it.
//! Out: the estimated probability that it is redeemed. Ridge regression towards a start (the score alone),
//! its inverse kept up to date by Sherman and Morrison's rule, so that a board learns in microseconds. The
//! same offers in the same order give the same bits. It refuses stored bytes that are not its own.

use super::features::WIDTH;

/// Numbers a head of this engine is told: one, the score, and the features brought to a common size.
pub const INPUTS: usize = WIDTH + 2;
/// Widest head: its inverse then has 32 kB.
pub const INPUTS_MAX: usize = 64;
/// Weight of the start against offers, in offers: that of the reference simulation of the method.
const RIDGE: f64 = 5.0;
/// First byte of stored heads.
const VERSION: u8 = 1;

/// Middle and spread of each feature, those of the simulated log the model was trained on
/// (`models/simulate.py`): a ridge is fair only among numbers of one size.
const SCALES: [(f32, f32); WIDTH] = [
    (520.0, 280.0),
    (72.0, 66.0),
    (450.0, 290.0),
    (14.0, 10.0),
    (2.0, 2.0),
    (0.3, 0.5),
    (43.0, 28.0),
    (510.0, 540.0),
    (240.0, 240.0),
    (170.0, 90.0),
    (0.9, 1.0),
    (0.3, 0.5),
    (0.0, 0.7),
    (0.0, 0.7),
    (24.0, 15.0),
    (10.0, 9.0),
];

/// What a head is told about one offer: its feature row and the model's score.
pub fn input(row: &[f32], score: f32) -> [f32; INPUTS] {
    let mut input = [0.0; INPUTS];
    (input[0], input[1]) = (1.0, score);
    for ((place, value), (middle, spread)) in input[2..].iter_mut().zip(row).zip(SCALES) {
        // Held at three spreads: a queue of an hour is no twelve times the lesson of one of ten minutes.
        *place = ((value - middle) / spread).clamp(-3.0, 3.0);
    }
    input
}

/// One linear estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Inverse of ridge plus the sum of outer products, row by row.
    inverse: Vec<f64>,
    /// Sum of inputs times outcomes, with the start's.
    moments: Vec<f64>,
    weights: Vec<f64>,
    learned: u64,
}

impl Head {
    /// A head that estimates by `start` until it has learned otherwise; at most `INPUTS_MAX` weights.
    pub fn new(start: &[f64]) -> Self {
        let width = start.len().min(INPUTS_MAX);
        let mut inverse = vec![0.0; width * width];
        inverse.iter_mut().step_by(width + 1).for_each(|place| *place = 1.0 / RIDGE);
        let moments = start[..width].iter().map(|weight| weight * RIDGE).collect();
        Self { inverse, moments, weights: start[..width].to_vec(), learned: 0 }
    }

    /// A head that begins with the model's score as its estimate.
    pub fn of_score() -> Self {
        let mut start = [0.0; INPUTS];
        start[1] = 1.0;
        Self::new(&start)
    }

    /// The estimate, held between 0 and 1.
    pub fn estimate(&self, input: &[f32]) -> f64 {
        let sum: f64 = self.weights.iter().zip(input).map(|(weight, value)| weight * f64::from(*value)).sum();
        sum.clamp(0.0, 1.0)
    }

    /// Learns that an offer with these numbers ended with `outcome` (1 redeemed, 0 not).
    pub fn learn(&mut self, input: &[f32], outcome: f64) {
        let width = self.weights.len();
        if input.len() != width || !input.iter().all(|value| value.is_finite()) {
            return;
        }
        let dot = |row: &[f64]| row.iter().zip(input).map(|(a, b)| a * f64::from(*b)).sum::<f64>();
        let turned: Vec<f64> = self.inverse.chunks(width).map(dot).collect();
        let scale = 1.0 / (1.0 + dot(&turned));
        for (row, left) in self.inverse.chunks_mut(width).zip(&turned) {
            row.iter_mut().zip(&turned).for_each(|(place, right)| *place -= left * right * scale);
        }
        for (moment, value) in self.moments.iter_mut().zip(input) {
            *moment += outcome * f64::from(*value);
        }
        for (weight, row) in self.weights.iter_mut().zip(self.inverse.chunks(width)) {
            *weight = row.iter().zip(&self.moments).map(|(a, b)| a * b).sum();
        }
        self.learned += 1;
    }

    /// Numbers it is told.
    pub fn width(&self) -> usize {
        self.weights.len()
    }

    /// Offers learned from.
    pub fn learned(&self) -> u64 {
        self.learned
    }

    /// The head as bytes: version, width, offers learned from, then moments and inverse, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.weights.len() as u8];
        bytes.extend(self.learned.to_le_bytes());
        self.moments.iter().chain(&self.inverse).for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes
    }

    /// The head of `to_bytes`, with the same estimates to the bit; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[version, width], rest) = bytes.split_first_chunk()?;
        let (learned, rest) = rest.split_first_chunk()?;
        let width = usize::from(width);
        if version != VERSION || !(1..=INPUTS_MAX).contains(&width) || rest.len() != 8 * width * (width + 1) {
            return None;
        }
        let numbers: Vec<f64> = rest.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return None;
        }
        let (moments, inverse) = numbers.split_at(width);
        let weigh = |row: &[f64]| row.iter().zip(moments).map(|(a, b)| a * b).sum();
        let learned = u64::from_le_bytes(*learned);
        // Before the first offer the start itself holds, not its way through the inverse and back.
        let weights = match learned {
            0 => moments.iter().map(|moment| moment / RIDGE).collect(),
            _ => inverse.chunks(width).map(weigh).collect(),
        };
        Some(Self { inverse: inverse.to_vec(), moments: moments.to_vec(), weights, learned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn until_something_is_learned_the_score_is_the_estimate() {
        let head = Head::of_score();
        let row = [100.0; WIDTH];
        assert_eq!(head.estimate(&input(&row, 0.25)), 0.25);
        assert_eq!(head.estimate(&input(&row, 7.0)), 1.0);
    }

    #[test]
    fn a_plain_rate_is_learned_and_outweighs_a_wrong_score() {
        let mut head = Head::of_score();
        let told = input(&[0.0; WIDTH], 0.9);
        for round in 0..400 {
            head.learn(&told, f64::from(u8::from(round % 5 == 0)));
        }
        assert!((head.estimate(&told) - 0.2).abs() < 0.01, "{}", head.estimate(&told));
        assert_eq!(head.learned(), 400);
    }

    #[test]
    fn what_it_cannot_read_is_no_head() {
        let good = Head::of_score().to_bytes();
        let check = |bytes: &[u8]| assert_eq!(Head::from_bytes(bytes), None, "{} bytes", bytes.len());
        check(&[]);
        check(&good[..good.len() - 1]);
        check(&[&good[..], &[0]].concat());
        check(&[&[2], &good[1..]].concat());
        check(&[&good[..10], &[0xff; 8], &good[18..]].concat());
    }

    proptest! {
        #[test]
        fn stored_and_read_again_it_goes_on_to_the_bit(
            offers in prop::collection::vec((prop::array::uniform4(-3.0_f32..3.0), any::<bool>()), 0..40)
        ) {
            let mut head = Head::new(&[0.06, 0.0, 0.0, 0.0]);
            for (told, redeemed) in &offers {
                head.learn(told, f64::from(u8::from(*redeemed)));
                head = Head::from_bytes(&head.to_bytes()).expect("its own bytes");
            }
            let mut unbroken = Head::new(&[0.06, 0.0, 0.0, 0.0]);
            offers.iter().for_each(|(told, redeemed)| unbroken.learn(told, f64::from(u8::from(*redeemed))));
            prop_assert_eq!(head.to_bytes(), unbroken.to_bytes());
            prop_assert_eq!(head.estimate(&[1.0; 4]).to_bits(), unbroken.estimate(&[1.0; 4]).to_bits());
        }
    }
}
