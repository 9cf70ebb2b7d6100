//! A scenario: a venue, a crowd, what it carries, the radio, and what goes wrong.
//!
//! In: the text of a scenario file and a way to fetch the files it names. Out: a `Scenario` in which every
//! name resolves against the floor plan and every number is in its range. It refuses unknown keys and tells
//! every fault with its line. Defaults and their sources stand beside each key.

use crate::frames::FrameKind;
use venue_engine::document::{Document, Fault, Table};
use venue_engine::venue::{FloorId, Venue};

mod crowd;
mod radio;

pub use crowd::{Arrivals, Crowd, Service, TillChange, Visit, VisitKind};
pub use radio::{Clock, Faults, Radio, Silent};

/// Longest simulated time, seconds: a week, the longest outbox a gateway keeps.
const DURATION_S_MAX: f64 = 7.0 * 86_400.0;

/// Most kinds of devices of a scenario; each is a table somebody writes by hand.
const CLASSES_MAX: usize = 64;

/// Most devices fixed in place by one table: twice what one board is designed for.
const FIXED_MAX: i64 = 20_000;

/// A whole scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Simulated time at its begin, microseconds since 1970-01-01 UTC.
    pub starts_at_us: i64,
    /// How long it lasts, seconds.
    pub duration_s: f64,
    /// The floor plan.
    pub venue: Venue,
    /// The text the floor plan was read from.
    pub venue_toml: String,
    /// Who comes and what they do.
    pub crowd: Crowd,
    /// What people carry.
    pub carried: Vec<Class>,
    /// What stands in the venue.
    pub fixed: Vec<Fixed>,
    /// How the waves travel.
    pub radio: Radio,
    /// What goes wrong.
    pub faults: Faults,
}

/// One kind of device and its firmware.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Whether it keeps a registered identity or rotates its address.
    pub kind: Kind,
    /// Probability that a person who carries anything carries one of these.
    pub probability: f64,
    /// Advertising interval, milliseconds.
    pub interval_ms: f64,
    /// What it sends, one frame an advertising event, in turn.
    pub frames: Vec<FrameKind>,
    /// Shortest and longest time between two private addresses, seconds.
    pub rotation_s: [f64; 2],
    /// Received strength at 1 m, dBm: what frames state as measured power.
    pub measured_power_dbm: f64,
    /// Spread between devices of the kind, dB.
    pub offset_sd_db: f64,
    /// Time a new battery lasts, hours.
    pub battery_h: f64,
}

/// What a device is to the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Handed to an attendee who opted in; its identity is registered and stays.
    Wristband,
    /// A stranger's device with private addresses that rotate.
    Phone,
    /// A stranger's or the venue's device with an address that stays.
    Beacon,
}

/// Devices fixed in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed {
    /// What they are.
    pub class: Class,
    /// How many; one at `place`, several spread at random over the floor.
    pub count: usize,
    /// Floor, metres and height above the floor of a single one.
    pub place: Option<(FloorId, [f64; 2])>,
    /// Height above the floor, metres.
    pub z_m: f64,
}

/// Piecewise linear in time: `[[seconds since begin, value], …]`, constant beyond its ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile(Vec<[f64; 2]>);

impl Profile {
    /// The same value always.
    pub fn constant(value: f64) -> Self {
        Self(vec![[0.0, value]])
    }

    /// The value at a time since the begin.
    pub fn at(&self, time_s: f64) -> f64 {
        let next = self.0.partition_point(|point| point[0] <= time_s);
        match (next.checked_sub(1).map(|before| self.0[before]), self.0.get(next)) {
            (Some(from), Some(to)) => from[1] + (to[1] - from[1]) * (time_s - from[0]) / (to[0] - from[0]),
            (Some(only), None) => only[1],
            (None, Some(only)) => only[1],
            (None, None) => 0.0,
        }
    }

    /// The largest value.
    pub fn max(&self) -> f64 {
        self.0.iter().map(|point| point[1]).fold(0.0, f64::max)
    }
}

/// Fetches a file a scenario names; the error says what to do.
pub type Fetch<'f> = &'f dyn Fn(&str) -> Result<String, String>;

impl Scenario {
    /// Reads and validates a scenario.
    ///
    /// # Errors
    /// Every fault found, in the order of their lines.
    pub fn parse(text: &str, fetch: Fetch<'_>) -> Result<Self, Vec<Fault>> {
        let document = Document::parse(text);
        let root = document.root();
        let scenario = read_venue(&root, fetch).and_then(|(venue, toml)| read(&root, venue, toml, fetch));
        document.finish(scenario)
    }

    /// Simulated time at its end, microseconds since 1970-01-01 UTC.
    pub fn ends_at_us(&self) -> i64 {
        self.starts_at_us + (self.duration_s * 1e6) as i64
    }
}

