//! One line of a recording, both directions.
//!
//! In: a JSON object on one line, as `record` writes it and as boards send it to their hub. Out: an
//! advert to be, its payload in the caller's buffer. It refuses, with a reason that can be counted, what
//! is not such a line; unknown keys are ignored, so that later versions can add some.

use crate::advert::{Address, AddressType, PAYLOAD_LEN_MAX};
use crate::beacon::BeaconId;
use crate::time::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt::Write;

/// Longest line read: the longest payload in hex with room for the other keys.
pub const LINE_LEN_MAX: usize = 2 * PAYLOAD_LEN_MAX + 1_024;

/// Whom a line speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A raw address: only in explicit recordings.
    Address(Address),
    /// The keyed hash of the current epoch, from a board.
    Hash(u64),
    /// A registered beacon, resolved by a board.
    Beacon(BeaconId),
}

/// One advert of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    /// When it was heard.
    pub at: Timestamp,
    /// Name of the receiver.
    pub receiver: Cow<'a, str>,
    /// Who sent it.
    pub source: Source,
    /// Received strength; `None` where unknown.
    pub rssi_dbm: Option<i8>,
    /// Advertising channel 37 to 39 where known.
    pub channel: Option<u8>,
    /// PHY as the radio named it, where known.
    pub phy: Option<Cow<'a, str>>,
    /// Whether it was a scan response.
    pub scan_response: bool,
    /// Advertising data or scan response data.
    pub payload: &'a [u8],
}

/// Why a line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Longer than `LINE_LEN_MAX`.
    TooLong,
    /// Not a JSON object with the keys of a recording line.
    NotALine,
    /// The address is neither six bytes in hex nor `~` and 16 hex digits.
    BadAddress,
    /// The payload is not hex, or too long.
    BadPayload,
    /// The strength does not fit a signed byte.
    BadRssi,
}

impl Refusal {
    /// A name for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "line-too-long",
            Self::NotALine => "not-a-recording-line",
            Self::BadAddress => "bad-address",
            Self::BadPayload => "bad-payload",
            Self::BadRssi => "bad-rssi",
        }
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    at_us: i64,
    #[serde(borrow)]
    receiver: Cow<'a, str>,
    #[serde(borrow, default)]
    address: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    address_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    who: Option<Cow<'a, str>>,
    #[serde(default)]
    rssi_dbm: Option<f64>,
    #[serde(borrow, default)]
    ad: Option<Cow<'a, str>>,
    #[serde(default)]
    channel: Option<u8>,
    #[serde(borrow, default)]
    phy: Option<Cow<'a, str>>,
    #[serde(default)]
    scan_response: bool,
}

/// Reads one line; its payload is put into `payload`.
///
/// # Errors
/// The reason, where it is not a recording line.
pub fn parse<'a>(line: &'a [u8], payload: &'a mut Vec<u8>) -> Result<Line<'a>, Refusal> {
    if line.len() > LINE_LEN_MAX {
        return Err(Refusal::TooLong);
    }
    let raw: Raw<'a> = serde_json::from_slice(line).map_err(|_| Refusal::NotALine)?;
    payload.clear();
    hex_into(raw.ad.as_deref().unwrap_or(""), payload).ok_or(Refusal::BadPayload)?;
    Ok(Line {
        at: Timestamp::from_micros(raw.at_us),
        source: source_of(&raw)?,
        receiver: raw.receiver,
        rssi_dbm: rssi_of(raw.rssi_dbm)?,
        channel: raw.channel.filter(|channel| (37..=39).contains(channel)),
        phy: raw.phy,
        scan_response: raw.scan_response,
        payload,
    })
}

