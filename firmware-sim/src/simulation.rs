//! One run: people carry devices, devices send, receivers hear, and the truth is told beside it.
//!
//! In: a scenario's text and a seed. Out: adverts and truths up to any moment asked for, in order of time.
//! The seed decides everything; asking in other steps changes nothing. It ends at the scenario's end.

use crate::SimAdvert;
use crate::faults::Faults;
use crate::firmware::{Firmware, Owner, identity_text};
use crate::people::{Change, People};
use crate::radio::{Radio, Report, Source};
use crate::random::{Purpose, Random};
use crate::route::Pose;
use crate::scenario::{Class, Fetch, Kind, Scenario};
use crate::truth::Truth;
use anyhow::{Result, bail};
use std::path::Path;
use std::sync::Arc;
use venue_engine::geometry::distance_m;
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// Positions of followed people are told once a second.
const POSITIONS_EVERY_US: i64 = 1_000_000;

/// Counts and queue lengths are told every five seconds.
const COUNTS_EVERY_US: i64 = 5_000_000;

/// Adverts are handed over at least this often, so that little is on its way however far one asks.
const SLICE_US: i64 = 1_000_000;

/// A motion sensor feels a walk of this many metres within this time (chosen: a slow step a second).
const MOTION_M: f64 = 0.3;
const MOTION_OVER_US: i64 = 1_000_000;

/// What one person carries: class and number of each device.
type Carried = Vec<(usize, u32)>;

/// Name and identity text of each attendee.
type Registrations = Vec<(String, String)>;

/// One run of a scenario.
pub struct Simulation {
    scenario: Scenario,
    people: People,
    carried: Vec<Carried>,
    switched_on: Vec<Vec<usize>>,
    /// Attendee names, for people who carry a registered device.
    followed: Vec<Option<Arc<str>>>,
    registrations: Registrations,
    fixed: Vec<(FloorId, Pose)>,
    firmware: Firmware,
    radio: Radio,
    faults: Faults,
    next_truth_us: i64,
    now_us: i64,
    changes: Vec<Change>,
    reports: Vec<Report>,
}

impl Simulation {
    /// A run of a scenario that names no files but built-in ones.
    ///
    /// # Errors
    /// Every fault of the scenario, a line each; or a place people cannot reach.
    pub fn new(scenario_text: &str, seed: u64) -> Result<Self> {
        Self::with_files(scenario_text, seed, &built_in)
    }

