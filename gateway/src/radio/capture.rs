//! Captures: what sniffers and other hosts recorded, as adverts.
//!
//! In: btsnoop (HCI with or without packet types, Linux monitor), pcap and pcapng with the link types of the
//! common Bluetooth LE sniffers; plain or gzip. Out: adverts in the order of the file, and counts of what
//! was passed over, by reason. Packets with a wrong checksum are dropped: they would make devices that do
//! not exist. It refuses files it does not know, and stops with an error where one is cut off.

mod btsnoop;
mod link_layer;
mod pcap;

pub use btsnoop::Writer as BtsnoopWriter;

use anyhow::{Context, bail};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use venue_engine::advert::Address;
use venue_engine::recording::{Line, Source};
use venue_engine::time::Timestamp;

/// Longest packet read: HCI events are 257 bytes, link-layer packets 270 with their headers; monitor logs hold
/// longer ones of other kinds. Longer is a broken length.
const PACKET_LEN_MAX: usize = 1 << 18;

/// One advert of a capture.
#[derive(Clone, Debug, PartialEq)]
pub struct CapturedAdvert<'a> {
    /// When, by the capturing host's clock.
    pub at: Timestamp,
    /// The advertiser.
    pub address: Address,
    /// Strength where known.
    pub rssi_dbm: Option<i8>,
    /// Advertising channel where known.
    pub channel: Option<u8>,
    /// Whether it is a scan response.
    pub scan_response: bool,
    /// Advertising data.
    pub payload: &'a [u8],
}

impl CapturedAdvert<'_> {
    /// As a line of a recording that `receiver` made.
    pub fn line<'b>(&'b self, receiver: &'b str) -> Line<'b> {
        Line {
            at: self.at,
            receiver: Cow::Borrowed(receiver),
            source: Source::Address(self.address),
            rssi_dbm: self.rssi_dbm,
            channel: self.channel,
            phy: None,
            scan_response: self.scan_response,
            payload: self.payload,
        }
    }
}

/// What was read and passed over, by reason.
pub type Counts = BTreeMap<&'static str, u64>;

/// Whether the first bytes of a file are those of a capture.
pub fn is_capture(start: &[u8]) -> bool {
    start.starts_with(btsnoop::MAGIC) || pcap::is_pcap(start)
}

/// Reads a capture and gives each advert to `take`.
///
/// # Errors
/// Where it is none, is cut off, or `take` fails.
pub fn read(
    mut input: impl BufRead,
    mut take: impl FnMut(CapturedAdvert<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    let start = input.fill_buf()?;
    if start.starts_with(btsnoop::MAGIC) {
        btsnoop::read(input, &mut counts, &mut take)?;
    } else if pcap::is_pcap(start) {
        let mut sniffed = link_layer::Sniffed::default();
        pcap::read(input, |packet| sniffed.packet(packet, &mut counts, &mut take))?;
    } else {
        bail!("neither btsnoop, pcap nor pcapng");
    }
    Ok(counts)
}

/// One packet of a container, before its content is looked at.
struct Packet<'a> {
    at: Timestamp,
    link_type: u32,
    bytes: &'a [u8],
}

fn count(counts: &mut Counts, why: &'static str) {
    *counts.entry(why).or_default() += 1;
}

/// Reads exactly `length` bytes into `buffer`; false at a clean end before the first.
fn read_block(input: &mut impl Read, length: usize, buffer: &mut Vec<u8>) -> anyhow::Result<bool> {
    if length > PACKET_LEN_MAX {
        bail!("a packet of {length} bytes; the file is damaged here");
    }
    buffer.resize(length, 0);
    let mut filled = 0;
    while filled < length {
        match input.read(&mut buffer[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => bail!("the capture is cut off in the middle of a packet"),
            count => filled += count,
        }
    }
    Ok(true)
}

/// The same where the bytes must be there.
fn require_block(input: &mut impl Read, length: usize, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    if length > 0 && !read_block(input, length, buffer)? {
        bail!("the capture is cut off in the middle of a packet");
    }
    buffer.truncate(length);
    Ok(())
}

/// A capture or recording with its compression taken off.
///
/// # Errors
/// Where the first bytes cannot be read.
pub fn open(path: &std::path::Path) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let name = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("{name}: cannot be opened; check the path"))?;
    super::recording_file::decompressed(Box::new(file)).with_context(|| format!("{name}: cannot be read"))
}

#[cfg(test)]
mod tests;
