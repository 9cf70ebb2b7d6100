//! The virtual controller on a transport: TCP, unix socket or pty.
//!
//! In: a place to listen, a scenario and a receiver of it, faults to show. Out: H4 as `Controller` speaks it,
//! in real time: the scenario goes on while a host is connected. One host at a time, as with a real one; the
//! next may come when it has left.

use super::Controller;
use crate::{SimAdvert, Simulation};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Adverts are reported in steps of this length; a controller's own queue is not faster.
const STEP: Duration = Duration::from_millis(10);

/// Where a host finds the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `tcp:HOST:PORT`, port 0 for a free one.
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
    /// `pty`, or `pty:PATH` for a link to it.
    Pty(Option<PathBuf>),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("tcp", place)) if place.contains(':') => Ok(Self::Tcp(place.to_owned())),
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("pty", path)) if !path.is_empty() => Ok(Self::Pty(Some(path.into()))),
            None if text == "pty" => Ok(Self::Pty(None)),
            _ => Err("write tcp:HOST:PORT, unix:PATH, pty or pty:PATH"),
        }
    }
}

/// An open place.
#[derive(Debug)]
pub enum Door {
    /// Waits for hosts over TCP.
    Tcp(TcpListener),
    /// Waits for hosts over a unix socket.
    Unix(UnixListener),
    /// The controller's end of a pty, the host's end (kept open, so that hosts may come and go), its path.
    Pty(File, File, PathBuf),
}

impl Door {
    /// Opens a place.
    ///
    /// # Errors
    /// Where it is taken or not allowed.
    pub fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Tcp(place) => {
                let listener = TcpListener::bind(place).with_context(|| format!("cannot listen on tcp:{place}"))?;
                Ok(Self::Tcp(listener))
            }
            Place::Unix(path) => {
                // A socket left behind by a controller that was killed would be in the way.
                if std::os::unix::net::UnixStream::connect(path)
                    .is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused)
                {
                    std::fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
                }
                let listener = UnixListener::bind(path);
                Ok(Self::Unix(listener.with_context(|| format!("cannot listen on unix:{}", path.display()))?))
            }
            Place::Pty(link) => open_pty(link.as_deref()),
        }
    }

    /// As a host would write it.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| format!("tcp:{address}"))
            }
            Self::Unix(listener) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                format!("unix:{}", path.unwrap_or(Path::new("?")).display())
            }
            Self::Pty(_, _, path) => format!("serial:{}:1000000", path.display()),
        }
    }
}

/// A fresh pty edits and echoes; it is set raw on the host's end before the first byte.
fn open_pty(link: Option<&Path>) -> Result<Door> {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("the system gives no pty")?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    let name = ptsname(&controller, Vec::new())?;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let host = File::options().read(true).write(true).open(&path)?;
    let mut settings = tcgetattr(&host)?;
    settings.make_raw();
    tcsetattr(&host, OptionalActions::Now, &settings)?;
    let Some(link) = link else { return Ok(Door::Pty(controller.into(), host, path)) };
    // A link left behind by a controller that was killed would be in the way; anything else is not ours.
    if link.is_symlink() {
        std::fs::remove_file(link)?;
    }
    std::os::unix::fs::symlink(&path, link).with_context(|| format!("cannot make {}", link.display()))?;
    Ok(Door::Pty(controller.into(), host, link.to_owned()))
}

/// What the controller hears: one receiver of a run, over and over from where it stopped.
pub struct Air {
    simulation: Simulation,
    receiver: u16,
    /// Adverts per second to report instead of what comes by itself.
    flood_per_s: Option<f64>,
    /// What was heard last, repeated in a flood.
    known: Vec<SimAdvert>,
    /// The one to repeat next.
    next: usize,
    owed: f64,
}

/// Adverts a flood repeats.
const KNOWN_MAX: usize = 1_024;

