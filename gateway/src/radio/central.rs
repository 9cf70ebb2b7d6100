//! Adverts from this machine's adapters through btleplug, where the system is not Linux.
//!
//! In: btleplug's central events. Out: batches of adverts with their AD structures put together again, since
//! the system does not hand out the raw payload. Strength and data of one advert arrive as separate events and
//! are paired here. It does not see raw payloads, channels or every repeated advert. On Linux `bluez` is
//! taken instead, since btleplug asks bluetoothd back for every event. It is compiled there all the same, so
//! that it stays right.

use super::AdvertBatch;
use super::source::{AdvertSink, Count, Health, Listener};
use super::structures::{push_manufacturer, push_service};
use btleplug::api::{Central, CentralEvent, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, Manager, PeripheralId};
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration as WallDuration;
use tokio::sync::watch;
use venue_engine::advert::{Address, AddressType};
use venue_engine::venue::ReceiverId;

/// What the source is called where it is told how it is.
pub const DEVICE: &str = "btleplug";

/// Devices whose last strength is remembered; beyond it all are forgotten and learnt anew.
const STRENGTHS_MAX: usize = 4_096;

/// A scan that failed, or heard nothing for `SILENCE_MAX`, is tried again after this long.
const RETRY: WallDuration = WallDuration::from_secs(5);

/// A scan that hears nothing for this long is begun anew: rooms are rarely so empty, and a scan is cheap.
const SILENCE_MAX: WallDuration = WallDuration::from_secs(60);

/// How long an answer of the system is waited for.
const ANSWER: WallDuration = WallDuration::from_secs(10);

/// Listens until told to end, starting anew when the adapter fails.
pub async fn run<S: AdvertSink>(receiver: ReceiverId, sink: S, health: Arc<Health>, mut ending: watch::Receiver<bool>) {
    let listener = Listener { sink: &sink, receiver, health: &health };
    loop {
        tokio::select! {
            heard = listen(&listener) => {
                let why = heard.err().map_or_else(|| "nothing is heard".to_owned(), |error| format!("{error:#}"));
                health.set_state("closed");
                health.add(Count::Reopens, 1);
                tracing::error!("not listening: {why}; trying again in {} s", RETRY.as_secs());
            }
            _ = ending.wait_for(|ending| *ending) => break,
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            _ = ending.wait_for(|ending| *ending) => break,
        }
    }
    health.set_state("ended");
}

/// The machine's first adapter.
async fn adapter() -> anyhow::Result<Adapter> {
    let adapters = async { Manager::new().await?.adapters().await };
    let adapters = tokio::time::timeout(ANSWER, adapters)
        .await
        .map_err(|_| anyhow::anyhow!("the system's Bluetooth does not answer"))??;
    adapters
        .into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("no Bluetooth adapter; plug one in, or set [bluetooth] enabled = false"))
}

async fn listen<S: AdvertSink>(listener: &Listener<'_, S>) -> anyhow::Result<()> {
    let mut ear = Ear::open().await?;
    listener.health.set_state("listening");
    while let Ok(heard) = tokio::time::timeout(SILENCE_MAX, ear.next()).await {
        let (address, rssi_dbm, payload) = heard?;
        let mut batch = AdvertBatch::default();
        let at = listener.sink.now();
        batch.push_raw(at, listener.receiver, address, rssi_dbm, &payload);
        listener.health.heard(at, 1);
        listener.hand_over(batch);
    }
    Ok(())
}

/// A running scan.
pub struct Ear {
    adapter: Adapter,
    events: std::pin::Pin<Box<dyn futures_util::Stream<Item = CentralEvent> + Send>>,
    strengths: HashMap<PeripheralId, i8>,
}

impl Ear {
    /// Starts scanning with the first adapter.
    ///
    /// # Errors
    /// Where there is no adapter or it refuses.
    pub async fn open() -> anyhow::Result<Self> {
        let adapter = adapter().await?;
        let events = adapter.events().await?;
        tokio::time::timeout(ANSWER, adapter.start_scan(ScanFilter::default()))
            .await
            .map_err(|_| anyhow::anyhow!("the adapter does not start to scan; power it off and on"))??;
        Ok(Self { adapter, events, strengths: HashMap::new() })
    }

    /// The next advert: address, strength, AD structures.
    ///
    /// # Errors
    /// Where the adapter tells no more.
    pub async fn next(&mut self) -> anyhow::Result<(Address, Option<i8>, Vec<u8>)> {
        loop {
            let event = self.events.next().await;
            let (id, payload) = match event.ok_or_else(|| anyhow::anyhow!("the adapter tells no more"))? {
                CentralEvent::RssiUpdate { id, rssi } => {
                    if self.strengths.len() >= STRENGTHS_MAX {
                        self.strengths.clear();
                    }
                    self.strengths.insert(id, i8::try_from(rssi).unwrap_or(i8::MIN));
                    continue;
                }
                CentralEvent::ManufacturerDataAdvertisement { id, manufacturer_data } => {
                    let mut payload = Vec::new();
                    for (company, data) in &manufacturer_data {
                        push_manufacturer(&mut payload, *company, data);
                    }
                    (id, payload)
                }
                CentralEvent::ServiceDataAdvertisement { id, service_data } => {
                    let mut payload = Vec::new();
                    service_data.iter().for_each(|(uuid, data)| push_service(&mut payload, uuid.as_u128(), data));
                    (id, payload)
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
                return Ok((address, self.strengths.get(&id).copied(), payload));
            }
        }
    }
}

async fn first_advert(adapter: &Adapter, id: &PeripheralId) -> Option<(Option<i8>, Vec<u8>)> {
    let peripheral = adapter.peripheral(id).await.ok()?;
    let properties = tokio::time::timeout(ANSWER, peripheral.properties()).await.ok()?.ok()??;
    let mut payload = Vec::new();
    properties.manufacturer_data.iter().for_each(|(company, data)| push_manufacturer(&mut payload, *company, data));
    properties.service_data.iter().for_each(|(uuid, data)| push_service(&mut payload, uuid.as_u128(), data));
    Some((properties.rssi.and_then(|rssi| i8::try_from(rssi).ok()), payload))
}

/// The address at the end of a BlueZ object path, `…/dev_C0_FF_EE_00_11_22`. Whether it is public the
/// path does not tell; random is the usual case.
fn address_of(id: &PeripheralId) -> Option<Address> {
    let text = id.to_string();
    let tail = text.get(text.len().checked_sub(17)?..)?.replace('_', ":");
    venue_engine::recording::parse_address(&tail, AddressType::Random)
}
