//! What the database sums up is what the engine said, across restarts and `kill -9`.
//!
//! In: two runs of the demo on one database, the first killed without warning. Out: failures where a
//! report that was told to anybody is missing from the minutes in the database.

use crate::http::{self, Stream};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::waiting;

const MINUTE_US: i64 = 60_000_000;
/// Lines are rounded to hundredths, the database is not.
const ROUNDING: f64 = 0.005;

/// Reports in a minute, their sum and their largest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Minute {
    samples: i64,
    sum: f64,
    max: f64,
}

type Minutes = BTreeMap<(String, i64), Minute>;

fn add(minutes: &mut Minutes, lines: &[Value], name: &str, value: &str) {
    for line in lines {
        let at_us = line["at_us"].as_i64().expect("a time");
        let key = (line[name].as_str().unwrap_or_default().to_owned(), at_us - at_us.rem_euclid(MINUTE_US));
        let value = line[value].as_f64().expect("a number");
        let minute = minutes.entry(key).or_default();
        *minute = Minute { samples: minute.samples + 1, sum: minute.sum + value, max: minute.max.max(value) };
    }
}

fn stored(folder: &Path, table: &str, value: &str, kind: &str) -> Minutes {
    let path = folder.join("venue.sqlite");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let query = format!(
        "SELECT name, minute_us, samples, {value}_sum, {value}_max FROM {table} JOIN place ON place.id = {kind}"
    );
    let mut select = database.prepare(&query).expect("the schema is known here");
    let rows = select.query_map([], |row| {
        let minute = Minute { samples: row.get(2)?, sum: row.get(3)?, max: row.get(4)? };
        Ok(((row.get(0)?, row.get(1)?), minute))
    });
    rows.expect("reads").collect::<Result<_, _>>().expect("rows")
}

/// Everything told is stored. More may be: pages are told at most four times a second, and what was
/// committed just before a kill was told to nobody.
fn check_holds(what: &str, told: &Minutes, stored: &Minutes) {
    assert!(!told.is_empty(), "no {what} was told");
    for (key, told) in told {
        let stored = stored.get(key).unwrap_or_else(|| panic!("{what} {key:?} is not stored"));
        assert!(stored.samples >= told.samples, "{what} {key:?}: {stored:?} for {told:?}");
        assert!(stored.max >= told.max - ROUNDING, "{what} {key:?}: {stored:?} for {told:?}");
    }
}

/// Minutes that were watched from begin to end hold exactly what was told; but pages are told at most four times
/// a second, so on a busy machine a minute may lack a report, and such a minute is only held.
fn check_equal(what: &str, told: &Minutes, stored: &Minutes) {
    let times = || told.keys().map(|(_, minute_us)| *minute_us);
    let (first_us, last_us) = (times().min().expect("some minute"), times().max().expect("some minute"));
    let whole = told.iter().filter(|((_, minute_us), _)| (first_us + 1..last_us).contains(minute_us));
    let mut compared = 0;
    for (key, told) in whole {
        let stored = stored.get(key).unwrap_or_else(|| panic!("{what} {key:?} is not stored"));
        let slack = ROUNDING * told.samples as f64;
        if stored.samples > told.samples {
            continue;
        }
        assert_eq!(stored.samples, told.samples, "{what} {key:?}: {stored:?} for {told:?}");
        assert!((stored.sum - told.sum).abs() <= slack, "{what} {key:?}: {stored:?} for {told:?}");
        assert!((stored.max - told.max).abs() <= ROUNDING, "{what} {key:?}: {stored:?} for {told:?}");
        compared += 1;
    }
    assert!(compared > 0, "no whole minute of {what} was watched");
}

/// Runs the demo until so many reports of queues were told, ends it with a signal, and gives all it told of
/// queues and zones.
fn watched(folder: &Path, signal: &str, speed: &str, reports: usize) -> [Minutes; 2] {
    let folder = folder.to_string_lossy().into_owned();
    let mut demo = Running::start(&["demo", "--port", "0", "--speed", speed, "--data", &folder]).expect("starts");
    let stream = Stream::open(&format!("{}/api/v1/live", demo.http)).expect("a live stream");
    let enough = || stream.told("queue").len() > reports && !stream.told("people").is_empty();
    waiting::until("reports in the live stream", Duration::from_secs(60), enough);
    demo.end(signal, Duration::from_secs(20)).expect("ends");
    let (mut queues, mut people) = (Minutes::new(), Minutes::new());
    add(&mut queues, &stream.told("queue"), "queue", "length");
    add(&mut people, &stream.told("people"), "zone", "people");
    [queues, people]
}

fn stored_queues(folder: &Path) -> Minutes {
    stored(folder, "queue_minute", "length", "queue")
}

fn stored_people(folder: &Path) -> Minutes {
    stored(folder, "people_minute", "people", "zone")
}

#[test]
fn nothing_that_was_told_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let [queues, people] = watched(folder.path(), "KILL", "30", 60);
    check_holds("queue", &queues, &stored_queues(folder.path()));
    check_holds("zone", &people, &stored_people(folder.path()));
    // The next run goes on with the same database, and adds to it.
    let before: i64 = stored_queues(folder.path()).values().map(|minute| minute.samples).sum();
    watched(folder.path(), "INT", "30", 60);
    check_holds("queue", &queues, &stored_queues(folder.path()));
    let after: i64 = stored_queues(folder.path()).values().map(|minute| minute.samples).sum();
    assert!(after > before, "{before} samples before the restart, {after} after");
}

#[test]
fn minutes_equal_what_the_engine_said() {
    let folder = tempfile::tempdir().expect("a folder");
    // Slow enough that no report is told as replaced by the next: one every 5 s of event time.
    let [queues, people] = watched(folder.path(), "INT", "12", 160);
    check_equal("queue", &queues, &stored_queues(folder.path()));
    check_equal("zone", &people, &stored_people(folder.path()));
}

#[test]
fn the_history_of_the_api_equals_the_database_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    watched(folder.path(), "INT", "30", 100);
    let before = stored_queues(folder.path());
    let path = folder.path().to_string_lossy().into_owned();
    let demo = Running::start(&["demo", "--port", "0", "--speed", "0.1", "--data", &path]).expect("starts");
    // The newest minute may grow again after the restart; an older one stays.
    let newest_us = before.keys().map(|(_, minute_us)| *minute_us).max().expect("a minute");
    let (queue, _) = before.keys().next().cloned().expect("a queue");
    // The demo's time runs ahead of the wall's, so what an earlier run stored may lie in the future.
    let range = format!("from_us=0&to_us={}", newest_us + MINUTE_US);
    let history = http::get_json(&format!("{}/api/v1/queues/{queue}/history?{range}", demo.http)).expect("a history");
    let rows = history["minutes"].as_array().expect("a list of minutes");
    let mut compared = 0;
    for ((_, minute_us), minute) in before.iter().filter(|((name, at), _)| *name == queue && *at < newest_us) {
        let row = rows.iter().find(|row| row["minute_us"] == *minute_us);
        let row = row.unwrap_or_else(|| panic!("no minute {minute_us} in {history}"));
        let mean = row["length_mean"].as_f64().expect("a mean");
        assert!((mean - minute.sum / minute.samples as f64).abs() < 0.01, "{row} for {minute:?}");
        compared += 1;
    }
    assert!(compared > 0, "some minutes were compared");
}
