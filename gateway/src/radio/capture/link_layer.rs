//! Link-layer packets as sniffers hear them, down to the advert.
//!
//! In: packets of link types 251 (bare), 256 (with radio header), 272 (nRF sniffer) and 192 (PPI around 251),
//! and HCI as 187, 201 and 254. Out: adverts with valid checksum. It passes over, counted, what is not an
//! advert: requests, connections, data channels, broken packets. Sources: Core 5.4, Vol 6 Part B, 2.3 (PDUs)
//! and 3.1.1 (checksum); tcpdump.org link types; nRF Sniffer for 272.

use super::{CapturedAdvert, Counts, Packet, count};
use crate::radio::hci::report::Reports;
use venue_engine::advert::{Address, AddressType};

/// Access address of every advertising channel packet.
const ADVERTISING_ACCESS: [u8; 4] = [0xd6, 0xbe, 0x89, 0x8e];

const LINK_H4: u32 = 187;
const LINK_PPI: u32 = 192;
const LINK_H4_WITH_DIRECTION: u32 = 201;
const LINK_BARE: u32 = 251;
const LINK_WITH_RADIO: u32 = 256;
const LINK_NRF: u32 = 272;

/// What the sniffer tells beside the packet.
#[derive(Clone, Copy, Default)]
struct Radio {
    rssi_dbm: Option<i8>,
    channel: Option<u8>,
}

/// Packets from sniffers.
#[derive(Default)]
pub(super) struct Sniffed {
    reports: Reports,
}

