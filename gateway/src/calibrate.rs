//! `calibrate`: what radio is like in this venue, learned from beacons whose places were noted.
//!
//! In: a recording, a floor plan, and a table of who stood where and when. Out: the site map beside the floor plan,
//! and a table of what each receiver learned. It refuses a table with a fault, telling its line, and writes nothing
//! when no advert of the recording belongs to a noted place.

use crate::cli::{Failure, load_venue};
use crate::radio::recording_file::Recording;
use crate::site_map;
use anyhow::{Context, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use venue_engine::advert::Address;
use venue_engine::beacon::{self, BeaconId};
use venue_engine::calibrate::{Label, Survey};
use venue_engine::radio_map::{Assumptions, Learned, RadioMap};
use venue_engine::recording::{Line, Source};
use venue_engine::time::Timestamp;
use venue_engine::venue::{FloorId, Venue};

/// First line of the table of positions.
const HEADER: &str = "beacon,from_us,to_us,x_m,y_m,floor";

/// Rows of the table: a position a second of a day.
const STAYS_MAX: usize = 100_000;

/// Options of `calibrate`.
#[derive(Args, Debug)]
pub struct CalibrateArguments {
    /// Recording in JSON lines, plain, zstd or gzip; `-` for standard input.
    recording: PathBuf,
    /// Floor plan; the map is written beside it.
    #[arg(long)]
    venue: PathBuf,
    /// Where beacons were: CSV with the columns beacon,from_us,to_us,x_m,y_m,floor.
    #[arg(long)]
    positions: PathBuf,
}

/// Whom a row of positions speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Carrier {
    Beacon(BeaconId),
    Address([u8; 6]),
}

/// Where somebody was for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stay {
    from: Timestamp,
    to: Timestamp,
    point: [f64; 2],
    floor: FloorId,
}

type Stays = BTreeMap<Carrier, Vec<Stay>>;

/// Learns the site map and writes it.
///
/// # Errors
/// Where a file cannot be read, positions have a fault, or nothing can be learned.
pub fn run(arguments: &CalibrateArguments) -> Result<(), Failure> {
    let venue = load_venue(&arguments.venue)?;
    let stays =
        read_positions(&arguments.positions, &venue).map_err(|error| Failure::Configuration(format!("{error:#}")))?;
    let map = RadioMap::new(&venue, Assumptions::default());
    let mut recording = Recording::open(&arguments.recording)?;
    let survey = survey(&mut recording, &venue, &map, &stays)?;
    if survey.seen(&map).iter().all(|(looks, _)| *looks == 0) {
        let why = "no advert of the recording belongs to a noted position; compare beacons and times of both";
        return Err(anyhow::anyhow!("{}: {why}", arguments.positions.display()).into());
    }
    let learned = survey.learn(&map);
    let path = site_map::write(&arguments.venue, &venue, &learned)?;
    report(&venue, &survey.seen(&map), &learned);
    println!("written {}", path.display());
    Ok(())
}

fn survey(recording: &mut Recording, venue: &Venue, map: &RadioMap, stays: &Stays) -> anyhow::Result<Survey> {
    let mut survey = Survey::default();
    let (mut labels, mut elsewhere, mut no_room) = (0u64, 0u64, 0u64);
    recording.for_each(|line| {
        let (Some(receiver), Some(rssi_dbm)) = (venue.receiver(&line.receiver), line.rssi_dbm) else { return Ok(()) };
        let Some(stay) = stay_of(&line, stays) else {
            elsewhere += 1;
            return Ok(());
        };
        let label = Label { at: line.at, receiver, point: stay.point, floor: stay.floor, rssi_dbm };
        let counter = if survey.add(map, &label) { &mut labels } else { &mut no_room };
        *counter += 1;
        Ok(())
    })?;
    eprintln!("{} lines read, {labels} heard at noted positions, {elsewhere} at none", recording.lines);
    if no_room > 0 {
        eprintln!("{no_room} left out: too many looks for one calibration; split the recording");
    }
    for (why, count) in &recording.refused {
        eprintln!("{count} lines refused: {why}");
    }
    Ok(survey)
}

/// Where the sender of a line was, if that was noted.
fn stay_of(line: &Line<'_>, stays: &Stays) -> Option<Stay> {
    let by_beacon = match line.source {
        Source::Beacon(id) => Some(id),
        _ => beacon::hear(line.payload).id,
    };
    let by_address = match line.source {
        Source::Address(Address { bytes, .. }) => Some(Carrier::Address(bytes)),
        _ => None,
    };
    let carriers = by_beacon.map(Carrier::Beacon).into_iter().chain(by_address);
    let stays = carriers.filter_map(|carrier| stays.get(&carrier)).next()?;
    let after = stays.partition_point(|stay| stay.from <= line.at);
    stays[..after].last().filter(|stay| line.at <= stay.to).copied()
}

/// Reads where beacons were, in any order of lines.
fn read_positions(path: &Path, venue: &Venue) -> anyhow::Result<Stays> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line.trim()) != Some(HEADER) {
        bail!("{name}:1: the first line must be {HEADER}");
    }
    let mut stays = Stays::new();
    for (count, (index, line)) in lines.filter(|(_, line)| !line.trim().is_empty()).enumerate() {
        let number = index + 1;
        if count >= STAYS_MAX {
            bail!("{name}:{number}: more than {STAYS_MAX} positions; split the calibration");
        }
        let (carrier, stay) = read_stay(line, venue).map_err(|why| anyhow::anyhow!("{name}:{number}: {why}"))?;
        stays.entry(carrier).or_default().push(stay);
    }
    stays.values_mut().for_each(|stays| stays.sort_by_key(|stay| stay.from));
    Ok(stays)
}

