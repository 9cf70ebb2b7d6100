//! Adverts from this machine's adapters, through btleplug.
//!
//! In: btleplug's central events. Out: batches of adverts with their AD structures put together again, since
//! BlueZ does not hand out the raw payload. Strength and data of one advert arrive as separate events and
//! are paired here. It does not see raw payloads, channels or every repeated advert; what BlueZ keeps to
//! itself is lost (its own de-duplication, structures longer than 27 bytes).

use super::AdvertBatch;
use crate::runtime::EngineHandle;
use btleplug::api::{Central, CentralEvent, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, Manager, PeripheralId};
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration as WallDuration;
use tokio::sync::watch;
use venue_engine::advert::{Address, AddressType};
use venue_engine::venue::ReceiverId;

/// Devices whose last strength is remembered; beyond it all are forgotten and learnt anew.
const STRENGTHS_MAX: usize = 4_096;

/// A scan that failed is tried again after this long.
const RETRY: WallDuration = WallDuration::from_secs(5);

/// How long an answer of BlueZ is waited for; a dead bus never answers.
const ANSWER: WallDuration = WallDuration::from_secs(10);

/// Type of manufacturer-specific data (Bluetooth Assigned Numbers 2.3).
const MANUFACTURER: u8 = 0xff;
/// Type of service data with a 16-bit UUID.
const SERVICE_DATA_16: u8 = 0x16;

/// Listens until told to end, starting anew when the adapter fails.
pub async fn run(receiver: ReceiverId, engine: EngineHandle, mut ending: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            heard = scan(receiver, &engine) => {
                let why = heard.err().map_or_else(|| "the event stream ended".to_owned(), |error| format!("{error:#}"));
                tracing::error!("not listening: {why}; trying again in {} s", RETRY.as_secs());
            }
            _ = ending.wait_for(|ending| *ending) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            _ = ending.wait_for(|ending| *ending) => return,
        }
    }
}

/// The machine's first adapter.
///
/// # Errors
/// Where there is none, or no bluetoothd to ask.
pub async fn adapter() -> anyhow::Result<Adapter> {
    let adapters = async { Manager::new().await?.adapters().await };
    let adapters = tokio::time::timeout(ANSWER, adapters)
        .await
        .map_err(|_| anyhow::anyhow!("bluetoothd does not answer; restart it: systemctl restart bluetooth"))??;
    adapters.into_iter().next().ok_or_else(|| {
        anyhow::anyhow!("no Bluetooth adapter; plug one in, see `rfkill list`, or set [bluetooth] enabled = false")
    })
}

async fn scan(receiver: ReceiverId, engine: &EngineHandle) -> anyhow::Result<()> {
    let mut heard = Scan::start().await?;
    while let Some((address, rssi_dbm, payload)) = heard.next().await {
        let mut batch = AdvertBatch::default();
        batch.push_raw(engine.now(), receiver, address, rssi_dbm, &payload);
        engine.adverts(batch);
    }
    Ok(())
}

/// A running scan.
pub struct Scan {
    adapter: Adapter,
    events: std::pin::Pin<Box<dyn futures_util::Stream<Item = CentralEvent> + Send>>,
    strengths: HashMap<PeripheralId, i8>,
}

impl Scan {
    /// Starts scanning with the first adapter.
    ///
    /// # Errors
    /// Where there is no adapter or it refuses.
    pub async fn start() -> anyhow::Result<Self> {
        let adapter = adapter().await?;
        let events = adapter.events().await?;
        tokio::time::timeout(ANSWER, adapter.start_scan(ScanFilter::default()))
            .await
            .map_err(|_| anyhow::anyhow!("the adapter does not start to scan; power it off and on"))??;
        Ok(Self { adapter, events, strengths: HashMap::new() })
    }

