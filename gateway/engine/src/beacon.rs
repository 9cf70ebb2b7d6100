//! Beacon frames and what kind of device sends them.
//!
//! In: advertising data. Out: decoded frames, the refusals with their byte, and for the engine's hot path
//! just the identity stated, its power at 1 m and a device class. A frame that is not exactly what its
//! format says is not that format. Nothing here panics, and the hot path does not allocate.
//!
//! One format a file: [`ibeacon`], [`eddystone`], [`altbeacon`].

pub mod altbeacon;
pub mod eddystone;
pub mod ibeacon;

use crate::advert::{Refusal, Structure, structures};
use std::fmt::{self, Write};

/// AD type of manufacturer-specific data (Assigned Numbers 2.3).
pub const MANUFACTURER_DATA: u8 = 0xff;
/// AD type of service data with a 16-bit UUID.
pub const SERVICE_DATA_16: u8 = 0x16;
/// AD type of a complete list of 16-bit service UUIDs.
const SERVICES_16_COMPLETE: u8 = 0x03;
/// AD type of an incomplete list of 16-bit service UUIDs.
const SERVICES_16_INCOMPLETE: u8 = 0x02;
/// AD type of the appearance (Assigned Numbers 2.6).
const APPEARANCE: u8 = 0x19;

/// Company identifier of Apple (Assigned Numbers 7.1).
pub const APPLE: u16 = 0x004c;
/// Company identifier of Microsoft.
const MICROSOFT: u16 = 0x0006;
/// Company identifier of Samsung.
const SAMSUNG: u16 = 0x0075;
/// Company identifier of Ruuvi Innovations.
const RUUVI: u16 = 0x0499;

/// Service UUID of Google Fast Pair.
const FAST_PAIR: u16 = 0xfe2c;
/// Service UUID of Exposure Notification.
const EXPOSURE_NOTIFICATION: u16 = 0xfd6f;
/// Service UUID of BTHome.
const BTHOME: u16 = 0xfcd2;

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

/// A decoded frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// Apple iBeacon.
    IBeacon(ibeacon::IBeacon),
    /// Eddystone-UID.
    EddystoneUid(eddystone::Uid),
    /// Eddystone-URL.
    EddystoneUrl(eddystone::Url),
    /// Eddystone-TLM without encryption.
    EddystoneTlm(eddystone::Tlm),
    /// Eddystone-TLM, encrypted: nothing can be read without the key.
    EddystoneEtlm,
    /// Eddystone-EID.
    EddystoneEid(eddystone::Eid),
    /// AltBeacon.
    AltBeacon(altbeacon::AltBeacon),
    /// Messages of Apple's continuity protocol: their types, the contents stay unread.
    Apple {
        /// One byte a message.
        types: Vec<u8>,
    },
    /// Something known only by its service or company: the name of its format.
    Known(&'static str, &'a [u8]),
}

/// What the engine needs of one advert: the identity it states and its calibrated power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// The identity stated, if any.
    pub id: Option<BeaconId>,
    /// Strength at 1 m as the beacon states it.
    pub measured_power_dbm: Option<i8>,
    /// A guess at what kind of device it is.
    pub class: DeviceClass,
}

/// A guess at what kind of device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A phone, tablet or computer of somebody.
    Phone,
    /// A watch or fitness band.
    Watch,
    /// Earphones, speaker.
    Audio,
    /// A finder tag.
    Tag,
    /// A beacon or sensor.
    Beacon,
    /// Fixed equipment.
    Fixed,
    /// No evidence.
    Unknown,
}

impl DeviceClass {
    /// Its name in lines and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Watch => "watch",
            Self::Audio => "audio",
            Self::Tag => "tag",
            Self::Beacon => "beacon",
            Self::Fixed => "fixed",
            Self::Unknown => "unknown",
        }
    }
}

/// Reads what the engine needs from advertising data: the first identity, and the strongest class evidence.
pub fn hear(payload: &[u8]) -> Heard {
    let mut heard = Heard { id: None, measured_power_dbm: None, class: DeviceClass::Unknown };
    for structure in structures(payload).flatten() {
        if heard.id.is_none() {
            match identity_of(&structure) {
                Some((id, measured_power_dbm)) => {
                    return Heard { id: Some(id), measured_power_dbm: Some(measured_power_dbm), class: DeviceClass::Beacon };
                }
                None => heard.class = stronger(heard.class, class_of(&structure)),
            }
        }
    }
    heard
}

