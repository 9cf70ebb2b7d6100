//! What history tells is what was stored, and quick to ask for.
//!
//! In: outputs stored as the writer does, and a database filled with a season. Out: failures where sums differ from
//! their minutes, and a printed line with the times.

use super::*;
use crate::store::rollups::Rollups;
use crate::store::{Store, samples};
use std::time::Instant;
use venue_engine::output::{Movement, Output};
use venue_engine::venue::ZoneId;

/// One run of the gateway.
fn run(store: &mut Store, outputs: &[Output]) {
    let mut rollups = Rollups::default();
    let transaction = store.connection.transaction().expect("begins");
    outputs.iter().for_each(|output| rollups.add(&transaction, output, &samples::venue()).expect("adds"));
    transaction.commit().expect("commits");
}

fn opened() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("directory");
    let store = Store::open(&directory.path().join("venue.db")).expect("opens");
    (directory, store)
}

fn told(store: &Store, resolution_us: i64) -> Vec<(i64, i64, f64, f64)> {
    let spans = people(&store.connection, Some("bar"), (0, i64::MAX), resolution_us).expect("reads");
    spans.iter().map(|s| (s.from_us / 1_000_000, s.samples, s.people_mean, s.people_max)).collect()
}

#[test]
fn hours_are_the_sums_of_their_minutes_over_restarts() {
    let (_directory, mut store) = opened();
    let at = |second: i64, count: f64| samples::people(second, Some(0), count);
    run(&mut store, &[at(0, 2.0), at(3_599, 4.0)]);
    let hours_stored = |store: &Store| -> i64 {
        let count = "SELECT count(*) FROM people_hour";
        store.connection.query_row(count, [], |row| row.get(0)).expect("counts")
    };
    assert_eq!(hours_stored(&store), 0, "an hour that is not over is not summed");
    // The second run begins an hour later, and sums what the first left.
    run(&mut store, &[at(7_200, 10.0), at(7_260, 20.0), at(10_800, 1.0)]);
    assert_eq!(hours_stored(&store), 2);
    assert_eq!(told(&store, HOUR_US), [(0, 2, 3.0, 4.0), (7_200, 2, 15.0, 20.0), (10_800, 1, 1.0, 1.0)]);
    assert_eq!(told(&store, DAY_US), [(0, 5, 7.4, 20.0)]);
    assert_eq!(told(&store, MINUTE_US).len(), 5);
    assert_eq!(
        told(&store, 30 * MINUTE_US),
        [(0, 1, 2.0, 2.0), (1_800, 1, 4.0, 4.0), (7_200, 2, 15.0, 20.0), (10_800, 1, 1.0, 1.0)]
    );
}

#[test]
fn a_forecast_is_kept_with_its_minute_and_its_hour() {
    let (_directory, mut store) = opened();
    let queue_at = |second: i64, chance: Option<f64>| {
        let Output::Queue(state) = samples::queue(second, 2.0) else { panic!("a queue") };
        Output::Queue(venue_engine::output::QueueState { p_wait_over_limit_15min: chance, ..state })
    };
    let reports = [queue_at(0, Some(0.2)), queue_at(5, Some(0.4)), queue_at(10, None), queue_at(3_600, None)];
    run(&mut store, &reports);
    let chances = |resolution_us| -> Vec<Option<f64>> {
        let spans = queue(&store.connection, "bar", (0, i64::MAX), resolution_us).expect("reads");
        spans.iter().map(|span| span.chance_15min_mean.map(|chance| (chance * 1e9).round() / 1e9)).collect()
    };
    assert_eq!(chances(MINUTE_US), [Some(0.3), None]);
    assert_eq!(chances(HOUR_US), [Some(0.3), None]);
}

