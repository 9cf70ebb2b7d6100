//! What a full venue costs: 2 000 located devices at one advert a second, each heard by four receivers, beside 10 000
//! anonymous ones at 5 000 adverts a second.
//!
//! Prints the processor time of a minute of event time as a share of one core, and the memory the engine takes. The
//! time is the process's own, so other work on the machine does not count; making the adverts does, and is small.

use std::sync::Arc;
use venue_engine::advert::{Address, AddressType, Advert};
use venue_engine::engine::Engine;
use venue_engine::event::Event;
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

const LOCATED: u32 = 2_000;
const HEARD_BY: u32 = 4;
const ANONYMOUS: u32 = 10_000;
const ANONYMOUS_PER_S: u32 = 5_000;
const START_US: i64 = 1_763_700_000_000_000;
const WARM_UP_S: u32 = 20;
const MEASURED_S: u32 = 60;

fn venue() -> Arc<Venue> {
    let mut text = String::from("name = \"hall\"\n[[floor]]\nname = \"g\"\nwidth_m = 80\ndepth_m = 48\n");
    for zone in 0..8 {
        let (x, y) = (f64::from(zone % 4) * 20.0, f64::from(zone / 4) * 24.0);
        let (right, top) = (x + 20.0, y + 24.0);
        text += &format!(
            "[[zone]]\nname = \"z{zone}\"\npolygon = [[{x}, {y}], [{right}, {y}], [{right}, {top}], [{x}, {top}]]\n"
        );
        text += &format!("[[receiver]]\nname = \"r{zone}\"\nx_m = {}\ny_m = {}\n", x + 10.0, y + 12.0);
    }
    Arc::new(Venue::parse(&text).expect("plan"))
}

/// A small mixing function: the same numbers on every run.
fn mixed(number: u32) -> u32 {
    let mut x = number.wrapping_mul(0x9e37_79b9);
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^ (x >> 13)
}

/// An iBeacon of its own for each located device.
fn beacon(device: u32) -> [u8; 30] {
    let [_, _, high, low] = device.to_be_bytes();
    let mut payload = [7; 30];
    payload[..9].copy_from_slice(&[2, 1, 6, 26, 0xff, 0x4c, 0, 2, 0x15]);
    payload[25..].copy_from_slice(&[0, 1, high, low, 0xc5]);
    payload
}

struct Crowd {
    engine: Engine,
    outputs: Vec<venue_engine::output::Output>,
    told: usize,
}

impl Crowd {
    fn hear(&mut self, at_us: i64, device: u32, receiver: u32, rssi_dbm: i8, payload: &[u8]) {
        let [_, a, b, c] = device.to_be_bytes();
        let address = Address { bytes: [0x40, 1, 2, a, b, c], kind: AddressType::Random };
        let (at, receiver) = (Timestamp::from_micros(at_us), ReceiverId(receiver as u8));
        let advert = Advert { at, receiver, address, rssi_dbm: Some(rssi_dbm), channel: None, payload };
        self.engine.handle(Event::Advert(advert), &mut self.outputs);
        self.told += self.outputs.len();
        self.outputs.clear();
    }

    /// One second: adverts of both kinds, evenly mixed.
    fn second(&mut self, second: u32) {
        let from_us = START_US + i64::from(second) * 1_000_000;
        let each = ANONYMOUS_PER_S.div_ceil(LOCATED);
        for turn in 0..LOCATED {
            let at_us = from_us + i64::from(turn) * 1_000_000 / i64::from(LOCATED);
            let near = turn % 8;
            for step in 0..HEARD_BY {
                let receiver = (near + step) % 8;
                let noise = (mixed(turn ^ second << 12 ^ step << 28) % 13) as i8;
                self.hear(at_us, turn, receiver, -62 - 8 * step as i8 - noise, &beacon(turn));
            }
            for number in 0..each.min(ANONYMOUS_PER_S.saturating_sub(turn * each)) {
                let device = mixed(second * ANONYMOUS_PER_S + turn * each + number) % ANONYMOUS;
                let noise = (mixed(device ^ second) % 13) as i8;
                self.hear(at_us, LOCATED + device, device % 8, -60 - noise, &[2, 1, 0x1a, 2, 0x0a, 0x0c]);
            }
        }
    }
}

fn field_of(file: &str, field: usize) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.split(' ').nth(field).and_then(|field| field.parse().ok()).unwrap_or_default()
}

/// Processor time of this process, seconds; the kernel counts hundredths.
fn processor_s() -> f64 {
    field_of("/proc/self/stat", 13) as f64 / 100.0
}

fn resident_mib() -> f64 {
    field_of("/proc/self/statm", 1) as f64 * 4_096.0 / f64::from(1 << 20)
}

fn main() {
    let before_mib = resident_mib();
    let settings = Settings { track_all: true, ..Settings::default() };
    let engine = Engine::new(venue(), settings, None, Vec::new());
    let mut crowd = Crowd { engine, outputs: Vec::new(), told: 0 };
    (0..WARM_UP_S).for_each(|second| crowd.second(second));
    let begun_s = processor_s();
    (WARM_UP_S..WARM_UP_S + MEASURED_S).for_each(|second| crowd.second(second));
    let share = (processor_s() - begun_s) / f64::from(MEASURED_S);
    let (alive, mib) = (crowd.engine.devices_alive(), resident_mib() - before_mib);
    println!("{LOCATED} located and {} anonymous devices alive, {} outputs", alive as u32 - LOCATED, crowd.told);
    println!("{:.1} % of one core (goal 60), {mib:.1} MiB of engine state (goal 64)", share * 100.0);
}
