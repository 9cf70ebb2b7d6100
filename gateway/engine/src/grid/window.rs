//! What was heard of one device since the last update.
//!
//! In: strengths by receiver. Out: per receiver their mean and number. Adverts of one window share their
//! shadowing, so they are one look, not many. Refuses receivers beyond `HEARD_MAX`, the weakest of which say
//! least; each further advert of a known receiver is taken.

use crate::time::{Duration, Timestamp};
use crate::venue::ReceiverId;

/// Receivers kept in one window.
pub const HEARD_MAX: usize = 12;

/// Length of a window: the spacing of adverts of wristbands and phones, and a step of a walk.
pub const WINDOW: Duration = Duration::from_millis(1_000);

/// What one receiver heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Which one.
    pub receiver: ReceiverId,
    /// How many adverts.
    pub count: u8,
    sum_dbm: i16,
}

impl Heard {
    /// Mean strength, dBm.
    pub fn mean_dbm(&self) -> f32 {
        f32::from(self.sum_dbm) / f32::from(self.count)
    }
}

/// Adverts since the last update.
#[derive(Clone, Debug)]
pub struct Window {
    from: Timestamp,
    heard: Vec<Heard>,
}

impl Window {
    /// The empty window that a time lies in.
    pub fn new(now: Timestamp) -> Self {
        Self { from: now.window_start(WINDOW), heard: Vec::new() }
    }

    /// The time it speaks of.
    pub fn middle(&self) -> Timestamp {
        self.from + Duration::from_micros(WINDOW.as_micros() / 2)
    }

    /// When it has passed.
    pub fn end(&self) -> Timestamp {
        self.from + WINDOW
    }

    /// Whether nothing was heard.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// Adds one advert.
    pub fn add(&mut self, receiver: ReceiverId, rssi_dbm: i8) {
        if let Some(heard) = self.heard.iter_mut().find(|heard| heard.receiver == receiver) {
            if heard.count < u8::MAX {
                heard.count += 1;
                heard.sum_dbm += i16::from(rssi_dbm);
            }
            return;
        }
        let heard = Heard { receiver, count: 1, sum_dbm: i16::from(rssi_dbm) };
        if self.heard.len() < HEARD_MAX {
            self.heard.push(heard);
            return;
        }
        let weakest = self.heard.iter_mut().min_by(|a, b| a.mean_dbm().total_cmp(&b.mean_dbm()));
        if let Some(weakest) = weakest.filter(|weakest| weakest.mean_dbm() < f32::from(rssi_dbm)) {
            *weakest = heard;
        }
    }

    /// What each receiver heard.
    pub fn heard(&self) -> &[Heard] {
        &self.heard
    }

    /// What a receiver heard, if anything.
    pub fn of(&self, receiver: ReceiverId) -> Option<&Heard> {
        self.heard.iter().find(|heard| heard.receiver == receiver)
    }

    /// Most adverts any receiver heard: how many were sent at least.
    pub fn sent(&self) -> u8 {
        self.heard.iter().map(|heard| heard.count).max().unwrap_or(0)
    }
}
