//! What `convert` writes opens elsewhere with the same adverts, and `replay` reads captures by itself.
//!
//! In: a simulated recording, tshark and btmon where they are installed. Out: failures where an advert goes
//! missing on the way to btsnoop or back, where the others count or read it differently, or where a capture
//! replays otherwise than the recording made of it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use venue_tests::simulation::{Simulated, small_venue};
use venue_tests::{programs, skip};

/// Lines of the recording that are taken: enough for every kind of device.
const LINES: usize = 5_000;

/// A recording of one receiver, the capture made of it, and the recording made of that.
struct Converted {
    folder: tempfile::TempDir,
    lines: Vec<Value>,
}

impl Converted {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let all = Simulated::small(23)?.lines()?;
        let lines: Vec<Value> =
            all.iter().take(LINES).map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
        let made = Self { folder, lines };
        let text: Vec<String> = made.lines.iter().map(Value::to_string).collect();
        std::fs::write(made.path("first.jsonl"), text.join("\n"))?;
        convert(&made.path("first.jsonl"), &made.path("capture.btsnoop"))?;
        convert(&made.path("capture.btsnoop"), &made.path("again.jsonl"))?;
        Ok(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn convert(from: &Path, to: &Path) -> Result<()> {
    let arguments: [&OsStr; 6] =
        ["convert".as_ref(), from.as_ref(), "--out".as_ref(), to.as_ref(), "--receiver".as_ref(), "west-1".as_ref()];
    programs::run_gateway(&arguments)?.succeeded("convert")?;
    Ok(())
}

/// What a host hears: everything but the receiver.
fn heard(line: &Value) -> [Value; 5] {
    ["at_us", "address", "address_type", "rssi_dbm", "ad"].map(|key| line[key].clone())
}

#[test]
fn every_advert_comes_back_as_it_was() {
    let converted = Converted::new().expect("converts");
    let text = std::fs::read_to_string(converted.path("again.jsonl")).expect("a recording");
    let again: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(again.len(), converted.lines.len());
    for (first, second) in converted.lines.iter().zip(&again) {
        assert_eq!(heard(first), heard(second));
    }
}

fn replayed(input: &Path) -> Result<String> {
    let venue = small_venue();
    let mut command =
        programs::gateway_command(&["replay".as_ref(), input.as_os_str(), "--venue".as_ref(), venue.as_os_str()]);
    command.args(["--track-all", "--receiver", "west-1", "--emit", "fixes,zones,people"]);
    let ended = programs::run(&mut command, b"", programs::PATIENCE)?.succeeded("replay")?;
    ensure!(!ended.stdout.is_empty(), "replay printed nothing; it said {}", ended.stderr);
    Ok(ended.text())
}

#[test]
fn a_capture_replays_like_the_recording_made_of_it() {
    let converted = Converted::new().expect("converts");
    let capture = replayed(&converted.path("capture.btsnoop")).expect("replays");
    assert!(capture == replayed(&converted.path("again.jsonl")).expect("replays"), "the two differ");
}

/// What a program prints about the capture.
fn told(program: &Path, arguments: &[&str], capture: &Path) -> Result<String> {
    let output = Command::new(program).args(arguments).arg(capture).output().context("cannot start")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn tshark_reads_the_same_adverts() {
    let Some(tshark) = programs::tool(&["tshark"]) else {
        return skip("tshark_reads_the_same_adverts", "tshark is not installed");
    };
    let converted = Converted::new().expect("converts");
    let fields = ["-T", "fields", "-e", "bthci_evt.bd_addr", "-e", "bthci_evt.rssi", "-e", "_ws.malformed", "-r"];
    let text = told(&tshark, &fields, &converted.path("capture.btsnoop")).expect("tshark runs");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), converted.lines.len());
    for (row, line) in rows.iter().zip(&converted.lines) {
        let rssi_dbm = line["rssi_dbm"].as_i64().unwrap_or(127).to_string();
        assert_eq!((row[0], row[1], row[2]), (line["address"].as_str().expect("an address"), &*rssi_dbm, ""), "{line}");
    }
}

#[test]
fn btmon_reads_the_same_adverts() {
    let Some(btmon) = programs::tool(&["btmon"]) else {
        return skip("btmon_reads_the_same_adverts", "btmon is not installed");
    };
    let converted = Converted::new().expect("converts");
    let text = told(&btmon, &["-r"], &converted.path("capture.btsnoop")).expect("btmon runs");
    let addresses = text.lines().filter_map(|line| line.trim().strip_prefix("Address: ")?.split(' ').next());
    let found: Vec<String> = addresses.map(str::to_lowercase).collect();
    let expected: Vec<&str> = converted.lines.iter().filter_map(|line| line["address"].as_str()).collect();
    assert_eq!(found, expected);
}
