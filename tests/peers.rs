//! Bluetooth peers: Bumble and RootCanal from PyPI, a bluetoothd that fails when told to, a bus of its own.
//!
//! In: the scripts of `tests/peers`. Out: controllers to listen to, a host that listens to ours, a system bus.
//! It refuses to leave a process behind: a script ends when its standard input does.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Python that has the peers: the environment `check.sh` makes, or the one `VENUE_PEERS` names.
pub fn python() -> Option<PathBuf> {
    let made = crate::workspace().join("target/peers");
    let folder = std::env::var_os("VENUE_PEERS").map_or(made, PathBuf::from);
    let python = folder.join("bin/python");
    let found = folder.join("bin/bumble-scan").is_file() && python.is_file();
    found.then_some(python)
}

/// Why a test that needs them is skipped.
pub const ABSENT: &str = "Bumble and RootCanal are not here; `./check.sh test` fetches them, or VENUE_PEERS names them";

/// Whether this machine gives out network namespaces, which RootCanal needs to stay off the network.
pub fn has_namespaces() -> bool {
    let tried = Command::new("unshare").args(["--map-root-user", "--net", "true"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// A controller of others, reached over a unix socket.
#[derive(Debug)]
pub struct Peer(Child);

impl Peer {
    /// Bumble's controller hearing so many beacons; `extended` or `legacy`.
    ///
    /// # Errors
    /// What it said instead of being ready.
    pub fn bumble(python: &Path, socket: &Path, beacons: u8, mode: &str) -> Result<Self> {
        let mut command = Command::new(python);
        command.arg(script("bumble_beacons.py")).arg(socket).arg(beacons.to_string()).arg(mode);
        Self::start(&mut command)
    }

    /// RootCanal hearing a legacy and an extended beacon.
    ///
    /// # Errors
    /// What it said instead of being ready.
    pub fn rootcanal(python: &Path, socket: &Path) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(python).arg(script("rootcanal_beacons.py")).arg(socket);
        Self::start(&mut command)
    }

    /// A bluetoothd on a bus, with so many devices that advertise together so often a second.
    ///
    /// # Errors
    /// What it said instead of being ready.
    pub fn bluetoothd(python: &Path, bus: &SystemBus, devices: u32, adverts_per_s: u32) -> Result<Self> {
        let mut command = Command::new(python);
        command.arg(script("bluetoothd.py")).args([devices, adverts_per_s].map(|number| number.to_string()));
        Self::start(command.env(SystemBus::VARIABLE, &bus.address))
    }

    /// The kernel's side of Bluetooth management on a socket, for a real bluetoothd.
    ///
    /// # Errors
    /// What it said instead of being ready.
    pub fn kernel(python: &Path, socket: &Path, devices: u32, adverts_per_s: u32) -> Result<Self> {
        let mut command = Command::new(python);
        let numbers = [devices, adverts_per_s].map(|number| number.to_string());
        Self::start(command.arg(script("kernel.py")).arg(socket).args(numbers))
    }

    /// The kernel's user channel on a socket, in front of a controller on another.
    ///
    /// # Errors
    /// What it said instead of being ready.
    pub fn user_channel(python: &Path, socket: &Path, controller: &Path) -> Result<Self> {
        Self::start(Command::new(python).arg(script("user_channel.py")).arg(socket).arg(controller))
    }

    /// Gives an order to a peer that takes some.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn order(&mut self, word: &str) -> Result<()> {
        let input = self.0.stdin.as_mut().context("its input is piped")?;
        Ok(writeln!(input, "{word}").and_then(|()| input.flush())?)
    }

    fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut peer = Self(child.with_context(|| format!("cannot start {command:?}"))?);
        let mut line = String::new();
        BufReader::new(peer.0.stdout.take().context("piped")?).read_line(&mut line)?;
        ensure!(line.trim() == "ready", "it said \"{line}\"");
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // With its input it ends by itself, and ends what it started; a kill would leave that behind.
        drop(self.0.stdin.take());
        if crate::programs::wait(&mut self.0, std::time::Duration::from_secs(10)).is_err() {
            let _ = self.0.kill();
        }
    }
}

fn script(name: &str) -> PathBuf {
    crate::workspace().join("tests/peers").join(name)
}

/// A system bus of our own.
#[derive(Debug)]
pub struct SystemBus {
    daemon: Child,
    /// Its address.
    pub address: String,
    _folder: tempfile::TempDir,
}

impl SystemBus {
    /// The variable that names it to programs.
    pub const VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

    /// Starts one; `None` where this machine has no dbus-daemon.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = crate::programs::tool(&["dbus-daemon"]) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("bus.conf");
        let address = format!("unix:path={}", folder.path().join("bus.sock").display());
        std::fs::write(&config, std::fs::read_to_string(script("bus.conf"))?.replace("ADDRESS", &address))?;
        let mut command = Command::new(program);
        command.arg("--config-file").arg(&config).args(["--nofork", "--print-address"]);
        let mut daemon = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let stdout = daemon.stdout.take().context("piped")?;
        let bus = Self { daemon, address, _folder: folder };
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line.starts_with("unix:"), "dbus-daemon said \"{line}\"");
        Ok(Some(bus))
    }
}

impl Drop for SystemBus {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Compiles what stands in for the kernel's Bluetooth sockets into a folder; preloaded, it leads them elsewhere.
/// `None` where this machine has no C compiler.
///
/// # Errors
/// What the compiler said.
pub fn kernel_library(folder: &Path) -> Result<Option<PathBuf>> {
    let Some(compiler) = crate::programs::tool(&["cc", "gcc", "clang"]) else { return Ok(None) };
    let library = folder.join("kernel.so");
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(script("kernel.c")).arg("-ldl");
    crate::programs::run(&mut command, b"", crate::programs::PATIENCE)?.succeeded("compile kernel.c")?;
    Ok(Some(library))
}
