//! Measured positioning data as recordings of this gateway.
//!
//! In: the folder of measured data. Out: per data set a recording, a floor plan and the truth, in the
//! shapes the gateway and the simulator use. Each tag becomes a stable iBeacon, so `replay --track-all`
//! follows it. It drops strengths of 0 dBm and more (receiver glitches) and repairs nothing else; what is
//! odd about a source stands at its function.

use crate::csv::Csv;
use crate::recording::{self, Reception};
use crate::surveys::Survey;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::Path;

/// Room added around a measured floor, metres: receivers stand on its walls, and one walk starts 0.14 m
/// outside it, but a floor plan keeps everything on its floor.
const MARGIN_M: f64 = 0.5;

/// The data sets, by the name their conversion has.
pub const SETS: [&str; 3] = ["tetam", "flat6", "itag_entry"];

/// One data set in our shapes.
#[derive(Debug, Default)]
pub struct Converted {
    /// Lines of the recording.
    pub recording: String,
    /// The floor plan.
    pub venue_toml: String,
    /// Lines of truth: positions, or zones where the source knows no more.
    pub truth: String,
    /// Receptions dropped because their strength is no strength.
    pub dropped: usize,
}

impl Converted {
    /// Writes `recording.jsonl`, `venue.toml` and `truth.jsonl` into a folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, text) in
            [("recording.jsonl", &self.recording), ("venue.toml", &self.venue_toml), ("truth.jsonl", &self.truth)]
        {
            std::fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }
}

/// Converts a data set by name.
///
/// # Errors
/// When there is no such set or a file of it is not as expected.
pub fn convert(set: &str, data: &Path) -> Result<Converted> {
    let folder = data.join("positioning").join(set);
    match set {
        "tetam" => tetam(&folder),
        "flat6" => flat6(&folder),
        "itag_entry" => itag_entry(&folder),
        _ => bail!("no data set {set}; there are: {}", SETS.join(", ")),
    }
}

/// What a source gives, before it is written down.
#[derive(Debug)]
struct Source {
    plan: String,
    receptions: Vec<Reception>,
    truth: String,
    dropped: usize,
}

impl Source {
    fn new(name: &str, width_m: f64, depth_m: f64) -> Self {
        let (width_m, depth_m) = (width_m + 2.0 * MARGIN_M, depth_m + 2.0 * MARGIN_M);
        let plan = format!(
            "name = \"{name}\"\n\n[[floor]]\nname = \"ground\"\nwidth_m = {width_m:.3}\ndepth_m = {depth_m:.3}\n"
        );
        Self { plan, receptions: Vec::new(), truth: String::new(), dropped: 0 }
    }

    /// Adds a rectangular zone; sides on the floor's border are stretched over the margin.
    fn zone(&mut self, name: &str, [x0_m, y0_m, x1_m, y1_m]: [f64; 4], [width_m, depth_m]: [f64; 2]) {
        let low = |side_m: f64| if side_m <= 0.0 { 0.0 } else { side_m + MARGIN_M };
        let high = |side_m: f64, border_m: f64| side_m + if side_m >= border_m { 2.0 * MARGIN_M } else { MARGIN_M };
        let (x0_m, y0_m, x1_m, y1_m) = (low(x0_m), low(y0_m), high(x1_m, width_m), high(y1_m, depth_m));
        let corners = [[x0_m, y0_m], [x1_m, y0_m], [x1_m, y1_m], [x0_m, y1_m]];
        let _ = write!(self.plan, "\n[[zone]]\nname = \"{name}\"\npolygon = {}\n", points(&corners));
    }

    fn wall(&mut self, corners: &[[f64; 2]], loss_db: f64) {
        let shifted: Vec<[f64; 2]> = corners.iter().map(|[x_m, y_m]| [x_m + MARGIN_M, y_m + MARGIN_M]).collect();
        let _ = write!(self.plan, "\n[[wall]]\npoints = {}\nloss_db = {loss_db:.1}\n", points(&shifted));
    }

    fn receiver(&mut self, name: &str, [x_m, y_m, z_m]: [f64; 3]) {
        let (x_m, y_m) = (x_m + MARGIN_M, y_m + MARGIN_M);
        let _ =
            write!(self.plan, "\n[[receiver]]\nname = \"{name}\"\nx_m = {x_m:.3}\ny_m = {y_m:.3}\nz_m = {z_m:.3}\n");
    }

    /// Adds a reception, or counts it as dropped when its strength is none: positive values are glitches.
    fn heard(&mut self, at_us: i64, receiver: &str, tag: u16, rssi_dbm: f64) {
        if !(-127.0..0.0).contains(&rssi_dbm) {
            self.dropped += 1;
            return;
        }
        let rssi_dbm = rssi_dbm.round() as i8;
        self.receptions.push(Reception { at_us, receiver: receiver.to_owned(), tag, rssi_dbm });
    }