    /// A run of a scenario file; files it names lie beside it or are built in.
    ///
    /// # Errors
    /// As `new`, and where the file cannot be read.
    pub fn open(path: &Path, seed: u64) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => bail!("0: {error}; name a scenario file or one of {}", crate::SCENARIOS.join(", ")),
        };
        let beside = |name: &str| {
            let file = path.parent().unwrap_or(Path::new(".")).join(name);
            std::fs::read_to_string(&file)
                .or_else(|error| built_in(name).map_err(|_| format!("{}: {error}", file.display())))
        };
        Self::with_files(&text, seed, &beside)
    }

    /// A run of a scenario whose files are fetched by the caller.
    ///
    /// # Errors
    /// As `new`.
    pub fn with_files(scenario_text: &str, seed: u64, fetch: Fetch<'_>) -> Result<Self> {
        let scenario = match Scenario::parse(scenario_text, fetch) {
            Ok(scenario) => scenario,
            Err(faults) => bail!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        };
        let people = People::new(&scenario, seed)?;
        let carried = draw_carried(&scenario, people.count(), seed);
        let (followed, registrations) = register(&carried, &scenario.carried);
        let classes = scenario.carried.iter().chain(scenario.fixed.iter().map(|fixed| &fixed.class)).cloned().collect();
        let mut simulation = Self {
            switched_on: vec![Vec::new(); people.count()],
            people,
            carried,
            followed,
            registrations,
            fixed: Vec::new(),
            firmware: Firmware::new(classes, seed),
            radio: Radio::new(&scenario, seed),
            faults: Faults::new(&scenario, seed),
            next_truth_us: scenario.starts_at_us,
            now_us: scenario.starts_at_us,
            changes: Vec::new(),
            reports: Vec::new(),
            scenario,
        };
        simulation.place_fixed(seed);
        Ok(simulation)
    }

    /// The floor plan's text, as `venue.toml`.
    pub fn venue_toml(&self) -> &str {
        &self.scenario.venue_toml
    }

    /// The floor plan.
    pub fn venue(&self) -> &Venue {
        &self.scenario.venue
    }

    /// Opted-in attendees: name and identity text of the beacon they wear.
    pub fn registrations(&self) -> Vec<(String, String)> {
        self.registrations.clone()
    }

    /// Simulated time at the begin, microseconds since 1970-01-01 UTC.
    pub fn starts_at_us(&self) -> i64 {
        self.scenario.starts_at_us
    }

    /// Simulated time at the end; nothing comes after it.
    pub fn ends_at_us(&self) -> i64 {
        self.scenario.ends_at_us()
    }

    /// Up to which moment the run has been asked for.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Runs up to and including `until_us` and appends what happened: adverts in order of arrival, truths in
    /// order of time.
    pub fn advance(&mut self, until_us: i64, adverts: &mut Vec<SimAdvert>, truths: &mut Vec<Truth>) {
        let until_us = until_us.min(self.ends_at_us());
        while self.now_us < until_us {
            self.now_us = until_us.min(self.now_us + SLICE_US);
            while self.step(self.now_us, truths) {}
            self.faults.deliver(self.now_us, adverts);
        }
    }

    /// An attendee who waits or stands about goes to a line, as somebody with a voucher would; false where she
    /// does neither now.
    pub fn send(&mut self, who: &str, queue: QueueId) -> bool {
        let person = self.followed.iter().position(|name| name.as_deref() == Some(who));
        person.is_some_and(|person| self.people.send(person, queue, self.now_us))
    }

    /// People per zone and in the venue, and queue lengths, at `now_us`.
    pub fn truth_now(&self) -> Vec<Truth> {
        let mut truths = Vec::new();
        self.tell_counts(self.now_us, &mut truths);
        truths
    }

    /// Handles what comes next, if it comes by `until_us`.
    fn step(&mut self, until_us: i64, truths: &mut Vec<Truth>) -> bool {
        let (people_us, device_us) = (self.people.next_us(), self.firmware.next_us());
        let at_us = people_us.min(device_us).min(self.next_truth_us);
        if at_us > until_us {
            return false;
        }
        if at_us == people_us {
            self.advance_people(at_us, truths);
        } else if at_us == self.next_truth_us {
            self.advance_people(at_us, truths);
            self.tell_truth(at_us, truths);
        } else {
            self.transmit();
        }
        true
    }

    fn advance_people(&mut self, at_us: i64, truths: &mut Vec<Truth>) {
        let mut changes = std::mem::take(&mut self.changes);
        self.people.advance(at_us, &mut changes);
        for change in changes.drain(..) {
            match change {
                Change::Entered { person, at_us } => {
                    let firmware = &mut self.firmware;
                    let switch_on = |(class, number): &(usize, u32)| {
                        firmware.switch_on(*class, *number, Owner::Person(person), at_us)
                    };
                    self.switched_on[person] = self.carried[person].iter().map(switch_on).collect();
                }
                Change::Left { person, .. } => {
                    for device in std::mem::take(&mut self.switched_on[person]) {
                        self.firmware.switch_off(device);
                    }
                }
                Change::Called { person, queue, joined_us, at_us } => {
                    let wait_s = (at_us - joined_us) as f64 / 1e6;
                    truths.push(Truth::Wait { at_us: joined_us, queue, who: self.name(person), wait_s });
                }
            }
        }
        self.changes = changes;
    }

    fn name(&self, person: usize) -> Arc<str> {
        self.followed[person].clone().unwrap_or_else(|| format!("person-{person:05}").into())
    }

    fn transmit(&mut self) {
        let people = &self.people;
        let moves = |owner, at_us| match owner {
            Owner::Person(person) => {
                let at = |at_us| people.pose(person, at_us).1.at;
                distance_m(at(at_us), at(at_us - MOTION_OVER_US)) > MOTION_M
            }
            Owner::Fixed(_) => false,
        };
        let Some(sent) = self.firmware.transmit(moves) else { return };
        let device = self.firmware.device(sent.device);
        let ((floor, pose), worn) = match device.owner {
            Owner::Person(person) => (self.people.pose(person, sent.at_us), Some(device.worn)),
            Owner::Fixed(index) => (self.fixed[index], None),
        };
        let source = Source { floor, pose, power_dbm: device.power_dbm, worn };
        self.radio.transmit(sent.at_us, &source, &mut self.reports);
        let (payload, len) = sent.payload.parts();
        for report in self.reports.drain(..) {
            self.faults.accept(SimAdvert {
                at_us: report.at_us,
                receiver: report.receiver,
                address: sent.address,
                random: sent.random_address,
                rssi_dbm: report.rssi_dbm,
                channel: report.channel,
                len,
                payload,
            });
        }
    }

    fn tell_truth(&mut self, at_us: i64, truths: &mut Vec<Truth>) {
        for person in self.people.inside() {
            if let Some(who) = &self.followed[person] {
                let (floor, pose) = self.people.pose(person, at_us);
                let [x_m, y_m] = pose.at;
                truths.push(Truth::Position { at_us, who: who.clone(), x_m, y_m, floor });
            }
        }
        if (at_us - self.scenario.starts_at_us) % COUNTS_EVERY_US == 0 {
            self.tell_counts(at_us, truths);
        }
        self.next_truth_us += POSITIONS_EVERY_US;
    }

    fn tell_counts(&self, at_us: i64, truths: &mut Vec<Truth>) {
        let venue = &self.scenario.venue;
        let mut by_zone = vec![0; venue.zones.len()];
        let inside = self.people.inside();
        for person in &inside {
            let (floor, pose) = self.people.pose(*person, at_us);
            if let Some(zone) = venue.zone_at(floor, pose.at) {
                by_zone[usize::from(zone.0)] += 1;
            }
        }
        let zones = by_zone.iter().enumerate().map(|(zone, people)| (Some(ZoneId(zone as u8)), *people));
        truths.extend(zones.map(|(zone, people)| Truth::People { at_us, zone, people }));
        truths.push(Truth::People { at_us, zone: None, people: inside.len() });
        let queues = (0..venue.queues.len()).map(|queue| QueueId(queue as u8));
        truths.extend(queues.map(|queue| Truth::Queue { at_us, queue, length: self.people.queue_length(queue) }));
    }

    /// Switches on what stands in the venue; several of a kind are spread at random over the first floor.
    fn place_fixed(&mut self, seed: u64) {
        let mut random = Random::new(seed, Purpose::Fixed);
        let floor = &self.scenario.venue.floors[0];
        let mut number = FIXED_NUMBERS_FROM;
        for (index, fixed) in self.scenario.fixed.iter().enumerate() {
            let class = self.scenario.carried.len() + index;
            for _ in 0..fixed.count {
                let anywhere = [random.between(0.0, floor.width_m), random.between(0.0, floor.depth_m)];
                let (floor, at) = fixed.place.unwrap_or((FloorId(0), anywhere));
                let owner = Owner::Fixed(self.fixed.len());
                self.fixed.push((floor, Pose { at, facing: [1.0, 0.0] }));
                self.firmware.switch_on(class, number, owner, self.scenario.starts_at_us);
                number += 1;
            }
        }
    }
}

