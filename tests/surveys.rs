//! Measured walks located by the gateway, alone or after a calibration from elsewhere.
//!
//! In: a converted data set. Out: the gateway's score on it. A calibration never sees what is scored: the laboratory
//! is calibrated by still points of five months before, the flat by its other runs, the entry by its other tags.

use crate::convert_positioning::{Converted, convert, laboratory_survey};
use crate::programs;
use crate::scoring::{Score, score};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// A pause longer than this parts two runs.
const PAUSE_US: i64 = 60_000_000;

/// A position is known this long: as far as the next one in the sources.
const KNOWN_US: i64 = 1_000_000;

/// First line of a table of positions.
const HEADER: &str = "beacon,from_us,to_us,x_m,y_m,floor\n";

/// What there is to calibrate with: a recording, and where its beacons were.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Lines of a recording.
    pub recording: String,
    /// The table that `calibrate` reads.
    pub positions: String,
}

/// A part of a data set, and the survey it may be located with.
#[derive(Clone, Debug)]
pub struct Part {
    /// Lines of a recording.
    pub recording: String,
    /// What may be learned from.
    pub survey: Survey,
}

#[derive(Deserialize)]
struct Truth {
    at_us: i64,
    who: String,
    x_m: Option<f64>,
    y_m: Option<f64>,
    zone: Option<String>,
}

#[derive(Deserialize)]
struct When {
    at_us: i64,
    address: String,
}

/// The gateway's score on a set without any calibration.
///
/// # Errors
/// When data or program fail.
pub fn located(set: &str, data: &Path) -> Result<Score> {
    let converted = convert(set, data)?;
    let outputs = outputs(&converted.recording, &converted.venue_toml, None)?;
    score(&outputs, &converted.truth, &converted.venue_toml)
}

/// The gateway's score on a set after calibration by data that is not scored.
///
/// # Errors
/// When data or program fail.
pub fn located_after_calibration(set: &str, data: &Path) -> Result<Score> {
    let (converted, parts) = in_parts(set, data)?;
    let mut all = String::new();
    for part in &parts {
        all += &outputs(&part.recording, &converted.venue_toml, Some(&part.survey))?;
    }
    score(&all, &converted.truth, &converted.venue_toml)
}

/// A set in parts, none of which is in its own survey.
///
/// # Errors
/// When there is no such set or it is not as expected.
pub fn in_parts(set: &str, data: &Path) -> Result<(Converted, Vec<Part>)> {
    let converted = convert(set, data)?;
    let parts = match set {
        "tetam" => vec![Part { recording: converted.recording.clone(), survey: laboratory_survey(data)? }],
        "flat6" => runs(&converted)?,
        _ => tags(&converted)?,
    };
    Ok((converted, parts))
}

/// What `replay` prints for a recording, after `calibrate` with a survey.
fn outputs(recording: &str, venue_toml: &str, survey: Option<&Survey>) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| -> Result<_> {
        let path = folder.path().join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {name}"))?;
        Ok(path)
    };
    let (recording, venue) = (write("recording.jsonl", recording)?, write("venue.toml", venue_toml)?);
    if let Some(survey) = survey {
        let (walk, positions) = (write("survey.jsonl", &survey.recording)?, write("positions.csv", &survey.positions)?);
        let arguments = ["calibrate".as_ref(), walk.as_os_str(), "--venue".as_ref(), venue.as_os_str()];
        let mut command = programs::gateway_command(&arguments);
        command.arg("--positions").arg(&positions);
        programs::run(&mut command, b"", programs::PATIENCE)?.succeeded("calibrate")?;
        ensure!(folder.path().join("venue.map.json").is_file(), "calibrate wrote no map");
    }
    let arguments = ["replay".as_ref(), recording.as_os_str(), "--venue".as_ref(), venue.as_os_str()];
    let mut command = programs::gateway_command(&arguments);
    command.args(["--track-all", "--emit", "fixes"]);
    Ok(programs::run(&mut command, b"", programs::PATIENCE)?.succeeded("replay")?.text())
}

