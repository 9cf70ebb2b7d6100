//! RuuviTag: data formats 3 and 5 ("RAWv1" and "RAWv2") of Ruuvi's manufacturer data.
//!
//! In: the bytes after the company identifier. Out: readings in SI units, `None` where the tag says "not
//! available". It refuses wrong lengths and other formats. Source: docs.ruuvi.com, "Data format 3 (RAWv1)"
//! and "Data format 5 (RAWv2)".

use crate::advert::Refusal;

/// Company identifier of Ruuvi Innovations (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0x0499;

/// Readings of a tag; format 3 has neither of the last four.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readings {
    /// Data format: 3 or 5.
    pub version: u8,
    /// Temperature.
    pub temperature_c: Option<f64>,
    /// Relative humidity.
    pub humidity_percent: Option<f64>,
    /// Air pressure.
    pub pressure_pa: Option<u32>,
    /// Acceleration along x, y, z, in units of gravity.
    pub acceleration_g: [Option<f64>; 3],
    /// Battery voltage.
    pub battery_mv: Option<u16>,
    /// Transmit power.
    pub tx_power_dbm: Option<i8>,
    /// Movements seen, modulo 255.
    pub movement_count: Option<u8>,
    /// Number of the measurement, modulo 65535.
    pub sequence: Option<u16>,
    /// Address of the tag.
    pub mac: Option<[u8; 6]>,
}

/// A frame whose format and length are right; readings are computed when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruuvi<'a> {
    /// Data format 3.
    V3(&'a [u8; 14]),
    /// Data format 5.
    V5(&'a [u8; 24]),
}

impl Ruuvi<'_> {
    /// The readings.
    pub fn readings(self) -> Readings {
        match self {
            Self::V3(frame) => readings_v3(frame),
            Self::V5(frame) => readings_v5(frame),
        }
    }
}

/// Reads the data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Ruuvi<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("ruuvi"), why };
    match data.first() {
        Some(3) => data.try_into().map(Ruuvi::V3).map_err(|_| refuse(data.len().min(14), "format 3 is not 14 bytes")),
        Some(5) => data.try_into().map(Ruuvi::V5).map_err(|_| refuse(data.len().min(24), "format 5 is not 24 bytes")),
        Some(_) => Err(refuse(0, "a data format other than 3 and 5")),
        None => Err(refuse(0, "no data format")),
    }
}

fn readings_v3(frame: &[u8; 14]) -> Readings {
    let [_, humidity, whole, hundredths, p1, p0, x1, x0, y1, y0, z1, z0, b1, b0] = *frame;
    // Sign and magnitude, with hundredths of a degree in a byte of their own; more than 99 mean nothing.
    let magnitude = f64::from(u16::from(whole & 0x7f) * 100 + u16::from(hundredths)) / 100.0;
    let temperature = if whole & 0x80 == 0 { magnitude } else { -magnitude };
    let gravity = |high, low| Some(f64::from(i16::from_be_bytes([high, low])) / 1000.0);
    Readings {
        version: 3,
        temperature_c: (hundredths < 100).then_some(temperature),
        humidity_percent: Some(f64::from(humidity) / 2.0),
        pressure_pa: Some(50_000 + u32::from(u16::from_be_bytes([p1, p0]))),
        acceleration_g: [gravity(x1, x0), gravity(y1, y0), gravity(z1, z0)],
        battery_mv: Some(u16::from_be_bytes([b1, b0])),
        tx_power_dbm: None,
        movement_count: None,
        sequence: None,
        mac: None,
    }
}

fn readings_v5(frame: &[u8; 24]) -> Readings {
    let [_, t1, t0, h1, h0, p1, p0, x1, x0, y1, y0, z1, z0, w1, w0, movement, s1, s0, mac @ ..] = *frame;
    // 8000 hex, and all ones in what is unsigned, stand for "not available".
    let signed = |high, low| Some(i16::from_be_bytes([high, low])).filter(|raw| *raw != i16::MIN);
    let unsigned = |high, low| Some(u16::from_be_bytes([high, low])).filter(|raw| *raw != u16::MAX);
    let gravity = |high, low| signed(high, low).map(|raw| f64::from(raw) / 1000.0);
    let power = u16::from_be_bytes([w1, w0]);
    let (battery, transmit) = (power >> 5, (power & 0x1f) as i8);
    Readings {
        version: 5,
        temperature_c: signed(t1, t0).map(|raw| f64::from(raw) * 5.0 / 1000.0),
        humidity_percent: unsigned(h1, h0).map(|raw| f64::from(raw) * 25.0 / 10_000.0),
        pressure_pa: unsigned(p1, p0).map(|raw| 50_000 + u32::from(raw)),
        acceleration_g: [gravity(x1, x0), gravity(y1, y0), gravity(z1, z0)],
        battery_mv: (battery != 0x7ff).then_some(battery + 1_600),
        tx_power_dbm: (transmit != 0x1f).then_some(2 * transmit - 40),
        movement_count: (movement != u8::MAX).then_some(movement),
        sequence: unsigned(s1, s0),
        mac: (mac != [0xff; 6]).then_some(mac),
    }
}
