//! Prints how well queues, waits and forecasts are estimated, beside the named baselines, floors and goals.
//!
//! In: nothing, or a number of seeds. Out: one table; the last rows are the cost on this machine.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the cost rows need a clock")]

mod scorecard;

use scorecard::foretold::{Foretold, calibration_error, foretell, skill};
use scorecard::line::{Scenario, Shape};
use scorecard::scores::{Goal, Row, length_covered, mare, mean, print, rmse, wait_covered, wait_mae};
use scorecard::watch::{Sample, at, filter, watch};
use std::time::Instant;
use venue_engine::gap::GapFilter;
use venue_engine::identity::DeviceKey;
use venue_engine::venue::QueueId;

/// Runs of each scenario, unless told otherwise.
const SEEDS: u64 = 12;

/// First seed; those below were used to choose parameters.
const FIRST_SEED: u64 = 301;

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let seeds: Vec<u64> = (FIRST_SEED..FIRST_SEED + count).collect();
    print("Steady queue, load 0.95, learned rates", &steady(&seeds));
    print("Rush with a profile that is off by 20 %", &rush(&seeds));
    print("Rush with till events told (sales, busy tills)", &sales(&seeds));
    print("Worst seed: length RMSE over the better of scaling and rate x LES", &worst(&seeds));
    print("Rush at penetration 0.2 where assumptions fail", &stress(&seeds));
    print("Wait over the limit 15 min ahead: Brier skill over ideal's, M/M/2", &forecasts(&seeds));
    print("Cost", &cost());
}

fn run(scenario: &Scenario, seeds: &[u64], sales: bool) -> Vec<Vec<Sample>> {
    seeds.iter().map(|seed| watch(scenario, *seed, sales)).collect()
}

fn row(metric: String, ours: f64, baseline: Option<f64>, floor: Option<f64>, goal: Goal) -> Row {
    Row { metric, ours, baseline, floor, goal }
}

/// A score of one estimate of the length.
type Score = fn(&[Sample], fn(&Sample) -> f64) -> f64;

/// The better of the two baselines.
fn better(samples: &[Sample], score: Score) -> f64 {
    score(samples, |sample| sample.scaled).min(score(samples, |sample| sample.rate_times_last))
}

fn steady(seeds: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (p, goal) in [(0.1, 0.23), (0.25, 0.18), (0.5, 0.13)] {
        let samples = run(&Scenario::at(Shape::Steady(0.95), p), seeds, false).concat();
        let floor = mean(samples.iter().map(|sample| (1.0 - p) * (sample.length + 1.0 / p))).sqrt();
        let error = mare(&samples, |sample| sample.ours[0]);
        rows.push(row(
            format!("length MARE (Q >= 10), p {p}"),
            error,
            Some(better(&samples, mare)),
            None,
            Goal::Below(goal),
        ));
        let error = rmse(&samples, |sample| sample.ours[0]);
        rows.push(row(format!("length RMSE, p {p}"), error, Some(better(&samples, rmse)), Some(floor), Goal::Told));
        let covered = length_covered(&samples);
        rows.push(row(format!("length interval covers, p {p}"), covered, None, None, Goal::Within(0.86, 0.97)));
    }
    rows
}

fn rush(seeds: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (p, error_goal, wait_goal, known_goal) in [
        (0.1, Goal::Below(0.30), Goal::Above(0.30), Goal::Told),
        (0.2, Goal::Told, Goal::Above(0.33), Goal::Below(2.4)),
        (0.25, Goal::Below(0.21), Goal::Told, Goal::Told),
        (0.5, Goal::Below(0.16), Goal::Above(0.40), Goal::Below(1.8)),
    ] {
        let samples = run(&Scenario::at(Shape::Rush(0.2), p), seeds, false).concat();
        let error = mare(&samples, |sample| sample.ours[0]);
        rows.push(row(format!("length MARE (Q >= 10), p {p}"), error, Some(better(&samples, mare)), None, error_goal));
        rows.push(row(format!("wait MAE below LES, p {p}"), below_last(&samples), Some(0.0), None, wait_goal));
        let ours = wait_mae(&samples, |sample| sample.ours_wait_min[0]);
        let known = wait_mae(&samples, |sample| sample.known_wait_min);
        let last = wait_mae(&samples, |sample| sample.last_wait_min);
        rows.push(row(
            format!("wait MAE over full knowledge's, p {p}"),
            ours / known,
            Some(last / known),
            Some(1.0),
            known_goal,
        ));
        let (length, wait) = (length_covered(&samples), wait_covered(&samples));
        rows.push(row(format!("length interval covers, p {p}"), length, None, None, Goal::Within(0.86, 0.97)));
        rows.push(row(format!("wait interval covers, p {p}"), wait, None, None, Goal::Within(0.86, 0.97)));
    }
    rows
}

fn below_last(samples: &[Sample]) -> f64 {
    let last = wait_mae(samples, |sample| sample.last_wait_min);
    1.0 - wait_mae(samples, |sample| sample.ours_wait_min[0]) / last
}

fn sales(seeds: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (p, goal) in [(0.1, 0.40), (0.2, 0.40), (0.5, 0.45)] {
        let samples = run(&Scenario::at(Shape::Rush(0.2), p), seeds, true).concat();
        rows.push(row(format!("wait MAE below LES, p {p}"), below_last(&samples), Some(0.0), None, Goal::Above(goal)));
        let error = mare(&samples, |sample| sample.ours[0]);
        rows.push(row(format!("length MARE (Q >= 10), p {p}"), error, Some(better(&samples, mare)), None, Goal::Told));
    }
    rows
}

