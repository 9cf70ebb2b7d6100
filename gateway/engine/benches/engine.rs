//! The engine on a flood: 10 000 devices at 5 000 adverts/s through 8 receivers.
//!
//! Prints the rate by criterion, and by itself the distribution of the time one advert takes, which a mean
//! would hide: reports and windows come in between; and the memory a live device takes. Each figure is of one
//! core.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration as WallDuration, Instant};
use venue_engine::advert::{Address, AddressType, Advert};
use venue_engine::engine::Engine;
use venue_engine::event::Event;
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

const DEVICES: u32 = 10_000;
const ADVERTS: u32 = 300_000;
const SPACING_US: i64 = 200;
const START_US: i64 = 1_763_700_000_000_000;

/// A hall of 40 m by 24 m with eight zones and a receiver in the middle of each, as in methods (a).
fn venue() -> Arc<Venue> {
    let mut text = String::from("name = \"hall\"\n[[floor]]\nname = \"g\"\nwidth_m = 40\ndepth_m = 24\n");
    for zone in 0..8 {
        let (x, y) = (f64::from(zone % 4) * 10.0, f64::from(zone / 4) * 12.0);
        let (right, top) = (x + 10.0, y + 12.0);
        text += &format!(
            "[[zone]]\nname = \"z{zone}\"\npolygon = [[{x}, {y}], [{right}, {y}], [{right}, {top}], [{x}, {top}]]\n"
        );
        text += &format!("[[receiver]]\nname = \"r{zone}\"\nx_m = {}\ny_m = {}\n", x + 5.0, y + 6.0);
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

/// One phone advert: Apple nearby information with bytes of its own.
fn payload(device: u32) -> [u8; 17] {
    let [a, b, c, d] = mixed(device).to_be_bytes();
    [2, 1, 0x1a, 2, 0x0a, 0x0c, 10, 0xff, 0x4c, 0, 0x10, 5, a, b, c, d, 0x18]
}

fn advert(number: u32, payload: &[u8]) -> Advert<'_> {
    let device = mixed(number) % DEVICES;
    let [_, a, b, c] = device.to_be_bytes();
    let near = (device % 8) as u8;
    let wanders = mixed(number ^ 77).is_multiple_of(3);
    let receiver = if wanders { (near + 1) % 8 } else { near };
    let loss = (mixed(number ^ 99) % 12) as i8 + if receiver == near { 0 } else { 15 };
    Advert {
        at: Timestamp::from_micros(START_US + i64::from(number) * SPACING_US),
        receiver: ReceiverId(receiver),
        address: Address { bytes: [0x40, 1, 2, a, b, c], kind: AddressType::Random },
        rssi_dbm: Some(-55 - loss),
        channel: None,
        payload,
    }
}

fn engine() -> Engine {
    Engine::new(venue(), Settings::default(), None, Vec::new())
}

fn run(engine: &mut Engine, payloads: &[[u8; 17]]) -> usize {
    let mut outputs = Vec::new();
    let mut told = 0;
    for number in 0..ADVERTS {
        let payload = &payloads[(mixed(number) % DEVICES) as usize];
        engine.handle(Event::Advert(advert(number, payload)), &mut outputs);
        told += outputs.len();
        outputs.clear();
    }
    told
}

fn flood(criterion: &mut Criterion) {
    let payloads: Vec<[u8; 17]> = (0..DEVICES).map(payload).collect();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(u64::from(ADVERTS))).sample_size(10);
    group.measurement_time(WallDuration::from_secs(5));
    group.bench_function("flood", |bencher| {
        bencher.iter_batched_ref(engine, |engine| black_box(run(engine, &payloads)), criterion::BatchSize::LargeInput);
    });
    group.finish();
    print_distribution(&payloads);
    print_memory();
}

/// What a live device costs, by the resident memory of this process before and after 100 000 came.
fn print_memory() {
    let mut engine = engine();
    let mut outputs = Vec::new();
    let before = resident_bytes();
    for device in 0..100_000u32 {
        let at = Timestamp::from_micros(START_US + i64::from(device) * 500);
        let [_, a, b, c] = device.to_be_bytes();
        let address = Address { bytes: [0x40, 9, 9, a, b, c], kind: AddressType::Random };
        let payload = payload(device);
        let receiver = ReceiverId((device % 8) as u8);
        engine.handle(
            Event::Advert(Advert { at, receiver, address, rssi_dbm: Some(-60), channel: None, payload: &payload }),
            &mut outputs,
        );
        outputs.clear();
    }
    let alive = engine.devices_alive();
    let each = resident_bytes().saturating_sub(before) / alive.max(1) as u64;
    println!("{alive} devices alive, {each} bytes each, all told");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4_096
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn print_distribution(payloads: &[[u8; 17]]) {
    let mut engine = engine();
    let mut outputs = Vec::new();
    let mut nanos: Vec<u64> = Vec::with_capacity(ADVERTS as usize);
    for number in 0..ADVERTS {
        let payload = &payloads[(mixed(number) % DEVICES) as usize];
        let begun = Instant::now();
        engine.handle(Event::Advert(advert(number, payload)), &mut outputs);
        nanos.push(begun.elapsed().as_nanos() as u64);
        outputs.clear();
    }
    nanos.sort_unstable();
    let quantile = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    let (p50, p99, p999, max) = (quantile(0.5), quantile(0.99), quantile(0.999), quantile(1.0));
    println!("one advert, us: p50 {p50:.2}, p99 {p99:.2}, p99.9 {p999:.2}, max {max:.1} ({ADVERTS} adverts)");
}

criterion_group!(benches, flood);
criterion_main!(benches);