/// Decodes every structure; what claims a format and is not it goes to `refused`.
pub fn frames<'a>(payload: &'a [u8], refused: &mut Vec<Refusal>) -> Vec<Frame<'a>> {
    let mut frames = Vec::new();
    for structure in structures(payload) {
        match structure {
            Ok(structure) => match frame_of(&structure) {
                Some(Ok(frame)) => frames.push(frame),
                Some(Err(refusal)) => refused.push(refusal),
                None => {}
            },
            Err(refusal) => refused.push(refusal),
        }
    }
    frames
}

/// The number a structure opens with: company or service, and what follows.
fn numbered<'a>(structure: &Structure<'a>) -> Option<(u16, &'a [u8])> {
    let (number, rest) = structure.data.split_first_chunk::<2>()?;
    Some((u16::from_le_bytes(*number), rest))
}

fn identity_of(structure: &Structure<'_>) -> Option<(BeaconId, i8)> {
    match structure.kind {
        MANUFACTURER_DATA => {
            let (company, data) = numbered(structure)?;
            if company == APPLE {
                return ibeacon::parse(data, 0).ok().map(|frame| (frame.id(), frame.measured_power_dbm));
            }
            altbeacon::parse(company, data, 0).ok().map(|frame| (frame.id(), frame.measured_power_dbm))
        }
        SERVICE_DATA_16 => {
            let (service, data) = numbered(structure)?;
            if service != eddystone::SERVICE || data.first() != Some(&eddystone::UID) {
                return None;
            }
            eddystone::parse_uid(data, 0).ok().map(|frame| (frame.id(), frame.measured_power_dbm))
        }
        _ => None,
    }
}

fn frame_of<'a>(structure: &Structure<'a>) -> Option<Result<Frame<'a>, Refusal>> {
    let (number, data) = numbered(structure)?;
    let at = structure.data_at() + 2;
    match (structure.kind, number) {
        (MANUFACTURER_DATA, APPLE) if data.first() == Some(&ibeacon::TYPE) => {
            Some(ibeacon::parse(data, at).map(Frame::IBeacon))
        }
        (MANUFACTURER_DATA, APPLE) => Some(apple_types(data, at).map(|types| Frame::Apple { types })),
        (MANUFACTURER_DATA, MICROSOFT) if data.first() == Some(&1) => Some(Ok(Frame::Known("microsoft-cdp", data))),
        (MANUFACTURER_DATA, company) if data.starts_with(&altbeacon::CODE) => {
            Some(altbeacon::parse(company, data, at).map(Frame::AltBeacon))
        }
        (SERVICE_DATA_16, eddystone::SERVICE) => Some(eddystone::parse(data, at)),
        (SERVICE_DATA_16, EXPOSURE_NOTIFICATION) => Some(Ok(Frame::Known("exposure-notification", data))),
        _ => None,
    }
}

/// Types of Apple's continuity messages: type, length, contents, one after the other.
fn apple_types(data: &[u8], at: usize) -> Result<Vec<u8>, Refusal> {
    let mut types = Vec::new();
    let mut rest = data;
    while let Some((kind, after)) = rest.split_first() {
        let here = at + data.len() - rest.len();
        let body = after.split_first().and_then(|(length, body)| body.get(usize::from(*length)..));
        let why = "a continuity message is longer than the data";
        rest = body.ok_or(Refusal { at: here, format: Some("apple"), why })?;
        types.push(*kind);
    }
    Ok(types)
}

/// What a structure says about the device, by the evidence named beside each arm.
fn class_of(structure: &Structure<'_>) -> DeviceClass {
    match structure.kind {
        MANUFACTURER_DATA => numbered(structure).map_or(DeviceClass::Unknown, |(company, data)| match company {
            APPLE => apple_class(data),
            // Connected-devices platform beacons of Windows, and Samsung's phones and televisions.
            MICROSOFT | SAMSUNG => DeviceClass::Phone,
            RUUVI => DeviceClass::Beacon,
            _ => DeviceClass::Unknown,
        }),
        SERVICE_DATA_16 | SERVICES_16_COMPLETE | SERVICES_16_INCOMPLETE => {
            numbered(structure).map_or(DeviceClass::Unknown, |(service, data)| service_class(service, data))
        }
        APPEARANCE => numbered(structure).map_or(DeviceClass::Unknown, |(appearance, _)| appearance_class(appearance)),
        _ => DeviceClass::Unknown,
    }
}

