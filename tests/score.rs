//! `scorecard`: runs every scenario and every measured walk, and compares the figures with the committed ones.
//!
//! In: the engine's scorecards beside this program, the measured data where it is at hand, `docs/accuracy.md`. Out:
//! one table; exit code 1 with a line for each figure that became worse. With UPDATE_ACCURACY=1 it writes the table
//! instead. Sections that cannot be run here are named and neither compared nor, when writing, lost.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use venue_tests::baselines::{Baseline, baseline};
use venue_tests::convert_trajectories::EXPERIMENTS;
use venue_tests::queueing::{Compared, at_a_gate, in_a_scenario};
use venue_tests::scorecard::{Row, Section, markdown, read_markdown, read_printed, worse};
use venue_tests::scoring::Score;
use venue_tests::surveys::{in_parts, located, located_after_calibration};
use venue_tests::{data_folder_or_skip, workspace};

/// The engine's scorecards, built as examples.
const CARDS: [&str; 3] = ["scorecard_positions", "scorecard_queues", "scorecard_counts"];

/// Measured sets with their headings.
const SETS: [(&str, &str); 3] = [
    ("tetam", "Measured: a cart in a laboratory, 12 receivers, four walks"),
    ("flat6", "Measured: a robot in a flat, 6 receivers, four runs"),
    ("itag_entry", "Measured: nine tags at a building's entry, 2 receivers"),
];

/// Queues through the whole gateway.
const GATES: &str =
    "People who really queued at a gate, their beacons simulated; floor is counting those heard exactly";
const HALL: &str = "A simulated lunch rush, phones at a third of the people, one receiver for each zone of 120 m2";

/// Shares of people heard at the gates.
const SHARES: [f64; 3] = [0.1, 0.2, 0.5];

/// People of the rush whose phone is heard: 0.35 carry any, each 0.95 on average.
const RUSH_SHARE: f64 = 0.33;

/// Any seed; the one the tests use.
const SEED: u64 = 7;

const COMMITTED: &str = "docs/accuracy.md";

const PREFACE: &str = "# Accuracy

How right the numbers are: `./check.sh accuracy` makes this table anew and fails where a figure became worse by more \
than 3 % and 0.005. `UPDATE_ACCURACY=1 ./check.sh accuracy` writes it. Simulated rows are means over fixed seeds, and \
statements about a model; measured rows are replays of recordings through the whole gateway with the settings that \
ship, and a calibration never sees what is scored. The baseline of a row is the named simpler method, the floor what \
no estimator can beat, both where known. Zones are shares of moments in which the likeliest zone is the true one.

Tables of queues by length, wait and forecast are those of the gap filter, told who joins and is served; the last two \
tables are queues through the whole gateway, which must see that by radio. People at a gate stand in a crowd, not in \
order, and no till serves them: what the gap filter assumes does not hold there. It counts only as much as it has \
foretold waits well, a tenth at the start; the count of those who are there decides.
";

fn main() -> Result<()> {
    let cards: Vec<(&str, Child)> = CARDS.iter().map(|card| Ok((*card, start(card)?))).collect::<Result<_>>()?;
    let mut sections = Vec::new();
    for (name, card) in cards {
        let ended = card.wait_with_output()?;
        ensure!(ended.status.success(), "{name} failed");
        sections.extend(read_printed(&String::from_utf8_lossy(&ended.stdout)));
    }
    if let Some(data) = data_folder_or_skip("scorecard: measured walks") {
        for (set, title) in SETS {
            let rows = measured(set, &data).with_context(|| format!("scoring {set}"))?;
            sections.push(Section { title: title.to_owned(), rows });
        }
        sections.push(Section { title: GATES.to_owned(), rows: gates(&data)? });
    }
    sections.push(Section { title: HALL.to_owned(), rows: hall()? });
    println!("{}", markdown(&sections));
    let path = workspace().join(COMMITTED);
    if std::env::var_os("UPDATE_ACCURACY").is_some() {
        return update(&path, sections);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("{COMMITTED} cannot be read"))?;
    let lines = worse(&sections, &read_markdown(&text)?);
    if lines.is_empty() {
        println!("no figure is worse than in {COMMITTED}");
        return Ok(());
    }
    bail!(
        "worse than in {COMMITTED}; mend it, or say in the commit why and write the table anew:\n{}",
        lines.join("\n")
    )
}

