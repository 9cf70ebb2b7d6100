//! Minew sensors and badges: frame A1 in service data of FFE1, frames CA and 51 in manufacturer data.
//!
//! In: the bytes after the service UUID or the company identifier. Out: the readings each frame carries. It
//! refuses unknown frames and wrong lengths. Source: Minew, "Bluetooth beacon sensor frames" (E8, S1, S3 and
//! D15N data sheets) and "Connect V3 advertising protocol"; checked against published frames of all of them.

use crate::advert::Refusal;

/// Service UUID Minew's sensors use.
pub const SERVICE: u16 = 0xffe1;
/// Company identifier of Shenzhen Minew Technologies (Assigned Numbers 7.1).
pub const COMPANY: u16 = 0x0639;
/// First byte of a frame in service data.
const SENSOR_FRAME: u8 = 0xa1;
/// First byte of a frame of Connect V3.
const CONNECT_FRAME: u8 = 0xca;
/// First two bytes of a frame of the MSE02 button badge: of the rest only the battery is public.
const BADGE_FRAME: [u8; 2] = [0x51, 0x02];
/// Length of that frame.
const BADGE_LEN: usize = 23;
/// Length of every frame of Connect V3 read here.
const CONNECT_LEN: usize = 24;

/// What a frame carries; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minew<'a> {
    /// What the frame is about.
    pub kind: &'static str,
    /// Battery left.
    pub battery_percent: Option<u8>,
    /// Temperature.
    pub temperature_c: Option<f64>,
    /// Relative humidity.
    pub humidity_percent: Option<f64>,
    /// Acceleration along x, y, z, in units of gravity.
    pub acceleration_g: Option<[f64; 3]>,
    /// Volatile organic compounds, parts per billion.
    pub tvoc_ppb: Option<u16>,
    /// Light seen, movement seen, or vibration felt: what `kind` says.
    pub detected: Option<bool>,
    /// Name, UTF-8 as it came.
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
    let Some(([SENSOR_FRAME, model, battery], body)) = data.split_first_chunk::<3>() else {
        return Err(refuse(0, "no frame A1 with model and battery"));
    };
    let frame = Minew { battery_percent: Some(*battery), ..Minew::default() };
    let read = match model {
        0x01 => body.try_into().ok().map(|body| temperature_humidity(frame, body)),
        0x02 => body.try_into().ok().map(|[seen, mac @ ..]: [u8; 7]| detected(frame, "light", seen, mac)),
        0x03 => body.try_into().ok().map(|body| acceleration(frame, body)),
        0x08 => body.split_first_chunk().map(|(mac, name)| information(frame, *mac, name)),
        0x11 => body.try_into().ok().map(|[_, seen, mac @ ..]: [u8; 8]| detected(frame, "movement", seen, mac)),
        0x12 => body.try_into().ok().map(|body| compounds(frame, body)),
        0x13 => body.try_into().ok().map(|body| temperature(frame, body)),
        0x18 => {
            body.try_into().ok().map(|[_, _, _, _, felt, mac @ ..]: [u8; 11]| detected(frame, "vibration", felt, mac))
        }
        _ => return Err(refuse(1, "unknown model")),
    };
    read.ok_or_else(|| refuse(data.len(), "not the length of this model's frame"))
}

/// Reads manufacturer data after the company identifier, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse_manufacturer(data: &[u8], at: usize) -> Result<Minew<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("minew"), why };
    if let (true, Ok([_, _, _, battery, ..])) = (data.starts_with(&BADGE_FRAME), <[u8; BADGE_LEN]>::try_from(data)) {
        return Ok(Minew { kind: "badge", battery_percent: Some(battery), ..Minew::default() });
    }
    let Ok([CONNECT_FRAME, model, body @ ..]) = <&[u8; CONNECT_LEN]>::try_from(data) else {
        return Err(refuse(data.len().min(CONNECT_LEN), "neither 24 bytes of frame CA nor 23 of frame 51 02"));
    };
    match model {
        0x00 => {
            let [m0, m1, m2, m3, m4, m5, battery, ..] = *body;
            let mac = Some(in_order([m0, m1, m2, m3, m4, m5]));
            Ok(Minew { kind: "device", battery_percent: Some(battery), mac, ..Minew::default() })
        }
        0x05 => {
            let [_, _, _, t1, t0, h1, h0, ..] = *body;
            let (temperature_c, humidity_percent) = (Some(fixed([t1, t0])), Some(fixed([h1, h0])));
            Ok(Minew { kind: "temperature-humidity", temperature_c, humidity_percent, ..Minew::default() })
        }
        0x18 => Ok(Minew { kind: "radar", ..Minew::default() }),
        0x1b => Ok(Minew { kind: "temperature", ..Minew::default() }),
        _ => Err(refuse(1, "unknown model")),
    }
}

fn temperature_humidity<'a>(frame: Minew<'a>, [t1, t0, h1, h0, mac @ ..]: [u8; 10]) -> Minew<'a> {
    let (temperature_c, humidity_percent) = (Some(fixed([t1, t0])), Some(fixed([h1, h0])));
    Minew { kind: "temperature-humidity", temperature_c, humidity_percent, mac: Some(in_order(mac)), ..frame }
}

fn temperature<'a>(frame: Minew<'a>, [t1, t0, mac @ ..]: [u8; 8]) -> Minew<'a> {
    Minew { kind: "temperature", temperature_c: Some(fixed([t1, t0])), mac: Some(in_order(mac)), ..frame }
}

fn acceleration<'a>(frame: Minew<'a>, [x1, x0, y1, y0, z1, z0, mac @ ..]: [u8; 12]) -> Minew<'a> {
    let acceleration_g = Some([fixed([x1, x0]), fixed([y1, y0]), fixed([z1, z0])]);
    Minew { kind: "acceleration", acceleration_g, mac: Some(in_order(mac)), ..frame }
}

fn compounds<'a>(frame: Minew<'a>, [c1, c0, mac @ ..]: [u8; 8]) -> Minew<'a> {
    let tvoc_ppb = Some(u16::from_be_bytes([c1, c0]));
    Minew { kind: "tvoc", tvoc_ppb, mac: Some(in_order(mac)), ..frame }
}

fn information<'a>(frame: Minew<'a>, mac: [u8; 6], name: &'a [u8]) -> Minew<'a> {
    Minew { kind: "information", name: Some(name), mac: Some(in_order(mac)), ..frame }
}

fn detected<'a>(frame: Minew<'a>, kind: &'static str, byte: u8, mac: [u8; 6]) -> Minew<'a> {
    Minew { kind, detected: Some(byte & 1 == 1), mac: Some(in_order(mac)), ..frame }
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
