//! Encoders of advertising data: what real devices send, byte for byte.
//!
//! In: identities and readings. Out: at most 31 bytes of AD structures (Bluetooth Core 5.4, Vol 3 Part C,
//! section 11). It is written from the formats' own specifications and shares no code with the gateway's
//! decoder, so that one checks the other. It decodes nothing.

use crate::random::Random;

/// Longest legacy advertising data (Bluetooth Core 5.4, Vol 6 Part B, 2.3.1.1).
pub const PAYLOAD_LEN_MAX: usize = 31;

/// Flags: LE General Discoverable, BR/EDR not supported (Core Specification Supplement, Part A, 1.3).
const FLAGS: [u8; 3] = [0x02, 0x01, 0x06];

/// Complete list of 16-bit service UUIDs: Eddystone, 0xFEAA.
const EDDYSTONE_SERVICE: [u8; 4] = [0x03, 0x03, 0xaa, 0xfe];

/// Eddystone states power at 0 m; iBeacon and AltBeacon at 1 m. The difference is 41 dB (Eddystone protocol
/// specification, frame type UID).
const ZERO_METRES_DB: f64 = 41.0;

/// Advertising data of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    bytes: [u8; PAYLOAD_LEN_MAX],
    len: u8,
}

impl Payload {
    /// The bytes in use.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// All 31 bytes, those not in use zero, and how many are in use.
    pub fn parts(&self) -> ([u8; PAYLOAD_LEN_MAX], u8) {
        (self.bytes, self.len)
    }

    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut payload = Self::default();
        for byte in parts.iter().copied().flatten() {
            payload.bytes[usize::from(payload.len)] = *byte;
            payload.len += 1;
        }
        payload
    }
}

/// What a device can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Apple iBeacon.
    IBeacon,
    /// Eddystone-UID.
    EddystoneUid,
    /// Eddystone-URL.
    EddystoneUrl,
    /// Eddystone-TLM, not encrypted.
    EddystoneTlm,
    /// AltBeacon.
    AltBeacon,
    /// An iPhone's Nearby Info.
    AppleNearby,
    /// An Android device's Fast Pair account data.
    FastPair,
    /// A Windows device's Connected Devices Platform beacon.
    Microsoft,
    /// A Samsung phone's manufacturer data.
    Samsung,
    /// Our own wristband.
    Wristband,
}

impl FrameKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::IBeacon,
        Self::EddystoneUid,
        Self::EddystoneUrl,
        Self::EddystoneTlm,
        Self::AltBeacon,
        Self::AppleNearby,
        Self::FastPair,
        Self::Microsoft,
        Self::Samsung,
        Self::Wristband,
    ];

    /// The name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::IBeacon => "ibeacon",
            Self::EddystoneUid => "eddystone-uid",
            Self::EddystoneUrl => "eddystone-url",
            Self::EddystoneTlm => "eddystone-tlm",
            Self::AltBeacon => "altbeacon",
            Self::AppleNearby => "apple-nearby",
            Self::FastPair => "fast-pair",
            Self::Microsoft => "microsoft",
            Self::Samsung => "samsung",
            Self::Wristband => "wristband",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// iBeacon (Apple, "Proximity Beacon Specification", R1).
pub fn ibeacon(uuid: &[u8; 16], major: u16, minor: u16, measured_power_dbm: i8) -> Payload {
    let head = [0x1a, 0xff, 0x4c, 0x00, 0x02, 0x15];
    Payload::of(&[&FLAGS, &head, uuid, &major.to_be_bytes(), &minor.to_be_bytes(), &[measured_power_dbm as u8]])
}

/// Eddystone-UID (google/eddystone, eddystone-uid/README.md), with its two reserved bytes.
pub fn eddystone_uid(namespace: &[u8; 10], instance: &[u8; 6], measured_power_dbm: f64) -> Payload {
    let power = zero_metres(measured_power_dbm);
    Payload::of(&[&FLAGS, &EDDYSTONE_SERVICE, &[0x17, 0x16, 0xaa, 0xfe, 0x00, power], namespace, instance, &[0, 0]])
}