/// Writes the table; sections that could not be made here stay as they were.
fn update(path: &Path, mut sections: Vec<Section>) -> Result<()> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let made = |title: &str| sections.iter().any(|section| section.title == title);
    let measured = |section: &Section| section.title == GATES || SETS.iter().any(|(_, title)| *title == section.title);
    let kept: Vec<Section> =
        read_markdown(&before)?.into_iter().filter(|section| measured(section) && !made(&section.title)).collect();
    sections.extend(kept);
    std::fs::write(path, format!("{PREFACE}{}", markdown(&sections)))?;
    println!("written {}", path.display());
    Ok(())
}

fn start(card: &str) -> Result<Child> {
    let program = std::env::current_exe()?.with_file_name("examples").join(card);
    let child = Command::new(&program).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    child.with_context(|| {
        format!("{} cannot be started; build with cargo build --release --examples", program.display())
    })
}

/// Rows of one measured set, each beside the baseline that may learn as much.
fn measured(set: &str, data: &Path) -> Result<Vec<Row>> {
    let (converted, parts) = in_parts(set, data)?;
    let of = |which| baseline(which, &converted, &parts);
    let strongest = of(Baseline::Strongest)?;
    let (fingerprints, logistic) = (of(Baseline::Fingerprints)?, of(Baseline::Logistic)?);
    let (alone, calibrated) = (located(set, data)?, located_after_calibration(set, data)?);
    let mut rows = Vec::new();
    rows.extend(mean("nothing learned before: mean, m, beside the strongest receiver", &alone, &strongest));
    rows.push(zone("nothing learned before: zone, beside the strongest receiver", &alone, &strongest));
    rows.extend(mean("calibrated elsewhere: mean, m, beside nearest fingerprints", &calibrated, &fingerprints));
    rows.push(zone("calibrated elsewhere: zone, beside nearest fingerprints", &calibrated, &fingerprints));
    rows.push(zone("calibrated elsewhere: zone, beside logistic regression", &calibrated, &logistic));
    Ok(rows)
}

/// Lengths at gates: the mean error beside that of counting, and how often the interval holds.
fn gates(data: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for experiment in &EXPERIMENTS {
        for share in SHARES {
            let compared = at_a_gate(experiment, data, share, SEED)?;
            let what = format!("{}, p {share}", experiment.name);
            rows.push(length(&what, &compared));
        }
    }
    Ok(rows)
}

fn hall() -> Result<Vec<Row>> {
    let scenarios = workspace().join("firmware-sim/scenarios");
    let queues = in_a_scenario(&scenarios.join("lunch_rush.toml"), &scenarios.join("hall.toml"), RUSH_SHARE, SEED)?;
    Ok(queues.iter().map(|(queue, compared)| length(queue, compared)).collect())
}

/// The goal is half as much again as counting, and a person beside: what positions cost.
fn length(what: &str, compared: &Compared) -> Row {
    let Compared { true_mean, error_mean, counting_error, .. } = compared;
    Row {
        metric: format!("{what}, {true_mean:.1} people on average: mean error of the length"),
        ours: *error_mean,
        baseline: String::new(),
        floor: format!("{counting_error:.3}"),
        goal: format!("<= {:.3}", 1.5 * counting_error + 1.0),
    }
}

/// The goal is a tenth less error than the baseline's. No row where no positions are known.
fn mean(what: &str, ours: &Score, baseline: &Score) -> Option<Row> {
    let goal = format!("<= {:.3}", 0.9 * baseline.mean_m);
    let row = || row(what, ours.mean_m, baseline.mean_m, goal.clone());
    ours.mean_m.is_finite().then(row)
}

/// The goal is a tenth fewer wrong zones than the baseline's.
fn zone(what: &str, ours: &Score, baseline: &Score) -> Row {
    let goal = format!(">= {:.3}", 1.0 - 0.9 * (1.0 - baseline.zone_share));
    row(what, ours.zone_share, baseline.zone_share, goal)
}

fn row(metric: &str, ours: f64, baseline: f64, goal: String) -> Row {
    Row { metric: metric.to_owned(), ours, baseline: format!("{baseline:.3}"), floor: String::new(), goal }
}
