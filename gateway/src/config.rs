//! The configuration of one board: `gateway.toml`.
//!
//! In: the text of a configuration. Out: a `Config` that holds only working values. It refuses unknown
//! keys, wrong types and values out of range, with a line for each fault. The shipped file is the
//! built-in default: a key left out has the value it has there.

use crate::radio::hci::transport::Device;
use crate::radio::receivers::{Foreign, RECEIVERS_MAX};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use venue_engine::beacon::BeaconId;
use venue_engine::document::{Document, Fault, Table};
use venue_engine::event::SubjectKind;
use venue_engine::settings::Settings;
use venue_engine::time::Duration;

/// The shipped configuration, with a sentence for each key.
pub const SHIPPED: &str = include_str!("../gateway.toml");

/// Registrations a configuration may hold: what a person edits by hand; more go through the API.
const SUBJECTS_MAX: usize = 10_000;

/// Controllers a configuration may name: one a receiver, of which a floor plan has 32 at most.
const HCI_MAX: usize = 32;

/// A validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of this board.
    pub gateway: String,
    /// Floor plan.
    pub venue: PathBuf,
    /// Folder of the database.
    pub data: PathBuf,
    /// Listening with adapters of this machine.
    pub bluetooth: Bluetooth,
    /// Controllers that speak HCI themselves.
    pub hci: Vec<Hci>,
    /// What the engine is told; its seed is not part of the file.
    pub settings: Settings,
    /// Campaigns file; `None` for the built-in one.
    pub campaigns: Option<PathBuf>,
    /// Model file; `None` for the built-in one.
    pub model: Option<PathBuf>,
    /// The broker.
    pub mqtt: Mqtt,
    /// Address the pages listen on.
    pub http_address: String,
    /// Port of the pages; 0 picks a free one.
    pub http_port: u16,
    /// Attendees and assets named in the file.
    pub subjects: Vec<ConfiguredSubject>,
    /// Receivers of other makers.
    pub foreign: Vec<Foreign>,
}

/// Listening with adapters of this machine.
#[derive(Clone, Debug)]
pub struct Bluetooth {
    /// Whether to listen at all.
    pub enabled: bool,
    /// The receiver the first adapter stands for.
    pub receiver: String,
}

/// A controller that speaks HCI itself.
#[derive(Clone, Debug)]
pub struct Hci {
    /// Where it is.
    pub device: Device,
    /// The receiver it stands for.
    pub receiver: String,
}

/// The broker.
#[derive(Clone)]
pub struct Mqtt {
    /// Start one inside this process.
    pub embedded: bool,
    /// Broker to publish to otherwise.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name; `None` for none.
    pub user: Option<String>,
    /// Password; `None` for none.
    pub password: Option<String>,
    /// Whether to take adverts from receiving boards.
    pub hub: bool,
}

impl std::fmt::Debug for Mqtt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mqtt({}:{}, embedded: {}, password hidden)", self.host, self.port, self.embedded)
    }
}

/// An attendee or asset named in the file.
#[derive(Clone, Debug)]
pub struct ConfiguredSubject {
    /// Name in all outputs.
    pub who: Arc<str>,
    /// Attendee or asset.
    pub kind: SubjectKind,
    /// The beacon carried.
    pub beacon: BeaconId,
}

impl Config {
    /// The built-in defaults: the shipped file. Relative paths are left as they are.
    ///
    /// # Panics
    /// Never with a shipped file that passed its test.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped configuration is valid: a test reads it")
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// Every fault found, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let document = Document::parse(text);
        let config = read(&document.root());
        document.finish(config)
    }

    /// Reads a configuration file; relative paths in it are taken from its folder.
    ///
    /// # Errors
    /// One line per fault, each with file, line and mend.
    pub fn load(path: &Path) -> Result<Self, String> {
        let mut config = read_file(path, Self::parse)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.venue = folder.join(&config.venue);
        config.data = folder.join(&config.data);
        config.campaigns = config.campaigns.map(|campaigns| folder.join(campaigns));
        config.model = config.model.map(|model| folder.join(model));
        Ok(config)
    }
}

/// Reads a text file through one of the strict parsers, naming the file in every fault.
///
/// # Errors
/// One line per fault: `file:line: what is wrong; how to mend it`.
pub fn read_file<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, Vec<Fault>>) -> Result<T, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{name}: cannot be read: {error}; check the path and its permissions"))?;
    parse(&text).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{name}:{fault}")).collect();
        lines.join("\n")
    })
}

