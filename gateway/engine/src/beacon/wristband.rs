//! Our own wristband: rolling identifier, battery, button and motion.
//!
//! In: manufacturer data of the company identifier FFFF, which the Bluetooth SIG reserves for tests, that
//! opens with "VW". Out: its fields. It refuses other lengths and versions, and reserved bits that are set.
//!
//! Layout, from the first byte after the AD type (17 bytes, so the AD structure's length is 18; with flags
//! 21 of the 31 bytes of an advertisement):
//!
//! | bytes | content |
//! |---|---|
//! | 0–1 | company identifier FF FF |
//! | 2–3 | `56 57`, "VW" |
//! | 4 | version, 01 |
//! | 5–12 | rolling identifier, 8 bytes; changes with the address |
//! | 13 | strength at 1 m, dBm, signed |
//! | 14 | battery, percent; 255 where unknown |
//! | 15 | bit 0: button held down now; bit 1: moving; other bits zero |
//! | 16 | times the button was pressed since power-up, modulo 256 |

use crate::advert::Refusal;

/// Company identifier for tests (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0xffff;
/// First bytes after the company identifier.
pub const MAGIC: [u8; 2] = *b"VW";
/// The version read.
const VERSION: u8 = 1;
/// Battery byte of a wristband that does not know.
const BATTERY_UNKNOWN: u8 = 0xff;

/// A decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wristband {
    /// Rolling identifier.
    pub rolling_id: [u8; 8],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
    /// Battery left.
    pub battery_percent: Option<u8>,
    /// The button is held down now.
    pub button: bool,
    /// Times the button was pressed, modulo 256: a press shorter than a lost advert still counts.
    pub button_count: u8,
    /// Whether it moves.
    pub moving: bool,
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Wristband, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("wristband"), why };
    let Ok([_, _, version, rolling_id @ .., power, battery, status, button_count]) = <[u8; 15]>::try_from(data) else {
        return Err(refuse(data.len().min(15), "not 15 bytes"));
    };
    if version != VERSION {
        return Err(refuse(2, "unknown version"));
    }
    if battery > 100 && battery != BATTERY_UNKNOWN {
        return Err(refuse(12, "a battery over 100 percent"));
    }
    if status & !0b11 != 0 {
        return Err(refuse(13, "a reserved bit is set"));
    }
    Ok(Wristband {
        rolling_id,
        measured_power_dbm: power as i8,
        battery_percent: (battery != BATTERY_UNKNOWN).then_some(battery),
        button: status & 0b01 != 0,
        button_count,
        moving: status & 0b10 != 0,
    })
}
