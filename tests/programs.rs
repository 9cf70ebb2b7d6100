//! The programs that tests run: our own binaries, built once, and tools of the machine.
//!
//! In: arguments, standard input, a time limit. Out: exit code and both outputs. It refuses to wait for
//! ever: a program that is still running when its time is over is killed and the test fails.

use crate::waiting;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

/// Long enough for any command of a test on a busy machine with two cores.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

impl Ended {
    /// Exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Refuses anything but success.
    ///
    /// # Errors
    /// What the program said on standard error.
    pub fn succeeded(self, what: &str) -> Result<Self> {
        ensure!(self.status.success(), "{what}: {}, said: {}", self.status, self.stderr);
        Ok(self)
    }
}

/// The gateway's binary.
pub fn gateway() -> PathBuf {
    binaries().join("venue-gateway")
}

/// The simulator's binary.
pub fn simulator() -> PathBuf {
    binaries().join("firmware-sim")
}

/// A command of the gateway with its arguments.
pub fn gateway_command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(gateway());
    command.args(arguments);
    command
}

/// The folder with both binaries, built on first use in this process: nothing happens when they are
/// fresh. `VENUE_BINARIES` names a folder to take them from as they are.
fn binaries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("VENUE_BINARIES") {
        Some(folder) => PathBuf::from(folder),
        None => build().expect("the workspace builds; run `cargo build --release --workspace --bins` to see why not"),
    })
}

/// Builds all binaries with the flags of `check.sh`, so that no dependency is built twice.
fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(crate::workspace()).args(["build", "--release", "--workspace", "--bins", "--quiet"]);
    let built = command.status().context("cannot start cargo")?;
    ensure!(built.success(), "cargo build: {built}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::workspace().join("target"), PathBuf::from);
    Ok(target.join("release"))
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot start or takes longer than `within`.
pub fn run(command: &mut Command, stdin: &[u8], within: Duration) -> Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let feeding = feed(&mut child, stdin.to_vec());
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child, within).with_context(|| format!("{command:?}"))?;
    // A program may end without reading everything; what it says counts, not the broken pipe.
    let _ = feeding.join();
    let stdout = stdout.join().unwrap_or_default();
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap_or_default()).into_owned();
    Ok(Ended { status, stdout, stderr })
}

/// Runs the gateway to its end with the usual patience.
///
/// # Errors
/// When it cannot start or does not end.
pub fn run_gateway<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Ended> {
    run(&mut gateway_command(arguments), b"", PATIENCE)
}

/// Waits for a child to end; kills it when it takes longer than `within`.
///
/// # Errors
/// When it had to be killed.
pub fn wait(child: &mut Child, within: Duration) -> Result<ExitStatus> {
    let ended = waiting::poll(within, || child.try_wait().transpose());
    match ended {
        Some(status) => Ok(status?),
        None => {
            child.kill().context("cannot kill a program that takes too long")?;
            child.wait().context("cannot collect a killed program")?;
            bail!("still running after {} s, killed", within.as_secs_f64());
        }
    }
}

/// Sends a signal by name (`INT`, `TERM`, `KILL`) to a child.
///
/// # Errors
/// When there is no such process any more.
pub fn signal(child: &Child, name: &str) -> Result<()> {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status()?;
    ensure!(sent.success(), "cannot send SIG{name} to process {}", child.id());
    Ok(())
}

fn feed(child: &mut Child, bytes: Vec<u8>) -> JoinHandle<()> {
    let stdin = child.stdin.take();
    std::thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&bytes);
        }
    })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// A port of 127.0.0.1 that was free a moment ago, for programs that cannot pick one themselves.
///
/// # Errors
/// When the machine has none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A tool of the machine: the first of several names found on `PATH` or where Debian puts daemons.
pub fn tool(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// The mosquitto broker.
pub fn mosquitto() -> Option<PathBuf> {
    tool(&["mosquitto"])
}

/// A browser that playwright-core can drive.
pub fn chromium() -> Option<PathBuf> {
    tool(&["chromium", "chromium-browser", "google-chrome"])
}

/// Node with playwright-core beside the browser tests; both or none.
pub fn node_with_playwright() -> Option<PathBuf> {
    let playwright = crate::workspace().join("tests/browser/node_modules/playwright-core/package.json");
    tool(&["node", "nodejs"]).filter(|_| playwright.is_file())
}

/// Resident memory of a process, MiB, from `/proc`; `None` where there is no such file.
pub fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024.0)
}

/// Addresses and ports a process listens on or is connected to over TCP with IPv4, from `/proc`; `None`
/// where there is no such file. A connection between two parts of one process counts twice.
pub fn tcp_addresses(pid: u32) -> Option<Vec<String>> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let links = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let sockets: Vec<String> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let mut addresses = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // proc(5): local and remote address, and the inode as the tenth field.
        if let [_, local, remote, ..] = fields.as_slice()
            && let Some(inode) = fields.get(9)
            && sockets.contains(&format!("socket:[{inode}]"))
        {
            addresses.extend([local, remote].map(|text| readable_address(text)));
        }
    }
    Some(addresses)
}

/// `0100007F:1F90` is 127.0.0.1:8080: the address in the machine's order, here little-endian.
fn readable_address(text: &str) -> String {
    let (address, port) = text.split_once(':').unwrap_or((text, "0"));
    let [a, b, c, d] = u32::from_str_radix(address, 16).unwrap_or(0).to_le_bytes();
    format!("{a}.{b}.{c}.{d}:{}", u16::from_str_radix(port, 16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_runs_with_input_and_code() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat; echo said >&2; exit 3"]);
        let ended = run(&mut shell, b"heard", PATIENCE).expect("sh runs");
        assert_eq!((ended.code(), ended.text().as_str(), ended.stderr.as_str()), (Some(3), "heard", "said\n"));
    }

    #[test]
    fn our_own_listener_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        if let Some(addresses) = tcp_addresses(std::process::id()) {
            assert!(addresses.contains(&address), "{address} in {addresses:?}");
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec sleep 60"]);
        let error = run(&mut shell, b"", Duration::from_millis(50)).expect_err("too long");
        assert!(format!("{error:#}").contains("still running"), "{error:#}");
    }
}
