//! The gateway as a process that keeps running: `demo` and `run`.
//!
//! In: arguments. Out: where its pages and its broker are, read from its first line. It refuses to leave
//! a process behind: dropping kills.

use crate::programs;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Time to the first line: opening a database and a broker, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Lines of output held for a test that does not read them; more are dropped with the reader waiting.
const LINES_MAX: usize = 100_000;

/// A gateway that is up.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// Where the pages are, `http://127.0.0.1:PORT` without a slash at the end.
    pub http: String,
    /// Port of its own broker; `None` when it uses another.
    pub mqtt_port: Option<u16>,
}

impl Running {
    /// Starts `venue-gateway` and waits for its line `ready http://… mqtt://…`.
    ///
    /// # Errors
    /// What it said, when it ended or kept silent instead.
    pub fn start<S: AsRef<OsStr>>(arguments: &[S]) -> Result<Self> {
        Self::start_command(&mut programs::gateway_command(arguments))
    }

    /// Starts a prepared command of the gateway.
    ///
    /// # Errors
    /// What it said, when it ended or kept silent instead.
    pub fn start_command(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let (sender, lines) = sync_channel(LINES_MAX);
        for pipe in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)].into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
        }
        let mut running = Self { child, lines, said: Vec::new(), http: String::new(), mqtt_port: None };
        let ready = running.line(READY_WITHIN, |line| line.starts_with("ready "))?;
        running.read_links(&ready)?;
        Ok(running)
    }

    /// Waits for a line that `wanted` accepts, on either output.
    ///
    /// # Errors
    /// Everything said so far, when no such line comes.
    pub fn line(&mut self, within: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + within;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if wanted(&line) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => anyhow::bail!("waited in vain; it said {:#?}", self.said),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("it ended; it said {:#?}", self.said),
            }
        }
    }

    /// Everything said so far.
    pub fn said(&mut self) -> &[String] {
        self.said.extend(self.lines.try_iter());
        &self.said
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still there.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal (`INT` is Ctrl-C) and waits for the end; gives how it ended and how long that took.
    ///
    /// # Errors
    /// When it does not end within the time.
    pub fn end(&mut self, signal: &str, within: Duration) -> Result<(ExitStatus, Duration)> {
        let began = Instant::now();
        programs::signal(&self.child, signal)?;
        let status = programs::wait(&mut self.child, within)?;
        Ok((status, began.elapsed()))
    }

    fn read_links(&mut self, ready: &str) -> Result<()> {
        for word in ready.split_whitespace() {
            if word.starts_with("http://") {
                self.http = word.trim_end_matches('/').to_owned();
            } else if let Some(host_port) = word.strip_prefix("mqtt://") {
                let port = host_port.rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
                self.mqtt_port = Some(port.with_context(|| format!("no port in {word}"))?);
            }
        }
        ensure!(self.http.starts_with("http://127.0.0.1:"), "pages are not on this machine alone: {ready}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}
