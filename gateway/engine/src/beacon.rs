//! Beacon frames and what kind of device sends them.
//!
//! In: advertising data. Out: decoded frames, hints at the kind of device, and refusals with their byte; for
//! the engine just the identity stated, its power at 1 m and a device class. A frame that is not exactly
//! what its format says is not that format. Nothing here panics or allocates, whatever the bytes.
//!
//! One format a file; each takes the bytes after the company identifier or the service UUID.

pub mod altbeacon;
pub mod apple;
pub mod bthome;
mod class;
pub mod eddystone;
pub mod exposure;
pub mod fast_pair;
pub mod find_hub;
pub mod ibeacon;
mod id;
pub mod kontakt;
pub mod microsoft;
pub mod minew;
pub mod ruuvi;
pub mod wristband;

use crate::advert::{Refusal, structures};
pub use class::{DeviceClass, Guess};
pub use id::{BeaconId, EID_EXPONENT_MAX, Hex, Uuid};

/// AD type of manufacturer-specific data (Assigned Numbers 2.3).
pub const MANUFACTURER_DATA: u8 = 0xff;
/// AD type of service data with a 16-bit UUID.
pub const SERVICE_DATA_16: u8 = 0x16;
/// AD type of an incomplete list of 16-bit service UUIDs.
const SERVICES_16_INCOMPLETE: u8 = 0x02;
/// AD type of a complete list of 16-bit service UUIDs.
const SERVICES_16_COMPLETE: u8 = 0x03;
/// AD type of the appearance.
const APPEARANCE: u8 = 0x19;
/// Company identifier of Samsung (Assigned Numbers 7.1). The format of its data is not published.
const SAMSUNG: u16 = 0x0075;

