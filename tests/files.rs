//! Broken files are told with their place and how to mend them.
//!
//! In: floor plans and configurations, each with one fault. Out: failures where `check` is not exactly one
//! line `file:line: what; mend` with exit code 2.

use std::path::Path;
use venue_tests::programs;
use venue_tests::simulation::small_venue;

/// Checks a file's text and gives code and lines.
fn checked(name: &str, text: &str) -> (Option<i32>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("writes");
    let ended = programs::run_gateway(&["check".as_ref(), path.as_os_str()]).expect("check runs");
    let strip = |line: &str| line.replace(&format!("{}/", folder.path().display()), "");
    (ended.code(), ended.stderr.lines().map(strip).collect())
}

fn plan() -> String {
    std::fs::read_to_string(small_venue()).expect("the small hall reads")
}

/// One replacement breaks the plan; the fault must be at the line where `from` stands, and say `mend`.
fn check(from: &str, to: &str, mend: &str) {
    let good = plan();
    let broken = good.replacen(from, to, 1);
    assert_ne!(good, broken, "the plan holds {from}");
    let (code, lines) = checked("venue.toml", &broken);
    assert_eq!(code, Some(2), "{lines:?}");
    assert_eq!(lines.len(), 1, "one line per fault: {lines:#?}");
    let line = good[..good.find(from).expect("just found")].lines().count() + 1;
    let starts_at = |line: usize| lines[0].starts_with(&format!("venue.toml:{line}: "));
    // A key after a line break in `from` is one line further down.
    assert!(starts_at(line) || starts_at(line + from.starts_with('\n') as usize), "line {line}: {}", lines[0]);
    assert!(lines[0].contains(mend), "{} should say {mend}", lines[0]);
}

#[test]
fn a_good_plan_is_fine() {
    let (code, lines) = checked("venue.toml", &plan());
    assert_eq!((code, lines), (Some(0), vec![]));
}

#[test]
fn a_polygon_that_crosses_itself() {
    check(
        "polygon = [[0, 0], [20, 0], [20, 24], [0, 24]]",
        "polygon = [[0, 0], [20, 24], [20, 0], [0, 24]]",
        "crosses itself",
    );
}

#[test]
fn a_receiver_off_the_plan() {
    check("x_m = 34.0", "x_m = 340.0", "move it onto the floor");
}

#[test]
fn an_unknown_key() {
    check("servers = 1", "server = 1", "did you mean `servers`?");
}

#[test]
fn an_id_used_twice() {
    check("name = \"east-2\"", "name = \"east-1\"", "name already used");
}

#[test]
fn a_number_that_is_text() {
    check("width_m = 40.0", "width_m = \"wide\"", "width_m");
}

#[test]
fn text_that_is_no_toml() {
    let (code, lines) = checked("venue.toml", "name = \"x\"\n[[floor\n");
    assert_eq!((code, lines.len()), (Some(2), 1), "{lines:?}");
    assert!(lines[0].starts_with("venue.toml:2"), "{lines:?}");
}

#[test]
fn several_faults_are_all_told() {
    let broken = plan().replacen("servers = 1", "server = 1", 1).replacen("x_m = 34.0", "x_m = 340.0", 1);
    let (code, lines) = checked("venue.toml", &broken);
    assert_eq!((code, lines.len()), (Some(2), 2), "{lines:#?}");
}

#[test]
fn the_printed_configuration_is_valid_and_the_shipped_one() {
    let printed = programs::run_gateway(&["config"]).expect("config runs");
    let shipped = std::fs::read(venue_tests::workspace().join("gateway/gateway.toml")).expect("the shipped file reads");
    assert_eq!((printed.code(), printed.stdout == shipped), (Some(0), true));
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    // The shipped configuration names one receiver; a plan beside it has it.
    std::fs::write(at("venue.toml"), plan().replace("west-1", "receiver-1")).expect("writes");
    std::fs::write(at("gateway.toml"), &printed.stdout).expect("writes");
    let ended = programs::run_gateway(&["check".as_ref(), at("gateway.toml").as_os_str()]).expect("check runs");
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_unknown_configuration_key_is_refused_with_its_line() {
    let (code, lines) = checked("gateway.toml", "[http]\nprot = 80\n");
    assert_eq!(code, Some(2));
    assert!(lines[0].starts_with("gateway.toml:2: ") && lines[0].contains("did you mean `port`?"), "{lines:?}");
}

#[test]
fn a_file_that_is_not_there() {
    let ended = programs::run_gateway(&["check", "/nowhere/venue.toml"]).expect("check runs");
    assert_eq!(ended.code(), Some(2));
    assert!(ended.stderr.contains("/nowhere/venue.toml") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    assert!(!Path::new("/nowhere").exists());
}
