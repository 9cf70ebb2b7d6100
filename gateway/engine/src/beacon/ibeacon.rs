//! iBeacon: the data of an Apple manufacturer structure that opens with 02 15.
//!
//! In: the bytes after the company identifier. Out: proximity UUID, major, minor and the strength at 1 m.
//! It refuses any other length or opening. Source: Apple, "Proximity Beacon Specification" R1 (2015).

use super::BeaconId;
use crate::advert::Refusal;

/// First byte of an iBeacon's data.
pub const TYPE: u8 = 0x02;
/// Second byte: how many follow.
const LENGTH: u8 = 0x15;

/// A decoded iBeacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IBeacon {
    /// Proximity UUID.
    pub uuid: [u8; 16],
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
}

impl IBeacon {
    /// The identity it states.
    pub fn id(&self) -> BeaconId {
        BeaconId::IBeacon { uuid: self.uuid, major: self.major, minor: self.minor }
    }
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<IBeacon, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("ibeacon"), why };
    let Some(([kind, length], rest)) = data.split_first_chunk::<2>() else {
        return Err(refuse(data.len(), "shorter than its type and length"));
    };
    if *kind != TYPE {
        return Err(refuse(0, "the type is not 02"));
    }
    if *length != LENGTH {
        return Err(refuse(1, "the length is not 15 hex"));
    }
    let Ok(body) = <&[u8; 21]>::try_from(rest) else {
        return Err(refuse(2 + rest.len().min(21), "not 21 bytes after the length"));
    };
    let (uuid, numbers) = body.split_first_chunk::<16>().expect("21 bytes hold 16");
    Ok(IBeacon {
        uuid: *uuid,
        major: u16::from_be_bytes([numbers[0], numbers[1]]),
        minor: u16::from_be_bytes([numbers[2], numbers[3]]),
        measured_power_dbm: numbers[4] as i8,
    })
}