impl Sniffed {
    pub(super) fn packet(
        &mut self,
        packet: Packet<'_>,
        counts: &mut Counts,
        take: &mut impl FnMut(CapturedAdvert<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        count(counts, "packets");
        let sniffed = match packet.link_type {
            LINK_BARE => Some((Radio::default(), packet.bytes)),
            LINK_WITH_RADIO => with_radio(packet.bytes),
            LINK_NRF => nrf(packet.bytes),
            LINK_PPI => ppi(packet.bytes),
            LINK_H4 => return self.hci(packet.at, packet.bytes, counts, take),
            LINK_H4_WITH_DIRECTION => {
                return self.hci(packet.at, packet.bytes.get(4..).unwrap_or_default(), counts, take);
            }
            _ => {
                count(counts, "unknown-link-type");
                return Ok(());
            }
        };
        let Some((radio, bytes)) = sniffed else {
            count(counts, "malformed");
            return Ok(());
        };
        match advert(bytes) {
            Ok(pdu) => {
                count(counts, "adverts");
                take(CapturedAdvert {
                    at: packet.at,
                    address: pdu.address,
                    rssi_dbm: radio.rssi_dbm,
                    channel: radio.channel,
                    scan_response: pdu.scan_response,
                    payload: pdu.payload,
                })
            }
            Err(why) => {
                count(counts, why);
                Ok(())
            }
        }
    }

    fn hci(
        &mut self,
        at: venue_engine::time::Timestamp,
        packet: &[u8],
        counts: &mut Counts,
        take: &mut impl FnMut(CapturedAdvert<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Some((4, event)) = packet.split_first() else { return Ok(()) };
        let mut result = Ok(());
        self.reports.event(event, |report| {
            let Some(address) = report.address else { return count(counts, "anonymous") };
            count(counts, "adverts");
            let (rssi_dbm, scan_response, payload) = (report.rssi_dbm, report.scan_response, &report.payload[..]);
            if result.is_ok() {
                result = take(CapturedAdvert { at, address, rssi_dbm, channel: None, scan_response, payload });
            }
        });
        result
    }
}

/// Link type 256: channel, signal, noise, offences, reference address, flags, then the packet.
fn with_radio(bytes: &[u8]) -> Option<(Radio, &[u8])> {
    let (head, packet) = bytes.split_first_chunk::<10>()?;
    let signal_valid = head[8] & 0b10 != 0;
    let rssi_dbm = signal_valid.then_some(head[1] as i8);
    Some((Radio { rssi_dbm, channel: advertising_channel(head[0]) }, packet))
}

/// Channel number 37 to 39 from the frequency index: 2402, 2426 and 2480 MHz.
fn advertising_channel(frequency: u8) -> Option<u8> {
    match frequency {
        0 => Some(37),
        12 => Some(38),
        39 => Some(39),
        _ => None,
    }
}

/// Link type 272: board, length, version, counter, packet id; then the length of the radio's header, flags,
/// channel, strength without its sign, event counter, time; then the packet.
fn nrf(bytes: &[u8]) -> Option<(Radio, &[u8])> {
    let head_length = usize::from(*bytes.get(7)?);
    let head = bytes.get(7..7 + head_length)?;
    let channel = head.get(2).copied().filter(|channel| (37..=39).contains(channel));
    let rssi_dbm = head.get(3).and_then(|magnitude| i8::try_from(-i16::from(*magnitude)).ok());
    Some((Radio { rssi_dbm, channel }, bytes.get(7 + head_length..)?))
}

/// Link type 192: a header that states its own length and the link type inside.
fn ppi(bytes: &[u8]) -> Option<(Radio, &[u8])> {
    let head = bytes.first_chunk::<8>()?;
    let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let inner = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let packet = bytes.get(length.max(8)..)?;
    (inner == LINK_BARE).then_some((Radio::default(), packet))
}

/// An advertising PDU taken apart.
struct Pdu<'a> {
    address: Address,
    scan_response: bool,
    payload: &'a [u8],
}

/// Access address, header, payload, checksum; why it is no advert otherwise.
fn advert(packet: &[u8]) -> Result<Pdu<'_>, &'static str> {
    let Some((access, rest)) = packet.split_first_chunk::<4>() else { return Err("malformed") };
    if *access != ADVERTISING_ACCESS {
        return Err("data-channel");
    }
    let Some(&[head, length]) = rest.first_chunk::<2>() else { return Err("malformed") };
    let end = 2 + usize::from(length);
    let (Some(pdu), Some(checksum)) = (rest.get(..end), rest.get(end..end + 3)) else { return Err("malformed") };
    if crc24(pdu).to_le_bytes()[..3] != *checksum {
        return Err("bad-checksum");
    }
    let is_random = head & 0b0100_0000 != 0;
    let body = &pdu[2..];
    match head & 0x0f {
        // ADV_IND, ADV_NONCONN_IND, SCAN_RSP, ADV_SCAN_IND.
        kind @ (0 | 2 | 4 | 6) => {
            let (address, payload) = body.split_first_chunk::<6>().ok_or("malformed")?;
            Ok(Pdu { address: address_of(*address, is_random), scan_response: kind == 4, payload })
        }
        7 => extended(body, is_random),
        _ => Err("not-an-advert"),
    }
}

/// The common extended payload: only one that is whole in itself, with address and data and no chain.
fn extended(body: &[u8], is_random: bool) -> Result<Pdu<'_>, &'static str> {
    let (first, rest) = body.split_first().ok_or("malformed")?;
    let (header, payload) = rest.split_at_checked(usize::from(first & 0x3f)).ok_or("malformed")?;
    let Some((flags, fields)) = header.split_first() else { return Err("extended-without-data") };
    let has = |bit: u8| flags & (1 << bit) != 0;
    if !has(0) || has(4) || payload.is_empty() {
        return Err("extended-without-data");
    }
    let address = fields.first_chunk::<6>().ok_or("malformed")?;
    Ok(Pdu { address: address_of(*address, is_random), scan_response: false, payload })
}

fn address_of(little_endian: [u8; 6], is_random: bool) -> Address {
    let mut bytes = little_endian;
    bytes.reverse();
    Address { bytes, kind: if is_random { AddressType::Random } else { AddressType::Public } }
}

/// The 24-bit checksum with the advertising channels' start value 555555 hex, least significant bit first.
fn crc24(pdu: &[u8]) -> u32 {
    // Both constants are mirrored, since bits are taken in the order they are sent.
    pdu.iter().fold(0x00aa_aaaa, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x00da_6000 } else { crc >> 1 })
    })
}