fn read(root: &Table<'_, '_>) -> Option<Config> {
    let gateway = section(root, "gateway");
    let bluetooth = section(root, "bluetooth");
    let engine = section(root, "engine");
    let offers = section(root, "offers");
    let http = section(root, "http");
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let config = Config {
        gateway: topic_level(&gateway, "name", "gateway-1"),
        venue: gateway.text("venue", "venue.toml").into(),
        data: gateway.text("data", "data").into(),
        bluetooth: Bluetooth {
            enabled: bluetooth.boolean("enabled", true),
            receiver: bluetooth.text("receiver", "receiver-1"),
        },
        hci: read_hci(root),
        settings: read_settings(&engine),
        campaigns: optional(offers.text("campaigns", "")).map(PathBuf::from),
        model: optional(offers.text("model", "")).map(PathBuf::from),
        mqtt: read_mqtt(&section(root, "mqtt")),
        http_address: http.text("address", "127.0.0.1"),
        http_port: http.integer("port", 0..=65_535, 8_080) as u16,
        subjects: read_subjects(root),
        foreign: read_foreign(root),
    };
    [gateway, bluetooth, engine, offers, http].into_iter().for_each(Section::close);
    root.refuse_unknown_keys();
    Some(config)
}

fn read_hci(root: &Table<'_, '_>) -> Vec<Hci> {
    let tables = root.tables("hci");
    if tables.len() > HCI_MAX {
        root.fault("hci", format_args!("more than {HCI_MAX} controllers; a floor plan has no more receivers"));
        return Vec::new();
    }
    let mut controllers: Vec<Hci> = Vec::new();
    for table in tables {
        let (device, receiver) = (table.required_text("device"), table.required_text("receiver"));
        let device = device.and_then(|text| match text.parse() {
            Ok(device) => Some(device),
            Err(why) => {
                table.fault("device", format_args!("\"{text}\" is no device: {why}"));
                None
            }
        });
        if let (Some(device), Some(receiver)) = (device, receiver) {
            if controllers.iter().any(|other| other.device == device) {
                table.fault("device", format_args!("\"{device}\" is named twice; a controller has one host"));
            }
            controllers.push(Hci { device, receiver });
        }
        table.refuse_unknown_keys();
    }
    controllers
}

fn read_settings(engine: &Section<'_, '_>) -> Settings {
    let seconds = |key, range, default| Duration::from_secs_f64(engine.number(key, range, default));
    let minutes = |key, range, default| Duration::from_secs_f64(60.0 * engine.number(key, range, default));
    Settings {
        penetration: engine.number("penetration", 0.01..=1.0, 0.5),
        penetration_cv: engine.number("penetration_cv", 0.0..=1.0, 0.1),
        allowed_lateness: seconds("allowed_lateness_s", 0.0..=30.0, 2.0),
        absent_after: seconds("absent_after_s", 5.0..=600.0, 60.0),
        identity_epoch: minutes("identity_epoch_min", 1.0..=15.0, 15.0),
        report_every: seconds("report_every_s", 1.0..=60.0, 5.0),
        fix_every: seconds("fix_every_s", 0.1..=60.0, 0.5),
        heat_window: minutes("heat_window_min", 1.0..=60.0, 15.0),
        heat_cell_m: engine.number("heat_cell_m", 0.5..=16.0, 2.0),
        movement_window: minutes("movement_window_min", 1.0..=60.0, 15.0),
        group_min: engine.integer("group_min", 1..=1_000, 5) as u32,
        movement_epsilon: engine.number("movement_epsilon", 0.0..=10.0, 0.0),
        ..Settings::default()
    }
}

fn read_mqtt(mqtt: &Section<'_, '_>) -> Mqtt {
    let optional = |text: String| (!text.is_empty()).then_some(text);
    let read = Mqtt {
        embedded: mqtt.boolean("embedded", true),
        host: mqtt.text("host", "127.0.0.1"),
        port: mqtt.integer("port", 0..=65_535, 1_883) as u16,
        user: optional(mqtt.text("user", "")),
        password: optional(mqtt.text("password", "")),
        hub: mqtt.boolean("hub", true),
    };
    if !read.embedded && read.port == 0 {
        mqtt.fault("port", "port 0 is only for the embedded broker; name the port of yours, usually 1883");
    }
    mqtt.refuse_unknown_keys();
    read
}

fn read_subjects(root: &Table<'_, '_>) -> Vec<ConfiguredSubject> {
    let mut subjects: Vec<ConfiguredSubject> = Vec::new();
    for (key, kind) in [("attendee", SubjectKind::Attendee), ("asset", SubjectKind::Asset)] {
        let tables = root.tables(key);
        if subjects.len() + tables.len() > SUBJECTS_MAX {
            root.fault(
                key,
                format_args!("more than {SUBJECTS_MAX} attendees and assets; register them through the API"),
            );
            return subjects;
        }
        for table in tables {
            let (name, beacon) = (table.required_text("name"), table.required_text("beacon"));
            let beacon = beacon.and_then(|text| match text.parse() {
                Ok(beacon) => Some(beacon),
                Err(why) => {
                    table.fault("beacon", format_args!("\"{text}\" is no beacon: {why}"));
                    None
                }
            });
            if let (Some(name), Some(beacon)) = (name, beacon) {
                subjects.push(ConfiguredSubject { who: name.into(), kind, beacon });
            }
            table.refuse_unknown_keys();
        }
    }
    subjects
}

