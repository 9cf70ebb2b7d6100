//! What a running demo may cost, and how it ends.
//!
//! In: the demo and the simulator. Out: failures where the demo takes too much memory, does not end within
//! two seconds of Ctrl-C or leaves anything unflushed, or where the simulator is too slow.

use crate::http;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use venue_tests::demo::Running;
use venue_tests::{programs, skip, waiting};

/// Resident memory of the whole demo, MiB.
const RESIDENT_MAX_MIB: f64 = 150.0;
/// From Ctrl-C to the end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// A program that ignores the signal is not waited for longer.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(20);

fn people_seen(demo: &Running) -> bool {
    let state = http::get_json(&format!("{}/api/v1/state", demo.http));
    state.is_ok_and(|state| state.to_string().contains("\"length\""))
}

#[test]
fn ctrl_c_ends_the_demo_soon_with_everything_flushed() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let mut demo = Running::start(&["demo", "--port", "0", "--speed", "30", "--data", &folder]).expect("starts");
    let stream = http::Stream::open(&format!("{}/api/v1/live", demo.http)).expect("a live stream");
    waiting::until("queues in the live stream", Duration::from_secs(20), || stream.told("queue").len() > 20);
    let (status, took) = demo.end("INT", GIVEN_UP_AFTER).expect("ends");
    assert!(status.success(), "{status}: {:#?}", demo.said());
    assert!(took <= ENDS_WITHIN, "took {took:?}");
    let database = database(data.path());
    let read = |query: &str| database.query_row(query, [], |row| row.get::<_, String>(0)).expect(query);
    assert_eq!(read("PRAGMA integrity_check"), "ok");
    let left = |name: &str| std::fs::metadata(data.path().join(name)).map_or(0, |file| file.len());
    assert_eq!(left("venue.sqlite-wal"), 0, "the write-ahead log is empty after a clean end");
    let samples: i64 = database.query_row("SELECT sum(samples) FROM queue_minute", [], |row| row.get(0)).expect("sum");
    assert!(samples >= stream.told("queue").len() as i64, "{samples} samples stored");
}

fn database(folder: &Path) -> Connection {
    Connection::open_with_flags(folder.join("venue.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
}

#[test]
fn the_demo_fits_in_little_memory() {
    let mut demo = Running::start(&["demo", "--port", "0", "--speed", "30"]).expect("starts");
    if programs::resident_mib(demo.pid()).is_none() {
        return skip("limits::the_demo_fits_in_little_memory", "no /proc here");
    }
    let mut largest: f64 = 0.0;
    waiting::poll(Duration::from_secs(15), || {
        largest = largest.max(programs::resident_mib(demo.pid()).unwrap_or(0.0));
        None::<()>
    });
    assert!(demo.is_up(), "{:#?}", demo.said());
    assert!(people_seen(&demo), "the demo counts somebody");
    println!("resident {largest:.0} MiB");
    assert!(largest < RESIDENT_MAX_MIB, "{largest:.0} MiB");
}

#[test]
fn the_demo_talks_to_this_machine_alone() {
    let demo = Running::start(&["demo", "--port", "0", "--speed", "30"]).expect("starts");
    waiting::until("figures", Duration::from_secs(20), || people_seen(&demo));
    let Some(addresses) = programs::tcp_addresses(demo.pid()) else {
        return skip("limits::the_demo_talks_to_this_machine_alone", "no /proc here");
    };
    assert!(addresses.len() >= 4, "pages and broker listen: {addresses:?}");
    // A listener's remote address is 0.0.0.0:0.
    let elsewhere = |address: &&String| !address.starts_with("127.") && *address != "0.0.0.0:0";
    let elsewhere: Vec<&String> = addresses.iter().filter(elsewhere).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[test]
fn the_simulator_is_fifty_times_faster_than_the_lunch_rush() {
    const SIMULATED_S: f64 = 900.0;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(programs::simulator());
    command.args(["run", "--scenario", "lunch_rush", "--for", &SIMULATED_S.to_string()]);
    command.arg("--out").arg(folder.path().join("recording.jsonl.zst"));
    command.arg("--truth").arg(folder.path().join("truth.jsonl"));
    let began = Instant::now();
    programs::run(&mut command, b"", programs::PATIENCE).and_then(|ended| ended.succeeded("simulate")).expect("runs");
    let times = SIMULATED_S / began.elapsed().as_secs_f64();
    println!("{times:.0} times real time");
    assert!(times >= 50.0, "{times:.0} times real time");
}

#[test]
fn the_demo_ends_by_itself_when_told() {
    let mut command = programs::gateway_command(&["demo", "--port", "0", "--for", "2"]);
    let ended = programs::run(&mut command, b"", Duration::from_secs(30)).expect("ends");
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.text().starts_with("ready http://127.0.0.1:"), "first of all the ready line: {}", ended.text());
}
