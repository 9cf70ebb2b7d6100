//! The command line of the simulator.
//!
//! In: a scenario and a seed. Out: a recording, the truth, the floor plan and who is registered, as files; or
//! one of its receivers as a Bluetooth controller.
//! Progress goes to a terminal, never into a pipe. Exit codes: 0 done, 1 failed, 2 wrong usage or scenario.

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use firmware_sim::controller::serve::{Air, Door, Manners, Place, serve};
use firmware_sim::recording::LineWriter;
use firmware_sim::truth::{json, write_line};
use firmware_sim::{SCENARIOS, Simulation, scenario};
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A recording of a busy hour holds millions of alike lines: the fastest level still makes a tenth of them.
const ZSTD_LEVEL: i32 = 1;

/// Simulated time between two writes.
const CHUNK_US: i64 = 1_000_000;

#[derive(Parser)]
#[command(
    name = "firmware-sim",
    version,
    about = "Crowd, beacon firmware and radio in one seed: advert bytes with ground truth"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario and writes what receivers would have heard, and the truth.
    Run(Run),
    /// Stands in for a Bluetooth controller: speaks HCI H4 and reports what one receiver hears, in real time.
    Controller(ControllerOptions),
    /// Lists the built-in scenarios.
    List,
}

#[derive(Args)]
struct Run {
    /// A scenario file, or the name of a built-in scenario.
    #[arg(long)]
    scenario: String,
    /// Decides everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The recording, JSON Lines; compressed where the name ends in .zst.
    #[arg(long)]
    out: PathBuf,
    /// The truth, JSON Lines; compressed where the name ends in .zst.
    #[arg(long)]
    truth: PathBuf,
    /// Stops after so many simulated seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    for_s: Option<f64>,
    /// Writes the floor plan.
    #[arg(long, value_name = "FILE")]
    venue_out: Option<PathBuf>,
    /// Writes who is registered, as [[attendee]] tables.
    #[arg(long, value_name = "FILE")]
    register: Option<PathBuf>,
}

#[derive(Args)]
struct ControllerOptions {
    /// A scenario file, or the name of a built-in scenario.
    #[arg(long)]
    scenario: String,
    /// Decides everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The receiver whose ears it has; the first of the floor plan if left out.
    #[arg(long)]
    receiver: Option<String>,
    /// Where hosts find it: tcp:HOST:PORT (port 0 picks one), unix:PATH, pty, or pty:PATH for a link to it.
    #[arg(long, default_value = "tcp:127.0.0.1:6402")]
    listen: Place,
    /// Begins so many simulated seconds into the scenario.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    skip: f64,
    /// Repeats what is heard at this rate, to see what a host does in a flood.
    #[arg(long, value_name = "ADVERTS_PER_S")]
    flood: Option<f64>,
    /// Knows no extended scanning, as controllers before Bluetooth 5.
    #[arg(long)]
    legacy: bool,
    /// Scanning stalls so long after it was switched on.
    #[arg(long, value_name = "SECONDS")]
    quiet_after: Option<f64>,
    /// It falls dead so long after a host connected.
    #[arg(long, value_name = "SECONDS")]
    dead_after: Option<f64>,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::List => {
            for name in SCENARIOS {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        Command::Run(run) => start(&run.scenario, run.seed, |simulation| write_files(&run, simulation)),
        Command::Controller(options) => {
            start(&options.scenario, options.seed, |simulation| control(&options, simulation))
        }
    }
}

fn start(name: &str, seed: u64, work: impl FnOnce(Simulation) -> Result<()>) -> ExitCode {
    eprintln!("seed {seed}");
    let simulation = match scenario(name) {
        Some(text) => Simulation::new(text, seed),
        None => Simulation::open(Path::new(name), seed),
    };
    let simulation = match simulation {
        Ok(simulation) => simulation,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("{name}:{line}");
            }
            return ExitCode::from(2);
        }
    };
    match work(simulation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Serves hosts until somebody ends the process.
fn control(options: &ControllerOptions, simulation: Simulation) -> Result<()> {
    let first = simulation.venue().receivers.first().map_or_else(String::new, |receiver| receiver.name.clone());
    let receiver = options.receiver.clone().unwrap_or(first);
    let mut air = Air::new(simulation, &receiver, options.skip, options.flood)?;
    let mut door = Door::open(&options.listen)?;
    println!("listening {}", door.name());
    let seconds = |s: Option<f64>| s.and_then(|s| Duration::try_from_secs_f64(s).ok());
    let manners = Manners {
        legacy_only: options.legacy,
        quiet_after: seconds(options.quiet_after),
        dead_after: seconds(options.dead_after),
    };
    serve(&mut door, &mut air, manners, &AtomicBool::new(false))
}

fn write_files(run: &Run, mut simulation: Simulation) -> Result<()> {
    if let Some(path) = &run.venue_out {
        std::fs::write(path, simulation.venue_toml()).with_context(|| cannot_write(path))?;
    }
    if let Some(path) = &run.register {
        std::fs::write(path, register_toml(&simulation)).with_context(|| cannot_write(path))?;
    }
    let mut recording = Sink::create(&run.out)?;
    let mut truth = Sink::create(&run.truth)?;
    let lines = write_run(run, &mut simulation, &mut recording, &mut truth)?;
    recording.finish().with_context(|| cannot_write(&run.out))?;
    truth.finish().with_context(|| cannot_write(&run.truth))?;
    eprintln!("{} adverts, {} truths", lines.0, lines.1);
    Ok(())
}

fn write_run(run: &Run, simulation: &mut Simulation, recording: &mut Sink, truth: &mut Sink) -> Result<(u64, u64)> {
    let writer = LineWriter::new(simulation.venue());
    let length_us = run.for_s.map_or(i64::MAX, |for_s| (for_s.max(0.0) * 1e6) as i64);
    let end_us = simulation.ends_at_us().min(simulation.starts_at_us().saturating_add(length_us));
    let shows_progress = std::io::stderr().is_terminal();
    let (mut adverts, mut truths, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    let mut lines = (0, 0);
    while simulation.now_us() < end_us {
        simulation.advance(end_us.min(simulation.now_us() + CHUNK_US), &mut adverts, &mut truths);
        lines.0 += adverts.len() as u64;
        lines.1 += truths.len() as u64;
        adverts.drain(..).for_each(|advert| writer.write(&advert, &mut buffer));
        recording.write_all(&buffer).with_context(|| cannot_write(&run.out))?;
        buffer.clear();
        truths.drain(..).for_each(|statement| write_line(&statement, simulation.venue(), &mut buffer));
        truth.write_all(&buffer).with_context(|| cannot_write(&run.truth))?;
        buffer.clear();
        if shows_progress {
            eprint!("\r{} s ", (simulation.now_us() - simulation.starts_at_us()) / 1_000_000);
        }
    }
    Ok(lines)
}

fn register_toml(simulation: &Simulation) -> String {
    let attendee = |(name, beacon): (String, String)| {
        format!("[[attendee]]\nname = {}\nbeacon = {}\n\n", json(&name), json(&beacon))
    };
    simulation.registrations().into_iter().map(attendee).collect()
}

fn cannot_write(path: &Path) -> String {
    format!("{}: cannot be written; check the folder and the space left", path.display())
}

/// A file being written, compressed or not.
enum Sink {
    Plain(BufWriter<File>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Sink {
    fn create(path: &Path) -> Result<Self> {
        let file = BufWriter::new(File::create(path).with_context(|| cannot_write(path))?);
        Ok(match path.extension().is_some_and(|extension| extension == "zst") {
            true => Self::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
            false => Self::Plain(file),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}
