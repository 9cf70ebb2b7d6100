//! Ruuvi Gateway: whole advertising data, of all devices where its filter is off.
//!
//! In: `ruuvi/<gateway's address>/<sender's address>`, a JSON object with `data` in hex and `rssi`. Out: one
//! advert; the receiver is called by its address. It refuses status messages, which have no `data`. Source:
//! docs.ruuvi.com, "MQTT: Time-stamped data from Bluetooth-sensors" and the same without timestamps.

use super::{Heard, address, hex, strength};
use serde::Deserialize;
use venue_engine::advert::AddressType;

/// Topics of its messages.
pub const FILTER: &str = "ruuvi/+/+";

#[derive(Deserialize)]
struct Message {
    data: Option<String>,
    rssi: Option<f64>,
}

/// Reads one message.
///
/// # Errors
/// The reason it was refused.
pub fn read(topic: &str, message: &[u8], mut tell: impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
    let mut levels = topic.split('/').skip(1);
    let (gateway, sender) = (levels.next().unwrap_or_default(), levels.next().unwrap_or_default());
    if sender == "gw_status" {
        return Ok(());
    }
    let address = address(sender, AddressType::Random).ok_or("ruuvi-gateway-address")?;
    let message: Message = serde_json::from_slice(message).map_err(|_| "ruuvi-gateway-json")?;
    let payload = message.data.as_deref().and_then(hex).ok_or("ruuvi-gateway-data")?;
    tell(Heard { gateway, address, rssi_dbm: strength(message.rssi), payload: &payload });
    Ok(())
}