/// Fixed devices are numbered from here, so that their identities are never an attendee's.
const FIXED_NUMBERS_FROM: u32 = 1 << 24;

fn built_in(name: &str) -> Result<String, String> {
    let missing = || format!("\"{name}\" is not built in; open the scenario as a file with it beside");
    crate::built_in_file(name).map(String::from).ok_or_else(missing)
}

/// What each person carries: first whether anything, then each kind by its probability.
fn draw_carried(scenario: &Scenario, people: usize, seed: u64) -> Vec<Carried> {
    let mut random = Random::new(seed, Purpose::Carried);
    let mut number = 0;
    let mut draw = |_| {
        let carries = random.chance(scenario.crowd.share);
        let mut carried = Carried::new();
        for (class, device) in scenario.carried.iter().enumerate() {
            if random.chance(device.probability) && carries {
                number += 1;
                carried.push((class, number));
            }
        }
        carried
    };
    (0..people).map(&mut draw).collect()
}

/// Names for people who wear an identifying wristband, and the list of them.
fn register(carried: &[Carried], classes: &[Class]) -> (Vec<Option<Arc<str>>>, Registrations) {
    let mut registrations = Vec::new();
    let mut name = |carried: &Carried| {
        let worn = carried.iter().find(|(class, _)| classes[*class].kind == Kind::Wristband)?;
        let identity = identity_text(&classes[worn.0], worn.1)?;
        let name = format!("attendee-{:04}", registrations.len() + 1);
        registrations.push((name.clone(), identity));
        Some(name.into())
    };
    let followed = carried.iter().map(&mut name).collect();
    (followed, registrations)
}

