//! Measured walks: a cart in a laboratory, a robot in a flat, tags in a building's entry.
//!
//! In: the measured positioning data, named by VENUE_DATA or beside this repository. Out: position errors and
//! right zones, without any calibration and with labelled moments of other times. It drops strengths of 0 dBm and
//! more, which are glitches, and skips with a printed line where there is no data.

use super::{Figure, Goal, Heard, LAG_US, Located, Score, check};
use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use venue_engine::calibrate::{Label, learn};
use venue_engine::radio_map::{Assumptions, RadioMap};
use venue_engine::time::Timestamp;
use venue_engine::venue::{FloorId, ReceiverId, Venue, ZoneId};

/// Spacing of moments asked for: that of the published baselines.
const MOMENT_US: i64 = 500_000;

/// A gap longer than this parts two walks.
const PAUSE_US: i64 = 60_000_000;

/// Room around a measured floor, metres: receivers stand on its walls.
const MARGIN_M: f64 = 0.5;

/// What is known of a device at a moment.
#[derive(Clone, Copy, Debug)]
struct Truth {
    at_us: i64,
    device: usize,
    point: Option<[f64; 2]>,
    zone: Option<ZoneId>,
}

/// A data set: what was heard and where the devices were, both in order of time.
struct Walks {
    venue: Venue,
    heard: Vec<Heard>,
    truth: Vec<Truth>,
}

#[allow(clippy::disallowed_methods, reason = "a test may look for its data; the engine itself reads no environment")]
fn data_or_skip(set: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("VENUE_DATA").map_or(beside, PathBuf::from).join("positioning").join(set);
    if !folder.is_dir() {
        println!("skipped: no measured data {set}; name the folder of data in VENUE_DATA");
        return None;
    }
    Some(folder)
}

/// Rows of a CSV file without quotes, by column.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let bytes = std::fs::read(path).expect("readable");
    let mut text = String::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("gzip");
    } else {
        text = String::from_utf8(bytes).expect("text");
    }
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| columns.iter().map(|c| (*c).to_owned()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().expect("a number")
}

fn strength(row: &BTreeMap<String, String>, column: &str) -> Option<i8> {
    Some(number(row, column)).filter(|level| (-127.0..0.0).contains(level)).map(|level| level.round() as i8)
}

fn plan(width_m: f64, depth_m: f64) -> String {
    let (width_m, depth_m) = (width_m + 2.0 * MARGIN_M, depth_m + 2.0 * MARGIN_M);
    format!("name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = {width_m:.3}\ndepth_m = {depth_m:.3}\n")
}

fn add_zone(plan: &mut String, name: &str, sides: [f64; 4]) {
    let [x0, y0, x1, y1] = sides.map(|side| side + MARGIN_M);
    let _ = write!(
        plan,
        "[[zone]]\nname = \"{name}\"\npolygon = [[{x0}, {y0}], [{x1}, {y0}], [{x1}, {y1}], [{x0}, {y1}]]\n"
    );
}

fn add_receiver(plan: &mut String, name: &str, [x, y, z]: [f64; 3]) {
    let (x, y) = (x + MARGIN_M, y + MARGIN_M);
    let _ = write!(plan, "[[receiver]]\nname = \"{name}\"\nx_m = {x:.3}\ny_m = {y:.3}\nz_m = {z:.3}\n");
}

fn place(row: &BTreeMap<String, String>) -> [f64; 3] {
    ["x_m", "y_m", "z_m"].map(|column| number(row, column))
}

impl Walks {
    fn new(venue: Venue, mut heard: Vec<Heard>, truth: Vec<Truth>) -> Self {
        heard.sort_by_key(|heard| heard.at_us);
        let mut first: BTreeMap<(i64, usize), Truth> = BTreeMap::new();
        for truth in truth {
            first.entry((truth.at_us.div_euclid(MOMENT_US), truth.device)).or_insert(truth);
        }
        Self { venue, heard, truth: first.into_values().collect() }
    }

