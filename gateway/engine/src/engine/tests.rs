//! The engine as a whole: same events, same outputs, however they arrive.

use super::*;
use crate::advert::{Address, AddressType};
use crate::beacon::BeaconId;
use crate::event::{Registration, SubjectKind};
use crate::venue::ReceiverId;

const PLAN: &str = r#"
name = "v"
[[floor]]
name = "g"
width_m = 20
depth_m = 10
[[zone]]
name = "west"
polygon = [[0, 0], [10, 0], [10, 10], [0, 10]]
[[zone]]
name = "east"
polygon = [[10, 0], [20, 0], [20, 10], [10, 10]]
[[receiver]]
name = "w"
x_m = 5
y_m = 5
[[receiver]]
name = "e"
x_m = 15
y_m = 5
[[queue]]
name = "bar"
area = [[13, 3], [17, 3], [17, 6], [13, 6]]
counter = [[13, 6], [17, 6], [17, 7], [13, 7]]
"#;

const START_S: i64 = 1_763_700_000;

/// (milliseconds since the start, receiver, device, dBm); device 0 carries the registered beacon.
type Heard = (i64, u8, u8, i8);

fn at(ms: i64) -> Timestamp {
    Timestamp::from_micros(START_S * 1_000_000 + ms * 1_000)
}

fn beacon() -> BeaconId {
    BeaconId::IBeacon { uuid: [7; 16], major: 1, minor: 2 }
}

fn payload(device: u8) -> Vec<u8> {
    if device > 0 {
        return vec![2, 1, 6];
    }
    let mut bytes = vec![2, 1, 6, 26, 0xff, 0x4c, 0, 2, 0x15];
    bytes.extend([7; 16]);
    bytes.extend([0, 1, 0, 2, 0xc5]);
    bytes
}

fn engine(settings: Settings) -> Engine {
    let mut engine = Engine::new(Arc::new(Venue::parse(PLAN).expect("plan")), settings, None, Vec::new());
    let registration = Registration { at: at(0), who: "ann".into(), kind: SubjectKind::Attendee, beacon: beacon() };
    engine.handle(Event::Register(registration), &mut Vec::new());
    engine
}

/// Runs the adverts, with a tick before each when `ticks_ms` have passed; all outputs as text.
fn outputs(heard: &[Heard], ticks_ms: Option<i64>) -> (Vec<String>, Counters) {
    let mut engine = engine(Settings { group_min: 1, ..Settings::default() });
    let mut outputs = Vec::new();
    let mut newest_ms = 0;
    let mut ticked_ms = 0;
    for &(ms, receiver, device, rssi_dbm) in heard {
        newest_ms = newest_ms.max(ms);
        while ticks_ms.is_some_and(|every| ticked_ms + every < newest_ms) {
            ticked_ms += ticks_ms.unwrap_or_default();
            engine.handle(Event::Tick(at(ticked_ms)), &mut outputs);
        }
        let address = Address { bytes: [0xc0, 0, 0, 0, 0, device], kind: AddressType::Random };
        let payload = payload(device);
        let advert = Advert {
            at: at(ms),
            receiver: ReceiverId(receiver),
            address,
            rssi_dbm: Some(rssi_dbm),
            channel: None,
            payload: &payload,
        };
        engine.handle(Event::Advert(advert), &mut outputs);
    }
    engine.finish(&mut outputs);
    (outputs.iter().map(|output| format!("{output:?}")).collect(), engine.counters())
}

/// Two minutes: a registered beacon walks from west to east while five phones stay west and one goes.
fn walk() -> Vec<Heard> {
    let mut heard = Vec::new();
    for step in 0..240 {
        let ms = step * 500;
        let closer = (step / 8) as i8;
        heard.push((ms, 0, 0, -50 - closer));
        heard.push((ms + 1, 1, 0, -80 + closer));
        for phone in 1..=5 {
            heard.push((ms + i64::from(phone), 0, phone, -60));
        }
        if step < 60 {
            heard.push((ms + 7, 1, 6, -60));
        }
    }
    heard
}

#[test]
fn the_walk_is_told_as_it_was() {
    let (lines, counters) = outputs(&walk(), None);
    let of = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(of("ZoneChange"), 3, "entered west, left it, entered east");
    assert!(of("Fix") > 200 && of("People") > 60 && of("Queue") > 20);
    let venue = |people: &str| lines.iter().any(|line| line.contains(&format!("zone: None, people: {people}")));
    assert!(venue("13.9") && venue("11.9"), "7 devices at 0.5, and 6");
    assert_eq!(of("Movement"), 1);
    assert_eq!((counters.too_late, counters.sightings), (0, walk().len() as u64));
}

