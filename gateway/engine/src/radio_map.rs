//! The mean level each receiver should hear from each cell, and how far that may be off.
//!
//! In: a floor plan, assumptions about radio, and what is learned later: receivers' gains from the devices that
//! are followed, corrections from labelled moments. Out: per receiver and cell a level and its spread. It
//! refuses nothing; what nobody taught it follows path loss and walls, with a spread that grows with distance.

pub mod cells;
pub mod law;

use crate::geometry;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, Receiver, ReceiverId, Venue};
use cells::{Cells, suitable_side_m};

/// Levels are kept in halves of a decibel: finer than any receiver reports, and small.
pub const STEPS_PER_DB: f32 = 2.0;

/// Classes of spread: class `c` stands for `c + 1` dB. More than 12 dB is as good as unknown.
pub const SPREAD_CLASSES: u8 = 12;

/// Storey height, metres, as floor plans do not state it.
const STOREY_M: f64 = 4.0;

/// Loss through the first floor slab and through each further one, dB (ITU-R P.1238, office, 2.4 GHz: 15 + 4 (n - 1)).
const SLAB_LOSS_DB: [f64; 2] = [15.0, 4.0];

/// Walls lose no more than this together, dB: beyond it, the signal finds its way around them.
const WALLS_LOSS_MAX_DB: f64 = 25.0;

/// A device is nearer than this to no receiver, metres: antennas stand apart and the law ends there.
const DISTANCE_MIN_M: f64 = 1.0;

/// A receiver that heard nobody for this long may be down; its silence says nothing.
const LISTENING: Duration = Duration::from_secs(10);

/// What is assumed about radio before anything is learned. The same for every venue.
#[derive(Clone, Debug)]
pub struct Assumptions {
    /// Level at 1 m of a usual transmitter, dBm: what most beacons state.
    pub measured_power_dbm: f64,
    /// Path loss exponent (ITU-R P.1238: 1.8 to 3 indoors at 2.4 GHz; free space 2).
    pub path_loss_exponent: f64,
    /// How far the exponent may be off, standard deviation. It makes distant receivers count for less.
    pub exponent_spread: f64,
    /// What receivers differ from their common gain, standard deviation, dB.
    pub gain_db: f64,
    /// What that common gain may be off, standard deviation, dB.
    pub common_gain_db: f64,
    /// Height of devices above the floor, metres: carried by standing people.
    pub device_height_m: f64,
    /// What the path loss is off at a place, standard deviation, dB (methods: 3 to 6).
    pub shadowing_db: f32,
    /// What one advert is off from the mean at its place, standard deviation, dB (methods: 4 to 6).
    pub fading_db: f32,
    /// What transmitters differ, standard deviation, dB.
    pub transmit_db: f32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            measured_power_dbm: -59.0,
            path_loss_exponent: 2.0,
            exponent_spread: 0.6,
            gain_db: 3.0,
            common_gain_db: 8.0,
            device_height_m: 1.3,
            shadowing_db: 4.0,
            fading_db: 5.0,
            transmit_db: 3.0,
        }
    }
}

/// What was learned at labelled places: path loss exponent, and per receiver what to add to the path loss.
/// Plain values, to be kept beside the floor plan they were learned on.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// Path loss exponent.
    pub exponent: f64,
    /// In the order of the floor plan's receivers.
    pub receivers: Vec<LearnedReceiver>,
}

/// What was learned about one receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedReceiver {
    /// How much stronger than assumed it hears, dB.
    pub gain_db: f64,
    /// By cell: a correction and its standard deviation, dB.
    pub corrections_db: Vec<(f32, f32)>,
}

/// Mean levels of all cells at all receivers. Tables are receiver by receiver, each by cell.
#[derive(Clone, Debug)]
pub struct RadioMap {
    cells: Cells,
    assumptions: Assumptions,
    exponent: f64,
    exponent_spread: f64,
    /// When each receiver last heard anybody.
    heard_at: Vec<Timestamp>,
    /// How much stronger than assumed each receiver hears, and its variance, dB and dB².
    gains: Vec<(f64, f64)>,
    /// Ten times the decades of distance.
    distance_db: Vec<f32>,
    /// Walls and slabs in between.
    obstacle_db: Vec<f32>,
    /// Learned at labelled places: a correction and its standard deviation, dB. Empty before.
    corrections_db: Vec<(f32, f32)>,
    /// The level that follows, in steps of half a decibel.
    level: Vec<i16>,
    /// The class of spread that follows.
    spread: Vec<u8>,
    /// Mean square of the spread, dB².
    doubt: f32,
}

impl RadioMap {
    /// The map of a venue by path loss and walls alone, on cells of a suitable size.
    pub fn new(venue: &Venue, assumptions: Assumptions) -> Self {
        Self::with_cells(venue, assumptions, suitable_side_m(venue))
    }