fn worst(seeds: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for deviation in [0.2, 0.3] {
        for p in [0.1, 0.2, 0.5] {
            let runs = run(&Scenario::at(Shape::Rush(deviation), p), seeds, false);
            let ratio = |samples: &Vec<Sample>| rmse(samples, |sample| sample.ours[0]) / better(samples, rmse);
            let worst = runs.iter().map(ratio).fold(0.0, f64::max);
            let over = runs.iter().filter(|samples| ratio(samples) > 1.05).count() as f64;
            rows.push(row(
                format!("worst of {}, profile off {deviation}, p {p}", runs.len()),
                worst,
                None,
                None,
                Goal::Below(1.05),
            ));
            rows.push(row(format!("runs above 1.05, profile off {deviation}, p {p}"), over, None, None, Goal::Told));
        }
    }
    rows
}

fn stress(seeds: &[u64]) -> Vec<Row> {
    let base = Scenario::default();
    let scenarios = [
        ("as is", base, 0.86),
        ("penetration believed 25 % high", Scenario { believed: 0.25, ..base }, 0.82),
        ("penetration believed 20 % low", Scenario { believed: 0.16, ..base }, 0.82),
        ("joins seen late, |N(0, 30 s)|", Scenario { late_min: 0.5, ..base }, 0.82),
        ("service cv 1.2", Scenario { service_cv: 1.2, ..base }, 0.82),
        ("service rate unknown, guessed 30 % high", Scenario { service_believed: (1.3, 4.0), ..base }, 0.82),
        ("profile off 0.3", Scenario { shape: Shape::Rush(0.3), ..base }, 0.82),
        ("profile off 0.5", Scenario { shape: Shape::Rush(0.5), parties: 2_000, ..base }, 0.82),
        ("reneging, patience 15 min", Scenario { patience_min: Some(15.0), ..base }, 0.82),
        ("parties of two", Scenario { party_size: 2.0, ..base }, 0.82),
        (
            "one of two tills closed for 80 min, steady 0.7",
            Scenario { closed: Some((400.0, 480.0)), shape: Shape::Steady(0.7), parties: 1_000, ..base },
            0.82,
        ),
    ];
    let mut rows = Vec::new();
    for (name, scenario, covered_min) in scenarios {
        let samples = run(&scenario, seeds, false).concat();
        let (error, baseline) = (rmse(&samples, |sample| sample.ours[0]), better(&samples, rmse));
        rows.push(row(format!("length RMSE, {name}"), error, Some(baseline), None, Goal::Below(baseline)));
        let covered = length_covered(&samples);
        rows.push(row(format!("length interval covers, {name}"), covered, None, None, Goal::Above(covered_min)));
        rows.push(row(format!("wait MAE below LES, {name}"), below_last(&samples), Some(0.0), None, Goal::Told));
    }
    rows
}

fn forecasts(seeds: &[u64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (load, limit_min) in [(0.8, 3.0), (0.9, 5.0), (0.95, 10.0)] {
        for p in [0.1, 0.2, 0.5] {
            let told: Vec<Foretold> = seeds.iter().flat_map(|seed| foretell(load, limit_min, p, *seed)).collect();
            let ideal = skill(&told, |one| one.ideal);
            let (ours, known) = (skill(&told, |one| one.ours) / ideal, skill(&told, |one| one.known_rates) / ideal);
            rows.push(row(
                format!("share of ideal skill, load {load}, p {p}"),
                ours,
                None,
                Some(known),
                Goal::Above(0.85),
            ));
            let error = calibration_error(&told);
            rows.push(row(format!("calibration error, load {load}, p {p}"), error, None, None, Goal::Below(0.03)));
        }
    }
    rows
}

/// Time of events and reports of a long line, and the size of a filter.
fn cost() -> Vec<Row> {
    let scenario = Scenario { penetration: 0.5, believed: 0.5, ..Scenario::default() };
    let mut filter = filter(&scenario, 300.0);
    let (mut events_us, mut reports_us, mut events, mut reports) = (0.0, 0.0, 0.0, 0.0);
    // Sixty probes wait at all times: one joins and one starts every minute.
    for number in 0..3_000_u64 {
        let minute = number as f64;
        let began = Instant::now();
        filter.probe_joined(at(minute), DeviceKey(number));
        if number >= 60 {
            filter.probe_started(at(minute + 0.5), DeviceKey(number - 60));
            filter.probe_left(at(minute + 0.9), DeviceKey(number - 60));
        }
        events_us += began.elapsed().as_secs_f64() * 1e6;
        events += if number >= 60 { 3.0 } else { 1.0 };
        let began = Instant::now();
        filter.report(QueueId(0), at(minute + 0.95));
        reports_us += began.elapsed().as_secs_f64() * 1e6;
        reports += 1.0;
    }
    let size = std::mem::size_of::<GapFilter>() as f64;
    vec![
        row("event, us, sixty probes waiting".into(), events_us / events, None, None, Goal::Below(50.0)),
        row("report with forecast, us".into(), reports_us / reports, None, None, Goal::Told),
        row("filter with nobody waiting, bytes".into(), size, None, None, Goal::Below(4_096.0)),
    ]
}
