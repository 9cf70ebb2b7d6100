//! `convert`: captures to recordings, and recordings to captures.
//!
//! In: btsnoop, pcap or pcapng, or a recording. Out: a recording for the former, btsnoop for the latter, so
//! that what was recorded opens in btmon and Wireshark. What was passed over is told at the end, by reason.
//! Lines of a recording without a raw address cannot become HCI reports and are counted.

use crate::cli::Failure;
use crate::radio::capture::{self, BtsnoopWriter, CapturedAdvert};
use crate::radio::recording_file::{self, Recording};
use clap::Args;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::PathBuf;
use venue_engine::recording::{Source, write};

/// Options of `convert`.
#[derive(Args, Debug)]
pub struct ConvertArguments {
    /// Capture (btsnoop, pcap, pcapng) or recording; plain or compressed.
    input: PathBuf,
    /// Recording to write from a capture (zstd where it ends in .zst), or btsnoop from a recording.
    #[arg(short, long)]
    out: PathBuf,
    /// Name of the receiver that a capture's adverts are given.
    #[arg(long, default_value = "receiver-1")]
    receiver: String,
}

/// Converts one file.
///
/// # Errors
/// Where the input is neither a capture nor a recording, or the output cannot be written.
pub fn run(arguments: &ConvertArguments) -> Result<(), Failure> {
    let mut input = capture::open(&arguments.input)?;
    let is_capture = capture::is_capture(input.fill_buf()?);
    let counts = if is_capture { to_recording(input, arguments)? } else { to_btsnoop(arguments)? };
    for (what, count) in counts {
        eprintln!("{count} {what}");
    }
    Ok(())
}

fn to_recording(input: Box<dyn BufRead + Send>, arguments: &ConvertArguments) -> anyhow::Result<capture::Counts> {
    let mut out = recording_file::create(&arguments.out)?;
    let mut text = String::new();
    let counts = capture::read(input, |advert| {
        text.clear();
        write(&advert.line(&arguments.receiver), &mut text);
        Ok(out.write_all(text.as_bytes())?)
    });
    let counts =
        counts.map_err(|error| error.context(format!("{}: cannot be converted", arguments.input.display())))?;
    out.flush()?;
    Ok(counts)
}

fn to_btsnoop(arguments: &ConvertArguments) -> anyhow::Result<capture::Counts> {
    let mut recording = Recording::open(&arguments.input)?;
    let mut writer = BtsnoopWriter::new(BufWriter::new(File::create(&arguments.out)?))?;
    let mut counts: capture::Counts = BTreeMap::new();
    recording.for_each(|line| {
        let Source::Address(address) = line.source else {
            *counts.entry("without-address").or_default() += 1;
            return Ok(());
        };
        *counts.entry("adverts").or_default() += 1;
        let (at, rssi_dbm, channel, scan_response) = (line.at, line.rssi_dbm, line.channel, line.scan_response);
        Ok(writer.write(&CapturedAdvert { at, address, rssi_dbm, channel, scan_response, payload: line.payload })?)
    })?;
    writer.finish()?;
    counts.extend(recording.refused.iter().map(|(why, count)| (*why, *count)));
    if !counts.contains_key("adverts") {
        anyhow::bail!("{}: neither a capture nor a recording with raw addresses", arguments.input.display());
    }
    Ok(counts)
}
