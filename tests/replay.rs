//! A recording replays to the same bytes, whatever happened on its way here.
//!
//! In: a simulated recording. Out: failures where repetition, reordering within the allowed lateness,
//! compression or the spacing of ticks changes a single byte.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use venue_engine::engine::Engine;
use venue_engine::event::Event;
use venue_engine::recording;
use venue_engine::settings::Settings;
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::Venue;
use venue_tests::dice::Dice;
use venue_tests::programs;
use venue_tests::simulation::{Simulated, small_venue};

/// Everything `replay` can print.
const EMIT: &str = "fixes,zones,people,queues,flow,offers,heat,alerts";
/// Below the allowed lateness of 2 s.
const DELAY_US_MAX: i64 = 1_900_000;

#[derive(Deserialize)]
struct When {
    at_us: i64,
}

fn at_us(line: &str) -> i64 {
    serde_json::from_str::<When>(line).expect("a recording line has a time").at_us
}

fn replayed(recording: &Path) -> Result<Vec<u8>> {
    let venue = small_venue();
    let mut command =
        programs::gateway_command(&["replay".as_ref(), recording.as_os_str(), "--venue".as_ref(), venue.as_os_str()]);
    command.args(["--track-all", "--emit", EMIT]);
    let ended = programs::run(&mut command, b"", programs::PATIENCE)?.succeeded("replay")?;
    ensure!(!ended.stdout.is_empty(), "replay printed nothing; it said {}", ended.stderr);
    Ok(ended.stdout)
}

/// The first line that differs, for people.
fn same(what: &str, expected: &[u8], found: &[u8]) {
    if expected == found {
        return;
    }
    let (expected, found) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(found));
    let mut pairs = expected.lines().zip(found.lines()).enumerate();
    let differing = pairs.find(|(_, (a, b))| a != b);
    panic!("{what}: {} and {} lines, first difference {differing:#?}", expected.lines().count(), found.lines().count());
}

#[test]
fn twice_is_the_same_bytes() {
    let simulated = Simulated::small(11).expect("simulates");
    let first = replayed(&simulated.recording()).expect("replays");
    let second = replayed(&simulated.recording()).expect("replays");
    same("second replay", &first, &second);
    for kind in ["fix", "zone", "people", "queue", "heat"] {
        let wanted = format!("{{\"kind\":\"{kind}\"");
        assert!(String::from_utf8_lossy(&first).contains(&wanted), "no {kind} in the output");
    }
}

#[test]
fn outputs_come_in_event_time() {
    let simulated = Simulated::small(12).expect("simulates");
    let outputs = String::from_utf8(replayed(&simulated.recording()).expect("replays")).expect("text");
    let times = outputs.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        // Windows are told when they end.
        line["at_us"].as_i64().or_else(|| line["to_us"].as_i64()).expect("a time")
    });
    let times: Vec<i64> = times.collect();
    assert!(times.is_sorted(), "outputs go back in time");
}

#[test]
fn reordering_within_the_allowed_lateness_changes_nothing() {
    let simulated = Simulated::small(13).expect("simulates");
    let expected = replayed(&simulated.recording()).expect("replays");
    let folder = tempfile::tempdir().expect("a folder");
    let lines = simulated.lines().expect("reads");
    for seed in [1, 2, 3] {
        let shuffled = folder.path().join(format!("shuffled-{seed}.jsonl"));
        std::fs::write(&shuffled, late(&lines, seed)).expect("writes");
        same("shuffled replay", &expected, &replayed(&shuffled).expect("replays"));
    }
}

/// Each moment's lines arrive up to `DELAY_US_MAX` late; lines of one moment keep their order, which is
/// the receivers' own.
fn late(lines: &[String], seed: u64) -> String {
    let mut arrivals: Vec<(i64, &String)> = lines
        .iter()
        .map(|line| {
            let at_us = at_us(line);
            let delay_us = Dice::new(seed.wrapping_mul(0x9e37_79b9) ^ at_us.cast_unsigned()).bits() as i64;
            (at_us + delay_us.rem_euclid(DELAY_US_MAX), line)
        })
        .collect();
    arrivals.sort_by_key(|(arrival_us, _)| *arrival_us);
    arrivals.iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect()
}

#[test]
fn compression_and_broken_lines_change_nothing() {
    let simulated = Simulated::small(14).expect("simulates");
    let expected = replayed(&simulated.recording()).expect("replays");
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain.jsonl");
    let mut text = String::from("this is no line\n{}\n\n");
    for line in simulated.lines().expect("reads") {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(
        "{\"at_us\":1763700000000000,\"receiver\":\"nowhere\",\"address\":\"c0:00:00:00:00:01\",\"ad\":\"\"}",
    );
    std::fs::write(&plain, text).expect("writes");
    same("plain text with broken lines", &expected, &replayed(&plain).expect("replays"));
}

/// The engine's outputs for the lines, with ticks of a spacing between them.
fn with_ticks(lines: &[String], venue: &Arc<Venue>, spacing: Option<Duration>) -> Result<Vec<String>> {
    let settings = Settings { track_all: true, ..Settings::default() };
    let mut engine = Engine::new(venue.clone(), settings, None, Vec::new());
    let (mut outputs, mut payload) = (Vec::new(), Vec::new());
    let mut next_tick: Option<Timestamp> = None;
    for line in lines {
        let line =
            recording::parse(line.as_bytes(), &mut payload).map_err(|why| anyhow::anyhow!("{}", why.as_str()))?;
        let receiver = venue.receiver(&line.receiver).context("a receiver of the plan")?;
        let (at, source, rssi_dbm) = (line.at, line.source, line.rssi_dbm);
        while let (Some(spacing), Some(tick)) = (spacing, next_tick.filter(|tick| *tick <= at)) {
            engine.handle(Event::Tick(tick), &mut outputs);
            next_tick = Some(tick + spacing);
        }
        next_tick = next_tick.or(Some(at));
        engine.handle(Event::FromBoard { at, receiver, source, rssi_dbm, payload: line.payload }, &mut outputs);
    }
    engine.finish(&mut outputs);
    Ok(outputs.iter().map(|output| format!("{output:?}")).collect())
}

#[test]
fn the_spacing_of_ticks_changes_nothing() {
    let simulated = Simulated::small(15).expect("simulates");
    let lines = simulated.lines().expect("reads");
    let venue = std::fs::read_to_string(small_venue()).expect("reads");
    let venue = Arc::new(Venue::parse(&venue).expect("valid"));
    let expected = with_ticks(&lines, &venue, None).expect("replays");
    for spacing_ms in [10, 1_000, 7_300] {
        let found = with_ticks(&lines, &venue, Some(Duration::from_millis(spacing_ms))).expect("replays");
        let differing = expected.iter().zip(&found).find(|(a, b)| a != b);
        assert_eq!((expected.len(), None), (found.len(), differing), "ticks every {spacing_ms} ms");
    }
}

#[test]
fn one_seed_is_one_recording() {
    let bytes = |seed| {
        let simulated = Simulated::small(seed).expect("simulates");
        (std::fs::read(simulated.recording()).expect("reads"), simulated.truth().expect("reads"))
    };
    assert_eq!(bytes(21), bytes(21), "same seed");
    assert_ne!(bytes(21), bytes(22), "another seed");
}
