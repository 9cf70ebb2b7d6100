//! How fast the middle is on one core, on bytes others are measured on too.
//!
//! In: what to measure, and a file of payloads, one a line: address in hex, advertising data in hex, RSSI.
//! Out: one JSON line a figure, by the processor time of this process, so that neighbours matter less:
//! `decode FILE [PASSES]` frames of every payload; `hear FILE [PASSES]` what the engine asks of it;
//! `track FILE fresh|repeat` raw bytes to the state of 100 000 devices; `keys` the cost of a new resolvable
//! address and of an ephemeral identifier among 10 000 keys. It refuses nothing: it is for developers.

use std::hint::black_box;
use std::sync::Arc;
use venue_engine::advert::{Address, AddressType, Advert};
use venue_engine::beacon::{self, BeaconId, Finding, Frame};
use venue_engine::cipher::Key;
use venue_engine::engine::Engine;
use venue_engine::event::{Event, Registration, SubjectKind};
use venue_engine::identity::{Identity, ephemeral};
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

const START_US: i64 = 1_763_700_000_000_000;
const DEVICES: u32 = 100_000;
/// Rounds a figure; the median is told, and the best.
const ROUNDS: usize = 7;
/// Keys in the registry.
const KEYS: u32 = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["decode", file] => rate("decode", &payloads(file), decode),
        ["hear", file] => rate("hear", &payloads(file), |payload| _ = black_box(beacon::hear(payload))),
        // For callgrind: so many passes and no more.
        ["decode", file, passes] => passes_of(&payloads(file), passes, decode),
        ["hear", file, passes] => passes_of(&payloads(file), passes, |payload| _ = black_box(beacon::hear(payload))),
        ["track", file, mode] => track(&payloads(file), mode == "fresh"),
        ["keys"] => keys(),
        _ => eprintln!("write: decode|hear FILE [PASSES], track FILE fresh|repeat, or keys"),
    }
}

/// The advertising data of each line.
fn payloads(file: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(file).expect("a file of payloads");
    text.lines().filter_map(|line| line.split(' ').nth(1)).map(bytes).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex")).collect()
}

/// Everything a frame says, also what is computed only when asked for.
fn decode(payload: &[u8]) {
    beacon::read(payload, |finding| {
        if let Finding::Frame(Frame::Ruuvi(frame)) = finding {
            black_box(frame.readings());
        }
        black_box(finding);
    });
}

/// Processor time of this process, nanoseconds (Linux, /proc/self/schedstat).
fn spent_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux tells what a process has used");
    text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds")
}

fn rate(what: &str, payloads: &[Vec<u8>], one: impl Fn(&[u8])) {
    let passes = 2_000_000 / payloads.len().max(1) + 1;
    let round = || {
        let begun = spent_ns();
        (0..passes).for_each(|_| payloads.iter().for_each(|payload| one(payload)));
        (passes * payloads.len()) as f64 * 1e9 / (spent_ns() - begun).max(1) as f64
    };
    round();
    tell(what, (0..ROUNDS).map(|_| round()).collect());
}

fn tell(what: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    let (median, best) = (rates[rates.len() / 2], rates[rates.len() - 1]);
    println!("{{\"what\":\"{what}\",\"median_per_s\":{median:.0},\"best_per_s\":{best:.0}}}");
}

fn passes_of(payloads: &[Vec<u8>], passes: &str, one: impl Fn(&[u8])) {
    let passes: usize = passes.parse().expect("a number of passes");
    (0..passes).for_each(|_| payloads.iter().for_each(|payload| one(payload)));
}

/// A hall with eight zones and a receiver in each.
fn venue() -> Arc<Venue> {
    let mut text = String::from("name = \"hall\"\n[[floor]]\nname = \"g\"\nwidth_m = 40\ndepth_m = 24\n");
    for zone in 0..8 {
        let (x, y) = (f64::from(zone % 4) * 10.0, f64::from(zone / 4) * 12.0);
        let (right, top) = (x + 10.0, y + 12.0);
        text += &format!(
            "[[zone]]\nname = \"z{zone}\"\npolygon = [[{x}, {y}], [{right}, {y}], [{right}, {top}], [{x}, {top}]]\n\
             [[receiver]]\nname = \"r{zone}\"\nx_m = {}\ny_m = {}\n",
            x + 5.0,
            y + 6.0
        );
    }
    Arc::new(Venue::parse(&text).expect("plan"))
}

