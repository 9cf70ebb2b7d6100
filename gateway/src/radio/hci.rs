//! The Host Controller Interface: what a Bluetooth controller says in its own words.
//!
//! In: a device that speaks H4, over TCP, a unix socket or a serial line; HCI packets from captures. Out:
//! adverts, and what the source counts. `run` keeps listening: silence, mute controllers, lost connections
//! and garbage climb a ladder (rescan, reset, open anew, report), each rung logged with its reason.
//!
//! ```text
//! transport → h4 (packets) → report (adverts) → link (batches) ; bring_up and watchdog decide
//! ```

pub mod bring_up;
pub mod h4;
pub mod link;
pub mod report;
#[cfg(all(test, feature = "demo"))]
mod tests;
pub mod transport;

use super::source::{AdvertSink, Count, Health, Listener};
use super::watchdog::{self, Rung, Trouble, Watchdog};
use bring_up::BringUp;
use link::Link;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;
use transport::{Device, Transport};
use venue_engine::venue::ReceiverId;

/// How long opening may take: a host on the venue's network answers at once or not at all.
const OPEN_WITHIN: Duration = Duration::from_secs(3);

/// Listens until told to end.
pub async fn run<S: AdvertSink>(
    device: Device,
    receiver: ReceiverId,
    sink: S,
    health: std::sync::Arc<Health>,
    mut ending: watch::Receiver<bool>,
) {
    tokio::select! {
        () = listen_for_ever(&device, receiver, &sink, &health) => {}
        _ = ending.wait_for(|ending| *ending) => health.set_state("ended"),
    }
}

async fn listen_for_ever<S: AdvertSink>(device: &Device, receiver: ReceiverId, sink: &S, health: &Health) {
    let mut dog = Watchdog::new(Instant::now());
    let mut vain = 0;
    loop {
        let adverts = health.count(Count::Adverts);
        let trouble = listen(device, Listener { sink, receiver, health }, &mut dog).await;
        vain = if health.count(Count::Adverts) > adverts { 0 } else { vain + 1 };
        health.set_state(trouble.as_str());
        health.add(Count::Reopens, 1);
        tokio::time::sleep(watchdog::pause(vain)).await;
    }
}

/// Opens the device and listens until nothing but opening it anew is left.
async fn listen<S: AdvertSink>(device: &Device, listener: Listener<'_, S>, dog: &mut Watchdog) -> Trouble {
    let health = listener.health;
    let opened = timeout(OPEN_WITHIN, Transport::open(device)).await;
    let opened = opened.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let transport = match opened {
        Ok(transport) => transport,
        Err(error) => {
            if !dog.is_reported() {
                tracing::warn!(%device, %error, "not opened");
            }
            health.climb(dog, Trouble::CannotOpen);
            return Trouble::CannotOpen;
        }
    };
    let mut link = Link::new(transport, listener);
    let mut scanning = link.bring_up(BringUp::from_reset(), dog).await;
    loop {
        let trouble = match scanning {
            Ok(_) => link.listen(dog).await,
            Err(trouble) => trouble,
        };
        let next = match (health.climb(dog, trouble), scanning) {
            (Rung::Rescan, Ok(mode)) => BringUp::rescan(mode),
            (Rung::Rescan | Rung::Reset, _) => BringUp::from_reset(),
            (Rung::Reopen | Rung::Report, _) => return trouble,
        };
        scanning = link.bring_up(next, dog).await;
    }
}
