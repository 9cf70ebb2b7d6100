//! Prints how well offers steer and learn, beside the named baselines, the floors and the goals.

mod scorecard;

use scorecard::herd::{Herd, Herded, Steering, run};
use scorecard::lessons::{Lesson, learn};
use scorecard::scores::{Goal, Row, mean, print};

/// Runs of two stands: enough that a mean wait is known within about 0.05 min.
const HERDS: std::ops::Range<u64> = 1..13;
/// Venues that learn.
const VENUES: std::ops::Range<u64> = 10..22;
/// Mean wait if both stands were one with four servers, minutes: nothing that only moves people does better
/// (the reference simulation of the method).
const POOLED_MIN: f64 = 0.84;

fn main() {
    print("Two stands: mean wait in min (baseline: no control; floor: one pooled queue)", &steering());
    print("Learning: share of the possible gain over even drawing (baseline: best estimate always)", &learning());
}

fn steering() -> Vec<Row> {
    let stale = Herd { lag_min: (3.0, 12.0), every_min: 10.0, ..Herd::default() };
    let scenarios = [
        ("5 % movable", Herd { reached: 0.2, follows: 0.25, ..Herd::default() }, Goal::Told),
        ("20 % movable", Herd::default(), Goal::Below(1.65)),
        ("81 % movable", Herd { reached: 0.9, follows: 0.9, ..Herd::default() }, Goal::Below(1.35)),
        ("20 % movable, state 10 min old", stale, Goal::Told),
        ("81 % movable, state 10 min old", Herd { reached: 0.9, follows: 0.9, ..stale }, Goal::Below(1.85)),
        ("20 % movable, lengths off by 3", Herd { noise: 3.0, ..Herd::default() }, Goal::Told),
    ];
    let mut rows = Vec::new();
    for (name, herd, goal) in scenarios {
        let runs = |steering| HERDS.map(|seed| run(&herd, steering, seed)).collect::<Vec<Herded>>();
        let (none, ours) = (runs(Steering::None), runs(Steering::Ours));
        let of = |runs: &[Herded], pick: fn(&Herded) -> f64| mean(runs.iter().map(pick));
        let row = |what: &str, ours, baseline, floor, goal| Row {
            metric: format!("{name}: {what}"),
            ours,
            baseline,
            floor,
            goal,
        };
        let (without, with) = (of(&none, |it| it.mean_min), of(&ours, |it| it.mean_min));
        rows.push(row("mean wait", with, Some(without), Some(POOLED_MIN), goal));
        let worst = none.iter().zip(&ours).map(|(none, ours)| ours.mean_min - none.mean_min).fold(f64::MIN, f64::max);
        rows.push(row("worst run less no control", worst, None, None, Goal::Below(0.0)));
        for (what, steering) in [("shorter queue", Steering::ShorterQueue), ("last wait", Steering::LastWait)] {
            let theirs = runs(steering);
            let what = format!("mean wait beside steering by the {what}");
            rows.push(row(&what, with, Some(of(&theirs, |it| it.mean_min)), None, Goal::Told));
        }
        let spread = of(&none, |it| it.spread);
        rows.push(row("spread of the difference, people", of(&ours, |it| it.spread), Some(spread), None, Goal::Told));
        // The reference divides by the events of its queue, two for each arrival; its goal is in that measure.
        let offers = of(&ours, |it| it.offers);
        rows.push(row("offers per event (two an arrival)", offers / 2.0, None, None, Goal::Below(0.06)));
        let theirs = of(&runs(Steering::ShorterQueue), |it| it.offers);
        rows.push(row("offers per arrival beside shorter queue", offers, Some(theirs), None, Goal::Told));
    }
    rows
}

fn learning() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, decisions, with_fleet, goal) in [
        ("500 decisions with a fleet's score", 500, true, Goal::Above(0.55)),
        ("2000 decisions from nothing", 2_000, false, Goal::Told),
        ("8000 decisions from nothing", 8_000, false, Goal::Above(0.80)),
        ("8000 decisions with a fleet's score", 8_000, true, Goal::Told),
    ] {
        let lessons: Vec<Lesson> = VENUES.map(|seed| learn(decisions, with_fleet, seed)).collect();
        let of = |pick: fn(&Lesson) -> f64| mean(lessons.iter().map(pick));
        let baseline = Some(of(|lesson| lesson.greedy));
        rows.push(Row { metric: name.to_owned(), ours: of(|lesson| lesson.chosen), baseline, floor: None, goal });
        let metric = format!("{name}, even slice included");
        rows.push(Row { metric, ours: of(|lesson| lesson.gain), baseline, floor: None, goal: Goal::Told });
    }
    rows
}
