//! Recordings written for tests, apart from the gateway's own writer.
//!
//! In: receptions in any order. Out: recording lines sorted by arrival, and the advertising data of an
//! iBeacon, both spelled out from their specifications, so that a mistake of the gateway's codec shows.

use std::fmt::Write;

/// Apple's company identifier (Bluetooth assigned numbers), little-endian, with type and length of an
/// iBeacon ("Proximity Beacon Specification", release R1).
const IBEACON_HEAD: [u8; 4] = [0x4c, 0x00, 0x02, 0x15];

/// The family of beacons that converted recordings use; any 16 bytes would do.
const CONVERTED_UUID: [u8; 16] = *b"venue-test-tags!";

/// Strength at 1 m that converted beacons state; the sources do not tell theirs, and -59 dBm is usual.
const MEASURED_POWER_DBM: i8 = -59;

/// One reception of a tag by a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Reception {
    /// When, microseconds since 1970.
    pub at_us: i64,
    /// Name of the receiver.
    pub receiver: String,
    /// Which tag, from 1.
    pub tag: u16,
    /// Received strength.
    pub rssi_dbm: i8,
}

/// The recording of some receptions, sorted by time; ties keep their order.
pub fn lines(receptions: &mut [Reception]) -> String {
    receptions.sort_by_key(|reception| reception.at_us);
    let mut text = String::new();
    for reception in receptions.iter() {
        let Reception { at_us, receiver, tag, rssi_dbm } = reception;
        // Two top bits set: a static random address (Bluetooth Core, Vol 6 Part B, 1.3.2.1).
        let address = format!("c0:ff:ee:00:{:02x}:{:02x}", *tag >> 8, *tag & 0xff);
        let ad = hex(&ibeacon(*tag));
        let _ = writeln!(
            text,
            r#"{{"at_us":{at_us},"receiver":"{receiver}","address":"{address}","address_type":"random","rssi_dbm":{rssi_dbm},"ad":"{ad}"}}"#
        );
    }
    text
}

/// Identity text of a converted tag, as outputs name it.
pub fn who(tag: u16) -> String {
    let id = hex(&CONVERTED_UUID);
    format!("ibeacon:{}-{}-{}-{}-{}:1:{tag}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

/// Advertising data of a converted tag: flags, then the iBeacon with major 1 and the tag as minor.
fn ibeacon(tag: u16) -> Vec<u8> {
    let mut ad = vec![0x02, 0x01, 0x06, 0x1a, 0xff];
    ad.extend(IBEACON_HEAD);
    ad.extend(CONVERTED_UUID);
    ad.extend(1u16.to_be_bytes());
    ad.extend(tag.to_be_bytes());
    ad.push(MEASURED_POWER_DBM.cast_unsigned());
    ad
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_and_spelled_as_the_format_says() {
        let reception = |at_us, tag| Reception { at_us, receiver: "r1".to_owned(), tag, rssi_dbm: -60 };
        let text = lines(&mut [reception(2, 1), reception(1, 258)]);
        let expected = concat!(
            r#"{"at_us":1,"receiver":"r1","address":"c0:ff:ee:00:01:02","address_type":"random","rssi_dbm":-60,"#,
            r#""ad":"0201061aff4c00021576656e75652d746573742d746167732100010102c5"}"#
        );
        assert_eq!(text.lines().next(), Some(expected));
        assert_eq!(who(7), "ibeacon:76656e75-652d-7465-7374-2d7461677321:1:7");
    }
}
