//! The queues of a venue as places to send people from and to.
//!
//! In: the floor plan, each queue's newest state. Out: the queue somebody is at, the wait and the people
//! there while the state is fresh, what one more person adds, and what was believed for the log. It never
//! looks at the wait the last person had: steering by it swings (people follow an old wait to and fro).

use super::decision::Belief;
use super::under_way::UnderWay;
use crate::geometry::{self, Point};
use crate::output::QueueState;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, QueueId, Venue, ZoneId};
use std::sync::Arc;

/// A queue's state is used for this long. Counting the people under way keeps steering sound with a
/// state ten minutes old, in a simulation of two stands; beyond that nobody is sent anywhere.
const QUEUE_STATE_AGE_MAX: Duration = Duration::from_mins(10);
/// Stairs to the next floor count as this way; an assumption, since a floor plan knows no stairs.
const FLOOR_CHANGE_M: f64 = 40.0;
/// Service time of one customer where the queue has not shown it yet, seconds.
const SERVICE_S: f64 = 60.0;
/// Most people behind one person that count: beyond, an estimate of a busy period means nothing.
const BEHIND_MAX: f64 = 20.0;
/// A stand busier than this is taken as this busy, so that the busy period stays finite.
const LOAD_MAX: f64 = 0.95;

/// Where somebody is at a report.
#[derive(Clone, Copy)]
pub(super) struct Whereabouts {
    pub(super) at: Timestamp,
    pub(super) position: Point,
    pub(super) floor: FloorId,
    pub(super) zone: Option<ZoneId>,
}

/// One queue.
struct Stand {
    name: Arc<str>,
    centre: Point,
    zone: Option<ZoneId>,
    state: Option<QueueState>,
}

/// All queues of a venue.
pub(super) struct Stands {
    venue: Arc<Venue>,
    stands: Vec<Stand>,
}

impl Stands {
    pub(super) fn new(venue: Arc<Venue>) -> Self {
        let stand = |queue: &crate::venue::Queue| {
            let centre = geometry::centroid(&queue.area);
            let zone = venue.zone_at(queue.floor, centre);
            Stand { name: queue.name.as_str().into(), centre, zone, state: None }
        };
        Self { stands: venue.queues.iter().map(stand).collect(), venue }
    }

    pub(super) fn set(&mut self, state: &QueueState) {
        if let Some(stand) = self.stands.get_mut(usize::from(state.queue.0)) {
            stand.state = Some(state.clone());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.stands.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = QueueId> + use<> {
        (0..self.stands.len()).map(|stand| QueueId(stand as u8))
    }

    pub(super) fn name(&self, stand: QueueId) -> &Arc<str> {
        &self.stands[usize::from(stand.0)].name
    }

    pub(super) fn named(&self, name: &str) -> Option<QueueId> {
        self.venue.queue(name)
    }

    /// The queue whose area she is in.
    pub(super) fn inside(&self, seen: Whereabouts) -> Option<QueueId> {
        let queues = &self.venue.queues;
        let found = queues.iter().position(|q| q.floor == seen.floor && geometry::contains(&q.area, seen.position));
        found.map(|place| QueueId(place as u8))
    }

    /// The queue she stands in; else, of the queues in her zone, the nearest.
    pub(super) fn here(&self, seen: Whereabouts) -> Option<QueueId> {
        let inside = self.inside(seen).map(|queue| usize::from(queue.0));
        let found = inside.or_else(|| {
            let zone = seen.zone?;
            let in_zone = (0..self.stands.len()).filter(|place| self.stands[*place].zone == Some(zone));
            let distance_m = |place: &usize| geometry::distance_m(self.stands[*place].centre, seen.position);
            in_zone.min_by(|a, b| distance_m(a).total_cmp(&distance_m(b)))
        })?;
        Some(QueueId(found as u8))
    }

    /// Wait of a newcomer in seconds and people waiting, if known and fresh.
    pub(super) fn wait(&self, queue: QueueId, at: Timestamp) -> Option<(f64, f64)> {
        let state = self.stands[usize::from(queue.0)].state.as_ref()?;
        let wait_s = state.wait_s.filter(|wait_s| wait_s.is_finite())?;
        (at.since(state.at) <= QUEUE_STATE_AGE_MAX).then_some((wait_s, state.length))
    }

    pub(super) fn walk_m(&self, seen: Whereabouts, stand: QueueId) -> f64 {
        let floor = self.venue.queues[usize::from(stand.0)].floor;
        let floors = f64::from(floor.0.abs_diff(seen.floor.0));
        geometry::distance_m(seen.position, self.stands[usize::from(stand.0)].centre) + floors * FLOOR_CHANGE_M
    }

    /// What one more person adds to the wait at a stand, seconds: what each waiting person adds now, or
    /// the usual service time over the tills where nobody waits.
    pub(super) fn service_s(&self, stand: QueueId, wait_s: f64, length: f64) -> f64 {
        let servers = f64::from(self.venue.queues[usize::from(stand.0)].servers.max(1));
        if length >= 1.0 { wait_s / length } else { SERVICE_S / servers }
    }

    /// Waiting that one more person causes to those who come behind her while the stand stays busy, seconds;
    /// 0 where nobody knows how many come.
    pub(super) fn crowding_s(&self, stand: QueueId, wait_s: f64, length: f64) -> f64 {
        let state = self.stands[usize::from(stand.0)].state.as_ref();
        let Some(arrivals_per_min) = state.and_then(|state| state.arrivals_per_min) else { return 0.0 };
        let service_s = self.service_s(stand, wait_s, length);
        let arrivals_per_s = arrivals_per_min.max(0.0) / 60.0;
        let load = (arrivals_per_s * service_s).min(LOAD_MAX);
        service_s * (arrivals_per_s * wait_s / (1.0 - load)).min(BEHIND_MAX)
    }

    /// What is believed about every queue of which anything is known.
    pub(super) fn belief(&self, at: Timestamp, under_way: &UnderWay) -> Vec<Belief> {
        let known = self.stands.iter().zip(self.ids());
        let belief = |(stand, id): (&Stand, QueueId)| {
            let state = stand.state.as_ref()?;
            Some(Belief {
                stand: Arc::clone(&stand.name),
                length: [state.length, state.length_low, state.length_high],
                wait_s: state.wait_s,
                age_s: at.since(state.at).as_secs_f64(),
                under_way: under_way.expected_at(id),
            })
        };
        known.filter_map(belief).collect()
    }
}