    fn stood(&mut self, at_us: i64, tag: u16, x_m: f64, y_m: f64) {
        let (who, x_m, y_m) = (recording::who(tag), x_m + MARGIN_M, y_m + MARGIN_M);
        let _ = writeln!(
            self.truth,
            r#"{{"kind":"position","at_us":{at_us},"who":"{who}","x_m":{x_m:.3},"y_m":{y_m:.3},"floor":"ground"}}"#
        );
    }

    fn was_in(&mut self, at_us: i64, tag: u16, zone: &str) {
        let who = recording::who(tag);
        let _ = writeln!(self.truth, r#"{{"kind":"zone","at_us":{at_us},"who":"{who}","zone":"{zone}"}}"#);
    }

    fn finish(mut self) -> Converted {
        let recording = recording::lines(&mut self.receptions);
        Converted { recording, venue_toml: self.plan, truth: self.truth, dropped: self.dropped }
    }
}

fn points(corners: &[[f64; 2]]) -> String {
    let corners: Vec<String> = corners.iter().map(|[x_m, y_m]| format!("[{x_m:.3}, {y_m:.3}]")).collect();
    format!("[{}]", corners.join(", "))
}

fn micros_of_seconds(at_s: f64) -> i64 {
    (at_s * 1e6).round() as i64
}

fn micros_of_millis(at_ms: f64) -> i64 {
    (at_ms * 1e3).round() as i64
}

/// One beacon on a pushed cart, twelve receivers, four walks on one morning; all become one recording with
/// pauses of many minutes between them. The receivers' clocks differ by milliseconds and many adverts
/// are missed by some of them; both stay as they are.
fn tetam(folder: &Path) -> Result<Converted> {
    const FLOOR_M: [f64; 2] = [20.66, 17.64];
    let mut source = Source::new("tetam", FLOOR_M[0], FLOOR_M[1]);
    for row in Csv::read(&folder.join("zones_3x3.csv"))?.rows() {
        let sides = [row.number("x0_m")?, row.number("y0_m")?, row.number("x1_m")?, row.number("y1_m")?];
        source.zone(row.text("zone")?, sides, FLOOR_M);
    }
    for row in Csv::read(&folder.join("sensors.csv"))?.rows() {
        source.receiver(row.text("sensor")?, [row.number("x_m")?, row.number("y_m")?, row.number("z_m")?]);
    }
    let mut tracks: Vec<_> = std::fs::read_dir(folder.join("tracks"))?.flatten().map(|entry| entry.path()).collect();
    tracks.sort();
    for track in tracks.iter().filter(|path| path.extension().is_some_and(|ending| ending == "gz")) {
        for row in Csv::read(track)?.rows() {
            let at_us = micros_of_seconds(row.number("unix_s")?);
            source.heard(at_us, row.text("sensor")?, 1, row.number("rssi_dbm")?);
            source.stood(at_us, 1, row.number("x_m")?, row.number("y_m")?);
        }
    }
    Ok(source.finish())
}

/// Still points in the laboratory, measured five months before the walks: the first two minutes of each.
///
/// # Errors
/// When a file is not as expected.
pub fn laboratory_survey(data: &Path) -> Result<Survey> {
    let rows = Csv::read(&data.join("positioning/tetam/fingerprints_set1_first120s.csv.gz"))?;
    let mut source = Source::new("tetam", 20.66, 17.64);
    let mut stays: std::collections::BTreeMap<i64, (i64, f64, f64)> = std::collections::BTreeMap::new();
    for row in rows.rows() {
        let start_us = micros_of_seconds(row.number("start_unix_s")?);
        let at_us = start_us + micros_of_seconds(row.number("t_s")?);
        let (x_m, y_m) = (row.number("x_m")? + MARGIN_M, row.number("y_m")? + MARGIN_M);
        source.heard(at_us, row.text("sensor")?, 1, row.number("rssi_dbm")?);
        let stay = stays.entry(start_us).or_insert((at_us, x_m, y_m));
        stay.0 = stay.0.max(at_us);
    }
    let mut positions = String::from("beacon,from_us,to_us,x_m,y_m,floor\n");
    for (from_us, (to_us, x_m, y_m)) in stays {
        let _ = writeln!(positions, "{},{from_us},{to_us},{x_m:.3},{y_m:.3},ground", recording::who(1));
    }
    Ok(Survey { recording: recording::lines(&mut source.receptions), positions })
}

/// One tag on a robot in a flat, six anchors with two radios each. Both radios of an anchor become one
/// receiver: they stand at one place and differ in polarisation only. Times are those at the server, which
/// may take several packets at once; a few step back and are sorted. Rooms and walls are read off the
/// outline; the entry room has no anchor. The tag's place is known three times a second while its
/// position was computed; receptions after that stay in the recording without a truth.
fn flat6(folder: &Path) -> Result<Converted> {
    const FLOOR_M: [f64; 2] = [9.07, 7.1];
    /// Rooms by the middle of their walls, metres.
    const ROOMS: [(&str, [f64; 4]); 6] = [
        ("entry", [0.0, 0.0, 1.98, 2.12]),
        ("hall", [1.98, 0.0, 3.96, 2.12]),
        ("bath", [3.96, 0.0, 6.27, 2.02]),
        ("west", [0.0, 2.12, 2.64, 7.1]),
        ("living", [2.64, 2.12, 6.32, 7.1]),
        ("east", [6.32, 4.19, 9.07, 7.1]),
    ];
    /// Brick wall at 2.4 GHz (ITU-R P.2040 gives 4 to 6 dB for 10 to 15 cm).
    const WALL_LOSS_DB: f64 = 5.0;
    let mut source = Source::new("flat6", FLOOR_M[0], FLOOR_M[1]);
    for (room, sides) in ROOMS {
        source.zone(room, sides, FLOOR_M);
    }
    let outline: Result<Vec<[f64; 2]>> =
        Csv::read(&folder.join("walls.csv"))?.rows().map(|row| Ok([row.number("x")?, row.number("y")?])).collect();
    source.wall(&outline?, WALL_LOSS_DB);
    for row in Csv::read(&folder.join("anchors.csv"))?.rows() {
        let name = format!("anchor-{}", row.text("anchor")?);
        source.receiver(&name, [row.number("x_m")?, row.number("y_m")?, row.number("z_m")?]);
    }
    for run in 1..=4 {
        for row in Csv::read(&folder.join(format!("calib{run}_raw.csv.gz")))?.rows() {
            let (at_us, name) = (micros_of_millis(row.number("unix_ms")?), format!("anchor-{}", row.text("anchor")?));
            source.heard(at_us, &name, 1, row.number("rssi_dbm")?);
        }
    }
    for row in Csv::read(&folder.join("calibration.csv.gz"))?.rows() {
        source.stood(micros_of_millis(row.number("unix_ms")?), 1, row.number("x_m")?, row.number("y_m")?);
    }
    Ok(source.finish())
}

/// People with tags in a building's entry; each tag stays in one of three zones. The vestibule is 2.35 m
/// of a corridor of 18.35 m; where it lies is not told, so it is put in the middle. Which phone stands at
/// which end is not told either: the first hears the tags outside 8 dB better, the second those inside, so
/// the first is put just outside the vestibule and the second just inside the building. The series is the
/// source's filtered one, 475 rows occur twice and stay, and no position is known beyond the zone.
fn itag_entry(folder: &Path) -> Result<Converted> {
    const FLOOR_M: [f64; 2] = [18.35, 3.0];
    const VESTIBULE_M: [f64; 2] = [8.0, 10.35];
    /// A phone stands a hand's breadth beyond the vestibule's door.
    const BEYOND_DOOR_M: f64 = 0.1;
    let mut source = Source::new("itag_entry", FLOOR_M[0], FLOOR_M[1]);
    source.zone("inside", [0.0, 0.0, VESTIBULE_M[0], FLOOR_M[1]], FLOOR_M);
    source.zone("vestibule", [VESTIBULE_M[0], 0.0, VESTIBULE_M[1], FLOOR_M[1]], FLOOR_M);
    source.zone("outside", [VESTIBULE_M[1], 0.0, FLOOR_M[0], FLOOR_M[1]], FLOOR_M);
    source.receiver("rx1", [VESTIBULE_M[1] + BEYOND_DOOR_M, FLOOR_M[1] / 2.0, 1.0]);
    source.receiver("rx2", [VESTIBULE_M[0] - BEYOND_DOOR_M, FLOOR_M[1] / 2.0, 1.0]);
    let mut tags: Vec<String> = Vec::new();
    for row in Csv::read(&folder.join("train.csv.gz"))?.rows() {
        let name = row.text("tag")?;
        let known = tags.iter().position(|tag| tag == name);
        let tag = known.unwrap_or_else(|| {
            tags.push(name.to_owned());
            tags.len() - 1
        }) as u16
            + 1;
        let at_us = micros_of_millis(row.number("unix_ms")?);
        source.heard(at_us, "rx1", tag, row.number("rssi_rx1")?);
        source.heard(at_us, "rx2", tag, row.number("rssi_rx2")?);
        let zone = match row.text("zone")? {
            "INSIDE" => "inside",
            "IN_VESTIBULE" => "vestibule",
            "OUTSIDE" => "outside",
            other => bail!("itag_entry: no zone {other}"),
        };
        source.was_in(at_us, tag, zone);
    }
    Ok(source.finish())
}
