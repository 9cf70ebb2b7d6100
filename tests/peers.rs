//! Bluetooth peers that others wrote: Bumble and RootCanal, from PyPI.
//!
//! In: the scripts of `tests/peers`. Out: controllers to listen to, and a host that listens to ours. It refuses
//! to leave a process behind: a script ends when its standard input does.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
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
