//! The devices whose positions may be told, and where they are.
//!
//! In: sightings of followed devices. Out: for each, by name, a posterior with the zone after hysteresis. It
//! keeps beliefs for a bounded number of devices; those beyond it are located by their strongest receivers,
//! as everybody else is.

use crate::geometry::Point;
use crate::grid::{Belief, Grid, Posterior, ZoneChoice};
use crate::identity::{DeviceKey, Sighting};
use crate::radio_map::{Assumptions, Learned, RadioMap};
use crate::time::Timestamp;
use crate::venue::{FloorId, Venue, ZoneId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Beliefs kept at once: 11 kB each, 22 MB in all, and as many as the design asks to locate at 1 Hz.
pub const BELIEFS_MAX: usize = 2_000;

/// What is believed of one device.
struct Tracked {
    belief: Belief,
    choice: ZoneChoice,
    last: Option<Posterior>,
}

/// Followed devices alive.
pub struct Followed {
    grid: Grid,
    /// Outputs come in the order of names.
    names: BTreeMap<Arc<str>, DeviceKey>,
    beliefs: BTreeMap<DeviceKey, Tracked>,
}

impl Followed {
    /// Nobody yet.
    pub fn new(venue: &Venue) -> Self {
        let grid = Grid::new(venue, RadioMap::new(venue, Assumptions::default()));
        Self { grid, names: BTreeMap::new(), beliefs: BTreeMap::new() }
    }

    /// The filter of the venue.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The filter of the venue, for beliefs kept elsewhere.
    pub fn grid_mut(&mut self) -> &mut Grid {
        &mut self.grid
    }

    /// The filter, and with it the beliefs kept here.
    pub fn grid_and_beliefs<'a>(&'a mut self) -> (&'a mut Grid, impl Fn(DeviceKey) -> Option<&'a Belief>) {
        let beliefs = &self.beliefs;
        (&mut self.grid, move |key| beliefs.get(&key).map(|tracked| &tracked.belief))
    }

    /// Takes over what was learned at labelled places; false when it was learned on another floor plan.
    pub fn use_map(&mut self, learned: &Learned) -> bool {
        self.grid.apply(learned)
    }

    /// Whether nobody is followed now.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Devices in the order of their names.
    pub fn list(&self) -> Vec<(Arc<str>, DeviceKey)> {
        self.names.iter().map(|(who, key)| (who.clone(), *key)).collect()
    }

    /// A followed device was heard for the first time.
    pub fn appeared(&mut self, who: Arc<str>, key: DeviceKey, at: Timestamp) {
        self.names.insert(who, key);
        if self.beliefs.len() < BELIEFS_MAX {
            self.beliefs.insert(key, Tracked { belief: Belief::new(at), choice: ZoneChoice::default(), last: None });
        }
    }

    /// A followed device is gone, or may no longer be followed.
    pub fn gone(&mut self, who: &str) {
        if let Some(key) = self.names.remove(who) {
            self.beliefs.remove(&key);
        }
    }

    /// Whether a belief is kept of a device.
    pub fn believes(&self, key: DeviceKey) -> bool {
        self.beliefs.contains_key(&key)
    }

    /// Takes any sighting as a sign that its receiver works, and one of a followed device into its belief.
    pub fn hear(&mut self, sighting: &Sighting) {
        self.grid.listen(sighting);
        if sighting.followed
            && let Some(tracked) = self.beliefs.get_mut(&sighting.key)
        {
            self.grid.hear(&mut tracked.belief, sighting);
        }
    }

    /// Where a device was when everything up to `grid::LAG` later has been heard, and the zone it is taken to have
    /// been in; `None` without a belief.
    pub fn locate(&mut self, key: DeviceKey, at: Timestamp) -> Option<(&Posterior, Option<ZoneId>)> {
        let tracked = self.beliefs.get_mut(&key)?;
        tracked.last = self.grid.posterior(&mut tracked.belief, at);
        let posterior = tracked.last.as_ref()?;
        let zone = tracked.choice.update(&posterior.zones, at);
        Some((posterior, zone))
    }

    /// The map in use.
    pub fn map(&self) -> &RadioMap {
        self.grid.map()
    }

    /// Cells of the map a device is believed to be in, with their probabilities; none before it was located.
    pub fn believed(&self, key: DeviceKey) -> impl Iterator<Item = (u16, f32)> {
        let tracked = self.beliefs.get(&key).filter(|tracked| tracked.last.is_some());
        tracked.into_iter().flat_map(|tracked| tracked.belief.cells())
    }

    /// A device is known to be at a place now.
    pub fn stands_at(&mut self, who: &str, floor: FloorId, point: Point) {
        let key = self.names.get(who);
        if let Some(tracked) = key.and_then(|key| self.beliefs.get(key)) {
            self.grid.teach(&tracked.belief, floor, point);
        }
    }

    /// Where a device was when it was last located.
    pub fn last(&self, key: DeviceKey) -> Option<&Posterior> {
        self.beliefs.get(&key)?.last.as_ref()
    }
}
