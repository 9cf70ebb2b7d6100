//! The identity of a beacon, and its text.
//!
//! In: what a frame states, or text. Out: text, or the identity: `ibeacon:<uuid>:<major>:<minor>`,
//! `eddystone:<namespace>:<instance>`, `altbeacon:<id>`, and for what changes all the time the key by which
//! it is recognised: `eid:<key>:<exponent>[:<clock offset>]`, `irk:<key>`; all in lower-case hex. It refuses
//! any other text, and hex of the wrong length.

use crate::cipher::Key;
use std::fmt::{self, Write};
use std::str::FromStr;

/// The largest rotation exponent of Eddystone-EID: 2^15 seconds, by the specification.
pub const EID_EXPONENT_MAX: u8 = 15;

/// The identity a stable beacon states, or the key by which a changing one is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BeaconId {
    /// Apple iBeacon.
    IBeacon {
        /// Proximity UUID.
        uuid: [u8; 16],
        /// Major number.
        major: u16,
        /// Minor number.
        minor: u16,
    },
    /// Eddystone-UID.
    EddystoneUid {
        /// 10-byte namespace.
        namespace: [u8; 10],
        /// 6-byte instance.
        instance: [u8; 6],
    },
    /// AltBeacon.
    AltBeacon {
        /// 20-byte beacon id.
        id: [u8; 20],
    },
    /// Eddystone-EID: no frame states it; its identifiers are made from it.
    EidKey {
        /// Identity key.
        key: Key,
        /// An identifier lasts two to the power of this, seconds; 15 at most.
        exponent: u8,
        /// The beacon's clock less Unix time, seconds.
        offset_s: i64,
    },
    /// Identity resolving key of a phone or watch: its resolvable private addresses are made from it.
    Irk {
        /// Most significant byte first.
        key: Key,
    },
}

impl BeaconId {
    /// Whether it is a secret, which no frame and no recording states.
    pub fn is_key(&self) -> bool {
        matches!(self, Self::EidKey { .. } | Self::Irk { .. })
    }
}

impl fmt::Display for BeaconId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IBeacon { uuid, major, minor } => write!(f, "ibeacon:{}:{major}:{minor}", Uuid(uuid)),
            Self::EddystoneUid { namespace, instance } => {
                write!(f, "eddystone:{}:{}", Hex(namespace), Hex(instance))
            }
            Self::AltBeacon { id } => write!(f, "altbeacon:{}", Hex(id)),
            Self::EidKey { key, exponent, offset_s: 0 } => write!(f, "eid:{}:{exponent}", Hex(&key.0)),
            Self::EidKey { key, exponent, offset_s } => write!(f, "eid:{}:{exponent}:{offset_s}", Hex(&key.0)),
            Self::Irk { key } => write!(f, "irk:{}", Hex(&key.0)),
        }
    }
}

/// Why a text is no beacon identity.
const NO_BEACON: &str = "write ibeacon:<uuid>:<major>:<minor>, eddystone:<namespace>:<instance>, altbeacon:<id>, \
     eid:<key>:<exponent>[:<clock offset, s>] or irk:<key>";

impl FromStr for BeaconId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(4, ':');
        let id = match [(); 4].map(|()| parts.next()) {
            [Some("ibeacon"), Some(uuid), Some(major), Some(minor)] => ibeacon(uuid, major, minor),
            [Some("eddystone"), Some(namespace), Some(instance), None] => bytes_of(namespace)
                .zip(bytes_of(instance))
                .map(|(namespace, instance)| Self::EddystoneUid { namespace, instance }),
            [Some("altbeacon"), Some(id), None, None] => bytes_of(id).map(|id| Self::AltBeacon { id }),
            [Some("eid"), Some(key), Some(exponent), offset_s] => eid_key(key, exponent, offset_s.unwrap_or("0")),
            [Some("irk"), Some(key), None, None] => bytes_of(key).map(|key| Self::Irk { key: Key(key) }),
            _ => None,
        };
        id.ok_or_else(|| NO_BEACON.to_owned())
    }
}

