//! The gateway and the virtual controller against Bluetooth that others wrote.
//!
//! In: RootCanal (strict: it enforces masks and modes), Bumble's controller, Bumble's host. Out: failures where
//! our host does not hear theirs, or theirs does not hear our controller.

use crate::board::Board;
use std::process::{Command, Stdio};
use std::time::Duration;
use venue_tests::controller::Controller;
use venue_tests::peers::{self, Peer};
use venue_tests::{skip, waiting};

/// Python takes its time to start on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// Our host hears a peer, without a byte it does not understand.
fn check(start: impl FnOnce(&std::path::Path) -> anyhow::Result<Peer>, adverts: u64, devices: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("hci.sock");
    let _peer = start(&socket).expect("a peer");
    let board = Board::start(&[&format!("unix:{}", socket.display())]);
    board.wait(0, adverts, HEARD_WITHIN);
    let radio = board.radio(0);
    assert_eq!((&radio["state"], &radio["line_faults"]["lost-step"]), (&"listening".into(), &0.into()), "{radio}");
    for reason in ["malformed", "incomplete", "anonymous"] {
        assert_eq!(radio["lost"][reason], 0, "{radio}");
    }
    assert_eq!(radio["recoveries"]["reset"], 0, "{radio}");
    waiting::until("every beacon is alive", HEARD_WITHIN, || board.devices_alive() == devices);
}

#[test]
fn rootcanal_is_heard() {
    let name = "bluetooth_peers::rootcanal_is_heard";
    let Some(python) = peers::python() else { return skip(name, peers::ABSENT) };
    if !peers::has_namespaces() {
        return skip(name, "no network namespaces here (unshare --map-root-user --net)");
    }
    check(|socket| Peer::rootcanal(&python, socket), 60, 2);
}

#[test]
fn bumbles_controller_is_heard_extended_and_legacy() {
    let Some(python) = peers::python() else {
        return skip("bluetooth_peers::bumbles_controller_is_heard_extended_and_legacy", peers::ABSENT);
    };
    for mode in ["extended", "legacy"] {
        check(|socket| Peer::bumble(&python, socket, 20, mode), 400, 20);
    }
}

#[test]
fn bumbles_host_hears_our_controller() {
    let Some(python) = peers::python() else {
        return skip("bluetooth_peers::bumbles_host_hears_our_controller", peers::ABSENT);
    };
    for mode in [&["--flood", "50"][..], &["--flood", "50", "--legacy"]] {
        let controller = Controller::start("tcp:127.0.0.1:0", mode).expect("starts");
        let place = controller.device.strip_prefix("tcp:").expect("over TCP");
        let heard = scan(&python, place, 20);
        assert!(heard.iter().any(|line| line.contains("RSSI:")), "{mode:?}: {heard:#?}");
    }
}

/// Lines of Bumble's own scanner until it has told of so many adverts.
fn scan(python: &std::path::Path, place: &str, adverts: usize) -> Vec<String> {
    let mut command = Command::new(python.with_file_name("bumble-scan"));
    command.arg("--passive").arg(format!("tcp-client:{place}")).env("PYTHONUNBUFFERED", "1");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("bumble-scan starts");
    let (sender, lines) = std::sync::mpsc::sync_channel(10_000);
    let stdout = child.stdout.take().expect("piped");
    std::thread::spawn(move || {
        use std::io::BufRead;
        std::io::BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let mut heard: Vec<String> = Vec::new();
    let enough = waiting::poll(HEARD_WITHIN, || {
        heard.extend(lines.try_iter());
        (heard.iter().filter(|line| line.contains("RSSI:")).count() >= adverts).then_some(())
    });
    let _ = child.kill();
    let _ = child.wait();
    assert!(enough.is_some(), "{heard:#?}");
    heard
}
