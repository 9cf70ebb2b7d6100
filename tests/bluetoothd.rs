//! `run` with an unmodified bluetoothd, and with the kernel's user channel, on a machine that may have neither.
//!
//! In: bluetoothd on a bus of our own, a stand-in for the kernel's Bluetooth beneath it (`tests/peers/kernel.*`).
//! Out: failures where what BlueZ really does to adverts is not understood, or its death not noticed.

use crate::board::Board;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use venue_tests::controller::Controller;
use venue_tests::peers::{self, Peer, SystemBus};
use venue_tests::{programs, skip, waiting};

/// What a stalled scan has to be back within.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// Python, a bus and bluetoothd take their time to start on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// What these tests need of the machine, in a folder.
struct Bench {
    folder: tempfile::TempDir,
    python: PathBuf,
    library: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(python) = peers::python() else {
            skip(name, peers::ABSENT);
            return None;
        };
        let Some(library) = peers::kernel_library(folder.path()).expect("compiles") else {
            skip(name, "no C compiler here");
            return None;
        };
        Some(Self { folder, python, library })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A real bluetoothd; killed when dropped.
struct Daemon(Child);

impl Daemon {
    fn program() -> Option<PathBuf> {
        let hidden = PathBuf::from("/usr/libexec/bluetooth/bluetoothd");
        programs::tool(&["bluetoothd"]).or_else(|| hidden.is_file().then_some(hidden))
    }

    /// Starts one that keeps its state in memory, and nothing of this machine's.
    fn start(program: &Path, bench: &Bench, bus: &SystemBus) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c"]);
        command.arg("mount -t tmpfs none /var/lib && LD_PRELOAD=\"$0\" exec \"$1\" -n");
        command.arg(&bench.library).arg(program).env(SystemBus::VARIABLE, &bus.address);
        command.env("KERNEL_MANAGEMENT", bench.path("management.sock"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("unshare starts")?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Told to end kindly it holds on to its name for seconds.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_unmodified_bluetoothd_is_heard_and_its_death_survived() {
    let name = "bluetoothd::an_unmodified_bluetoothd_is_heard_and_its_death_survived";
    let Some(bench) = Bench::new(name) else { return };
    let Some(program) = Daemon::program() else { return skip(name, "no bluetoothd here (apt install bluez)") };
    let Some(bus) = SystemBus::start().expect("a bus") else { return skip(name, "no dbus-daemon here") };
    if !peers::has_namespaces() {
        return skip(name, "no namespaces here (unshare --map-root-user --mount)");
    }
    let mut kernel = Peer::kernel(&bench.python, &bench.path("management.sock"), 60, 600).expect("a kernel");
    let daemon = Daemon::start(&program, &bench, &bus).expect("starts");
    let board = Board::start_with("[bluetooth]\nreceiver = \"west-1\"\n", &[(SystemBus::VARIABLE, &bus.address)]);
    board.wait(0, 1_200, HEARD_WITHIN);
    waiting::until("all 60 are alive", HEARD_WITHIN, || board.devices_alive() == 60);

    kernel.order("quiet").expect("it listens");
    waiting::until("the silence is noticed", BACK_WITHIN, || board.tried(0, "rescan") > 0);
    kernel.order("loud").expect("it listens");
    let heard = board.heard(0);
    board.wait(0, heard + 300, BACK_WITHIN);

    drop(daemon);
    waiting::until("its death is noticed", BACK_WITHIN, || board.radio(0)["state"] != "listening");
    let heard = board.heard(0);
    let _daemon = Daemon::start(&program, &bench, &bus).expect("starts again");
    board.wait(0, heard + 300, BACK_WITHIN);
    assert!(board.tried(0, "reopen") > 0, "{}", board.radio(0));
}

#[test]
fn an_adapter_is_taken_over_through_the_user_channel() {
    let Some(bench) = Bench::new("bluetoothd::an_adapter_is_taken_over_through_the_user_channel") else { return };
    let (packets, stream) = (bench.path("user.sock"), bench.path("hci.sock"));
    let listen = format!("unix:{}", stream.display());
    let _controller = Controller::start(&listen, &["--flood", "300"]).expect("starts");
    let _channel = Peer::user_channel(&bench.python, &packets, &stream).expect("a channel");
    let radios = "[bluetooth]\nenabled = false\n[[hci]]\ndevice = \"user:0\"\nreceiver = \"west-1\"\n";
    let preload = bench.library.to_string_lossy();
    let board = Board::start_with(radios, &[("LD_PRELOAD", &preload), ("KERNEL_USER", &packets.to_string_lossy())]);
    board.wait(0, 600, HEARD_WITHIN);
    let radio = board.radio(0);
    assert_eq!((&radio["device"], &radio["state"]), (&"user:0".into(), &"listening".into()), "{radio}");
    assert_eq!(radio["line_faults"]["lost-step"], 0, "{radio}");
}
