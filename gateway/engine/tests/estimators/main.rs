//! Our off-policy estimators beside those of the Open Bandit Pipeline, on its own logged data.
//!
//! In: 10 000 logged impressions of an evenly drawing policy and of a learning one (Saito et al. 2021), and
//! Python with `obp`. Out: a failure where an estimate differs by more than a millionth. Where the data or the
//! package is missing it says so and compares nothing: set `VENUE_DATA` and `VENUE_PYTHON`.

#![allow(clippy::disallowed_methods, reason = "a test is told where Python and the data are by its environment")]

use flate2::read::GzDecoder;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;
use venue_engine::offers::evaluation::{Round, dr_os_at, evaluate, switch_dr_at};

/// Largest difference from the other program.
const DIFFERENCE_MAX: f64 = 1e-6;
const ITEMS: usize = 80;
const SWITCH_AT: f64 = 5.0;
const SHRUNK_AT: f64 = 30.0;
/// Weight of the prior of an item's click rate, in impressions, and that rate.
const PRIOR: (f64, f64) = (100.0, 0.004);

/// The other program, given the same file and the same stated policy and estimate.
const THEIRS: &str = include_str!("open_bandit.py");

fn data(name: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().skip(1).map(|folder| folder.join("shared/data"));
    let folders = std::env::var_os("VENUE_DATA").map(PathBuf::from).into_iter().chain(beside);
    folders.map(|folder| folder.join("offers").join(name)).find(|path| path.exists())
}

/// Item, click and propensity of each impression.
fn impressions(path: &PathBuf) -> Vec<(usize, f64, f64)> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).expect("there")).read_to_string(&mut text).expect("text");
    let names: Vec<&str> = text.lines().next().expect("names").split(',').collect();
    let place = |name: &str| names.iter().position(|known| *known == name).expect("a column");
    let (item, click, propensity) = (place("item_id"), place("click"), place("propensity_score"));
    let row = |line: &str| {
        let words: Vec<&str> = line.split(',').collect();
        let number = |place: usize| words[place].parse::<f64>().expect("a number");
        (number(item) as usize, number(click), number(propensity))
    };
    text.lines().skip(1).map(row).collect()
}

/// The other policy: likelier the higher the item's number, the same for everybody.
fn policy() -> Vec<f64> {
    let weights: Vec<f64> = (0..ITEMS).map(|item| 1.0 + (item % 7) as f64).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn rounds(impressions: &[(usize, f64, f64)]) -> Vec<Round> {
    let (policy, mut clicks, mut shown) = (policy(), [0.0; ITEMS], [0.0; ITEMS]);
    for (item, click, _) in impressions {
        clicks[*item] += click;
        shown[*item] += 1.0;
    }
    let estimates: Vec<f64> =
        (0..ITEMS).map(|item| (clicks[item] + PRIOR.0 * PRIOR.1) / (shown[item] + PRIOR.0)).collect();
    let estimate_target = policy.iter().zip(&estimates).map(|(share, estimate)| share * estimate).sum();
    let round = |(item, reward, logged): &(usize, f64, f64)| Round {
        reward: *reward,
        logged: *logged,
        target: policy[*item],
        estimate: estimates[*item],
        estimate_target,
    };
    impressions.iter().map(round).collect()
}

/// What the other program says: five numbers.
fn theirs(path: &PathBuf) -> Option<Vec<f64>> {
    let python = std::env::var("VENUE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python).arg("-c").arg(THEIRS).arg(path).output().ok()?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.lines().last().unwrap_or_default().to_owned();
        assert!(why.contains("No module named"), "obp is there and failed: {why}");
        println!("SKIPPED: {python}: {why}; set VENUE_PYTHON to one that has obp");
        return None;
    }
    Some(told.split_whitespace().map(|number| number.parse().expect("a number")).collect())
}

#[test]
fn estimates_agree_with_the_open_bandit_pipeline() {
    for name in ["obd_random_all.csv.gz", "obd_bts_all.csv.gz"] {
        let Some(path) = data(name) else {
            println!("SKIPPED: no {name}; set VENUE_DATA to the folder that holds offers/{name}");
            continue;
        };
        let rounds = rounds(&impressions(&path));
        let found = evaluate(&rounds);
        let ours = [
            found.ips.mean,
            found.snips.mean,
            found.dr.mean,
            switch_dr_at(&rounds, SWITCH_AT).mean,
            dr_os_at(&rounds, SHRUNK_AT).mean,
        ];
        assert!(ours.iter().all(|value| (0.0..0.1).contains(value)), "{ours:?}");
        let Some(theirs) = theirs(&path) else { continue };
        println!("{name}: ours {ours:?}, obp {theirs:?}, effective sample size {:.0}", found.effective);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!((ours - theirs).abs() <= DIFFERENCE_MAX, "{name}: {ours} beside {theirs}");
        }
        assert_eq!(theirs.len(), ours.len());
    }
}