fn read_stay(line: &str, venue: &Venue) -> Result<(Carrier, Stay), String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [beacon, from_us, to_us, x_m, y_m, floor] = fields[..] else {
        return Err(format!("{} fields where there should be 6: {HEADER}", fields.len()));
    };
    let time = |text: &str| {
        let parsed: Result<i64, _> = text.parse();
        parsed.map(Timestamp::from_micros).map_err(|_| format!("\"{text}\" is no time in microseconds"))
    };
    let metres = |text: &str| {
        let parsed = text.parse::<f64>().ok().filter(|value| value.is_finite());
        parsed.ok_or_else(|| format!("\"{text}\" is no length in metres"))
    };
    let stay = Stay {
        from: time(from_us)?,
        to: time(to_us)?,
        point: [metres(x_m)?, metres(y_m)?],
        floor: read_floor(floor, venue)?,
    };
    if stay.to < stay.from {
        return Err(format!("it ends at {to_us}, before it begins at {from_us}"));
    }
    let on = &venue.floors[usize::from(stay.floor.0)];
    if !(0.0..=on.width_m).contains(&stay.point[0]) || !(0.0..=on.depth_m).contains(&stay.point[1]) {
        let (width_m, depth_m) = (on.width_m, on.depth_m);
        return Err(format!("({x_m}, {y_m}) is off floor \"{}\", which is {width_m} m by {depth_m} m", on.name));
    }
    Ok((read_carrier(beacon)?, stay))
}

fn read_carrier(text: &str) -> Result<Carrier, String> {
    if let Some(bytes) = address_of(text) {
        return Ok(Carrier::Address(bytes));
    }
    let beacon = text.parse().map(Carrier::Beacon);
    beacon.map_err(|why: String| format!("\"{text}\" is no beacon: {why}, or its address"))
}

/// The bytes of a text such as `c0:ff:ee:00:11:22`.
fn address_of(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split(':');
    let mut bytes = [0; 6];
    for byte in &mut bytes {
        *byte = parts.next().filter(|part| part.len() == 2).and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(bytes)
}

fn read_floor(text: &str, venue: &Venue) -> Result<FloorId, String> {
    if text.is_empty() && venue.floors.len() == 1 {
        return Ok(FloorId(0));
    }
    let found = venue.floors.iter().position(|floor| floor.name == text);
    let known = || venue.floors.iter().map(|floor| floor.name.as_str()).collect::<Vec<_>>().join(", ");
    found.map(|index| FloorId(index as u8)).ok_or_else(|| format!("no floor \"{text}\"; known floors: {}", known()))
}

fn report(venue: &Venue, seen: &[(usize, usize)], learned: &Learned) {
    println!("path loss exponent {:.2}", learned.exponent);
    println!("{:<24} {:>7} {:>7} {:>8}", "receiver", "looks", "cells", "gain dB");
    for ((receiver, (looks, cells)), taught) in venue.receivers.iter().zip(seen).zip(&learned.receivers) {
        println!("{:<24} {looks:>7} {cells:>7} {:>8.1}", receiver.name, taught.gain_db);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 10\n\
        [[floor]]\nname = \"u\"\nwidth_m = 20\ndepth_m = 10\n";
    const BEACON: &str = "ibeacon:00000000-0000-0000-0000-000000000001:1:2";

    fn stay(fields: &str) -> Result<(Carrier, Stay), String> {
        read_stay(&format!("{BEACON},{fields}"), &Venue::parse(PLAN).expect("a plan"))
    }

    #[test]
    fn a_row_is_a_stay_of_a_beacon() {
        let (carrier, stay) = stay("1000,2000,3.5,4,u").expect("a stay");
        assert_eq!(carrier, Carrier::Beacon(BEACON.parse().expect("a beacon")));
        assert_eq!(
            (stay.from.as_micros(), stay.to.as_micros(), stay.point, stay.floor.0),
            (1_000, 2_000, [3.5, 4.0], 1)
        );
    }

    #[test]
    fn faults_say_what_is_wrong() {
        let why = |fields: &str| stay(fields).expect_err("refused");
        assert_eq!(why("1,2,3"), format!("4 fields where there should be 6: {HEADER}"));
        assert_eq!(why("1,x,3,4,g"), "\"x\" is no time in microseconds");
        assert_eq!(why("2,1,3,4,g"), "it ends at 1, before it begins at 2");
        assert_eq!(why("1,2,3,44,g"), "(3, 44) is off floor \"g\", which is 20 m by 10 m");
        assert_eq!(why("1,2,3,4,"), "no floor \"\"; known floors: g, u");
        assert_eq!(why("1,2,nan,4,g"), "\"nan\" is no length in metres");
        let beacon = read_carrier("north").expect_err("refused");
        assert!(beacon.starts_with("\"north\" is no beacon: write ibeacon:"), "{beacon}");
    }

    #[test]
    fn addresses_have_six_bytes() {
        assert_eq!(address_of("c0:ff:ee:00:11:22"), Some([0xc0, 0xff, 0xee, 0, 0x11, 0x22]));
        assert_eq!(address_of("c0:ff:ee:00:11"), None);
        assert_eq!(address_of("c0:ff:ee:00:11:22:33"), None);
    }
}
