//! The simulator's virtual controller as a process.
//!
//! In: arguments of `firmware-sim controller`. Out: where a host finds it, read from its first line. It refuses
//! to leave a process behind: dropping kills.

use crate::{programs, simulation};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A controller that waits for hosts.
#[derive(Debug)]
pub struct Controller {
    child: Child,
    /// Where it is, as `[[hci]] device` takes it.
    pub device: String,
}

impl Controller {
    /// Starts one on the small hall, three minutes into its scenario, when people are there.
    ///
    /// # Errors
    /// Where it does not say where it listens.
    pub fn start<S: AsRef<OsStr>>(listen: &str, arguments: &[S]) -> Result<Self> {
        let scenario = simulation::small_scenario();
        let mut command = Command::new(programs::simulator());
        command.arg("controller").arg("--scenario").arg(scenario).args(["--skip", "180", "--listen", listen]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the controller")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its output is piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let device = line.trim().strip_prefix("listening ").map(str::to_owned);
        let device = device.with_context(|| format!("it said \"{line}\" instead of where it listens"));
        let mut controller = Self { child, device: String::new() };
        controller.device = device?;
        Ok(controller)
    }

    /// Whether it is still there.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it where it stands, as a board that hangs, or lets it go on.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        programs::signal(&self.child, if frozen { "STOP" } else { "CONT" })
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