    /// What happens while `within` holds.
    fn part(&self, within: impl Fn(i64) -> bool) -> Self {
        let heard = self.heard.iter().filter(|heard| within(heard.at_us)).copied().collect();
        let truth = self.truth.iter().filter(|truth| within(truth.at_us)).copied().collect();
        Self { venue: self.venue.clone(), heard, truth }
    }

    /// Strengths with the place they were sent from.
    fn labels(&self) -> Vec<Label> {
        let label = |heard: &Heard| {
            let after = self.truth.partition_point(|truth| truth.at_us < heard.at_us);
            let around = self.truth[after.saturating_sub(1)..].iter().take(2);
            let near = around.min_by_key(|truth| (truth.at_us - heard.at_us).abs())?;
            let point = near.point.filter(|_| (near.at_us - heard.at_us).abs() < MOMENT_US)?;
            let at = Timestamp::from_micros(heard.at_us);
            Some(Label { at, receiver: heard.receiver, point, floor: FloorId(0), rssi_dbm: heard.rssi_dbm })
        };
        self.heard.iter().filter_map(label).collect()
    }

    /// Locates every device every half second, as the engine does, and compares with the nearest truth.
    fn score(&self, map: RadioMap) -> Score {
        let devices = self.truth.iter().map(|truth| truth.device + 1).max().unwrap_or(0);
        let mut located = Located::new(&self.venue, map, devices);
        let mut score = Score::default();
        let mut heard = self.heard.iter().peekable();
        for truth in &self.truth {
            let now_us = (truth.at_us + MOMENT_US / 2).div_euclid(MOMENT_US) * MOMENT_US;
            while let Some(next) = heard.next_if(|next| next.at_us < now_us + LAG_US) {
                located.hear(next);
            }
            if let Some((posterior, chosen)) = located.locate(truth.device, now_us) {
                score.add(&posterior, chosen, truth.point, truth.zone);
            }
        }
        score
    }
}

fn truth_at(venue: &Venue, at_us: i64, device: usize, x_m: f64, y_m: f64) -> Truth {
    let point = [x_m + MARGIN_M, y_m + MARGIN_M];
    Truth { at_us, device, point: Some(point), zone: venue.zone_at(FloorId(0), point) }
}

/// One beacon on a pushed cart, twelve receivers, four walks.
fn laboratory(folder: &Path) -> Walks {
    let mut plan = plan(20.66, 17.64);
    for row in rows(&folder.join("zones_3x3.csv")) {
        let sides = ["x0_m", "y0_m", "x1_m", "y1_m"].map(|column| number(&row, column));
        add_zone(&mut plan, &row["zone"], sides);
    }
    rows(&folder.join("sensors.csv")).iter().for_each(|row| add_receiver(&mut plan, &row["sensor"], place(row)));
    let venue = Venue::parse(&plan).expect("a plan");
    let (mut heard, mut truth) = (Vec::new(), Vec::new());
    for file in std::fs::read_dir(folder.join("tracks")).expect("tracks").flatten() {
        for row in rows(&file.path()) {
            let at_us = (number(&row, "unix_s") * 1e6) as i64;
            let receiver = venue.receiver(&row["sensor"]).expect("a receiver");
            heard.extend(strength(&row, "rssi_dbm").map(|rssi_dbm| Heard { at_us, device: 0, receiver, rssi_dbm }));
            truth.push(truth_at(&venue, at_us, 0, number(&row, "x_m"), number(&row, "y_m")));
        }
    }
    truth.sort_by_key(|truth| truth.at_us);
    Walks::new(venue, heard, truth)
}

