//! What the engine can be told about a venue beside its floor plan.
//!
//! Plain values with their defaults; the rim reads them from `gateway.toml` and validates them there.
//! Nothing here is serialisable.

use crate::time::Duration;

/// Parameters of all estimators. `Settings::default()` is what ships.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of every random choice and of the keyed hashes; the rim draws it from the system, replay fixes it.
    pub seed: u64,
    /// How late an event may arrive and still be put in its place.
    pub allowed_lateness: Duration,
    /// How long one key of the address hash lives. At most 15 minutes (invariant 5).
    pub identity_epoch: Duration,
    /// A device not heard for this long is gone.
    pub absent_after: Duration,
    /// Follow every stable beacon, not only registered ones.
    pub track_all: bool,
    /// Mean share of people who carry a device that is heard, 0 to 1.
    pub penetration: f64,
    /// Coefficient of variation of that share from day to day.
    pub penetration_cv: f64,
    /// How often people and queues are reported.
    pub report_every: Duration,
    /// How often a followed device's position is reported.
    pub fix_every: Duration,
    /// Length of a heat-map window.
    pub heat_window: Duration,
    /// Side of a heat-map cell, metres.
    pub heat_cell_m: f64,
    /// Length of a window of movements between zones.
    pub movement_window: Duration,
    /// Fewest followed devices a movement is told for (group privacy).
    pub group_min: u32,
    /// How much a window of movements may tell of one person (differential privacy); 0 for no noise.
    pub movement_epsilon: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            allowed_lateness: Duration::from_secs(2),
            identity_epoch: Duration::from_mins(15),
            absent_after: Duration::from_secs(60),
            track_all: false,
            penetration: 0.5,
            penetration_cv: 0.1,
            report_every: Duration::from_secs(5),
            fix_every: Duration::from_millis(500),
            heat_window: Duration::from_mins(15),
            heat_cell_m: 2.0,
            movement_window: Duration::from_mins(15),
            group_min: 5,
            movement_epsilon: 0.0,
        }
    }
}
