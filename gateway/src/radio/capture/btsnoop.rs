//! btsnoop: HCI traffic as Android, BlueZ and others log it.
//!
//! In: a file header and records. Out: the advertising reports in them; and the other way round, reports as a
//! file that btmon and Wireshark read. Data link types: 1001 (HCI without packet types), 1002 (H4), 2001
//! (Linux monitor). Source: RFC 1761 for the form, BlueZ `btsnoop.h` for the numbers.

use super::{CapturedAdvert, Counts, count, read_block, require_block};
use crate::radio::hci::report::{LE_META, Reports};
use anyhow::bail;
use std::io::{BufRead, Write};
use venue_engine::advert::{Address, AddressType};
use venue_engine::time::Timestamp;

/// First bytes of every file.
pub const MAGIC: &[u8] = b"btsnoop\0";

const VERSION: u32 = 1;
const HCI_UNENCAPSULATED: u32 = 1001;
const HCI_UART: u32 = 1002;
const LINUX_MONITOR: u32 = 2001;

/// Packet type of an event in H4, and in the monitor's numbering.
const H4_EVENT: u8 = 0x04;
const MONITOR_EVENT: u16 = 3;

/// Microseconds from the year 0 to the Unix epoch, as all writers count them.
const EPOCH_US: i64 = 0x00dc_ddb3_0f2f_8000;

/// Record flags: from the controller, and a command or event.
const RECEIVED_EVENT: u32 = 0b11;

/// Reads all records.
pub(super) fn read(
    mut input: impl BufRead,
    counts: &mut Counts,
    take: &mut impl FnMut(CapturedAdvert<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    require_block(&mut input, 16, &mut buffer)?;
    let (version, link_type) = (be32(&buffer, 8), be32(&buffer, 12));
    if version != VERSION || ![HCI_UNENCAPSULATED, HCI_UART, LINUX_MONITOR].contains(&link_type) {
        bail!("btsnoop version {version} with data link {link_type} is not known here");
    }
    let mut reports = Reports::default();
    while read_block(&mut input, 24, &mut buffer)? {
        let (length, flags) = (be32(&buffer, 4) as usize, be32(&buffer, 8));
        let micros = i64::from(be32(&buffer, 16)) << 32 | i64::from(be32(&buffer, 20));
        let at = Timestamp::from_micros(micros.saturating_sub(EPOCH_US));
        require_block(&mut input, length, &mut buffer)?;
        count(counts, "packets");
        let Some(event) = event_of(link_type, flags, &buffer) else { continue };
        let mut result = Ok(());
        reports.event(event, |report| {
            let Some(address) = report.address else { return count(counts, "anonymous") };
            count(counts, "adverts");
            let (rssi_dbm, scan_response) = (report.rssi_dbm, report.scan_response);
            let advert =
                CapturedAdvert { at, address, rssi_dbm, channel: None, scan_response, payload: &report.payload };
            if result.is_ok() {
                result = take(advert);
            }
        });
        result?;
    }
    counts
        .extend([("malformed", reports.malformed), ("incomplete", reports.incomplete)].into_iter().filter(|c| c.1 > 0));
    Ok(())
}

/// The event in a record, if it is one.
fn event_of(link_type: u32, flags: u32, record: &[u8]) -> Option<&[u8]> {
    match link_type {
        HCI_UART => record.split_first().filter(|(kind, _)| **kind == H4_EVENT).map(|(_, event)| event),
        HCI_UNENCAPSULATED => Some(record).filter(|_| flags & RECEIVED_EVENT == RECEIVED_EVENT),
        _ => Some(record).filter(|_| flags as u16 == MONITOR_EVENT),
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..at + 4).and_then(|field| <[u8; 4]>::try_from(field).ok());
    field.map_or(0, u32::from_be_bytes)
}

/// Writes adverts as H4 events, one report each.
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn new(mut out: W) -> std::io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_be_bytes())?;
        out.write_all(&HCI_UART.to_be_bytes())?;
        Ok(Self { out })
    }

    /// Adds an advert: a legacy report where the payload fits one, else an extended one, in fragments.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&mut self, advert: &CapturedAdvert<'_>) -> std::io::Result<()> {
        if advert.payload.len() <= 31 {
            return self.record(advert.at, &legacy_event(advert));
        }
        let mut chunks = advert.payload.chunks(EXTENDED_DATA_MAX).peekable();
        while let Some(chunk) = chunks.next() {
            self.record(advert.at, &extended_event(advert, chunk, chunks.peek().is_some()))?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.out.flush()
    }

    fn record(&mut self, at: Timestamp, packet: &[u8]) -> std::io::Result<()> {
        let length = (packet.len() as u32).to_be_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&length)?;
        self.out.write_all(&RECEIVED_EVENT.to_be_bytes())?;
        self.out.write_all(&0u32.to_be_bytes())?;
        self.out.write_all(&at.as_micros().saturating_add(EPOCH_US).to_be_bytes())?;
        self.out.write_all(packet)
    }
}

/// Most data bytes of one extended report (Core 5.4, Vol 4 Part E, 7.7.65.13).
const EXTENDED_DATA_MAX: usize = 229;

fn legacy_event(advert: &CapturedAdvert<'_>) -> Vec<u8> {
    let kind = if advert.scan_response { 4 } else { 0 };
    let length = advert.payload.len() as u8;
    let mut event = vec![H4_EVENT, LE_META, 12 + length, 0x02, 1, kind, type_of(advert.address)];
    event.extend(advert.address.bytes.iter().rev());
    event.push(length);
    event.extend(advert.payload);
    event.push(strength(advert));
    event
}

fn extended_event(advert: &CapturedAdvert<'_>, chunk: &[u8], more: bool) -> Vec<u8> {
    let kind = u8::from(more) << 5 | u8::from(advert.scan_response) << 3;
    let length = chunk.len() as u8;
    let mut event = vec![H4_EVENT, LE_META, 26 + length, 0x0d, 1, kind, 0, type_of(advert.address)];
    event.extend(advert.address.bytes.iter().rev());
    // Primary PHY 1M, no secondary, no set, transmit power unknown, strength, no period, no target.
    event.extend([1, 0, 0xff, 0x7f, strength(advert), 0, 0, 0, 0, 0, 0, 0, 0, 0, length]);
    event.extend(chunk);
    event
}

fn type_of(address: Address) -> u8 {
    u8::from(address.kind == AddressType::Random)
}

fn strength(advert: &CapturedAdvert<'_>) -> u8 {
    advert.rssi_dbm.unwrap_or(127) as u8
}
