//! One event in, all outputs out, then the next.
//!
//! In: events, in any order within the allowed lateness. Out: everything that follows from them, in event
//! time. Deadlines (reports, windows, devices given up) are values, fired in the order of their time
//! before the event in hand; so ticks only decide when outputs come, never what they are. It never waits,
//! opens, logs or asks the time, and refuses what lies outside plausible time or comes too late, counted.

use crate::advert::Advert;
use crate::alerts::Alerts;
use crate::counters::Counters;
use crate::devices::{CELL_NONE, Device, Devices};
use crate::event::{Anchor, AnchorKind, Event, SubjectKind};
use crate::flow::Flow;
use crate::follow::Followed;
use crate::geometry::{self, Point};
use crate::heat::Heat;
use crate::identity::{DeviceKey, Identity, Sighting};
use crate::locate::zones_of_receivers;
use crate::offers::campaign::Campaign;
use crate::offers::{Offers, Scorer};
use crate::output::{Change, Fix, Output, ZoneChange};
use crate::people::{self, Counts};
use crate::queue::Queue;
use crate::reorder::{Reorder, Timed};
use crate::settings::Settings;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, QueueId, Venue, ZoneId};
use std::sync::Arc;

/// Times outside 1970 to 2100 are a broken clock or a forged line.
const TIME_RANGE_US: std::ops::Range<i64> = 0..4_102_444_800_000_000;

/// How often the running heat-map window is told.
const HEAT_REPORT: Duration = Duration::from_mins(1);

/// A device's position feeds the heat map at most this often: a step of a walk is about a cell in a second.
const HEAT_STEP: Duration = Duration::from_secs(1);

/// A device this far from a queue's area is not at that queue, metres. A receiver's own reach to its stand.
const QUEUE_REACH_M: f64 = 8.0;

/// A head count moves the believed penetration by half: one count is right, but for one moment.
const ANCHOR_WEIGHT: f64 = 0.5;

/// What is due at a time. At equal times the order is that of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    Expiry,
    Fixes,
    Report,
    HeatWindow,
    MovementWindow,
}

/// The engine of one venue.
pub struct Engine {
    venue: Arc<Venue>,
    settings: Settings,
    identity: Identity,
    reorder: Reorder<Sighting>,
    /// Room for what is let go at once; kept to spare an allocation an advert.
    due: Vec<Sighting>,
    devices: Devices,
    counts: Counts,
    queues: Vec<Queue>,
    heat: Heat,
    flow: Flow,
    offers: Offers,
    alerts: Alerts,
    followed: Followed,
    zone_of: Vec<Option<ZoneId>>,
    queue_of: Vec<Option<QueueId>>,
    penetration: f64,
    /// Event time of the last thing processed.
    clock: Timestamp,
    next_fixes: Option<Timestamp>,
    next_report: Option<Timestamp>,
    counters: Counters,
}

impl Engine {
    /// An engine that has heard nothing yet.
    pub fn new(
        venue: Arc<Venue>,
        settings: Settings,
        scorer: Option<Box<dyn Scorer>>,
        campaigns: Vec<Campaign>,
    ) -> Self {
        Self {
            identity: Identity::new(&settings),
            reorder: Reorder::new(settings.allowed_lateness),
            due: Vec::new(),
            devices: Devices::new(settings.absent_after),
            counts: Counts::new(&venue),
            queues: venue.queues.iter().map(|_| Queue::default()).collect(),
            heat: Heat::new(&venue, settings.heat_cell_m, settings.heat_window),
            flow: Flow::new(settings.movement_window, settings.group_min),
            offers: Offers::new(venue.clone(), settings.seed, campaigns, scorer),
            alerts: Alerts::new(&venue),
            followed: Followed::new(&venue),
            zone_of: zones_of_receivers(&venue),
            queue_of: queues_of_receivers(&venue),
            penetration: settings.penetration,
            clock: Timestamp::MIN,
            next_fixes: None,
            next_report: None,
            counters: Counters::default(),
            venue,
            settings,
        }
    }

