//! What devices teach about the receivers' gains and the venue's path loss.
//!
//! In: beliefs in hindsight with the windows they were heard in, and moments at which somebody's place is known, as at
//! a till. Out: gains and the path loss exponent, set anew every ten seconds. It refuses to teach a map that labelled places taught better.

use super::window::{Heard, Window};
use super::{Belief, Grid, Mass, OFFSET_STEP_DB, OFFSETS, total};
use crate::geometry::Point;
use crate::radio_map::RadioMap;
use crate::radio_map::law::Lesson;
use crate::time::Duration;
use crate::venue::FloorId;

/// Every how many updates a device teaches the receivers' gains: windows in a row tell the same.
pub(super) const LEARN_EVERY: u8 = 4;

/// Weight of such a lesson against an independent one.
const LESSON_WEIGHT: f64 = 0.4;

/// Gains are set anew at most this often; computing the map anew costs up to a millisecond.
const TEACH_EVERY: Duration = Duration::from_secs(10);

/// Lessons count half after this many seconds: what an evening changes in a hall.
const LESSON_HALF_LIFE_S: f64 = 3_600.0;

/// An exponent is never known better than this, standard deviation: one does not hold for a whole venue.
const EXPONENT_SPREAD_MIN: f64 = 0.45;

impl Grid {
    /// Lets a device whose place is known now teach those that hear it. What it says where it is counts for more than
    /// what is believed.
    pub fn teach(&mut self, belief: &Belief, floor: FloorId, point: Point) {
        let Some(cell) = self.map.cells().at(floor, point).filter(|_| !self.map.is_learned()) else { return };
        let offset_db: f32 = belief.mass.iter().map(mean_offset_db).sum();
        let windows = belief.waiting.iter().chain([&belief.window]);
        for heard in windows.flat_map(Window::heard) {
            let believed = lesson(&self.map, &[cell], &[(1.0, offset_db)], heard);
            // A known place is as good as several believed ones in a row.
            let known = Lesson { weight: believed.weight / LESSON_WEIGHT, ..believed };
            self.law.learn(heard.receiver, &known);
        }
    }

    /// Lets the device teach the receivers that heard it their gains.
    pub(super) fn learn(&mut self, belief: &Belief, window: &Window) {
        let moments = &mut self.work.moments;
        moments.clear();
        moments.extend(self.work.later.iter().map(|mass| (total(mass), mean_offset_db(mass))));
        for heard in window.heard() {
            let lesson = lesson(&self.map, &belief.cells, moments, heard);
            self.law.learn(heard.receiver, &lesson);
        }
        let at = window.middle();
        let passed = at.since(self.taught_at);
        if passed < TEACH_EVERY {
            return;
        }
        self.law.fade(0.5f64.powf(passed.as_secs_f64() / LESSON_HALF_LIFE_S));
        self.taught_at = at;
        let assumptions = self.map.assumptions();
        let (exponent, spread) = self.exponents.estimate(assumptions.path_loss_exponent, assumptions.exponent_spread);
        self.map.set_exponent(exponent, spread.max(EXPONENT_SPREAD_MIN));
        self.map.set_gains(&self.law.gains(self.map.assumptions(), self.map.exponent()));
    }
}

/// The offset expected of a device in a cell times its probability, dB.
fn mean_offset_db(mass: &Mass) -> f32 {
    let offset_db = |offset: usize| (offset as f32 - (OFFSETS / 2) as f32) * OFFSET_STEP_DB;
    (0..OFFSETS).map(|offset| (mass[0][offset] + mass[1][offset]) * offset_db(offset)).sum()
}

/// What one receiver's level teaches, in expectation over a belief.
fn lesson(map: &RadioMap, cells: &[u16], moments: &[(f32, f32)], heard: &Heard) -> Lesson {
    let assumptions = map.assumptions();
    let variance = assumptions.shadowing_db.powi(2) + assumptions.fading_db.powi(2) / f32::from(heard.count);
    let mut lesson = Lesson { weight: LESSON_WEIGHT / f64::from(variance), ..Lesson::default() };
    let distances_db = map.distances_db(heard.receiver);
    for (cell, (probability, offset_db)) in cells.iter().zip(moments) {
        let (probability, distance) = (f64::from(*probability), f64::from(distances_db[usize::from(*cell)]));
        let bare_dbm = map.bare_dbm(heard.receiver, *cell);
        let level_db = probability * (f64::from(heard.mean_dbm()) - bare_dbm) - f64::from(*offset_db);
        lesson.distance += probability * distance;
        lesson.distance_squared += probability * distance * distance;
        lesson.level_db += level_db;
        lesson.level_distance += level_db * distance;
    }
    lesson
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::tests::{HALL, sighting};
    use crate::radio_map::Assumptions;
    use crate::time::Timestamp;
    use crate::venue::Venue;

    #[test]
    fn somebody_at_a_known_place_teaches_the_receivers_that_hear_her() {
        let venue = Venue::parse(HALL).expect("plan");
        let mut grid = Grid::new(&venue, RadioMap::new(&venue, Assumptions::default()));
        let mut belief = Belief::new(Timestamp::from_micros(0));
        // She stands at the eastern receiver, which hears her 12 dB worse than it should.
        for second in 0..20 {
            for (receiver, rssi_dbm) in [(1, -83), (2, -73)] {
                grid.hear(&mut belief, &sighting(second * 1_000 + 100, receiver, rssi_dbm));
            }
        }
        let gain_db = |grid: &Grid| {
            let gains = grid.law.gains(grid.map.assumptions(), grid.map.exponent());
            gains[2].0 - gains[1].0
        };
        let before_db = gain_db(&grid);
        (0..20).for_each(|_| grid.teach(&belief, FloorId(0), [35.0, 5.0]));
        assert!(gain_db(&grid) < before_db - 1.0, "{before_db} {}", gain_db(&grid));
    }
}
