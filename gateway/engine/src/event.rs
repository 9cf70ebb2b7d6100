//! Everything that can happen to the engine.

use crate::advert::Advert;
use crate::beacon::BeaconId;
use crate::offers::campaign::Campaign;
use crate::offers::restore::Spent;
use crate::recording::Source;
use crate::time::Timestamp;
use crate::venue::ReceiverId;
use std::sync::Arc;

/// One event. Events may arrive out of order within the allowed lateness.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A receiver heard an advertisement.
    Advert(Advert<'a>),
    /// A receiving board heard an advertisement and has applied `identity` itself.
    FromBoard {
        /// When it was heard.
        at: Timestamp,
        /// By which receiver.
        receiver: ReceiverId,
        /// The keyed hash, or a registered beacon.
        source: Source,
        /// Strength, where known.
        rssi_dbm: Option<i8>,
        /// Advertising data.
        payload: &'a [u8],
    },
    /// Time has passed: nothing earlier than this minus the allowed lateness will come.
    Tick(Timestamp),
    /// A person opted in, or an asset was registered, with the beacon it carries.
    Register(Registration),
    /// A registration ends; what is known about it is dropped.
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
    /// A known count of people.
    Anchor(Anchor),
    /// Staff edited the campaigns: these run from now on, and no others.
    Campaigns {
        /// All of them.
        campaigns: Vec<Campaign>,
        /// What campaigns of before have given out.
        spent: Vec<Spent>,
    },
    /// A voucher was used at a till.
    Redeemed {
        /// When.
        at: Timestamp,
        /// Identity of the voucher.
        voucher: Arc<str>,
    },
}

/// Whether a registered beacon is carried by a person who may get offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A person who opted in.
    Attendee,
    /// A thing or a member of staff: followed, never counted as people, never offered anything.
    Asset,
}

/// A stable beacon and whom it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// When it takes effect.
    pub at: Timestamp,
    /// Name in all outputs.
    pub who: Arc<str>,
    /// Attendee or asset.
    pub kind: SubjectKind,
    /// The beacon carried.
    pub beacon: BeaconId,
}

/// Where a known count comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorKind {
    /// People through an entrance since the last count.
    Turnstile,
    /// People served at a till since the last count.
    Till,
    /// People in a zone now.
    HeadCount,
}

/// A known count at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    /// When it was taken.
    pub at: Timestamp,
    /// Where it comes from.
    pub kind: AnchorKind,
    /// Name of the entrance, queue or zone; empty for the whole venue.
    pub place: Arc<str>,
    /// How many.
    pub people: u32,
}
