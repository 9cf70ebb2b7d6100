//! The JSON of what `decode` adds to a line.
//!
//! In: structures and frames. Out: their JSON, with the names and units of the design. It reads nothing back.

use std::fmt::{Display, Write};
use venue_engine::advert::Structure;
use venue_engine::beacon::bthome::{BtHome, Object as Reading, Value};
use venue_engine::beacon::eddystone::{Etlm, Tlm};
use venue_engine::beacon::fast_pair::FastPair;
use venue_engine::beacon::kontakt::{Kontakt, Telemetry};
use venue_engine::beacon::minew::Minew;
use venue_engine::beacon::ruuvi::Readings;
use venue_engine::beacon::wristband::Wristband;
use venue_engine::beacon::{Frame, Hex, Uuid};

/// A JSON list of objects being written.
pub struct List<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> List<'a> {
    /// Begins a list.
    pub fn open(out: &'a mut String) -> Self {
        out.push('[');
        Self { out, first: true }
    }

    /// Begins the next object.
    pub fn object(&mut self) -> Object<'_> {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push('{');
        Object { out: self.out, first: true }
    }

    /// Ends the list.
    pub fn close(self) {
        self.out.push(']');
    }
}

/// A JSON object being written.
pub struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        quote(key, self.out);
        self.out.push(':');
    }

    /// A value that reads the same in JSON: a finite number, or a flag.
    pub fn number(&mut self, key: &str, value: impl Display) {
        self.key(key);
        show(value, self.out);
    }

    /// A number, or `null`.
    pub fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.number(key, value),
            None => self.number(key, "null"),
        }
    }

    /// A number, or nothing at all.
    pub fn known(&mut self, key: &str, value: Option<impl Display>) {
        value.into_iter().for_each(|value| self.number(key, value));
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(value, self.out);
    }

    /// A text that needs no escapes: hex and the like.
    pub fn plain(&mut self, key: &str, value: impl Display) {
        self.number(key, format_args!("\"{value}\""));
    }

    /// Ends the object.
    pub fn close(self) {
        self.out.push('}');
    }
}

/// Appends a JSON text.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => show(format_args!("\\u{:04x}", u32::from(control)), out),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn show(value: impl Display, out: &mut String) {
    write!(out, "{value}").expect("a text takes what is written to it");
}

/// One AD structure.
pub fn structure(structure: &Structure<'_>, mut object: Object<'_>) {
    object.number("at", structure.at);
    object.number("type", structure.kind);
    object.text("name", type_name(structure.kind));
    object.plain("data", Hex(structure.data));
    object.close();
}

/// One frame.
pub fn frame(frame: &Frame<'_>, mut object: Object<'_>) {
    object.text("format", format_name(frame));
    match frame {
        Frame::IBeacon(frame) => {
            object.plain("uuid", Uuid(&frame.uuid));
            object.number("major", frame.major);
            object.number("minor", frame.minor);
        }
        Frame::EddystoneUid(frame) => {
            object.plain("namespace", Hex(&frame.namespace));
            object.plain("instance", Hex(&frame.instance));
        }
        Frame::EddystoneUrl(frame) => object.text("url", &frame.to_string()),
        Frame::EddystoneTlm(frame) => tlm(frame, &mut object),
        Frame::EddystoneEtlm(frame) => etlm(frame, &mut object),
        Frame::EddystoneEid(frame) => object.plain("eid", Hex(&frame.eid)),
        Frame::AltBeacon(frame) => {
            object.number("company", frame.company);
            object.plain("id", Hex(&frame.id));
            object.number("reserved", frame.reserved);
        }
        Frame::Ruuvi(frame) => ruuvi(&frame.readings(), &mut object),
        Frame::BtHome(frame) => bthome(*frame, &mut object),
        Frame::Apple(frame) => {
            let types: Vec<u8> = frame.messages().map(|(kind, _)| kind).collect();
            object.number("types", format_args!("{types:?}"));
        }
        Frame::FindMy(frame) => {
            object.number("separated", frame.separated);
            object.number("status", frame.status);
        }
        Frame::FastPair(FastPair::Model(model)) => object.plain("model_id", Hex(model)),
        Frame::FastPair(FastPair::Account(data)) => object.plain("account_data", Hex(data)),
        Frame::Exposure(frame) => {
            object.plain("identifier", Hex(&frame.identifier));
            object.plain("metadata", Hex(&frame.metadata));
        }
        Frame::MicrosoftCdp(frame) => {
            object.number("device_type", frame.device_type);
            match frame.device_name() {
                Some(name) => object.text("device", name),
                None => object.number("device", "null"),
            }
        }
        Frame::FindHub(frame) => {
            object.number("separated", frame.separated);
            object.plain("eid", Hex(frame.eid));
        }
        Frame::Minew(frame) => minew(frame, &mut object),
        Frame::Kontakt(frame) => kontakt(frame, &mut object),
        Frame::Wristband(frame) => wristband(frame, &mut object),
    }
    if let Some(power) = frame.measured_power_dbm() {
        object.number("measured_power_dbm", power);
    }
    object.close();
}

