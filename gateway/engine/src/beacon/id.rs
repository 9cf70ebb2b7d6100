//! The identity of a stable beacon, and its text.
//!
//! In: what a frame states, or text. Out: text, or the identity: `ibeacon:<uuid>:<major>:<minor>`,
//! `eddystone:<namespace>:<instance>`, `altbeacon:<id>`, in lower-case hex. It refuses any other text, and
//! hex of the wrong length.

use std::fmt::{self, Write};
use std::str::FromStr;

/// The identity a stable beacon states.
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
}

impl fmt::Display for BeaconId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IBeacon { uuid, major, minor } => write!(f, "ibeacon:{}:{major}:{minor}", Uuid(uuid)),
            Self::EddystoneUid { namespace, instance } => {
                write!(f, "eddystone:{}:{}", Hex(namespace), Hex(instance))
            }
            Self::AltBeacon { id } => write!(f, "altbeacon:{}", Hex(id)),
        }
    }
}

/// Why a text is no beacon identity.
const NO_BEACON: &str = "write ibeacon:<uuid>:<major>:<minor>, eddystone:<namespace>:<instance> or altbeacon:<id>";

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
            _ => None,
        };
        id.ok_or_else(|| NO_BEACON.to_owned())
    }
}

fn ibeacon(uuid: &str, major: &str, minor: &str) -> Option<BeaconId> {
    let uuid = bytes_of(&uuid.replace('-', ""))?;
    Some(BeaconId::IBeacon { uuid, major: number(major)?, minor: number(minor)? })
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
            "beacon:0102030405060708090a0b0c0d0e0f1011121314",
        ] {
            assert!(text.parse::<BeaconId>().is_err(), "{text}");
        }
    }
}