fn ibeacon(uuid: &str, major: &str, minor: &str) -> Option<BeaconId> {
    let uuid = bytes_of(&uuid.replace('-', ""))?;
    Some(BeaconId::IBeacon { uuid, major: number(major)?, minor: number(minor)? })
}

fn eid_key(key: &str, exponent: &str, offset_s: &str) -> Option<BeaconId> {
    let exponent = u8::try_from(number(exponent)?).ok().filter(|exponent| *exponent <= EID_EXPONENT_MAX)?;
    let offset_s: i64 = offset_s.parse().ok()?;
    // Beacons count seconds in 32 bits.
    let offset_s = Some(offset_s).filter(|offset_s| offset_s.unsigned_abs() <= u64::from(u32::MAX))?;
    Some(BeaconId::EidKey { key: Key(bytes_of(key)?), exponent, offset_s })
}

/// Digits only: no sign, so that each identity has one text.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Exactly `N` bytes in hex, upper or lower case.
fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4 | nibble(*low)?) as u8;
    }
    Some(bytes)
}

/// Bytes whose `Display` is lower-case hex.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.0.iter().try_for_each(|byte| {
            f.write_char(digit(byte >> 4))?;
            f.write_char(digit(byte & 0x0f))
        })
    }
}

/// A UUID whose `Display` is lower-case hex with dashes.
#[derive(Clone, Copy, Debug)]
pub struct Uuid<'a>(pub &'a [u8; 16]);

impl fmt::Display for Uuid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, [a, b, c, d, e]) = (self.0, [0..4, 4..6, 6..8, 8..10, 10..16]);
        let part = |range| Hex(&whole[range]);
        write!(f, "{}-{}-{}-{}-{}", part(a), part(b), part(c), part(d), part(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        for text in [
            "ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:65535",
            "eddystone:0102030405060708090a:0b0c0d0e0f10",
            "altbeacon:0102030405060708090a0b0c0d0e0f1011121314",
            "eid:000102030405060708090a0b0c0d0e0f:10",
            "eid:000102030405060708090a0b0c0d0e0f:0:-1763700000",
            "irk:ec0234a357c8ad05341010a60a397d9b",
        ] {
            assert_eq!(text.parse::<BeaconId>().map(|id| id.to_string()).as_deref(), Ok(text));
            let upper = text.split_once(':').map(|(format, id)| format!("{format}:{}", id.to_uppercase()));
            assert_eq!(upper.expect("a colon").parse::<BeaconId>(), text.parse());
        }
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        for text in [
            "",
            "ibeacon",
            "ibeacon:e2c56db5dffb48d2b060d0f5a71096e0:1",
            "ibeacon:e2c56db5dffb48d2b060d0f5a71096e0:1:2:3",
            "ibeacon:e2c56db5dffb48d2b060d0f5a71096e0:1:65536",
            "ibeacon:e2c56db5dffb48d2b060d0f5a71096e0:+1:2",
            "ibeacon:e2c56db5dffb48d2b060d0f5a71096e0:1:",
            "ibeacon:\u{e9}2c56db5dffb48d2b060d0f5a71096e:1:2",
            "eddystone:0102030405060708090a:0b0c0d0e0f",
            "altbeacon:01",
            "eid:000102030405060708090a0b0c0d0e0f",
            "eid:000102030405060708090a0b0c0d0e0f:16",
            "eid:000102030405060708090a0b0c0d0e0f:9:x",
            "eid:000102030405060708090a0b0c0d0e0f:9:99999999999",
            "irk:ec0234a357c8ad05341010a60a397d",
            "irk:ec0234a357c8ad05341010a60a397d9b:1",
            "beacon:0102030405060708090a0b0c0d0e0f1011121314",
        ] {
            assert!(text.parse::<BeaconId>().is_err(), "{text}");
        }
    }
}
