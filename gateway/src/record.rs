//! `record`: writes what an adapter or a controller hears, raw addresses included.
//!
//! In: adverts of this machine's first adapter, or of a controller that speaks HCI. Out: a recording, and beside it a file with the day it must be
//! gone. Raw addresses are personal data, so the command says so first, and each run deletes recordings in
//! the same folder whose day has come.

use crate::cli::Failure;
use crate::radio::adapters::Ear;
use crate::radio::hci::transport::Device;
use crate::radio::source::{AdvertSink, Health};
use crate::radio::{AdvertBatch, Carriage, hci, recording_file};
use crate::runtime::Clock;
use anyhow::Context;
use clap::Args;
use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use venue_engine::event::Event;
use venue_engine::recording::{Line, write};
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::ReceiverId;

/// Batches that wait for the disk: at fifty a second, more than a second of a controller.
const BATCHES_MAX: usize = 64;

/// Ending of the file that holds a recording's expiry, in microseconds since the epoch.
const EXPIRY_ENDING: &str = "expires";

/// Options of `record`.
#[derive(Args, Debug)]
pub struct RecordArguments {
    /// Recording to write; zstd-compressed where the name ends in .zst.
    #[arg(long, default_value = "recording.jsonl.zst")]
    out: PathBuf,
    /// Name of the receiver in the recording.
    #[arg(long, default_value = "receiver-1")]
    receiver: String,
    /// Listen with this controller, written as in [[hci]], instead of the first adapter.
    #[arg(long)]
    device: Option<Device>,
    /// End after this many seconds; without it, Ctrl-C ends it.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Days after which the recording must be deleted.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=30))]
    expires_days: u16,
}

/// Records until the time is over or somebody ends it.
///
/// # Errors
/// Where there is no adapter, or the file cannot be written.
pub fn run(arguments: &RecordArguments) -> Result<(), Failure> {
    let now = Clock::Wall.now();
    delete_expired(arguments.out.parent().unwrap_or(Path::new("")), now);
    let expires_at = now + Duration::from_mins(24 * 60 * i64::from(arguments.expires_days));
    eprintln!("This recording holds raw Bluetooth addresses, which are personal data.");
    eprintln!("It expires in {} days; `record` deletes expired recordings in its folder.", arguments.expires_days);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut source = Source::open(arguments.device.as_ref()).await?;
        let expiry = expiry_path(&arguments.out);
        std::fs::write(&expiry, expires_at.as_micros().to_string())
            .with_context(|| format!("{}: cannot be written", expiry.display()))?;
        let out = recording_file::create(&arguments.out)?;
        let count = record(&mut source, out, arguments).await?;
        eprintln!("{count} adverts recorded in {}", arguments.out.display());
        Ok(())
    })
}

/// Where adverts come from.
enum Source {
    Adapter(Box<Ear>),
    Controller {
        batches: mpsc::Receiver<AdvertBatch>,
        /// Listening ends when this is dropped.
        _ending: watch::Sender<bool>,
    },
}

impl Source {
    async fn open(device: Option<&Device>) -> anyhow::Result<Self> {
        let Some(device) = device else { return Ok(Self::Adapter(Box::new(Ear::open().await?))) };
        let (sender, batches) = mpsc::channel(BATCHES_MAX);
        let (ending, ended) = watch::channel(false);
        let health = Arc::new(Health::new("recording", &device.to_string()));
        tokio::spawn(hci::run(device.clone(), ReceiverId(0), Sink(sender), health, ended));
        Ok(Self::Controller { batches, _ending: ending })
    }

    /// Adverts heard next. Dropping the future loses nothing.
    async fn next(&mut self) -> anyhow::Result<AdvertBatch> {
        match self {
            Self::Adapter(ear) => {
                let (address, rssi_dbm, payload) = ear.next().await?;
                let mut batch = AdvertBatch::default();
                batch.push_raw(Clock::Wall.now(), ReceiverId(0), address, rssi_dbm, &payload);
                Ok(batch)
            }
            Self::Controller { batches, .. } => batches.recv().await.context("the controller is no longer listened to"),
        }
    }
}

