//! What each BTHome object means.
//!
//! In: an object identifier. Out: its name, unit, width and scale. Source: the tables of bthome.io/format;
//! names and units are those of the tables. Version 1 uses the same identifiers and scales.

/// How an object's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned number.
    Unsigned,
    /// Signed number.
    Signed,
    /// 0 or 1.
    Flag,
    /// A press of a button.
    Button,
    /// A command: a length, what to do, and how far.
    Command,
    /// A turn of a dimmer.
    Dimmer,
    /// Text behind its length.
    Text,
    /// Bytes behind their length.
    Raw,
    /// A version, least significant part first.
    Version,
}

/// What an object means.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// Name.
    pub name: &'static str,
    /// Unit; empty where there is none.
    pub unit: &'static str,
    /// Bytes in version 2.
    pub width: usize,
    /// How they are read.
    pub kind: Kind,
    /// The value is the raw number times this,
    pub times: i64,
    /// divided by this.
    pub over: i64,
}

const fn unsigned(name: &'static str, unit: &'static str, width: usize, over: i64) -> Meaning {
    Meaning { name, unit, width, kind: Kind::Unsigned, times: 1, over }
}

const fn signed(name: &'static str, unit: &'static str, width: usize, over: i64) -> Meaning {
    Meaning { name, unit, width, kind: Kind::Signed, times: 1, over }
}

const fn flag(name: &'static str) -> Meaning {
    other(name, 1, Kind::Flag)
}

const fn other(name: &'static str, width: usize, kind: Kind) -> Meaning {
    Meaning { name, unit: "", width, kind, times: 1, over: 1 }
}

