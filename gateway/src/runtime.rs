//! The one loop that owns the engine: a thread fed through a bounded channel.
//!
//! In: adverts from the radios and events from the pages. Out: engine outputs, handed in batches to the
//! store. It refuses what does not fit its queue, and counts it: the engine never waits for anybody. No source
//! can fill the queue alone, so that one in a flood does not make the others deaf.

use crate::radio::AdvertBatch;
use crate::radio::source::{Count, Health};
use crate::store::StoreHandle;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration as WallDuration, Instant};
use venue_engine::counters::Counters;
use venue_engine::engine::Engine;
use venue_engine::event::{Anchor, Event, Registration};
use venue_engine::offers::campaign::Campaign;
use venue_engine::offers::restore::Spent;
use venue_engine::output::Output;
use venue_engine::time::{Duration, Timestamp};

/// Inputs that may wait for the engine. A batch holds up to a tenth of a second of adverts, so this is a
/// few seconds at the highest rate: longer waits are worth less than the memory.
const INPUTS_MAX: usize = 128;

/// How often event time passes without adverts, so that reports come when nobody is heard.
const TICK: WallDuration = WallDuration::from_millis(100);

/// An event that people or tills cause, as opposed to radios.
#[derive(Clone, Debug)]
pub enum OwnedEvent {
    /// Somebody opted in, or an asset was registered.
    Register(Registration),
    /// A registration ends.
    Forget {
        /// When.
        at: Timestamp,
        /// The registered name.
        who: Arc<str>,
    },
    /// An attendee chose the language of her messages.
    Language {
        /// The attendee.
        who: Arc<str>,
        /// A tag such as `de-CH`.
        language: Arc<str>,
    },
    /// A known count.
    Anchor(Anchor),
    /// Staff edited the campaigns.
    Campaigns {
        /// All that run from now on.
        campaigns: Vec<Campaign>,
        /// What campaigns of before have given out.
        spent: Vec<Spent>,
    },
    /// A voucher was used.
    Redeemed {
        /// When.
        at: Timestamp,
        /// Identity of the voucher.
        voucher: Arc<str>,
    },
}

/// What waits for the engine thread.
#[derive(Debug)]
enum Input {
    Adverts(AdvertBatch, Waiting),
    Event(OwnedEvent),
}

/// A place in the queue, given back when it is dropped: to its source, and to all.
#[derive(Debug)]
struct Waiting {
    of_source: Arc<AtomicUsize>,
    shared: Arc<Shared>,
}

impl Waiting {
    /// A place, where the source may have one: no source may hold more places than are free, so that one
    /// alone gets half of them, two get a third each, and there is always room for another (dynamic
    /// thresholds with a factor of one: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
    fn take(of_source: &Arc<AtomicUsize>, shared: &Arc<Shared>) -> Option<Self> {
        let free = INPUTS_MAX.saturating_sub(shared.waiting.load(Ordering::Relaxed));
        if of_source.load(Ordering::Relaxed) >= free {
            return None;
        }
        of_source.fetch_add(1, Ordering::Relaxed);
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        Some(Self { of_source: of_source.clone(), shared: shared.clone() })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.of_source.fetch_sub(1, Ordering::Relaxed);
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Event time as a function of the wall clock: the one place of the rim that knows both.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// Event time is wall time.
    Wall,
    /// Event time began at `start` at the wall's `begun` and runs `speed` times as fast.
    Scaled {
        /// First event time.
        start: Timestamp,
        /// When that was.
        begun: Instant,
        /// Event seconds per wall second.
        speed: f64,
    },
}

impl Clock {
    /// Event time that runs `speed` times as fast as the wall's and begins now.
    pub fn scaled(speed: f64) -> Self {
        Self::Scaled { start: wall_now(), begun: Instant::now(), speed }
    }

    /// The same, but begun no earlier than what is already stored: event time never runs backwards over a
    /// restart of a demo that ran ahead of the wall.
    pub fn not_before(self, stored: Timestamp) -> Self {
        match self {
            Self::Wall => Self::Wall,
            Self::Scaled { start, begun, speed } => Self::Scaled { start: start.max(stored), begun, speed },
        }
    }