    /// Takes one event and appends everything that follows from it.
    pub fn handle(&mut self, event: Event<'_>, outputs: &mut Vec<Output>) {
        match event {
            Event::Advert(advert) => self.advert(&advert, outputs),
            Event::FromBoard { at, receiver, source, rssi_dbm, payload } => {
                let sighting = self.identity.sight_from_board(at, receiver, source, rssi_dbm, payload);
                self.sighting(sighting, outputs);
            }
            Event::Tick(at) => self.pass_time(at - self.settings.allowed_lateness, outputs),
            Event::Register(registration) => {
                self.counters.registry_full += u64::from(!self.identity.register(&registration));
            }
            Event::Forget { who, .. } => self.forget(&who),
            Event::Anchor(anchor) => self.anchor(&anchor),
            Event::Language { who, language } => self.offers.set_language(&who, &language),
            Event::Redeemed { at, voucher } => self.offers.redeemed(at, &voucher, outputs),
        }
    }

    /// Ends a recording: everything held back is processed, open windows are told.
    pub fn finish(&mut self, outputs: &mut Vec<Output>) {
        self.release(Timestamp::MAX, outputs);
        let clock = self.clock;
        outputs.extend(self.heat.windows(clock, self.penetration, true).into_iter().map(Output::Heat));
        self.heat.close();
        outputs.extend(self.flow.close(clock, self.penetration).into_iter().map(Output::Movement));
        self.offers.finish(clock, outputs);
    }