impl Air {
    /// Of a receiver named in the floor plan, from `skip_s` into the run.
    ///
    /// # Errors
    /// Where the floor plan has no such receiver.
    pub fn new(mut simulation: Simulation, receiver: &str, skip_s: f64, flood_per_s: Option<f64>) -> Result<Self> {
        let names = || simulation.venue().receivers.iter().map(|receiver| receiver.name.as_str());
        let known = || names().collect::<Vec<_>>().join(", ");
        let index = names().position(|name| name == receiver);
        let index = index.ok_or_else(|| anyhow!("no receiver \"{receiver}\"; there are {}", known()))?;
        let skipped_us = (skip_s.max(0.0) * 1e6) as i64;
        let begin_us = simulation.starts_at_us().saturating_add(skipped_us);
        ensure!(begin_us < simulation.ends_at_us(), "the scenario is over by then");
        simulation.advance(begin_us, &mut Vec::new(), &mut Vec::new());
        Ok(Self { simulation, receiver: index as u16, flood_per_s, known: Vec::new(), next: 0, owed: 0.0 })
    }

    /// What is heard during the next `passed`.
    fn advance(&mut self, passed: Duration, heard: &mut Vec<SimAdvert>) {
        let until_us = self.simulation.now_us() + passed.as_micros() as i64;
        self.simulation.advance(until_us, heard, &mut Vec::new());
        heard.retain(|advert| advert.receiver == self.receiver);
        let Some(flood_per_s) = self.flood_per_s else { return };
        self.known.append(heard);
        self.known.drain(..self.known.len().saturating_sub(KNOWN_MAX));
        if self.known.is_empty() {
            return;
        }
        self.owed += flood_per_s * passed.as_secs_f64();
        let count = self.owed as usize;
        heard.extend(self.known.iter().cycle().skip(self.next % self.known.len()).take(count));
        self.next = (self.next + count) % self.known.len();
        self.owed = self.owed.fract();
    }
}

/// Faults a controller shows to a host, to try what the host does about them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// It is one of before Bluetooth 5.
    pub legacy_only: bool,
    /// Scanning stalls this long after it was switched on, as often as it is.
    pub quiet_after: Option<Duration>,
    /// It falls dead this long after the host connected: no answers, no reports, until the next connection.
    pub dead_after: Option<Duration>,
}

/// Serves hosts until told to end.
///
/// # Errors
/// Where the place fails; a host that leaves is no error.
pub fn serve(door: &mut Door, air: &mut Air, manners: Manners, ending: &AtomicBool) -> Result<()> {
    while !ending.load(Ordering::Relaxed) {
        match door {
            Door::Tcp(listener) => {
                if is_readable(&*listener)? {
                    let (stream, _) = listener.accept()?;
                    stream.set_nodelay(true)?;
                    talk(stream, air, manners, ending)?;
                }
            }
            Door::Unix(listener) => {
                if is_readable(&*listener)? {
                    talk(listener.accept()?.0, air, manners, ending)?;
                }
            }
            Door::Pty(controller, ..) => talk(controller.try_clone()?, air, manners, ending)?,
        }
    }
    Ok(())
}

/// Waits a step for something to read, or for the other side to have left.
fn is_readable(source: impl AsFd) -> Result<bool> {
    let step = Timespec { tv_sec: 0, tv_nsec: STEP.subsec_nanos().into() };
    match poll(&mut [PollFd::new(&source, PollFlags::IN)], Some(&step)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => bail!("cannot wait for the host: {error}"),
    }
}

