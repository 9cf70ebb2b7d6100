//! How well what was heard fits each believed cell and offset.
//!
//! In: a window and the map. Out: a log-likelihood (to base 2) per cell and offset, from tables of differences
//! in half decibels, so that no logarithm or square is taken while working. Large differences count no more
//! than medium ones: a body or a reflection may cause any. Silence of a receiver that hears others counts too.

use super::window::{Heard, Window};
use super::{OFFSET_STEP_DB, OFFSETS};
use crate::radio_map::{Assumptions, RadioMap, SPREAD_CLASSES, STEPS_PER_DB};

/// Entries of a table: from -64 dB to +63.5 dB of difference, or from -120 dBm to +7.5 dBm of level.
const ENTRIES: usize = 256;

/// The entry of no difference.
const NO_DIFFERENCE: i32 = 128;

/// The level of the first entry of the table of silence, in halves of a decibel.
const WEAKEST: i32 = -120 * STEPS_PER_DB as i32;

/// Numbers of adverts in a window that have a table of their own; between them the smaller one's serves.
const COUNTS: [u8; 4] = [1, 2, 4, 8];

/// Offsets in halves of a decibel.
const OFFSET_STEP: i32 = (OFFSET_STEP_DB * STEPS_PER_DB) as i32;

/// Squared differences beyond three standard deviations count as three (methods: robust clip).
const SQUARE_MAX: f32 = 9.0;

/// Level at which every second advert is lost, dBm (usual sensitivity of the receivers' chips), and how fast
/// that changes with level, dB.
const HALF_HEARD_DBM: f32 = -95.0;
const HEARING_WIDTH_DB: f32 = 3.0;

/// Adverts lost however near, by collisions and gaps in scanning; a receiver that scans one channel at a time loses
/// most. Where few are lost, silence tells hardly less for it (zones right in simulated halls: no change from 0.3 to
/// 0.6); where 70 % are, 0.3 costs 6 points of them.
const LOST: f32 = 0.6;

/// Adverts a silent receiver is blamed for in one window, at most: after these it is more likely out of order.
const SENT_MAX: u8 = 3;

type Table = [f32; ENTRIES];

/// Tables of log-likelihoods.
#[derive(Debug)]
pub(crate) struct Likelihood {
    /// By class of spread and class of counts.
    differences: Vec<Table>,
    /// Of one advert not being heard, by level.
    silence: Table,
    offsets: Offsets,
}

impl Likelihood {
    pub(crate) fn new(assumptions: &Assumptions) -> Self {
        let spreads = 1..=SPREAD_CLASSES;
        let pairs = spreads.flat_map(|spread_db| COUNTS.map(|count| (f32::from(spread_db), f32::from(count))));
        let fading_db = assumptions.fading_db;
        Self {
            differences: pairs.map(|(spread_db, count)| of_differences(spread_db, fading_db, count)).collect(),
            silence: of_silence(),
            offsets: Offsets::new(assumptions.transmit_db),
        }
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Fills in the log-likelihood of a window, cell by cell.
    pub(crate) fn of_window(&self, cells: &[u16], window: &Window, map: &RadioMap, out: &mut Vec<[f32; OFFSETS]>) {
        out.clear();
        out.resize(cells.len(), [0.0; OFFSETS]);
        for heard in window.heard() {
            self.add_heard(cells, map, heard, out);
        }
        for receiver in map.receivers() {
            if !window.has(receiver) && map.listening(receiver, window.end()) {
                self.add_silence(cells, map.levels(receiver), window, out);
            }
        }
    }

    fn add_heard(&self, cells: &[u16], map: &RadioMap, heard: &Heard, out: &mut [[f32; OFFSETS]]) {
        let observed = (heard.mean_dbm() * STEPS_PER_DB).round() as i32 + NO_DIFFERENCE - lowest_offset();
        let count = COUNTS.iter().rposition(|count| *count <= heard.count).unwrap_or(0);
        let (levels, spreads) = (map.levels(heard.receiver), map.spreads(heard.receiver));
        for (cell, out) in cells.iter().zip(out) {
            let cell = usize::from(*cell);
            let table = &self.differences[usize::from(spreads[cell]) * COUNTS.len() + count];
            let mut difference = observed - i32::from(levels[cell]);
            for value in out {
                *value += table[difference.clamp(0, ENTRIES as i32 - 1) as usize];
                difference -= OFFSET_STEP;
            }
        }
    }

    fn add_silence(&self, cells: &[u16], levels: &[i16], window: &Window, out: &mut [[f32; OFFSETS]]) {
        let sent = f32::from(window.sent().min(SENT_MAX));
        for (cell, out) in cells.iter().zip(out) {
            let mut entry = i32::from(levels[usize::from(*cell)]) + lowest_offset() - WEAKEST;
            for value in out {
                *value += sent * self.silence[entry.clamp(0, ENTRIES as i32 - 1) as usize];
                entry += OFFSET_STEP;
            }
        }
    }
}

/// The lowest offset in halves of a decibel.
const fn lowest_offset() -> i32 {
    -((OFFSETS / 2) as i32) * OFFSET_STEP
}

fn of_silence() -> Table {
    std::array::from_fn(|entry| {
        let level_dbm = (entry as i32 + WEAKEST) as f32 / STEPS_PER_DB;
        let hears = (1.0 - LOST) / (1.0 + ((HALF_HEARD_DBM - level_dbm) / HEARING_WIDTH_DB).exp());
        (1.0 - hears).log2()
    })
}

/// A clipped Gaussian. Its height belongs to it: cells with a wider spread expect less of any one level.
fn of_differences(spread_db: f32, fading_db: f32, count: f32) -> Table {
    let variance = spread_db * spread_db + fading_db * fading_db / count;
    std::array::from_fn(|entry| {
        let difference_db = (entry as i32 - NO_DIFFERENCE) as f32 / STEPS_PER_DB;
        let square = (difference_db * difference_db / variance).min(SQUARE_MAX);
        -0.5 * (square * std::f32::consts::LOG2_E + variance.log2())
    })
}

/// How much more or less transmitters send than usual, in steps of `OFFSET_STEP_DB` around none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets {
    shares: [f32; OFFSETS],
}

impl Offsets {
    fn new(transmit_db: f32) -> Self {
        // Known transmitters still differ by how they are carried.
        let steps = transmit_db.max(TRANSMIT_MIN_DB) / OFFSET_STEP_DB;
        let weight = |offset: usize| (-0.5 * ((offset as f32 - (OFFSETS / 2) as f32) / steps).powi(2)).exp();
        let weights: [f32; OFFSETS] = std::array::from_fn(weight);
        let sum: f32 = weights.iter().sum();
        Self { shares: weights.map(|weight| weight / sum) }
    }

    /// How many transmitters have each offset.
    pub(crate) fn shares(&self) -> [f32; OFFSETS] {
        self.shares
    }
}

/// Least spread of transmitters, dB; less could not be told apart in steps of 4 dB.
const TRANSMIT_MIN_DB: f32 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_levels_fit_better_up_to_the_clip() {
        let table = of_differences(4.0, 5.0, 1.0);
        let at = |difference_db: i32| table[(NO_DIFFERENCE + 2 * difference_db) as usize];
        assert!(at(0) > at(5) && at(5) > at(15));
        assert_eq!(at(30), at(40));
    }

    #[test]
    fn silence_speaks_against_near_cells_only() {
        let table = of_silence();
        let at = |level_dbm: i32| table[(2 * level_dbm - WEAKEST) as usize];
        assert!(at(-60) < -0.7 && at(-110) > -0.05);
    }
}
