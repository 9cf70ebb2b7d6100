//! Literal frames from the specifications, and every way to break them.

use super::*;

/// Frames as published: name, whole advertising data in hex, what the engine hears.
const EXAMPLES: [(&str, &str, &str); 4] = [
    (
        "ibeacon",
        "02011a1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5",
        "ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2",
    ),
    (
        "eddystone-uid",
        "0201060303aafe1716aafe00ec0102030405060708090a0b0c0d0e0f100000",
        "eddystone:0102030405060708090a:0b0c0d0e0f10",
    ),
    (
        "altbeacon",
        "1bff1801beac0102030405060708090a0b0c0d0e0f1011121314c500",
        "altbeacon:0102030405060708090a0b0c0d0e0f1011121314",
    ),
    ("eddystone-tlm", "0201060303aafe1116aafe20000bb8178000000064000003e8", ""),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |d: u8| char::from(d).to_digit(16).expect("hex") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn all_frames(payload: &[u8]) -> (Vec<Frame<'_>>, Vec<Refusal>) {
    let mut refused = Vec::new();
    (frames(payload, &mut refused), refused)
}

#[test]
fn published_frames_state_their_identity_and_it_reads_back() {
    for (name, hex, identity) in EXAMPLES {
        let heard = hear(&bytes(hex));
        let told = heard.id.map(|id| id.to_string()).unwrap_or_default();
        assert_eq!(told, identity, "{name}");
        if let Some(id) = heard.id {
            assert_eq!(identity.parse(), Ok(id));
        }
        assert_eq!(all_frames(&bytes(hex)).1, [], "{name}");
    }
}

#[test]
fn power_is_always_at_one_metre() {
    assert_eq!(hear(&bytes(EXAMPLES[0].1)).measured_power_dbm, Some(-59));
    // Eddystone states -20 dBm at 0 m.
    assert_eq!(hear(&bytes(EXAMPLES[1].1)).measured_power_dbm, Some(-61));
    assert_eq!(at_end_of_scale(), -128);
}

fn at_end_of_scale() -> i8 {
    let mut payload = bytes(EXAMPLES[1].1);
    payload[12] = 0x80;
    hear(&payload).measured_power_dbm.expect("a power")
}

#[test]
fn telemetry_in_its_units() {
    let payload = bytes(EXAMPLES[3].1);
    let (frames, _) = all_frames(&payload);
    let Frame::EddystoneTlm(tlm) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!((tlm.battery_mv, tlm.temperature_c), (Some(3_000), Some(23.5)));
    assert_eq!((tlm.advertisement_count, tlm.uptime_s), (100, 100.0));
}

#[test]
fn urls_expand() {
    let payload = bytes("0d16aafe10ec02676f6f676c6507");
    let (frames, _) = all_frames(&payload);
    assert_eq!(
        frames,
        [Frame::EddystoneUrl(eddystone::Url { url: "http://google.com".into(), measured_power_dbm: -61 })]
    );
}

#[test]
fn what_is_not_exactly_the_format_is_not_the_format() {
    for (hex, at, format) in [
        // Type 02 with length 14 hex.
        ("1aff4c000214e2c56db5dffb48d2b060d0f5a71096e000010002c5", 5, "ibeacon"),
        // One byte short.
        ("19ff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002", 26, "ibeacon"),
        ("1aff1801beac0102030405060708090a0b0c0d0e0f1011121314c5", 27, "altbeacon"),
        ("0416aafe70", 4, "eddystone"),
        ("0616aafe10ec09", 6, "eddystone-url"),
    ] {
        let payload = bytes(hex);
        let (frames, refused) = all_frames(&payload);
        assert_eq!(frames, [], "{hex}");
        assert_eq!((refused[0].at, refused[0].format), (at, Some(format)), "{hex}");
    }
}

#[test]
fn an_apple_frame_that_is_not_02_15_is_no_ibeacon() {
    let payload = bytes("0aff4c001005031c2a3b4c");
    assert_eq!(hear(&payload).id, None);
    assert_eq!(hear(&payload).class, DeviceClass::Phone);
    assert_eq!(all_frames(&payload).0, [Frame::Apple { types: vec![0x10] }]);
}

/// Every truncation and every single flipped bit decodes or is refused; a truncated identity is never told.
#[test]
fn broken_frames_never_panic() {
    for (name, hex, _) in EXAMPLES {
        let whole = bytes(hex);
        for end in 0..whole.len() {
            all_frames(&whole[..end]);
            assert_eq!(hear(&whole[..end]).id, None, "{name} cut to {end} bytes");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            all_frames(&flipped);
            hear(&flipped);
        }
    }
}
