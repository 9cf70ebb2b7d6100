//! What goes wrong is told in one clear line.
//!
//! In: a port taken, a database that is none, a folder that is a file, a full disk. Out: failures where the
//! exit code is not 1, the place is not named, or a backtrace shows.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::programs::{self, Ended, PATIENCE};
use venue_tests::waiting;

/// Runs the demo, which must not start, and gives what it said.
fn refused(arguments: &[&str]) -> String {
    let mut command = programs::gateway_command(&["demo", "--for", "20"]);
    command.args(arguments).env("RUST_BACKTRACE", "1");
    clear(&programs::run(&mut command, b"", PATIENCE).expect("ends"))
}

/// A clear message with exit code 1 and no backtrace.
fn clear(ended: &Ended) -> String {
    let said = &ended.stderr;
    assert_eq!(ended.code(), Some(1), "{said}");
    for noise in ["panicked", "backtrace", "RUST_BACKTRACE", "unwrap"] {
        assert!(!said.contains(noise), "{noise} in: {said}");
    }
    assert!(!ended.text().contains("ready "), "it does not claim to be ready: {}", ended.text());
    said.clone()
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let said = refused(&["--port", &port]);
    assert!(said.contains(&port) && said.contains("another port"), "{said}");
    let said = refused(&["--port", "0", "--mqtt-port", &port]);
    assert!(said.contains(&port) && said.contains("broker"), "{said}");
}

#[test]
fn a_database_that_is_none() {
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join("venue.sqlite");
    std::fs::write(&path, "this is a shopping list, not a database\n".repeat(200)).expect("writes");
    let said = refused(&["--port", "0", "--data", &data.path().to_string_lossy()]);
    assert!(said.contains("venue.sqlite"), "{said}");
    let kept = std::fs::read(&path).expect("still there");
    assert!(kept.starts_with(b"this is a shopping list"), "what is not ours is left alone");
}

#[test]
fn a_data_folder_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let said = refused(&["--port", "0", "--data", &file.path().to_string_lossy()]);
    assert!(said.contains(&*file.path().to_string_lossy()), "{said}");
}

#[test]
fn a_database_somebody_else_writes() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let _first = Running::start(&["demo", "--port", "0", "--data", &folder]).expect("starts");
    let said = refused(&["--port", "0", "--data", &folder]);
    assert!(said.contains("venue.sqlite"), "{said}");
}

#[test]
fn an_unknown_scenario_is_a_matter_of_usage() {
    let ended = programs::run_gateway(&["demo", "--port", "0", "--scenario", "no_such"]).expect("ends");
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("no_such") && ended.stderr.contains("lunch_rush"), "{}", ended.stderr);
}

/// A small file system of its own, where the machine lets us have one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "venue-test"]).arg(folder.path());
        let mounted = programs::run(&mut mount, b"", PATIENCE).ok()?;
        mounted.status.success().then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        unmount.arg("-l").arg(self.path());
        // Nothing to do about a mount that stays: the machine's own clean-up has it.
        let _ = programs::run(&mut unmount, b"", PATIENCE);
    }
}

/// Runs the gateway where no file may grow beyond some 512-byte blocks: a disk that is full, for machines
/// that let nobody mount one.
fn with_small_files(blocks: u32, arguments: &[&str]) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    shell.arg(programs::gateway()).args(arguments);
    shell
}

#[test]
fn a_disk_full_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = |data: &Path| {
        ["demo", "--port", "0", "--for", "20", "--data", &data.to_string_lossy()].map(str::to_owned).to_vec()
    };
    let ended = match SmallDisk::mount("16k") {
        Some(disk) => programs::run(&mut programs::gateway_command(&arguments(disk.path())), b"", PATIENCE),
        None => {
            let arguments = arguments(folder.path());
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            programs::run(&mut with_small_files(16, &arguments), b"", PATIENCE)
        }
    };
    let said = clear(&ended.expect("ends"));
    assert!(said.contains("venue.sqlite"), "{said}");
}

#[test]
fn a_disk_that_fills_while_running() {
    let Some(disk) = SmallDisk::mount("400k") else {
        return venue_tests::skip("faults::a_disk_that_fills_while_running", "nobody may mount a file system here");
    };
    let folder = disk.path().to_string_lossy().into_owned();
    let mut demo = Running::start(&["demo", "--port", "0", "--speed", "60", "--data", &folder]).expect("starts");
    waiting::until("a word about the full disk", Duration::from_secs(60), || {
        !demo.is_up() || demo.said().iter().any(|line| line.contains("full") || line.contains("space"))
    });
    let said = demo.said().join("\n");
    assert!(!said.contains("panicked"), "{said}");
    assert!(said.contains("full") || said.contains("space"), "{said}");
}
