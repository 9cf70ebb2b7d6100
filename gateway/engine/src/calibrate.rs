//! Teaches a radio map from labelled moments: who was where while a receiver heard them.
//!
//! In: labels from a ten-minute walk, from tills at redemption, or from anything at rest at a known place. Out:
//! the path loss exponent, receivers' gains, and per receiver and cell a correction with its standard deviation.
//! It refuses to let one person count twice: labels of one place and ten seconds are one look, their median; and
//! where nobody stood it falls back to path loss.
//!
//! Corrections are kriging of what path loss leaves over, per receiver (Rasmussen and Williams, "Gaussian
//! Processes for Machine Learning", 2006, algorithm 2.1, with the Matérn covariance of order 3/2).

use crate::geometry::{self, Point};
use crate::radio_map::law::{Law, Lesson};
use crate::radio_map::{Learned, LearnedReceiver, RadioMap};
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, ReceiverId};
use std::collections::BTreeMap;

/// One strength heard from a known place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// When.
    pub at: Timestamp,
    /// By which receiver.
    pub receiver: ReceiverId,
    /// Where the transmitter was, metres.
    pub point: Point,
    /// On which floor.
    pub floor: FloorId,
    /// How strong.
    pub rssi_dbm: i8,
}

/// Labels of one place within this time are one look.
const LOOK: Duration = Duration::from_secs(10);

/// Length over which shadowing stays alike, metres (methods: 2 to 4).
const LENGTH_M: f64 = 3.0;

/// What a corrected level is off by when somebody else comes another day, standard deviation, dB: other bodies,
/// moved furniture, another way to carry a tag. With 4 dB the errors claimed on measured walks are those made.
const AGEING_DB: f64 = 4.0;

/// Labelled cells a cell is corrected by: the nearest; further ones stand behind them.
const NEAREST: usize = 24;

/// Labelled cells further away than this many lengths say nothing.
const REACH_LENGTHS: f64 = 4.0;

/// What one receiver heard from one cell.
#[derive(Clone, Copy, Debug)]
struct Place {
    cell: u16,
    level_dbm: f64,
    /// Variance of the level as a measure of the cell's mean, dB².
    variance: f64,
}

/// Looks kept: a walk of a day past 32 receivers. Further ones are refused.
const LOOKS_MAX: usize = 1_000_000;

/// Strengths of one look kept; its median no longer moves with further ones.
const STRENGTHS_MAX: usize = 100;

/// Labels gathered: who was where while a receiver heard them.
#[derive(Debug, Default)]
pub struct Survey {
    looks: BTreeMap<(ReceiverId, u16, Timestamp), Vec<i8>>,
}

impl Survey {
    /// Takes a label; false when there is no room for another look, or no such floor or receiver.
    pub fn add(&mut self, map: &RadioMap, label: &Label) -> bool {
        let Some(cell) = map.cells().at(label.floor, label.point) else { return false };
        let key = (label.receiver, cell, label.at.window_start(LOOK));
        let known = usize::from(label.receiver.0) < map.receivers().count();
        if !known || self.looks.len() >= LOOKS_MAX && !self.looks.contains_key(&key) {
            return false;
        }
        let strengths_dbm = self.looks.entry(key).or_default();
        if strengths_dbm.len() < STRENGTHS_MAX {
            strengths_dbm.push(label.rssi_dbm);
        }
        true
    }

    /// Looks of each receiver, and how many cells they came from.
    pub fn seen(&self, map: &RadioMap) -> Vec<(usize, usize)> {
        let of = |receiver: ReceiverId| {
            let from = (receiver, 0, Timestamp::MIN);
            let looks = self.looks.range(from..).take_while(|((by, _, _), _)| *by == receiver);
            let cells: Vec<u16> = looks.map(|((_, cell, _), _)| *cell).collect();
            let looks = cells.len();
            // Looks come in the order of their cells.
            let apart = cells.windows(2).filter(|pair| pair[0] != pair[1]).count();
            (looks, apart + usize::from(looks > 0))
        };
        map.receivers().map(of).collect()
    }

    /// What the labels teach about a map.
    pub fn learn(&self, map: &RadioMap) -> Learned {
        let places = self.places(map);
        let law = law(map, &places);
        let exponent = law.exponent(map.assumptions());
        let gains = law.gains(map.assumptions(), exponent);
        let teach = |(receiver, (gain_db, _)): (ReceiverId, &(f64, f64))| {
            let corrections_db = corrections(map, receiver, exponent, *gain_db, &places[usize::from(receiver.0)]);
            LearnedReceiver { gain_db: *gain_db, corrections_db }
        };
        Learned { exponent, receivers: map.receivers().zip(&gains).map(teach).collect() }
    }

