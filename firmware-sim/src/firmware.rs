//! Beacon firmware: when a device sends what, under which address.
//!
//! In: the classes of devices and who carries them. Out: advertising events in order of time. Each comes an
//! advertising interval plus 0 to 10 ms after the last; frames take turns; private addresses are replaced
//! after a random time, and with them what phones say; a battery runs down and ends the device. It knows
//! nothing of places.

use crate::frames::{self, FrameKind, Payload, Telemetry, WristbandState};
use crate::random::{Purpose, Random};
use crate::scenario::{Class, Kind};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;

/// Advertising delay: 0 to 10 ms, microseconds (Bluetooth Core 5.4, Vol 6 Part B, 4.4.2.2.1).
const ADVERTISING_DELAY_US: f64 = 10_000.0;

/// Proximity UUID and first 16 bytes of AltBeacon ids of simulated devices: "venue-wristband!" (chosen).
const UUID: [u8; 16] = *b"venue-wristband!";

/// Eddystone namespace of simulated devices (chosen).
const NAMESPACE: [u8; 10] = *b"venuebands";

/// Company of simulated AltBeacons: Radius Networks, as in the protocol's own examples.
const ALTBEACON_COMPANY: u16 = 0x0118;

/// A coin cell's voltage when new and when a device stops, millivolts (CR2032 datasheets: 3.0 V; most chips
/// stop between 1.7 and 2.0 V).
const BATTERY_MV: [f64; 2] = [3_000.0, 1_900.0];

/// Who has a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A person, by index.
    Person(usize),
    /// Nobody: it is fixed in place, by index.
    Fixed(usize),
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Who has it.
    pub owner: Owner,
    /// Strength at 1 m including the deviation of this very device, dBm.
    pub power_dbm: f32,
    /// Cosine and sine of the angle at which it is worn against the way its owner faces.
    pub worn: [f32; 2],
    class: usize,
    number: u32,
    address: [u8; 6],
    payloads: Vec<Payload>,
    rolling_id: [u8; 8],
    turn: usize,
    rotates_at_us: i64,
    started_us: i64,
    advertisement_count: u32,
    battery_at_start: f64,
    off: bool,
}

/// One advertising event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// Which device.
    pub device: usize,
    /// Begin of its first packet.
    pub at_us: i64,
    /// Address as written, most significant byte first.
    pub address: [u8; 6],
    /// Whether the address is a random one.
    pub random_address: bool,
    /// What is sent.
    pub payload: Payload,
}

/// All devices of one run.
pub struct Firmware {
    classes: Vec<Class>,
    devices: Vec<Device>,
    next: BinaryHeap<Reverse<(i64, usize)>>,
    random: Random,
}

impl Firmware {
    /// No devices yet.
    pub fn new(classes: Vec<Class>, seed: u64) -> Self {
        let random = Random::new(seed, Purpose::Firmware);
        Self { classes, devices: Vec::new(), next: BinaryHeap::new(), random }
    }

    /// Switches a device on; its number decides the identity it states. Its first event comes within one
    /// interval.
    pub fn switch_on(&mut self, class: usize, number: u32, owner: Owner, at_us: i64) -> usize {
        let interval_us = self.classes[class].interval_ms * 1e3;
        let (power, spread) = (self.classes[class].measured_power_dbm, self.classes[class].offset_sd_db);
        let (sine, cosine) = self.random.between(0.0, std::f64::consts::TAU).sin_cos();
        let mut device = Device {
            owner,
            power_dbm: (power + spread * self.random.normal()) as f32,
            worn: [cosine as f32, sine as f32],
            class,
            number,
            address: [0; 6],
            payloads: Vec::new(),
            rolling_id: [0; 8],
            turn: 0,
            rotates_at_us: i64::MAX,
            started_us: at_us,
            advertisement_count: 0,
            battery_at_start: self.random.between(0.5, 1.0),
            off: false,
        };
        self.renew(&mut device, at_us, true);
        let index = self.devices.len();
        self.devices.push(device);
        let first_us = at_us + self.random.between(0.0, interval_us) as i64;
        self.next.push(Reverse((first_us, index)));
        index
    }

