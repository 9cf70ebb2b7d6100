//! The engine's part about queues: who is near one, what the tills tell, and the reports.
//!
//! In: processed sightings, counts told by tills, the moments at which probes are looked at. Out: the queues'
//! states with their alerts. It decides nothing by itself.

use super::Engine;
use crate::event::{Anchor, AnchorKind};
use crate::geometry;
use crate::identity::Sighting;
use crate::output::Output;
use crate::queue::STEP;
use crate::time::Timestamp;
use crate::venue::{Queue, QueueId, Receiver, Venue};

/// A device whose strongest receiver is this far from a queue may be at it, metres: half the usual distance of
/// receivers in a hall, and the length of a line.
const NEAR_M: f64 = 12.0;

impl Engine {
    /// A device was heard that may stand for a person at a queue.
    pub(super) fn hear_at_queues(&mut self, sighting: &Sighting) {
        if self.queues.is_empty() {
            return;
        }
        let Some(device) = self.devices.get(sighting.key).filter(|device| device.counted) else { return };
        let is_near = device.levels.nearest().is_some_and(|receiver| self.near_queue[usize::from(receiver.0)]);
        let is_believed = self.followed.believes(sighting.key);
        self.queues.hear(self.followed.grid_mut(), sighting, device, is_near, is_believed);
    }

    /// Looks at everybody who may be at a queue.
    pub(super) fn step_queues(&mut self, at: Timestamp) {
        let (grid, believed) = self.followed.grid_and_beliefs();
        self.queues.step(grid, at, believed);
        for queue in self.queues.take_served() {
            self.crowd.was_served(queue);
        }
        self.next_queues = (!self.devices.is_empty()).then(|| at + STEP);
    }

    /// Tells how the queues stand.
    pub(super) fn report_queues(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        for index in 0..self.venue.queues.len() as u8 {
            let queue = QueueId(index);
            let share = self.share_at_queue(queue, at);
            let state = self.queues.line_mut(queue).report(queue, at, share.mean(), share.cv());
            outputs.extend(self.alerts.queue(&self.venue, &state).map(Output::Alert));
            self.offers.set_queue(&state);
            outputs.push(Output::Queue(state));
        }
        self.counters.probes_refused = self.queues.refused();
    }

    /// A count told for a queue: sales since the last, or heads there now. False where there is no such queue.
    pub(super) fn count_at_queue(&mut self, anchor: &Anchor) -> bool {
        let Some(queue) = self.venue.queue(&anchor.place) else { return false };
        let line = self.queues.line_mut(queue);
        match anchor.kind {
            AnchorKind::Till => line.sold(anchor.at, anchor.people),
            AnchorKind::HeadCount => line.head_count(anchor.people),
            AnchorKind::Turnstile => return false,
        }
        true
    }
}

/// Which receivers hear devices that may be at a queue.
pub(super) fn receivers_near_queues(venue: &Venue) -> Vec<bool> {
    let is_near = |receiver: &Receiver, queue: &Queue| {
        let at = [receiver.x_m, receiver.y_m];
        let corners = queue.area.iter().chain(&queue.counter);
        queue.floor == receiver.floor
            && (geometry::contains(&queue.area, at)
                || corners.into_iter().any(|corner| geometry::distance_m(*corner, at) <= NEAR_M))
    };
    venue.receivers.iter().map(|receiver| venue.queues.iter().any(|queue| is_near(receiver, queue))).collect()
}
