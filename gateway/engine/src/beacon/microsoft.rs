//! Microsoft Connected Devices Platform: what Windows computers send to find each other.
//!
//! In: the bytes after Microsoft's company identifier that begin with scenario 1. Out: the type of device.
//! The hash behind it stays unread. It refuses other lengths and versions. Source: Microsoft, [MS-CDP],
//! 2.2.2.2.3 "Bluetooth: Advertising Beacon".

use super::DeviceClass;
use crate::advert::Refusal;

/// Company identifier of Microsoft (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0x0006;
/// First byte of such a beacon; Swift Pair and others use other scenarios.
pub const SCENARIO: u8 = 0x01;

/// A decoded beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cdp {
    /// Type of device, by the specification's table.
    pub device_type: u8,
}

impl Cdp {
    /// The type in words; `None` where the table has no such number.
    pub fn device_name(self) -> Option<&'static str> {
        Some(match self.device_type {
            1 => "Xbox One",
            6 => "Apple iPhone",
            7 => "Apple iPad",
            8 => "Android device",
            9 => "Windows 10 Desktop",
            11 => "Windows 10 Phone",
            12 => "Linux device",
            13 => "Windows IoT",
            14 => "Surface Hub",
            15 => "Windows laptop",
            16 => "Windows tablet",
            _ => return None,
        })
    }

    /// Consoles, kiosks and wall screens stay where they are; "desktop" is what laptops say as well.
    pub fn class(self) -> (DeviceClass, &'static str) {
        match self.device_type {
            1 | 13 | 14 => (DeviceClass::Fixed, "Microsoft device type"),
            _ => (DeviceClass::Phone, "Microsoft device type"),
        }
    }
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Cdp, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("microsoft-cdp"), why };
    // Scenario, version and type, version and flags, status, salt of 4 bytes, hash of 19.
    let Ok([SCENARIO, device, flags, ..]) = <[u8; 27]>::try_from(data) else {
        return Err(refuse(data.len().min(27), "not 27 bytes of scenario 1"));
    };
    // The specification says version 001; Windows sends 000.
    if device >> 5 > 1 {
        return Err(refuse(1, "unknown version of the device type"));
    }
    if flags >> 5 != 1 {
        return Err(refuse(2, "unknown version of the flags"));
    }
    Ok(Cdp { device_type: device & 0x1f })
}