fn read(root: &Table<'_, '_>, venue: Venue, venue_toml: String, fetch: Fetch<'_>) -> Option<Scenario> {
    let name = root.required_text("name");
    // From 2000 to 2100: outside it is a unit mistaken.
    let starts_at_us = root.integer("starts_at_us", 946_684_800_000_000..=4_102_444_800_000_000);
    if !root.has("starts_at_us") {
        root.fault("starts_at_us", "`starts_at_us` is missing; add the begin in microseconds since 1970-01-01 UTC");
    }
    let duration_s = root.required_number("duration_s", 1.0..=DURATION_S_MAX);
    let crowd = crowd::read(root, &venue, fetch);
    let carried = tables(root, "carried", |table| read_class(table, 1.0));
    let fixed = tables(root, "fixed", |table| read_fixed(table, &venue));
    let radio = radio::read_radio(root, &venue);
    let faults = radio::read_faults(root, &venue);
    root.refuse_unknown_keys();
    Some(Scenario {
        name: name?,
        starts_at_us: starts_at_us?,
        duration_s: duration_s?,
        venue,
        venue_toml,
        crowd: crowd?,
        carried,
        fixed,
        radio,
        faults,
    })
}

fn read_venue(root: &Table<'_, '_>, fetch: Fetch<'_>) -> Option<(Venue, String)> {
    let toml = match (root.text("venue_file"), root.text("venue_text")) {
        (Some(file), None) => match fetch(&file) {
            Ok(toml) => toml,
            Err(why) => {
                root.fault("venue_file", why);
                return None;
            }
        },
        (None, Some(toml)) => toml,
        _ => {
            root.fault("venue_file", "give either `venue_file`, a floor plan beside the scenario, or `venue_text`");
            return None;
        }
    };
    match Venue::parse(&toml) {
        Ok(venue) => Some((venue, toml)),
        Err(faults) => {
            for fault in faults {
                root.fault("venue_file", format_args!("floor plan, line {fault}"));
            }
            None
        }
    }
}

/// Reads the tables of one kind and refuses their unknown keys.
fn tables<T>(root: &Table<'_, '_>, kind: &'static str, read: impl Fn(&Table<'_, '_>) -> Option<T>) -> Vec<T> {
    let tables = root.tables(kind);
    if tables.len() > CLASSES_MAX {
        root.fault(kind, format_args!("{} [[{kind}]] tables; at most {CLASSES_MAX} are possible", tables.len()));
        return Vec::new();
    }
    let mut values = Vec::with_capacity(tables.len());
    for table in tables {
        values.extend(read(&table));
        table.refuse_unknown_keys();
    }
    values
}

fn read_class(table: &Table<'_, '_>, probability: f64) -> Option<Class> {
    let kind = read_kind(table);
    let frames = read_frames(table);
    let minutes = 60.0;
    // Bluetooth Core 6.1, Vol 3 Part C, appendix A: private addresses change after 8 to 15 minutes by default.
    let rotation_min_s = table.number("rotation_min_s", 1.0..=86_400.0).unwrap_or(8.0 * minutes);
    let rotation_max_s = table.number("rotation_max_s", 1.0..=86_400.0).unwrap_or(15.0 * minutes);
    if rotation_max_s < rotation_min_s {
        table.fault("rotation_max_s", "`rotation_max_s` is below `rotation_min_s`; exchange them");
    }
    Some(Class {
        kind: kind?,
        probability: table.number("probability", 0.0..=1.0).unwrap_or(probability),
        // Bluetooth Core 5.4, Vol 6 Part B, 4.4.2.2: from 20 ms to 10 485 s. Default: one a second (chosen).
        interval_ms: table.number("interval_ms", 20.0..=60_000.0).unwrap_or(1_000.0),
        frames: frames?,
        rotation_s: [rotation_min_s, rotation_max_s],
        // -59 dBm at 1 m is what common beacons state and the example of Apple's "Getting Started with iBeacon".
        measured_power_dbm: table.number("measured_power_dbm", -100.0..=0.0).unwrap_or(-59.0),
        // Between phone models 4 to 6 dB is usual; Bay et al. (BlueTrace, 2020) calibrate it per model.
        offset_sd_db: table.number("offset_sd_db", 0.0..=15.0).unwrap_or(4.0),
        // A 220 mAh coin cell at about 15 uA on average (chosen; datasheets state one to two years).
        battery_h: table.number("battery_h", 0.1..=100_000.0).unwrap_or(14_000.0),
    })
}

fn read_kind(table: &Table<'_, '_>) -> Option<Kind> {
    match table.required_text("kind")?.as_str() {
        "wristband" => Some(Kind::Wristband),
        "phone" => Some(Kind::Phone),
        "beacon" => Some(Kind::Beacon),
        other => {
            table.fault("kind", format_args!("no kind \"{other}\"; known kinds: wristband, phone, beacon"));
            None
        }
    }
}

