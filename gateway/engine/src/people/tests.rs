//! People in places: sums, anchors, silence, equipment.

use crate::advert::{Address, AddressType, Advert};
use crate::engine::Engine;
use crate::event::{Anchor, AnchorKind, Event};
use crate::output::{Output, People};
use crate::settings::Settings;
use crate::time::Timestamp;
use crate::venue::{ReceiverId, Venue};
use std::sync::Arc;

const PLAN: &str = r#"
name = "v"
[[floor]]
name = "g"
width_m = 40
depth_m = 10
[[zone]]
name = "west"
polygon = [[0, 0], [12, 0], [12, 10], [0, 10]]
[[zone]]
name = "middle"
polygon = [[12, 0], [24, 0], [24, 10], [12, 10]]
[[receiver]]
name = "w"
x_m = 6
y_m = 5
[[receiver]]
name = "m"
x_m = 18
y_m = 5
[[receiver]]
name = "e"
x_m = 34
y_m = 5
[[entrance]]
name = "door"
x_m = 40
y_m = 5
[[queue]]
name = "bar"
area = [[13, 3], [17, 3], [17, 6], [13, 6]]
counter = [[13, 6], [17, 6], [17, 7], [13, 7]]
"#;

const START_S: i64 = 1_763_700_000;

struct Hall {
    engine: Engine,
    outputs: Vec<Output>,
}

impl Hall {
    fn new(settings: Settings) -> Self {
        let venue = Arc::new(Venue::parse(PLAN).expect("plan"));
        Self { engine: Engine::new(venue, settings, None, Vec::new()), outputs: Vec::new() }
    }

    /// Each device of a range is heard by a receiver every second of a span.
    fn hear(&mut self, seconds: std::ops::Range<i64>, devices: std::ops::Range<u16>, receiver: u8) {
        for second in seconds {
            for device in devices.clone() {
                let [high, low] = device.to_be_bytes();
                let advert = Advert {
                    at: at(second) + crate::time::Duration::from_millis(i64::from(device % 100) * 7),
                    receiver: ReceiverId(receiver),
                    address: Address { bytes: [0x40, 0, 0, 0, high, low], kind: AddressType::Random },
                    rssi_dbm: Some(-60),
                    channel: None,
                    payload: &[2, 1, 6],
                };
                self.engine.handle(Event::Advert(advert), &mut self.outputs);
            }
        }
    }

    fn anchor(&mut self, second: i64, kind: AnchorKind, place: &str, people: u32) {
        let anchor = Anchor { at: at(second), kind, place: place.into(), people };
        self.engine.handle(Event::Anchor(anchor), &mut self.outputs);
    }

    /// The last told of the venue and of each zone.
    fn told(&mut self, second: i64) -> Vec<People> {
        self.engine.handle(Event::Tick(at(second + 2)), &mut self.outputs);
        let people: Vec<People> = self.all();
        people[people.len() - 3..].to_vec()
    }

