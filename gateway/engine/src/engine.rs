//! One event in, all outputs out, then the next.
//!
//! In: events, in any order within the allowed lateness. Out: everything that follows from them, in event
//! time. Deadlines (reports, windows, devices given up) are values, fired in the order of their time
//! before the event in hand; so ticks only decide when outputs come, never what they are. It never waits,
//! opens, logs or asks the time, and refuses what lies outside plausible time or comes too late, counted.

use crate::advert::Advert;
use crate::alerts::Alerts;
use crate::counters::Counters;
use crate::devices::{Device, Devices};
use crate::event::Event;
use crate::flow::Flow;
use crate::follow::Followed;
use crate::geometry::Point;
use crate::grid::LAG;
use crate::heat::{Heat, Lattice};
use crate::identity::{DeviceKey, Identity, Sighting};
use crate::locate::zones_of_receivers;
use crate::offers::campaign::Campaign;
use crate::offers::{Offers, Scorer};
use crate::output::{Change, Output, ZoneChange};
use crate::penetration::Penetration;
use crate::people::Crowd;
use crate::queue::{self, Queues};
use crate::reorder::{Reorder, Timed};
use crate::settings::Settings;
use crate::spread::Spread;
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, Venue, ZoneId};
use std::sync::Arc;

mod crowd;
mod fixes;
mod memory;
mod offers;
mod queueing;

/// Times outside 1970 to 2100 are a broken clock or a forged line.
const TIME_RANGE_US: std::ops::Range<i64> = 0..4_102_444_800_000_000;

/// How often the running heat-map window is told.
const HEAT_REPORT: Duration = Duration::from_mins(1);

