//! How well followed devices are located: simulated halls, a published scenario and measured walks.
//!
//! In: the filter itself, without the engine around it. Out: tables of position errors and right zones, beside
//! baselines and goals, and a failure where a figure is worse than its goal. The same assumptions serve everywhere.
//! Unoptimised builds run fewer devices, so their figures scatter more and are held to looser goals.

pub mod companion;
pub mod density;
mod dice;
pub mod halls;
mod measured;
pub mod storeys;

use venue_engine::beacon::DeviceClass;
use venue_engine::grid::{Belief, Grid, LAG, Posterior, ZoneChoice, likeliest};
use venue_engine::identity::{DeviceKey, Sighting};
use venue_engine::radio_map::RadioMap;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue, ZoneId};

/// One strength heard of a device.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Microseconds since some moment.
    pub at_us: i64,
    /// Which device.
    pub device: usize,
    /// Which receiver.
    pub receiver: ReceiverId,
    /// How strong.
    pub rssi_dbm: i8,
}

impl Heard {
    fn sighting(&self) -> Sighting {
        Sighting {
            at: Timestamp::from_micros(self.at_us),
            receiver: self.receiver,
            key: DeviceKey(self.device as u64),
            previous_key: None,
            rssi_dbm: Some(self.rssi_dbm),
            measured_power_dbm: None,
            class: DeviceClass::Beacon,
            followed: true,
        }
    }
}

/// How long ago a moment must be to be asked for.
pub const LAG_US: i64 = LAG.as_micros();

/// The same in seconds, rounded up.
pub const LAG_S: usize = (LAG_US as usize).div_ceil(1_000_000);

/// The filter with some devices.
pub struct Located {
    grid: Grid,
    devices: Vec<(Belief, ZoneChoice)>,
}

impl Located {
    /// Devices nobody heard yet.
    pub fn new(venue: &Venue, map: RadioMap, devices: usize) -> Self {
        let nothing = (Belief::new(Timestamp::from_micros(0)), ZoneChoice::default());
        Self { grid: Grid::new(venue, map), devices: vec![nothing; devices] }
    }

    /// Takes one strength into account.
    pub fn hear(&mut self, heard: &Heard) {
        let sighting = heard.sighting();
        self.grid.listen(&sighting);
        self.grid.hear(&mut self.devices[heard.device].0, &sighting);
    }

    /// Where a device was, and its zone after hysteresis. What was heard until `LAG_US` later must have been told.
    pub fn locate(&mut self, device: usize, at_us: i64) -> Option<(Posterior, Option<ZoneId>)> {
        let now = Timestamp::from_micros(at_us);
        let (belief, choice) = &mut self.devices[device];
        let posterior = self.grid.posterior(belief, now)?;
        let zone = choice.update(&posterior.zones, now);
        Some((posterior, zone))
    }

    /// The belief `locate` asked for last, as places with their probabilities.
    pub fn spread(&self, device: usize) -> impl Iterator<Item = ([f64; 2], f64)> {
        let cells = self.grid.map().cells();
        self.devices[device].0.cells().map(|(cell, mass)| (cells.cell(cell).point, f64::from(mass)))
    }
}

/// Errors and right zones of many moments.
#[derive(Clone, Debug, Default)]
pub struct Score {
    errors_m: Vec<f64>,
    zones: usize,
    likeliest_right: usize,
    chosen_right: usize,
}

impl Score {
    /// Counts one moment. A truth without a point or without a zone counts for the other only.
    pub fn add(
        &mut self,
        posterior: &Posterior,
        chosen: Option<ZoneId>,
        point: Option<[f64; 2]>,
        zone: Option<ZoneId>,
    ) {
        if let Some(point) = point {
            self.errors_m.push(venue_engine::geometry::distance_m(posterior.point, point));
        }
        if zone.is_some() {
            self.zones += 1;
            self.likeliest_right += usize::from(likeliest(&posterior.zones) == zone);
            self.chosen_right += usize::from(chosen == zone);
        }
    }

    /// Counts the moments of another score.
    pub fn merge(&mut self, other: Self) {
        self.errors_m.extend(other.errors_m);
        self.zones += other.zones;
        self.likeliest_right += other.likeliest_right;
        self.chosen_right += other.chosen_right;
    }

    /// Mean error, metres.
    pub fn mean_m(&self) -> f64 {
        self.errors_m.iter().sum::<f64>() / self.errors_m.len() as f64
    }

    /// A quantile of the errors, metres.
    pub fn quantile_m(&self, share: f64) -> f64 {
        let mut sorted = self.errors_m.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }

    /// Share of moments in which the likeliest zone is the true one.
    pub fn likeliest_share(&self) -> f64 {
        self.likeliest_right as f64 / self.zones as f64
    }

    /// The same after hysteresis.
    pub fn chosen_share(&self) -> f64 {
        self.chosen_right as f64 / self.zones as f64
    }
}

/// One line of a table: a figure against its goal, which is an upper or a lower bound.
pub struct Figure {
    /// What it is about.
    pub name: String,
    /// What was reached.
    pub ours: f64,
    /// What another method has.
    pub baseline: f64,
    /// What must be reached.
    pub goal: Goal,
}

/// A bound.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// Prints a table and fails with its lines that miss their goal.
pub fn check(figures: &[Figure]) {
    println!("{:<44} {:>7} {:>9} {:>8}", "figure", "ours", "baseline", "goal");
    let mut missed = Vec::new();
    for Figure { name, ours, baseline, goal } in figures {
        let (met, goal) = match goal {
            Goal::AtMost(goal) => (ours <= goal, format!("<= {goal:.2}")),
            Goal::AtLeast(goal) => (ours >= goal, format!(">= {goal:.2}")),
        };
        let line = format!("{name:<44} {ours:>7.3} {baseline:>9.3} {goal:>8}");
        println!("{line}");
        if !met {
            missed.push(line);
        }
    }
    assert!(missed.is_empty(), "goals missed:\n{}", missed.join("\n"));
}