/// One advert of each of 100 000 devices a round, 20 000 a second of event time.
fn track(payloads: &[Vec<u8>], fresh: bool) {
    let mut engine = Engine::new(venue(), Settings::default(), None, Vec::new());
    let mut outputs = Vec::new();
    let mut round = |number: u32| {
        let begun = spent_ns();
        for device in 0..DEVICES {
            let [_, a, b, c] = device.to_be_bytes();
            let payload = &payloads[(device + if fresh { number } else { 0 }) as usize % payloads.len()];
            let advert = Advert {
                at: Timestamp::from_micros(START_US + i64::from(number * DEVICES + device) * 50),
                receiver: ReceiverId((device % 8) as u8),
                address: Address { bytes: [0x40, 1, 2, a, b, c], kind: AddressType::Random },
                rssi_dbm: Some(-60 - ((device + number) % 30) as i8),
                channel: None,
                payload,
            };
            engine.handle(Event::Advert(advert), &mut outputs);
            outputs.clear();
        }
        f64::from(DEVICES) * 1e9 / (spent_ns() - begun).max(1) as f64
    };
    round(0);
    let rates = (1..=2 * ROUNDS as u32).map(&mut round).collect();
    tell(if fresh { "track fresh" } else { "track repeat" }, rates);
    println!("{{\"devices_alive\":{}}}", engine.devices_alive());
}

fn key(number: u32) -> Key {
    let mut key = *b"a registered key";
    key[..4].copy_from_slice(&number.to_be_bytes());
    Key(key)
}

/// An identity with 10 000 keys, each somebody's.
fn registered(beacon: impl Fn(Key) -> BeaconId) -> Identity {
    let mut identity = Identity::new(&Settings::default());
    for number in 0..KEYS {
        let at = Timestamp::from_micros(START_US);
        let (who, beacon) = (number.to_string().into(), beacon(key(number)));
        assert!(identity.register(&Registration { at, who, kind: SubjectKind::Attendee, beacon }));
    }
    identity
}

fn keys() {
    let mut phones = registered(|key| BeaconId::Irk { key });
    each_us(
        "new resolvable address among 10 000 keys",
        2_000,
        |number| {
            let [_, a, b, c] = number.to_be_bytes();
            // So few a second that the budget is not met.
            (Timestamp::from_micros(START_US + i64::from(number) * 20_000), [0x40, a, b, c, 1, 2], Vec::new())
        },
        &mut phones,
    );
    each_us(
        "resolvable address heard before",
        2_000,
        |number| {
            let [_, a, b, c] = (number % 100 + 1_900).to_be_bytes();
            (Timestamp::from_micros(START_US + 40_000_000), [0x40, a, b, c, 1, 2], Vec::new())
        },
        &mut phones,
    );
    let mut beacons = registered(|key| BeaconId::EidKey { key, exponent: 9, offset_s: 0 });
    let frame = |number: u32, at_us: i64| {
        let mut payload = vec![0x0d, 0x16, 0xaa, 0xfe, 0x30, 0xee];
        payload.extend(ephemeral::eid(key(number), 9, (at_us / 1_000_000) as u32));
        payload
    };
    each_us(
        "ephemeral identifier among 10 000 keys",
        KEYS,
        |number| (Timestamp::from_micros(START_US), [0xc0; 6], frame(number, START_US)),
        &mut beacons,
    );
    let next_us = START_US + 512_000_000;
    each_us(
        "10 000 keys into their next window, with one lookup",
        1,
        |number| (Timestamp::from_micros(next_us), [0xc0; 6], frame(number, next_us)),
        &mut beacons,
    );
}

/// Mean processor time of one lookup; what is looked up is made before.
fn each_us(what: &str, count: u32, make: impl Fn(u32) -> (Timestamp, [u8; 6], Vec<u8>), identity: &mut Identity) {
    let made: Vec<_> = (0..count).map(make).collect();
    let begun = spent_ns();
    for (at, bytes, payload) in &made {
        let address = Address { bytes: *bytes, kind: AddressType::Random };
        let advert = Advert { at: *at, receiver: ReceiverId(0), address, rssi_dbm: Some(-60), channel: None, payload };
        black_box(identity.sight(&advert));
    }
    let mean_us = (spent_ns() - begun) as f64 / 1e3 / f64::from(count);
    println!("{{\"what\":\"{what}\",\"mean_us\":{mean_us:.3}}}");
}