    /// Switches a device off for good.
    pub fn switch_off(&mut self, device: usize) {
        self.devices[device].off = true;
        self.devices[device].payloads = Vec::new();
    }

    /// A device.
    pub fn device(&self, device: usize) -> &Device {
        &self.devices[device]
    }

    /// When the next event comes.
    pub fn next_us(&self) -> i64 {
        self.next.peek().map_or(i64::MAX, |Reverse((at_us, _))| *at_us)
    }

    /// The next event; `None` where its device is off by now. `moves` tells whether an owner walks at a moment:
    /// what a wristband's motion sensor feels.
    pub fn transmit(&mut self, moves: impl FnOnce(Owner, i64) -> bool) -> Option<Transmission> {
        let Reverse((at_us, index)) = self.next.pop()?;
        if self.devices[index].off {
            return None;
        }
        if self.devices[index].rotates_at_us <= at_us {
            let mut device = self.devices[index].clone();
            self.renew(&mut device, at_us, false);
            self.devices[index] = device;
        }
        let class = &self.classes[self.devices[index].class];
        let interval_us = (class.interval_ms * 1e3) as i64;
        let next_us = at_us + interval_us + (self.random.unit() * ADVERTISING_DELAY_US) as i64;
        let kind = class.frames[self.devices[index].turn];
        let device = &mut self.devices[index];
        let battery = device.battery_at_start - (at_us - device.started_us) as f64 / 3.6e9 / class.battery_h;
        if battery <= 0.0 {
            self.switch_off(index);
            return None;
        }
        device.advertisement_count += 1;
        let payload = match kind {
            FrameKind::EddystoneTlm => frames::eddystone_tlm(&device.telemetry(at_us, battery)),
            FrameKind::Wristband => frames::wristband(&WristbandState {
                rolling_id: device.rolling_id,
                measured_power_dbm: class.measured_power_dbm.round() as i8,
                battery_percent: (100.0 * battery) as u8,
                moving: moves(device.owner, at_us),
            }),
            _ => device.payloads[device.turn],
        };
        device.turn = (device.turn + 1) % class.frames.len();
        let address = device.address;
        self.next.push(Reverse((next_us, index)));
        Some(Transmission { device: index, at_us, address, random_address: class.kind != Kind::Beacon, payload })
    }

    /// A new address and new contents; for all but phones only once.
    fn renew(&mut self, device: &mut Device, at_us: i64, first: bool) {
        let class = &self.classes[device.class];
        self.random.fill(&mut device.address);
        self.random.fill(&mut device.rolling_id);
        // Two most significant bits: 11 static random, 01 resolvable private (Core 5.4, Vol 6 Part B, 1.3.2).
        // Nobody here resolves addresses, so the hash part is drawn like the rest.
        match class.kind {
            Kind::Wristband => device.address[0] |= 0xc0,
            Kind::Phone => device.address[0] = device.address[0] & 0x3f | 0x40,
            Kind::Beacon => device.address[0] &= 0xfc,
        }
        let (random, number) = (&mut self.random, device.number);
        device.payloads = class.frames.iter().map(|kind| contents(*kind, class, number, random)).collect();
        device.rotates_at_us = match class.kind {
            Kind::Phone => {
                let [shortest_s, longest_s] = class.rotation_s;
                let length_us = self.random.between(shortest_s, longest_s) * 1e6;
                // A device met at a random moment is at a random point of its period.
                let left = if first { self.random.unit() } else { 1.0 };
                at_us + (length_us * left) as i64
            }
            Kind::Wristband | Kind::Beacon => i64::MAX,
        };
    }
}

