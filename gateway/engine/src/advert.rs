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

/// One AD structure: its type and data (Core Supplement, Part A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure<'a> {
    /// Where its length byte stands in the payload.
    pub at: usize,
    /// AD type (Assigned Numbers 2.3).
    pub kind: u8,
    /// What follows the type.
    pub data: &'a [u8],
}

impl Structure<'_> {
    /// Where the data begins in the payload.
    pub fn data_at(&self) -> usize {
        self.at + 2
    }
}

/// Why bytes were refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Index in the payload of the first byte that is wrong, or of the end where bytes are missing.
    pub at: usize,
    /// The format that was refused; `None` for an AD structure.
    pub format: Option<&'static str>,
    /// One sentence.
    pub why: &'static str,
}

/// Walks the AD structures of a payload. After the first malformed one it ends: what follows a wrong length
/// is no structure. A length of zero is the early end of the data (Core 5.4, Vol 3 Part C, 11).
#[derive(Clone, Debug)]
pub struct Structures<'a> {
    payload: &'a [u8],
    at: usize,
}

/// The AD structures of advertising data.
pub fn structures(payload: &[u8]) -> Structures<'_> {
    Structures { payload, at: 0 }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Result<Structure<'a>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let (length, rest) = self.payload.get(at..)?.split_first()?;
        let length = usize::from(*length);
        if length == 0 {
            self.at = self.payload.len();
            return None;
        }
        match rest.get(..length).and_then(<[u8]>::split_first) {
            Some((kind, data)) => {
                self.at = at + 1 + length;
                Some(Ok(Structure { at, kind: *kind, data }))
            }
            None => {
                self.at = self.payload.len();
                Some(Err(Refusal { at, format: None, why: "the length byte says more than there is" }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(payload: &[u8]) -> Vec<Result<(u8, Vec<u8>), usize>> {
        structures(payload).map(|s| s.map(|s| (s.kind, s.data.to_vec())).map_err(|refusal| refusal.at)).collect()
    }

    #[test]
    fn structures_come_out_in_order() {
        assert_eq!(walk(&[2, 1, 6, 3, 3, 0xaa, 0xfe]), [Ok((1, vec![6])), Ok((3, vec![0xaa, 0xfe]))]);
        assert_eq!(walk(&[1, 9]), [Ok((9, vec![]))]);
    }

    #[test]
    fn zero_ends_early_and_a_wrong_length_ends_with_its_place() {
        assert_eq!(walk(&[2, 1, 6, 0, 0, 7, 7]), [Ok((1, vec![6]))]);
        assert_eq!(walk(&[2, 1, 6, 9, 0xff, 1]), [Ok((1, vec![6])), Err(3)]);
        assert_eq!(walk(&[]), []);
    }

    #[test]
    fn the_top_bits_tell_the_kind_of_a_random_address() {
        let kind = |first| Address { bytes: [first, 0, 0, 0, 0, 0], kind: AddressType::Random }.random_kind();
        assert_eq!(kind(0xc0), Some(RandomKind::Static));
        assert_eq!(kind(0x40), Some(RandomKind::Resolvable));
        assert_eq!(kind(0x00), Some(RandomKind::NonResolvable));
    }
}