/// Takes batches of a controller for the file.
struct Sink(mpsc::Sender<AdvertBatch>);

impl AdvertSink for Sink {
    fn now(&self) -> Timestamp {
        Clock::Wall.now()
    }

    fn adverts(&self, batch: AdvertBatch) -> u64 {
        let heard = batch.len() as u64;
        if self.0.try_send(batch).is_ok() {
            return 0;
        }
        tracing::warn!(adverts = heard, "the disk is too slow: adverts are missing in the recording");
        heard
    }
}

async fn record(
    source: &mut Source,
    mut out: Box<dyn Write + Send>,
    arguments: &RecordArguments,
) -> anyhow::Result<u64> {
    let over = tokio::time::sleep(std::time::Duration::from_secs_f64(arguments.seconds.unwrap_or(1e9)));
    tokio::pin!(over);
    let mut count = 0;
    let mut text = String::new();
    loop {
        let heard = tokio::select! {
            heard = source.next() => Some(heard),
            () = &mut over => None,
            _ = tokio::signal::ctrl_c() => None,
        };
        let batch = match heard {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => {
                // What was heard until then is kept.
                out.flush()?;
                return Err(error.context(format!("{count} adverts recorded, then")));
            }
            None => break,
        };
        text.clear();
        let adverts = batch.events().zip(batch.carriages());
        adverts.for_each(|(event, carriage)| write_event(&event, carriage, &arguments.receiver, &mut text));
        out.write_all(text.as_bytes()).context("the recording cannot be written; is the disk full?")?;
        count += batch.len() as u64;
    }
    out.flush()?;
    Ok(count)
}

fn write_event(event: &Event<'_>, carriage: Carriage, receiver: &str, text: &mut String) {
    let Event::FromBoard { at, source, rssi_dbm, payload, .. } = *event else { return };
    let receiver = Cow::Borrowed(receiver);
    let phy = carriage.phy.map(|phy| Cow::Borrowed(phy.as_str()));
    let scan_response = carriage.scan_response;
    write(&Line { at, receiver, source, rssi_dbm, channel: None, phy, scan_response, payload }, text);
}

fn expiry_path(recording: &Path) -> PathBuf {
    let mut name = recording.as_os_str().to_owned();
    name.push(".");
    name.push(EXPIRY_ENDING);
    name.into()
}

/// Deletes recordings of a folder whose expiry is over; what cannot be deleted is told.
fn delete_expired(folder: &Path, now: Timestamp) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for expiry in entries.flatten().map(|entry| entry.path()) {
        if expiry.extension().is_none_or(|ending| ending != EXPIRY_ENDING) {
            continue;
        }
        let expires_at_us = std::fs::read_to_string(&expiry).ok().and_then(|text| text.trim().parse::<i64>().ok());
        if expires_at_us.is_none_or(|at_us| at_us > now.as_micros()) {
            continue;
        }
        let recording = expiry.with_extension("");
        match std::fs::remove_file(&recording).and_then(|()| std::fs::remove_file(&expiry)) {
            Ok(()) => eprintln!("{} has expired and was deleted", recording.display()),
            Err(error) => eprintln!("{} has expired and cannot be deleted: {error}", recording.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_recordings_are_deleted_and_others_kept() {
        let folder = tempfile::tempdir().expect("folder");
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        file("old.jsonl", "x");
        file("old.jsonl.expires", "1000");
        file("new.jsonl", "x");
        file("new.jsonl.expires", "9000");
        delete_expired(folder.path(), Timestamp::from_micros(5_000));
        let left = |name: &str| folder.path().join(name).exists();
        assert!(!left("old.jsonl") && !left("old.jsonl.expires"));
        assert!(left("new.jsonl") && left("new.jsonl.expires"));
    }
}
