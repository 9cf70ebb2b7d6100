//! Adverts as lines of a recording.
//!
//! In: adverts. Out: JSON Lines. Millions of lines are written in a run, so numbers and hex are put into the
//! buffer by hand, and what is the same for a receiver is prepared once. It reads nothing.

use crate::SimAdvert;
use crate::truth::json;
use venue_engine::venue::Venue;

/// Two hex digits for every byte.
const HEX: [[u8; 2]; 256] = hex_table();

/// Writes lines for one venue.
pub struct LineWriter {
    /// `,"receiver":"north-1","address":"`, by receiver.
    after_time: Vec<String>,
}

impl LineWriter {
    /// A writer that knows the venue's receivers.
    pub fn new(venue: &Venue) -> Self {
        let after_time = |name: &str| format!(",\"receiver\":{},\"address\":\"", json(name));
        Self { after_time: venue.receivers.iter().map(|receiver| after_time(&receiver.name)).collect() }
    }

    /// Appends one line with its line break.
    pub fn write(&self, advert: &SimAdvert, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"at_us\":");
        write_integer(advert.at_us, out);
        out.extend_from_slice(self.after_time[usize::from(advert.receiver)].as_bytes());
        for (index, byte) in advert.address.iter().enumerate() {
            if index > 0 {
                out.push(b':');
            }
            out.extend_from_slice(&HEX[usize::from(*byte)]);
        }
        let after_address: &[u8] = match advert.random {
            true => b"\",\"address_type\":\"random\",\"rssi_dbm\":",
            false => b"\",\"address_type\":\"public\",\"rssi_dbm\":",
        };
        out.extend_from_slice(after_address);
        write_integer(i64::from(advert.rssi_dbm), out);
        out.extend_from_slice(b",\"ad\":\"");
        for byte in &advert.payload[..usize::from(advert.len)] {
            out.extend_from_slice(&HEX[usize::from(*byte)]);
        }
        out.extend_from_slice(b"\",\"channel\":");
        write_integer(i64::from(advert.channel), out);
        out.extend_from_slice(b"}\n");
    }
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    // 19 digits and a sign at most.
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut left = value.unsigned_abs();
    loop {
        first -= 1;
        digits[first] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        first -= 1;
        digits[first] = b'-';
    }
    out.extend_from_slice(&digits[first..]);
}

const fn hex_table() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_the_design_says() {
        let venue = Venue::parse(crate::built_in_file("hall.toml").expect("built in")).expect("a good plan");
        let mut advert = SimAdvert {
            at_us: 1_763_700_000_123_456,
            receiver: 0,
            address: [0xc0, 0xff, 0xee, 0, 0x11, 0x22],
            random: true,
            rssi_dbm: -67,
            channel: 38,
            len: 3,
            ..SimAdvert::default()
        };
        advert.payload[..3].copy_from_slice(&[2, 1, 6]);
        let mut out = Vec::new();
        LineWriter::new(&venue).write(&advert, &mut out);
        let wanted = r#"{"at_us":1763700000123456,"receiver":"west-1","address":"c0:ff:ee:00:11:22","address_type":"random","rssi_dbm":-67,"ad":"020106","channel":38}"#;
        assert_eq!(String::from_utf8(out).expect("text"), format!("{wanted}\n"));
    }

    #[test]
    fn integers_are_written_in_full() {
        for value in [0, 7, -7, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_integer(value, &mut out);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