/// Reads a scenario of a test.
#[cfg(test)]
pub(crate) fn parse(text: &str) -> Scenario {
    Scenario::parse(text, &built_in).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Reads a built-in scenario.
#[cfg(test)]
pub(crate) fn parse_built_in(name: &str) -> Scenario {
    parse(crate::scenario(name).expect("built in"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::LineWriter;
    use crate::truth::write_line;

    /// Recording and truth as bytes, asked for in steps of `step_s`.
    fn run(text: &str, seed: u64, for_s: i64, step_s: i64) -> (Vec<u8>, Vec<u8>) {
        let mut simulation = Simulation::new(text, seed).expect("a good scenario");
        let writer = LineWriter::new(simulation.venue());
        let (mut adverts, mut truths, mut recording, mut truth) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for step in 1..=for_s / step_s {
            simulation.advance(simulation.starts_at_us() + step * step_s * 1_000_000, &mut adverts, &mut truths);
            adverts.drain(..).for_each(|advert| writer.write(&advert, &mut recording));
            truths.drain(..).for_each(|line| write_line(&line, simulation.venue(), &mut truth));
        }
        (recording, truth)
    }

    #[test]
    fn the_seed_decides_every_byte_and_steps_none() {
        for name in crate::SCENARIOS {
            let text = crate::scenario(name).expect("built in");
            let for_s = if *name == "flood" { 10 } else { 120 };
            let first = run(text, 7, for_s, 1);
            assert!(first.0.len() > 100_000 && first.1.len() > 1_000, "{name}");
            assert!(first == run(text, 7, for_s, for_s), "{name}: a second run differs");
            assert!(first.0 != run(text, 8, for_s, 1).0, "{name}: another seed gives the same");
        }
    }

    #[test]
    fn the_radio_does_not_change_the_crowd() {
        let text = crate::scenario("lunch_rush").expect("built in");
        let noisy = format!("{text}\n[radio]\nfading_sd_db = 9\n[faults]\ndrop = 0.5\n");
        assert!(run(text, 3, 300, 10).1 == run(&noisy, 3, 300, 10).1);
    }

    #[test]
    fn adverts_come_in_order_and_each_wristband_is_registered() {
        let mut simulation = Simulation::new(crate::scenario("lunch_rush").expect("built in"), 1).expect("good");
        let (mut adverts, mut truths) = (Vec::new(), Vec::new());
        simulation.advance(simulation.starts_at_us() + 600_000_000, &mut adverts, &mut truths);
        assert!(adverts.is_sorted_by_key(|advert| advert.at_us));
        let registered = simulation.registrations();
        for advert in adverts.iter().filter(|advert| advert.payload.starts_with(&[2, 1, 6, 0x1a, 0xff, 0x4c])) {
            let number = |at: usize| u16::from_be_bytes([advert.payload[at], advert.payload[at + 1]]);
            let identity = format!("ibeacon:76656e75-652d-7772-6973-7462616e6421:{}:{}", number(25), number(27));
            assert!(registered.iter().any(|(_, beacon)| *beacon == identity), "{identity}");
        }
        assert!(truths.iter().any(|truth| matches!(truth, Truth::Position { who, .. } if **who == *registered[0].0)));
    }

    #[test]
    fn a_share_of_people_is_heard() {
        let simulation = Simulation::new(crate::scenario("lunch_rush").expect("built in"), 1).expect("good");
        let carrying = simulation.carried.iter().filter(|carried| !carried.is_empty()).count() as f64;
        let share = carrying / simulation.carried.len() as f64;
        // 0.35 of people; of those 0.16 happen to carry none of the kinds.
        let wanted = 0.35 * (1.0 - 0.55 * 0.5 * 0.65 * 0.9);
        assert!((share - wanted).abs() < 0.04, "{share}, {wanted} expected");
    }

    #[test]
    fn the_truth_now_adds_up() {
        let mut simulation = Simulation::new(crate::scenario("quiet_hour").expect("built in"), 1).expect("good");
        simulation.advance(simulation.starts_at_us() + 600_000_000, &mut Vec::new(), &mut Vec::new());
        let (mut inside, mut in_zones) = (0, 0);
        for truth in simulation.truth_now() {
            match truth {
                Truth::People { zone: None, people, .. } => inside = people,
                Truth::People { people, .. } => in_zones += people,
                _ => {}
            }
        }
        // Zones cover the hall but for its outermost edge.
        assert!(inside > 10 && inside.abs_diff(in_zones) <= 1, "{inside} inside, {in_zones} in zones");
    }

    #[test]
    fn the_end_is_the_end() {
        let mut simulation = Simulation::new(crate::scenario("flood").expect("built in"), 1).expect("good");
        simulation.advance(simulation.starts_at_us() + 1_000_000, &mut Vec::new(), &mut Vec::new());
        assert_eq!(simulation.now_us(), simulation.starts_at_us() + 1_000_000);
        assert_eq!(simulation.ends_at_us(), simulation.starts_at_us() + 240_000_000);
    }
}