/// Still points measured five months before the walks.
fn laboratory_labels(folder: &Path, venue: &Venue) -> Vec<Label> {
    let label = |row: BTreeMap<String, String>| {
        let at_s = number(&row, "start_unix_s") + number(&row, "t_s");
        Some(Label {
            at: Timestamp::from_micros((at_s * 1e6) as i64),
            receiver: venue.receiver(&row["sensor"])?,
            point: [number(&row, "x_m") + MARGIN_M, number(&row, "y_m") + MARGIN_M],
            floor: FloorId(0),
            rssi_dbm: strength(&row, "rssi_dbm")?,
        })
    };
    rows(&folder.join("fingerprints_set1_first120s.csv.gz")).into_iter().filter_map(label).collect()
}

/// A tag on a robot in a flat, six receivers of two radios each, four runs. The flat's outline is its walls.
fn flat(folder: &Path) -> Walks {
    /// Rooms by the middle of their walls, metres.
    const ROOMS: [(&str, [f64; 4]); 6] = [
        ("entry", [0.0, 0.0, 1.98, 2.12]),
        ("hall", [1.98, 0.0, 3.96, 2.12]),
        ("bath", [3.96, 0.0, 6.27, 2.02]),
        ("west", [0.0, 2.12, 2.64, 7.1]),
        ("living", [2.64, 2.12, 6.32, 7.1]),
        ("east", [6.32, 4.19, 9.07, 7.1]),
    ];
    let mut plan = plan(9.07, 7.1);
    ROOMS.iter().for_each(|(name, sides)| add_zone(&mut plan, name, *sides));
    let corner =
        |row: &BTreeMap<String, String>| format!("[{}, {}]", number(row, "x") + MARGIN_M, number(row, "y") + MARGIN_M);
    let outline: Vec<String> = rows(&folder.join("walls.csv")).iter().map(corner).collect();
    let _ = write!(plan, "[[wall]]\npoints = [{}]\nloss_db = 5\n", outline.join(", "));
    rows(&folder.join("anchors.csv")).iter().for_each(|row| add_receiver(&mut plan, &row["anchor"], place(row)));
    let venue = Venue::parse(&plan).expect("a plan");
    let mut heard = Vec::new();
    for run in 1..=4 {
        for row in rows(&folder.join(format!("calib{run}_raw.csv.gz"))) {
            let (at_us, receiver) = (number(&row, "unix_ms") as i64 * 1_000, venue.receiver(&row["anchor"]));
            let receiver = receiver.expect("a receiver");
            heard.extend(strength(&row, "rssi_dbm").map(|rssi_dbm| Heard { at_us, device: 0, receiver, rssi_dbm }));
        }
    }
    let truth = rows(&folder.join("calibration.csv.gz"));
    let stood = |row: &BTreeMap<String, String>| {
        truth_at(&venue, number(row, "unix_ms") as i64 * 1_000, 0, number(row, "x_m"), number(row, "y_m"))
    };
    let truth = truth.iter().map(stood).collect();
    Walks::new(venue, heard, truth)
}