/// Appends one line with its line break. Floats never occur, so equal adverts are equal bytes.
pub fn write(line: &Line<'_>, out: &mut String) {
    let _ = write!(out, "{{\"at_us\":{},\"receiver\":", line.at.as_micros());
    write_text(&line.receiver, out);
    match line.source {
        Source::Address(address) => {
            let [a, b, c, d, e, f] = address.bytes;
            let kind = if address.kind == AddressType::Public { "public" } else { "random" };
            let _ = write!(
                out,
                ",\"address\":\"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\",\"address_type\":\"{kind}\""
            );
        }
        Source::Hash(hash) => {
            let _ = write!(out, ",\"address\":\"~{hash:016x}\"");
        }
        Source::Beacon(beacon) => {
            let _ = write!(out, ",\"who\":\"{beacon}\"");
        }
    }
    match line.rssi_dbm {
        Some(rssi_dbm) => {
            let _ = write!(out, ",\"rssi_dbm\":{rssi_dbm},\"ad\":\"");
        }
        None => out.push_str(",\"rssi_dbm\":null,\"ad\":\""),
    }
    for byte in line.payload {
        out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    out.push('"');
    if let Some(channel) = line.channel {
        let _ = write!(out, ",\"channel\":{channel}");
    }
    if let Some(phy) = &line.phy {
        out.push_str(",\"phy\":");
        write_text(phy, out);
    }
    if line.scan_response {
        out.push_str(",\"scan_response\":true");
    }
    out.push_str("}\n");
}

/// Reads an address as it is written in recordings: six bytes in hex, with or without colons.
pub fn parse_address(text: &str, kind: AddressType) -> Option<Address> {
    let mut bytes = [0; 6];
    let mut digits = text.bytes().filter(|b| *b != b':');
    for byte in &mut bytes {
        *byte = nibble(digits.next()?)? << 4 | nibble(digits.next()?)?;
    }
    digits.next().is_none().then_some(Address { bytes, kind })
}

fn source_of(raw: &Raw<'_>) -> Result<Source, Refusal> {
    if let Some(who) = &raw.who {
        let stated = who.parse().ok().filter(|id: &BeaconId| !id.is_key());
        return stated.map(Source::Beacon).ok_or(Refusal::BadAddress);
    }
    let text = raw.address.as_deref().ok_or(Refusal::BadAddress)?;
    if let Some(hash) = text.strip_prefix('~') {
        let hash = (hash.len() == 16).then(|| u64::from_str_radix(hash, 16).ok()).flatten();
        return hash.map(Source::Hash).ok_or(Refusal::BadAddress);
    }
    let kind = if raw.address_type.as_deref() == Some("public") { AddressType::Public } else { AddressType::Random };
    parse_address(text, kind).map(Source::Address).ok_or(Refusal::BadAddress)
}

/// Strength in whole dBm. +127 means that the controller had none (Core 5.4, Vol 4 Part E, 7.7.65.2);
/// filtered receivers report fractions.
fn rssi_of(rssi_dbm: Option<f64>) -> Result<Option<i8>, Refusal> {
    match rssi_dbm {
        None => Ok(None),
        Some(127.0) => Ok(None),
        Some(value) if (-128.0..127.0).contains(&value) => Ok(Some(value.round() as i8)),
        Some(_) => Err(Refusal::BadRssi),
    }
}

fn hex_into(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > PAYLOAD_LEN_MAX {
        return None;
    }
    for [high, low] in pairs {
        bytes.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    Some(())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<String, Refusal> {
        let mut payload = Vec::new();
        let mut out = String::new();
        write(&parse(line.as_bytes(), &mut payload)?, &mut out);
        Ok(out.trim_end().to_owned())
    }

    #[test]
    fn lines_round_trip() {
        for line in [
            r#"{"at_us":1763700000123456,"receiver":"north-1","address":"c0:ff:ee:00:11:22","address_type":"random","rssi_dbm":-67,"ad":"0201061aff4c000215"}"#,
            r#"{"at_us":-5,"receiver":"a \"b\"","address":"c0:ff:ee:00:11:22","address_type":"public","rssi_dbm":null,"ad":"","channel":38,"phy":"coded","scan_response":true}"#,
            r#"{"at_us":7,"receiver":"n","address":"~0123456789abcdef","rssi_dbm":-67,"ad":""}"#,
        ] {
            assert_eq!(check(line).as_deref(), Ok(line));
        }
    }

    #[test]
    fn what_is_not_a_line_is_refused_with_its_reason() {
        for (line, why) in [
            ("", Refusal::NotALine),
            ("{}", Refusal::NotALine),
            (r#"{"at_us":1,"receiver":"n","rssi_dbm":-1,"ad":""}"#, Refusal::BadAddress),
            (r#"{"at_us":1,"receiver":"n","address":"c0:ff","rssi_dbm":-1,"ad":""}"#, Refusal::BadAddress),
            (r#"{"at_us":1,"receiver":"n","address":"~12","rssi_dbm":-1,"ad":""}"#, Refusal::BadAddress),
            (r#"{"at_us":1,"receiver":"n","address":"c0ffee001122","rssi_dbm":-1,"ad":"0"}"#, Refusal::BadPayload),
            (r#"{"at_us":1,"receiver":"n","address":"c0ffee001122","rssi_dbm":-1,"ad":"zz"}"#, Refusal::BadPayload),
            (r#"{"at_us":1,"receiver":"n","address":"c0ffee001122","rssi_dbm":-1000,"ad":""}"#, Refusal::BadRssi),
        ] {
            assert_eq!(check(line), Err(why), "{line}");
        }
    }

    #[test]
    fn strength_127_means_unknown() {
        let line = r#"{"at_us":1,"receiver":"n","address":"c0ffee001122","rssi_dbm":127,"ad":""}"#;
        assert!(check(line).expect("a line").contains("\"rssi_dbm\":null"));
    }
}