    /// The event time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => wall_now(),
            Self::Scaled { start, begun, speed } => {
                *start + Duration::from_secs_f64(begun.elapsed().as_secs_f64() * speed)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the rim stamps arrivals; the engine never asks")]
fn wall_now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(since.as_micros() as i64)
}

/// What the engine thread tells about itself.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Batches of all sources in the queue.
    waiting: AtomicUsize,
    adverts_lost: AtomicU64,
    events_lost: AtomicU64,
    devices_alive: AtomicU64,
    counters: Mutex<Counters>,
}

/// Hands events to the engine thread. Copies of it share one source's part of the queue.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    inputs: SyncSender<Input>,
    /// Batches of this source in the queue.
    waiting: Arc<AtomicUsize>,
    shared: Arc<Shared>,
    clock: Clock,
    /// Where a source that does not count for itself is counted.
    counted: Option<Arc<Health>>,
}

/// Figures of the engine thread for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineFigures {
    /// What was taken and ignored.
    pub counters: Counters,
    /// Adverts lost because the engine's queue was full.
    pub adverts_lost: u64,
    /// Events of pages and tills lost for the same reason.
    pub events_lost: u64,
    /// Devices alive.
    pub devices_alive: u64,
}

impl EngineHandle {
    /// Queues an event; false when the engine's queue is full or it has ended.
    pub fn send(&self, event: OwnedEvent) -> bool {
        let sent = self.inputs.try_send(Input::Event(event)).is_ok();
        self.shared.events_lost.fetch_add(u64::from(!sent), Ordering::Relaxed);
        sent
    }

    /// A handle for another source, with its own part of the queue.
    pub fn for_source(&self) -> Self {
        Self { waiting: Arc::default(), ..self.clone() }
    }

    /// A handle for a source that does not count for itself: what it hands over is counted as heard.
    pub fn counted(&self, health: Arc<Health>) -> Self {
        health.set_state("listening");
        Self { counted: Some(health), ..self.for_source() }
    }

    /// Queues adverts; what does not fit is lost, and counted. Returns how many were lost.
    pub fn adverts(&self, batch: AdvertBatch) -> u64 {
        let heard = batch.len() as u64;
        let lost = match Waiting::take(&self.waiting, &self.shared) {
            None => batch.len() as u64,
            Some(place) => match self.inputs.try_send(Input::Adverts(batch, place)) {
                Err(TrySendError::Full(Input::Adverts(lost, _))) => lost.len() as u64,
                _ => 0,
            },
        };
        self.shared.adverts_lost.fetch_add(lost, Ordering::Relaxed);
        if let Some(health) = self.counted.as_ref().filter(|_| heard > 0) {
            health.heard(self.now(), heard);
            health.add(Count::Shed, lost);
        }
        lost
    }

    /// The event time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Figures for metrics.
    pub fn figures(&self) -> EngineFigures {
        EngineFigures {
            counters: self.shared.counters.lock().map(|counters| *counters).unwrap_or_default(),
            adverts_lost: self.shared.adverts_lost.load(Ordering::Relaxed),
            events_lost: self.shared.events_lost.load(Ordering::Relaxed),
            devices_alive: self.shared.devices_alive.load(Ordering::Relaxed),
        }
    }