/// Talks with one host until it leaves.
fn talk(mut host: impl Read + Write + AsFd, air: &mut Air, manners: Manners, ending: &AtomicBool) -> Result<()> {
    let mut controller = Controller::new(manners.legacy_only);
    let (began, mut stepped) = (Instant::now(), Instant::now());
    let (mut scan, mut scan_began) = (0, began);
    let (mut chunk, mut out, mut heard) = ([0; 1_024], Vec::new(), Vec::new());
    while !ending.load(Ordering::Relaxed) {
        if is_readable(&host)? {
            match host.read(&mut chunk) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(length) => controller.receive(&chunk[..length], &mut out),
            }
        }
        if controller.scans() != scan {
            (scan, scan_began) = (controller.scans(), Instant::now());
        }
        let passed = stepped.elapsed();
        if passed >= STEP {
            stepped += passed;
            air.advance(passed, &mut heard);
            let is_quiet = manners.quiet_after.is_some_and(|after| scan_began.elapsed() >= after);
            for advert in heard.drain(..).filter(|_| !is_quiet) {
                controller.hear(&advert, &mut out);
            }
        }
        if manners.dead_after.is_some_and(|after| began.elapsed() >= after) {
            out.clear();
        }
        if host.write_all(&out).is_err() {
            return Ok(());
        }
        out.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let check = |text: &str, wanted: Option<Place>| assert_eq!(text.parse().ok(), wanted, "{text}");
        check("tcp:127.0.0.1:0", Some(Place::Tcp("127.0.0.1:0".into())));
        check("unix:/tmp/x", Some(Place::Unix("/tmp/x".into())));
        check("pty", Some(Place::Pty(None)));
        check("pty:/tmp/x", Some(Place::Pty(Some("/tmp/x".into()))));
        for text in ["", "tcp", "tcp:1", "unix:", "usb:1"] {
            check(text, None);
        }
    }

    fn air(flood_per_s: Option<f64>) -> Air {
        let simulation = Simulation::new(crate::scenario("lunch_rush").expect("built in"), 1).expect("good");
        let receiver = simulation.venue().receivers[0].name.clone();
        Air::new(simulation, &receiver, 60.0, flood_per_s).expect("a receiver")
    }

    /// What `for_s` seconds bring, in steps.
    fn heard(air: &mut Air, for_s: u32) -> Vec<SimAdvert> {
        let (mut all, mut heard) = (Vec::new(), Vec::new());
        for _ in 0..for_s * 100 {
            air.advance(STEP, &mut heard);
            all.append(&mut heard);
        }
        all
    }

    #[test]
    fn one_receiver_is_heard() {
        let all = heard(&mut air(None), 5);
        assert!(all.len() > 20, "{}", all.len());
        assert!(all.iter().all(|advert| advert.receiver == 0));
    }

    #[test]
    fn a_flood_has_its_rate() {
        let mut air = air(Some(5_000.0));
        heard(&mut air, 1);
        let all = heard(&mut air, 2);
        assert!(all.len().abs_diff(10_000) < 10, "{}", all.len());
        let senders: std::collections::BTreeSet<[u8; 6]> = all.iter().map(|advert| advert.address).collect();
        assert!(senders.len() > 10, "it repeats all that is heard, not the first: {}", senders.len());
    }

    #[test]
    fn an_unknown_receiver_is_told_the_known_ones() {
        let simulation = Simulation::new(crate::scenario("quiet_hour").expect("built in"), 1).expect("good");
        let known = simulation.venue().receivers[0].name.clone();
        let error = Air::new(simulation, "nowhere", 0.0, None).err().expect("refused").to_string();
        assert!(error.contains(&known), "{error}");
    }

    #[test]
    fn a_pty_answers_a_command_and_outlives_its_host() {
        let mut door = Door::open(&Place::Pty(None)).expect("a pty");
        let path = door.name().split(':').nth(1).expect("a path").to_owned();
        let ending = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ending = &ending;
            let serving = scope.spawn(move || serve(&mut door, &mut air(None), Manners::default(), ending));
            for _ in 0..2 {
                let mut host = File::options().read(true).write(true).open(&path).expect("opens");
                host.write_all(&[1, 3, 0x0c, 0]).expect("writes");
                let mut answer = [0; 7];
                host.read_exact(&mut answer).expect("an answer");
                assert_eq!(answer, [4, 0x0e, 4, 1, 3, 0x0c, 0]);
            }
            ending.store(true, Ordering::Relaxed);
            serving.join().expect("no panic").expect("ends well");
        });
    }
}