    /// As `new`, with a wanted side of the cells, metres.
    pub fn with_cells(venue: &Venue, assumptions: Assumptions, side_m: f64) -> Self {
        let cells = Cells::new(venue, side_m);
        let entries = cells.len() * venue.receivers.len();
        let mut map = Self {
            heard_at: vec![Timestamp::MIN; venue.receivers.len()],
            gains: vec![(0.0, assumptions.gain_db.powi(2)); venue.receivers.len()],
            exponent: assumptions.path_loss_exponent,
            exponent_spread: assumptions.exponent_spread,
            distance_db: Vec::with_capacity(entries),
            obstacle_db: Vec::with_capacity(entries),
            corrections_db: Vec::new(),
            level: vec![0; entries],
            spread: vec![0; entries],
            doubt: 0.0,
            cells,
            assumptions,
        };
        for receiver in &venue.receivers {
            map.measure(venue, receiver);
        }
        map.rebuild();
        map
    }

    /// The cells.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// What is assumed.
    pub fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// All receivers.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverId> + use<> {
        (0..self.gains.len()).map(|index| ReceiverId(index as u8))
    }

    /// Path loss exponent in use.
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// How much stronger than assumed a receiver hears, dB.
    pub fn gain_db(&self, receiver: ReceiverId) -> f64 {
        self.gains[usize::from(receiver.0)].0
    }

    /// Mean square of how far levels may be off, dB². What stays the same while one stands still.
    pub fn doubt(&self) -> f32 {
        self.doubt
    }

    /// Notes that a receiver heard somebody: it works.
    pub fn listen(&mut self, receiver: ReceiverId, at: Timestamp) {
        let heard_at = &mut self.heard_at[usize::from(receiver.0)];
        *heard_at = at.max(*heard_at);
    }

    /// Whether a receiver's silence means something.
    pub fn listening(&self, receiver: ReceiverId, now: Timestamp) -> bool {
        now.since(self.heard_at[usize::from(receiver.0)]) <= LISTENING
    }

    /// Levels of a receiver by cell, in steps of half a decibel above 0 dBm.
    pub fn levels(&self, receiver: ReceiverId) -> &[i16] {
        &self.level[self.row(receiver)]
    }

    /// Classes of spread of a receiver by cell.
    pub fn spreads(&self, receiver: ReceiverId) -> &[u8] {
        &self.spread[self.row(receiver)]
    }

    /// Ten times the decades of distance of a receiver by cell: path loss is the exponent times this.
    pub fn distances_db(&self, receiver: ReceiverId) -> &[f32] {
        &self.distance_db[self.row(receiver)]
    }

    /// Level at a cell less gain, path loss and correction, dBm.
    pub fn bare_dbm(&self, receiver: ReceiverId, cell: u16) -> f64 {
        let obstacle_db = self.obstacle_db[self.row(receiver).start + usize::from(cell)];
        self.assumptions.measured_power_dbm - f64::from(obstacle_db)
    }

    /// What was learned at labelled places about a receiver and a cell, dB.
    pub fn correction_db(&self, receiver: ReceiverId, cell: u16) -> f64 {
        let entry = self.row(receiver).start + usize::from(cell);
        self.corrections_db.get(entry).map_or(0.0, |(correction_db, _)| f64::from(*correction_db))
    }

    /// Replaces the path loss exponent; levels follow with the next gains. It is not believed less sure than assumed.
    pub fn set_exponent(&mut self, exponent: f64, spread: f64) {
        (self.exponent, self.exponent_spread) = (exponent, spread.min(self.assumptions.exponent_spread));
    }

    /// Replaces receivers' gains, each with its variance (dB, dB²).
    pub fn set_gains(&mut self, gains: &[(f64, f64)]) {
        let known = self.gains.len();
        self.gains.copy_from_slice(&gains[..known]);
        self.rebuild();
    }

    /// Takes over what was learned at labelled places; false when it was learned on another floor plan.
    pub fn apply(&mut self, learned: &Learned) -> bool {
        let fits = |receiver: &LearnedReceiver| receiver.corrections_db.len() == self.cells.len();
        if learned.receivers.len() != self.gains.len() || !learned.receivers.iter().all(fits) {
            return false;
        }
        self.exponent = learned.exponent;
        self.corrections_db.clear();
        for (receiver, gain) in learned.receivers.iter().zip(&mut self.gains) {
            *gain = (receiver.gain_db, 0.0);
            self.corrections_db.extend_from_slice(&receiver.corrections_db);
        }
        self.rebuild();
        true
    }

    /// Whether labelled places taught it anything.
    pub fn is_learned(&self) -> bool {
        !self.corrections_db.is_empty()
    }

    fn row(&self, receiver: ReceiverId) -> std::ops::Range<usize> {
        let start = usize::from(receiver.0) * self.cells.len();
        start..start + self.cells.len()
    }

    fn measure(&mut self, venue: &Venue, receiver: &Receiver) {
        let at = [receiver.x_m, receiver.y_m];
        for cell in self.cells.iter() {
            let storeys = f64::from(cell.floor.0) - f64::from(receiver.floor.0);
            let height_m = storeys * STOREY_M + self.assumptions.device_height_m - receiver.z_m;
            let distance_m = geometry::distance_m(at, cell.point).hypot(height_m);
            self.distance_db.push((10.0 * distance_m.max(DISTANCE_MIN_M).log10()) as f32);
            self.obstacle_db.push(obstacle_db(venue, receiver.floor, at, cell.floor, cell.point) as f32);
        }
    }

    /// Computes levels and spreads from their parts.
    fn rebuild(&mut self) {
        let (exponent, cells) = (self.exponent as f32, self.cells.len());
        let exponent_variance = self.exponent_spread.powi(2) as f32;
        let mut doubt = 0.0;
        for entry in 0..self.level.len() {
            let (gain_db, gain_variance) = self.gains[entry / cells];
            let distance_db = self.distance_db[entry];
            let at_1_m_dbm = (self.assumptions.measured_power_dbm + gain_db) as f32;
            let level_dbm = at_1_m_dbm - exponent * distance_db - self.obstacle_db[entry];
            let (correction_db, variance) = match self.corrections_db.get(entry) {
                Some((correction_db, spread_db)) => (*correction_db, spread_db * spread_db),
                None => (0.0, self.assumptions.shadowing_db.powi(2) + exponent_variance * distance_db * distance_db),
            };
            self.level[entry] = ((level_dbm + correction_db) * STEPS_PER_DB).round() as i16;
            let variance = variance + gain_variance as f32;
            self.spread[entry] = (variance.sqrt().round().clamp(1.0, f32::from(SPREAD_CLASSES)) as u8) - 1;
            doubt += variance;
        }
        self.doubt = doubt / self.level.len().max(1) as f32;
    }
}

