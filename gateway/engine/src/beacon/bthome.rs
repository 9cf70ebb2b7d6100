//! BTHome: readings of sensors, versions 1 and 2, plain or encrypted.
//!
//! In: service data of FCD2 (version 2), 181C (version 1) or 181E (version 1, encrypted). Out: the objects,
//! each with name, value and unit. It refuses objects that reach past the data, and reads none after one it
//! does not know, because only the table says how long an object is. A number the table has no word for is
//! given as unknown. Encrypted objects stay closed until somebody who has the key opens them. Source:
//! bthome.io/format, bthome.io/encryption and bthome.io/v1.

mod objects;

use crate::advert::Refusal;
use crate::cipher::{self, Key};
use objects::{Kind, Meaning, meaning};

/// Service UUID of version 2.
pub const SERVICE: u16 = 0xfcd2;
/// Service UUID of version 1.
pub const SERVICE_V1: u16 = 0x181c;
/// Service UUID of version 1, encrypted.
pub const SERVICE_V1_ENCRYPTED: u16 = 0x181e;

/// Counter and integrity check at the end of encrypted data.
const SEAL_LEN: usize = 8;

/// A decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BtHome<'a> {
    /// Version of the format, 1 or 2.
    pub version: u8,
    /// Whether the objects are encrypted, and so not given.
    pub encrypted: bool,
    /// Whether it is sent when something happens rather than at an interval.
    pub trigger_based: bool,
    /// Counter of encrypted frames.
    pub counter: Option<u32>,
    /// The sender's address, where the frame states it.
    pub address: Option<[u8; 6]>,
    objects: &'a [u8],
    /// What follows the device information of an encrypted frame, and that information.
    sealed: (&'a [u8], u8),
}

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object<'a> {
    /// Name by the specification.
    pub name: &'static str,
    /// Unit by the specification; empty where there is none.
    pub unit: &'static str,
    /// The value.
    pub value: Value<'a>,
}

/// The value of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// What happened.
    Event(&'static str),
    /// Which way it was turned, and how many steps.
    Turn(&'static str, u8),
    /// Text.
    Text(&'a str),
    /// A number the table has no word for.
    Unknown,
    /// Bytes without a meaning here.
    Raw(&'a [u8]),
    /// A version, least significant part first.
    Version(&'a [u8]),
}

impl<'a> BtHome<'a> {
    /// The readings; none where they are encrypted.
    pub fn objects(self) -> impl Iterator<Item = Object<'a>> {
        let mut rest = self.objects;
        std::iter::from_fn(move || {
            let (object, after) = if self.version == 1 { next_v1(rest).ok()? } else { next_v2(rest).ok()? };
            rest = after;
            Some(object)
        })
    }
}

impl BtHome<'_> {
    /// The objects of an encrypted frame, as bytes; `None` where key or address do not fit. An address the
    /// frame states goes before the one it was sent from, most significant byte first as it is written.
    pub fn open(self, key: Key, sent_from: Option<[u8; 6]>) -> Option<Vec<u8>> {
        let (body, information) = self.sealed;
        let (objects, [c0, c1, c2, c3, check @ ..]) = body.split_last_chunk::<SEAL_LEN>()?;
        let [a0, a1, a2, a3, a4, a5] = self.address.or(sent_from)?;
        let (nonce, associated): (_, &[u8]) = match self.version {
            1 => ([a0, a1, a2, a3, a4, a5, 0x1e, 0x18, *c0, *c1, *c2, *c3, 0], &[0x11]),
            _ => ([a0, a1, a2, a3, a4, a5, 0xd2, 0xfc, information, *c0, *c1, *c2, *c3], &[]),
        };
        let length = if self.version == 1 { nonce.len() - 1 } else { nonce.len() };
        cipher::open(key, nonce.get(..length)?, associated, objects, *check)
    }

    /// The frame with the objects that were opened.
    ///
    /// # Errors
    /// What is wrong with the objects, at a byte counted from the first of them.
    pub fn with_objects(self, objects: &[u8]) -> Result<(BtHome<'_>, Option<Refusal>), Refusal> {
        let frame = BtHome {
            version: self.version,
            encrypted: self.encrypted,
            trigger_based: self.trigger_based,
            counter: self.counter,
            address: self.address,
            objects,
            sealed: (&[], 0),
        };
        if self.version == 1 { opened(frame, objects, 0, next_v1) } else { opened(frame, objects, 0, next_v2) }
    }
}

/// Why the objects ended before the data did.
enum Stop {
    /// Malformed: the whole frame is refused.
    Malformed(&'static str),
    /// Not in the table: what came before is kept.
    Unknown,
}

/// Reads version 2 after the service UUID, which begins at byte `at` of the payload. The second part of the
/// result is the refusal of what follows an unknown object.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_v2(data: &[u8], at: usize) -> Result<(BtHome<'_>, Option<Refusal>), Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("bthome"), why };
    let Some((information, body)) = data.split_first() else {
        return Err(refuse(0, "no device information"));
    };
    if information >> 5 != 2 {
        return Err(refuse(0, "the version is not 2"));
    }
    let (encrypted, trigger_based) = (information & 0b001 != 0, information & 0b100 != 0);
    // Early senders put their address first and said so in bit 1.
    let (address, body, body_at) = match (information & 0b010 != 0, body.split_first_chunk::<6>()) {
        (false, _) => (None, body, 1),
        (true, Some(([a, b, c, d, e, f], rest))) => (Some([*f, *e, *d, *c, *b, *a]), rest, 7),
        (true, None) => return Err(refuse(data.len(), "shorter than the address it announces")),
    };
    let sealed_as = (if encrypted { body } else { &[] }, *information);
    let frame =
        BtHome { version: 2, encrypted, trigger_based, counter: None, address, objects: body, sealed: sealed_as };
    if encrypted { sealed(frame, body, at + body_at) } else { opened(frame, body, at + body_at, next_v2) }
}

/// Reads version 1 after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_v1(data: &[u8], at: usize, encrypted: bool) -> Result<(BtHome<'_>, Option<Refusal>), Refusal> {
    let sealed_as = (if encrypted { data } else { &[] }, 0);
    let (trigger_based, counter, address) = (false, None, None);
    let frame = BtHome { version: 1, encrypted, trigger_based, counter, address, objects: data, sealed: sealed_as };
    if encrypted { sealed(frame, data, at) } else { opened(frame, data, at, next_v1) }
}

type Found<'a> = Result<(BtHome<'a>, Option<Refusal>), Refusal>;