    fn all(&self) -> Vec<People> {
        let people = |output: &Output| match output {
            Output::People(people) => Some(people.clone()),
            _ => None,
        };
        self.outputs.iter().filter_map(people).collect()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((START_S + second) * 1_000_000)
}

#[test]
fn zones_and_what_is_outside_them_add_up_to_the_venue() {
    let mut hall = Hall::new(Settings::default());
    hall.hear(0..60, 0..20, 0);
    hall.hear(60..120, 20..33, 1);
    hall.anchor(90, AnchorKind::HeadCount, "middle", 31);
    hall.hear(120..180, 33..40, 2);
    for told in hall.all().chunks(3) {
        let [venue, west, middle] = told else { panic!("venue and two zones") };
        assert_eq!((venue.zone, west.zone.is_some()), (None, true));
        let outside = ((venue.people - west.people - middle.people) * 100.0).round() / 100.0;
        assert!(outside >= 0.0, "{told:?}");
        for people in told {
            assert!(people.low <= people.people && people.people <= people.high, "{people:?}");
            assert_eq!((people.people * 100.0).round() / 100.0, people.people);
        }
    }
}

#[test]
fn everybody_counts_within_seconds_and_no_longer_than_they_stay() {
    let mut hall = Hall::new(Settings::default());
    hall.hear(0..60, 0..30, 0);
    hall.hear(60..120, 100..130, 0);
    let devices = |hall: &mut Hall, second| hall.told(second)[0].devices;
    let mut fresh = Hall::new(Settings::default());
    fresh.hear(0..6, 0..30, 0);
    assert!((devices(&mut fresh, 5) - 30.0).abs() < 3.0, "{}", devices(&mut fresh, 5));
    // A minute later thirty others have taken their place; sixty are never there.
    let most =
        hall.all().iter().filter(|people| people.zone.is_none()).map(|people| people.devices).fold(0.0, f64::max);
    assert!(most < 62.0, "{most}");
    assert!((devices(&mut hall, 119) - 30.0).abs() < 4.0, "{}", devices(&mut hall, 119));
}

#[test]
fn a_head_count_is_believed_at_once_and_its_lesson_stays() {
    let mut hall = Hall::new(Settings { penetration_cv: 0.3, ..Settings::default() });
    hall.hear(0..200, 0..40, 0);
    assert!((hall.told(199)[0].people - 80.0).abs() < 8.0, "{:?}", hall.told(199)[0]);
    hall.anchor(200, AnchorKind::HeadCount, "", 120);
    hall.hear(200..260, 0..40, 0);
    let venue = hall.told(259)[0].clone();
    assert!((venue.people - 120.0).abs() < 3.0 && venue.high - venue.low < 30.0, "{venue:?}");
    assert_eq!(hall.engine.counters().anchors_unused, 0);
}

#[test]
fn a_late_head_count_is_compared_with_the_devices_of_its_time() {
    let mut hall = Hall::new(Settings { penetration_cv: 0.3, ..Settings::default() });
    hall.hear(0..300, 0..40, 0);
    hall.hear(300..400, 0..80, 0);
    hall.anchor(250, AnchorKind::HeadCount, "", 40);
    hall.hear(400..500, 0..80, 0);
    let venue = hall.told(499)[0].clone();
    assert!((venue.people - 80.0).abs() < 8.0, "forty of forty were heard: {venue:?}");
}

#[test]
fn a_filling_hall_learns_from_its_door() {
    let mut hall = Hall::new(Settings { penetration_cv: 0.3, ..Settings::default() });
    for minute in 0..10 {
        hall.hear(minute * 60..minute * 60 + 60, 0..(minute as u16 + 1) * 20, 0);
    }
    hall.anchor(600, AnchorKind::Turnstile, "door", 250);
    hall.hear(600..660, 0..200, 0);
    let venue = hall.told(659)[0].clone();
    assert!((venue.people - 250.0).abs() < 25.0, "eight of ten carry a device: {venue:?}");
}

#[test]
fn a_till_tells_the_share_at_its_queue() {
    let mut hall = Hall::new(Settings { penetration_cv: 0.3, ..Settings::default() });
    for customer in 0..60 {
        hall.hear(i64::from(customer) * 30..i64::from(customer) * 30 + 25, customer..customer + 1, 1);
    }
    hall.hear(1_800..1_900, 100..110, 0);
    let before = hall.told(1_899)[0].clone();
    hall.anchor(1_900, AnchorKind::Till, "bar", 200);
    hall.hear(1_900..1_960, 100..110, 0);
    let after = hall.told(1_959)[0].clone();
    assert!(after.people > 1.3 * before.people, "sixty of two hundred, not half: {before:?} {after:?}");
}

#[test]
fn only_counts_of_unknown_places_are_unused() {
    let mut hall = Hall::new(Settings::default());
    for (kind, place) in [
        (AnchorKind::HeadCount, "west"),
        (AnchorKind::HeadCount, ""),
        (AnchorKind::Till, "bar"),
        (AnchorKind::Turnstile, "door"),
        (AnchorKind::Turnstile, ""),
    ] {
        hall.anchor(1, kind, place, 5);
    }
    assert_eq!(hall.engine.counters().anchors_unused, 0);
    for (kind, place) in [(AnchorKind::HeadCount, "door"), (AnchorKind::Till, ""), (AnchorKind::Turnstile, "bar")] {
        hall.anchor(2, kind, place, 5);
    }
    assert_eq!(hall.engine.counters().anchors_unused, 3);
}

#[test]
fn equipment_that_stays_for_hours_is_not_people() {
    let mut hall = Hall::new(Settings::default());
    for minute in 0..130 {
        hall.hear(minute * 60..minute * 60 + 1, 0..6, 0);
        hall.hear(minute * 60 + 20..minute * 60 + 21, 0..6, 0);
        hall.hear(minute * 60 + 40..minute * 60 + 41, 0..6, 0);
        // People change their addresses.
        let person = 1_000 + (minute / 10) as u16 * 10;
        hall.hear(minute * 60 + 41..minute * 60 + 42, person..person + 4, 0);
    }
    let devices: Vec<f64> = hall.all().iter().filter(|people| people.zone.is_none()).map(|p| p.devices).collect();
    assert!(devices[devices.len() / 2] > 8.5, "printers count at first: {}", devices[devices.len() / 2]);
    assert!((devices[devices.len() - 1] - 4.0).abs() < 2.0, "and no longer: {}", devices[devices.len() - 1]);
}
