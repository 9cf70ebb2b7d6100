//! Apple's continuity messages and Find My: what kinds they are, not what they say.
//!
//! In: the bytes after Apple's company identifier: messages of type, length and content. Out: their types,
//! and for Find My its state. It refuses messages that reach past the data. An iBeacon has a file of its
//! own. Sources: Martin et al., "Handoff All Your Privacy", PoPETs 2019(4); Celosia and Cunche,
//! "Discontinued Privacy", PoPETs 2020(1); for Find My Heinrich et al., "Who Can Find My Devices?", PoPETs
//! 2021(3), and "AirGuard", WiSec 2022 (the status byte).

use super::DeviceClass;
use crate::advert::Refusal;

/// Company identifier of Apple (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0x004c;
/// Message type of Find My.
const FIND_MY: u8 = 0x12;
/// Message type of the overflow area, where apps in the background advertise: 16 bytes without a length.
const OVERFLOW: u8 = 0x01;
/// Bytes in the overflow area.
const OVERFLOW_LEN: usize = 16;

/// Continuity messages whose boundaries have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apple<'a> {
    data: &'a [u8],
}

impl<'a> Apple<'a> {
    /// Type and content of each message.
    pub fn messages(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.data;
        std::iter::from_fn(move || {
            let (kind, body, after) = next_message(rest)?;
            rest = after;
            Some((kind, body))
        })
    }

    /// The Find My message, where there is one.
    ///
    /// # Errors
    /// What is wrong with it, and at which byte; `at` is where the data begins in the payload.
    pub fn find_my(self, at: usize) -> Option<Result<FindMy, Refusal>> {
        let mut here = at;
        let (_, body) = self.messages().find(|(kind, body)| {
            let found = *kind == FIND_MY;
            here += if found { 2 } else { 2 + body.len() };
            found
        })?;
        Some(match *body {
            [status, _] => Ok(FindMy { separated: false, status }),
            [status, ..] if body.len() == 25 => Ok(FindMy { separated: true, status }),
            _ => Err(Refusal { at: here, format: Some("find-my"), why: "neither 25 bytes nor 2" }),
        })
    }

    /// What kind of device sends such messages, and what says so.
    pub fn class(self) -> (DeviceClass, &'static str) {
        let known = self.messages().map(|(kind, _)| class_of(kind));
        known.into_iter().find(|(class, _)| *class != DeviceClass::Unknown).unwrap_or((DeviceClass::Unknown, ""))
    }
}

/// A device that others help to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindMy {
    /// Away from its owner: sends its whole key.
    pub separated: bool,
    /// Status byte.
    pub status: u8,
}

impl FindMy {
    /// Bits 4 and 5 of the status say what it is.
    pub fn class(self) -> (DeviceClass, &'static str) {
        match self.status >> 4 & 0b11 {
            0b00 => (DeviceClass::Phone, "Find My of an Apple device"),
            0b01 => (DeviceClass::Tag, "Find My of an AirTag"),
            0b10 => (DeviceClass::Tag, "Find My of an accessory"),
            _ => (DeviceClass::Audio, "Find My of earphones"),
        }
    }
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Apple<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("apple"), why };
    if data.is_empty() {
        return Err(refuse(0, "no message"));
    }
    let mut rest = data;
    while !rest.is_empty() {
        match next_message(rest) {
            Some((_, _, after)) => rest = after,
            None => return Err(refuse(data.len() - rest.len(), "a message is longer than the data")),
        }
    }
    Ok(Apple { data })
}

/// Type and content of the first message, and what follows it.
fn next_message(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, after) = data.split_first()?;
    if *kind == OVERFLOW && after.len() == OVERFLOW_LEN {
        return Some((*kind, after, &[]));
    }
    let (length, after) = after.split_first()?;
    let (body, rest) = after.split_at_checked(usize::from(*length))?;
    Some((*kind, body, rest))
}

fn class_of(kind: u8) -> (DeviceClass, &'static str) {
    match kind {
        OVERFLOW => (DeviceClass::Phone, "Apple app in the background"),
        0x03 => (DeviceClass::Fixed, "AirPrint"),
        0x05 => (DeviceClass::Phone, "AirDrop"),
        0x06 => (DeviceClass::Fixed, "HomeKit"),
        0x07 => (DeviceClass::Audio, "Apple proximity pairing"),
        0x08 => (DeviceClass::Phone, "Hey Siri"),
        0x09 => (DeviceClass::Fixed, "AirPlay target"),
        0x0b => (DeviceClass::Watch, "Apple watch connection"),
        0x0c => (DeviceClass::Phone, "Apple Handoff"),
        0x0d | 0x0e => (DeviceClass::Phone, "Apple tethering"),
        0x0f => (DeviceClass::Phone, "Apple nearby action"),
        0x10 => (DeviceClass::Phone, "Apple nearby information"),
        _ => (DeviceClass::Unknown, ""),
    }
}