fn sealed<'a>(frame: BtHome<'a>, body: &'a [u8], at: usize) -> Found<'a> {
    match body.split_last_chunk::<SEAL_LEN>() {
        Some((sealed, [a, b, c, d, ..])) if !sealed.is_empty() => {
            let counter = Some(u32::from_le_bytes([*a, *b, *c, *d]));
            Ok((BtHome { counter, objects: &[], ..frame }, None))
        }
        _ => {
            let why = "too short for encrypted objects, counter and check";
            Err(Refusal { at: at + body.len(), format: Some("bthome"), why })
        }
    }
}

fn opened<'a>(
    frame: BtHome<'a>,
    body: &'a [u8],
    at: usize,
    next: impl Fn(&[u8]) -> Result<(Object<'_>, &[u8]), Stop>,
) -> Found<'a> {
    let mut rest = body;
    while !rest.is_empty() {
        let read = body.len() - rest.len();
        let refuse = |why| Refusal { at: at + read, format: Some("bthome"), why };
        match next(rest) {
            Ok((_, after)) => rest = after,
            Err(Stop::Malformed(why)) => return Err(refuse(why)),
            Err(Stop::Unknown) if read == 0 => return Err(refuse("an unknown object")),
            Err(Stop::Unknown) => {
                let frame = BtHome { objects: &body[..read], ..frame };
                return Ok((frame, Some(refuse("an unknown object; neither it nor what follows was read"))));
            }
        }
    }
    if body.is_empty() {
        return Err(Refusal { at, format: Some("bthome"), why: "no object" });
    }
    Ok((frame, None))
}

const PAST_THE_END: Stop = Stop::Malformed("an object is longer than the data");