/// Types as named by public studies of the protocol (Celosia & Cunche 2020, "Discontinued privacy").
fn apple_class(data: &[u8]) -> DeviceClass {
    match data.first() {
        // Proximity pairing: earphones.
        Some(0x07) => DeviceClass::Audio,
        // Find My: a tag, or a device that is offline.
        Some(0x12) => DeviceClass::Tag,
        // Watch connection.
        Some(0x0b) => DeviceClass::Watch,
        // AirPlay target and source, AirPrint, HomeKit.
        Some(0x03 | 0x06 | 0x09) => DeviceClass::Fixed,
        // AirDrop, "Hey Siri", Handoff, tethering, nearby action and nearby information.
        Some(0x05 | 0x08 | 0x0c..=0x10) => DeviceClass::Phone,
        _ => DeviceClass::Unknown,
    }
}

fn service_class(service: u16, data: &[u8]) -> DeviceClass {
    match service {
        eddystone::SERVICE | BTHOME => DeviceClass::Beacon,
        EXPOSURE_NOTIFICATION => DeviceClass::Phone,
        // Three bytes are the model of an accessory that can be paired, mostly earphones.
        FAST_PAIR if data.len() == 3 => DeviceClass::Audio,
        // Heart rate, and running speed and cadence.
        0x180d | 0x1814 => DeviceClass::Watch,
        _ => DeviceClass::Unknown,
    }
}

/// Categories in the upper ten bits (Assigned Numbers 2.6.2).
fn appearance_class(appearance: u16) -> DeviceClass {
    match appearance >> 6 {
        0x001..=0x002 => DeviceClass::Phone,
        0x003 => DeviceClass::Watch,
        0x008 | 0x015 | 0x017 => DeviceClass::Beacon,
        0x021 | 0x022 | 0x025 => DeviceClass::Audio,
        _ => DeviceClass::Unknown,
    }
}

/// Evidence of something special beats the general guess "phone", which beats none.
fn stronger(known: DeviceClass, new: DeviceClass) -> DeviceClass {
    match (known, new) {
        (DeviceClass::Unknown, new) => new,
        (DeviceClass::Phone, new) if new != DeviceClass::Unknown => new,
        (known, _) => known,
    }
}

impl fmt::Display for BeaconId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IBeacon { uuid, major, minor } => {
                f.write_str("ibeacon:")?;
                write_uuid(uuid, f)?;
                write!(f, ":{major}:{minor}")
            }
            Self::EddystoneUid { namespace, instance } => {
                f.write_str("eddystone:")?;
                write_hex(namespace, f)?;
                f.write_char(':')?;
                write_hex(instance, f)
            }
            Self::AltBeacon { id } => {
                f.write_str("altbeacon:")?;
                write_hex(id, f)
            }
        }
    }
}

/// Why a text is no beacon identity.
const NO_BEACON: &str = "write ibeacon:<uuid>:<major>:<minor>, eddystone:<namespace>:<instance> or altbeacon:<id>";

impl std::str::FromStr for BeaconId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, rest) = text.split_once(':').ok_or(NO_BEACON)?;
        let parts: Vec<&str> = rest.split(':').collect();
        let id = match (format, parts.as_slice()) {
            ("ibeacon", [uuid, major, minor]) => parse_ibeacon(uuid, major, minor),
            ("eddystone", [namespace, instance]) => parse_hex(namespace)
                .zip(parse_hex(instance))
                .map(|(namespace, instance)| Self::EddystoneUid { namespace, instance }),
            ("altbeacon", [id]) => parse_hex(id).map(|id| Self::AltBeacon { id }),
            _ => None,
        };
        id.ok_or_else(|| NO_BEACON.to_owned())
    }
}

fn parse_ibeacon(uuid: &str, major: &str, minor: &str) -> Option<BeaconId> {
    let uuid = parse_hex(&uuid.replace('-', ""))?;
    Some(BeaconId::IBeacon { uuid, major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// Exactly `N` bytes in hex, upper or lower case.
fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
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

fn write_hex(bytes: &[u8], f: &mut impl Write) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn write_uuid(uuid: &[u8; 16], f: &mut impl Write) -> fmt::Result {
    for (part, range) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if part > 0 {
            f.write_char('-')?;
        }
        write_hex(&uuid[range], f)?;
    }
    Ok(())
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    write_hex(bytes, &mut text).expect("writing to a text cannot fail");
    text
}

/// A UUID as lower-case hex with dashes.
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    write_uuid(uuid, &mut text).expect("writing to a text cannot fail");
    text
}

#[cfg(test)]
mod tests;
