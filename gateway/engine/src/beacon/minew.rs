//! Minew sensors and badges: frame A1 in service data of FFE1, frames 51, A3, A4 and CA in manufacturer data.
//!
//! In: the bytes after the service UUID or the company identifier. Out: the readings each frame carries. It
//! refuses unknown frames and wrong lengths. Source: Minew, "Bluetooth beacon sensor frames" (E8, S1, S3, S4,
//! MSE01, MSE02 and D15N data sheets) and "Connect V3 advertising protocol"; checked against published frames
//! of all of them. Where those do not say a unit, the reading is left out.

mod connect;

use crate::advert::Refusal;

/// Service UUID Minew's sensors use.
pub const SERVICE: u16 = 0xffe1;
/// Company identifier of Shenzhen Minew Technologies (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0x0639;
/// First byte of a frame in service data.
const SENSOR_FRAME: u8 = 0xa1;
/// Longest frame of the MSE badges: what follows the readings is about the badges they relay.
const BADGE_LEN_MAX: usize = 23;

/// What a frame carries; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minew<'a> {
    /// What the frame is about.
    pub kind: &'static str,
    /// Battery left.
    pub battery_percent: Option<u8>,
    /// Battery voltage.
    pub battery_mv: Option<u16>,
    /// Temperature.
    pub temperature_c: Option<f64>,
    /// Relative humidity.
    pub humidity_percent: Option<f64>,
    /// Air pressure.
    pub pressure_pa: Option<f64>,
    /// Illuminance.
    pub illuminance_lux: Option<u16>,
    /// Acceleration along x, y, z, in units of gravity.
    pub acceleration_g: Option<[f64; 3]>,
    /// Rotation about x, y, z, degrees a second.
    pub rotation_dps: Option<[f64; 3]>,
    /// Volatile organic compounds, parts per billion.
    pub tvoc_ppb: Option<u16>,
    /// Distance to what is before it.
    pub distance_mm: Option<u16>,
    /// People who went in and out since power-up, modulo 65536.
    pub passages: Option<[u16; 2]>,
    /// People before the radar.
    pub occupants: Option<u8>,
    /// Somebody is there.
    pub occupied: Option<bool>,
    /// It moves, or sees movement.
    pub moving: Option<bool>,
    /// The two buttons.
    pub buttons: Option<[bool; 2]>,
    /// Light, movement, vibration, tampering, water or an open door: what `kind` says.
    pub detected: Option<bool>,
    /// The case or the door was opened.
    pub opened: Option<bool>,
    /// Transmit power.
    pub tx_power_dbm: Option<i8>,
    /// Version of the firmware, most significant part first.
    pub firmware: Option<[u8; 3]>,
    /// Name, UTF-8 as it came, without the zeros that fill it.
    pub name: Option<&'a [u8]>,
    /// Address of the device.
    pub mac: Option<[u8; 6]>,
}

/// Reads service data after the UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_service(data: &[u8], at: usize) -> Result<Minew<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("minew"), why };
    let Some(([SENSOR_FRAME, model], rest)) = data.split_first_chunk::<2>() else {
        return Err(refuse(0, "no frame A1 with a model"));
    };
    let short = || refuse(data.len(), "not the length of this model's frame");
    // Two models have no battery byte.
    match model {
        0x07 => return rest.try_into().map(|mac| with_mac("firmware-update", mac)).map_err(|_| short()),
        0x15 => return rest.try_into().map(rotation).map_err(|_| short()),
        _ => {}
    }
    let (battery, body) = rest.split_first().ok_or_else(short)?;
    let read = match model {
        0x01 => body.try_into().ok().map(temperature_humidity),
        0x02 => flagged("light", body),
        0x03 => body.try_into().ok().map(acceleration),
        0x05 => body.try_into().ok().map(illuminance),
        0x08 => body.split_first_chunk().map(|(mac, name)| Minew { name: Some(name), ..with_mac("information", *mac) }),
        0x11 => body.split_first().and_then(|(_, body)| flagged("movement", body)),
        0x12 => body.try_into().ok().map(compounds),
        0x13 => body.try_into().ok().map(temperature),
        // Three axes without a unit.
        0x16 => body.try_into().ok().map(|[_, _, _, _, _, _, mac @ ..]: [u8; 12]| with_mac("magnetic-field", mac)),
        0x17 => body.try_into().ok().map(pressure),
        0x18 => body.get(4..).and_then(|body| flagged("vibration", body)),
        // A resistance without a unit.
        0x19 => body.try_into().ok().map(|[_, _, mac @ ..]: [u8; 8]| with_mac("photoresistance", mac)),
        0x20 => flagged("tampering", body),
        0x21 => flagged("water", body),
        _ => return Err(refuse(1, "unknown model")),
    };
    read.map(|frame| Minew { battery_percent: Some(*battery), ..frame }).ok_or_else(short)
}

