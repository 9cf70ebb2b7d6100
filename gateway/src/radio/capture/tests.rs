//! Real packets, both directions, and every way to cut them.

use super::*;
use std::io::Cursor;

/// One packet of an nRF sniffer with valid checksum, as pcapng block content.
const NRF: &str = "0b370002ad1d060a012525000 0ce100000d6be898e4024c9ce38201d6502011a020a080b095465737450686f6e65340bff4c001006671e370adf574a9fae";

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.replace(' ', "");
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

/// A pcap file of one packet.
fn pcap(link_type: u32, packet: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    file.extend(link_type.to_le_bytes());
    let length = (packet.len() as u32).to_le_bytes();
    file.extend(1_588_704_530u32.to_le_bytes());
    file.extend(551_374u32.to_le_bytes());
    file.extend(length);
    file.extend(length);
    file.extend(packet);
    file
}

fn check(file: Vec<u8>) -> anyhow::Result<(Vec<String>, Counts)> {
    let mut out = Vec::new();
    let counts = read(Cursor::new(file), |advert| {
        let address: Vec<String> = advert.address.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        out.push(format!("{} {} {:?} {:?}", advert.at.as_micros(), address.join(":"), advert.rssi_dbm, advert.channel));
        Ok(())
    })?;
    Ok((out, counts))
}

#[test]
fn an_nrf_packet_is_an_advert() {
    let (adverts, counts) = check(pcap(272, &bytes(NRF))).expect("readable");
    assert_eq!(adverts, ["1588704530551374 65:1d:20:38:ce:c9 Some(-37) Some(37)"]);
    assert_eq!(counts["adverts"], 1);
}

#[test]
fn a_flipped_bit_anywhere_in_the_packet_makes_no_device() {
    let whole = bytes(NRF);
    let packet_at = 17;
    for bit in packet_at * 8..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (adverts, _) = check(pcap(272, &flipped)).expect("readable");
        assert!(adverts.is_empty(), "bit {bit}: {adverts:?}");
    }
}

#[test]
fn every_truncated_file_is_an_error_or_short_and_never_a_panic() {
    let whole = pcap(272, &bytes(NRF));
    for end in 0..whole.len() {
        if let Ok((adverts, _)) = check(whole[..end].to_vec()) {
            assert!(adverts.is_empty(), "cut to {end}");
        }
    }
}

#[test]
fn what_is_written_as_btsnoop_reads_back() {
    let address = Address { bytes: [0xc0, 1, 2, 3, 4, 5], kind: venue_engine::advert::AddressType::Random };
    let long: Vec<u8> = (0..600).map(|i| i as u8).collect();
    let mut file = Vec::new();
    let mut writer = BtsnoopWriter::new(&mut file).expect("memory");
    for (micros, payload) in [(1_000, &long[..31]), (2_000, &long[..]), (3_000, &[])] {
        let at = Timestamp::from_micros(micros);
        let advert = CapturedAdvert { at, address, rssi_dbm: Some(-60), channel: None, scan_response: false, payload };
        writer.write(&advert).expect("memory");
    }
    writer.finish().expect("memory");
    let mut lengths = Vec::new();
    read(Cursor::new(file), |advert| {
        assert_eq!((advert.address, advert.rssi_dbm), (address, Some(-60)));
        lengths.push((advert.at.as_micros(), advert.payload.len()));
        Ok(())
    })
    .expect("readable");
    assert_eq!(lengths, [(1_000, 31), (2_000, 600), (3_000, 0)]);
}
