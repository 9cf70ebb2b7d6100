//! The commands and their options, and what each of them calls.
//!
//! In: parsed arguments. Out: the exit code. Each command's error is told here, once: a line for people on
//! standard error, code 2 for usage and configuration, 1 for everything else.

use crate::config::{Config, read_file};
use crate::radio::recording_file::Recording;
use crate::replay::{self, Emit};
use crate::site_map;
use crate::{check, decode};
use clap::{Args, Parser, Subcommand};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use venue_engine::engine::Engine;
use venue_engine::event::{Event, Registration};
use venue_engine::offers::campaign;
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// Venue gateway: people, queues and offers from Bluetooth LE advertisements, on one board.
#[derive(Debug, Parser)]
#[command(name = "venue-gateway", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything in one process with a simulated crowd.
    #[cfg(feature = "demo")]
    Demo(crate::demo::DemoArguments),
    /// Run this board.
    Run(RunArguments),
    /// Put a recording through the engine and print what follows as JSON lines.
    Replay(ReplayArguments),
    /// Decode advertising data: JSON lines in, the same lines with what was found out.
    Decode,
    /// Turn a capture (btsnoop, pcap, pcapng) into a recording, or a recording into btsnoop.
    Convert(crate::convert::ConvertArguments),
    /// Record what an adapter or a controller hears, raw addresses included.
    #[cfg(feature = "bluetooth")]
    Record(crate::record::RecordArguments),
    /// Tell what is missing on this machine, and the command that mends it.
    Doctor(crate::doctor::DoctorArguments),
    /// Learn the venue's radio from beacons whose places were noted, into a map beside the floor plan.
    Calibrate(crate::calibrate::CalibrateArguments),
    /// Write what the database holds for other programs: decisions about offers, heat maps.
    Export(crate::export::ExportArguments),
    /// Say what another way of choosing offers would have brought, from an exported log.
    Evaluate(crate::evaluate::EvaluateArguments),
    /// Check and take vouchers without the board: tokens in, one a line, yes or no out.
    Till(crate::till::TillArguments),
    /// Print the public keys of vouchers, for tills that may be cut off.
    Keys(crate::till::KeysArguments),
    /// Print the commented configuration.
    Config,
    /// Validate files: floor plans, configurations, campaigns. One line per fault.
    Check(CheckArguments),
}

#[derive(Args, Debug)]
struct RunArguments {
    /// Configuration of this board.
    #[arg(long, default_value = "gateway.toml")]
    config: PathBuf,
}

