//! Eddystone: service data of FEAA, one frame type each: UID, URL, TLM, eTLM, EID.
//!
//! In: the bytes after the service UUID. Out: the frame, its strength at 1 m: Eddystone states it at 0 m,
//! 41 dB more. It refuses wrong lengths, unknown versions, reserved bytes that are not zero, and bytes that
//! no URL may hold. Source: Google, "Eddystone Protocol Specification" (one page a frame type). Google's
//! Find Hub uses the same service and two more frame types: see [`super::find_hub`].

use super::BeaconId;
use crate::advert::Refusal;
use std::fmt::{self, Write};

/// 16-bit service UUID of Eddystone.
pub const SERVICE: u16 = 0xfeaa;
/// Frame type UID.
pub const UID: u8 = 0x00;
/// Frame type URL.
pub const URL: u8 = 0x10;
/// Frame type TLM.
pub const TLM: u8 = 0x20;
/// Frame type EID.
pub const EID: u8 = 0x30;

/// What a signal loses from 0 m to 1 m, dB, by the specification.
const FIRST_METRE_DB: i8 = 41;

/// Longest encoded URL, bytes.
const URL_LEN_MAX: usize = 17;

/// Names of the URL schemes by their code.
const SCHEMES: [&str; 4] = ["http://www.", "https://www.", "http://", "https://"];

/// Ends of host names by their code; the second half lacks the slash.
const EXPANSIONS: [&str; 14] = [
    ".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/", ".com", ".org", ".edu", ".net", ".info", ".biz",
    ".gov",
];

/// A decoded UID frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uid {
    /// 10-byte namespace.
    pub namespace: [u8; 10],
    /// 6-byte instance.
    pub instance: [u8; 6],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
}

impl Uid {
    /// The identity it states.
    pub fn id(&self) -> BeaconId {
        BeaconId::EddystoneUid { namespace: self.namespace, instance: self.instance }
    }
}

/// A decoded URL frame; its `Display` is the address, expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    scheme: &'static str,
    encoded: &'a [u8],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        self.encoded.iter().try_for_each(|byte| match EXPANSIONS.get(usize::from(*byte)) {
            Some(expansion) => f.write_str(expansion),
            None => f.write_char(char::from(*byte)),
        })
    }
}

/// A decoded TLM frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tlm {
    /// Battery voltage; `None` where the beacon does not measure it (zero).
    pub battery_mv: Option<u16>,
    /// Temperature; `None` where the beacon does not measure it (8000 hex).
    pub temperature_c: Option<f64>,
    /// Adverts sent since power-up.
    pub advertisement_count: u32,
    /// Time since power-up, seconds; the frame counts tenths.
    pub uptime_s: f64,
}

/// An encrypted TLM frame: readable only with the beacon's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Etlm {
    /// What a plain frame holds after its version, encrypted.
    pub telemetry: [u8; 12],
    /// Salt.
    pub salt: u16,
    /// Integrity check.
    pub check: u16,
}

/// A decoded EID frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eid {
    /// The ephemeral identifier.
    pub eid: [u8; 8],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
}

/// Reads a UID frame: 20 bytes with two reserved ones, or 18 without, as many beacons send it.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_uid(data: &[u8], at: usize) -> Result<Uid, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-uid"), why };
    let (Some(frame), 18 | 20) = (data.first_chunk::<18>(), data.len()) else {
        return Err(refuse(data.len().min(20), "neither 18 bytes nor 20"));
    };
    if let Some(offset) = data[18..].iter().position(|byte| *byte != 0) {
        return Err(refuse(18 + offset, "a reserved byte is not zero"));
    }
    let [_, power, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, instance @ ..] = *frame;
    let namespace = [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9];
    Ok(Uid { namespace, instance, measured_power_dbm: at_one_metre(power) })
}

/// Reads a URL frame.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_url(data: &[u8], at: usize) -> Result<Url<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-url"), why };
    let Some(([_, power, scheme], encoded)) = data.split_first_chunk::<3>() else {
        return Err(refuse(data.len(), "shorter than power and scheme"));
    };
    let Some(scheme) = SCHEMES.get(usize::from(*scheme)) else {
        return Err(refuse(2, "unknown URL scheme"));
    };
    if encoded.len() > URL_LEN_MAX {
        return Err(refuse(3 + URL_LEN_MAX, "more than 17 bytes of URL"));
    }
    let allowed = |byte: &u8| usize::from(*byte) < EXPANSIONS.len() || byte.is_ascii_graphic();
    match encoded.iter().position(|byte| !allowed(byte)) {
        Some(offset) => Err(refuse(3 + offset, "a byte that no URL may hold")),
        None => Ok(Url { scheme, encoded, measured_power_dbm: at_one_metre(*power) }),
    }
}

/// Reads a TLM frame of version 0.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_tlm(data: &[u8], at: usize) -> Result<Tlm, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-tlm"), why };
    let Ok([_, version, v1, v0, t1, t0, c3, c2, c1, c0, s3, s2, s1, s0]) = <[u8; 14]>::try_from(data) else {
        return Err(refuse(data.len().min(14), "not 14 bytes"));
    };
    if version != 0 {
        return Err(refuse(1, "the version is neither 0 nor 1"));
    }
    let battery_mv = u16::from_be_bytes([v1, v0]);
    let temperature = i16::from_be_bytes([t1, t0]);
    Ok(Tlm {
        battery_mv: (battery_mv != 0).then_some(battery_mv),
        temperature_c: (temperature != i16::MIN).then_some(f64::from(temperature) / 256.0),
        advertisement_count: u32::from_be_bytes([c3, c2, c1, c0]),
        uptime_s: f64::from(u32::from_be_bytes([s3, s2, s1, s0])) / 10.0,
    })
}

/// Reads a TLM frame of version 1, which is encrypted.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_etlm(data: &[u8], at: usize) -> Result<Etlm, Refusal> {
    match <[u8; 18]>::try_from(data) {
        Ok([_, _, telemetry @ .., s1, s0, m1, m0]) => {
            Ok(Etlm { telemetry, salt: u16::from_be_bytes([s1, s0]), check: u16::from_be_bytes([m1, m0]) })
        }
        Err(_) => Err(Refusal { at: at + data.len().min(18), format: Some("eddystone-etlm"), why: "not 18 bytes" }),
    }
}

/// Reads an EID frame.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_eid(data: &[u8], at: usize) -> Result<Eid, Refusal> {
    match <[u8; 10]>::try_from(data) {
        Ok([_, power, eid @ ..]) => Ok(Eid { eid, measured_power_dbm: at_one_metre(power) }),
        Err(_) => Err(Refusal { at: at + data.len().min(10), format: Some("eddystone-eid"), why: "not 10 bytes" }),
    }
}

/// The strength at 1 m from the byte that states it at 0 m; stops at the end of the scale.
fn at_one_metre(at_zero: u8) -> i8 {
    (at_zero as i8).saturating_sub(FIRST_METRE_DB)
}
