//! How well what was heard fits each believed cell and offset.
//!
//! In: a window and the map. Out: a log-likelihood (to base 2) per cell and offset, from tables of differences
//! in half decibels, so that no logarithm or square is taken while working. Large differences count no more
//! than medium ones: a body or a reflection may cause any. Adverts that a receiver missed count too: at the edge
//! of hearing only the strong ones come through, and by their levels alone the sender would seem near.

use super::hearing::{HEARING_CLASSES, Hearing};
use super::window::{Heard, Window};
use super::{OFFSET_STEP_DB, OFFSETS};
use crate::radio_map::{Assumptions, RadioMap, SPREAD_CLASSES, STEPS_PER_DB};
use crate::venue::ReceiverId;

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

/// Level at which every second advert is lost, dBm (usual sensitivity of the receivers' chips, less a bad
/// antenna), and how fast that changes with level, dB: fading and the map's doubt widen it.
const HALF_HEARD_DBM: f32 = -92.0;
const HEARING_WIDTH_DB: f32 = 5.0;

/// Missed adverts a receiver is blamed for in one window, at most: after these it is more likely out of order.
const MISSED_MAX: u8 = 3;

/// Distance at which another exponent changes no level, decades times ten: 5 m, where most levels come from.
const PIVOT_DB: f32 = 7.0;

/// Class of spread of places beside what the exponent explains: 5 dB, shadowing and receivers' gains.
const PLACE_SPREAD: usize = 4;

type Table = [f32; ENTRIES];

/// One value for each transmitter offset.
pub(crate) type Offset = [f32; OFFSETS];

/// Tables of log-likelihoods.
#[derive(Debug)]
pub(crate) struct Likelihood {
    /// By class of spread and class of counts.
    differences: Vec<Table>,
    /// Of one advert not being heard, by class of hearing and by level.
    silence: [Table; HEARING_CLASSES],
    offsets: Offsets,
}

impl Likelihood {
    pub(crate) fn new(assumptions: &Assumptions) -> Self {
        let spreads = 1..=SPREAD_CLASSES;
        let pairs = spreads.flat_map(|spread_db| COUNTS.map(|count| (f32::from(spread_db), f32::from(count))));
        let fading_db = assumptions.fading_db;
        Self {
            differences: pairs.map(|(spread_db, count)| of_differences(spread_db, fading_db, count)).collect(),
            silence: std::array::from_fn(|class| of_silence(Hearing::share_of(class))),
            offsets: Offsets::new(assumptions.transmit_db),
        }
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// What each receiver has to say of a window, worked out once for all cells.
    pub(crate) fn looks<'a>(
        &'a self,
        window: &'a Window,
        map: &'a RadioMap,
        hearing: &'a Hearing,
    ) -> impl Iterator<Item = Look<'a>> {
        let sent = window.sent();
        map.receivers().map(move |receiver| {
            let heard = window.of(receiver);
            let missed = sent - heard.map_or(0, |heard| heard.count);
            let blamed = missed > 0 && map.listening(receiver, window.end());
            Look {
                receiver,
                heard: heard.map(Strength::of),
                missed: blamed.then(|| (&self.silence[hearing.class(receiver)], f32::from(missed.min(MISSED_MAX)))),
            }
        })
    }

    /// Fills in the log-likelihood of a window, cell by cell.
    pub(crate) fn of_window(
        &self,
        cells: &[u16],
        window: &Window,
        map: &RadioMap,
        hearing: &Hearing,
        out: &mut Vec<Offset>,
    ) {
        out.clear();
        out.resize(cells.len(), [0.0; OFFSETS]);
        for look in self.looks(window, map, hearing) {
            let (levels, spreads) = (map.levels(look.receiver), map.spreads(look.receiver));
            for (cell, out) in cells.iter().zip(out.iter_mut()) {
                let cell = usize::from(*cell);
                self.add(&look, usize::from(spreads[cell]), levels[cell], out);
            }
        }
    }

    /// Log-likelihoods of a window's sender in one cell, were the path loss exponent higher by so much: levels
    /// stay at `PIVOT_DB` of distance. Places are off by as much as an exponent does not explain.
    pub(crate) fn at_exponent(&self, cell: u16, looks: &[Look<'_>], map: &RadioMap, more: f32) -> Offset {
        let (mut out, cell) = ([0.0; OFFSETS], usize::from(cell));
        for look in looks {
            let change_db = more * (PIVOT_DB - map.distances_db(look.receiver)[cell]);
            let level = map.levels(look.receiver)[cell] + (change_db * STEPS_PER_DB).round() as i16;
            self.add(look, PLACE_SPREAD, level, &mut out);
        }
        out
    }

    /// Adds what one receiver says of a cell with this spread and level.
    fn add(&self, look: &Look<'_>, spread: usize, level: i16, out: &mut Offset) {
        if let Some(Strength { observed, count }) = look.heard {
            let table = &self.differences[spread * COUNTS.len() + count];
            let mut difference = observed - i32::from(level);
            for value in out.iter_mut() {
                *value += table[difference.clamp(0, ENTRIES as i32 - 1) as usize];
                difference -= OFFSET_STEP;
            }
        }
        if let Some((table, missed)) = look.missed {
            let mut entry = i32::from(level) + lowest_offset() - WEAKEST;
            for value in out {
                *value += missed * table[entry.clamp(0, ENTRIES as i32 - 1) as usize];
                entry += OFFSET_STEP;
            }
        }
    }
}

/// What one receiver has to say of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    receiver: ReceiverId,
    heard: Option<Strength>,
    /// The table of silence, and how many missed adverts count.
    missed: Option<(&'a Table, f32)>,
}

/// A mean strength as the tables want it.
#[derive(Clone, Copy, Debug)]
struct Strength {
    /// In entries of the table of differences, at the lowest offset.
    observed: i32,
    /// Class of counts.
    count: usize,
}

impl Strength {
    fn of(heard: &Heard) -> Self {
        let observed = (heard.mean_dbm() * STEPS_PER_DB).round() as i32 + NO_DIFFERENCE - lowest_offset();
        Self { observed, count: COUNTS.iter().rposition(|count| *count <= heard.count).unwrap_or(0) }
    }
}

/// The lowest offset in halves of a decibel.
const fn lowest_offset() -> i32 {
    -((OFFSETS / 2) as i32) * OFFSET_STEP
}

/// Of a receiver that hears this share of strong adverts.
fn of_silence(share: f32) -> Table {
    std::array::from_fn(|entry| {
        let level_dbm = (entry as i32 + WEAKEST) as f32 / STEPS_PER_DB;
        let hears = share / (1.0 + ((HALF_HEARD_DBM - level_dbm) / HEARING_WIDTH_DB).exp());
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
        let table = of_silence(0.5);
        let at = |level_dbm: i32| table[(2 * level_dbm - WEAKEST) as usize];
        assert!(at(-60) < -0.7 && at(-110) > -0.05);
    }
}