#[derive(Args, Debug)]
struct ReplayArguments {
    /// Recording in JSON lines, or a capture (btsnoop, pcap, pcapng); plain, zstd or gzip; `-` for standard input.
    input: PathBuf,
    /// Floor plan.
    #[arg(long)]
    venue: PathBuf,
    /// Outputs to print: fixes, zones, people, queues, flow, dwell, offers, heat, alerts, decisions.
    #[arg(long, value_parser = parse_emit, default_value = "fixes,zones,people,queues,flow,offers")]
    emit: EmitList,
    /// Follow every stable beacon, not only registered ones.
    #[arg(long)]
    track_all: bool,
    /// Known counts: CSV with the columns at_us,kind,place,people.
    #[arg(long)]
    anchors: Option<PathBuf>,
    /// The receiver a capture's adverts are given; the floor plan's first unless told.
    #[arg(long)]
    receiver: Option<String>,
    /// Configuration with the engine's settings, attendees, assets and campaigns.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct CheckArguments {
    /// Files to validate; what each of them is, its content tells.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Clone, Debug)]
struct EmitList(Vec<Emit>);

fn parse_emit(text: &str) -> Result<EmitList, String> {
    Emit::parse_list(text).map(EmitList)
}

/// How a command can fail.
#[derive(Debug)]
pub enum Failure {
    /// Usage or configuration: exit code 2. One or more lines.
    Configuration(String),
    /// Everything else: exit code 1.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

/// What is logged unless `RUST_LOG` says otherwise: what people must act on, and our own milestones. The embedded
/// broker logs every client that leaves as an error, so it is kept quiet.
const LOGGED: &str = "warn,venue_gateway=info,rumqttd=off";

/// Runs a command and tells how it ended.
pub fn run(arguments: Arguments) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| LOGGED.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    match dispatch(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Configuration(lines)) => {
            eprintln!("{lines}");
            ExitCode::from(2)
        }
        // Whoever read our output has heard enough.
        Err(Failure::Other(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Other(error)) => {
            eprintln!("venue-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => crate::demo::run(&arguments),
        Command::Run(arguments) => crate::session::run(&load_config(&arguments.config)?),
        Command::Replay(arguments) => replay_command(&arguments),
        Command::Decode => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            decode::run(std::io::stdin().lock(), &mut out)?;
            Ok(out.flush()?)
        }
        Command::Convert(arguments) => crate::convert::run(&arguments),
        #[cfg(feature = "bluetooth")]
        Command::Record(arguments) => crate::record::run(&arguments),
        Command::Doctor(arguments) => crate::doctor::run(&arguments),
        Command::Calibrate(arguments) => crate::calibrate::run(&arguments),
        Command::Export(arguments) => crate::export::run(&arguments),
        Command::Evaluate(arguments) => crate::evaluate::run(&arguments),
        Command::Till(arguments) => crate::till::run(&arguments),
        Command::Keys(arguments) => crate::till::keys(&arguments),
        Command::Config => Ok(std::io::stdout().write_all(crate::config::SHIPPED.as_bytes())?),
        Command::Check(arguments) => check::run(&arguments.files).map_err(Failure::Configuration),
    }
}

/// Reads a configuration file.
///
/// # Errors
/// One line per fault.
pub fn load_config(path: &Path) -> Result<Config, Failure> {
    Config::load(path).map_err(Failure::Configuration)
}

/// Reads a floor plan file.
///
/// # Errors
/// One line per fault.
pub fn load_venue(path: &Path) -> Result<Arc<Venue>, Failure> {
    read_file(path, Venue::parse).map(Arc::new).map_err(Failure::Configuration)
}

fn replay_command(arguments: &ReplayArguments) -> Result<(), Failure> {
    let venue = load_venue(&arguments.venue)?;
    let config = arguments.config.as_deref().map(load_config).transpose()?;
    let anchors = arguments.anchors.as_deref().map(replay::read_anchors).transpose()?.unwrap_or_default();
    let recording = Recording::open(&arguments.input)?;
    // Somebody who captures stands somewhere; unless told where, at the first receiver.
    let first = venue.receivers.first().map(|receiver| receiver.name.to_string());
    let recording = match arguments.receiver.clone().or(first) {
        Some(receiver) => recording.captured_by(&receiver),
        None => recording,
    };
    let settings = config.as_ref().map_or_else(Settings::default, |config| config.settings.clone());
    let settings = Settings { track_all: arguments.track_all, ..settings };
    let mut engine = replay_engine(&venue, settings, config.as_ref())?;
    use_map(&mut engine, &arguments.venue, &venue)?;
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    Ok(replay::run(recording, engine, &venue, anchors, &arguments.emit.0, &mut out)?)
}

/// An engine for replay, with the configuration's campaigns, model and subjects where there is one.
fn replay_engine(venue: &Arc<Venue>, settings: Settings, config: Option<&Config>) -> Result<Engine, Failure> {
    let Some(config) = config else {
        return Ok(Engine::new(venue.clone(), settings, None, campaign::shipped(venue)));
    };
    let campaigns = crate::session::load_campaigns(config, venue)?;
    let scorer = crate::session::load_model(config);
    let mut engine = Engine::new(venue.clone(), settings, scorer, campaigns);
    for subject in &config.subjects {
        let at = Timestamp::MIN;
        let registration = Registration { at, who: subject.who.clone(), kind: subject.kind, beacon: subject.beacon };
        engine.handle(Event::Register(registration), &mut Vec::new());
    }
    Ok(engine)
}

/// Gives an engine the site map beside its floor plan, where there is one.
///
/// # Errors
/// One line, where the map does not belong to the floor plan.
pub fn use_map(engine: &mut Engine, venue_path: &Path, venue: &Venue) -> Result<(), Failure> {
    let learned = site_map::read_beside(venue_path, venue).map_err(Failure::Configuration)?;
    if let Some(learned) = learned {
        engine.use_map(&learned);
        tracing::info!("positions use {}", site_map::path_beside(venue_path).display());
    }
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
