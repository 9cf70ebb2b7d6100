//! One received advertisement: the address it claimed, how strong it was, and its AD structures.
//!
//! In: bytes as they came off the air. Out: a bounded walk over the AD structures, which stops at the
//! first malformed one and says why and at which byte. It refuses nothing else: what a structure means
//! is `beacon`'s business. No function here panics or allocates, whatever the bytes.

use crate::time::Timestamp;
use std::fmt;

/// Longest advertising data of an extended advertisement, fragments joined
/// (Core 5.4, Vol 4 Part E, 7.7.65.13: 1 650 octets).
pub const PAYLOAD_LEN_MAX: usize = 1_650;

/// Whether an address was registered with the IEEE or made up by the device (Core 5.4, Vol 6 Part B, 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// Assigned by the manufacturer and lasting.
    Public,
    /// Static, resolvable or non-resolvable; the two top bits tell which.
    Random,
}

/// A Bluetooth device address, most significant byte first as it is written.
///
/// It has no `Display` and its `Debug` hides the bytes: a raw address must not reach a log (invariant 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The six bytes, most significant first.
    pub bytes: [u8; 6],
    /// Public or random.
    pub kind: AddressType,
}

/// What kind of random address the two top bits claim (Core 5.4, Vol 6 Part B, 1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomKind {
    /// Lasts until the next power cycle.
    Static,
    /// Made from an identity key; changes about every 15 minutes.
    Resolvable,
    /// Made of nothing; changes at will.
    NonResolvable,
    /// The reserved pattern.
    Reserved,
}

impl Address {
    /// The kind of a random address; `None` for a public one.
    pub fn random_kind(self) -> Option<RandomKind> {
        match (self.kind, self.bytes[0] >> 6) {
            (AddressType::Public, _) => None,
            (_, 0b11) => Some(RandomKind::Static),
            (_, 0b01) => Some(RandomKind::Resolvable),
            (_, 0b00) => Some(RandomKind::NonResolvable),
            (_, _) => Some(RandomKind::Reserved),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(hidden, {:?})", self.kind)
    }
}

/// One advertising report as a receiver heard it. Borrows its payload: the engine keeps no bytes.
#[derive(Clone, Copy, Debug)]
pub struct Advert<'a> {
    /// Event time: when it was heard, by the receiver's clock.
    pub at: Timestamp,
    /// The receiver's place in the venue's list of receivers.
    pub receiver: crate::venue::ReceiverId,
    /// The advertiser's address.
    pub address: Address,
    /// Received strength; `None` where the controller reported +127, "not available".
    pub rssi_dbm: Option<i8>,
    /// Primary advertising channel 37, 38 or 39 where the radio tells.
    pub channel: Option<u8>,
    /// Advertising data or scan response data.
    pub payload: &'a [u8],
}
