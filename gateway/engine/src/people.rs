//! How many people are there: devices from addresses alive, people from devices by the share that is heard.
//!
//! In: devices that appear, are heard and fall silent, where they are, and known counts (`anchors`). Out: people
//! in each zone and in the venue, always with a 90 % interval; the venue is the sum of its zones and of what is
//! outside them. Addresses are never linked: an address that falls silent is remembered for some minutes, in case
//! the same address is heard again, and then forgotten. Beacons, fixed equipment and assets are not people.

pub mod anchors;
pub mod fixed;

use crate::beacon::DeviceClass;
use crate::event::Anchor;
use crate::identity::DeviceKey;
use crate::live_count::{CLASSES, LiveCount, Track, Weight};
use crate::output::People;
use crate::penetration::{Penetration, PeopleEstimate, Share};
use crate::spread::Spread;
use crate::time::Timestamp;
use crate::venue::{QueueId, ReceiverId, Venue, ZoneId};
use anchors::Anchors;
use std::collections::BTreeMap;

/// Silent addresses remembered: three times the devices that are meant to be alive. Beyond them an address is
/// given up as soon as it falls silent, and devices that are seldom heard are undercounted.
pub const SILENT_MAX: usize = 30_000;

/// Weights are summed as whole numbers of this size, so that sums do not depend on the order of adding.
const GRAIN: f64 = (1u64 << 24) as f64;

/// People are told to the hundredth, and the hundredths of the zones add up to those of the venue.
const TOLD: f64 = 100.0;

/// Devices whose people are counted, and where.
pub struct Crowd {
    live: LiveCount,
    penetration: Penetration,
    spread: Spread,
    silent: BTreeMap<DeviceKey, Silent>,
    anchors: Anchors,
    zones: usize,
}

/// An address not heard for a while.
#[derive(Clone, Copy, Debug)]
struct Silent {
    class: DeviceClass,
    track: Track,
    nearest: Option<ReceiverId>,
}

/// Weight of addresses by place and class, in whole grains.
#[derive(Clone, Debug)]
pub struct Tally {
    /// By receiver that hears them best; those heard without a strength last.
    places: Vec<[Grains; CLASSES.len()]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Grains {
    sum: u64,
    variance: u64,
}

/// A device whose place is known better than by its strongest receiver.
#[derive(Clone, Debug)]
pub struct Located<'a> {
    /// Its class.
    pub class: DeviceClass,
    /// Its address.
    pub track: Track,
    /// Probability of each zone.
    pub zones: &'a [(ZoneId, f64)],
}

/// Devices by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Devices {
    /// In the venue, with the variance of the number.
    pub venue: Weight,
    /// By zone; outside all zones last. Each with the variance of its number and of who is in it.
    pub zones: Vec<Weight>,
    /// Of those not located, by receiver that hears them best; those heard without a strength last.
    pub receivers: Vec<f64>,
    /// Devices a located one of each class stands for.
    factors: [f64; CLASSES.len()],
}

impl Crowd {
    /// Nobody there.
    pub fn new(venue: &Venue, penetration: Penetration, spread: Spread) -> Self {
        let anchors = Anchors::new(venue);
        let zones = venue.zones.len();
        Self { live: LiveCount::default(), penetration, spread, silent: BTreeMap::new(), anchors, zones }
    }

    /// A person's device was heard for the first time, or again after a silence.
    pub fn appeared(
        &mut self,
        class: DeviceClass,
        at: Timestamp,
        key: DeviceKey,
        previous: Option<DeviceKey>,
    ) -> Track {
        let known = self.silent.remove(&key).or_else(|| self.silent.remove(&previous?));
        let Some(mut silent) = known else {
            self.anchors.came();
            return self.live.appeared(class, at);
        };
        self.live.heard(class, at, &mut silent.track);
        silent.track
    }

    /// A person's device was heard again.
    pub fn heard(&mut self, class: DeviceClass, at: Timestamp, track: &mut Track) {
        self.live.heard(class, at, track);
    }