/// A decoded frame. It borrows what has no fixed length from the payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frame<'a> {
    /// Apple iBeacon.
    IBeacon(ibeacon::IBeacon),
    /// Eddystone-UID.
    EddystoneUid(eddystone::Uid),
    /// Eddystone-URL.
    EddystoneUrl(eddystone::Url<'a>),
    /// Eddystone-TLM without encryption.
    EddystoneTlm(eddystone::Tlm),
    /// Eddystone-TLM, encrypted.
    EddystoneEtlm(eddystone::Etlm),
    /// Eddystone-EID.
    EddystoneEid(eddystone::Eid),
    /// AltBeacon.
    AltBeacon(altbeacon::AltBeacon),
    /// RuuviTag.
    Ruuvi(ruuvi::Ruuvi<'a>),
    /// BTHome.
    BtHome(bthome::BtHome<'a>),
    /// Messages of Apple's continuity protocol.
    Apple(apple::Apple<'a>),
    /// Apple Find My.
    FindMy(apple::FindMy),
    /// Google Fast Pair.
    FastPair(fast_pair::FastPair<'a>),
    /// Exposure Notification.
    Exposure(exposure::Exposure),
    /// Microsoft Connected Devices Platform.
    MicrosoftCdp(microsoft::Cdp),
    /// Google Find Hub.
    FindHub(find_hub::FindHub<'a>),
    /// Minew.
    Minew(minew::Minew<'a>),
    /// Kontakt.io.
    Kontakt(kontakt::Kontakt<'a>),
    /// Our own wristband.
    Wristband(wristband::Wristband),
}

impl Frame<'_> {
    /// The lasting identity the frame states.
    pub fn id(&self) -> Option<BeaconId> {
        match self {
            Self::IBeacon(frame) => Some(frame.id()),
            Self::EddystoneUid(frame) => Some(frame.id()),
            Self::AltBeacon(frame) => Some(frame.id()),
            _ => None,
        }
    }

    /// Strength at 1 m as the frame states it.
    pub fn measured_power_dbm(&self) -> Option<i8> {
        match self {
            Self::IBeacon(frame) => Some(frame.measured_power_dbm),
            Self::EddystoneUid(frame) => Some(frame.measured_power_dbm),
            Self::EddystoneUrl(frame) => Some(frame.measured_power_dbm),
            Self::EddystoneEid(frame) => Some(frame.measured_power_dbm),
            Self::AltBeacon(frame) => Some(frame.measured_power_dbm),
            Self::Wristband(frame) => Some(frame.measured_power_dbm),
            _ => None,
        }
    }

    /// What kind of device sends such a frame, and what says so.
    pub fn class(&self) -> (DeviceClass, &'static str) {
        match self {
            Self::IBeacon(_) => (DeviceClass::Beacon, "iBeacon"),
            Self::EddystoneUid(_) | Self::EddystoneUrl(_) | Self::EddystoneTlm(_) | Self::EddystoneEtlm(_) => {
                (DeviceClass::Beacon, "Eddystone")
            }
            Self::EddystoneEid(_) => (DeviceClass::Beacon, "Eddystone"),
            Self::AltBeacon(_) => (DeviceClass::Beacon, "AltBeacon"),
            Self::Ruuvi(_) => (DeviceClass::Beacon, "RuuviTag"),
            Self::BtHome(_) => (DeviceClass::Beacon, "BTHome sensor"),
            Self::Apple(frame) => frame.class(),
            Self::FindMy(frame) => frame.class(),
            // Mostly earphones. What sends account data is an accessory too, but of whatever kind.
            Self::FastPair(fast_pair::FastPair::Model(_)) => (DeviceClass::Audio, "Fast Pair model"),
            Self::FastPair(fast_pair::FastPair::Account(_)) => (DeviceClass::Unknown, ""),
            Self::Exposure(_) => (DeviceClass::Phone, "Exposure Notification"),
            Self::MicrosoftCdp(frame) => frame.class(),
            Self::FindHub(_) => (DeviceClass::Tag, "Find Hub"),
            Self::Minew(_) => (DeviceClass::Beacon, "Minew sensor"),
            Self::Kontakt(_) => (DeviceClass::Beacon, "Kontakt.io beacon"),
            Self::Wristband(_) => (DeviceClass::Watch, "our wristband"),
        }
    }
}

/// One thing found in advertising data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding<'a> {
    /// A frame that is exactly what its format says.
    Frame(Frame<'a>),
    /// Something that is no frame, but says what kind of device sends it.
    Hint(DeviceClass, &'static str),
    /// Bytes that claim a format and are not it, or that are no AD structure.
    Refused(Refusal),
}

/// What the engine needs of one advert: the identity it states and its calibrated power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// The identity stated, if any.
    pub id: Option<BeaconId>,
    /// The ephemeral identifier, if any.
    pub eid: Option<[u8; 8]>,
    /// Strength at 1 m as the beacon states it.
    pub measured_power_dbm: Option<i8>,
    /// A guess at what kind of device it is.
    pub class: DeviceClass,
}

/// Reads what the engine needs from advertising data: the first identity with its power, else the first
/// power, and the strongest evidence of the class.
pub fn hear(payload: &[u8]) -> Heard {
    let (mut id, mut eid, mut measured_power_dbm, mut guess) = (None, None, None, Guess::default());
    read(payload, |finding| match finding {
        Finding::Frame(frame) => {
            guess.weigh(frame.class());
            if let Frame::EddystoneEid(frame) = frame {
                eid = eid.or(Some(frame.eid));
            }
            if id.is_none() {
                id = frame.id();
                if id.is_some() || measured_power_dbm.is_none() {
                    measured_power_dbm = frame.measured_power_dbm();
                }
            }
        }
        Finding::Hint(class, evidence) => guess.weigh((class, evidence)),
        Finding::Refused(_) => {}
    });
    Heard { id, eid, measured_power_dbm, class: guess.class }
}

/// Reads advertising data and tells `found` everything in it, in the order of the bytes.
pub fn read<'a>(payload: &'a [u8], mut found: impl FnMut(Finding<'a>)) {
    for structure in structures(payload) {
        let structure = match structure {
            Ok(structure) => structure,
            Err(refusal) => return found(Finding::Refused(refusal)),
        };
        // A company or service, then what it defines.
        let Some((number, data)) = structure.data.split_first_chunk::<2>() else { continue };
        let (number, at) = (u16::from_le_bytes(*number), structure.data_at() + 2);
        match structure.kind {
            MANUFACTURER_DATA => manufacturer(number, data, at, &mut found),
            SERVICE_DATA_16 => service(number, data, at, &mut found),
            SERVICES_16_INCOMPLETE | SERVICES_16_COMPLETE => {
                let listed = structure.data.as_chunks::<2>().0;
                listed.iter().for_each(|uuid| hint(class::of_service(u16::from_le_bytes(*uuid)), &mut found));
            }
            APPEARANCE => hint(class::of_appearance(number), &mut found),
            _ => {}
        }
    }
}

fn manufacturer<'a>(company: u16, data: &'a [u8], at: usize, found: &mut impl FnMut(Finding<'a>)) {
    match company {
        apple::COMPANY if data.first() == Some(&ibeacon::TYPE) => tell(ibeacon::parse(data, at), Frame::IBeacon, found),
        // Any company may send it, Apple too.
        _ if data.starts_with(&altbeacon::CODE) => tell(altbeacon::parse(company, data, at), Frame::AltBeacon, found),
        apple::COMPANY => apple_messages(data, at, found),
        microsoft::COMPANY if data.first() == Some(&microsoft::SCENARIO) => {
            tell(microsoft::parse(data, at), Frame::MicrosoftCdp, found);
        }
        ruuvi::COMPANY => tell(ruuvi::parse(data, at), Frame::Ruuvi, found),
        minew::COMPANY => tell(minew::parse_manufacturer(data, at), Frame::Minew, found),
        wristband::COMPANY if data.starts_with(&wristband::MAGIC) => {
            tell(wristband::parse(data, at), Frame::Wristband, found);
        }
        // Computers and phones of the two companies; Samsung's televisions too, so it is weak evidence.
        microsoft::COMPANY | SAMSUNG => hint((DeviceClass::Phone, "company identifier"), found),
        _ => {}
    }
}

fn service<'a>(service: u16, data: &'a [u8], at: usize, found: &mut impl FnMut(Finding<'a>)) {
    match service {
        eddystone::SERVICE => eddystone_frame(data, at, found),
        bthome::SERVICE => bthome_frame(bthome::parse_v2(data, at), found),
        bthome::SERVICE_V1 => bthome_frame(bthome::parse_v1(data, at, false), found),
        bthome::SERVICE_V1_ENCRYPTED => bthome_frame(bthome::parse_v1(data, at, true), found),
        fast_pair::SERVICE => tell(fast_pair::parse(data, at), Frame::FastPair, found),
        exposure::SERVICE => tell(exposure::parse(data, at), Frame::Exposure, found),
        minew::SERVICE => tell(minew::parse_service(data, at), Frame::Minew, found),
        kontakt::SERVICE => tell(kontakt::parse(data, at), Frame::Kontakt, found),
        other => hint(class::of_service(other), found),
    }
}

fn eddystone_frame<'a>(data: &'a [u8], at: usize, found: &mut impl FnMut(Finding<'a>)) {
    match *data {
        [eddystone::UID, ..] => tell(eddystone::parse_uid(data, at), Frame::EddystoneUid, found),
        [eddystone::URL, ..] => tell(eddystone::parse_url(data, at), Frame::EddystoneUrl, found),
        [eddystone::TLM, 1, ..] => tell(eddystone::parse_etlm(data, at), Frame::EddystoneEtlm, found),
        [eddystone::TLM, ..] => tell(eddystone::parse_tlm(data, at), Frame::EddystoneTlm, found),
        [eddystone::EID, ..] => tell(eddystone::parse_eid(data, at), Frame::EddystoneEid, found),
        [find_hub::WITH_OWNER | find_hub::SEPARATED, ..] => tell(find_hub::parse(data, at), Frame::FindHub, found),
        [_, ..] => found(Finding::Refused(Refusal { at, format: Some("eddystone"), why: "unknown frame type" })),
        [] => found(Finding::Refused(Refusal { at, format: Some("eddystone"), why: "no frame type" })),
    }
}

fn apple_messages<'a>(data: &'a [u8], at: usize, found: &mut impl FnMut(Finding<'a>)) {
    let parsed = apple::parse(data, at);
    tell(parsed, Frame::Apple, found);
    if let Some(find_my) = parsed.ok().and_then(|messages| messages.find_my(at)) {
        tell(find_my, Frame::FindMy, found);
    }
}

fn bthome_frame<'a>(
    parsed: Result<(bthome::BtHome<'a>, Option<Refusal>), Refusal>,
    found: &mut impl FnMut(Finding<'a>),
) {
    match parsed {
        Ok((frame, rest)) => {
            found(Finding::Frame(Frame::BtHome(frame)));
            rest.into_iter().for_each(|refusal| found(Finding::Refused(refusal)));
        }
        Err(refusal) => found(Finding::Refused(refusal)),
    }
}

fn tell<'a, T>(parsed: Result<T, Refusal>, frame: impl Fn(T) -> Frame<'a>, found: &mut impl FnMut(Finding<'a>)) {
    found(match parsed {
        Ok(parsed) => Finding::Frame(frame(parsed)),
        Err(refusal) => Finding::Refused(refusal),
    });
}

fn hint<'a>((class, evidence): (DeviceClass, &'static str), found: &mut impl FnMut(Finding<'a>)) {
    if class != DeviceClass::Unknown {
        found(Finding::Hint(class, evidence));
    }
}

#[cfg(test)]
mod tests;