#[test]
fn ticks_change_nothing() {
    let plain = outputs(&walk(), None).0;
    for every_ms in [7, 100, 1_000, 30_000] {
        assert_eq!(outputs(&walk(), Some(every_ms)).0, plain, "ticks every {every_ms} ms");
    }
}

#[test]
fn any_order_within_the_lateness_changes_nothing() {
    let sorted = walk();
    let plain = outputs(&sorted, None).0;
    // A fixed shuffle: swap pairs whose times differ by less than the lateness of 2 s.
    let mut shuffled = sorted;
    for step in 1..4 {
        for first in (0..shuffled.len() - 20).step_by(step + 2) {
            let second = first + 5 * step;
            if (shuffled[second].0 - shuffled[first].0).abs() < 600 {
                shuffled.swap(first, second);
            }
        }
    }
    let (lines, counters) = outputs(&shuffled, Some(100));
    assert_eq!(counters.too_late, 0);
    assert_eq!(lines, plain);
}

#[test]
fn broken_times_and_receivers_are_counted_and_nothing_else() {
    let mut engine = engine(Settings::default());
    let mut outputs = Vec::new();
    let address = Address { bytes: [1; 6], kind: AddressType::Random };
    let good = Advert { at: at(0), receiver: ReceiverId(0), address, rssi_dbm: None, channel: None, payload: &[] };
    for micros in [i64::MIN, -1, i64::MAX] {
        engine.handle(Event::Advert(Advert { at: Timestamp::from_micros(micros), ..good }), &mut outputs);
    }
    engine.handle(Event::Advert(Advert { receiver: ReceiverId(9), ..good }), &mut outputs);
    engine.handle(Event::Advert(good), &mut outputs);
    engine.handle(Event::Advert(Advert { at: at(60_000), ..good }), &mut outputs);
    engine.handle(Event::Advert(Advert { at: at(1_000), ..good }), &mut outputs);
    let counters = engine.counters();
    assert_eq!((counters.implausible_time, counters.unknown_receiver, counters.too_late), (3, 1, 1));
}

#[test]
fn a_silent_hall_ends_with_a_report_of_nobody_and_then_silence() {
    let mut engine = engine(Settings::default());
    let mut outputs = Vec::new();
    let address = Address { bytes: [1; 6], kind: AddressType::Random };
    let advert =
        Advert { at: at(0), receiver: ReceiverId(0), address, rssi_dbm: Some(-50), channel: None, payload: &[] };
    engine.handle(Event::Advert(advert), &mut outputs);
    for minute in 1..60 {
        engine.handle(Event::Tick(at(minute * 60_000)), &mut outputs);
    }
    let people: Vec<f64> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::People(people) if people.zone.is_none() => Some(people.people),
            _ => None,
        })
        .collect();
    assert_eq!(people.last(), Some(&0.0));
    assert!(people.len() < 20, "reports stop once nobody is there: {}", people.len());
}

#[test]
fn forgetting_removes_the_device_at_once() {
    let mut engine = engine(Settings::default());
    let mut outputs = Vec::new();
    let address = Address { bytes: [1; 6], kind: AddressType::Random };
    let bytes = payload(0);
    let advert =
        Advert { at: at(0), receiver: ReceiverId(0), address, rssi_dbm: Some(-50), channel: None, payload: &bytes };
    engine.handle(Event::Advert(advert), &mut outputs);
    engine.handle(Event::Tick(at(10_000)), &mut outputs);
    assert_eq!(engine.devices_alive(), 1);
    engine.handle(Event::Forget { at: at(10_000), who: "ann".into() }, &mut outputs);
    assert_eq!(engine.devices_alive(), 0);
}

#[test]
fn what_was_learned_comes_back_and_broken_rows_do_nothing() {
    let settings = || Settings { group_min: 1, ..Settings::default() };
    let mut engine = engine(settings());
    let mut told = Vec::new();
    let slots: Vec<f64> = (0..2 * crate::arrivals::SLOTS).map(|number| number as f64).collect();
    let bytes: Vec<u8> = slots.iter().flat_map(|number| number.to_le_bytes()).collect();
    let broken = vec![("@arrivals/bar".into(), vec![1, 2, 3]), ("@counts".into(), vec![0; 8])];
    engine.restore_memory(&broken);
    engine.restore_memory(&[("@arrivals/bar".into(), bytes.clone()), ("@arrivals/gone".into(), bytes.clone())]);
    engine.tell_memory(at(0), &mut told);
    let kept = told.iter().find_map(|output| match output {
        Output::Learned(learned) if &*learned.name == "@arrivals/bar" => Some(learned.bytes.to_vec()),
        _ => None,
    });
    assert_eq!(kept, Some(bytes));
    assert_eq!(told.len(), 2, "one queue, and the counts");
}
