//! OpenMQTTGateway on an ESP32, and Theengs Gateway, which publishes alike.
//!
//! In: `<base>/<gateway>/BTtoMQTT/<address>`, a JSON object with `id`, `rssi`, `mac_type`, and, where the
//! gateway tells raw data ("pubadvdata"), `name`, `manufacturerdata`, `servicedata` and `servicedatauuid` in
//! hex. Out: one advert whose data is put together again from these parts; the receiver is called by its name
//! in the topic. Of frames the gateway decoded itself it takes iBeacons, whose parts it tells. It refuses
//! messages without an address. Source: docs.openmqttgateway.com, "BLE gateway"; the firmware's
//! `ZgatewayBT.ino` for the names and for `mac_type` (0 public, 1 random, 2 and 3 resolved).

use super::{Heard, address, hex, strength};
use serde::Deserialize;
use venue_engine::advert::AddressType;

/// Topics of its messages.
pub const FILTER: &str = "+/+/BTtoMQTT/+";
/// What one AD structure can hold beside its type.
const STRUCTURE_LEN_MAX: usize = 254;

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    rssi: Option<f64>,
    mac_type: Option<u8>,
    name: Option<String>,
    manufacturerdata: Option<String>,
    servicedata: Option<String>,
    servicedatauuid: Option<String>,
    // Of a decoded iBeacon:
    uuid: Option<String>,
    major: Option<i64>,
    minor: Option<i64>,
    txpower: Option<f64>,
}

/// Reads one message.
///
/// # Errors
/// The reason it was refused.
pub fn read(topic: &str, message: &[u8], mut tell: impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
    let gateway = topic.split('/').nth(1).unwrap_or_default();
    let message: Message = serde_json::from_slice(message).map_err(|_| "openmqttgateway-json")?;
    let kind = if matches!(message.mac_type, Some(0 | 2)) { AddressType::Public } else { AddressType::Random };
    let sender = message.id.as_deref().and_then(|text| address(text, kind));
    let address = sender.ok_or("openmqttgateway-address")?;
    let payload = payload(&message).ok_or("openmqttgateway-data")?;
    tell(Heard { gateway, address, rssi_dbm: strength(message.rssi), payload: &payload });
    Ok(())
}

/// The advertising data, as far as its parts are told; `None` where a part is not what it must be.
fn payload(message: &Message) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    if let Some(data) = &message.manufacturerdata {
        append(&mut payload, 0xff, &hex(data)?)?;
    } else if let (Some(uuid), Some(major), Some(minor)) = (&message.uuid, message.major, message.minor) {
        append(&mut payload, 0xff, &ibeacon(uuid, major, minor, message.txpower)?)?;
    }
    if let (Some(data), Some(uuid)) = (&message.servicedata, &message.servicedatauuid) {
        let uuid = u16::from_str_radix(uuid.trim_start_matches("0x"), 16);
        // Services of 128 bits have nothing to say to us.
        if let Ok(uuid) = uuid {
            append(&mut payload, 0x16, &[&uuid.to_le_bytes()[..], &hex(data)?].concat())?;
        }
    }
    if let Some(name) = message.name.as_deref().filter(|name| !name.is_empty()) {
        append(&mut payload, 0x09, name.as_bytes())?;
    }
    Some(payload)
}

fn append(payload: &mut Vec<u8>, kind: u8, data: &[u8]) -> Option<()> {
    let length = u8::try_from(data.len() + 1).ok().filter(|_| data.len() <= STRUCTURE_LEN_MAX)?;
    payload.extend([length, kind]);
    payload.extend(data);
    Some(())
}

/// Company and frame. The decoder inside reads the numbers as signed.
fn ibeacon(uuid: &str, major: i64, minor: i64, power: Option<f64>) -> Option<Vec<u8>> {
    let uuid = hex(&uuid.replace('-', "")).filter(|uuid| uuid.len() == 16)?;
    let number = |value: i64| u16::try_from(value.rem_euclid(65_536)).ok().filter(|_| value.abs() <= 65_535);
    let power = power.filter(|power| (-128.0..=127.0).contains(power))? as i8;
    let mut frame = vec![0x4c, 0x00, 0x02, 0x15];
    frame.extend(uuid);
    frame.extend([number(major)?.to_be_bytes(), number(minor)?.to_be_bytes()].concat());
    frame.push(power as u8);
    Some(frame)
}
