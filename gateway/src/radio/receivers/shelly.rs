//! Shelly devices of the second generation and later, with the script that makes them Bluetooth gateways.
//!
//! In: `<device>/events/rpc`, a JSON object whose events `ble.scan_result` hold version, and then either one
//! result (version 1) or a list of them (version 2): address, strength, advertising data and scan response in
//! base64. Out: an advert for each of the two that is not empty; the receiver is called by its device name.
//! Other events are passed over. It refuses other versions. Source: shelly-api-docs.shelly.cloud, "Script" and
//! "BLE"; the script's text in the Python package aioshelly, `ble/const.py`, which Home Assistant installs.

use super::{Heard, address, strength};
use serde::Deserialize;
use serde_json::Value;
use venue_engine::advert::{AddressType, PAYLOAD_LEN_MAX};

/// Topics of its messages.
pub const FILTER: &str = "+/events/rpc";
/// Name of the event.
const SCAN_RESULT: &str = "ble.scan_result";

#[derive(Deserialize)]
struct Message {
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    event: Option<String>,
    data: Option<Value>,
}

/// Reads one message.
///
/// # Errors
/// The reason it was refused.
pub fn read(topic: &str, message: &[u8], mut tell: impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
    let gateway = topic.split('/').next().unwrap_or_default();
    let message: Message = serde_json::from_slice(message).map_err(|_| "shelly-json")?;
    let events = message.params.map(|params| params.events).unwrap_or_default();
    for event in events.iter().filter(|event| event.event.as_deref() == Some(SCAN_RESULT)) {
        match event.data.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
            Some([version, result @ ..]) if version == 1 => one(gateway, result, &mut tell)?,
            Some([version, Value::Array(results)]) if version == 2 => {
                for result in results {
                    one(gateway, result.as_array().ok_or("shelly-result")?, &mut tell)?;
                }
            }
            _ => return Err("shelly-version"),
        }
    }
    Ok(())
}

fn one(gateway: &str, result: &[Value], tell: &mut impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
    let [sender, rssi, data, rest @ ..] = result else { return Err("shelly-result") };
    let address = sender.as_str().and_then(|text| address(text, AddressType::Random)).ok_or("shelly-address")?;
    let rssi_dbm = strength(rssi.as_f64());
    let bytes = |value: &Value| value.as_str().and_then(base64).ok_or("shelly-data");
    let (data, response) = (bytes(data)?, rest.first().map(bytes).transpose()?.unwrap_or_default());
    for payload in [data, response].iter().filter(|payload| !payload.is_empty()) {
        tell(Heard { gateway, address, rssi_dbm, payload });
    }
    Ok(())
}

/// Bytes in base64 (RFC 4648, 4); no more than an advert can hold.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if digits.len() > PAYLOAD_LEN_MAX * 4 / 3 + 3 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (held, bits) = (held << 6 | u32::from(value), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    (bytes.len() <= PAYLOAD_LEN_MAX).then_some(bytes)
}
