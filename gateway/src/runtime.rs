//! The one loop that owns the engine: a thread fed through a bounded channel.
//!
//! In: adverts from the radios and events from the pages. Out: engine outputs, handed in batches to the
//! store. It refuses what does not fit its queue, and counts it: the engine never waits for anybody.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use venue_engine::event::{Anchor, Registration};
use venue_engine::time::Timestamp;

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
    /// A known count.
    Anchor(Anchor),
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
pub enum Input {
    /// From pages and tills.
    Event(OwnedEvent),
}

/// Hands events to the engine thread.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    inputs: SyncSender<Input>,
}

impl EngineHandle {
    /// Queues an event; false when the engine's queue is full or it has ended.
    pub fn send(&self, event: OwnedEvent) -> bool {
        match self.inputs.try_send(Input::Event(event)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}
