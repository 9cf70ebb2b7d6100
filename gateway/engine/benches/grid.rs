//! What one update of a located device costs: eight receivers, one advert a second each.
//!
//! Prints the time of an update in a hall of 240 cells and in a venue of 4 000, where a belief is held to its
//! limit, and the size of a belief. Two thousand devices at one update a second take 2 000 times that of a core.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use venue_engine::beacon::DeviceClass;
use venue_engine::grid::{Belief, Grid};
use venue_engine::identity::{DeviceKey, Sighting};
use venue_engine::radio_map::{Assumptions, RadioMap};
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

/// Devices that take turns, so that their beliefs are not all in the cache.
const DEVICES: usize = 2_000;

fn venue(width_m: f64, depth_m: f64) -> Venue {
    let mut plan = format!("name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = {width_m}\ndepth_m = {depth_m}\n");
    for index in 0..8 {
        let (column, row) = (f64::from(index % 4), f64::from(index / 4));
        let (x, y) = ((column + 0.5) * width_m / 4.0, (row + 0.5) * depth_m / 2.0);
        plan += &format!("[[receiver]]\nname = \"r{index}\"\nx_m = {x}\ny_m = {y}\n");
    }
    Venue::parse(&plan).expect("a plan")
}

/// A small mixing function: the same numbers on every run.
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 32;
    x.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
}

fn sighting(device: usize, second: i64, receiver: u8) -> Sighting {
    let noise = (mixed(device as u64 ^ (second as u64) << 16 ^ u64::from(receiver) << 40) % 13) as i8;
    let near = device % 8 == usize::from(receiver);
    Sighting {
        at: Timestamp::from_micros(second * 1_000_000 + 100_000),
        receiver: ReceiverId(receiver),
        key: DeviceKey(device as u64),
        previous_key: None,
        rssi_dbm: Some(if near { -68 } else { -84 } + noise),
        measured_power_dbm: None,
        class: DeviceClass::Beacon,
        followed: true,
    }
}

fn update(criterion: &mut Criterion) {
    for (name, venue) in [("hall of 240 cells", venue(40.0, 24.0)), ("fair of 4000 cells", venue(160.0, 100.0))] {
        let map = RadioMap::new(&venue, Assumptions::default());
        let mut grid = Grid::new(&venue, map);
        let mut beliefs: Vec<Belief> = (0..DEVICES).map(|_| Belief::new(Timestamp::from_micros(0))).collect();
        let (mut device, mut second) = (0, 0);
        let mut step = |grid: &mut Grid| {
            for receiver in 0..8 {
                let sighting = sighting(device, second, receiver);
                grid.listen(&sighting);
                grid.hear(&mut beliefs[device], &sighting);
            }
            device = (device + 1) % DEVICES;
            second += i64::from(device == 0);
        };
        (0..3 * DEVICES).for_each(|_| step(&mut grid));
        criterion.bench_function(&format!("one device-second, {name}"), |bencher| {
            bencher.iter(|| step(black_box(&mut grid)));
        });
        let cells = beliefs.iter().map(|belief| belief.cells().count()).sum::<usize>() / DEVICES;
        println!("{name}: {cells} cells believed on average");
    }
}

criterion_group!(benches, update);
criterion_main!(benches);