    /// The next advert: address, strength, AD structures.
    pub async fn next(&mut self) -> Option<(Address, Option<i8>, Vec<u8>)> {
        loop {
            let (id, payload) = match self.events.next().await? {
                CentralEvent::RssiUpdate { id, rssi } => {
                    if self.strengths.len() >= STRENGTHS_MAX {
                        self.strengths.clear();
                    }
                    self.strengths.insert(id, i8::try_from(rssi).unwrap_or(i8::MIN));
                    continue;
                }
                CentralEvent::ManufacturerDataAdvertisement { id, manufacturer_data } => {
                    let data = manufacturer_data.into_iter();
                    (id, structures(data.map(|(company, data)| (MANUFACTURER, company, data))))
                }
                CentralEvent::ServiceDataAdvertisement { id, service_data } => {
                    let data = service_data.into_iter();
                    (
                        id,
                        structures(
                            data.filter_map(|(uuid, data)| Some((SERVICE_DATA_16, short_uuid(uuid.as_u128())?, data))),
                        ),
                    )
                }
                // The first advert of a device comes without its data.
                CentralEvent::DeviceDiscovered(id) => match first_advert(&self.adapter, &id).await {
                    Some((rssi_dbm, payload)) => {
                        self.strengths.extend(rssi_dbm.map(|rssi_dbm| (id.clone(), rssi_dbm)));
                        (id, payload)
                    }
                    None => continue,
                },
                _ => continue,
            };
            if let Some(address) = address_of(&id) {
                return Some((address, self.strengths.get(&id).copied(), payload));
            }
        }
    }
}

async fn first_advert(adapter: &Adapter, id: &PeripheralId) -> Option<(Option<i8>, Vec<u8>)> {
    let peripheral = adapter.peripheral(id).await.ok()?;
    let properties = tokio::time::timeout(ANSWER, peripheral.properties()).await.ok()?.ok()??;
    let data = properties.manufacturer_data.into_iter();
    let payload = structures(data.map(|(company, data)| (MANUFACTURER, company, data)));
    Some((properties.rssi.and_then(|rssi| i8::try_from(rssi).ok()), payload))
}

/// AD structures of one type each with a 16-bit number in front; what does not fit a length byte is left out.
fn structures(parts: impl Iterator<Item = (u8, u16, Vec<u8>)>) -> Vec<u8> {
    let mut payload = Vec::new();
    for (kind, number, data) in parts {
        let Ok(length) = u8::try_from(data.len() + 3) else { continue };
        payload.push(length);
        payload.push(kind);
        payload.extend(number.to_le_bytes());
        payload.extend(data);
    }
    payload
}

/// The 16-bit form of a UUID on the Bluetooth base (Core 5.4, Vol 3 Part B, 2.5.1).
fn short_uuid(uuid: u128) -> Option<u16> {
    const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;
    let short = u16::try_from(uuid >> 96).ok()?;
    (uuid & (u128::MAX >> 32) == BASE).then_some(short)
}

/// The address at the end of a BlueZ object path, `…/dev_C0_FF_EE_00_11_22`. Whether it is public the
/// path does not tell; random is the usual case.
fn address_of(id: &PeripheralId) -> Option<Address> {
    let text = id.to_string();
    let tail = text.get(text.len().checked_sub(17)?..)?.replace('_', ":");
    venue_engine::recording::parse_address(&tail, AddressType::Random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_put_together_as_they_are_sent() {
        let parts = [(MANUFACTURER, 0x004c, vec![2, 21]), (SERVICE_DATA_16, 0xfeaa, vec![0x20])];
        assert_eq!(structures(parts.into_iter()), [5, 0xff, 0x4c, 0, 2, 21, 4, 0x16, 0xaa, 0xfe, 0x20]);
    }

    #[test]
    fn only_uuids_on_the_bluetooth_base_are_short() {
        assert_eq!(short_uuid(0x0000_feaa_0000_1000_8000_0080_5f9b_34fb), Some(0xfeaa));
        assert_eq!(short_uuid(0x1234_feaa_0000_1000_8000_0080_5f9b_34fb), None);
        assert_eq!(short_uuid(7), None);
    }
}
