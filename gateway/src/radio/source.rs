//! What every radio source has in common: where its adverts go, and how it says how it is.
//!
//! In: counts of a running source. Out: the same by name for pages and metrics. It holds no address and no
//! advert. A source is a function `run` that listens until it is told to end (`hci::run`, `bluez::run`, the
//! hub's ear); starting one is spawning it, and everything else it shares with the others is here.

use super::AdvertBatch;
use super::watchdog::{Rung, Trouble, Watchdog};
use crate::runtime::EngineHandle;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use venue_engine::time::Timestamp;
use venue_engine::venue::ReceiverId;

/// How long the rate shown looks back: long enough to read, short enough to see a scan stall.
const SHOWN_S: f64 = 5.0;

/// Stands for the receiver where a source brings the adverts of many: boards say themselves which it was.
pub const BOARDS: &str = "boards";

/// Where adverts go; it stamps them, so that live and accelerated time work alike.
pub trait AdvertSink: Send + Sync {
    /// The event time now.
    fn now(&self) -> Timestamp;
    /// Takes adverts; returns how many it had no room for.
    fn adverts(&self, batch: AdvertBatch) -> u64;
}

impl AdvertSink for EngineHandle {
    fn now(&self) -> Timestamp {
        self.now()
    }

    fn adverts(&self, batch: AdvertBatch) -> u64 {
        self.adverts(batch)
    }
}

/// Where adverts go and what is counted, for as long as the source lives.
pub struct Listener<'a, S> {
    /// Where adverts go.
    pub sink: &'a S,
    /// The receiver this source stands for.
    pub receiver: ReceiverId,
    /// What is counted.
    pub health: &'a Health,
}

impl<S: AdvertSink> Listener<'_, S> {
    /// Hands adverts over; what there was no room for is counted.
    pub fn hand_over(&self, batch: AdvertBatch) {
        let lost = self.sink.adverts(batch);
        self.health.add(Count::Shed, lost);
    }
}

/// What a source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Adverts heard.
    Adverts,
    /// Adverts heard that the engine's queue had no room for.
    Shed,
    /// Adverts the source itself gave up because it fell behind.
    Behind,
    /// Adverts without an address: nobody can be followed by them.
    Anonymous,
    /// Reports not as long as they say, or not understood.
    Malformed,
    /// Fragments whose rest never came.
    Incomplete,
    /// Bytes that belonged to no packet.
    SkippedBytes,
    /// How often the stream fell out of step.
    LostStep,
    /// Recoveries: scanning switched off and on.
    Rescans,
    /// Recoveries: controller reset.
    Resets,
    /// Recoveries: transport opened anew.
    Reopens,
    /// How often all recoveries were tried in vain.
    GivenUp,
}

/// Counts there are.
const COUNTS: usize = Count::GivenUp as usize + 1;

/// Adverts lost, by reason.
const LOST: [(Count, &str); 5] = [
    (Count::Shed, "shed"),
    (Count::Behind, "behind"),
    (Count::Anonymous, "anonymous"),
    (Count::Malformed, "malformed"),
    (Count::Incomplete, "incomplete"),
];

/// Faults of the line itself.
const LINE: [(Count, &str); 2] = [(Count::SkippedBytes, "skipped-bytes"), (Count::LostStep, "lost-step")];

/// What was tried against silence.
const RECOVERIES: [(Count, &str); 4] =
    [(Count::Rescans, "rescan"), (Count::Resets, "reset"), (Count::Reopens, "reopen"), (Count::GivenUp, "given-up")];

/// How a source is.
#[derive(Debug)]
pub struct Health {
    /// The receiver of the floor plan.
    pub receiver: String,
    /// What it listens with.
    pub device: String,
    counts: [AtomicU64; COUNTS],
    heard_at_us: AtomicI64,
    /// Adverts when the rate was last looked at, and the rate then, as bits.
    sampled: AtomicU64,
    rate_bits: AtomicU64,
    learnt_bits: AtomicU64,
    state: Mutex<&'static str>,
}

impl Health {
    /// Of a source that has not begun.
    pub fn new(receiver: &str, device: &str) -> Self {
        Self {
            receiver: receiver.to_owned(),
            device: device.to_owned(),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            heard_at_us: AtomicI64::new(0),
            sampled: AtomicU64::new(0),
            rate_bits: AtomicU64::new(0),
            learnt_bits: AtomicU64::new(0),
            state: Mutex::new("starting"),
        }
    }

