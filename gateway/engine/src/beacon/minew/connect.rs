//! Minew Connect V3: frame CA of the manufacturer data.
//!
//! In: the bytes after CA. Out: the readings of its frames 00, 03, 05, 18, 1B and 1E. It refuses other frames,
//! wrong lengths and blocks it does not know the length of. Source: Minew, "Connect V3 advertising protocol".

use super::{Minew, fixed, in_order};
use crate::advert::Refusal;

/// First byte of such a frame.
pub const FRAME: u8 = 0xca;
/// What all frames but the combined one hold after their number.
const BODY_LEN: usize = 22;
/// Bytes at the end of a combined frame that are no blocks: the last of the address, and a check.
const COMBINED_TAIL_LEN: usize = 4;
/// Bit of the device information that says there is no hygrometer.
const TEMPERATURE_ONLY: u8 = 0x02;
/// Bit of a frame's version that says the rest is encrypted.
const ENCRYPTED: u8 = 0x80;

/// Reads what follows CA, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(frame: &[u8], at: usize) -> Result<Minew<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("minew"), why };
    let Some((number, body)) = frame.split_first() else {
        return Err(refuse(0, "no number of a frame"));
    };
    if *number == 0x03 {
        return combined(body).map_err(|offset| refuse(1 + offset, "a block is unknown or longer than the data"));
    }
    if !matches!(number, 0x00 | 0x05 | 0x18 | 0x1b | 0x1e) {
        return Err(refuse(0, "unknown number of a frame"));
    }
    let Ok(body) = <&[u8; BODY_LEN]>::try_from(body) else {
        return Err(refuse(1 + body.len().min(BODY_LEN), "not 22 bytes after the frame's number"));
    };
    match number {
        0x00 => Ok(device(body)),
        0x05 => Ok(temperature_humidity(body)),
        0x1b => Ok(temperature(body)),
        0x1e => Ok(distance(body)),
        _ => radar(body).ok_or_else(|| refuse(1, "unknown version of the frame")),
    }
}

fn device<'a>(body: &[u8; BODY_LEN]) -> Minew<'a> {
    let [m0, m1, m2, m3, m4, m5, battery, v1, v0, ..] = *body;
    // Two bits, six bits, seven bits.
    let version = u16::from_be_bytes([v1, v0]);
    let parts = [version >> 13 & 0x03, version >> 7 & 0x3f, version & 0x7f];
    Minew {
        kind: "device",
        battery_percent: Some(battery),
        firmware: Some(parts.map(|part| part as u8)),
        mac: Some(in_order([m0, m1, m2, m3, m4, m5])),
        ..Minew::default()
    }
}

/// Blocks of acceleration (03), battery (21) and the case (22), each with its own length.
fn combined<'a>(body: &[u8]) -> Result<Minew<'a>, usize> {
    let blocks = body.len().checked_sub(COMBINED_TAIL_LEN).and_then(|end| body.get(..end)).ok_or(body.len())?;
    let mut frame = Minew { kind: "combined", ..Minew::default() };
    let mut rest = blocks;
    while !rest.is_empty() {
        rest = match *rest {
            [0x03, x1, x0, y1, y0, z1, z0, ref rest @ ..] => {
                frame.acceleration_g = Some([fixed([x1, x0]), fixed([y1, y0]), fixed([z1, z0])]);
                rest
            }
            [0x21, battery, ref rest @ ..] => {
                frame.battery_percent = Some(battery);
                rest
            }
            [0x22, alarm, ref rest @ ..] => {
                frame.opened = Some(alarm > 0);
                rest
            }
            _ => return Err(blocks.len() - rest.len()),
        };
    }
    if blocks.is_empty() { Err(0) } else { Ok(frame) }
}

fn temperature_humidity(body: &[u8; BODY_LEN]) -> Minew<'_> {
    let [_, information, _, t1, t0, h1, h0, ..] = *body;
    let name = &body[7..15];
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let thermometer = information & TEMPERATURE_ONLY != 0;
    Minew {
        kind: if thermometer { "temperature" } else { "temperature-humidity" },
        temperature_c: Some(fixed([t1, t0])),
        humidity_percent: (!thermometer).then(|| fixed([h1, h0])),
        name: Some(&name[..end]),
        ..Minew::default()
    }
}

/// Version 0 counts who passes, version 1 who is there.
fn radar<'a>(body: &[u8; BODY_LEN]) -> Option<Minew<'a>> {
    let frame = Minew { kind: "radar", ..Minew::default() };
    match *body {
        [0, _, in0, in1, out0, out1, ..] => {
            let passages = [u16::from_le_bytes([in0, in1]), u16::from_le_bytes([out0, out1])];
            Some(Minew { passages: Some(passages), ..frame })
        }
        [1, _, status, ..] => Some(Minew { occupants: Some(status & 0x0f), ..frame }),
        _ => None,
    }
}

fn temperature<'a>(body: &[u8; BODY_LEN]) -> Minew<'a> {
    let [version, _, _, _, m0, m1, m2, m3, m4, m5, b1, b0, t1, t0, _, power, ..] = *body;
    let frame = Minew { kind: "temperature", ..Minew::default() };
    if version & ENCRYPTED != 0 {
        return frame;
    }
    Minew {
        battery_mv: Some(u16::from_be_bytes([b1, b0])),
        temperature_c: Some(fixed([t1, t0])),
        tx_power_dbm: Some(power as i8),
        mac: Some(in_order([m0, m1, m2, m3, m4, m5])),
        ..frame
    }
}

fn distance<'a>(body: &[u8; BODY_LEN]) -> Minew<'a> {
    let [_, _, d0, d1, flags, ..] = *body;
    Minew {
        kind: "distance",
        distance_mm: Some(u16::from_le_bytes([d0, d1])),
        occupied: Some(flags & 0x04 != 0),
        moving: Some(flags & 0x02 != 0),
        opened: Some(flags & 0x01 != 0),
        ..Minew::default()
    }
}
