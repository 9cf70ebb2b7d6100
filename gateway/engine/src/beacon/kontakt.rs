//! Kontakt.io: secure profile, telemetry and location packets.
//!
//! In: service data of FE6A. Out: the fields each packet carries. It refuses unknown packets, wrong lengths
//! and telemetry fields that reach past the data. Source: developer.kontakt.io, "Secure Profile",
//! "Telemetry" and "Location Packet".

use crate::advert::Refusal;

/// Service UUID of Kontakt.io.
pub const SERVICE: u16 = 0xfe6a;

/// A decoded packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kontakt<'a> {
    /// Secure profile with its identity in the clear.
    Plain {
        /// Model of the beacon.
        model: u8,
        /// Firmware, major and minor.
        firmware: (u8, u8),
        /// Battery left.
        battery_percent: u8,
        /// Transmit power as configured.
        tx_power_dbm: i8,
        /// Name on the beacon's label, ASCII as it came.
        unique_id: &'a [u8],
    },
    /// Secure profile with a shuffled identity, readable only by its cloud.
    Shuffled,
    /// Readings.
    Telemetry(Telemetry),
    /// For positioning.
    Location {
        /// Transmit power as configured.
        tx_power_dbm: i8,
        /// The one channel it is sent on; `None` for all three.
        channel: Option<u8>,
        /// Model of the beacon.
        model: u8,
        /// Whether it moves.
        moving: bool,
        /// Name on the beacon's label, ASCII as it came.
        unique_id: &'a [u8],
    },
}

/// Readings of a telemetry packet; `None` where it does not carry them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Battery left.
    pub battery_percent: Option<u8>,
    /// Temperature, whole degrees.
    pub temperature_c: Option<i8>,
    /// Relative humidity.
    pub humidity_percent: Option<u8>,
    /// Light, percent of the sensor's range.
    pub light_percent: Option<u8>,
    /// Time since it last moved.
    pub still_s: Option<u16>,
    /// Its clock, seconds since 1970.
    pub clock_s: Option<u32>,
}

/// Reads the data after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Kontakt<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("kontakt"), why };
    match *data {
        [0x01, _, _, ..] => Ok(Kontakt::Shuffled),
        [0x02, model, major, minor, battery_percent, power, ref unique_id @ ..] if is_name(unique_id) => {
            let (firmware, tx_power_dbm) = ((major, minor), power as i8);
            Ok(Kontakt::Plain { model, firmware, battery_percent, tx_power_dbm, unique_id })
        }
        [0x03, ref fields @ ..] => match telemetry(fields) {
            Ok(readings) => Ok(Kontakt::Telemetry(readings)),
            Err(offset) => Err(refuse(1 + offset, "a telemetry field is empty or longer than the data")),
        },
        [0x05, power, channel, model, flags, ref unique_id @ ..] if is_name(unique_id) => {
            let channel = match channel {
                0 => None,
                37..=39 => Some(channel),
                _ => return Err(refuse(2, "not an advertising channel")),
            };
            Ok(Kontakt::Location { tx_power_dbm: power as i8, channel, model, moving: flags & 1 == 1, unique_id })
        }
        [0x01 | 0x02 | 0x05, ..] => Err(refuse(data.len(), "too short, or its name is not printable")),
        [_, ..] => Err(refuse(0, "unknown packet")),
        [] => Err(refuse(0, "no packet identifier")),
    }
}

fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic)
}

/// Fields of length, identifier and value; those not known are passed over, as the specification asks.
fn telemetry(fields: &[u8]) -> Result<Telemetry, usize> {
    let mut readings = Telemetry::default();
    let mut rest = fields;
    while let Some((length, after)) = rest.split_first() {
        let here = fields.len() - rest.len();
        let (field, next) = after.split_at_checked(usize::from(*length)).ok_or(here)?;
        let (identifier, value) = field.split_first().ok_or(here)?;
        take(&mut readings, *identifier, value);
        rest = next;
    }
    if fields.is_empty() { Err(0) } else { Ok(readings) }
}

fn take(readings: &mut Telemetry, identifier: u8, value: &[u8]) {
    match (identifier, value) {
        (0x01, &[a, b, c, d, battery]) => {
            readings.clock_s = Some(u32::from_le_bytes([a, b, c, d]));
            readings.battery_percent = Some(battery);
        }
        (0x02, &[_, _, _, _, _, _, a, b]) | (0x07, &[a, b]) => readings.still_s = Some(u16::from_le_bytes([a, b])),
        (0x05, &[light, temperature]) => {
            readings.light_percent = Some(light);
            readings.temperature_c = Some(temperature as i8);
        }
        (0x0a, &[light]) => readings.light_percent = Some(light),
        (0x0b, &[temperature]) => readings.temperature_c = Some(temperature as i8),
        (0x0c, &[battery]) => readings.battery_percent = Some(battery),
        (0x0f, &[a, b, c, d]) => readings.clock_s = Some(u32::from_le_bytes([a, b, c, d])),
        (0x12, &[humidity]) => readings.humidity_percent = Some(humidity),
        _ => {}
    }
}