/// Nine tags, each in one of three zones, two receivers at the ends of the middle one. The two columns belong to
/// one advert each.
fn entry(folder: &Path) -> Walks {
    const ZONES: [(&str, [f64; 4]); 3] = [
        ("INSIDE", [0.0, 0.0, 8.0, 3.0]),
        ("IN_VESTIBULE", [8.0, 0.0, 10.35, 3.0]),
        ("OUTSIDE", [10.35, 0.0, 18.35, 3.0]),
    ];
    let mut plan = plan(18.35, 3.0);
    ZONES.iter().for_each(|(name, sides)| add_zone(&mut plan, name, *sides));
    add_receiver(&mut plan, "rx1", [10.45, 1.5, 1.0]);
    add_receiver(&mut plan, "rx2", [7.9, 1.5, 1.0]);
    let venue = Venue::parse(&plan).expect("a plan");
    let (mut heard, mut truth, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows(&folder.join("train.csv.gz")) {
        let device = tags.iter().position(|tag| *tag == row["tag"]).unwrap_or_else(|| {
            tags.push(row["tag"].clone());
            tags.len() - 1
        });
        let at_us = number(&row, "unix_ms") as i64 * 1_000;
        for (index, column) in ["rssi_rx1", "rssi_rx2"].iter().enumerate() {
            let receiver = ReceiverId(index as u8);
            heard.extend(strength(&row, column).map(|rssi_dbm| Heard { at_us, device, receiver, rssi_dbm }));
        }
        truth.push(Truth { at_us, device, point: None, zone: venue.zone(&row["zone"]) });
    }
    Walks::new(venue, heard, truth)
}

/// The time spans of walks between pauses.
fn spans(walks: &Walks) -> Vec<std::ops::Range<i64>> {
    let mut spans: Vec<std::ops::Range<i64>> = Vec::new();
    for heard in &walks.heard {
        match spans.last_mut().filter(|span| heard.at_us - span.end < PAUSE_US) {
            Some(span) => span.end = heard.at_us + 1,
            None => spans.push(heard.at_us..heard.at_us + 1),
        }
    }
    spans
}

fn figures(set: &str, score: &Score, mean: (f64, f64), zone: (f64, f64)) -> [Figure; 2] {
    let name = |what: &str| format!("{set}: {what}");
    [
        Figure { name: name("mean, m"), ours: score.mean_m(), baseline: mean.0, goal: Goal::AtMost(mean.1) },
        Figure { name: name("zone"), ours: score.likeliest_share(), baseline: zone.0, goal: Goal::AtLeast(zone.1) },
    ]
}

/// Baselines of the data's notes: without calibration the power-weighted centroid of the best four receivers,
/// with it the four nearest fingerprints.
#[test]
fn the_laboratory_walks_beat_centroid_and_fingerprints() {
    let Some(folder) = data_or_skip("tetam") else { return };
    let walks = laboratory(&folder);
    let map = RadioMap::new(&walks.venue, Assumptions::default());
    let mut taught = map.clone();
    assert!(taught.apply(&learn(&map, &laboratory_labels(&folder, &walks.venue))));
    let alone = figures("laboratory, no calibration", &walks.score(map), (2.54, 2.1), (0.64, 0.70));
    let with = figures("laboratory, fingerprints", &walks.score(taught), (2.14, 1.9), (0.76, 0.76));
    check(&alone.into_iter().chain(with).collect::<Vec<_>>());
}

/// Baselines: the centroid as above, 1.75 m and 66 %; the strongest receiver's room is right in 73 %.
#[test]
fn the_flat_beats_the_centroid_and_calibration_by_other_runs_helps() {
    let Some(folder) = data_or_skip("flat6") else { return };
    let walks = flat(&folder);
    let map = RadioMap::new(&walks.venue, Assumptions::default());
    let alone = walks.score(map.clone());
    let mut taught = Score::default();
    for span in spans(&walks) {
        let (here, elsewhere) = (walks.part(|at| span.contains(&at)), walks.part(|at| !span.contains(&at)));
        let mut map = map.clone();
        assert!(map.apply(&learn(&map, &elsewhere.labels())));
        taught.merge(here.score(map));
    }
    let alone = figures("flat, no calibration", &alone, (1.75, 1.4), (0.73, 0.78));
    let with = figures("flat, calibrated by other runs", &taught, (1.75, 1.3), (0.73, 0.80));
    check(&alone.into_iter().chain(with).collect::<Vec<_>>());
}

/// No distances are known here beyond the zones; the strongest receiver can never name the one in the middle.
#[test]
fn the_entry_is_told_apart_with_two_receivers() {
    let Some(folder) = data_or_skip("itag_entry") else { return };
    let walks = entry(&folder);
    let score = walks.score(RadioMap::new(&walks.venue, Assumptions::default()));
    let ours = score.likeliest_share();
    check(&[Figure { name: "entry, no calibration: zone".into(), ours, baseline: 0.64, goal: Goal::AtLeast(0.70) }]);
}
