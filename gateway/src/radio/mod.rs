//! Where adverts come from: adapters, receiving boards, recordings, the simulator.
//!
//! In: whatever a source hears. Out: batches of adverts stamped with event time, through one bounded
//! channel to the engine. A source that is faster than the engine loses its newest batches, counted.

#[cfg(all(feature = "bluetooth", target_os = "linux"))]
pub mod bluez;
pub mod boards;
pub mod capture;
#[cfg(feature = "bluetooth")]
pub mod central;
pub mod hci;
pub mod receivers;
pub mod recording_file;
pub mod source;
#[cfg(feature = "bluetooth")]
pub mod structures;
pub mod watchdog;

/// Adverts of this machine's adapters.
#[cfg(all(feature = "bluetooth", target_os = "linux"))]
pub use bluez as adapters;
#[cfg(all(feature = "bluetooth", not(target_os = "linux")))]
pub use central as adapters;

use std::ops::Range;
use venue_engine::advert::Address;
use venue_engine::event::Event;
use venue_engine::recording::Source;
use venue_engine::time::Timestamp;
use venue_engine::venue::ReceiverId;

/// Adverts in one batch at most: a tenth of a second at 20 000/s, so a batch never delays a figure.
pub const BATCH_MAX: usize = 2_048;

/// One advert of a batch; its payload lies in the batch.
#[derive(Clone, Debug)]
struct Heard {
    at: Timestamp,
    receiver: ReceiverId,
    source: Source,
    rssi_dbm: Option<i8>,
    carriage: Carriage,
    payload: Range<u32>,
}

/// How an advert came over the air, where the radio said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carriage {
    /// Whether it answered a scan request.
    pub scan_response: bool,
    /// The PHY of its data.
    pub phy: Option<Phy>,
}

/// A physical layer of Bluetooth LE (Core 5.4, Vol 6 Part A, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phy {
    /// One megasymbol a second.
    OneM,
    /// Two.
    TwoM,
    /// Coded for a long range.
    Coded,
}

impl Phy {
    /// Its name in recordings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneM => "1m",
            Self::TwoM => "2m",
            Self::Coded => "coded",
        }
    }
}

/// Adverts that travel together, without an allocation each.
#[derive(Clone, Debug, Default)]
pub struct AdvertBatch {
    heard: Vec<Heard>,
    bytes: Vec<u8>,
}

impl AdvertBatch {
    /// Adds an advert.
    pub fn push(&mut self, at: Timestamp, receiver: ReceiverId, source: Source, rssi_dbm: Option<i8>, payload: &[u8]) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(payload);
        let payload = start..self.bytes.len() as u32;
        self.heard.push(Heard { at, receiver, source, rssi_dbm, carriage: Carriage::default(), payload });
    }

    /// Adds an advert with a raw address.
    pub fn push_raw(
        &mut self,
        at: Timestamp,
        receiver: ReceiverId,
        address: Address,
        rssi_dbm: Option<i8>,
        payload: &[u8],
    ) {
        self.push(at, receiver, Source::Address(address), rssi_dbm, payload);
    }

    /// Notes how the advert added last came.
    pub fn came_by(&mut self, carriage: Carriage) {
        if let Some(last) = self.heard.last_mut() {
            last.carriage = carriage;
        }
    }

    /// How each advert came, in the order they were added.
    pub fn carriages(&self) -> impl Iterator<Item = Carriage> {
        self.heard.iter().map(|heard| heard.carriage)
    }

    /// Takes everything out and leaves an empty batch with room for as much: the next one of a source is about
    /// as long, and growing it step by step scatters small pieces over memory.
    pub fn take(&mut self) -> Self {
        let next = Self { heard: Vec::with_capacity(self.len()), bytes: Vec::with_capacity(self.bytes.len()) };
        std::mem::replace(self, next)
    }

    /// Adverts in it.
    pub fn len(&self) -> usize {
        self.heard.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// The events for the engine, in the order they were added.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.heard.iter().map(|heard| {
            let Heard { at, receiver, source, rssi_dbm, .. } = *heard;
            let payload = &self.bytes[heard.payload.start as usize..heard.payload.end as usize];
            Event::FromBoard { at, receiver, source, rssi_dbm, payload }
        })
    }
}