    /// Asks the thread to end: what is queued is processed, open windows are told, then it stops.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

/// Starts the engine thread.
///
/// # Errors
/// Where the system has no thread to give.
pub fn spawn(engine: Engine, clock: Clock, store: StoreHandle) -> std::io::Result<(EngineHandle, JoinHandle<()>)> {
    let (inputs, queue) = sync_channel(INPUTS_MAX);
    let shared = Arc::new(Shared::default());
    let handle = EngineHandle { inputs, waiting: Arc::default(), shared: shared.clone(), clock, counted: None };
    let work = move || run(engine, clock, &queue, &shared, &store);
    let thread = std::thread::Builder::new().name("engine".into()).spawn(work)?;
    Ok((handle, thread))
}

fn run(mut engine: Engine, clock: Clock, queue: &Receiver<Input>, shared: &Shared, store: &StoreHandle) {
    let mut outputs = Vec::new();
    let mut ticked = Instant::now();
    loop {
        match queue.recv_timeout(TICK) {
            Ok(input) => take(&mut engine, input, &mut outputs),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if shared.stop.load(Ordering::Acquire) {
            queue.try_iter().take(INPUTS_MAX).for_each(|input| take(&mut engine, input, &mut outputs));
            break;
        }
        if ticked.elapsed() >= TICK {
            ticked = Instant::now();
            let now = clock.now();
            engine.handle(Event::Tick(now), &mut outputs);
            store.event_time(now.as_micros());
            tell(&engine, shared);
        }
        hand_over(&mut outputs, store);
    }
    engine.finish(&mut outputs);
    tell(&engine, shared);
    hand_over(&mut outputs, store);
}

fn take(engine: &mut Engine, input: Input, outputs: &mut Vec<Output>) {
    match input {
        Input::Adverts(batch, place) => {
            batch.events().for_each(|event| engine.handle(event, outputs));
            drop(place);
        }
        Input::Event(OwnedEvent::Register(registration)) => engine.handle(Event::Register(registration), outputs),
        Input::Event(OwnedEvent::Forget { at, who }) => engine.handle(Event::Forget { at, who }, outputs),
        Input::Event(OwnedEvent::Anchor(anchor)) => engine.handle(Event::Anchor(anchor), outputs),
        Input::Event(OwnedEvent::Campaigns { campaigns, spent }) => {
            engine.handle(Event::Campaigns { campaigns, spent }, outputs);
        }
        Input::Event(OwnedEvent::Language { who, language }) => {
            engine.handle(Event::Language { who, language }, outputs);
        }
        Input::Event(OwnedEvent::Redeemed { at, voucher }) => engine.handle(Event::Redeemed { at, voucher }, outputs),
    }
}

fn tell(engine: &Engine, shared: &Shared) {
    if let Ok(mut counters) = shared.counters.lock() {
        *counters = engine.counters();
    }
    shared.devices_alive.store(engine.devices_alive() as u64, Ordering::Relaxed);
}

fn hand_over(outputs: &mut Vec<Output>, store: &StoreHandle) {
    if !outputs.is_empty() {
        store.outputs(std::mem::take(outputs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue that nobody empties: what each of several sources gets of it, offered turn by turn.
    fn check(sources: usize, wanted: &[usize]) {
        let (inputs, _queue) = sync_channel(INPUTS_MAX);
        let handle =
            EngineHandle { inputs, waiting: Arc::default(), shared: Arc::default(), clock: Clock::Wall, counted: None };
        let sources: Vec<EngineHandle> = (0..sources).map(|_| handle.for_source()).collect();
        for _ in 0..2 * INPUTS_MAX {
            for source in &sources {
                source.adverts(AdvertBatch::default());
            }
        }
        let held: Vec<usize> = sources.iter().map(|source| source.waiting.load(Ordering::Relaxed)).collect();
        assert_eq!(held, wanted);
        assert!(handle.send(OwnedEvent::Forget { at: Timestamp::from_micros(0), who: "a".into() }));
    }

    #[test]
    fn no_source_fills_the_queue_alone() {
        check(1, &[64]);
        check(2, &[43, 43]);
        check(5, &[22, 22, 21, 21, 21]);
    }

    #[test]
    fn what_is_shed_is_counted_and_places_come_back() {
        let (inputs, queue) = sync_channel(INPUTS_MAX);
        let handle =
            EngineHandle { inputs, waiting: Arc::default(), shared: Arc::default(), clock: Clock::Wall, counted: None };
        let one = || {
            let mut batch = AdvertBatch::default();
            let address =
                venue_engine::advert::Address { bytes: [0; 6], kind: venue_engine::advert::AddressType::Public };
            batch.push_raw(Timestamp::from_micros(0), venue_engine::venue::ReceiverId(0), address, None, &[]);
            batch
        };
        assert_eq!((0..70).map(|_| handle.adverts(one())).sum::<u64>(), 6);
        assert_eq!(handle.figures().adverts_lost, 6);
        queue.try_iter().for_each(drop);
        assert_eq!(handle.adverts(one()), 0);
    }
}
