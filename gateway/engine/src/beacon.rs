//! Beacon frames (being written).

use std::fmt;

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
    /// AltBeacon: the 20-byte id.
    AltBeacon {
        /// 20-byte beacon id.
        id: [u8; 20],
    },
}

impl fmt::Display for BeaconId {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::str::FromStr for BeaconId {
    type Err = String;
    fn from_str(_text: &str) -> Result<Self, String> {
        Err(String::new())
    }
}

/// What the engine needs of one advert: the identity it states and its calibrated power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// The identity stated, if any.
    pub id: Option<BeaconId>,
    /// RSSI at 1 m as stated.
    pub measured_power_dbm: Option<i8>,
    /// A guess at what kind of device it is.
    pub class: DeviceClass,
}

/// A guess at what kind of device sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A phone.
    Phone,
    /// A watch or fitness band.
    Watch,
    /// Earphones, speaker.
    Audio,
    /// A finder tag.
    Tag,
    /// A beacon.
    Beacon,
    /// Fixed equipment.
    Fixed,
    /// No evidence.
    Unknown,
}

/// Reads what the engine needs from advertising data, without allocating.
pub fn hear(_payload: &[u8]) -> Heard {
    Heard { id: None, measured_power_dbm: None, class: DeviceClass::Unknown }
}
