//! pcap and pcapng: the containers sniffers write.
//!
//! In: a file in either form and byte order. Out: packets with their time and link type. Blocks it does not
//! know are passed over by their length. It refuses lengths no packet has and files cut off. Sources:
//! IETF drafts opsawg-pcap and opsawg-pcapng.

use super::{Packet, read_block, require_block};
use anyhow::{Context, bail};
use std::io::BufRead;
use venue_engine::time::Timestamp;

const PCAP_MICROS: u32 = 0xa1b2_c3d4;
const PCAP_NANOS: u32 = 0xa1b2_3c4d;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Option of an interface that gives the resolution of its times.
const TIME_RESOLUTION: u16 = 9;

/// Interfaces of one section; a capture has one or a few.
const INTERFACES_MAX: usize = 256;

/// Whether a file opens as pcap or pcapng.
pub(super) fn is_pcap(start: &[u8]) -> bool {
    let Some(magic) = start.first_chunk::<4>() else { return false };
    let (little, big) = (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic));
    [PCAP_MICROS, PCAP_NANOS, SECTION].iter().any(|known| [little, big].contains(known))
}

/// Reads all packets.
pub(super) fn read(input: impl BufRead, take: impl FnMut(Packet<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut input = input;
    let start = input.fill_buf()?.first_chunk::<4>().copied().context("empty")?;
    if u32::from_le_bytes(start) == SECTION { read_pcapng(input, take) } else { read_pcap(input, take) }
}

/// Reads numbers in the file's byte order.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let field = bytes.get(at..at + 2).and_then(|field| <[u8; 2]>::try_from(field).ok()).unwrap_or_default();
        if self.big_endian { u16::from_be_bytes(field) } else { u16::from_le_bytes(field) }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let field = bytes.get(at..at + 4).and_then(|field| <[u8; 4]>::try_from(field).ok()).unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
    }
}

fn read_pcap(mut input: impl BufRead, mut take: impl FnMut(Packet<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    require_block(&mut input, 24, &mut buffer)?;
    let magic = u32::from_le_bytes(*buffer.first_chunk().context("no header")?);
    let order = Order { big_endian: magic != PCAP_MICROS && magic != PCAP_NANOS };
    let per_micro = if order.u32(&buffer, 0) == PCAP_NANOS { 1_000 } else { 1 };
    // The upper half of the field may hold the length of a checksum.
    let link_type = order.u32(&buffer, 20) & 0xffff;
    while read_block(&mut input, 16, &mut buffer)? {
        let (seconds, fraction) = (order.u32(&buffer, 0), order.u32(&buffer, 4));
        let at = Timestamp::from_micros(i64::from(seconds) * 1_000_000 + i64::from(fraction / per_micro));
        let length = order.u32(&buffer, 8) as usize;
        require_block(&mut input, length, &mut buffer)?;
        take(Packet { at, link_type, bytes: &buffer })?;
    }
    Ok(())
}

/// Link type and time unit of an interface.
#[derive(Clone, Copy)]
struct Interface {
    link_type: u32,
    units_per_s: u64,
}

fn read_pcapng(mut input: impl BufRead, mut take: impl FnMut(Packet<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut order = Order { big_endian: false };
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut head, mut body) = (Vec::new(), Vec::new());
    while read_block(&mut input, 8, &mut head)? {
        // The section header reads the same in both byte orders, and says which one follows.
        let is_section = order.u32(&head, 0) == SECTION;
        if is_section {
            require_block(&mut input, 4, &mut body)?;
            order.big_endian = u32::from_be_bytes(*body.first_chunk().context("no byte order")?) == BYTE_ORDER;
            interfaces.clear();
        }
        let length = order.u32(&head, 4) as usize;
        let read = if is_section { 12 } else { 8 };
        if length < read + 4 || !length.is_multiple_of(4) {
            bail!("a block of {length} bytes; the file is damaged here");
        }
        require_block(&mut input, length - read, &mut body)?;
        body.truncate(length - read - 4);
        match order.u32(&head, 0) {
            INTERFACE if interfaces.len() < INTERFACES_MAX => interfaces.push(interface(order, &body)),
            ENHANCED_PACKET => enhanced(order, &interfaces, &body, &mut take)?,
            SIMPLE_PACKET => bail!("simple packet blocks carry no time; capture with timestamps"),
            _ => {}
        }
    }
    Ok(())
}

fn interface(order: Order, body: &[u8]) -> Interface {
    let mut units_per_s = 1_000_000;
    let mut at = 8;
    while at + 4 <= body.len() {
        let (code, length) = (order.u16(body, at), usize::from(order.u16(body, at + 2)));
        if code == TIME_RESOLUTION {
            let exponent = body.get(at + 4).copied().unwrap_or(6);
            let power = u32::from(exponent & 0x7f);
            let units = if exponent & 0x80 == 0 { 10u64.checked_pow(power) } else { 2u64.checked_pow(power) };
            units_per_s = units.unwrap_or(units_per_s);
        }
        at += 4 + length.next_multiple_of(4);
    }
    Interface { link_type: u32::from(order.u16(body, 0)), units_per_s }
}

fn enhanced(
    order: Order,
    interfaces: &[Interface],
    body: &[u8],
    take: &mut impl FnMut(Packet<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(interface) = interfaces.get(order.u32(body, 0) as usize) else {
        bail!("a packet of an unknown interface")
    };
    let units = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
    let micros = u128::from(units) * 1_000_000 / u128::from(interface.units_per_s);
    let at = Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    let length = order.u32(body, 12) as usize;
    let bytes = body.get(20..).and_then(|rest| rest.get(..length)).context("a packet longer than its block")?;
    take(Packet { at, link_type: interface.link_type, bytes })
}