    /// A person's device has not been heard for a while.
    pub fn fell_silent(
        &mut self,
        key: DeviceKey,
        class: DeviceClass,
        track: Track,
        nearest: Option<ReceiverId>,
        now: Timestamp,
    ) {
        if self.silent.len() < SILENT_MAX && self.live.keeps(class, &track, now) {
            self.silent.insert(key, Silent { class, track, nearest });
        } else {
            self.ended(class, &track);
        }
    }

    /// A device is gone for good, or is no longer counted.
    pub fn ended(&mut self, class: DeviceClass, track: &Track) {
        self.anchors.went();
        self.live.ended(class, track);
    }

    /// A device was served at a queue.
    pub fn was_served(&mut self, queue: QueueId) {
        self.anchors.was_served(queue);
    }

    /// Keeps a known count until its time; false when its place is none of the venue's.
    pub fn anchor(&mut self, venue: &Venue, anchor: Anchor) -> bool {
        self.anchors.keep(venue, anchor)
    }

    /// When the next known count is due.
    pub fn anchor_due(&self) -> Option<Timestamp> {
        self.anchors.due()
    }

    /// Takes the known count that is due.
    pub fn take_anchor(&mut self, venue: &Venue, now: Timestamp) {
        self.anchors.take(venue, &mut self.penetration, now);
    }

    /// Whether addresses that fell silent are still remembered.
    pub fn remembers(&self) -> bool {
        !self.silent.is_empty()
    }

    /// Devices that one address stands for now.
    pub fn devices_of(&self, class: DeviceClass, track: &Track, now: Timestamp, devices: &Devices) -> f64 {
        self.live.weight(class, track, now).sum * devices.factor(class)
    }

    /// An empty tally.
    pub fn tally(&self, venue: &Venue) -> Tally {
        Tally { places: vec![[Grains::default(); CLASSES.len()]; venue.receivers.len() + 1] }
    }

    /// Adds a device heard best by a receiver.
    pub fn tally_device(
        &self,
        tally: &mut Tally,
        class: DeviceClass,
        track: &Track,
        nearest: Option<ReceiverId>,
        now: Timestamp,
    ) {
        let weight = self.live.weight(class, track, now);
        let last = tally.places.len() - 1;
        let place = nearest.map_or(last, |receiver| usize::from(receiver.0).min(last));
        let grains = &mut tally.places[place][LiveCount::index(class)];
        grains.sum += (weight.sum * GRAIN) as u64;
        grains.variance += (weight.variance * GRAIN) as u64;
    }