fn tlm(frame: &Tlm, object: &mut Object<'_>) {
    object.maybe("battery_mv", frame.battery_mv);
    object.maybe("temperature_c", frame.temperature_c);
    object.number("advertisement_count", frame.advertisement_count);
    object.number("uptime_s", frame.uptime_s);
}

fn etlm(frame: &Etlm, object: &mut Object<'_>) {
    object.plain("telemetry", Hex(&frame.telemetry));
    object.plain("salt", Hex(&frame.salt.to_be_bytes()));
    object.plain("check", Hex(&frame.check.to_be_bytes()));
}

fn ruuvi(readings: &Readings, object: &mut Object<'_>) {
    object.number("version", readings.version);
    object.maybe("temperature_c", readings.temperature_c);
    object.maybe("humidity_percent", readings.humidity_percent);
    object.maybe("pressure_pa", readings.pressure_pa);
    match readings.acceleration_g {
        [None, None, None] => object.number("acceleration_g", "null"),
        axes => {
            let [x, y, z] = axes.map(|axis| axis.map_or("null".to_owned(), |value| value.to_string()));
            object.number("acceleration_g", format_args!("[{x},{y},{z}]"));
        }
    }
    object.maybe("battery_mv", readings.battery_mv);
    object.maybe("tx_power_dbm", readings.tx_power_dbm);
    object.maybe("movement_count", readings.movement_count);
    object.maybe("sequence", readings.sequence);
    mac("mac", readings.mac, object);
}