    /// By receiver, the cells it heard a transmitter from: the mean of the looks' medians.
    fn places(&self, map: &RadioMap) -> Vec<Vec<Place>> {
        let mut sums: BTreeMap<(ReceiverId, u16), (f64, f64)> = BTreeMap::new();
        for ((receiver, cell, _), strengths_dbm) in &self.looks {
            let sum = sums.entry((*receiver, *cell)).or_default();
            sum.0 += median(&mut strengths_dbm.clone());
            sum.1 += 1.0;
        }
        let fading = f64::from(map.assumptions().fading_db).powi(2);
        let mut places: Vec<Vec<Place>> = map.receivers().map(|_| Vec::new()).collect();
        for ((receiver, cell), (sum, looks)) in sums {
            let place = Place { cell, level_dbm: sum / looks, variance: AGEING_DB.powi(2) + fading / looks };
            places[usize::from(receiver.0)].push(place);
        }
        places
    }
}

/// What labels teach about a map; those of receivers or floors the map does not have are ignored.
pub fn learn(map: &RadioMap, labels: &[Label]) -> Learned {
    let mut survey = Survey::default();
    labels.iter().for_each(|label| {
        survey.add(map, label);
    });
    survey.learn(map)
}

fn median(levels_dbm: &mut [i8]) -> f64 {
    levels_dbm.sort_unstable();
    let middle = levels_dbm.len() / 2;
    if levels_dbm.len() % 2 == 1 {
        return f64::from(levels_dbm[middle]);
    }
    (f64::from(levels_dbm[middle - 1]) + f64::from(levels_dbm[middle])) / 2.0
}

/// Path loss and gains as the labelled places show them.
fn law(map: &RadioMap, places: &[Vec<Place>]) -> Law {
    let mut law = Law::new(map);
    let shadowing = f64::from(map.assumptions().shadowing_db).powi(2);
    for (receiver, places) in map.receivers().zip(places) {
        let distances_db = map.distances_db(receiver);
        for place in places {
            let distance = f64::from(distances_db[usize::from(place.cell)]);
            let level_db = place.level_dbm - map.bare_dbm(receiver, place.cell);
            law.learn(
                receiver,
                &Lesson {
                    weight: 1.0 / (shadowing + place.variance),
                    distance,
                    distance_squared: distance * distance,
                    level_db,
                    level_distance: level_db * distance,
                },
            );
        }
    }
    law
}

/// By cell, what to add to the path loss, and how far that may be off, dB.
fn corrections(map: &RadioMap, receiver: ReceiverId, exponent: f64, gain_db: f64, places: &[Place]) -> Vec<(f32, f32)> {
    let distances_db = map.distances_db(receiver);
    let left_over = |place: &Place| {
        let loss_db = exponent * f64::from(distances_db[usize::from(place.cell)]);
        place.level_dbm - map.bare_dbm(receiver, place.cell) - gain_db + loss_db
    };
    let left_over: Vec<f64> = places.iter().map(left_over).collect();
    let shadowing = f64::from(map.assumptions().shadowing_db).powi(2);
    let cells = 0..map.cells().len() as u16;
    let correct = |cell: u16| {
        let near = nearest(map, cell, places);
        let (mean_db, variance) = krige(map, cell, &near, places, &left_over, shadowing);
        (mean_db as f32, (variance + AGEING_DB.powi(2)).sqrt() as f32)
    };
    cells.map(correct).collect()
}

/// The labelled places nearest to a cell, by index.
fn nearest(map: &RadioMap, cell: u16, places: &[Place]) -> Vec<usize> {
    let here = map.cells().cell(cell);
    let distance_m = |place: &Place| {
        let there = map.cells().cell(place.cell);
        if there.floor == here.floor { geometry::distance_m(here.point, there.point) } else { f64::INFINITY }
    };
    let indexed = places.iter().enumerate().map(|(index, place)| (distance_m(place), index));
    let mut near: Vec<(f64, usize)> = indexed.filter(|(d, _)| *d < REACH_LENGTHS * LENGTH_M).collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    near.truncate(NEAREST);
    near.into_iter().map(|(_, index)| index).collect()
}

