//! A running scan of one adapter: bluetoothd's events turned into adverts.
//!
//! In: a session with bluetoothd. Out: adverts with their AD structures put together again, since BlueZ does not
//! hand out the raw payload, and news of the adapter. The first advert of a device comes without its data: it is
//! fetched once for each new device, a few at a time; how many were given up in a crowd is counted. BlueZ keeps
//! to itself channels, PHYs, and structures longer than 27 bytes.

use super::pairing::{Bytes, Paired, Pairing, strength};
use crate::radio::structures::{push_manufacturer, push_service};
use crate::radio::watchdog::Trouble;
use bluez_async::{
    AdapterEvent, AdapterId, AddressType as BluezAddressType, BluetoothError, BluetoothEvent, BluetoothSession,
    DeviceEvent, DeviceId, DiscoveryFilter, Transport,
};
use futures_util::{FutureExt, Stream, StreamExt};
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use venue_engine::advert::{Address, AddressType};

/// How long an answer of bluetoothd is waited for: it takes milliseconds, or for ever where the bus is dead.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long an adapter stays off when it is switched off and on: controllers want a moment to forget.
const OFF_FOR: Duration = Duration::from_millis(300);
/// What bluetoothd tells of an adapter is true after this: it hears of it from the kernel by events.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);
/// New devices asked about at once: bluetoothd answers one after the other anyway.
const ASKED_MAX: usize = 8;
/// New devices waiting to be asked about: those of a few seconds in the densest crowd (a thousand phones that
/// each change their address every quarter of an hour are one a second). More are given up, the newest first:
/// their second advert comes with its data.
const WAITING_MAX: usize = 256;
/// Public addresses remembered; beyond it all are forgotten. Few devices in a venue have one.
const PUBLIC_MAX: usize = 4_096;

/// What a scan has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An advert: its sender, strength and AD structures.
    Advert(Address, Option<i8>, Vec<u8>),
    /// The adapter was switched off or stopped to scan, perhaps because we said so a moment ago: ask.
    Doubt,
    /// Something is wrong.
    Trouble(Trouble),
}

/// A running scan.
pub struct Scan {
    session: BluetoothSession,
    adapter: AdapterId,
    events: Pin<Box<dyn Stream<Item = BluetoothEvent> + Send>>,
    pairing: Pairing,
    asked: JoinSet<Option<(Paired, BluezAddressType)>>,
    waiting: VecDeque<DeviceId>,
    public: BTreeSet<Bytes>,
    /// First adverts given up since this was last set to 0.
    pub behind: u64,
}

impl Scan {
    /// Starts scanning with the machine's first adapter.
    ///
    /// # Errors
    /// Where bluetoothd does not answer, there is no adapter, or it does not scan.
    pub async fn start(session: BluetoothSession) -> Result<Self, Trouble> {
        let mut adapters = answer(session.get_adapters()).await?;
        adapters.sort_by(|one, other| one.id.cmp(&other.id));
        let adapter = adapters.into_iter().next().ok_or(Trouble::NoAdapter)?.id;
        let events = Box::pin(answer(session.adapter_event_stream(&adapter)).await?);
        let mut scan = Self {
            events,
            pairing: Pairing::default(),
            asked: JoinSet::new(),
            waiting: VecDeque::new(),
            public: BTreeSet::new(),
            behind: 0,
            session,
            adapter,
        };
        scan.learn_known().await?;
        scan.rescan().await?;
        Ok(scan)
    }

    /// Devices that bluetoothd knows already are not told as new: what is needed of them is whether their
    /// address is public.
    async fn learn_known(&mut self) -> Result<(), Trouble> {
        let known = answer(self.session.get_devices_on_adapter(&self.adapter)).await?;
        let public = known.into_iter().filter(|device| device.address_type == BluezAddressType::Public);
        self.public.extend(public.take(PUBLIC_MAX).filter_map(|device| address_of(&device.id)));
        Ok(())
    }

    /// Powers the adapter and switches scanning on: LE alone, since looking for classic devices in between
    /// makes deaf for seconds, and every advert, also a repeated one.
    async fn switch_on(&mut self) -> Result<(), Trouble> {
        let powering = timeout(ANSWER_WITHIN, self.session.set_powered(&self.adapter, true)).await;
        powering.map_err(|_| Trouble::NoDaemon)?.map_err(|error| trouble(&error, Trouble::AdapterOff))?;
        let filter = DiscoveryFilter {
            transport: Some(Transport::Le),
            duplicate_data: Some(true),
            ..DiscoveryFilter::default()
        };
        let starting = self.session.start_discovery_on_adapter_with_filter(&self.adapter, &filter);
        match timeout(ANSWER_WITHIN, starting).await.map_err(|_| Trouble::NoDaemon)? {
            // It still scans for us.
            Err(BluetoothError::DbusError(error)) if error.name() == Some("org.bluez.Error.InProgress") => Ok(()),
            started => started.map_err(|error| trouble(&error, Trouble::ScanEnded)),
        }
    }

    /// Switches scanning off and on.
    ///
    /// # Errors
    /// Where it does not come on again.
    pub async fn rescan(&mut self) -> Result<(), Trouble> {
        // A scan that has stopped by itself, or never begun, cannot be stopped, which is as well.
        let _ = timeout(ANSWER_WITHIN, self.session.stop_discovery_on_adapter(&self.adapter)).await;
        self.switch_on().await
    }

