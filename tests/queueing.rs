//! How right the gateway's queue lengths are, on people who really queued and on a simulated lunch rush.
//!
//! In: recorded paths or a scenario, the share of people who are heard. Out: lengths told beside lengths counted. The
//! gateway is told the share and nothing else; positions, joins and departures are its own.

use crate::convert_trajectories::{Experiment, convert};
use crate::programs;
use crate::simulation::Simulated;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A queue of which length was counted and told.
#[derive(Debug)]
pub struct Compared {
    /// Moments compared.
    pub moments: usize,
    /// Mean and largest length counted.
    pub true_mean: f64,
    /// Largest length counted.
    pub true_max: f64,
    /// Largest length told.
    pub told_max: f64,
    /// Mean absolute error, people.
    pub error_mean: f64,
    /// Mean error, people.
    pub bias: f64,
    /// Share of moments with the counted length in the 90 % interval told.
    pub covered: f64,
    /// Mean absolute error of counting exactly those who are heard: normal with variance `Q (1 - p) / p`.
    pub counting_error: f64,
}

/// Length, and its interval, told at a moment.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Told {
    at_us: i64,
    length: f64,
    length_low: f64,
    length_high: f64,
}

#[derive(Deserialize)]
struct QueueLine {
    kind: String,
    queue: String,
    #[serde(flatten)]
    told: Told,
}

#[derive(Deserialize)]
struct TrueLine {
    at_us: i64,
    queue: String,
    length: f64,
}

/// People at a gate, walking as they did.
///
/// # Errors
/// When data are missing or a program fails.
pub fn at_a_gate(experiment: &Experiment, data: &Path, share: f64, seed: u64) -> Result<Compared> {
    let folder = tempfile::tempdir()?;
    let crowd = convert(experiment, data, share)?;
    crowd.write(folder.path())?;
    let simulated = Simulated::run(&folder.path().join("scenario.toml"), seed)?;
    let told = told(&simulated, &folder.path().join("venue.toml"), share)?;
    let told = told.get("gate").context("no queue was told")?;
    Ok(against(&crowd.queue, told, share))
}

/// All queues of a scenario that ships, by name; its first ten minutes, in which the hall fills, are left out.
///
/// # Errors
/// When a program fails.
pub fn in_a_scenario(scenario: &Path, venue: &Path, share: f64, seed: u64) -> Result<BTreeMap<String, Compared>> {
    let simulated = Simulated::run(scenario, seed)?;
    let told = told(&simulated, venue, share)?;
    let mut counted: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for line in simulated.truth()?.lines().filter(|line| line.contains("\"kind\":\"queue\"")) {
        let line: TrueLine = serde_json::from_str(line)?;
        counted.entry(line.queue).or_default().push((line.at_us, line.length));
    }
    let begin = counted.values().filter_map(|lengths| lengths.first()).map(|(at_us, _)| *at_us).min().unwrap_or(0);
    counted.values_mut().for_each(|lengths| lengths.retain(|(at_us, _)| *at_us >= begin + 600_000_000));
    let compare = |(queue, counted): (String, Vec<(i64, f64)>)| {
        let compared = against(&counted, told.get(&queue)?, share);
        Some((queue, compared))
    };
    Ok(counted.into_iter().filter_map(compare).collect())
}

fn told(simulated: &Simulated, venue: &Path, share: f64) -> Result<BTreeMap<String, Vec<Told>>> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, format!("[engine]\npenetration = {share:.3}\n"))?;
    let recording = simulated.recording();
    let mut replay = programs::gateway_command(&["replay".as_ref(), recording.as_os_str()]);
    replay.arg("--venue").arg(venue).arg("--config").arg(config).args(["--emit", "queues"]);
    let replayed = programs::run(&mut replay, b"", programs::PATIENCE)?.succeeded("replay")?;
    let mut queues: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for line in replayed.text().lines() {
        let line: QueueLine = serde_json::from_str(line)?;
        if line.kind == "queue" {
            queues.entry(line.queue).or_default().push(line.told);
        }
    }
    Ok(queues)
}

/// Errors at every counted moment, with the last length told before it.
fn against(counted: &[(i64, f64)], told: &[Told], share: f64) -> Compared {
    let nothing = Told { at_us: 0, length: 0.0, length_low: 0.0, length_high: 0.0 };
    let at = |at_us: i64| {
        let next = told.partition_point(|line| line.at_us <= at_us);
        next.checked_sub(1).map_or(nothing, |last| told[last])
    };
    let mean = |value: &dyn Fn(f64, Told) -> f64| {
        counted.iter().map(|(at_us, people)| value(*people, at(*at_us))).sum::<f64>() / counted.len() as f64
    };
    let covered = |people: f64, told: Told| (told.length_low..=told.length_high).contains(&people);
    Compared {
        moments: counted.len(),
        true_mean: mean(&|people, _| people),
        true_max: counted.iter().map(|(_, people)| *people).fold(0.0, f64::max),
        told_max: told.iter().map(|line| line.length).fold(0.0, f64::max),
        error_mean: mean(&|people, told| (told.length - people).abs()),
        bias: mean(&|people, told| told.length - people),
        covered: mean(&|people, told| f64::from(u8::from(covered(people, told)))),
        // The mean absolute value of a normal variable is sqrt(2 / pi) of its standard deviation.
        counting_error: mean(&|people, _| (2.0 / std::f64::consts::PI * people * (1.0 - share) / share).sqrt()),
    }
}