    /// Adds to a count.
    pub fn add(&self, count: Count, by: u64) {
        self.counts[count as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// A count.
    pub fn count(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    /// Notes adverts heard at a moment.
    pub fn heard(&self, at: Timestamp, adverts: u64) {
        self.add(Count::Adverts, adverts);
        self.heard_at_us.store(at.as_micros(), Ordering::Relaxed);
    }

    /// Event time of the last advert; `None` before the first.
    pub fn heard_at_us(&self) -> Option<i64> {
        Some(self.heard_at_us.load(Ordering::Relaxed)).filter(|at_us| *at_us != 0)
    }

    /// Notes the rate that silence is judged by.
    pub fn set_learnt(&self, adverts_per_s: f64) {
        self.learnt_bits.store(adverts_per_s.to_bits(), Ordering::Relaxed);
    }

    /// The rate that silence is judged by; 0 before one is learnt.
    pub fn learnt_per_s(&self) -> f64 {
        f64::from_bits(self.learnt_bits.load(Ordering::Relaxed))
    }

    /// Brings the rate up to date; called by one part of the program at even spaces of time.
    fn sample(&self, passed: Duration) {
        let adverts = self.count(Count::Adverts);
        let new = adverts.saturating_sub(self.sampled.swap(adverts, Ordering::Relaxed));
        let passed_s = passed.as_secs_f64().max(0.001);
        let weight = 1.0 - (-passed_s / SHOWN_S).exp();
        let rate = self.adverts_per_s();
        let rate = rate + weight * (new as f64 / passed_s - rate);
        self.rate_bits.store(rate.to_bits(), Ordering::Relaxed);
    }

    /// Adverts per second of late.
    pub fn adverts_per_s(&self) -> f64 {
        f64::from_bits(self.rate_bits.load(Ordering::Relaxed))
    }

    /// Says how it is: `listening`, or a reason in kebab-case.
    pub fn set_state(&self, state: &'static str) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How it is.
    pub fn state(&self) -> &'static str {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adverts lost, by reason.
    pub fn lost(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.named(&LOST)
    }

    /// Faults of the line itself, by kind.
    pub fn line_faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.named(&LINE)
    }

    /// What was tried against silence, by kind.
    pub fn recoveries(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.named(&RECOVERIES)
    }

    fn named(&self, of: &'static [(Count, &'static str)]) -> impl Iterator<Item = (&'static str, u64)> {
        of.iter().map(|(count, name)| (*name, self.count(*count)))
    }

    /// One object for the pages.
    pub fn to_json(&self) -> Value {
        let object = |of: &'static [(Count, &'static str)]| -> Map<String, Value> {
            self.named(of).map(|(name, count)| (name.to_owned(), count.into())).collect()
        };
        json!({
            "receiver": self.receiver,
            "device": self.device,
            "state": self.state(),
            "heard_at_us": self.heard_at_us(),
            "adverts_per_s": self.adverts_per_s(),
            "learnt_per_s": self.learnt_per_s(),
            "adverts": self.count(Count::Adverts),
            "lost": object(&LOST),
            "line_faults": object(&LINE),
            "recoveries": object(&RECOVERIES),
        })
    }

    /// The next rung of the ladder for a trouble, counted and logged. What was tried in vain once is not told
    /// with every attempt.
    pub fn climb(&self, dog: &mut Watchdog, trouble: Trouble) -> Rung {
        self.set_state(trouble.as_str());
        let known = dog.is_reported();
        let rung = dog.climb(trouble);
        let (device, reason) = (&self.device, trouble.as_str());
        match rung {
            Rung::Rescan => self.add(Count::Rescans, 1),
            Rung::Reset => self.add(Count::Resets, 1),
            // Counted where it is done: it follows a report as well.
            Rung::Reopen => {}
            Rung::Report => self.add(Count::GivenUp, 1),
        }
        match rung {
            rung if known => tracing::debug!(%device, reason, ?rung, "{trouble}"),
            Rung::Report => tracing::error!(%device, reason, "not listening: {trouble}; trying on"),
            rung => tracing::warn!(%device, reason, ?rung, "{trouble}"),
        }
        rung
    }
}

/// The sources of a gateway.
#[derive(Clone, Debug, Default)]
pub struct Sources(Arc<Mutex<Vec<Arc<Health>>>>);

impl Sources {
    /// Adds a source that is about to begin.
    pub fn add(&self, receiver: &str, device: &str) -> Arc<Health> {
        let health = Arc::new(Health::new(receiver, device));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(health.clone());
        health
    }

    /// All of them, in the order they were added.
    pub fn list(&self) -> Vec<Arc<Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings all rates up to date.
    pub fn sample(&self, passed: Duration) {
        self.list().iter().for_each(|health| health.sample(passed));
    }

    /// One object a source.
    pub fn to_json(&self) -> Value {
        self.list().iter().map(|health| health.to_json()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_name_once() {
        let mut named: Vec<usize> = [&LOST[..], &LINE, &RECOVERIES].concat().iter().map(|(c, _)| *c as usize).collect();
        named.push(Count::Adverts as usize);
        named.sort_unstable();
        assert_eq!(named, (0..COUNTS).collect::<Vec<_>>());
    }

    #[test]
    fn health_is_told_by_name() {
        let sources = Sources::default();
        let health = sources.add("north-1", "tcp:127.0.0.1:6402");
        health.heard(Timestamp::from_micros(7), 3);
        health.add(Count::Shed, 2);
        health.set_learnt(1.5);
        let told = sources.to_json();
        assert_eq!((&told[0]["adverts"], &told[0]["heard_at_us"]), (&json!(3), &json!(7)));
        assert_eq!((&told[0]["learnt_per_s"], &told[0]["state"]), (&json!(1.5), &json!("starting")));
        assert_eq!((&told[0]["lost"]["shed"], &told[0]["recoveries"]["reopen"]), (&json!(2), &json!(0)));
    }

    #[test]
    fn the_rate_follows_what_is_heard_and_falls_in_silence() {
        let health = Health::new("a", "b");
        for _ in 0..30 {
            health.heard(Timestamp::from_micros(1), 100);
            health.sample(Duration::from_secs(1));
        }
        assert!((health.adverts_per_s() - 100.0).abs() < 1.0, "{}", health.adverts_per_s());
        (0..15).for_each(|_| health.sample(Duration::from_secs(1)));
        assert!(health.adverts_per_s() < 6.0, "{}", health.adverts_per_s());
    }
}