fn mac(key: &str, mac: Option<[u8; 6]>, object: &mut Object<'_>) {
    match mac {
        Some([a, b, c, d, e, f]) => {
            object.plain(key, format_args!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"));
        }
        None => object.number(key, "null"),
    }
}

fn bthome(frame: BtHome<'_>, object: &mut Object<'_>) {
    object.number("version", frame.version);
    object.number("encrypted", frame.encrypted);
    object.number("trigger_based", frame.trigger_based);
    if frame.encrypted {
        object.maybe("counter", frame.counter);
    }
    if frame.address.is_some() {
        mac("address", frame.address, object);
    }
    object.key("objects");
    let mut list = List::open(object.out);
    frame.objects().for_each(|reading| bthome_reading(&reading, list.object()));
    list.close();
}

fn bthome_reading(reading: &Reading<'_>, mut object: Object<'_>) {
    object.text("name", reading.name);
    match reading.value {
        Value::Whole(value) => object.number("value", value),
        Value::Number(value) => object.number("value", value),
        Value::Flag(value) => object.number("value", value),
        Value::Event(value) | Value::Text(value) => object.text("value", value),
        Value::Turn(value, steps) => {
            object.text("value", value);
            object.number("steps", steps);
        }
        Value::Unknown => object.number("value", "null"),
        Value::Raw(bytes) => object.plain("value", Hex(bytes)),
        Value::Version(parts) => {
            let parts: Vec<String> = parts.iter().rev().map(u8::to_string).collect();
            object.plain("value", parts.join("."));
        }
    }
    match reading.unit {
        "" => object.number("unit", "null"),
        unit => object.text("unit", unit),
    }
    object.close();
}

/// Only what the frame carries.
fn minew(frame: &Minew<'_>, object: &mut Object<'_>) {
    object.text("kind", frame.kind);
    object.known("battery_percent", frame.battery_percent);
    object.known("battery_mv", frame.battery_mv);
    object.known("temperature_c", frame.temperature_c);
    object.known("humidity_percent", frame.humidity_percent);
    object.known("pressure_pa", frame.pressure_pa);
    object.known("illuminance_lux", frame.illuminance_lux);
    for (key, axes) in [("acceleration_g", frame.acceleration_g), ("rotation_dps", frame.rotation_dps)] {
        if let Some([x, y, z]) = axes {
            object.number(key, format_args!("[{x},{y},{z}]"));
        }
    }
    object.known("tvoc_ppb", frame.tvoc_ppb);
    object.known("distance_mm", frame.distance_mm);
    if let Some([entered, left]) = frame.passages {
        object.number("entered", entered);
        object.number("left", left);
    }
    object.known("occupants", frame.occupants);
    object.known("occupied", frame.occupied);
    object.known("moving", frame.moving);
    if let Some([first, second]) = frame.buttons {
        object.number("buttons", format_args!("[{first},{second}]"));
    }
    object.known("detected", frame.detected);
    object.known("opened", frame.opened);
    object.known("tx_power_dbm", frame.tx_power_dbm);
    if let Some([major, minor, patch]) = frame.firmware {
        object.plain("firmware", format_args!("{major}.{minor}.{patch}"));
    }
    frame.name.into_iter().for_each(|name| object.text("name", &String::from_utf8_lossy(name)));
    if frame.mac.is_some() {
        mac("mac", frame.mac, object);
    }
}

fn kontakt(frame: &Kontakt<'_>, object: &mut Object<'_>) {
    match frame {
        Kontakt::Shuffled => object.text("packet", "secure-profile-shuffled"),
        Kontakt::Plain { model, firmware: (major, minor), battery_percent, tx_power_dbm, unique_id } => {
            object.text("packet", "secure-profile");
            object.number("model", model);
            object.plain("firmware", format_args!("{major}.{minor}"));
            object.number("battery_percent", battery_percent);
            object.number("tx_power_dbm", tx_power_dbm);
            object.text("unique_id", &String::from_utf8_lossy(unique_id));
        }
        Kontakt::Telemetry(readings) => kontakt_telemetry(readings, object),
        Kontakt::Location { tx_power_dbm, channel, model, moving, unique_id } => {
            object.text("packet", "location");
            object.number("tx_power_dbm", tx_power_dbm);
            object.maybe("channel", *channel);
            object.number("model", model);
            object.number("moving", moving);
            object.text("unique_id", &String::from_utf8_lossy(unique_id));
        }
    }
}

/// Only what the packet carries.
fn kontakt_telemetry(readings: &Telemetry, object: &mut Object<'_>) {
    object.text("packet", "telemetry");
    object.known("battery_percent", readings.battery_percent);
    object.known("temperature_c", readings.temperature_c);
    object.known("humidity_percent", readings.humidity_percent);
    object.known("light_percent", readings.light_percent);
    object.known("still_s", readings.still_s);
    object.known("clock_s", readings.clock_s);
}

fn wristband(frame: &Wristband, object: &mut Object<'_>) {
    object.plain("rolling_id", Hex(&frame.rolling_id));
    object.maybe("battery_percent", frame.battery_percent);
    object.number("button", frame.button);
    object.number("button_count", frame.button_count);
    object.number("moving", frame.moving);
}

fn format_name(frame: &Frame<'_>) -> &'static str {
    match frame {
        Frame::IBeacon(_) => "ibeacon",
        Frame::EddystoneUid(_) => "eddystone-uid",
        Frame::EddystoneUrl(_) => "eddystone-url",
        Frame::EddystoneTlm(_) => "eddystone-tlm",
        Frame::EddystoneEtlm(_) => "eddystone-etlm",
        Frame::EddystoneEid(_) => "eddystone-eid",
        Frame::AltBeacon(_) => "altbeacon",
        Frame::Ruuvi(_) => "ruuvi",
        Frame::BtHome(_) => "bthome",
        Frame::Apple(_) => "apple",
        Frame::FindMy(_) => "find-my",
        Frame::FastPair(_) => "fast-pair",
        Frame::Exposure(_) => "exposure-notification",
        Frame::MicrosoftCdp(_) => "microsoft-cdp",
        Frame::FindHub(_) => "find-hub",
        Frame::Minew(_) => "minew",
        Frame::Kontakt(_) => "kontakt",
        Frame::Wristband(_) => "wristband",
    }
}

/// Names of AD types (Assigned Numbers 2.3).
fn type_name(kind: u8) -> &'static str {
    match kind {
        0x01 => "flags",
        0x02 => "incomplete list of 16-bit service UUIDs",
        0x03 => "complete list of 16-bit service UUIDs",
        0x04 => "incomplete list of 32-bit service UUIDs",
        0x05 => "complete list of 32-bit service UUIDs",
        0x06 => "incomplete list of 128-bit service UUIDs",
        0x07 => "complete list of 128-bit service UUIDs",
        0x08 => "shortened local name",
        0x09 => "complete local name",
        0x0a => "tx power level",
        0x0d => "class of device",
        0x10 => "device ID",
        0x12 => "peripheral connection interval range",
        0x14 => "16-bit service solicitation UUIDs",
        0x15 => "128-bit service solicitation UUIDs",
        0x16 => "service data, 16-bit UUID",
        0x17 => "public target address",
        0x18 => "random target address",
        0x19 => "appearance",
        0x1a => "advertising interval",
        0x1b => "LE Bluetooth device address",
        0x1c => "LE role",
        0x1f => "32-bit service solicitation UUIDs",
        0x20 => "service data, 32-bit UUID",
        0x21 => "service data, 128-bit UUID",
        0x24 => "URI",
        0x27 => "LE supported features",
        0x29 => "PB-ADV",
        0x2a => "mesh message",
        0x2b => "mesh beacon",
        0x2c => "BIGInfo",
        0x2d => "broadcast code",
        0x2e => "resolvable set identifier",
        0x2f => "advertising interval, long",
        0x30 => "broadcast name",
        0x31 => "encrypted advertising data",
        0xff => "manufacturer-specific data",
        _ => "unknown",
    }
}
