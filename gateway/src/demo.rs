//! `demo`: everything in one process with a simulated crowd.
//!
//! In: a scenario and a seed. Out: the same pages, topics and database as on a board in a venue. The
//! simulator's adverts enter as bytes, as any radio's would; only their times are shifted to now.

use crate::cli::Failure;
use crate::config::Config;
use crate::guests::Guests;
use crate::radio::{AdvertBatch, BATCH_MAX};
use crate::runtime::{Clock, EngineHandle};
use crate::session::{Session, Setup};
use anyhow::Context;
use clap::Args;
use firmware_sim::{SimAdvert, Simulation};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration as WallDuration;
use venue_engine::advert::{Address, AddressType};
use venue_engine::event::{Registration, SubjectKind};
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::{ReceiverId, Venue};

/// How often the simulator is asked for what was heard meanwhile.
const STEP: WallDuration = WallDuration::from_millis(20);

/// Options of `demo`.
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// Built-in scenario, or a scenario file.
    #[arg(long, default_value = "lunch_rush")]
    scenario: String,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds per second, 0.1 to 60.
    #[arg(long, default_value_t = 10.0)]
    speed: f64,
    /// Minutes of the scenario to let pass before the demo begins, so that there is something to see.
    #[arg(long, default_value_t = 25.0)]
    skip_min: f64,
    /// End after this many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Port of the pages; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the embedded broker; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    mqtt_port: u16,
    /// Publish to this broker (host:port) instead of an embedded one.
    #[arg(long)]
    broker: Option<String>,
    /// Folder of the database; a temporary one, removed at the end, where it is left out.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs the demo until its time is over or somebody ends it.
///
/// # Errors
/// Where a port is taken, the database cannot be used, or the scenario is wrong.
pub fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    if !(0.1..=60.0).contains(&arguments.speed) {
        return Err(Failure::Configuration(format!("--speed {}: choose from 0.1 to 60", arguments.speed)));
    }
    let mut simulation = open(&arguments.scenario, arguments.seed)?;
    eprintln!("scenario {} with seed {}", arguments.scenario, arguments.seed);
    let venue = Venue::parse(simulation.venue_toml()).map(Arc::new).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("{}:{fault}", arguments.scenario)).collect();
        Failure::Configuration(lines.join("\n"))
    })?;
    skip(&mut simulation, arguments.skip_min);
    let temporary = TemporaryFolder::unless(arguments.data.as_ref())?;
    let setup = Setup {
        config: config(arguments, temporary.path.clone())?,
        venue,
        // What was learned about a real venue's radio does not hold for a simulated one.
        plan: None,
        clock: Clock::scaled(arguments.speed),
        registrations: registrations(&simulation)?,
    };
    let session = Session::start(setup)?;
    announce(&session, &simulation);
    let watched = simulation.registrations().into_iter().next().map(|(attendee, _)| attendee);
    let feed = Feed::start(simulation, session.engine().clone(), session.guests(watched))?;
    let ended = session.wait(arguments.seconds.map(WallDuration::from_secs_f64));
    feed.stop();
    session.close()?;
    drop(temporary);
    ended
}

/// A built-in scenario by its name, or a file with those it names beside it.
fn open(name: &str, seed: u64) -> Result<Simulation, Failure> {
    let opened = match firmware_sim::scenario(name) {
        Some(text) => Simulation::new(text, seed),
        None if Path::new(name).exists() => Simulation::open(Path::new(name), seed),
        None => {
            let known = firmware_sim::SCENARIOS.join(", ");
            return Err(Failure::Configuration(format!("no scenario \"{name}\"; built in are {known}")));
        }
    };
    opened.map_err(|error| Failure::Configuration(format!("{name}: {error:#}")))
}

fn config(arguments: &DemoArguments, data: PathBuf) -> Result<Config, Failure> {
    let mut config = Config::shipped();
    config.data = data;
    config.bluetooth.enabled = false;
    config.http_port = arguments.port;
    config.mqtt.port = arguments.mqtt_port;
    if let Some(broker) = &arguments.broker {
        let wrong =
            || Failure::Configuration(format!("--broker {broker}: write host:port, for example 127.0.0.1:1883"));
        let (host, port) = broker.rsplit_once(':').ok_or_else(wrong)?;
        config.mqtt.embedded = false;
        config.mqtt.host = host.to_owned();
        config.mqtt.port = port.parse().map_err(|_| wrong())?;
    }
    Ok(config)
}

