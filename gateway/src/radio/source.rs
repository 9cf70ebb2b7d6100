//! What every radio source has in common: where its adverts go, and how it says how it is.
//!
//! In: counts of a running source. Out: one JSON object a source for pages and metrics. It holds no address
//! and no advert.

use super::AdvertBatch;
use crate::runtime::EngineHandle;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use venue_engine::time::Timestamp;

/// Where adverts go; it stamps them, so that live and accelerated time work alike.
pub trait AdvertSink: Send + Sync {
    /// The event time now.
    fn now(&self) -> Timestamp;
    /// Takes adverts; what does not fit is lost and counted there.
    fn adverts(&self, batch: AdvertBatch);
}

impl AdvertSink for EngineHandle {
    fn now(&self) -> Timestamp {
        self.now()
    }

    fn adverts(&self, batch: AdvertBatch) {
        self.adverts(batch);
    }
}

/// What a source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Adverts handed on.
    Adverts,
    /// Adverts without an address: nobody can be followed by them.
    Anonymous,
    /// Reports not as long as they say.
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

/// Every count with its name.
const COUNTS: [(Count, &str); 10] = [
    (Count::Adverts, "adverts"),
    (Count::Anonymous, "anonymous"),
    (Count::Malformed, "malformed"),
    (Count::Incomplete, "incomplete"),
    (Count::SkippedBytes, "skipped_bytes"),
    (Count::LostStep, "lost_step"),
    (Count::Rescans, "rescans"),
    (Count::Resets, "resets"),
    (Count::Reopens, "reopens"),
    (Count::GivenUp, "given_up"),
];

/// How a source is.
#[derive(Debug)]
pub struct Health {
    receiver: String,
    device: String,
    counts: [AtomicU64; COUNTS.len()],
    heard_at_us: AtomicI64,
    adverts_per_hour: AtomicU64,
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
            adverts_per_hour: AtomicU64::new(0),
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

    /// Notes the rate learnt.
    pub fn set_rate(&self, adverts_per_s: f64) {
        self.adverts_per_hour.store((adverts_per_s * 3_600.0) as u64, Ordering::Relaxed);
    }

    /// Says how it is: `listening`, or a reason in kebab-case.
    pub fn set_state(&self, state: &'static str) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How it is.
    pub fn state(&self) -> &'static str {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One object for pages and metrics.
    pub fn to_json(&self) -> Value {
        let heard_at_us = Some(self.heard_at_us.load(Ordering::Relaxed)).filter(|at_us| *at_us != 0);
        let mut shown = json!({
            "receiver": self.receiver,
            "device": self.device,
            "state": self.state(),
            "heard_at_us": heard_at_us,
            "adverts_per_s": self.adverts_per_hour.load(Ordering::Relaxed) as f64 / 3_600.0,
        });
        for (count, name) in COUNTS {
            shown[name] = self.count(count).into();
        }
        shown
    }
}

/// The sources of a gateway.
#[derive(Clone, Debug, Default)]
pub struct Sources(Arc<Mutex<Vec<Arc<Health>>>>);

impl Sources {
    /// Adds a source that is about to begin.
    pub fn add(&self, health: Arc<Health>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(health);
    }

    /// One object a source.
    pub fn to_json(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|health| health.to_json()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lie_in_the_order_of_their_names() {
        for (index, (count, name)) in COUNTS.into_iter().enumerate() {
            assert_eq!(count as usize, index, "{name}");
        }
    }

    #[test]
    fn health_is_told_by_name() {
        let sources = Sources::default();
        let health = Arc::new(Health::new("north-1", "tcp:127.0.0.1:6402"));
        sources.add(health.clone());
        health.heard(Timestamp::from_micros(7), 3);
        health.set_rate(1.5);
        let told = sources.to_json();
        assert_eq!((&told[0]["adverts"], &told[0]["heard_at_us"]), (&json!(3), &json!(7)));
        assert_eq!((&told[0]["adverts_per_s"], &told[0]["state"]), (&json!(1.5), &json!("starting")));
    }
}
