//! ESPresense: one message a device and room, with what the firmware made of the advert.
//!
//! In: `espresense/devices/<id>/<room>`, a JSON object with `mac`, `rssi`, `id` and `rssi@1m`. Out: one advert;
//! the receiver is called by its room. The firmware does not tell the advertising data: of an iBeacon it is
//! made again from the identity and the strength at 1 m, of anything else it stays empty. It refuses messages
//! without an address. Source: espresense.com, "MQTT" and "Beacons"; the firmware's `BleFingerprint.cpp`.

use super::{Heard, address, hex, strength};
use serde::Deserialize;
use venue_engine::advert::AddressType;

/// Topics of its messages.
pub const FILTER: &str = "espresense/devices/+/+";

#[derive(Deserialize)]
struct Message {
    mac: Option<String>,
    id: Option<String>,
    rssi: Option<f64>,
    #[serde(rename = "rssi@1m")]
    measured_power_dbm: Option<f64>,
}

/// Reads one message.
///
/// # Errors
/// The reason it was refused.
pub fn read(topic: &str, message: &[u8], mut tell: impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
    let gateway = topic.rsplit('/').next().unwrap_or_default();
    let message: Message = serde_json::from_slice(message).map_err(|_| "espresense-json")?;
    let sender = message.mac.as_deref().and_then(|text| address(text, AddressType::Random));
    let address = sender.ok_or("espresense-address")?;
    let identity = message.id.as_deref().unwrap_or_default();
    let payload = ibeacon(identity, strength(message.measured_power_dbm)).unwrap_or_default();
    tell(Heard { gateway, address, rssi_dbm: strength(message.rssi), payload: &payload });
    Ok(())
}

/// `iBeacon:<uuid>-<major>-<minor>`, the UUID with dashes or without, as advertising data.
fn ibeacon(identity: &str, measured_power_dbm: Option<i8>) -> Option<Vec<u8>> {
    let mut parts = identity.strip_prefix("iBeacon:")?.rsplitn(3, '-');
    let (minor, major): (u16, u16) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let uuid = hex(&parts.next()?.replace('-', "")).filter(|uuid| uuid.len() == 16)?;
    let mut payload = vec![0x1a, 0xff, 0x4c, 0x00, 0x02, 0x15];
    payload.extend(uuid);
    payload.extend([major.to_be_bytes(), minor.to_be_bytes()].concat());
    payload.push(measured_power_dbm? as u8);
    Some(payload)
}