    /// Devices by place, from a tally of those alive and from the located ones, in a fixed order.
    pub fn count<'a>(
        &mut self,
        mut tally: Tally,
        located: impl Iterator<Item = Located<'a>>,
        now: Timestamp,
    ) -> Devices {
        self.forget_silent(now);
        for silent in self.silent.values() {
            self.tally_device(&mut tally, silent.class, &silent.track, silent.nearest, now);
        }
        let factors = CLASSES.map(|class| self.live.factor(class));
        let mut devices = Devices {
            venue: Weight::default(),
            zones: vec![Weight::default(); self.zones + 1],
            receivers: Vec::new(),
            factors,
        };
        for (index, grains) in tally.places.iter().enumerate() {
            let weight = total(grains, &factors);
            devices.receivers.push(weight.sum);
            let nearest = (index + 1 < tally.places.len()).then_some(ReceiverId(index as u8));
            devices.add(weight, &self.spread.of(nearest).zones);
        }
        for device in located {
            let weight = self.live.weight(device.class, &device.track, now);
            devices.add(scaled(weight, factors[LiveCount::index(device.class)]), device.zones);
        }
        self.anchors.remember(now, &devices);
        devices
    }

    /// People in the venue, then in each zone.
    pub fn report(&mut self, at: Timestamp, devices: &Devices) -> Vec<People> {
        let estimates: Vec<PeopleEstimate> = (0..=self.zones).map(|place| self.estimate(at, place, devices)).collect();
        let hundredths: Vec<f64> = estimates.iter().map(|estimate| (estimate.people * TOLD).round()).collect();
        let venue = hundredths.iter().sum::<f64>() / TOLD;
        let known = self.estimate_of(at, None, devices.venue);
        let scale = if known.people > 0.0 { venue / known.people } else { 1.0 };
        let whole = People {
            at,
            zone: None,
            people: venue,
            low: (known.low * scale).min(venue),
            high: (known.high * scale).max(venue),
            devices: devices.venue.sum,
        };
        let zones = (0..self.zones).map(|zone| People {
            at,
            zone: Some(ZoneId(zone as u8)),
            people: hundredths[zone] / TOLD,
            low: estimates[zone].low.min(hundredths[zone] / TOLD),
            high: estimates[zone].high.max(hundredths[zone] / TOLD),
            devices: devices.zones[zone].sum,
        });
        std::iter::once(whole).chain(zones).collect()
    }

    /// The share of people heard at a place (zones, then queues), or in the venue.
    pub fn share(&mut self, at: Timestamp, place: Option<usize>) -> Share {
        self.penetration.share(at, place)
    }

    /// People of each place, zones first and outside them last, over devices there.
    pub fn people_per_device(&mut self, at: Timestamp) -> Vec<f64> {
        (0..=self.zones).map(|place| self.people_of(at, place)).collect()
    }

    /// What each receiver covers.
    pub fn spread(&self) -> &Spread {
        &self.spread
    }

    /// The learned shares.
    pub fn penetration(&self) -> &Penetration {
        &self.penetration
    }

    /// The learned shares, to take up what was known before.
    pub fn penetration_mut(&mut self) -> &mut Penetration {
        &mut self.penetration
    }

    fn people_of(&mut self, at: Timestamp, place: usize) -> f64 {
        let zone = (place < self.zones).then_some(place);
        let share = self.penetration.share(at, zone);
        share.people_per_device() * self.anchors.ratio(at, zone)
    }

    fn estimate(&mut self, at: Timestamp, place: usize, devices: &Devices) -> PeopleEstimate {
        let zone = (place < self.zones).then_some(place);
        self.estimate_of(at, zone, devices.zones[place])
    }

    fn estimate_of(&mut self, at: Timestamp, zone: Option<usize>, devices: Weight) -> PeopleEstimate {
        let share = self.penetration.share(at, zone);
        self.anchors.estimate(at, zone, share, devices)
    }

    fn forget_silent(&mut self, now: Timestamp) {
        let (live, anchors) = (&mut self.live, &mut self.anchors);
        self.silent.retain(|_, silent| {
            let keeps = live.keeps(silent.class, &silent.track, now);
            if !keeps {
                anchors.went();
                live.ended(silent.class, &silent.track);
            }
            keeps
        });
    }
}

impl Devices {
    /// Devices a located one of a class stands for, by its own weight.
    pub fn factor(&self, class: DeviceClass) -> f64 {
        self.factors[LiveCount::index(class)]
    }

    /// Spreads devices over zones; the variance of each is that of the number and that of the choice.
    fn add(&mut self, weight: Weight, shares: &[(ZoneId, f64)]) {
        self.venue.add(weight);
        let outside = (1.0 - shares.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        let last = self.zones.len() - 1;
        let zones = shares.iter().map(|(zone, share)| (usize::from(zone.0), *share));
        for (zone, share) in zones.chain([(last, outside)]) {
            let variance = weight.variance * share * share + weight.sum * share * (1.0 - share);
            self.zones[zone.min(last)].add(Weight { sum: weight.sum * share, variance });
        }
    }
}

fn total(grains: &[Grains; CLASSES.len()], factors: &[f64; CLASSES.len()]) -> Weight {
    let mut total = Weight::default();
    for (grains, factor) in grains.iter().zip(factors) {
        let weight = Weight { sum: grains.sum as f64 / GRAIN, variance: grains.variance as f64 / GRAIN };
        total.add(scaled(weight, *factor));
    }
    total
}

fn scaled(weight: Weight, factor: f64) -> Weight {
    Weight { sum: weight.sum * factor, variance: weight.variance * factor * factor }
}

/// Whether a device of this class stands for a person.
pub fn stands_for_a_person(class: DeviceClass) -> bool {
    matches!(class, DeviceClass::Phone | DeviceClass::Unknown)
}

#[cfg(test)]
mod tests;