/// Reads manufacturer data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_manufacturer(data: &[u8], at: usize) -> Result<Minew<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("minew"), why };
    let read = match *data {
        [connect::FRAME, ref frame @ ..] => return connect::parse(frame, at + 1),
        [0x51, 0x01 | 0x02, ..] => badge(data),
        [0xa3, 0x01, ref body @ ..] => body.try_into().ok().map(thermometer),
        [0xa3, 0x03, battery, ref body @ ..] => body.split_last_chunk::<3>().and_then(|(body, _)| {
            let frame = temperature_humidity(body.try_into().ok()?);
            Some(Minew { battery_percent: Some(battery), ..frame })
        }),
        [0xa4, 0x00, ref body @ ..] => body.try_into().ok().map(door_sensor),
        [0xa4, 0x01, battery, ref body @ ..] => {
            body.try_into().ok().map(|body| Minew { battery_percent: Some(battery), ..door(body) })
        }
        [0x51 | 0xa3 | 0xa4, ..] => return Err(refuse(1, "unknown model")),
        _ => return Err(refuse(0, "unknown frame")),
    };
    read.ok_or_else(|| refuse(data.len(), "not the length of this model's frame"))
}

/// MSE01 and MSE02: a cycle, battery, flags, harvested energy, and what they relay.
fn badge(data: &[u8]) -> Option<Minew<'_>> {
    let ([_, _, _, battery, flags, _, _], _) = data.split_first_chunk::<7>()?;
    (data.len() <= BADGE_LEN_MAX).then_some(Minew {
        kind: "badge",
        battery_percent: Some(*battery),
        buttons: Some([flags & 0x20 != 0, flags & 0x40 != 0]),
        opened: Some(flags & 0x01 != 0),
        moving: Some(flags & 0x02 != 0),
        ..Minew::default()
    })
}

fn thermometer<'a>([f2, f1, f0, _, _, _, _, _, _, _, mac @ .., _, _]: [u8; 18]) -> Minew<'a> {
    Minew { firmware: Some([f2, f1, f0]), ..with_mac("device", mac) }
}

fn door_sensor<'a>([f2, f1, f0, _, _, _, _, _, mac @ .., _, _]: [u8; 16]) -> Minew<'a> {
    Minew { firmware: Some([f2, f1, f0]), ..with_mac("device", mac) }
}

/// The door's alarm, the case's alarm, whether one of them just began.
fn door<'a>([door, _, _, _, mac @ .., _, _]: [u8; 12]) -> Minew<'a> {
    Minew { opened: Some(door > 0), ..with_mac("door", mac) }
}

fn with_mac<'a>(kind: &'static str, mac: [u8; 6]) -> Minew<'a> {
    Minew { kind, mac: Some(in_order(mac)), ..Minew::default() }
}

/// A byte whose lowest bit says it, and the address.
fn flagged<'a>(kind: &'static str, body: &[u8]) -> Option<Minew<'a>> {
    let [flag, mac @ ..] = <[u8; 7]>::try_from(body).ok()?;
    Some(Minew { detected: Some(flag & 1 == 1), ..with_mac(kind, mac) })
}

fn temperature_humidity<'a>([t1, t0, h1, h0, mac @ ..]: [u8; 10]) -> Minew<'a> {
    let (temperature_c, humidity_percent) = (Some(fixed([t1, t0])), Some(fixed([h1, h0])));
    Minew { temperature_c, humidity_percent, ..with_mac("temperature-humidity", mac) }
}

fn temperature<'a>([t1, t0, mac @ ..]: [u8; 8]) -> Minew<'a> {
    Minew { temperature_c: Some(fixed([t1, t0])), ..with_mac("temperature", mac) }
}

fn acceleration<'a>([x1, x0, y1, y0, z1, z0, mac @ ..]: [u8; 12]) -> Minew<'a> {
    let acceleration_g = Some([fixed([x1, x0]), fixed([y1, y0]), fixed([z1, z0])]);
    Minew { acceleration_g, ..with_mac("acceleration", mac) }
}

/// Acceleration, then rotation in hundredths of a degree a second.
fn rotation<'a>([x1, x0, y1, y0, z1, z0, u1, u0, v1, v0, w1, w0, mac @ ..]: [u8; 18]) -> Minew<'a> {
    let hundredths = |bytes| f64::from(i16::from_be_bytes(bytes)) / 100.0;
    Minew {
        acceleration_g: Some([fixed([x1, x0]), fixed([y1, y0]), fixed([z1, z0])]),
        rotation_dps: Some([hundredths([u1, u0]), hundredths([v1, v0]), hundredths([w1, w0])]),
        ..with_mac("acceleration-rotation", mac)
    }
}

fn illuminance<'a>([l1, l0, mac @ ..]: [u8; 8]) -> Minew<'a> {
    Minew { illuminance_lux: Some(u16::from_be_bytes([l1, l0])), ..with_mac("illuminance", mac) }
}

/// Hectopascals, signed 16.16 fixed point.
fn pressure<'a>([p3, p2, p1, p0, mac @ ..]: [u8; 10]) -> Minew<'a> {
    let pressure_pa = f64::from(i32::from_be_bytes([p3, p2, p1, p0])) * 100.0 / 65_536.0;
    Minew { pressure_pa: Some(pressure_pa), ..with_mac("pressure", mac) }
}

fn compounds<'a>([c1, c0, mac @ ..]: [u8; 8]) -> Minew<'a> {
    Minew { tvoc_ppb: Some(u16::from_be_bytes([c1, c0])), ..with_mac("tvoc", mac) }
}

/// Signed 8.8 fixed point.
fn fixed(bytes: [u8; 2]) -> f64 {
    f64::from(i16::from_be_bytes(bytes)) / 256.0
}

/// Addresses come least significant byte first.
fn in_order(mut mac: [u8; 6]) -> [u8; 6] {
    mac.reverse();
    mac
}