/// The tables, in the order of identifiers.
static OBJECTS: [(u8, Meaning); 95] = [
    (0x00, unsigned("packet_id", "", 1, 1)),
    (0x01, unsigned("battery", "%", 1, 1)),
    (0x02, signed("temperature", "°C", 2, 100)),
    (0x03, unsigned("humidity", "%", 2, 100)),
    (0x04, unsigned("pressure", "hPa", 3, 100)),
    (0x05, unsigned("illuminance", "lux", 3, 100)),
    (0x06, unsigned("mass", "kg", 2, 100)),
    (0x07, unsigned("mass", "lb", 2, 100)),
    (0x08, signed("dewpoint", "°C", 2, 100)),
    (0x09, unsigned("count", "", 1, 1)),
    (0x0a, unsigned("energy", "kWh", 3, 1_000)),
    (0x0b, unsigned("power", "W", 3, 100)),
    (0x0c, unsigned("voltage", "V", 2, 1_000)),
    (0x0d, unsigned("pm2.5", "ug/m3", 2, 1)),
    (0x0e, unsigned("pm10", "ug/m3", 2, 1)),
    (0x0f, flag("generic_boolean")),
    (0x10, flag("power")),
    (0x11, flag("opening")),
    (0x12, unsigned("co2", "ppm", 2, 1)),
    (0x13, unsigned("tvoc", "ug/m3", 2, 1)),
    (0x14, unsigned("moisture", "%", 2, 100)),
    (0x15, flag("battery")),
    (0x16, flag("battery_charging")),
    (0x17, flag("carbon_monoxide")),
    (0x18, flag("cold")),
    (0x19, flag("connectivity")),
    (0x1a, flag("door")),
    (0x1b, flag("garage_door")),
    (0x1c, flag("gas")),
    (0x1d, flag("heat")),
    (0x1e, flag("light")),
    (0x1f, flag("lock")),
    (0x20, flag("moisture")),
    (0x21, flag("motion")),
    (0x22, flag("moving")),
    (0x23, flag("occupancy")),
    (0x24, flag("plug")),
    (0x25, flag("presence")),
    (0x26, flag("problem")),
    (0x27, flag("running")),
    (0x28, flag("safety")),
    (0x29, flag("smoke")),
    (0x2a, flag("sound")),
    (0x2b, flag("tamper")),
    (0x2c, flag("vibration")),
    (0x2d, flag("window")),
    (0x2e, unsigned("humidity", "%", 1, 1)),
    (0x2f, unsigned("moisture", "%", 1, 1)),
    (0x3a, other("button", 1, Kind::Button)),
    (0x3b, other("command", 0, Kind::Command)),
    (0x3c, other("dimmer", 2, Kind::Dimmer)),
    (0x3d, unsigned("count", "", 2, 1)),
    (0x3e, unsigned("count", "", 4, 1)),
    (0x3f, signed("rotation", "°", 2, 10)),
    (0x40, unsigned("distance", "mm", 2, 1)),
    (0x41, unsigned("distance", "m", 2, 10)),
    (0x42, unsigned("duration", "s", 3, 1_000)),
    (0x43, unsigned("current", "A", 2, 1_000)),
    (0x44, unsigned("speed", "m/s", 2, 100)),
    (0x45, signed("temperature", "°C", 2, 10)),
    (0x46, unsigned("uv_index", "", 1, 10)),
    (0x47, unsigned("volume", "L", 2, 10)),
    (0x48, unsigned("volume", "mL", 2, 1)),
    (0x49, unsigned("volume_flow_rate", "m3/hr", 2, 1_000)),
    (0x4a, unsigned("voltage", "V", 2, 10)),
    (0x4b, unsigned("gas", "m3", 3, 1_000)),
    (0x4c, unsigned("gas", "m3", 4, 1_000)),
    (0x4d, unsigned("energy", "kWh", 4, 1_000)),
    (0x4e, unsigned("volume", "L", 4, 1_000)),
    (0x4f, unsigned("water", "L", 4, 1_000)),
    (0x50, unsigned("timestamp", "s", 4, 1)),
    (0x51, unsigned("acceleration", "m/s²", 2, 1_000)),
    (0x52, unsigned("gyroscope", "°/s", 2, 1_000)),
    (0x53, other("text", 0, Kind::Text)),
    (0x54, other("raw", 0, Kind::Raw)),
    (0x55, unsigned("volume_storage", "L", 4, 1_000)),
    (0x56, unsigned("conductivity", "µS/cm", 2, 1)),
    (0x57, signed("temperature", "°C", 1, 1)),
    (0x58, Meaning { times: 35, ..signed("temperature", "°C", 1, 100) }),
    (0x59, signed("count", "", 1, 1)),
    (0x5a, signed("count", "", 2, 1)),
    (0x5b, signed("count", "", 4, 1)),
    (0x5c, signed("power", "W", 4, 100)),
    (0x5d, signed("current", "A", 2, 1_000)),
    (0x5e, unsigned("direction", "°", 2, 100)),
    (0x5f, unsigned("precipitation", "mm", 2, 10)),
    (0x60, unsigned("channel", "", 1, 1)),
    (0x61, unsigned("rotational_speed", "rpm", 2, 1)),
    (0x62, signed("speed", "m/s", 4, 1_000_000)),
    (0x63, signed("acceleration", "m/s²", 4, 1_000_000)),
    (0x64, unsigned("light_level", "", 1, 1)),
    (0x65, unsigned("settings_revision", "", 1, 1)),
    (0xf0, unsigned("device_type", "", 2, 1)),
    (0xf1, other("firmware_version", 4, Kind::Version)),
    (0xf2, other("firmware_version", 3, Kind::Version)),
];

/// The meaning of an identifier; `None` where the tables have none.
pub fn meaning(identifier: u8) -> Option<&'static Meaning> {
    let place = OBJECTS.binary_search_by_key(&identifier, |(known, _)| *known).ok()?;
    OBJECTS.get(place).map(|(_, meaning)| meaning)
}

/// What a button byte says; `None` where the table has no such number.
pub fn button(event: u8) -> Option<&'static str> {
    Some(match event {
        0x00 => "none",
        0x01 => "press",
        0x02 => "double_press",
        0x03 => "triple_press",
        0x04 => "long_press",
        0x05 => "long_double_press",
        0x06 => "long_triple_press",
        // The table's number, and the one Shelly's buttons send ("Shelly BLU Button1", developer pages).
        0x80 | 0xfe => "hold_press",
        0x81 => "hold_release",
        _ => return None,
    })
}

/// What a command says; `None` where the table has no such number.
pub fn command(operation: u8) -> Option<&'static str> {
    Some(match operation {
        0x00 => "off",
        0x01 => "on",
        0x02 => "toggle",
        0x03 => "step_up",
        0x04 => "step_down",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_in_order_so_that_they_are_found() {
        assert!(OBJECTS.is_sorted_by_key(|(identifier, _)| *identifier));
        assert!(OBJECTS.iter().all(|(identifier, object)| meaning(*identifier).map(|m| m.name) == Some(object.name)));
        assert!(meaning(0xfe).is_none());
    }
}