/// Eddystone-URL (google/eddystone, eddystone-url/README.md): scheme by number, domain endings by number.
/// `None` where the scheme is unknown or the encoded rest is longer than 17 bytes.
pub fn eddystone_url(url: &str, measured_power_dbm: f64) -> Option<Payload> {
    const SCHEMES: [&str; 4] = ["http://www.", "https://www.", "http://", "https://"];
    const ENDINGS: [&str; 14] = [
        ".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/", ".com", ".org", ".edu", ".net", ".info",
        ".biz", ".gov",
    ];
    let scheme = SCHEMES.iter().position(|scheme| url.starts_with(scheme))?;
    let mut rest = &url[SCHEMES[scheme].len()..];
    let mut encoded = Vec::new();
    while let Some(first) = rest.bytes().next() {
        match ENDINGS.iter().position(|ending| rest.starts_with(ending)) {
            Some(ending) => {
                encoded.push(ending as u8);
                rest = &rest[ENDINGS[ending].len()..];
            }
            None if first.is_ascii_graphic() => {
                encoded.push(first);
                rest = &rest[1..];
            }
            None => return None,
        }
    }
    if encoded.len() > 17 {
        return None;
    }
    let len = 6 + encoded.len() as u8;
    let head = [len, 0x16, 0xaa, 0xfe, 0x10, zero_metres(measured_power_dbm), scheme as u8];
    Some(Payload::of(&[&FLAGS, &EDDYSTONE_SERVICE, &head, &encoded]))
}

/// Readings of an Eddystone-TLM frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Telemetry {
    /// Battery, millivolts.
    pub battery_mv: u16,
    /// Temperature, degrees Celsius.
    pub temperature_c: f64,
    /// Advertising events since power-on.
    pub advertisement_count: u32,
    /// Time since power-on, seconds.
    pub uptime_s: f64,
}

/// Eddystone-TLM (google/eddystone, eddystone-tlm/tlm-plain.md): temperature in 8.8 fixed point, time in 0.1 s.
pub fn eddystone_tlm(telemetry: &Telemetry) -> Payload {
    let temperature = (telemetry.temperature_c * 256.0).round() as i16;
    let uptime = (telemetry.uptime_s * 10.0) as u32;
    Payload::of(&[
        &FLAGS,
        &EDDYSTONE_SERVICE,
        &[0x11, 0x16, 0xaa, 0xfe, 0x20, 0x00],
        &telemetry.battery_mv.to_be_bytes(),
        &temperature.to_be_bytes(),
        &telemetry.advertisement_count.to_be_bytes(),
        &uptime.to_be_bytes(),
    ])
}

/// AltBeacon (AltBeacon/spec, protocol 1.0): company in little-endian, beacon code 0xBEAC in big-endian.
pub fn altbeacon(company: u16, id: &[u8; 20], measured_power_dbm: i8, reserved: u8) -> Payload {
    let [low, high] = company.to_le_bytes();
    let head = [0x1b, 0xff, low, high, 0xbe, 0xac];
    Payload::of(&[&FLAGS, &head, id, &[measured_power_dbm as u8, reserved]])
}

/// Nearby Info of an iPhone: type 0x10, 5 bytes of state and token (Martin et al., "Handoff all your privacy",
/// PoPETs 2019(4)).
pub fn apple_nearby(random: &mut Random) -> Payload {
    let mut token = [0; 4];
    random.fill(&mut token);
    Payload::of(&[&[0x02, 0x01, 0x1a, 0x02, 0x0a, 0x0c, 0x0b, 0xff, 0x4c, 0x00, 0x10, 0x06, 0x1b, 0x1e], &token])
}

/// Fast Pair while not discoverable: service 0xFE2C, an account key filter of 4 bytes and a salt (Google, "Fast
/// Pair", advertising payload: account data).
pub fn fast_pair(random: &mut Random) -> Payload {
    let mut drawn = [0; 5];
    random.fill(&mut drawn);
    let [a, b, c, d, salt] = drawn;
    Payload::of(&[&[0x02, 0x0a, 0xf4, 0x0b, 0x16, 0x2c, 0xfe, 0x00, 0x40, a, b, c, d, 0x11, salt]])
}

/// Connected Devices Platform beacon of a Windows computer: company 0x0006, scenario 1, version and device
/// type 9, flags 0x20, then a salt of 4 bytes and a hash (Microsoft, [MS-CDP], advertising beacon).
pub fn microsoft(random: &mut Random) -> Payload {
    let mut drawn = [0; 23];
    random.fill(&mut drawn);
    Payload::of(&[&[0x1e, 0xff, 0x06, 0x00, 0x01, 0x09, 0x20, 0x02], &drawn])
}