fn read_frames(table: &Table<'_, '_>) -> Option<Vec<FrameKind>> {
    let names = table.texts("frames").unwrap_or_default();
    if names.is_empty() {
        table.fault("frames", "`frames` is missing or empty; list what the device sends");
        return None;
    }
    let mut frames = Vec::with_capacity(names.len());
    for name in &names {
        match FrameKind::from_name(name) {
            Some(frame) => frames.push(frame),
            None => {
                let known: Vec<&str> = FrameKind::ALL.iter().map(|kind| kind.name()).collect();
                table.fault("frames", format_args!("no frame \"{name}\"; known frames: {}", known.join(", ")));
            }
        }
    }
    (!frames.is_empty()).then_some(frames)
}

fn read_fixed(table: &Table<'_, '_>, venue: &Venue) -> Option<Fixed> {
    let class = read_class(table, 1.0);
    let count = table.integer("count", 1..=FIXED_MAX).unwrap_or(1) as usize;
    let floor = read_floor(table, venue)?;
    let plan = &venue.floors[usize::from(floor.0)];
    let place = match (table.number("x_m", 0.0..=plan.width_m), table.number("y_m", 0.0..=plan.depth_m)) {
        (Some(x_m), Some(y_m)) => Some((floor, [x_m, y_m])),
        _ => None,
    };
    if place.is_some() && count > 1 {
        table.fault("count", "several devices at one place; leave out x_m and y_m to spread them");
    }
    let z_m = table.number("z_m", -10.0..=100.0).unwrap_or(1.0);
    Some(Fixed { class: class?, count, place, z_m })
}

fn read_floor(table: &Table<'_, '_>, venue: &Venue) -> Option<FloorId> {
    let Some(name) = table.text("floor") else { return Some(FloorId(0)) };
    let found = venue.floors.iter().position(|floor| floor.name == name);
    if found.is_none() {
        table.fault("floor", format_args!("no floor \"{name}\" in the floor plan; name one of it"));
    }
    found.map(|floor| FloorId(floor as u8))
}

/// A profile under a key, or the default where it is absent.
fn read_profile(table: &Table<'_, '_>, key: &'static str, default: f64) -> Option<Profile> {
    if !table.has(key) {
        // Asked for, so that it counts as known.
        table.number(key, 0.0..=0.0);
        return Some(Profile::constant(default));
    }
    let points = table.points(key, 1)?;
    if points.windows(2).any(|pair| pair[1][0] <= pair[0][0]) {
        table.fault(key, format_args!("`{key}` must be [[seconds, value], …] with rising seconds"));
        return None;
    }
    if points.iter().any(|point| point[1] < 0.0) {
        table.fault(key, format_args!("`{key}` has a value below 0"));
        return None;
    }
    Some(Profile(points))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(name: &str) -> Result<String, String> {
        crate::built_in_file(name).map(String::from).ok_or_else(|| format!("no file \"{name}\""))
    }

    fn check(from: &str, to: &str, wanted: &str) {
        let text = crate::scenario("lunch_rush").expect("built in");
        assert!(text.contains(from), "the scenario has {from}");
        let faults = Scenario::parse(&text.replacen(from, to, 1), &fetch).err().unwrap_or_default();
        let told: Vec<String> = faults.iter().map(|fault| fault.what.clone()).collect();
        assert!(told.iter().any(|what| what.contains(wanted)), "wanted {wanted}, told {told:?}");
    }

    #[test]
    fn every_scenario_that_is_shipped_reads() {
        for name in crate::SCENARIOS {
            let text = crate::scenario(name).expect("built in");
            let scenario = Scenario::parse(text, &fetch).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
            assert_eq!(scenario.name, *name);
        }
    }

    #[test]
    fn faults_are_told_with_a_mend() {
        check("duration_s", "duration", "unknown key `duration`; did you mean `duration_s`?");
        check("queue = \"bar-north\"", "queue = \"baar\"", "no queue \"baar\"");
        check("entrance = \"main\"", "entrance = \"moon\"", "no entrance \"moon\"");
        check("kind = \"wristband\"", "kind = \"hat\"", "known kinds: wristband, phone, beacon");
        check("\"ibeacon\"", "\"jbeacon\"", "known frames: ibeacon");
        check("hall.toml", "nowhere.toml", "no file \"nowhere.toml\"");
    }

    #[test]
    fn profiles_are_linear_between_their_points() {
        let profile = Profile(vec![[0.0, 2.0], [10.0, 4.0]]);
        assert_eq!([-1.0, 0.0, 5.0, 10.0, 99.0].map(|time_s| profile.at(time_s)), [2.0, 2.0, 3.0, 4.0, 4.0]);
    }
}
