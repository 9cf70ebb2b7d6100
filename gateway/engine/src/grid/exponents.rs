//! Which path loss exponent a venue has.
//!
//! In: windows of devices nobody knows the places of. Out: the exponent with its standard deviation. Each of some
//! exponents is judged by how likely it makes a window with its sender anywhere: near one receiver, how much weaker
//! do the others hear it? Believed places are not asked, since the exponent in use has drawn them. It refuses
//! windows that come soon after another, which tell the same, and those heard by one receiver only.

use super::hearing::Hearing;
use super::likelihood::Likelihood;
use super::powers::{exp2, log2};
use super::window::Window;
use crate::radio_map::RadioMap;
use crate::time::{Duration, Timestamp};

/// Exponents judged: a corridor that guides waves to a hall full of shelves.
const EXPONENTS: [f32; 8] = [1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0, 3.3];

/// One window is judged in so much time, whosever it is: it costs some 10 µs.
const EVERY: Duration = Duration::from_millis(250);

/// Weight of a window against an independent one: people stand, and their shadowing with them.
const WEIGHT: f32 = 0.05;

/// Share of what is known that each window replaces: the last quarter of an hour counts.
const FADES: f32 = 3e-4;

/// Cells in which the sender is tried, at most.
const CELLS_MAX: usize = 256;

/// What speaks for each exponent.
#[derive(Debug)]
pub(crate) struct Exponents {
    /// Logarithms to base 2.
    evidence: [f32; EXPONENTS.len()],
    judged_at: Timestamp,
}

impl Exponents {
    /// Nothing known.
    pub(crate) fn new() -> Self {
        Self { evidence: [0.0; EXPONENTS.len()], judged_at: Timestamp::MIN }
    }

    /// Judges by a window. `by_cell` is how likely a sender is in each cell before it is heard.
    pub(crate) fn judge(
        &mut self,
        window: &Window,
        map: &RadioMap,
        likelihood: &Likelihood,
        hearing: &Hearing,
        by_cell: &[f32],
    ) {
        if window.heard().len() < 2 || window.middle().since(self.judged_at) < EVERY {
            return;
        }
        self.judged_at = window.middle();
        let offsets = likelihood.offsets().shares();
        let stride = by_cell.len().div_ceil(CELLS_MAX);
        let looks: Vec<_> = likelihood.looks(window, map, hearing).collect();
        let fit = |exponent: f32| {
            let more = exponent - map.exponent() as f32;
            let (mut best, mut sum) = (f32::MIN, 0.0);
            for (cell, probability) in (0u16..).zip(by_cell).step_by(stride) {
                let logs = likelihood.at_exponent(cell, &looks, map, more);
                for (log, share) in logs.iter().zip(offsets) {
                    if *log > best {
                        sum *= exp2((best - log).max(f32::MIN_EXP as f32));
                        best = *log;
                    }
                    sum += probability * share * exp2(log - best);
                }
            }
            best + log2(sum)
        };
        let fits = EXPONENTS.map(fit);
        let best = fits.iter().fold(f32::MIN, |best, fit| best.max(*fit));
        for (evidence, fit) in self.evidence.iter_mut().zip(fits) {
            *evidence = (1.0 - FADES) * *evidence + WEIGHT * (fit - best);
        }
    }

    /// Mean and standard deviation, given those assumed before.
    pub(crate) fn estimate(&self, assumed: f64, spread: f64) -> (f64, f64) {
        let log = |(exponent, evidence): (&f32, &f32)| {
            let away = (f64::from(*exponent) - assumed) / spread;
            f64::from(*evidence) - 0.5 * away * away * std::f64::consts::LOG2_E
        };
        let logs: Vec<f64> = EXPONENTS.iter().zip(&self.evidence).map(log).collect();
        let best = logs.iter().copied().fold(f64::MIN, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - best).exp2()).collect();
        let sum: f64 = weights.iter().sum();
        let expect = |value: &dyn Fn(f64) -> f64| {
            let terms = weights.iter().zip(EXPONENTS).map(|(weight, exponent)| weight * value(f64::from(exponent)));
            terms.sum::<f64>() / sum
        };
        let mean = expect(&|exponent| exponent);
        (mean, expect(&|exponent| (exponent - mean).powi(2)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::grid::tests::HALL;
    use crate::radio_map::Assumptions;
    use crate::venue::{FloorId, ReceiverId, Venue};

    /// The exponent found after people stood at many places of a hall.
    fn found(exponent: f64) -> (f64, f64) {
        let venue = Venue::parse(HALL).expect("plan");
        let mut grid = Grid::new(&venue, RadioMap::new(&venue, Assumptions::default()));
        let mut exponents = Exponents::new();
        for second in 0..600i64 {
            let at = [1.0 + (second * 7 % 38) as f64, 0.5 + (second * 3 % 9) as f64];
            let mut window = Window::new(Timestamp::from_micros(second * 1_000_000));
            for index in 0..venue.receivers.len() as u8 {
                let receiver = ReceiverId(index);
                grid.map.listen(receiver, window.middle());
                let cell = grid.map.cells().at(FloorId(0), at).expect("on the floor");
                let path_db = exponent * f64::from(grid.map.distances_db(receiver)[usize::from(cell)]);
                // Shadowing that is as often above as below.
                let level_dbm = -62.0 - path_db + ((second * (1 + i64::from(index))) % 9) as f64 - 4.0;
                if level_dbm > -92.0 {
                    window.add(receiver, level_dbm.round() as i8);
                }
            }
            exponents.judge(&window, &grid.map, &grid.likelihood, &grid.hearing, &grid.prior.by_cell);
        }
        exponents.estimate(2.0, 0.6)
    }

    #[test]
    fn a_steep_hall_and_a_gentle_one_are_told_apart() {
        let ((gentle, _), (steep, spread)) = (found(1.5), found(2.8));
        // Ten minutes are worth thirty looks: what was assumed still counts.
        assert!((gentle - 1.5).abs() < 0.3 && (2.2..3.1).contains(&steep), "{gentle} {steep}");
        assert!(spread < 0.4, "{spread}");
    }

    #[test]
    fn before_anything_is_heard_it_is_what_was_assumed() {
        let (mean, spread) = Exponents::new().estimate(2.25, 0.3);
        assert!((mean - 2.25).abs() < 0.01 && (spread - 0.3).abs() < 0.03, "{mean} {spread}");
    }
}
