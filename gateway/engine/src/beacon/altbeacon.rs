//! AltBeacon: manufacturer data of any company that opens with BE AC.
//!
//! In: the company and the bytes after it. Out: the 20-byte id, the strength at 1 m and the reserved byte.
//! It refuses any other length. Source: Radius Networks, "AltBeacon Protocol Specification" v1.0.

use super::BeaconId;
use crate::advert::Refusal;

/// The first two bytes of the data.
pub const CODE: [u8; 2] = [0xbe, 0xac];

/// A decoded AltBeacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AltBeacon {
    /// Company identifier of the manufacturer.
    pub company: u16,
    /// Beacon id.
    pub id: [u8; 20],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
    /// Reserved for the manufacturer.
    pub reserved: u8,
}

impl AltBeacon {
    /// The identity it states.
    pub fn id(&self) -> BeaconId {
        BeaconId::AltBeacon { id: self.id }
    }
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(company: u16, data: &[u8], at: usize) -> Result<AltBeacon, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("altbeacon"), why };
    let Some(rest) = data.strip_prefix(&CODE) else {
        return Err(refuse(0, "does not open with be ac"));
    };
    let Ok(body) = <&[u8; 22]>::try_from(rest) else {
        return Err(refuse(2 + rest.len().min(22), "not 22 bytes after the code"));
    };
    let (id, last) = body.split_first_chunk::<20>().expect("22 bytes hold 20");
    Ok(AltBeacon { company, id: *id, measured_power_dbm: last[0] as i8, reserved: last[1] })
}
