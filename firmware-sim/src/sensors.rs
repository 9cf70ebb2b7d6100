//! Encoders of what sensors, finder tags and other people's beacons send.
//!
//! In: readings and identifiers. Out: at most 31 bytes of AD structures. Like the frames of `frames`, they are
//! written from the formats' own pages and share no code with the gateway's decoder. They decode nothing.

use crate::frames::Payload;

/// Readings of a RuuviTag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruuvi {
    /// Temperature, degrees Celsius.
    pub temperature_c: f64,
    /// Relative humidity, percent.
    pub humidity_percent: f64,
    /// Air pressure, pascals; from 50 000 on.
    pub pressure_pa: u32,
    /// Acceleration along x, y, z, thousandths of gravity.
    pub acceleration_mg: [i16; 3],
    /// Battery voltage, millivolts; format 5 takes 1 600 to 3 646.
    pub battery_mv: u16,
    /// Transmit power, dBm; even, from -40 to 20.
    pub tx_power_dbm: i8,
    /// Movements seen.
    pub movement_count: u8,
    /// Number of the measurement.
    pub sequence: u16,
    /// Address of the tag.
    pub mac: [u8; 6],
}

/// Data format 5 (docs.ruuvi.com, "RAWv2"): steps of 0.005 degrees and 0.0025 percent, big-endian.
pub fn ruuvi_5(tag: &Ruuvi) -> Payload {
    let temperature = (tag.temperature_c / 0.005).round() as i16;
    let humidity = (tag.humidity_percent / 0.0025).round() as u16;
    let power = (tag.battery_mv - 1_600) << 5 | ((tag.tx_power_dbm + 40) / 2) as u16;
    let [x, y, z] = tag.acceleration_mg.map(i16::to_be_bytes);
    Payload::of(&[
        &[0x1b, 0xff, 0x99, 0x04, 0x05],
        &temperature.to_be_bytes(),
        &humidity.to_be_bytes(),
        &((tag.pressure_pa - 50_000) as u16).to_be_bytes(),
        &x,
        &y,
        &z,
        &power.to_be_bytes(),
        &[tag.movement_count],
        &tag.sequence.to_be_bytes(),
        &tag.mac,
    ])
}

/// Data format 3 (docs.ruuvi.com, "RAWv1"): half percents, sign and whole degrees, then hundredths.
pub fn ruuvi_3(tag: &Ruuvi) -> Payload {
    let hundredths = (tag.temperature_c.abs() * 100.0).round() as u16;
    let sign = if tag.temperature_c < 0.0 { 0x80 } else { 0 };
    let [x, y, z] = tag.acceleration_mg.map(i16::to_be_bytes);
    Payload::of(&[
        &[0x11, 0xff, 0x99, 0x04, 0x03],
        &[(tag.humidity_percent * 2.0).round() as u8, sign | (hundredths / 100) as u8, (hundredths % 100) as u8],
        &((tag.pressure_pa - 50_000) as u16).to_be_bytes(),
        &x,
        &y,
        &z,
        &tag.battery_mv.to_be_bytes(),
    ])
}

/// BTHome version 2 (bthome.io/format): packet id, battery, temperature, humidity in the order of their numbers.
pub fn bthome(packet: u8, battery_percent: u8, temperature_c: f64, humidity_percent: f64) -> Payload {
    let temperature = ((temperature_c * 100.0).round() as i16).to_le_bytes();
    let humidity = ((humidity_percent * 100.0).round() as u16).to_le_bytes();
    let head = [0x02, 0x01, 0x06, 0x0e, 0x16, 0xd2, 0xfc, 0x40, 0x00, packet, 0x01, battery_percent];
    Payload::of(&[&head, &[0x02], &temperature, &[0x03], &humidity])
}

/// Eddystone-EID (google/eddystone, eddystone-eid): power at 0 m and the identifier of the hour.
pub fn eddystone_eid(eid: &[u8; 8], power_at_zero_dbm: i8) -> Payload {
    Payload::of(&[&[0x03, 0x03, 0xaa, 0xfe, 0x0d, 0x16, 0xaa, 0xfe, 0x30, power_at_zero_dbm as u8], eid])
}

/// Encrypted Eddystone-TLM (google/eddystone, eddystone-tlm/tlm-encrypted.md): ciphertext, salt, check.
pub fn eddystone_etlm(telemetry: &[u8; 12], salt: u16, check: u16) -> Payload {
    let head = [0x03, 0x03, 0xaa, 0xfe, 0x15, 0x16, 0xaa, 0xfe, 0x20, 0x01];
    Payload::of(&[&head, telemetry, &salt.to_be_bytes(), &check.to_be_bytes()])
}

/// Apple's Find My away from its owner: type 12, status, the rest of the key (Heinrich et al., PoPETs 2021(3)).
pub fn find_my(status: u8, key: &[u8; 24]) -> Payload {
    Payload::of(&[&[0x1e, 0xff, 0x4c, 0x00, 0x12, 0x19, status], key])
}

/// Google's Find Hub: Eddystone's service, type 40 or 41, identifier, hashed flags ("Find Hub Network Accessory
/// Specification", advertised frames).
pub fn find_hub(separated: bool, eid: &[u8; 20], flags: u8) -> Payload {
    Payload::of(&[&[0x19, 0x16, 0xaa, 0xfe, 0x40 | u8::from(separated)], eid, &[flags]])
}

/// Exposure Notification (Apple and Google, Bluetooth specification v1.2): service, identifier, metadata.
pub fn exposure(identifier: &[u8; 16], metadata: &[u8; 4]) -> Payload {
    Payload::of(&[&[0x03, 0x03, 0x6f, 0xfd, 0x17, 0x16, 0x6f, 0xfd], identifier, metadata])
}

/// Minew's thermometer (S1 data sheet): frame A1 01, 8.8 fixed point, address least significant byte first.
pub fn minew(battery_percent: u8, temperature_c: f64, humidity_percent: f64, mac: [u8; 6]) -> Payload {
    let fixed = |value: f64| ((value * 256.0).round() as i16).to_be_bytes();
    let [a, b, c, d, e, f] = mac;
    let head = [0x03, 0x03, 0xe1, 0xff, 0x10, 0x16, 0xe1, 0xff, 0xa1, 0x01, battery_percent];
    Payload::of(&[&head, &fixed(temperature_c), &fixed(humidity_percent), &[f, e, d, c, b, a]])
}

/// Kontakt.io's location packet (developer.kontakt.io, "Location Packet"): power, channel, model, movement, name.
pub fn kontakt(tx_power_dbm: i8, channel: u8, model: u8, moving: bool, unique_id: &[u8; 6]) -> Payload {
    let head = [0x0e, 0x16, 0x6a, 0xfe, 0x05, tx_power_dbm as u8, channel, model, u8::from(moving)];
    Payload::of(&[&head, unique_id])
}