/// Mean and variance at a cell given what is left over at some places.
fn krige(map: &RadioMap, cell: u16, near: &[usize], places: &[Place], left_over: &[f64], shadowing: f64) -> (f64, f64) {
    let point = |cell: u16| map.cells().cell(cell).point;
    let covariance = |a: u16, b: u16| shadowing * matern(geometry::distance_m(point(a), point(b)));
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(near.len());
    for (row, index) in near.iter().enumerate() {
        let mut values: Vec<f64> =
            near[..=row].iter().map(|other| covariance(places[*index].cell, places[*other].cell)).collect();
        values[row] += places[*index].variance;
        for column in 0..=row {
            let above = if column == row { &values } else { &factor[column] };
            let known: f64 = (0..column).map(|k| values[k] * above[k]).sum();
            let rest = values[column] - known;
            values[column] = if column == row { rest.sqrt() } else { rest / factor[column][column] };
        }
        factor.push(values);
    }
    let to_cell = solve(&factor, near.iter().map(|index| covariance(places[*index].cell, cell)));
    let seen = solve(&factor, near.iter().map(|index| left_over[*index]));
    let mean_db: f64 = to_cell.iter().zip(&seen).map(|(a, b)| a * b).sum();
    let explained: f64 = to_cell.iter().map(|value| value * value).sum();
    (mean_db, (shadowing - explained).max(0.0))
}

/// Solves a lower triangular system.
fn solve(factor: &[Vec<f64>], values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut solved: Vec<f64> = Vec::with_capacity(factor.len());
    for (row, value) in factor.iter().zip(values) {
        let known: f64 = row.iter().zip(&solved).map(|(a, b)| a * b).sum();
        solved.push((value - known) / row[solved.len()]);
    }
    solved
}

/// Matérn correlation of order 3/2.
fn matern(distance_m: f64) -> f64 {
    let scaled = 3f64.sqrt() * distance_m / LENGTH_M;
    (1.0 + scaled) * (-scaled).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radio_map::Assumptions;
    use crate::venue::Venue;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 40\ndepth_m = 10\n\
        [[receiver]]\nname = \"r\"\nx_m = 5\ny_m = 5\nz_m = 1.3\n";

    fn learned(labels: &[(i64, f64, i8)]) -> (RadioMap, Learned) {
        let map = RadioMap::with_cells(&Venue::parse(PLAN).expect("plan"), Assumptions::default(), 2.0);
        let label = |(at_s, x_m, rssi_dbm): &(i64, f64, i8)| Label {
            at: Timestamp::from_micros(at_s * 1_000_000),
            receiver: ReceiverId(0),
            point: [*x_m, 5.0],
            floor: FloorId(0),
            rssi_dbm: *rssi_dbm,
        };
        let labels: Vec<Label> = labels.iter().map(label).collect();
        let learned = learn(&map, &labels);
        (map, learned)
    }

    #[test]
    fn a_shadow_is_learned_where_it_is_and_not_far_away() {
        // Five times past: free space from the receiver, but 15 dB less around 15 m.
        let walk: Vec<(i64, f64, i8)> = (0..2_000)
            .map(|step| {
                let x_m = 1.0 + 0.05 * (step % 400) as f64;
                let shadow_db = if (14.0..16.0).contains(&x_m) { 15.0 } else { 0.0 };
                (step, x_m, (-59.0 - 20.0 * (x_m - 5.0f64).abs().max(1.0).log10() - shadow_db) as i8)
            })
            .collect();
        let (map, learned) = learned(&walk);
        let at = |x_m: f64| {
            let cell = map.cells().at(FloorId(0), [x_m, 5.0]).expect("a cell");
            learned.receivers[0].corrections_db[usize::from(cell)]
        };
        assert!(at(15.0).0 < -3.5, "{:?}", at(15.0));
        assert!(at(9.0).0 > -2.0, "{:?}", at(9.0));
        assert!(at(9.0).1 < at(39.0).1, "{:?} {:?}", at(9.0), at(39.0));
    }

    #[test]
    fn many_labels_of_one_moment_are_one_look() {
        let (_, one) = learned(&[(0, 15.0, -70)]);
        let many: Vec<(i64, f64, i8)> = (0..100).map(|_| (0, 15.0, -70)).collect();
        assert_eq!(one, learned(&many).1);
    }

    #[test]
    fn nothing_is_learned_from_nothing() {
        let (map, learned) = learned(&[]);
        assert_eq!(learned.exponent, map.assumptions().path_loss_exponent);
        assert!(learned.receivers[0].corrections_db.iter().all(|(correction_db, _)| *correction_db == 0.0));
    }
}
