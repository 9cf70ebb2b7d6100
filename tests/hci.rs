//! `run` with controllers that speak HCI: the virtual one as a process of its own.
//!
//! In: controllers that behave, stall, die, hang and flood. Out: failures where the gateway does not hear
//! them, or hears them again later than promised, or loses adverts without counting them.

use crate::board::Board;
use serde_json::Value;
use std::time::{Duration, Instant};
use venue_tests::controller::Controller;
use venue_tests::{programs, waiting};

/// What a stalled scan has to be back within.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// Room for a busy machine until a first advert.
const HEARD_WITHIN: Duration = Duration::from_secs(20);
/// Adverts per second that make a rate soon known.
const BUSY: [&str; 2] = ["--flood", "300"];

#[test]
fn a_controller_is_heard_over_tcp_and_another_over_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = format!("unix:{}", folder.path().join("hci.sock").display());
    let near = Controller::start("tcp:127.0.0.1:0", &BUSY).expect("starts");
    let far = Controller::start(&listen, &["--legacy", "--flood", "300"]).expect("starts");
    let board = Board::start(&[&near.device, &far.device]);
    board.wait(0, 300, HEARD_WITHIN);
    board.wait(1, 300, HEARD_WITHIN);
    for (index, device) in [&near.device, &far.device].into_iter().enumerate() {
        let radio = board.radio(index);
        assert_eq!((&radio["state"], &radio["device"]), (&"listening".into(), &Value::from(device.as_str())));
        assert_eq!((&radio["line_faults"]["skipped-bytes"], &radio["lost"]["malformed"]), (&0.into(), &0.into()));
        assert_eq!(board.metric(&["radio_listening", device]), Some(1.0), "{}", board.metrics());
        assert!(board.metric(&["radio_adverts_total", device]) >= Some(300.0), "{}", board.metrics());
        assert_eq!(board.metric(&["radio_lost_total", device, "shed"]), Some(0.0), "{}", board.metrics());
    }
    waiting::until("devices alive", HEARD_WITHIN, || board.devices_alive() > 5);
}

#[test]
fn a_scan_that_stalls_is_back_in_time() {
    let controller = Controller::start("tcp:127.0.0.1:0", &["--flood", "300", "--quiet-after", "4"]).expect("starts");
    let board = Board::start(&[&controller.device]);
    board.wait(0, 600, HEARD_WITHIN);
    for round in 1..=2_u64 {
        // Silent between the end of one scan and the rescan: judged by the rescan's own count.
        let rescans = || board.radio(0)["recoveries"]["rescan"].as_u64();
        waiting::until("a rescan", BACK_WITHIN, || rescans() >= Some(round));
        let heard = board.heard(0);
        board.wait(0, heard + 200, BACK_WITHIN);
    }
    assert_eq!(board.radio(0)["recoveries"]["given-up"], 0);
}

#[test]
fn a_controller_that_falls_dead_is_back_in_time() {
    let controller = Controller::start("tcp:127.0.0.1:0", &["--flood", "300", "--dead-after", "5"]).expect("starts");
    let board = Board::start(&[&controller.device]);
    board.wait(0, 600, HEARD_WITHIN);
    let silent = waiting::poll(HEARD_WITHIN, || Some(()).filter(|()| board.radio(0)["state"] != "listening"));
    assert!(silent.is_some(), "its death is noticed: {}", board.radio(0));
    let (heard, noticed) = (board.heard(0), Instant::now());
    board.wait(0, heard + 200, BACK_WITHIN);
    println!("heard again {:.1} s after its death was noticed", noticed.elapsed().as_secs_f64());
}

#[test]
fn a_controller_that_is_killed_and_comes_again_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = format!("unix:{}", folder.path().join("hci.sock").display());
    let first = Controller::start(&listen, &BUSY).expect("starts");
    let board = Board::start(&[&first.device]);
    board.wait(0, 300, HEARD_WITHIN);
    drop(first);
    waiting::until("its end is noticed", BACK_WITHIN, || board.radio(0)["state"] != "listening");
    assert_eq!(board.metric(&["radio_listening"]), Some(0.0));
    let heard = board.heard(0);
    let _second = Controller::start(&listen, &BUSY).expect("starts again");
    board.wait(0, heard + 300, BACK_WITHIN);
    assert!(board.metric(&["radio_recoveries_total", "reopen"]) >= Some(1.0));
}

#[test]
fn a_controller_that_hangs_is_heard_again_when_it_wakes() {
    let controller = Controller::start("tcp:127.0.0.1:0", &BUSY).expect("starts");
    let board = Board::start(&[&controller.device]);
    board.wait(0, 600, HEARD_WITHIN);
    controller.freeze(true).expect("stops");
    waiting::until("its silence is noticed", BACK_WITHIN, || board.radio(0)["state"] != "listening");
    controller.freeze(false).expect("goes on");
    let heard = board.heard(0);
    board.wait(0, heard + 300, BACK_WITHIN);
}

#[test]
fn a_flood_neither_stalls_nor_deafens_another_source() {
    let flood = Controller::start("tcp:127.0.0.1:0", &["--flood", "20000"]).expect("starts");
    let calm = Controller::start("tcp:127.0.0.1:0", &["--flood", "100"]).expect("starts");
    let board = Board::start(&[&flood.device, &calm.device]);
    board.wait(0, 20_000, HEARD_WITHIN);
    let (before, calm_before, began) = (board.heard(0), board.heard(1), Instant::now());
    board.wait(0, before + 80_000, HEARD_WITHIN);
    let took_s = began.elapsed().as_secs_f64();
    let state = board.state();
    println!("80 000 adverts in {took_s:.1} s; {}", state["health"]);
    assert!(state["age_s"].as_f64() < Some(5.0), "figures go on: {}", state["age_s"]);
    let calm_heard = (board.heard(1) - calm_before) as f64;
    assert!(calm_heard > 50.0 * took_s, "{calm_heard} adverts in {took_s} s");
    let radio = |index: usize| state["health"]["radios"][index].clone();
    let shed = |index: usize| radio(index)["lost"]["shed"].as_u64().unwrap_or(0);
    assert!(shed(1) * 2 < board.heard(1), "a flood elsewhere costs a calm source little: {}", radio(1));
    let (taken, lost) = (&state["health"]["adverts_taken"], &state["health"]["adverts_lost"]);
    assert_eq!(lost.as_u64().map(|lost| lost >= shed(0)), Some(true), "{lost} lost, {taken} taken");
    for index in 0..2 {
        assert_eq!((&radio(index)["state"], &radio(index)["recoveries"]["reset"]), (&"listening".into(), &0.into()));
    }
}

#[test]
fn what_a_controller_hears_can_be_recorded() {
    let controller = Controller::start("tcp:127.0.0.1:0", &BUSY).expect("starts");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("walk.jsonl");
    let mut command = programs::gateway_command(&["record", "--device", &controller.device, "--for", "3", "--out"]);
    let ended = programs::run(command.arg(&out).args(["--receiver", "west-1"]), b"", programs::PATIENCE);
    let ended = ended.and_then(|ended| ended.succeeded("record")).expect("records");
    let lines = std::fs::read_to_string(&out).expect("a recording");
    assert!(lines.lines().count() > 300, "{}", ended.stderr);
    let whole = |line: &str| {
        serde_json::from_str::<Value>(line).is_ok_and(|line| line["receiver"] == "west-1" && line["phy"] == "1m")
    };
    assert!(lines.lines().all(whole));
    assert!(ended.stderr.contains("adverts recorded") && folder.path().join("walk.jsonl.expires").is_file());
}