/// Each run with all others as its survey.
fn runs(set: &Converted) -> Result<Vec<Part>> {
    let mut spans: Vec<std::ops::Range<i64>> = Vec::new();
    for line in set.recording.lines() {
        let at_us = when(line)?.at_us;
        match spans.last_mut().filter(|span| at_us - span.end < PAUSE_US) {
            Some(span) => span.end = at_us + 1,
            None => spans.push(at_us..at_us + 1),
        }
    }
    let truths = truths(set)?;
    let part = |span: &std::ops::Range<i64>| -> Result<Part> {
        let mut part = Part { recording: String::new(), survey: Survey::default() };
        for line in set.recording.lines() {
            let here = span.contains(&when(line)?.at_us);
            let text = if here { &mut part.recording } else { &mut part.survey.recording };
            text.push_str(line);
            text.push('\n');
        }
        part.survey.positions = positions(truths.iter().filter(|truth| !span.contains(&truth.at_us)), &BTreeMap::new());
        Ok(part)
    };
    spans.iter().map(part).collect()
}

/// Each tag with all others as its survey; of those only the zone is known, so its middle stands for their places.
fn tags(set: &Converted) -> Result<Vec<Part>> {
    let truths = truths(set)?;
    let middles = zone_middles(&set.venue_toml)?;
    let mut by_address: BTreeMap<String, String> = BTreeMap::new();
    for line in set.recording.lines() {
        let text = by_address.entry(when(line)?.address).or_default();
        text.push_str(line);
        text.push('\n');
    }
    let part = |(address, recording): (&String, &String)| {
        let others = by_address.iter().filter(|(other, _)| *other != address);
        // The recording is to be in order of time, which the texts of two tags after another are not.
        let mut lines: Vec<&str> = others.flat_map(|(_, text)| text.lines()).collect();
        lines.sort_by_key(|line| when(line).map_or(0, |when| when.at_us));
        let survey = Survey { recording: lines.join("\n"), positions: positions(truths.iter(), &middles) };
        Part { recording: recording.clone(), survey }
    };
    Ok(by_address.iter().map(part).collect())
}

fn when(line: &str) -> Result<When> {
    serde_json::from_str(line).with_context(|| format!("no recording line: {line}"))
}

fn truths(set: &Converted) -> Result<Vec<Truth>> {
    set.truth.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no truth line: {line}"))).collect()
}

/// The table of positions: each holds until the next, a second at most.
fn positions<'t>(truths: impl Iterator<Item = &'t Truth>, middles: &BTreeMap<String, [f64; 2]>) -> String {
    let mut by_who: BTreeMap<&str, Vec<&Truth>> = BTreeMap::new();
    truths.for_each(|truth| by_who.entry(&truth.who).or_default().push(truth));
    let mut text = String::from(HEADER);
    for (who, mut truths) in by_who {
        truths.sort_by_key(|truth| truth.at_us);
        for (index, truth) in truths.iter().enumerate() {
            let next_us = truths.get(index + 1).map_or(i64::MAX, |next| next.at_us - 1);
            let to_us = next_us.min(truth.at_us + KNOWN_US).max(truth.at_us);
            let place = truth.x_m.zip(truth.y_m).map(|(x_m, y_m)| [x_m, y_m]);
            let middle = || truth.zone.as_ref().and_then(|zone| middles.get(zone).copied());
            if let Some([x_m, y_m]) = place.or_else(middle) {
                let _ = writeln!(text, "{who},{},{to_us},{x_m:.3},{y_m:.3},", truth.at_us);
            }
        }
    }
    text
}

fn zone_middles(venue_toml: &str) -> Result<BTreeMap<String, [f64; 2]>> {
    let venue = venue_engine::venue::Venue::parse(venue_toml).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let middle =
        |zone: &venue_engine::venue::Zone| (zone.name.clone(), venue_engine::geometry::centroid(&zone.polygon));
    Ok(venue.zones.iter().map(middle).collect())
}