fn next_v2(data: &[u8]) -> Result<(Object<'_>, &[u8]), Stop> {
    let (identifier, after) = data.split_first().ok_or(PAST_THE_END)?;
    let meaning = meaning(*identifier).ok_or(Stop::Unknown)?;
    let (bytes, rest) = match meaning.kind {
        // Text and raw bytes state their own length.
        Kind::Text | Kind::Raw => {
            let (length, after) = after.split_first().ok_or(PAST_THE_END)?;
            after.split_at_checked(usize::from(*length)).ok_or(PAST_THE_END)?
        }
        // Five bits of length count what follows the operation; the other three are reserved.
        Kind::Command => {
            let (length, after) = after.split_first().ok_or(PAST_THE_END)?;
            after.split_at_checked(1 + usize::from(length & 0x1f)).ok_or(PAST_THE_END)?
        }
        _ => after.split_at_checked(meaning.width).ok_or(PAST_THE_END)?,
    };
    let value = value_of(meaning, bytes).ok_or(Stop::Malformed("a value the table does not have"))?;
    Ok((Object { name: meaning.name, unit: meaning.unit, value }, rest))
}

/// Version 1: each object says in its first byte how long it is and how its number is written.
fn next_v1(data: &[u8]) -> Result<(Object<'_>, &[u8]), Stop> {
    let (head, after) = data.split_first().ok_or(PAST_THE_END)?;
    let (format, length) = (head >> 5, usize::from(head & 0x1f));
    let (object, rest) = after.split_at_checked(length).ok_or(PAST_THE_END)?;
    if format == 4 {
        let mac = <&[u8; 6]>::try_from(object).map_err(|_| Stop::Malformed("an address is not 6 bytes"))?;
        return Ok((Object { name: "mac", unit: "", value: Value::Raw(mac) }, rest));
    }
    let (identifier, bytes) = object.split_first().ok_or(Stop::Malformed("an object without identifier"))?;
    let meaning = meaning(*identifier).ok_or(Stop::Unknown)?;
    let value = match (format, meaning.kind) {
        (0 | 1, Kind::Flag | Kind::Button | Kind::Dimmer | Kind::Command) => value_of(meaning, bytes),
        (0, _) => unsigned(bytes).map(|raw| scaled(meaning, raw)),
        (1, _) => signed(bytes).map(|raw| scaled(meaning, raw)),
        (2, _) => float(bytes).map(Value::Number),
        (3, _) => std::str::from_utf8(bytes).ok().map(Value::Text),
        _ => return Err(Stop::Malformed("an unknown number format")),
    };
    let value = value.ok_or(Stop::Malformed("a value that its format cannot hold"))?;
    Ok((Object { name: meaning.name, unit: meaning.unit, value }, rest))
}

fn value_of<'a>(meaning: &Meaning, bytes: &'a [u8]) -> Option<Value<'a>> {
    Some(match meaning.kind {
        Kind::Unsigned => scaled(meaning, unsigned(bytes)?),
        Kind::Signed => scaled(meaning, signed(bytes)?),
        Kind::Flag => match bytes {
            [0] => Value::Flag(false),
            [1] => Value::Flag(true),
            [_] => Value::Unknown,
            _ => return None,
        },
        Kind::Button => objects::button(*bytes.first()?).map_or(Value::Unknown, Value::Event),
        Kind::Command => match (objects::command(*bytes.first()?), bytes) {
            (Some(command), [_, steps]) => Value::Turn(command, *steps),
            (Some(command), _) => Value::Event(command),
            (None, _) => Value::Unknown,
        },
        Kind::Dimmer => match *bytes {
            [0, ..] => Value::Event("none"),
            [1, steps] => Value::Turn("rotate_left", steps),
            [2, steps] => Value::Turn("rotate_right", steps),
            [_, _] => Value::Unknown,
            _ => return None,
        },
        Kind::Text => Value::Text(std::str::from_utf8(bytes).ok()?),
        Kind::Raw => Value::Raw(bytes),
        Kind::Version => Value::Version(bytes),
    })
}

/// The raw number in the object's unit. Dividing by a whole number gives the nearest decimal.
fn scaled(meaning: &Meaning, raw: i64) -> Value<'static> {
    match (meaning.times, meaning.over) {
        (1, 1) => Value::Whole(raw),
        (times, over) => Value::Number((raw * times) as f64 / over as f64),
    }
}

/// Little-endian, up to 7 bytes, so that it fits with its sign.
fn unsigned(bytes: &[u8]) -> Option<i64> {
    (1..=7).contains(&bytes.len()).then(|| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    unsigned(bytes).map(|raw| raw << unused >> unused)
}

fn float(bytes: &[u8]) -> Option<f64> {
    match *bytes {
        [a, b, c, d] => Some(f64::from(f32::from_le_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
    .filter(|value| value.is_finite())
}
