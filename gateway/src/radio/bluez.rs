//! Adverts from this machine's first adapter, through bluetoothd (Linux).
//!
//! In: bluetoothd's signals on the system bus. Out: batches of adverts, and what the source counts. Events come
//! from `bluez-async`, the crate beneath btleplug, since btleplug asks bluetoothd back for every event. `run`
//! keeps listening: silence, a scan that ended, an adapter switched off, the death of bluetoothd or of the bus
//! climb a ladder (scan anew, adapter off and on, begin anew, report). Neither death is reported by the library:
//! bluetoothd is asked after seconds of silence, and the bus's own task is watched.

mod pairing;
mod scan;

pub use scan::{News, Scan};

use super::AdvertBatch;
use super::source::{AdvertSink, Count, Health, Listener};
use super::watchdog::{Rung, Trouble, Verdict, Watchdog};
use super::{BATCH_MAX, watchdog};
use bluez_async::BluetoothSession;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;
use venue_engine::advert::Address;
use venue_engine::venue::ReceiverId;

/// What the source is called where it is told how it is.
pub const DEVICE: &str = "bluez";

/// How long adverts are gathered: fifty batches a second at most.
const GATHER: Duration = Duration::from_millis(20);
/// How often silence is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Listens until told to end.
pub async fn run<S: AdvertSink>(receiver: ReceiverId, sink: S, health: Arc<Health>, mut ending: watch::Receiver<bool>) {
    tokio::select! {
        () = listen_for_ever(Listener { sink: &sink, receiver, health: &health }) => {}
        _ = ending.wait_for(|ending| *ending) => health.set_state("ended"),
    }
}

/// A connection to the system bus. It is kept for as long as the bus lives: the library cannot close one.
pub struct Bus {
    session: BluetoothSession,
    lost: BoxFuture<'static, ()>,
}

impl Bus {
    /// Connects to the system bus.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn open() -> Result<Self, Trouble> {
        let (lost, session) = BluetoothSession::new().await.map_err(|error| {
            tracing::debug!(%error, "no system bus");
            Trouble::NoBus
        })?;
        Ok(Self { session, lost: lost.map(drop).boxed() })
    }

    /// Whether the bus has died.
    fn is_lost(&mut self) -> bool {
        (&mut self.lost).now_or_never().is_some()
    }

    /// Starts scanning with the first adapter.
    ///
    /// # Errors
    /// Why it does not scan.
    pub async fn scan(&mut self) -> Result<Scan, Trouble> {
        Scan::start(self.session.clone()).await
    }
}

/// Hears adverts one by one, for whoever wants nothing else.
pub struct Ear {
    bus: Bus,
    scan: Scan,
}

impl Ear {
    /// Starts scanning with the first adapter.
    ///
    /// # Errors
    /// Why it does not scan, and what mends it.
    pub async fn open() -> anyhow::Result<Self> {
        let mut bus = Bus::open().await.map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
        let scan = bus.scan().await.map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
        Ok(Self { bus, scan })
    }

    /// The next advert: address, strength, AD structures. Dropping the future loses nothing.
    ///
    /// # Errors
    /// Why no more come.
    pub async fn next(&mut self) -> anyhow::Result<(Address, Option<i8>, Vec<u8>)> {
        loop {
            let news = tokio::select! {
                news = self.scan.next() => news,
                () = &mut self.bus.lost => News::Trouble(Trouble::NoBus),
                () = tokio::time::sleep(watchdog::ASK_AFTER) => match self.scan.ask().await {
                    Ok(()) => continue,
                    Err(trouble) => News::Trouble(trouble),
                },
            };
            match news {
                News::Doubt => self.scan.ask().await.map_err(|trouble| anyhow::anyhow!("{trouble}"))?,
                News::Advert(address, rssi_dbm, payload) => return Ok((address, rssi_dbm, payload)),
                News::Trouble(trouble) => anyhow::bail!("{trouble}"),
            }
        }
    }
}

