//! `doctor` as an installer runs it.
//!
//! In: configurations of boards that lack something. Out: failures where the exit code is wrong, a fault is not
//! named, or the command that mends it is not there.

use serde_json::Value;
use std::path::Path;
use venue_tests::programs::{self, Ended, PATIENCE};
use venue_tests::simulation::small_venue;

/// A folder with a floor plan and this configuration.
fn board(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(small_venue(), folder.path().join("venue.toml")).expect("copies");
    std::fs::write(folder.path().join("gateway.toml"), config).expect("writes");
    folder
}

fn doctor(folder: &Path, options: &[&str]) -> Ended {
    let mut command = programs::gateway_command(&["doctor"]);
    command.args(options).current_dir(folder);
    // A bus that is not there, so that what this machine runs decides nothing.
    command.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus");
    programs::run(&mut command, b"", PATIENCE).expect("ends")
}

/// The checks of a board, by what they are about.
fn checks(config: &str) -> (Option<i32>, Vec<Value>) {
    let folder = board(config);
    let ended = doctor(folder.path(), &["--json"]);
    let told: Value = serde_json::from_str(&ended.text()).expect("JSON");
    let checks = told["checks"].as_array().expect("checks").clone();
    assert_eq!(told["ok"], checks.iter().all(|check| check["state"] != "fault"));
    assert_eq!(told["ok"] == true, ended.code() == Some(0), "{told}");
    for check in &checks {
        let mended = check["mend"].as_str().is_some_and(|mend| !mend.is_empty());
        assert_eq!(check["state"] != "ok", mended, "what is not well has its mend: {check}");
    }
    (ended.code(), checks)
}

fn fault(checks: &[Value], about: &str) -> String {
    let of = |check: &&Value| check["about"] == about && check["state"] == "fault";
    checks.iter().find(of).unwrap_or_else(|| panic!("no fault of {about}: {checks:#?}")).to_string()
}

const NO_ADAPTER: &str = "[bluetooth]\nenabled = false\n[mqtt]\nport = 0\n[http]\nport = 0\n";

#[test]
fn a_board_that_lacks_nothing_is_well() {
    let (code, checks) = checks(NO_ADAPTER);
    assert_eq!(code, Some(0), "{checks:#?}");
    for about in ["configuration", "floor plan", "model", "data folder", "disk", "clock", "pages", "broker"] {
        assert!(checks.iter().any(|check| check["about"] == about), "{about}: {checks:#?}");
    }
}

#[test]
fn faults_are_named_with_the_command_that_mends_them() {
    let config = "[bluetooth]\nreceiver = \"west-1\"\n[mqtt]\nembedded = false\nport = 1\n[http]\nport = 0\n\
        [offers]\nmodel = \"nothing.onnx\"\n[[hci]]\ndevice = \"serial:/dev/nowhere:1000000\"\nreceiver = \"attic\"\n";
    let (code, checks) = checks(config);
    assert_eq!(code, Some(1));
    assert!(fault(&checks, "bluetoothd").contains("systemctl start dbus"));
    assert!(fault(&checks, "hci").contains("/dev/nowhere"));
    assert!(fault(&checks, "floor plan").contains("attic"));
    assert!(fault(&checks, "model").contains("nothing.onnx"));
    assert!(fault(&checks, "broker").contains("nc -vz 127.0.0.1 1"));
    if !Path::new("/sys/class/bluetooth").is_dir() {
        assert!(fault(&checks, "adapter").contains("modprobe"));
    }
}

#[test]
fn lines_for_people_say_the_same() {
    let folder = board("[engine]\npenetratoin = 1\n[mqtt]\nport = 0\n");
    let ended = doctor(folder.path(), &[]);
    assert_eq!(ended.code(), Some(1));
    let text = ended.text();
    let line = text.lines().find(|line| line.contains("penetratoin")).expect("the fault's line");
    assert!(line.starts_with("FAULT  configuration") && line.contains("gateway.toml:2:"), "{line}");
    assert!(text.contains("mend: edit the file"), "{text}");
    assert!(ended.stderr.contains("fault"), "{}", ended.stderr);
    let without = doctor(small_venue().parent().expect("a folder"), &["--config", "none.toml"]).text();
    assert!(without.contains("none.toml is not there"), "{without}");
}
