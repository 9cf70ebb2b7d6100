//! Eddystone: service data of FEAA, one frame type each: UID, URL, TLM, EID.
//!
//! In: the bytes after the service UUID. Out: the frame, its strength at 1 m: Eddystone states it at 0 m,
//! 41 dB more. It refuses wrong lengths, and reserved bytes that are not zero only where the specification
//! lets nobody send others. Source: Google, "Eddystone Protocol Specification" (frame type pages).

use super::{BeaconId, Frame};
use crate::advert::Refusal;

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

/// A decoded URL frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// The address, expanded.
    pub url: String,
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
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

/// A decoded EID frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eid {
    /// The ephemeral identifier.
    pub eid: [u8; 8],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
}

/// Reads the data after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse<'a>(data: &[u8], at: usize) -> Result<Frame<'a>, Refusal> {
    match data.first() {
        Some(&UID) => parse_uid(data, at).map(Frame::EddystoneUid),
        Some(&URL) => parse_url(data, at).map(Frame::EddystoneUrl),
        Some(&TLM) => parse_tlm(data, at),
        Some(&EID) => parse_eid(data, at).map(Frame::EddystoneEid),
        Some(_) => Err(Refusal { at, format: Some("eddystone"), why: "unknown frame type" }),
        None => Err(Refusal { at, format: Some("eddystone"), why: "no frame type" }),
    }
}

/// Reads a UID frame: 18 bytes, or 20 with two reserved ones.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_uid(data: &[u8], at: usize) -> Result<Uid, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-uid"), why };
    let (Some(frame), 18 | 20) = (data.first_chunk::<18>(), data.len()) else {
        return Err(refuse(data.len().min(20), "neither 18 bytes nor 20"));
    };
    let (namespace, instance) = frame[2..].split_first_chunk::<10>().expect("16 bytes hold 10");
    let instance = *instance.first_chunk::<6>().expect("6 bytes are left");
    Ok(Uid { namespace: *namespace, instance, measured_power_dbm: at_one_metre(frame[1]) })
}

fn parse_url(data: &[u8], at: usize) -> Result<Url, Refusal> {
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
    let mut url = String::from(*scheme);
    for (offset, byte) in encoded.iter().enumerate() {
        match EXPANSIONS.get(usize::from(*byte)) {
            Some(expansion) => url.push_str(expansion),
            None if byte.is_ascii_graphic() => url.push(char::from(*byte)),
            None => return Err(refuse(3 + offset, "a byte that no URL may hold")),
        }
    }
    Ok(Url { url, measured_power_dbm: at_one_metre(*power) })
}

/// Version 0 is plain, version 1 encrypted with an integrity check at its end.
fn parse_tlm<'a>(data: &[u8], at: usize) -> Result<Frame<'a>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-tlm"), why };
    match (data.get(1), data.len()) {
        (Some(0), 14) => {}
        (Some(1), 18) => return Ok(Frame::EddystoneEtlm),
        (Some(0), length) => return Err(refuse(length.min(14), "version 0 is not 14 bytes")),
        (Some(1), length) => return Err(refuse(length.min(18), "version 1 is not 18 bytes")),
        (Some(_), _) => return Err(refuse(1, "unknown version")),
        (None, _) => return Err(refuse(1, "no version")),
    }
    let [_, _, v1, v0, t1, t0, c3, c2, c1, c0, s3, s2, s1, s0] =
        *data.first_chunk::<14>().expect("the length is 14");
    let battery_mv = u16::from_be_bytes([v1, v0]);
    let temperature = i16::from_be_bytes([t1, t0]);
    Ok(Frame::EddystoneTlm(Tlm {
        battery_mv: (battery_mv != 0).then_some(battery_mv),
        temperature_c: (temperature != i16::MIN).then_some(f64::from(temperature) / 256.0),
        advertisement_count: u32::from_be_bytes([c3, c2, c1, c0]),
        uptime_s: f64::from(u32::from_be_bytes([s3, s2, s1, s0])) / 10.0,
    }))
}

fn parse_eid(data: &[u8], at: usize) -> Result<Eid, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("eddystone-eid"), why };
    match (data.get(1), data.get(2..).and_then(|rest| <[u8; 8]>::try_from(rest).ok())) {
        (Some(power), Some(eid)) => Ok(Eid { eid, measured_power_dbm: at_one_metre(*power) }),
        _ => Err(refuse(data.len().min(10), "not 10 bytes")),
    }
}

/// The strength at 1 m from the byte that states it at 0 m; stops at the end of the scale.
fn at_one_metre(at_zero: u8) -> i8 {
    (at_zero as i8).saturating_sub(FIRST_METRE_DB)
}
