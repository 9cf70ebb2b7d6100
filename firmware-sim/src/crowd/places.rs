//! Places people go to, and the ways there.
//!
//! In: the floor plan and the visits of a scenario. Out: places in zones and in lines, and walks to them. It
//! refuses visits to places that no door leads to.

use crate::line::LinePlan;
use crate::paths::{HubId, Paths};
use crate::random::Random;
use crate::scenario::{self, VisitKind};
use anyhow::{Result, bail};
use venue_engine::geometry::{Point, centroid, contains};
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// Places in a zone that walks lead over, when the straight way is blocked (chosen).
const ZONE_HUBS: usize = 6;

/// Where a walk leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A place in a zone.
    Zone(ZoneId),
    /// The end of a line.
    Queue(QueueId),
    /// A door, by its index.
    Door(usize),
}

/// Hubs and grids of a venue.
pub(super) struct Places {
    paths: Vec<Paths>,
    zone_hubs: Vec<Vec<HubId>>,
    queue_hubs: Vec<Vec<HubId>>,
    door_hubs: Vec<[HubId; 1]>,
    /// One for each queue.
    pub(super) line_plans: Vec<LinePlan>,
}

impl Places {
    /// Finds places to walk over and checks that each visit can be reached from each door of its floor.
    pub(super) fn new(venue: &Venue, visits: &[scenario::Visit], random: &mut Random) -> Result<Self> {
        let mut places = Self {
            paths: (0..venue.floors.len()).map(|floor| Paths::new(venue, FloorId(floor as u8))).collect(),
            zone_hubs: vec![Vec::new(); venue.zones.len()],
            queue_hubs: Vec::new(),
            door_hubs: Vec::new(),
            line_plans: venue.queues.iter().map(LinePlan::new).collect(),
        };
        for door in &venue.entrances {
            places.door_hubs.push([places.paths[usize::from(door.floor.0)].add_hub([door.x_m, door.y_m])]);
        }
        for (queue, plan) in venue.queues.iter().zip(&places.line_plans) {
            // Every sixth place of the line, and the last.
            let over = plan.places.iter().step_by(6).chain(plan.places.last());
            let paths = &mut places.paths[usize::from(queue.floor.0)];
            places.queue_hubs.push(over.map(|place| paths.add_hub(*place)).collect());
        }
        for visit in visits {
            match visit.kind {
                VisitKind::Zone { zone, .. } => places.add_zone_hubs(venue, zone, random)?,
                VisitKind::Queue(queue) => places.check_queue(venue, queue)?,
            }
        }
        Ok(places)
    }

    /// The points of a walk; `None` where walls leave no way.
    pub(super) fn walk(&mut self, floor: FloorId, from: Point, to: Point, target: Target) -> Option<Vec<Point>> {
        let hubs: &[HubId] = match target {
            Target::Zone(zone) => &self.zone_hubs[usize::from(zone.0)],
            Target::Queue(queue) => &self.queue_hubs[usize::from(queue.0)],
            Target::Door(door) => &self.door_hubs[door],
        };
        self.paths[usize::from(floor.0)].walk(from, to, hubs)
    }

    /// A random place in a zone that a hub of it sees, outside lines and counters where there is one.
    pub(super) fn in_zone(&self, venue: &Venue, zone: ZoneId, random: &mut Random) -> Point {
        let paths = &self.paths[usize::from(venue.zones[usize::from(zone.0)].floor.0)];
        let hubs = &self.zone_hubs[usize::from(zone.0)];
        for _ in 0..40 {
            let place = random_place(venue, zone, random);
            if hubs.iter().any(|hub| paths.sees(paths.hub(*hub), place)) {
                return place;
            }
        }
        paths.hub(hubs[0])
    }

    #[cfg(test)]
    pub(super) fn sees(&self, from: Point, to: Point) -> bool {
        self.paths[0].sees(from, to)
    }

    fn add_zone_hubs(&mut self, venue: &Venue, zone: ZoneId, random: &mut Random) -> Result<()> {
        let index = usize::from(zone.0);
        let floor = venue.zones[index].floor;
        let Some(door) = venue.entrances.iter().position(|entrance| entrance.floor == floor) else {
            let name = &venue.floors[usize::from(floor.0)].name;
            bail!("floor \"{name}\" has visits but no [[entrance]]; add one to the floor plan");
        };
        let paths = &mut self.paths[usize::from(floor.0)];
        let hubs = &mut self.zone_hubs[index];
        for _ in 0..200 {
            let place = random_place(venue, zone, random);
            if hubs.len() < ZONE_HUBS && paths.reaches(place, self.door_hubs[door][0]) {
                hubs.push(paths.add_hub(place));
            }
        }
        if hubs.is_empty() {
            let (zone, door) = (&venue.zones[index].name, &venue.entrances[door].name);
            bail!("zone \"{zone}\" cannot be reached from entrance \"{door}\"; open a wall of at least 1 m");
        }
        Ok(())
    }

    fn check_queue(&mut self, venue: &Venue, queue: QueueId) -> Result<()> {
        let first = self.line_plans[usize::from(queue.0)].places[0];
        let queue = &venue.queues[usize::from(queue.0)];
        for (door, hub) in venue.entrances.iter().zip(&self.door_hubs) {
            let paths = &mut self.paths[usize::from(queue.floor.0)];
            if door.floor == queue.floor && !paths.reaches(first, hub[0]) {
                let (queue, door) = (&queue.name, &door.name);
                bail!("queue \"{queue}\" cannot be reached from entrance \"{door}\"; open a wall of at least 1 m");
            }
        }
        Ok(())
    }
}

/// A random place in a zone's outline; where tries permit, not in a line or at a counter.
fn random_place(venue: &Venue, zone: ZoneId, random: &mut Random) -> Point {
    let zone = &venue.zones[usize::from(zone.0)];
    let range = |axis: usize| {
        zone.polygon.iter().fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p[axis]), high.max(p[axis])))
    };
    let (x, y) = (range(0), range(1));
    let queued = |place| {
        let here = venue.queues.iter().filter(|queue| queue.floor == zone.floor);
        here.into_iter().any(|queue| contains(&queue.area, place) || contains(&queue.counter, place))
    };
    let mut place = centroid(&zone.polygon);
    for _ in 0..60 {
        let tried = [random.between(x.0, x.1), random.between(y.0, y.1)];
        if contains(&zone.polygon, tried) {
            place = tried;
            if !queued(tried) {
                break;
            }
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn a_zone_behind_walls_is_refused() {
        let hall = crate::built_in_file("hall.toml").expect("built in");
        let closed = format!("{hall}\n[[wall]]\npoints = [[30, 24], [30, 12], [40, 12]]\n");
        let venue = Venue::parse(&closed).expect("a good plan");
        let visits = crate::simulation::parse_built_in("lunch_rush").crowd.visits;
        let mut random = Random::new(1, Purpose::Crowd);
        let refused = Places::new(&venue, &visits, &mut random).err().map(|error| error.to_string());
        let wanted = "zone \"merch\" cannot be reached from entrance \"main\"; open a wall of at least 1 m";
        assert_eq!(refused.as_deref(), Some(wanted));
    }
}
