//! One advert from the several events that BlueZ makes of it.
//!
//! In: events of devices, in the order they came. Out: adverts: a strength opens one, data of the same device
//! joins it, and it ends with the next strength, another device, a second piece of the same kind, or when
//! nothing more is there to read. Events of one signal come together, so nothing needs to be waited for.

use crate::radio::structures::{push_manufacturer, push_service};
use bluez_async::DeviceEvent;

/// A device's address as BlueZ says it.
pub type Bytes = [u8; 6];

/// An advert put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// Who sent it.
    pub address: Bytes,
    /// Its strength, where it was told.
    pub rssi_dbm: Option<i8>,
    /// Its structures, as far as BlueZ tells them.
    pub payload: Vec<u8>,
}

/// Puts events together.
#[derive(Debug, Default)]
pub struct Pairing {
    open: Option<Paired>,
    has_manufacturer: bool,
    has_service: bool,
}

impl Pairing {
    /// Takes an event; gives the advert that it ends.
    pub fn event(&mut self, address: Bytes, event: &DeviceEvent) -> Option<Paired> {
        match event {
            DeviceEvent::Rssi { rssi } => {
                let ended = self.finish();
                self.begin(address).rssi_dbm = Some(strength(*rssi));
                ended
            }
            DeviceEvent::ManufacturerData { manufacturer_data } => {
                let ended = self.ended_by(address, self.has_manufacturer);
                self.has_manufacturer = true;
                let open = self.begin(address);
                let mut companies: Vec<_> = manufacturer_data.iter().collect();
                // A hash map has no order of its own, and the same advert should read the same.
                companies.sort();
                companies.into_iter().for_each(|(company, data)| push_manufacturer(&mut open.payload, *company, data));
                ended
            }
            DeviceEvent::ServiceData { service_data } => {
                let ended = self.ended_by(address, self.has_service);
                self.has_service = true;
                let open = self.begin(address);
                let mut services: Vec<_> = service_data.iter().collect();
                services.sort();
                services.into_iter().for_each(|(uuid, data)| push_service(&mut open.payload, uuid.as_u128(), data));
                ended
            }
            _ => None,
        }
    }

    /// Gives the advert under way, when no more of it can come.
    pub fn finish(&mut self) -> Option<Paired> {
        (self.has_manufacturer, self.has_service) = (false, false);
        self.open.take()
    }

    /// Ends the advert under way unless this is more of it.
    fn ended_by(&mut self, address: Bytes, has_such: bool) -> Option<Paired> {
        let is_more = self.open.as_ref().is_some_and(|open| open.address == address) && !has_such;
        if is_more { None } else { self.finish() }
    }

    fn begin(&mut self, address: Bytes) -> &mut Paired {
        self.open.get_or_insert_with(|| Paired { address, ..Paired::default() })
    }
}

/// BlueZ has 16 bits for it; no radio has.
pub fn strength(rssi: i16) -> i8 {
    rssi.clamp(i8::MIN.into(), i8::MAX.into()) as i8
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const A: Bytes = [1; 6];
    const B: Bytes = [2; 6];

    fn rssi(rssi: i16) -> DeviceEvent {
        DeviceEvent::Rssi { rssi }
    }

    fn manufacturer(data: &[u8]) -> DeviceEvent {
        DeviceEvent::ManufacturerData { manufacturer_data: HashMap::from([(0x004c, data.to_vec())]) }
    }

    /// Each advert as sender, strength and payload.
    fn check(events: &[(Bytes, DeviceEvent)], wanted: &[(u8, Option<i8>, &[u8])]) {
        let mut pairing = Pairing::default();
        let mut told: Vec<Paired> = events.iter().filter_map(|(from, event)| pairing.event(*from, event)).collect();
        told.extend(pairing.finish());
        let told: Vec<(u8, Option<i8>, &[u8])> =
            told.iter().map(|advert| (advert.address[0], advert.rssi_dbm, advert.payload.as_slice())).collect();
        assert_eq!(told, wanted);
    }

    #[test]
    fn strength_and_data_of_one_advert_are_one() {
        let events = [(A, rssi(-60)), (A, manufacturer(&[7])), (B, rssi(-70)), (B, manufacturer(&[8]))];
        check(&events, &[(1, Some(-60), &[4, 0xff, 0x4c, 0, 7]), (2, Some(-70), &[4, 0xff, 0x4c, 0, 8])]);
    }

    #[test]
    fn each_strength_is_an_advert_of_its_own() {
        check(
            &[(A, rssi(-60)), (A, rssi(-61)), (A, rssi(-200))],
            &[(1, Some(-60), &[]), (1, Some(-61), &[]), (1, Some(-128), &[])],
        );
    }

    #[test]
    fn data_never_joins_the_advert_of_another_device_or_another_time() {
        let events = [(A, rssi(-60)), (B, manufacturer(&[8])), (A, manufacturer(&[7])), (A, manufacturer(&[9]))];
        check(
            &events,
            &[
                (1, Some(-60), &[]),
                (2, None, &[4, 0xff, 0x4c, 0, 8]),
                (1, None, &[4, 0xff, 0x4c, 0, 7]),
                (1, None, &[4, 0xff, 0x4c, 0, 9]),
            ],
        );
    }

    #[test]
    fn other_events_change_nothing() {
        check(&[(A, DeviceEvent::Connected { connected: true }), (A, DeviceEvent::ServicesResolved)], &[]);
    }
}
