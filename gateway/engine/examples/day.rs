//! A day of a full venue, for the memory it takes.
//!
//! In: hours of event time (24 unless told). Out: one JSON line an hour with the resident memory of this
//! process and the devices alive, and at the end the slope after the first two hours. 2 000 adverts/s come
//! from 100 000 addresses at any time, each of which is replaced after 15 minutes: 9.6 million a day.

use std::sync::Arc;
use venue_engine::advert::{Address, AddressType, Advert};
use venue_engine::engine::Engine;
use venue_engine::event::Event;
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

const START_US: i64 = 1_763_700_000_000_000;
const ADVERTS_PER_S: i64 = 2_000;
const ADDRESSES: u64 = 100_000;
/// How long a phone keeps an address (Core 5.4, Vol 3 Part C, Appendix A: TGAP(private_addr_int)).
const ROTATION_S: u64 = 900;
/// Hours that are not judged: tables grow to their size.
const WARM_UP_HOURS: usize = 2;

/// SplitMix64's mixing function: the same numbers on every run.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// Four zones with a receiver each, an entrance and a queue.
const PLAN: &str = r#"
name = "hall"
[[floor]]
name = "g"
width_m = 40
depth_m = 20
[[zone]]
name = "bar"
polygon = [[0, 0], [20, 0], [20, 20], [0, 20]]
[[zone]]
name = "stage"
polygon = [[20, 0], [40, 0], [40, 20], [20, 20]]
[[receiver]]
name = "a"
x_m = 5
y_m = 10
[[receiver]]
name = "b"
x_m = 15
y_m = 10
[[receiver]]
name = "c"
x_m = 25
y_m = 10
[[receiver]]
name = "d"
x_m = 35
y_m = 10
[[queue]]
name = "bar"
area = [[0, 0], [10, 0], [10, 10], [0, 10]]
counter = [[0, 0], [10, 0], [10, 2], [0, 2]]
servers = 2
wait_limit_s = 300
"#;

fn main() {
    let hours: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(24);
    let mut engine = Engine::new(Arc::new(Venue::parse(PLAN).expect("plan")), Settings::default(), None, Vec::new());
    let (mut outputs, mut told) = (Vec::new(), Vec::new());
    for hour in 0..hours {
        for number in hour * 3_600 * ADVERTS_PER_S as u64..(hour + 1) * 3_600 * ADVERTS_PER_S as u64 {
            hear(&mut engine, number, &mut outputs);
            outputs.clear();
        }
        let (resident, alive) = (resident_kib(), engine.devices_alive());
        println!("{{\"hour\":{},\"resident_kib\":{resident},\"devices_alive\":{alive}}}", hour + 1);
        told.push(resident as f64 / 1_024.0);
    }
    println!("{{\"counters\":{:?},\"slope_mib_per_hour\":{:.4}}}", engine.counters().list(), slope(&told));
}

fn hear(engine: &mut Engine, number: u64, outputs: &mut Vec<venue_engine::output::Output>) {
    let at_us = number as i64 * 1_000_000 / ADVERTS_PER_S;
    let device = mixed(number) % ADDRESSES;
    // Rotations are spread over the quarter of an hour.
    let turn = (at_us as u64 / 1_000_000 + device * ROTATION_S / ADDRESSES) / ROTATION_S;
    let [_, _, a, b, c, d, e, f] = mixed(device << 20 | turn).to_be_bytes();
    let bytes = [0x40 | a & 0x3f, b, c, d, e, f];
    let payload = [2, 1, 0x1a, 10, 0xff, 0x4c, 0, 0x10, 5, a, b, c, d, 0x18];
    let advert = Advert {
        at: Timestamp::from_micros(START_US + at_us),
        receiver: ReceiverId((device % 4) as u8),
        address: Address { bytes, kind: AddressType::Random },
        rssi_dbm: Some(-55 - (mixed(number ^ 7) % 30) as i8),
        channel: None,
        payload: &payload,
    };
    engine.handle(Event::Advert(advert), outputs);
}

/// Least squares over what follows the warm-up.
fn slope(mib: &[f64]) -> f64 {
    let judged: Vec<(f64, f64)> = mib.iter().enumerate().skip(WARM_UP_HOURS).map(|(x, y)| (x as f64, *y)).collect();
    let count = judged.len() as f64;
    let (x_mean, y_mean) =
        (judged.iter().map(|p| p.0).sum::<f64>() / count, judged.iter().map(|p| p.1).sum::<f64>() / count);
    let across: f64 = judged.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    across / judged.iter().map(|(x, _)| (x - x_mean).powi(2)).sum::<f64>()
}