/// Manufacturer data of a Samsung phone: company 0x0075 and a leading 0x42, as seen on air; the format is not
/// published, so the rest is drawn.
pub fn samsung(random: &mut Random) -> Payload {
    let mut drawn = [0; 20];
    random.fill(&mut drawn);
    Payload::of(&[&[0x1b, 0xff, 0x75, 0x00, 0x42, 0x04, 0x01, 0x80], &drawn])
}

/// What our own wristband says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WristbandState {
    /// Changes with the address.
    pub rolling_id: [u8; 8],
    /// Strength at 1 m.
    pub measured_power_dbm: i8,
    /// Battery left, at most 100.
    pub battery_percent: u8,
    /// Whether its wearer moves.
    pub moving: bool,
}

/// Our own wristband: company 0xFFFF (for tests), "VW", version 1, rolling identifier, power at 1 m, battery,
/// status (bit 0 button, bit 1 moving) and the count of presses. Nobody presses the button here.
pub fn wristband(state: &WristbandState) -> Payload {
    let (power, moving) = (state.measured_power_dbm as u8, u8::from(state.moving) << 1);
    let head = [0x12, 0xff, 0xff, 0xff, b'V', b'W', 0x01];
    Payload::of(&[&FLAGS, &head, &state.rolling_id, &[power, state.battery_percent, moving, 0]])
}

fn zero_metres(measured_power_dbm: f64) -> u8 {
    (measured_power_dbm + ZERO_METRES_DB).round() as i8 as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn check(payload: Payload, hex: &str) {
        let written: String = payload.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, hex.replace(' ', ""));
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    }

    #[test]
    fn encoders_equal_published_frames() {
        // AirLocate, Apple's sample code: its first UUID and -59 dBm (0xc5).
        check(
            ibeacon(&bytes("e2c56db5dffb48d2b060d0f5a71096e0"), 0, 0, -59),
            "020106 1aff4c000215 e2c56db5dffb48d2b060d0f5a71096e0 0000 0000 c5",
        );
        // AltBeacon/android-beacon-library, AltBeaconParserTest (there with flags 1a).
        check(
            altbeacon(0x0118, &bytes("2f234454cf6d4a0fadf2f4911ba9ffa600010002"), -59, 9),
            "020106 1bff1801beac 2f234454cf6d4a0fadf2f4911ba9ffa6 0001 0002 c5 09",
        );
        // AltBeacon/android-beacon-library, GattBeaconTest; -25 dBm at 0 m (0xe7) is -66 dBm at 1 m. There
        // without the two reserved bytes.
        check(
            eddystone_uid(&bytes("00010203040506070809"), &bytes("010203040506"), -66.0),
            "020106 0303aafe 1716aafe 00 e7 00010203040506070809 010203040506 0000",
        );
        // By hand from eddystone-url/README.md: scheme 0x03, ".com/" 0x00.
        check(
            eddystone_url("https://example.com/x", -61.0).expect("short"),
            "020106 0303aafe 0f16aafe 10 ec 03 6578616d706c65 00 78",
        );
        // By hand from tlm-plain.md: 3000 mV, 23.5 degrees is 0x1780, 1000 adverts, 60 s is 600.
        let telemetry = Telemetry { battery_mv: 3000, temperature_c: 23.5, advertisement_count: 1000, uptime_s: 60.0 };
        // By hand from the layout the gateway documents.
        let state = WristbandState {
            rolling_id: [1, 2, 3, 4, 5, 6, 7, 8],
            measured_power_dbm: -59,
            battery_percent: 80,
            moving: true,
        };
        check(wristband(&state), "020106 12ff ffff 5657 01 0102030405060708 c5 50 02 00");
        check(eddystone_tlm(&telemetry), "020106 0303aafe 1116aafe 20 00 0bb8 1780 000003e8 00000258");
    }

    #[test]
    fn what_phones_send_is_whole_ad_structures() {
        let mut random = Random::new(1, Purpose::Firmware);
        for encode in [apple_nearby, fast_pair, microsoft, samsung] {
            let payload = encode(&mut random);
            let mut rest = payload.as_slice();
            while let Some((len, tail)) = rest.split_first() {
                rest = tail.get(usize::from(*len)..).expect("a structure ends within the payload");
            }
        }
    }

    #[test]
    fn a_long_url_is_refused() {
        assert_eq!(eddystone_url("https://a-very-long-name.example", -59.0), None);
        assert_eq!(eddystone_url("ftp://a", -59.0), None);
    }

    #[test]
    fn names_go_both_ways() {
        for kind in FrameKind::ALL {
            assert_eq!(FrameKind::from_name(kind.name()), Some(kind));
        }
    }
}