/// What is due at a time. At equal times the order is that of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    Expiry,
    Anchor,
    Fixes,
    Queues,
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
    crowd: Crowd,
    queues: Queues,
    heat: Heat,
    flow: Flow,
    offers: Offers,
    alerts: Alerts,
    followed: Followed,
    zone_of: Vec<Option<ZoneId>>,
    near_queue: Vec<bool>,
    /// Event time of the last thing processed.
    clock: Timestamp,
    next_fixes: Option<Timestamp>,
    next_report: Option<Timestamp>,
    next_queues: Option<Timestamp>,
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
        let followed = Followed::new(&venue);
        let lattice = Lattice::new(&venue, settings.heat_cell_m);
        let spread = Spread::new(&venue, followed.map(), &lattice);
        let places = venue.zones.len() + venue.queues.len();
        let penetration = Penetration::new(settings.penetration, settings.penetration_cv, places);
        Self {
            identity: Identity::new(&settings),
            reorder: Reorder::new(settings.allowed_lateness),
            due: Vec::new(),
            devices: Devices::new(settings.absent_after),
            crowd: Crowd::new(&venue, penetration, spread),
            queues: Queues::new(&venue, followed.grid(), settings.penetration, settings.penetration_cv),
            heat: Heat::new(lattice, settings.heat_window, settings.group_min),
            flow: Flow::new(&settings, venue.zones.len()),
            offers: Offers::new(venue.clone(), settings.seed, campaigns, scorer),
            alerts: Alerts::new(&venue),
            followed,
            zone_of: zones_of_receivers(&venue),
            near_queue: queueing::receivers_near_queues(&venue),
            clock: Timestamp::MIN,
            next_fixes: None,
            next_report: None,
            next_queues: None,
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
            Event::Anchor(anchor) => self.anchor(anchor),
            Event::Campaigns { campaigns, spent } => self.offers.replace_campaigns(campaigns, &spent),
            Event::Language { who, language } => self.offers.set_language(&who, &language),
            Event::Redeemed { at, voucher } => self.redeemed(at, &voucher, outputs),
        }
    }

    /// Ends a recording: everything held back is processed, open windows are told.
    pub fn finish(&mut self, outputs: &mut Vec<Output>) {
        self.release(Timestamp::MAX, outputs);
        self.tell_last_fixes(outputs);
        let clock = self.clock;
        self.end_heat_window(clock, outputs);
        self.end_movement_window(clock, outputs);
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
                Deadline::Queues => self.step_queues(at),
                Deadline::Report => self.report(at, outputs),
                Deadline::Anchor => self.crowd.take_anchor(&self.venue, at),
                Deadline::HeatWindow => self.end_heat_window(at, outputs),
                Deadline::MovementWindow => self.end_movement_window(at - LAG, outputs),
            }
        }
    }

    fn end_heat_window(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        outputs.extend(self.heat.windows(at, true).into_iter().map(Output::Heat));
        self.heat.close();
        self.tell_memory(at, outputs);
    }

    fn end_movement_window(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        let told = self.flow.close(at);
        outputs.extend(told.movements.into_iter().map(Output::Movement));
        outputs.extend(told.dwells.into_iter().map(Output::Dwell));
    }

    fn earliest(&self) -> Option<(Timestamp, Deadline)> {
        [
            self.devices.next_expiry().map(|at| (at, Deadline::Expiry)),
            self.crowd.anchor_due().map(|at| (at, Deadline::Anchor)),
            self.next_fixes.map(|at| (at, Deadline::Fixes)),
            self.next_queues.map(|at| (at, Deadline::Queues)),
            self.next_report.map(|at| (at, Deadline::Report)),
            self.heat.window_end().map(|at| (at, Deadline::HeatWindow)),
            // Changes of zone are noticed as late as positions are told.
            self.flow.window_end().map(|at| (at + LAG, Deadline::MovementWindow)),
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
        crowd::count_hearing(&mut self.crowd, &self.identity, device, sighting);
        let nearest = device.levels.nearest();
        let zone = nearest.and_then(|receiver| self.zone_of[usize::from(receiver.0)]);
        let zone_before = device.zone;
        self.followed.hear(sighting);
        // Of whom a belief is kept changes zone when located, at the next fix.
        if zone != zone_before && !self.followed.believes(sighting.key) {
            self.change_zone(sighting.key, zone, sighting.at, outputs);
        }
        self.hear_at_queues(sighting);
    }

    fn start_deadlines(&mut self, at: Timestamp) {
        let after = |every: Duration| at.window_start(every) + every;
        self.next_fixes.get_or_insert(after(self.settings.fix_every) + LAG);
        self.next_report.get_or_insert(after(self.settings.report_every));
        if !self.queues.is_empty() {
            self.next_queues.get_or_insert(after(queue::STEP));
        }
        self.heat.open(at);
    }

    fn change_zone(&mut self, key: DeviceKey, to: Option<ZoneId>, at: Timestamp, outputs: &mut Vec<Output>) {
        let Some(device) = self.devices.get_mut(key) else { return };
        let from = device.zone;
        let dwell_s = at.since(device.entered_at).as_secs_f64();
        (device.zone, device.entered_at) = (to, at);
        if !device.followed {
            return;
        }
        let Some(subject) = self.identity.subject(key) else { return };
        let told = |change, zone, dwell_s| ZoneChange { at, who: subject.who.clone(), change, zone, dwell_s };
        outputs.extend(from.map(|zone| Output::ZoneChange(told(Change::Left, zone, Some(dwell_s)))));
        outputs.extend(to.map(|zone| Output::ZoneChange(told(Change::Entered, zone, None))));
    }

    fn expire(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        for (key, device) in self.devices.expire(at) {
            self.give_up(key, &device, at, outputs);
        }
    }

    /// A device has not been heard for long: it left when it was last heard.
    fn give_up(&mut self, key: DeviceKey, device: &Device, at: Timestamp, outputs: &mut Vec<Output>) {
        if let Some(track) = device.track {
            self.crowd.fell_silent(key, device.class, track, device.levels.nearest(), at);
        }
        let Some(subject) = self.identity.subject(key).filter(|_| device.followed) else { return };
        let who = subject.who.clone();
        self.followed.gone(&who);
        self.flow.gone(key, device.last_at);
        let dwell_s = Some(device.last_at.since(device.entered_at).as_secs_f64());
        let left = |zone| Output::ZoneChange(ZoneChange { at, who, change: Change::Left, zone, dwell_s });
        outputs.extend(device.zone.map(left));
    }

    fn report(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        self.counters.lookups_shed = self.identity.lookups_shed();
        self.report_people(at, outputs);
        self.report_queues(at, outputs);
        let mut alerts = Vec::new();
        self.alerts.receivers(&self.venue, at, &mut alerts);
        if self.offers.has_campaigns() {
            alerts.extend(self.alerts.model(at, self.offers.has_model()));
        }
        outputs.extend(alerts.into_iter().map(Output::Alert));
        if at.window_start(HEAT_REPORT) == at {
            outputs.extend(self.heat.windows(at, false).into_iter().map(Output::Heat));
        }
        self.consider_offers(at, outputs);
        // With nobody left this was the report of an empty venue; the next sighting starts reports again.
        self.next_report = self.somebody_counts().then(|| at + self.settings.report_every);
    }

    fn forget(&mut self, who: &Arc<str>) {
        self.followed.gone(who);
        self.offers.forget(who);
        let key = self.identity.forget(who);
        if let Some(key) = key {
            self.queues.forget(key, self.clock);
            self.flow.forget(key);
        }
        let device = key.and_then(|key| self.devices.remove(key));
        if let Some((device, track)) = device.and_then(|device| device.track.map(|track| (device, track))) {
            self.crowd.ended(device.class, &track);
        }
    }
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

#[cfg(test)]
mod tests;
