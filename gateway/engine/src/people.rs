//! How many people are there: live addresses over penetration.
//!
//! In: devices that come, go and change zone. Out: people per zone and in the venue with 90 % intervals.
//! Addresses are never linked: each counts from its first sighting until it is given up. Beacons, fixed
//! equipment and assets are not people. This is the named baseline: it does not correct for the edges of
//! an address's life.

use crate::beacon::DeviceClass;
use crate::output::People;
use crate::time::Timestamp;
use crate::venue::{Venue, ZoneId};

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

/// Devices per zone, kept as they come and go.
pub struct Counts {
    venue: u32,
    zones: Vec<u32>,
}

impl Counts {
    /// Nobody there.
    pub fn new(venue: &Venue) -> Self {
        Self { venue: 0, zones: vec![0; venue.zones.len()] }
    }

    /// A device appeared.
    pub fn appeared(&mut self) {
        self.venue += 1;
    }

    /// A device was given up while in `zone`.
    pub fn disappeared(&mut self, zone: Option<ZoneId>) {
        self.venue -= 1;
        self.moved(zone, None);
    }

    /// A device changed zone.
    pub fn moved(&mut self, from: Option<ZoneId>, to: Option<ZoneId>) {
        if let Some(zone) = from {
            self.zones[usize::from(zone.0)] -= 1;
        }
        if let Some(zone) = to {
            self.zones[usize::from(zone.0)] += 1;
        }
    }

    /// Devices in the venue.
    pub fn devices(&self) -> u32 {
        self.venue
    }

    /// Devices in a zone.
    pub fn devices_in(&self, zone: ZoneId) -> u32 {
        self.zones[usize::from(zone.0)]
    }

    /// The venue's count, then each zone's.
    pub fn report(&self, at: Timestamp, penetration: f64, penetration_cv: f64) -> Vec<People> {
        let zones = self.zones.iter().enumerate().map(|(index, devices)| (Some(ZoneId(index as u8)), *devices));
        std::iter::once((None, self.venue))
            .chain(zones)
            .map(|(zone, devices)| estimate(at, zone, f64::from(devices), penetration, penetration_cv))
            .collect()
    }
}

/// Whether a device of this class stands for a person.
pub fn stands_for_a_person(class: DeviceClass) -> bool {
    matches!(class, DeviceClass::Phone | DeviceClass::Unknown)
}

/// People from devices: binomial thinning with a share that itself varies by `penetration_cv`.
fn estimate(at: Timestamp, zone: Option<ZoneId>, devices: f64, penetration: f64, penetration_cv: f64) -> People {
    let people = devices / penetration;
    let thinning = people * (1.0 - penetration) / penetration;
    let half = NORMAL_95 * (thinning + (people * penetration_cv).powi(2)).sqrt();
    People { at, zone, people, low: (people - half).max(devices), high: people + half, devices }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_become_people_with_an_interval() {
        let people = estimate(Timestamp::MIN, None, 50.0, 0.5, 0.0);
        assert_eq!(people.people, 100.0);
        // Binomial thinning: sd of people is sqrt(N (1-p)/p) = 10.
        assert!((people.high - 116.45).abs() < 0.01 && (people.low - 83.55).abs() < 0.01, "{people:?}");
    }

    #[test]
    fn nobody_is_nobody() {
        let people = estimate(Timestamp::MIN, None, 0.0, 0.3, 0.1);
        assert_eq!((people.people, people.low, people.high), (0.0, 0.0, 0.0));
    }
}
