//! `decode` takes anything and says what it refused.
//!
//! In: 100 000 lines of garbage, published frames, simulated frames. Out: failures where a line goes
//! missing, a panic shows, or a frame is not decoded as published.

use serde_json::Value;
use venue_tests::dice::Dice;
use venue_tests::programs::{self, PATIENCE};
use venue_tests::recording::hex;
use venue_tests::simulation::Simulated;
use venue_tests::{data_folder_or_skip, skip};

const GARBAGE_LINES: usize = 100_000;

/// iBeacon as Apple's "Proximity Beacon Specification" R1 shows it, Eddystone-UID, -URL and -TLM as their
/// pages at github.com/google/eddystone show them, AltBeacon as altbeacon.org's specification does.
const FRAMES: [&str; 5] = [
    "0201061aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010007c5",
    "0201060303aafe1716aafe00e70001020304050607080901020304050600000000",
    "0201060303aafe0d16aafe10eb00676f6f676c6507",
    "0201060303aafe1116aafe20000bb8198000000bb80000ea60",
    "0201061bff1801beac2f234454cf6d4a0fadf2f4911ba9ffa600010002c509",
];

fn decoded(input: &[u8]) -> Vec<Value> {
    let mut command = programs::gateway_command(&["decode"]);
    let ended = programs::run(&mut command, input, PATIENCE).expect("decode runs");
    assert_eq!(ended.code(), Some(0), "decode said {}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
    ended.text().lines().map(parse).collect()
}

fn formats(line: &Value) -> Vec<&str> {
    line["frames"].as_array().into_iter().flatten().filter_map(|frame| frame["format"].as_str()).collect()
}

/// One line of garbage of one of ten kinds; never a line break inside.
fn garbage(kind: usize, dice: &mut Dice) -> Vec<u8> {
    let frame = FRAMES[dice.below(FRAMES.len())];
    let ad = |hex: &str| format!("{{\"ad\":\"{hex}\"}}").into_bytes();
    match kind % 10 {
        0 => {
            let count = dice.below(200);
            dice.bytes(count).into_iter().filter(|byte| *byte != b'\n').collect()
        }
        1 => {
            let count = dice.below(300);
            ad(&hex(&dice.bytes(count)))
        }
        2 => ad(&frame[..dice.below(frame.len())]),
        3 => flipped(frame, dice),
        4 => ad(&frame.replace(['0', 'a'], "g")),
        5 => structures_of_noise(dice),
        6 => b"{\"ad\":5}".to_vec(),
        7 => "[".repeat(dice.below(5_000)).into_bytes(),
        8 => ad(&"00".repeat(dice.below(20_000))),
        _ => [&b"{\"ad\":\"\xff\xfe\"}"[..], b"", b"null", b"{\"ad\":null}", b"{}", b"\r"][dice.below(6)].to_vec(),
    }
}

fn flipped(frame: &str, dice: &mut Dice) -> Vec<u8> {
    let place = dice.below(frame.len());
    let digit = char::from(b"0123456789abcdef"[dice.below(16)]);
    format!("{{\"ad\":\"{}{digit}{}\"}}", &frame[..place], &frame[place + 1..]).into_bytes()
}

/// Well-formed AD structures with random types and contents.
fn structures_of_noise(dice: &mut Dice) -> Vec<u8> {
    let mut ad = Vec::new();
    for _ in 0..dice.below(5) {
        let length = 1 + dice.below(12);
        ad.push(length as u8);
        ad.extend(dice.bytes(length));
    }
    format!("{{\"ad\":\"{}\"}}", hex(&ad)).into_bytes()
}

#[test]
fn garbage_is_refused_line_by_line() {
    let mut dice = Dice::new(2_026);
    let mut input = Vec::new();
    for kind in 0..GARBAGE_LINES {
        input.extend(garbage(kind, &mut dice));
        input.push(b'\n');
    }
    let lines = decoded(&input);
    assert_eq!(lines.len(), GARBAGE_LINES, "one line out per line in");
    let silent = lines.iter().position(|line| line.get("refused").is_none());
    assert_eq!(silent, None, "every line says what was refused");
}

#[test]
fn every_truncation_and_every_flipped_bit_is_decoded_or_refused() {
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for frame in FRAMES {
        let pairs = frame.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hex"));
        let frame: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect();
        payloads.extend((0..frame.len()).map(|end| frame[..end].to_vec()));
        payloads.extend((0..8 * frame.len()).map(|bit| {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        }));
    }
    let input: String = payloads.iter().map(|payload| format!("{{\"ad\":\"{}\"}}\n", hex(payload))).collect();
    let lines = decoded(input.as_bytes());
    assert_eq!(lines.len(), payloads.len());
    for (line, payload) in lines.iter().zip(&payloads) {
        let count = |key: &str| line[key].as_array().map_or(0, Vec::len);
        let spoken_of = count("structures") + count("frames") + count("refused");
        // A length of zero is an early end of the data (Core Specification Supplement, Part A), not a fault.
        let is_empty = payload.first().is_none_or(|length| *length == 0);
        assert!(is_empty || spoken_of > 0, "nothing is said of {line}");
    }
}

#[test]
fn published_frames_decode() {
    let input: String = FRAMES.iter().map(|frame| format!("{{\"ad\":\"{frame}\"}}\n")).collect();
    let lines = decoded(input.as_bytes());
    let found: Vec<Vec<&str>> = lines.iter().map(formats).collect();
    assert_eq!(
        found,
        [["ibeacon"], ["eddystone-uid"], ["eddystone-url"], ["eddystone-tlm"], ["altbeacon"]],
        "{lines:#?}"
    );
    let frame = |line: usize| &lines[line]["frames"][0];
    assert_eq!(frame(0)["uuid"], "e2c56db5-dffb-48d2-b060-d0f5a71096e0");
    assert_eq!((frame(0)["major"].as_u64(), frame(0)["minor"].as_u64()), (Some(1), Some(7)));
    assert_eq!(frame(0)["measured_power_dbm"], -59);
    // -25 dBm at 0 m is -66 dBm at 1 m: Eddystone says to subtract 41 dB.
    assert_eq!(frame(1)["measured_power_dbm"], -66);
    assert_eq!(frame(1)["namespace"], "00010203040506070809");
    assert_eq!(frame(2)["url"], "http://www.google.com");
    assert_eq!((frame(3)["battery_mv"].as_u64(), frame(3)["temperature_c"].as_f64()), (Some(3_000), Some(25.5)));
    assert_eq!(frame(4)["company"], 280);
}

#[test]
fn what_peers_decode_is_decoded() {
    let Some(data) = data_folder_or_skip("decode::what_peers_decode_is_decoded") else { return };
    let path = data.join("vectors/ad_altbeacon_eddystone.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skip("decode::what_peers_decode_is_decoded", "no vectors in the data folder");
        return;
    };
    let vectors: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect();
    let input: String = vectors.iter().map(|vector| format!("{{\"ad\":{}}}\n", vector["hex"])).collect();
    for (vector, line) in vectors.iter().zip(decoded(input.as_bytes())) {
        let expected: Vec<&str> = vector["expected"]["format"].as_str().into_iter().collect();
        assert_eq!(formats(&line), expected, "{}", vector["id"]);
    }
}

#[test]
fn simulated_frames_decode() {
    let simulated = Simulated::small(31).expect("simulates");
    let lines: Vec<String> = simulated.lines().expect("reads").into_iter().take(2_000).collect();
    let found = decoded(format!("{}\n", lines.join("\n")).as_bytes());
    assert_eq!(found.len(), lines.len());
    let with = |format: &str| found.iter().filter(|line| formats(line).contains(&format)).count();
    assert!(with("ibeacon") > 0 && with("apple") > 0, "{} iBeacons, {} Apple frames", with("ibeacon"), with("apple"));
    let mute = found.iter().find(|line| formats(line).is_empty());
    assert_eq!(mute, None, "every simulated advert holds a known frame");
}