fn read_foreign(root: &Table<'_, '_>) -> Vec<Foreign> {
    let tables = root.tables("receiver");
    if tables.len() > RECEIVERS_MAX {
        root.fault("receiver", format_args!("more than {RECEIVERS_MAX} receivers; a venue has no more"));
        return Vec::new();
    }
    let read = tables.into_iter().filter_map(|table| {
        let dialect = table.required_text("dialect").and_then(|text| match text.parse() {
            Ok(dialect) => Some(dialect),
            Err(why) => {
                table.fault("dialect", format_args!("\"{text}\" is no dialect: {why}"));
                None
            }
        });
        let (gateway, receiver) = (table.required_text("gateway"), table.required_text("receiver"));
        table.refuse_unknown_keys();
        Some(Foreign { dialect: dialect?, gateway: gateway?, receiver: receiver? })
    });
    read.collect()
}

fn topic_level(section: &Section<'_, '_>, key: &'static str, default: &str) -> String {
    let name = section.text(key, default);
    if name.is_empty() || name.chars().any(|c| !c.is_alphanumeric() && !"-_".contains(c)) {
        section.fault(key, "use letters, digits, `-` and `_` only; it is part of MQTT topics");
    }
    name
}

/// A table of the file that may be absent; every key has a default.
struct Section<'d, 'i>(Option<Table<'d, 'i>>);

fn section<'d, 'i>(root: &Table<'d, 'i>, key: &'static str) -> Section<'d, 'i> {
    Section(root.table(key))
}

impl Section<'_, '_> {
    fn text(&self, key: &'static str, default: &str) -> String {
        self.0.as_ref().and_then(|table| table.text(key)).unwrap_or_else(|| default.to_owned())
    }

    fn number(&self, key: &'static str, range: std::ops::RangeInclusive<f64>, default: f64) -> f64 {
        self.0.as_ref().and_then(|table| table.number(key, range)).unwrap_or(default)
    }

    fn integer(&self, key: &'static str, range: std::ops::RangeInclusive<i64>, default: i64) -> i64 {
        self.0.as_ref().and_then(|table| table.integer(key, range)).unwrap_or(default)
    }

    fn boolean(&self, key: &'static str, default: bool) -> bool {
        self.0.as_ref().and_then(|table| table.boolean(key)).unwrap_or(default)
    }

    fn fault(&self, key: &'static str, what: &str) {
        if let Some(table) = &self.0 {
            table.fault(key, what);
        }
    }

    fn refuse_unknown_keys(&self) {
        if let Some(table) = &self.0 {
            table.refuse_unknown_keys();
        }
    }

    fn close(self) {
        self.refuse_unknown_keys();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value of a configuration as text, for comparison.
    fn shown(config: &Config) -> String {
        format!("{config:?}")
    }

    #[test]
    fn the_shipped_file_equals_the_built_in_defaults() {
        let empty = Config::parse("").expect("every key has a default");
        assert_eq!(shown(&Config::shipped()), shown(&empty));
    }

    #[test]
    fn the_shipped_file_shows_every_key() {
        // A key that nobody knows is answered with all that are known.
        for section in ["gateway", "bluetooth", "engine", "offers", "mqtt", "http"] {
            let faults = Config::parse(&format!("[{section}]\nzzzzzzzzzz = 1")).expect_err("unknown key");
            let known = faults[0].what.split_once("known keys: ").expect("a list of keys").1;
            for key in known.split(", ") {
                assert!(SHIPPED.contains(&format!("\n{key} = ")), "[{section}] {key} is not in gateway.toml");
            }
        }
    }

    #[test]
    fn faults_have_their_line_and_mend() {
        let text = "[engine]\npenetratoin = 0.4\nabsent_after_s = 1\n[[attendee]]\nname = \"a\"\nbeacon = \"x\"\n";
        let faults = Config::parse(text).expect_err("three faults");
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[0], "2: [engine]: unknown key `penetratoin`; did you mean `penetration`?");
        assert_eq!(lines[1], "3: [engine]: `absent_after_s` is 1; it must be from 5 to 600");
        assert!(lines[2].starts_with("6: attendee \"a\": \"x\" is no beacon"), "{}", lines[2]);
    }

    #[test]
    fn controllers_are_read_and_faults_told() {
        let read = |text: &str| Config::parse(text).map(|config| shown(&config));
        let good = read("[[hci]]\ndevice = \"unix:/run/hci\"\nreceiver = \"a\"\n").expect("valid");
        assert!(good.contains("[Hci { device: Unix(\"/run/hci\"), receiver: \"a\" }]"), "{good}");
        let one = "[[hci]]\ndevice = \"tcp:h:1\"\nreceiver = \"a\"\n";
        let faults = read(&format!("[[hci]]\ndevice = \"usb:0\"\n{one}{one}")).expect_err("three faults");
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("it begins with tcp:, unix:, serial: or user:")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("named twice")), "{lines:?}");
    }

    #[test]
    fn a_password_is_never_printed() {
        let config = Config::parse("[mqtt]\npassword = \"hush\"").expect("valid");
        assert!(!shown(&config).contains("hush"));
    }
}