    /// Switches the adapter off and on.
    ///
    /// # Errors
    /// Where it does not scan afterwards.
    pub async fn power_cycle(&mut self) -> Result<(), Trouble> {
        // One that is off already may refuse.
        let _ = timeout(ANSWER_WITHIN, self.session.set_powered(&self.adapter, false)).await;
        tokio::time::sleep(OFF_FOR).await;
        self.switch_on().await
    }

    /// Asks bluetoothd whether it is alive and still scans. Its answers follow what it does by a moment, so what
    /// is wrong must still be so after one.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn ask(&mut self) -> Result<(), Trouble> {
        match self.ask_once().await {
            Err(Trouble::AdapterOff | Trouble::ScanEnded) => {
                tokio::time::sleep(SETTLES_WITHIN).await;
                self.ask_once().await
            }
            answer => answer,
        }
    }

    async fn ask_once(&mut self) -> Result<(), Trouble> {
        let adapter = answer(self.session.get_adapter_info(&self.adapter)).await?;
        match (adapter.powered, adapter.discovering) {
            (false, _) => Err(Trouble::AdapterOff),
            (true, false) => Err(Trouble::ScanEnded),
            (true, true) => Ok(()),
        }
    }

    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> News {
        loop {
            // The events of one signal are there together: when nothing is ready, the advert is whole.
            match self.events.next().now_or_never() {
                Some(Some(event)) => {
                    if let Some(news) = self.event(event) {
                        return news;
                    }
                }
                Some(None) => return News::Trouble(Trouble::NoDaemon),
                None => match self.pairing.finish() {
                    Some(paired) => return self.news(paired),
                    None => {
                        if let Some(news) = self.wait().await {
                            return news;
                        }
                    }
                },
            }
        }
    }

    async fn wait(&mut self) -> Option<News> {
        tokio::select! {
            event = self.events.next() => match event {
                Some(event) => self.event(event),
                None => Some(News::Trouble(Trouble::NoDaemon)),
            },
            Some(told) = self.asked.join_next() => {
                self.ask_next();
                let (first, kind) = told.ok().flatten()?;
                if kind == BluezAddressType::Public {
                    if self.public.len() >= PUBLIC_MAX {
                        self.public.clear();
                    }
                    self.public.insert(first.address);
                }
                Some(self.news(first))
            }
        }
    }

    fn event(&mut self, event: BluetoothEvent) -> Option<News> {
        match event {
            BluetoothEvent::Adapter {
                id,
                event: AdapterEvent::Powered { powered: false } | AdapterEvent::Discovering { discovering: false },
            } if id == self.adapter => Some(News::Doubt),
            BluetoothEvent::Device { id, event: DeviceEvent::Discovered } if id.adapter() == self.adapter => {
                if self.waiting.len() < WAITING_MAX {
                    self.waiting.push_back(id);
                    self.ask_next();
                } else {
                    self.behind += 1;
                }
                None
            }
            BluetoothEvent::Device { id, event } => {
                let paired = self.pairing.event(address_of(&id)?, &event)?;
                Some(self.news(paired))
            }
            _ => None,
        }
    }

    fn ask_next(&mut self) {
        while self.asked.len() < ASKED_MAX
            && let Some(id) = self.waiting.pop_front()
        {
            self.asked.spawn(first_advert(self.session.clone(), id));
        }
    }

    fn news(&self, paired: Paired) -> News {
        let kind = if self.public.contains(&paired.address) { AddressType::Public } else { AddressType::Random };
        News::Advert(Address { bytes: paired.address, kind }, paired.rssi_dbm, paired.payload)
    }
}

/// What bluetoothd holds of a device just found; `None` where it was not heard but only remembered.
async fn first_advert(session: BluetoothSession, id: DeviceId) -> Option<(Paired, BluezAddressType)> {
    let device = timeout(ANSWER_WITHIN, session.get_device_info(&id)).await.ok()?.ok()?;
    let mut payload = Vec::new();
    let mut companies: Vec<_> = device.manufacturer_data.iter().collect();
    companies.sort();
    companies.into_iter().for_each(|(company, data)| push_manufacturer(&mut payload, *company, data));
    let mut services: Vec<_> = device.service_data.iter().collect();
    services.sort();
    services.into_iter().for_each(|(uuid, data)| push_service(&mut payload, uuid.as_u128(), data));
    let paired = Paired { address: address_of(&id)?, rssi_dbm: Some(strength(device.rssi?)), payload };
    Some((paired, device.address_type))
}

/// The address at the end of an object path, `hci0/dev_C0_FF_EE_00_11_22`.
fn address_of(id: &DeviceId) -> Option<Bytes> {
    let text = id.to_string();
    let tail = text.get(text.len().checked_sub(17)?..)?.replace('_', ":");
    venue_engine::recording::parse_address(&tail, AddressType::Random).map(|address| address.bytes)
}

async fn answer<T>(asking: impl Future<Output = Result<T, BluetoothError>>) -> Result<T, Trouble> {
    let answer = timeout(ANSWER_WITHIN, asking).await.map_err(|_| Trouble::NoDaemon)?;
    answer.map_err(|error| trouble(&error, Trouble::NoDaemon))
}

/// An error of bluetoothd itself is about the adapter; every other is about the way to it.
fn trouble(error: &BluetoothError, of_adapter: Trouble) -> Trouble {
    tracing::debug!(%error, "bluetoothd refuses");
    match error {
        BluetoothError::DbusError(error) if error.name().is_some_and(|name| name.starts_with("org.bluez.")) => {
            of_adapter
        }
        BluetoothError::DbusError(error) if error.name().is_some_and(|name| name.ends_with(".AccessDenied")) => {
            Trouble::NotAllowed
        }
        _ => Trouble::NoDaemon,
    }
}