/// Lets part of the scenario pass unheard.
fn skip(simulation: &mut Simulation, minutes: f64) {
    let until_us = simulation.now_us() + (minutes.max(0.0) * 60e6) as i64;
    let (mut adverts, mut truths) = (Vec::new(), Vec::new());
    while simulation.now_us() < until_us.min(simulation.ends_at_us()) {
        simulation.advance((simulation.now_us() + 10_000_000).min(until_us), &mut adverts, &mut truths);
        adverts.clear();
        truths.clear();
    }
}

fn registrations(simulation: &Simulation) -> Result<Vec<Registration>, Failure> {
    let at = Timestamp::from_micros(0);
    let registration = |(who, beacon): (String, String)| {
        let beacon = beacon.parse().map_err(|why| anyhow::anyhow!("the scenario's beacon {beacon} is none: {why}"))?;
        Ok(Registration { at, who: who.into(), kind: SubjectKind::Attendee, beacon })
    };
    simulation.registrations().into_iter().map(registration).collect()
}

fn announce(session: &Session, simulation: &Simulation) {
    let (pages, broker) = (session.pages_url(), session.broker_url());
    println!("ready {pages} {broker}");
    println!("staff     {pages}/");
    if let Some((attendee, _)) = simulation.registrations().first() {
        println!("attendee  {pages}/me?attendee={attendee}");
    }
    println!("till      {pages}/till");
    println!("topics    mosquitto_sub -h 127.0.0.1 -p {} -V mqttv5 -v -t 'venue/#'", session.broker_port());
    println!("Ctrl-C ends it.");
}

/// The thread that plays the simulation into the engine.
struct Feed {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Feed {
    fn start(mut simulation: Simulation, engine: EngineHandle, mut guests: Guests) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            let shift = engine.now().since(Timestamp::from_micros(simulation.now_us()));
            let (mut adverts, mut truths) = (Vec::new(), Vec::new());
            while !stopped.load(Ordering::Relaxed) && simulation.now_us() < simulation.ends_at_us() {
                let until = Timestamp::from_micros(engine.now().since(Timestamp::from_micros(0) + shift).as_micros());
                simulation.advance(until.as_micros(), &mut adverts, &mut truths);
                for adverts in adverts.chunks(BATCH_MAX) {
                    engine.adverts(batch(adverts, shift));
                }
                guests.step(&mut simulation, &truths);
                adverts.clear();
                truths.clear();
                std::thread::sleep(STEP);
            }
        };
        let thread = std::thread::Builder::new().name("crowd".into()).spawn(work).context("no thread for the crowd")?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic in the simulator has been printed; the session still closes cleanly.
        let _ = self.thread.join();
    }
}

fn batch(adverts: &[SimAdvert], shift: Duration) -> AdvertBatch {
    let mut batch = AdvertBatch::default();
    for advert in adverts {
        let kind = if advert.random { AddressType::Random } else { AddressType::Public };
        let address = Address { bytes: advert.address, kind };
        let payload = &advert.payload[..usize::from(advert.len)];
        let at = Timestamp::from_micros(advert.at_us) + shift;
        batch.push_raw(at, ReceiverId(advert.receiver as u8), address, Some(advert.rssi_dbm), payload);
    }
    batch
}

/// A folder that is removed with everything in it, unless the user named one to keep.
struct TemporaryFolder {
    path: PathBuf,
    remove: bool,
}

impl TemporaryFolder {
    fn unless(kept: Option<&PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = kept {
            return Ok(Self { path: path.clone(), remove: false });
        }
        let path = std::env::temp_dir().join(format!("venue-gateway-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{}: cannot be created", path.display()))?;
        Ok(Self { path, remove: true })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if self.remove {
            // What is left in the system's temporary folder is the system's to clear.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