/// What walls and slabs between two places cost. Through a slab, the walls of the device's own floor count.
fn obstacle_db(venue: &Venue, from_floor: FloorId, from: [f64; 2], to_floor: FloorId, to: [f64; 2]) -> f64 {
    let walls_db = venue.wall_loss_db(to_floor, from, to).min(WALLS_LOSS_MAX_DB);
    match from_floor.0.abs_diff(to_floor.0) {
        0 => walls_db,
        slabs => walls_db + SLAB_LOSS_DB[0] + SLAB_LOSS_DB[1] * f64::from(slabs - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
        [[floor]]\nname = \"u\"\nwidth_m = 20\ndepth_m = 10\n\
        [[wall]]\nfloor = \"g\"\npoints = [[10, 0], [10, 10]]\nloss_db = 6\n\
        [[receiver]]\nname = \"r\"\nfloor = \"g\"\nx_m = 5\ny_m = 5\nz_m = 1.3\n";

    fn map() -> RadioMap {
        RadioMap::with_cells(&Venue::parse(PLAN).expect("plan"), Assumptions::default(), 2.0)
    }

    fn level_dbm(map: &RadioMap, floor: u8, point: [f64; 2]) -> f32 {
        let cell = map.cells().at(FloorId(floor), point).expect("a cell");
        f32::from(map.levels(ReceiverId(0))[usize::from(cell)]) / STEPS_PER_DB
    }

    #[test]
    fn path_loss_walls_and_slabs_add_up() {
        let map = map();
        assert_eq!(level_dbm(&map, 0, [5.0, 5.0]), -59.0);
        assert_eq!(level_dbm(&map, 0, [13.0, 5.0]), -59.0 - 18.0 - 6.0);
        assert_eq!(level_dbm(&map, 1, [5.0, 5.0]), -59.0 - 12.0 - 15.0);
    }

    #[test]
    fn spread_grows_with_distance() {
        let map = map();
        let spreads = map.spreads(ReceiverId(0));
        let at = |point| spreads[usize::from(map.cells().at(FloorId(0), point).expect("a cell"))];
        assert!(at([5.0, 5.0]) < at([19.0, 5.0]));
    }

    #[test]
    fn what_was_learned_elsewhere_is_refused() {
        let mut map = map();
        let receiver = LearnedReceiver { gain_db: 1.0, corrections_db: vec![(0.0, 1.0); 3] };
        assert!(!map.apply(&Learned { exponent: 2.0, receivers: vec![receiver] }));
        let corrections_db = vec![(2.0, 1.0); map.cells().len()];
        assert!(
            map.apply(&Learned { exponent: 2.0, receivers: vec![LearnedReceiver { gain_db: 1.0, corrections_db }] })
        );
        assert_eq!(level_dbm(&map, 0, [5.0, 5.0]), -56.0);
    }
}
