//! Fuzzing of what the engine parses: adverts, every beacon format, recordings, floor plans.
//!
//! In: `[TARGET|all] [EXECUTIONS] [SEED]`. Out: a line a target, and exit code 1 where one panicked or told
//! something that cannot be. Inputs of a beacon format are put behind its company or service with the right
//! length, so that every change reaches its parser.

mod mutation;

use mutation::{Target, of_hex, of_text};
use std::hint::black_box;
use std::process::ExitCode;
use venue_engine::beacon::{self, Finding, Frame};
use venue_engine::cipher::Key;
use venue_engine::recording;
use venue_engine::venue::Venue;

const ADVERTS: &str = include_str!("../../../../tests/corpus/adverts.hex");
const RECORDINGS: &str = include_str!("../../../../tests/corpus/recordings.txt");
const VENUES: &str = include_str!("../../../../tests/corpus/venues.txt");

/// Each format by the AD type and number its data stands behind.
const FORMATS: [(&str, u8, u16); 14] = [
    ("apple", 0xff, 0x004c),
    ("ruuvi", 0xff, 0x0499),
    ("microsoft", 0xff, 0x0006),
    ("altbeacon", 0xff, 0x0118),
    ("minew-manufacturer", 0xff, 0x0639),
    ("wristband", 0xff, 0xffff),
    ("eddystone", 0x16, 0xfeaa),
    ("bthome", 0x16, 0xfcd2),
    ("bthome-v1", 0x16, 0x181c),
    ("bthome-v1-sealed", 0x16, 0x181e),
    ("fast-pair", 0x16, 0xfe2c),
    ("exposure-notification", 0x16, 0xfd6f),
    ("minew-service", 0x16, 0xffe1),
    ("kontakt", 0x16, 0xfe6a),
];

fn main() -> ExitCode {
    let adverts = of_hex(ADVERTS);
    let mut targets = vec![
        Target { name: "advert", corpus: adverts.clone(), run: Box::new(advert) },
        Target { name: "recording", corpus: of_text(RECORDINGS), run: Box::new(recording_line) },
        Target { name: "venue", corpus: of_text(VENUES), run: Box::new(venue) },
    ];
    for (name, kind, number) in FORMATS {
        let run = Box::new(move |data: &[u8]| behind(kind, number, data));
        targets.push(Target { name, corpus: data_behind(&adverts, kind, number), run });
    }
    if mutation::run(targets) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The data the corpus has behind a number.
fn data_behind(adverts: &[Vec<u8>], kind: u8, number: u16) -> Vec<Vec<u8>> {
    let structures = adverts.iter().flat_map(|advert| venue_engine::advert::structures(advert).flatten());
    let of_kind = structures.filter(|structure| structure.kind == kind);
    let behind = of_kind.filter_map(|structure| structure.data.strip_prefix(&number.to_le_bytes()));
    let found: Vec<Vec<u8>> = behind.map(<[u8]>::to_vec).collect();
    assert!(!found.is_empty(), "the corpus has nothing behind {kind:02x} {number:04x}");
    found
}

fn behind(kind: u8, number: u16, data: &[u8]) {
    let data = &data[..data.len().min(252)];
    let mut payload = vec![data.len() as u8 + 3, kind];
    payload.extend(number.to_le_bytes());
    payload.extend(data);
    advert(&payload);
}

fn advert(payload: &[u8]) {
    let mut identities = 0;
    beacon::read(payload, |finding| match finding {
        Finding::Frame(frame) => {
            identities += usize::from(frame.id().is_some());
            ask(&frame);
        }
        Finding::Refused(refusal) => assert!(refusal.at <= payload.len(), "a place behind the end"),
        Finding::Hint(..) => {}
    });
    assert_eq!(beacon::hear(payload).id.is_some(), identities > 0);
}

/// Everything that is computed only when asked for.
fn ask(frame: &Frame<'_>) {
    black_box((frame.class(), frame.measured_power_dbm(), frame.id()));
    match frame {
        Frame::Ruuvi(frame) => _ = black_box(frame.readings()),
        Frame::EddystoneUrl(frame) => drop(black_box(frame.to_string())),
        Frame::Apple(frame) => frame.messages().for_each(|message| _ = black_box(message)),
        Frame::BtHome(frame) => {
            frame.objects().for_each(|object| _ = black_box(object));
            // The key and the address of the corpus' sealed frames.
            let key = Key(0x231d_39c1_d7cc_1ab1_aee2_24cd_096d_b932_u128.to_be_bytes());
            if let Some(plain) = frame.open(key, Some([0x54, 0x48, 0xe6, 0x8f, 0x80, 0xa5])) {
                _ = black_box(frame.with_objects(&plain));
            }
        }
        _ => {}
    }
}

fn recording_line(line: &[u8]) {
    let (mut payload, mut text, mut again) = (Vec::new(), String::new(), Vec::new());
    if let Ok(parsed) = recording::parse(line, &mut payload) {
        recording::write(&parsed, &mut text);
        let second = recording::parse(text.trim_end().as_bytes(), &mut again).expect("what was written reads");
        assert_eq!((second.at, second.rssi_dbm, second.source), (parsed.at, parsed.rssi_dbm, parsed.source));
    }
}

fn venue(text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text) {
        match Venue::parse(text) {
            Ok(venue) => drop(black_box(venue)),
            Err(faults) => assert!(!faults.is_empty() && !faults[0].to_string().is_empty()),
        }
    }
}