impl Device {
    fn telemetry(&self, at_us: i64, battery: f64) -> Telemetry {
        let [full_mv, empty_mv] = BATTERY_MV;
        Telemetry {
            battery_mv: (empty_mv + (full_mv - empty_mv) * battery) as u16,
            // A hall's air; wrist and pocket are warmer (chosen).
            temperature_c: 23.5,
            advertisement_count: self.advertisement_count,
            uptime_s: (at_us - self.started_us) as f64 / 1e6,
        }
    }
}

fn contents(kind: FrameKind, class: &Class, number: u32, random: &mut Random) -> Payload {
    let power_dbm = class.measured_power_dbm.round() as i8;
    let (major, minor) = major_minor(number);
    match kind {
        FrameKind::IBeacon => frames::ibeacon(&UUID, major, minor, power_dbm),
        FrameKind::EddystoneUid => frames::eddystone_uid(&NAMESPACE, &instance(number), class.measured_power_dbm),
        FrameKind::EddystoneUrl => {
            frames::eddystone_url("https://example.com/v", class.measured_power_dbm).expect("a short URL")
        }
        FrameKind::AltBeacon => frames::altbeacon(ALTBEACON_COMPANY, &altbeacon_id(number), power_dbm, 0),
        FrameKind::AppleNearby => frames::apple_nearby(random),
        FrameKind::FastPair => frames::fast_pair(random),
        FrameKind::Microsoft => frames::microsoft(random),
        FrameKind::Samsung => frames::samsung(random),
        // Made anew for every event.
        FrameKind::EddystoneTlm | FrameKind::Wristband => Payload::default(),
    }
}

/// The identity text of a device's first identifying frame, as gateways write it; `None` where its frames
/// identify nobody.
pub fn identity_text(class: &Class, number: u32) -> Option<String> {
    let identifying = [FrameKind::IBeacon, FrameKind::EddystoneUid, FrameKind::AltBeacon];
    match class.frames.iter().find(|kind| identifying.contains(kind))? {
        FrameKind::IBeacon => {
            let [a, b, c, d, e] = [&UUID[..4], &UUID[4..6], &UUID[6..8], &UUID[8..10], &UUID[10..]].map(hex);
            let (major, minor) = major_minor(number);
            Some(format!("ibeacon:{a}-{b}-{c}-{d}-{e}:{major}:{minor}"))
        }
        FrameKind::EddystoneUid => Some(format!("eddystone:{}:{}", hex(&NAMESPACE), hex(&instance(number)))),
        _ => Some(format!("altbeacon:{}", hex(&altbeacon_id(number)))),
    }
}

fn major_minor(number: u32) -> (u16, u16) {
    ((number >> 16) as u16 + 1, number as u16)
}

fn instance(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0, a, b, c, d]
}