    /// When the engine next has something to say by itself, in event time.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.earliest().map(|(at, _)| at)
    }

    /// What was taken and what was ignored.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Devices alive.
    pub fn devices_alive(&self) -> usize {
        self.devices.len()
    }

    fn advert(&mut self, advert: &Advert<'_>, outputs: &mut Vec<Output>) {
        let sighting = self.identity.sight(advert);
        self.sighting(sighting, outputs);
    }

    /// Puts a sighting in its place, after everything that is now certain has been processed.
    fn sighting(&mut self, sighting: Sighting, outputs: &mut Vec<Output>) {
        if usize::from(sighting.receiver.0) >= self.venue.receivers.len() {
            self.counters.unknown_receiver += 1;
            return;
        }
        if !TIME_RANGE_US.contains(&sighting.at.as_micros()) {
            self.counters.implausible_time += 1;
            return;
        }
        self.release(sighting.at - self.settings.allowed_lateness, outputs);
        if self.reorder.is_full() {
            self.counters.released_early += 1;
            self.release(self.reorder.oldest_slot_end(), outputs);
        }
        if self.reorder.insert(sighting).is_err() {
            self.counters.too_late += 1;
        }
    }

    /// Nothing before `until` will come any more.
    fn pass_time(&mut self, until: Timestamp, outputs: &mut Vec<Output>) {
        self.release(until, outputs);
        self.fire(self.reorder.released_until().min(until), outputs);
    }

    fn release(&mut self, until: Timestamp, outputs: &mut Vec<Output>) {
        if self.reorder.held() == 0 {
            self.reorder.release(until, |_| {});
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        self.reorder.release(until, |sighting| due.push(*sighting));
        for sighting in &due {
            self.fire(sighting.at(), outputs);
            self.process(sighting, outputs);
        }
        due.clear();
        self.due = due;
    }

    /// Fires, in order, what is due at or before `until`.
    fn fire(&mut self, until: Timestamp, outputs: &mut Vec<Output>) {
        while let Some((at, deadline)) = self.earliest().filter(|(at, _)| *at <= until) {
            match deadline {
                Deadline::Expiry => self.expire(at, outputs),
                Deadline::Fixes => self.tell_fixes(at, outputs),
                Deadline::Report => self.report(at, outputs),
                Deadline::HeatWindow => {
                    outputs.extend(self.heat.windows(at, self.penetration, true).into_iter().map(Output::Heat));
                    self.heat.close();
                }
                Deadline::MovementWindow => {
                    outputs.extend(self.flow.close(at, self.penetration).into_iter().map(Output::Movement));
                }
            }
        }
    }

    fn earliest(&self) -> Option<(Timestamp, Deadline)> {
        [
            self.devices.next_expiry().map(|at| (at, Deadline::Expiry)),
            self.next_fixes.map(|at| (at, Deadline::Fixes)),
            self.next_report.map(|at| (at, Deadline::Report)),
            self.heat.window_end().map(|at| (at, Deadline::HeatWindow)),
            self.flow.window_end().map(|at| (at, Deadline::MovementWindow)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// One sighting, in event order: presence, place, counts, queue, heat.
    fn process(&mut self, sighting: &Sighting, outputs: &mut Vec<Output>) {
        self.clock = sighting.at;
        self.start_deadlines(sighting.at);
        self.alerts.heard(sighting.receiver, sighting.at);
        let Some((device, is_new)) = self.devices.touch(sighting) else {
            self.counters.devices_full += 1;
            return;
        };
        self.counters.sightings += 1;
        device.levels.update(sighting);
        if let Some(subject) = self.identity.subject(sighting.key).filter(|_| is_new && sighting.followed) {
            self.followed.appeared(subject.who.clone(), sighting.key, sighting.at);
        }
        let counted = stands_for_a_person(&self.identity, sighting.key, device);
        if counted != device.counted {
            recount(&mut self.counts, device, counted);
        }
        let nearest = device.levels.nearest();
        let zone = nearest.and_then(|receiver| self.zone_of[usize::from(receiver.0)]);
        let queue = nearest.and_then(|receiver| self.queue_of[usize::from(receiver.0)]);
        let zone_before = device.zone;
        self.followed.hear(sighting);
        // Of whom a belief is kept changes zone when located, at the next fix.
        if zone != zone_before && !self.followed.believes(sighting.key) {
            self.change_zone(sighting.key, zone, sighting.at, outputs);
        }
        self.change_queue(sighting.key, queue, sighting.at);
        self.warm(sighting.key, sighting.at);
    }

    fn start_deadlines(&mut self, at: Timestamp) {
        let after = |every: Duration| at.window_start(every) + every;
        self.next_fixes.get_or_insert(after(self.settings.fix_every));
        self.next_report.get_or_insert(after(self.settings.report_every));
        self.heat.open(at);
    }

    fn change_zone(&mut self, key: DeviceKey, to: Option<ZoneId>, at: Timestamp, outputs: &mut Vec<Output>) {
        let Some(device) = self.devices.get_mut(key) else { return };
        let from = device.zone;
        if device.counted {
            self.counts.moved(from, to);
        }
        let dwell_s = at.since(device.entered_at).as_secs_f64();
        let origin = from.or(device.zone_before).filter(|origin| device.followed && Some(*origin) != to);
        if let Some((origin, to)) = origin.zip(to) {
            self.flow.moved(origin, to, at);
        }
        device.zone_before = from.or(device.zone_before);
        (device.zone, device.entered_at) = (to, at);
        if !device.followed {
            return;
        }
        let Some(subject) = self.identity.subject(key) else { return };
        let told = |change, zone, dwell_s| ZoneChange { at, who: subject.who.clone(), change, zone, dwell_s };
        outputs.extend(from.map(|zone| Output::ZoneChange(told(Change::Left, zone, Some(dwell_s)))));
        outputs.extend(to.map(|zone| Output::ZoneChange(told(Change::Entered, zone, None))));
    }

    fn change_queue(&mut self, key: DeviceKey, to: Option<QueueId>, at: Timestamp) {
        let Some(device) = self.devices.get_mut(key) else { return };
        let to = to.filter(|_| device.counted);
        if device.queue.map(|(queue, _)| queue) == to {
            return;
        }
        if let Some((queue, joined)) = device.queue {
            self.queues[usize::from(queue.0)].leave(joined, at);
        }
        if let Some(queue) = to {
            self.queues[usize::from(queue.0)].join(at);
        }
        device.queue = to.map(|queue| (queue, at));
    }

    /// Adds the device's presence since it was last added to the heat map.
    fn warm(&mut self, key: DeviceKey, at: Timestamp) {
        let Some(device) = self.devices.get_mut(key) else { return };
        let stay = at.since(device.heated_until);
        if !device.counted || stay < HEAT_STEP && device.heat_cell != CELL_NONE {
            return;
        }
        if device.heat_cell != CELL_NONE {
            self.heat.add(device.heat_cell, stay);
        }
        device.heated_until = at;
        if let Some((point, floor)) = whereabouts(&self.followed, &self.venue, key, device, at) {
            device.heat_cell = self.heat.cell(floor, point);
        }
    }

    fn expire(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        for (key, device) in self.devices.expire(at) {
            self.give_up(key, &device, at, outputs);
        }
    }

    /// A device has not been heard for long: it left when it was last heard.
    fn give_up(&mut self, key: DeviceKey, device: &Device, at: Timestamp, outputs: &mut Vec<Output>) {
        if device.counted {
            self.counts.disappeared(device.zone);
        }
        if let Some((queue, joined)) = device.queue {
            self.queues[usize::from(queue.0)].leave(joined, device.last_at);
        }
        let Some(subject) = self.identity.subject(key).filter(|_| device.followed) else { return };
        let who = subject.who.clone();
        self.followed.gone(&who);
        let dwell_s = Some(device.last_at.since(device.entered_at).as_secs_f64());
        let left = |zone| Output::ZoneChange(ZoneChange { at, who, change: Change::Left, zone, dwell_s });
        outputs.extend(device.zone.map(left));
    }

    fn tell_fixes(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        for (who, key) in self.followed.list() {
            let Some(device) = self.devices.get(key) else { continue };
            let (zone_before, located) = (device.zone, self.followed.locate(key, &self.venue, at));
            let fix = match located {
                Some((posterior, zone)) => Fix {
                    at,
                    who,
                    position: posterior.point,
                    floor: posterior.floor,
                    error_m: posterior.error_m,
                    zone,
                    zones: posterior.zones.clone(),
                },
                None => match baseline_fix(&self.venue, &self.zone_of, device, who, at) {
                    Some(fix) => fix,
                    None => continue,
                },
            };
            if fix.zone != zone_before {
                self.change_zone(key, fix.zone, at, outputs);
            }
            outputs.push(Output::Fix(fix));
        }
        self.next_fixes = (!self.followed.is_empty()).then(|| at + self.settings.fix_every);
    }

    fn report(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        let people = self.counts.report(at, self.penetration, self.settings.penetration_cv);
        outputs.extend(people.into_iter().map(Output::People));
        let mut alerts = Vec::new();
        for (index, queue) in self.queues.iter_mut().enumerate() {
            let limit_s = self.venue.queues[index].wait_limit_s;
            let state = queue.report(QueueId(index as u8), at, self.penetration, limit_s);
            alerts.extend(self.alerts.queue(&self.venue, &state));
            self.offers.set_queue(&state);
            outputs.push(Output::Queue(state));
        }
        self.alerts.receivers(&self.venue, at, &mut alerts);
        if self.offers.has_campaigns() {
            alerts.extend(self.alerts.model(at, self.offers.has_model()));
        }
        outputs.extend(alerts.into_iter().map(Output::Alert));
        if at.window_start(HEAT_REPORT) == at {
            outputs.extend(self.heat.windows(at, self.penetration, false).into_iter().map(Output::Heat));
        }
        self.consider_offers(at, outputs);
        // With nobody left this was the report of an empty venue; the next sighting starts reports again.
        self.next_report = (!self.devices.is_empty()).then(|| at + self.settings.report_every);
    }

    fn forget(&mut self, who: &Arc<str>) {
        self.followed.gone(who);
        self.offers.forget(who);
        let device = self.identity.forget(who).and_then(|key| self.devices.remove(key));
        if let Some(device) = device.filter(|device| device.counted) {
            self.counts.disappeared(device.zone);
            if let Some((queue, joined)) = device.queue {
                self.queues[usize::from(queue.0)].leave(joined, joined);
            }
        }
    }

    /// A head count of the venue or a zone moves the believed penetration towards devices over people.
    fn anchor(&mut self, anchor: &Anchor) {
        let devices = match (anchor.kind, anchor.place.as_ref()) {
            (AnchorKind::HeadCount, "") => Some(self.counts.devices()),
            (AnchorKind::HeadCount, zone) => self.venue.zone(zone).map(|zone| self.counts.devices_in(zone)),
            _ => None,
        };
        match devices.filter(|devices| *devices > 0 && anchor.people > 0) {
            Some(devices) => {
                let seen = (f64::from(devices) / f64::from(anchor.people)).clamp(0.01, 1.0);
                self.penetration += ANCHOR_WEIGHT * (seen - self.penetration);
            }
            None => self.counters.anchors_unused += 1,
        }
    }
}

/// Attendees and tracked beacons are people; assets are not; for the rest the class decides.
fn stands_for_a_person(identity: &Identity, key: DeviceKey, device: &Device) -> bool {
    if !device.followed {
        return people::stands_for_a_person(device.class);
    }
    identity.subject(key).is_some_and(|subject| subject.kind != Some(SubjectKind::Asset))
}

/// Takes a device into the counts, or out of them when its class turns out not to be a person's.
fn recount(counts: &mut Counts, device: &mut Device, counted: bool) {
    if counted {
        counts.appeared();
        counts.moved(None, device.zone);
    } else {
        counts.disappeared(device.zone);
    }
    device.counted = counted;
}

/// Where a device is: as it was last located, or by its strongest receivers.
fn whereabouts(
    followed: &Followed,
    venue: &Venue,
    key: DeviceKey,
    device: &Device,
    at: Timestamp,
) -> Option<(Point, FloorId)> {
    if let Some(posterior) = followed.last(key) {
        return Some((posterior.point, posterior.floor));
    }
    device.levels.position(venue, at).map(|position| (position.point, position.floor))
}

/// The fix of a device of which no belief is kept.
fn baseline_fix(
    venue: &Venue,
    zone_of: &[Option<ZoneId>],
    device: &Device,
    who: Arc<str>,
    at: Timestamp,
) -> Option<Fix> {
    let position = device.levels.position(venue, at)?;
    let zones = device.levels.zones(venue, zone_of, at);
    let (zone, error_m) = (device.zone, position.error_m);
    Some(Fix { at, who, position: position.point, floor: position.floor, error_m, zone, zones })
}

/// The queue each receiver hears best: one within reach, the nearest first.
fn queues_of_receivers(venue: &Venue) -> Vec<Option<QueueId>> {
    let nearest = |receiver: &crate::venue::Receiver| {
        let distance_m = |queue: &crate::venue::Queue| {
            let (area, counter) = (geometry::centroid(&queue.area), geometry::centroid(&queue.counter));
            let at = [receiver.x_m, receiver.y_m];
            geometry::distance_m(area, at).min(geometry::distance_m(counter, at))
        };
        let queues = venue.queues.iter().enumerate().filter(|(_, queue)| queue.floor == receiver.floor);
        let reached = queues.map(|(index, queue)| (distance_m(queue), index)).filter(|(d, _)| *d <= QUEUE_REACH_M);
        reached.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, index)| QueueId(index as u8))
    };
    venue.receivers.iter().map(nearest).collect()
}

mod offers;

#[cfg(test)]
mod tests;
