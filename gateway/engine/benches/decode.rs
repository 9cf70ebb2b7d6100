//! Decoding on one core: what a venue's air holds, and each kind of beacon alone.
//!
//! In: 10 000 distinct payloads a kind, the same on every run. The mix is 55 % phones (Apple, Fast Pair,
//! Windows, Samsung, names, 3 % of them malformed), 25 % iBeacon, 8 % Eddystone-UID, 4 % Eddystone-TLM and
//! 8 % RuuviTag. Out: adverts a second, once for the whole decode into frames, once for what the engine asks.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use venue_engine::beacon::{self, Finding, Frame};

const PAYLOADS: usize = 10_000;
/// The venue's own proximity UUID; its first ten bytes serve as namespace.
const VENUE: [u8; 16] = *b"venue proximity.";
const FLAGS: [u8; 3] = [0x02, 0x01, 0x06];
const EDDYSTONE_LISTED: [u8; 4] = [0x03, 0x03, 0xaa, 0xfe];

/// The same draws on every run (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Encodes one payload of a kind.
type Encode = fn(&mut Draws) -> Vec<u8>;

fn structure(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    let mut structure = vec![data.len() as u8 + 1, kind];
    structure.extend(data);
    structure
}

fn ibeacon(draws: &mut Draws) -> Vec<u8> {
    let numbers = [0, draws.below(64) as u8, draws.next() as u8, draws.next() as u8, 0xc5];
    [FLAGS.to_vec(), structure(0xff, &[&[0x4c, 0, 0x02, 0x15], &VENUE, &numbers])].concat()
}

fn eddystone_uid(draws: &mut Draws) -> Vec<u8> {
    let frame = structure(0x16, &[&[0xaa, 0xfe, 0, 0xee], &VENUE[..10], &draws.bytes(6), &[0, 0]]);
    [&FLAGS[..], &EDDYSTONE_LISTED, &frame].concat()
}

fn eddystone_tlm(draws: &mut Draws) -> Vec<u8> {
    let frame = structure(0x16, &[&[0xaa, 0xfe, 0x20, 0, 0x0b], &draws.bytes(1), &[22], &draws.bytes(9)]);
    [&FLAGS[..], &EDDYSTONE_LISTED, &frame].concat()
}

fn ruuvi(draws: &mut Draws) -> Vec<u8> {
    [FLAGS.to_vec(), structure(0xff, &[&[0x99, 0x04, 5], &draws.bytes(23)])].concat()
}

fn phone(draws: &mut Draws) -> Vec<u8> {
    let flags = [0x02, 0x01, 0x1a];
    match draws.below(100) {
        0..45 => {
            let nearby = structure(0xff, &[&[0x4c, 0, 0x10, 5], &draws.bytes(5)]);
            [&flags[..], &[0x02, 0x0a, 0x0c], &nearby].concat()
        }
        45..60 => {
            let messages = [&[0x4c, 0, 0x0c, 0x0e][..], &draws.bytes(14), &[0x10, 5], &draws.bytes(5)].concat();
            [flags.to_vec(), structure(0xff, &[&messages])].concat()
        }
        60..70 => structure(0xff, &[&[0x4c, 0, 0x12, 0x19], &draws.bytes(25)]),
        70..80 => {
            let account = structure(0x16, &[&[0x2c, 0xfe, 0, 0x40], &draws.bytes(4), &[0x11], &draws.bytes(1)]);
            [&[0x03, 0x02, 0x2c, 0xfe][..], &account].concat()
        }
        80..88 => structure(0xff, &[&[0x06, 0, 0x01, 0x09, 0x20, 0x02], &draws.bytes(23)]),
        88..94 => [flags.to_vec(), structure(0xff, &[&[0x75, 0, 0x42, 0x09, 0x81, 0x02], &draws.bytes(18)])].concat(),
        94..97 => {
            let name = structure(0x09, &[b"Phone-", &draws.bytes(4)]);
            [FLAGS.to_vec(), name, structure(0x03, &[&draws.bytes(2)])].concat()
        }
        _ => {
            let length = 1 + draws.below(30) as usize;
            draws.bytes(length)
        }
    }
}

fn mix(draws: &mut Draws) -> Vec<u8> {
    match draws.below(100) {
        0..55 => phone(draws),
        55..80 => ibeacon(draws),
        80..88 => eddystone_uid(draws),
        88..92 => eddystone_tlm(draws),
        _ => ruuvi(draws),
    }
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

fn decoding(criterion: &mut Criterion) {
    let kinds: [(&str, Encode); 6] = [
        ("mix", mix),
        ("phone", phone),
        ("ibeacon", ibeacon),
        ("eddystone_uid", eddystone_uid),
        ("eddystone_tlm", eddystone_tlm),
        ("ruuvi", ruuvi),
    ];
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(PAYLOADS as u64));
    for (name, encode) in kinds {
        let mut draws = Draws(20_240_601);
        let payloads: Vec<Vec<u8>> = (0..PAYLOADS).map(|_| encode(&mut draws)).collect();
        group.bench_with_input(BenchmarkId::new("frames", name), &payloads, |bencher, payloads| {
            bencher.iter(|| payloads.iter().for_each(|payload| decode(payload)));
        });
        group.bench_with_input(BenchmarkId::new("hear", name), &payloads, |bencher, payloads| {
            bencher.iter(|| {
                payloads.iter().for_each(|payload| {
                    black_box(beacon::hear(payload));
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