fn altbeacon_id(number: u32) -> [u8; 20] {
    let mut id = [0; 20];
    id[..16].copy_from_slice(&UUID);
    id[16..].copy_from_slice(&number.to_be_bytes());
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(kind: Kind, frames: &[FrameKind], interval_ms: f64) -> Class {
        Class {
            kind,
            probability: 1.0,
            interval_ms,
            frames: frames.to_vec(),
            rotation_s: [480.0, 900.0],
            measured_power_dbm: -59.0,
            offset_sd_db: 4.0,
            battery_h: 14_000.0,
        }
    }

    fn run(class: Class, duration_s: i64) -> Vec<Transmission> {
        let mut firmware = Firmware::new(vec![class], 5);
        firmware.switch_on(0, 7, Owner::Fixed(0), 0);
        let events = std::iter::from_fn(|| {
            (firmware.next_us() < duration_s * 1_000_000).then(|| firmware.transmit(|_, at_us| at_us >= 1_000_000_000))
        });
        events.flatten().collect()
    }

    #[test]
    fn events_come_an_interval_and_up_to_ten_milliseconds_apart() {
        let sent = run(class(Kind::Wristband, &[FrameKind::IBeacon], 500.0), 600);
        let gaps: Vec<i64> = sent.windows(2).map(|pair| pair[1].at_us - pair[0].at_us).collect();
        assert!(gaps.iter().all(|gap| (500_000..510_000).contains(gap)));
        let mean = gaps.iter().sum::<i64>() / gaps.len() as i64;
        assert!((504_500..505_500).contains(&mean), "mean {mean} us; 505 ms expected");
    }

    #[test]
    fn private_addresses_last_8_to_15_minutes_and_are_resolvable_in_form() {
        let sent = run(class(Kind::Phone, &[FrameKind::AppleNearby], 1_000.0), 40_000);
        let changes: Vec<i64> =
            sent.windows(2).filter(|pair| pair[0].address != pair[1].address).map(|pair| pair[1].at_us).collect();
        let lasted: Vec<f64> = changes.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        assert!(lasted.len() > 40);
        assert!(lasted.iter().all(|length_s| (479.0..902.0).contains(length_s)), "{lasted:?}");
        let mean = lasted.iter().sum::<f64>() / lasted.len() as f64;
        assert!((640.0..740.0).contains(&mean), "mean {mean} s; 690 s expected");
        assert!(sent.iter().all(|event| event.address[0] >> 6 == 0b01));
        let contents_change =
            sent.windows(2).all(|pair| (pair[0].address == pair[1].address) == (pair[0].payload == pair[1].payload));
        assert!(contents_change, "an old content under a new address would link the two");
    }

    #[test]
    fn a_wristband_keeps_its_address_and_its_frames_take_turns() {
        let frames = [FrameKind::IBeacon, FrameKind::EddystoneUid, FrameKind::EddystoneTlm];
        let sent = run(class(Kind::Wristband, &frames, 1_000.0), 2_000);
        assert!(sent.iter().all(|event| event.address == sent[0].address && event.address[0] >> 6 == 0b11));
        let turns = |i: usize| sent[i].payload.as_slice()[..].to_vec();
        assert_eq!((turns(0), turns(1)), (turns(3), turns(4)));
        assert_ne!(turns(2), turns(5), "telemetry counts up");
    }

    #[test]
    fn a_rolling_identifier_changes_with_the_address_and_motion_is_felt() {
        let sent = run(class(Kind::Phone, &[FrameKind::Wristband], 1_000.0), 2_000);
        let rolling_id = |event: &Transmission| event.payload.as_slice()[10..18].to_vec();
        let together = |pair: &[Transmission]| {
            (pair[0].address == pair[1].address) == (rolling_id(&pair[0]) == rolling_id(&pair[1]))
        };
        assert!(sent.windows(2).all(together) && sent[0].address != sent[sent.len() - 1].address);
        assert!(sent.iter().all(|event| (event.payload.as_slice()[20] == 2) == (event.at_us >= 1_000_000_000)));
    }

    #[test]
    fn an_empty_battery_ends_a_device() {
        let mut class = class(Kind::Wristband, &[FrameKind::IBeacon], 1_000.0);
        class.battery_h = 0.1;
        let last_us = run(class, 2_000).last().expect("it sent").at_us;
        assert!((180_000_000..361_000_000).contains(&last_us), "half to full of 360 s, found {last_us}");
    }

    #[test]
    fn identity_texts_name_what_is_sent() {
        let text = |frame| identity_text(&class(Kind::Wristband, &[FrameKind::EddystoneTlm, frame], 1.0), 65_538);
        assert_eq!(text(FrameKind::IBeacon).as_deref(), Some("ibeacon:76656e75-652d-7772-6973-7462616e6421:2:2"));
        assert_eq!(text(FrameKind::EddystoneUid).as_deref(), Some("eddystone:76656e756562616e6473:000000010002"));
        assert_eq!(text(FrameKind::AltBeacon).as_deref(), Some("altbeacon:76656e75652d777269737462616e642100010002"));
        assert_eq!(text(FrameKind::Samsung), None);
    }
}
