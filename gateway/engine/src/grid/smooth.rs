//! What is believed of a moment in hindsight.
//!
//! In: a belief for the middle of a window and the windows that passed since. Out: the posterior of that moment, and
//! the belief in hindsight in the work room, for learning. What came later is weighed as what came before is: it
//! counts in part, and the less the later it came. It refuses hindsight beyond `HINDSIGHT`, so that a posterior does
//! not depend on when it is asked for.

use super::{Belief, Grid, HINDSIGHT, MODES, OFFSETS, motion, total};
use crate::grid::posterior::Told;
use crate::grid::powers::{exp2, log2};

impl Grid {
    /// Tells what is believed, in hindsight, of the window worked off last.
    pub(super) fn look_back(&mut self, belief: &mut Belief) {
        self.later(belief);
        let mut sum = 0.0;
        for (later, mass) in self.work.later.iter_mut().zip(&belief.mass) {
            let values = later.as_flattened_mut().iter_mut().zip(mass.as_flattened());
            values.for_each(|(later, mass)| *later *= mass);
            sum += total(later);
        }
        // What came later may be impossible anywhere that was believed before; then it tells nothing.
        if sum > f32::MIN_POSITIVE {
            self.work.later.iter_mut().flatten().flatten().for_each(|value| *value /= sum);
        } else {
            self.work.later.clone_from(&belief.mass);
        }
        belief.hindsight.clear();
        belief.hindsight.reserve_exact(self.work.later.len());
        belief.hindsight.extend(self.work.later.iter().map(total));
        let told = Told { at: belief.at, posterior: self.describe(&belief.cells, &self.work.later) };
        belief.told.swap(0, 1);
        belief.told[1] = Some(told);
    }

    /// How likely what came within hindsight is, by believed cell and state, 1 at best.
    fn later(&mut self, belief: &Belief) {
        self.work.later.clear();
        self.work.later.resize(belief.cells.len(), [[1.0; OFFSETS]; MODES]);
        let known = belief.waiting.iter().filter(|window| window.middle() <= belief.at + HINDSIGHT);
        let windows: Vec<_> = known.collect();
        for (index, window) in windows.iter().enumerate().rev() {
            let before = index.checked_sub(1).map_or(belief.at, |before| windows[before].middle());
            let passed_s = window.middle().since(before).as_secs_f64() as f32;
            self.weights(&belief.cells, window);
            for (later, weights) in self.work.later.iter_mut().zip(&self.work.log_likelihood) {
                for mode in later.iter_mut() {
                    mode.iter_mut().zip(weights).for_each(|(value, weight)| *value *= weight);
                }
            }
            motion::retrace(&belief.cells, &self.map, &mut self.work, self.likelihood.offsets(), passed_s);
            let keep = self.kept(passed_s);
            let values = self.work.later.as_flattened_mut().as_flattened_mut();
            let best = values.iter().fold(0.0f32, |best, value| best.max(*value)).max(f32::MIN_POSITIVE);
            values.iter_mut().for_each(|value| *value = exp2(keep * log2(*value / best)));
        }
    }
}
