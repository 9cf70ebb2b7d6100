//! Queue lengths where the people are real.
//!
//! In: paths people walked through a gate, carried by the simulator's radio into a recording. Out: a table
//! of the error of the gateway's queue length against the counted one, and a failure
//! where that is worse than the named baseline.

use anyhow::Result;
use serde::Deserialize;
use std::path::Path;
use venue_tests::convert_trajectories::{EXPERIMENTS, Experiment, convert};
use venue_tests::simulation::Simulated;
use venue_tests::{data_folder_or_skip, programs};

/// Share of people heard; what `replay` believes when it is told nothing.
const SHARE: f64 = 0.5;
/// Any seed will do: the bar holds for each.
const SEED: u64 = 7;

/// Mean error over mean length (measured: 0.29 to 0.48; probes over penetration by the strongest receiver had 0.5
/// to 1.0, and told people up to 20 in a hall where nobody queued).
const ERROR_SHARE_MAX: f64 = 0.55;
/// Longest queue told over longest counted (measured: 0.75 to 1.5).
const PEAK_RANGE: std::ops::RangeInclusive<f64> = 0.65..=1.65;

/// Queue lengths of one experiment.
#[derive(Debug)]
struct Compared {
    moments: usize,
    true_mean: f64,
    true_max: f64,
    told_max: f64,
    error_mean: f64,
    bias: f64,
}

#[derive(Deserialize)]
struct QueueLine {
    at_us: i64,
    length: f64,
}

fn compare(experiment: &Experiment, data: &Path) -> Result<Compared> {
    let folder = tempfile::tempdir()?;
    let crowd = convert(experiment, data, SHARE)?;
    crowd.write(folder.path())?;
    let simulated = Simulated::run(&folder.path().join("scenario.toml"), SEED)?;
    let (recording, venue) = (simulated.recording(), folder.path().join("venue.toml"));
    let mut replay = programs::gateway_command(&["replay".as_ref(), recording.as_os_str()]);
    replay.arg("--venue").arg(venue).args(["--emit", "queues"]);
    let replayed = programs::run(&mut replay, b"", programs::PATIENCE)?.succeeded("replay")?;
    let told: Vec<QueueLine> = replayed.text().lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(against(&crowd.queue, &told))
}

/// Errors at every counted moment, with the last length told before it.
fn against(counted: &[(i64, f64)], told: &[QueueLine]) -> Compared {
    let errors: Vec<f64> = counted
        .iter()
        .map(|(at_us, people)| {
            let next = told.partition_point(|line| line.at_us <= *at_us);
            next.checked_sub(1).map_or(0.0, |last| told[last].length) - people
        })
        .collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / counted.len() as f64;
    Compared {
        moments: counted.len(),
        true_mean: mean(&mut counted.iter().map(|(_, people)| *people)),
        true_max: counted.iter().map(|(_, people)| *people).fold(0.0, f64::max),
        told_max: told.iter().map(|line| line.length).fold(0.0, f64::max),
        error_mean: mean(&mut errors.iter().map(|error| error.abs())),
        bias: mean(&mut errors.iter().copied()),
    }
}

#[test]
fn the_queue_is_seen_where_real_people_queue() {
    let Some(data) = data_folder_or_skip("trajectories::the_queue_is_seen") else { return };
    println!("experiment              moments true_mean true_max told_max mean_error   bias");
    let mut worse = Vec::new();
    for experiment in &EXPERIMENTS {
        let name = experiment.name;
        let compared = compare(experiment, &data).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let Compared { moments, true_mean, true_max, told_max, error_mean, bias } = compared;
        let row = format!(
            "{name:<23} {moments:>7} {true_mean:>9.1} {true_max:>8.0} {told_max:>8.0} {error_mean:>10.1} {bias:>6.1}"
        );
        println!("{row}");
        if error_mean > ERROR_SHARE_MAX * true_mean || !PEAK_RANGE.contains(&(told_max / true_max)) {
            worse.push(row);
        }
    }
    assert!(worse.is_empty(), "worse than the bar:\n{}", worse.join("\n"));
}
