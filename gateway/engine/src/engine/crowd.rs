//! People and heat: from devices alive to what is told of a crowd.
//!
//! In: the engine's devices and beliefs at a report, known counts when they come. Out: people of the venue and its
//! zones, and who was where on the heat map, from the same figures: what is on the map adds up to the people told.

use super::{Engine, Output};
use crate::devices::Device;
use crate::event::Anchor;
use crate::heat::groups::Seen;
use crate::identity::{DeviceKey, Identity, Sighting};
use crate::live_count::Track;
use crate::penetration::Share;
use crate::people::{self, Crowd, Devices, Located};
use crate::time::Timestamp;
use crate::venue::{QueueId, ReceiverId};

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// A followed device marks the cells it is in with at least this probability.
const SEEN_MIN: f32 = 0.01;

impl Engine {
    /// Tells how many people there are, and puts them on the heat map.
    pub(super) fn report_people(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        let devices = self.count_devices(at);
        let people = self.crowd.report(at, &devices);
        self.heat.open(at);
        self.warm(at, &devices);
        self.heat.pass(at, people.first().map_or(0.0, |venue| venue.people));
        let doubt =
            people.first().map_or(0.0, |venue| (venue.high - venue.low) / (2.0 * NORMAL_95 * venue.people.max(1.0)));
        self.flow.note(doubt, people.iter().filter_map(|people| Some((people.zone?, people.people))));
        outputs.extend(people.into_iter().map(Output::People));
    }

    /// Whether silent addresses still count, so that reports must go on.
    pub(super) fn somebody_counts(&self) -> bool {
        !self.devices.is_empty() || self.crowd.remembers()
    }

    fn count_devices(&mut self, at: Timestamp) -> Devices {
        let mut tally = self.crowd.tally(&self.venue);
        let (crowd, followed) = (&self.crowd, &self.followed);
        self.devices.each(|key, device| {
            if let Some(track) = device.track.filter(|_| !(device.followed && followed.last(key).is_some())) {
                crowd.tally_device(&mut tally, device.class, &track, device.levels.nearest(), at);
            }
        });
        let (devices, followed) = (&self.devices, &self.followed);
        let located = followed.list().into_iter().filter_map(|(_, key)| {
            let (device, posterior) = (devices.get(key)?, followed.last(key)?);
            Some(Located { class: device.class, track: device.track?, zones: &posterior.zones })
        });
        self.crowd.count(tally, located, at)
    }

    /// Puts people on the heat map: located ones as their belief has them, others over their receiver's cover.
    fn warm(&mut self, at: Timestamp, devices: &Devices) {
        let people_per_device = self.crowd.people_per_device(at);
        let mut seen = vec![Seen::default(); self.venue.receivers.len() + 1];
        let followed = &self.followed;
        self.devices.each(|key, device| {
            if device.track.is_some() && !(device.followed && followed.last(key).is_some()) {
                let place = device.levels.nearest().map_or(self.venue.receivers.len(), |place| usize::from(place.0));
                seen[place].join(Seen::of(key));
            }
        });
        let outside = people_per_device.len() - 1;
        let per_device = |cell: u32, heat: &crate::heat::Heat| {
            people_per_device[heat.lattice().zone(cell).map_or(outside, |zone| usize::from(zone.0))]
        };
        for (index, (count, seen)) in devices.receivers.iter().zip(&seen).enumerate() {
            let receiver = Some(ReceiverId(index as u8)).filter(|_| index < self.venue.receivers.len());
            for (cell, share) in self.crowd.spread().of(receiver).cells.iter().filter(|_| *count > 0.0) {
                self.heat.put(*cell, count * share * per_device(*cell, &self.heat));
                self.heat.see(*cell, *seen);
            }
        }
        for (_, key) in self.followed.list() {
            let Some((device, track)) = self.devices.get(key).and_then(|device| Some((device, device.track?))) else {
                continue;
            };
            let count = self.crowd.devices_of(device.class, &track, at, devices);
            for (cell, mass) in self.followed.believed(key) {
                for (cell, share) in self.crowd.spread().heat_cells(cell) {
                    self.heat.put(*cell, count * share * f64::from(mass) * per_device(*cell, &self.heat));
                    if mass >= SEEN_MIN {
                        self.heat.see(*cell, Seen::of(key));
                    }
                }
            }
        }
    }

    /// Keeps a known count until its time.
    pub(super) fn anchor(&mut self, anchor: Anchor) {
        let at_queue = self.count_at_queue(&anchor);
        self.counters.anchors_unused += u64::from(!self.crowd.anchor(&self.venue, anchor) && !at_queue);
    }

    /// The share of people at a queue who are heard.
    pub(super) fn share_at_queue(&mut self, queue: QueueId, at: Timestamp) -> Share {
        self.crowd.share(at, Some(self.venue.zones.len() + usize::from(queue.0)))
    }
}

/// Takes a heard device into the count of people, on in it, or out of it.
pub(super) fn count_hearing(crowd: &mut Crowd, identity: &Identity, device: &mut Device, sighting: &Sighting) {
    if let (Some(receiver), Some(level_dbm)) = (device.levels.nearest(), device.levels.nearest_level_dbm()) {
        device.stay.update(receiver, level_dbm, sighting.at);
    }
    device.counted = stands_for_a_person(identity, sighting.key, device) && !device.stay.is_fixed();
    match (device.counted, &mut device.track) {
        (true, Some(track)) => crowd.heard(device.class, sighting.at, track),
        (true, none) => {
            let previous = sighting.previous_key.map(|key| DeviceKey(key.get()));
            *none = Some(crowd.appeared(device.class, sighting.at, sighting.key, previous));
        }
        (false, track) => drop(track.take().map(|track: Track| crowd.ended(device.class, &track))),
    }
}

/// Attendees and tracked beacons are people; assets are not; for the rest the class decides.
fn stands_for_a_person(identity: &Identity, key: DeviceKey, device: &Device) -> bool {
    if !device.followed {
        return people::stands_for_a_person(device.class);
    }
    identity.subject(key).is_some_and(|subject| subject.kind != Some(crate::event::SubjectKind::Asset))
}