async fn listen_for_ever<S: AdvertSink>(listener: Listener<'_, S>) {
    let health = listener.health;
    let mut dog = Watchdog::new(Instant::now());
    let (mut bus, mut vain) = (None, 0);
    loop {
        let adverts = health.count(Count::Adverts);
        let trouble = listen(&mut bus, &listener, &mut dog).await;
        if trouble == Trouble::NoBus {
            bus = None;
        }
        vain = if health.count(Count::Adverts) > adverts { 0 } else { vain + 1 };
        health.set_state(trouble.as_str());
        health.add(Count::Reopens, 1);
        tokio::time::sleep(watchdog::pause(vain)).await;
    }
}

/// Listens until nothing but beginning anew is left.
async fn listen<S: AdvertSink>(bus: &mut Option<Bus>, listener: &Listener<'_, S>, dog: &mut Watchdog) -> Trouble {
    let health = listener.health;
    if bus.as_mut().is_some_and(Bus::is_lost) {
        *bus = None;
    }
    let started = match bus.take() {
        Some(open) => Ok(open),
        None => Bus::open().await,
    };
    let bus = match started {
        Ok(open) => bus.insert(open),
        Err(trouble) => {
            health.climb(dog, trouble);
            return trouble;
        }
    };
    let mut scan = match bus.scan().await {
        Ok(scan) => scan,
        Err(trouble) => {
            health.climb(dog, trouble);
            return trouble;
        }
    };
    loop {
        dog.scanning(Instant::now());
        health.set_state("listening");
        let mut trouble = tokio::select! {
            trouble = hear(&mut scan, listener, dog) => trouble,
            () = &mut bus.lost => Trouble::NoBus,
        };
        loop {
            let mended = match health.climb(dog, trouble) {
                Rung::Rescan => scan.rescan().await,
                Rung::Reset => scan.power_cycle().await,
                Rung::Reopen | Rung::Report => return trouble,
            };
            match mended {
                Ok(()) => break,
                Err(next) => trouble = next,
            }
        }
    }
}

/// Takes adverts until something is wrong.
async fn hear<S: AdvertSink>(scan: &mut Scan, listener: &Listener<'_, S>, dog: &mut Watchdog) -> Trouble {
    let mut batch = AdvertBatch::default();
    let mut since = Instant::now();
    loop {
        let wait = if batch.is_empty() { LOOK_EVERY } else { GATHER };
        let news = timeout(wait, scan.next()).await;
        if batch.is_empty() {
            since = Instant::now();
        }
        match news {
            Ok(News::Advert(address, rssi_dbm, payload)) => {
                batch.push_raw(listener.sink.now(), listener.receiver, address, rssi_dbm, &payload);
                // A flood is never idle; others of this runtime want their turn.
                tokio::task::consume_budget().await;
                if batch.len() < BATCH_MAX / 2 && since.elapsed() < GATHER {
                    continue;
                }
            }
            Ok(News::Doubt) => {
                if let Err(trouble) = scan.ask().await {
                    take(&mut batch, scan, listener, dog);
                    return trouble;
                }
            }
            Ok(News::Trouble(trouble)) => {
                take(&mut batch, scan, listener, dog);
                return trouble;
            }
            Err(_) => {}
        }
        take(&mut batch, scan, listener, dog);
        if let Err(trouble) = look(scan, dog).await {
            return trouble;
        }
    }
}

/// Counts what was gathered and hands it over.
fn take<S: AdvertSink>(batch: &mut AdvertBatch, scan: &mut Scan, listener: &Listener<'_, S>, dog: &mut Watchdog) {
    listener.health.add(Count::Behind, std::mem::take(&mut scan.behind));
    if batch.is_empty() {
        return;
    }
    dog.heard(Instant::now(), batch.len() as u64);
    listener.health.heard(listener.sink.now(), batch.len() as u64);
    listener.health.set_learnt(dog.adverts_per_s());
    listener.hand_over(batch.take());
}

/// Judges the silence, and asks bluetoothd whether it is alive.
async fn look(scan: &mut Scan, dog: &mut Watchdog) -> Result<(), Trouble> {
    match dog.verdict(Instant::now()) {
        Verdict::Fine => Ok(()),
        Verdict::Silent => Err(Trouble::Silent),
        Verdict::Ask => {
            scan.ask().await?;
            dog.asked(Instant::now());
            Ok(())
        }
    }
}