#[test]
fn movements_add_up_in_windows_and_days() {
    let (_directory, mut store) = opened();
    let movement = |from_s: i64, people: f64| {
        let (from, to) = (samples::second(from_s), samples::second(from_s + 900));
        let (origin, destination) = (ZoneId(0), ZoneId(0));
        Output::Movement(Movement { from, to, origin, destination, people, low: people - 1.0, high: people + 2.0 })
    };
    run(&mut store, &[movement(0, 3.0), movement(900, 4.0)]);
    run(&mut store, &[movement(900, 1.0), movement(86_400, 8.0)]);
    let moved = |to_us| -> Vec<(f64, f64, f64, i64)> {
        let moved = movements(&store.connection, (0, to_us)).expect("reads");
        moved.iter().map(|moved| (moved.people, moved.low, moved.high, moved.windows)).collect()
    };
    assert_eq!(moved(900_000_000), [(3.0, 2.0, 5.0, 1)]);
    assert_eq!(moved(DAY_US), [(8.0, 5.0, 14.0, 3)]);
    assert_eq!(moved(20 * DAY_US), [(16.0, 12.0, 24.0, 4)]);
}

/// 120 days of hours and the kept minutes of 64 zones and 16 queues, and movements between a hundred pairs of zones.
fn season(store: &mut Store) {
    let transaction = store.connection.transaction().expect("begins");
    let series = "WITH RECURSIVE t(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n + 1 < ?1)";
    for (kind, count) in [("zone", 65i64), ("queue", 16)] {
        for number in 0..count {
            let name = if number == 0 { String::new() } else { format!("{kind}-{number}") };
            transaction.execute("INSERT INTO place (kind, name) VALUES (?1, ?2)", [kind, &name]).expect("a place");
        }
    }
    let run = |sql: &str, count: i64| transaction.execute(&sql.replace("SERIES", series), [count]).expect("fills");
    run(
        "INSERT INTO people_hour SERIES SELECT place.id, n * 3600000000, 720, n % 50 * 720.0, n % 70, n % 30 * 720.0
         FROM t, place WHERE place.kind = 'zone'",
        120 * 24,
    );
    run(
        "INSERT INTO queue_hour SERIES SELECT place.id, n * 3600000000, 720, n % 9 * 720.0, n % 12, 700, n % 300 * 700.0,
         n % 400, 700, 70.0 FROM t, place WHERE place.kind = 'queue'",
        120 * 24,
    );
    // Of the minutes a week, the longest range that is asked for in minutes.
    run(
        "INSERT INTO people_minute SERIES SELECT 10368000000000 - (n + 1) * 60000000, place.id, 12, n % 50 * 12.0, n % 70, 9.0
         FROM t, place WHERE place.kind = 'zone'",
        7 * 1_440,
    );
    run(
        "INSERT INTO movement_day SERIES SELECT n * 86400000000, a.id, b.id, 5.0, 3.0, 8.0, 40
         FROM t, place AS a, place AS b WHERE a.id <= 10 AND b.id <= 10",
        120,
    );
    run(
        "INSERT INTO movement SERIES SELECT n * 900000000 + 9158400000000, a.id, b.id, 5.0, 3.0, 8.0, 1
         FROM t, place AS a, place AS b WHERE a.id <= 10 AND b.id <= 10",
        14 * 96,
    );
    transaction.commit().expect("commits");
}

#[test]
fn a_season_is_answered_while_a_page_waits() {
    let (_directory, mut store) = opened();
    season(&mut store);
    let end_us = 120 * DAY_US;
    let timed = |what: &str, ask: &dyn Fn() -> usize| {
        // The quickest of three: other tests run beside this one, and it is the query that is judged.
        let once = |_| {
            let began = Instant::now();
            let rows = ask();
            (began.elapsed().as_millis(), rows)
        };
        let (took_ms, rows) = (0..3).map(once).min().expect("three");
        println!("{what}: {rows} rows in {took_ms} ms");
        assert!(rows > 0, "{what}");
        assert!(took_ms < 200, "{what}: {took_ms} ms");
    };
    let store = &store.connection;
    let week = (end_us - 7 * DAY_US, end_us);
    let all = (0, end_us);
    timed("120 days of a zone in hours", &|| people(store, Some("zone-7"), all, HOUR_US).expect("reads").len());
    timed("120 days of the venue in days", &|| people(store, None, all, DAY_US).expect("reads").len());
    timed("120 days of a queue in hours", &|| queue(store, "queue-7", all, HOUR_US).expect("reads").len());
    timed("a week of a zone in minutes", &|| people(store, Some("zone-7"), week, MINUTE_US).expect("reads").len());
    timed("120 days of movements", &|| movements(store, all).expect("reads").len());
    timed("14 days of movements", &|| movements(store, (end_us - 14 * DAY_US, end_us)).expect("reads").len());
}
