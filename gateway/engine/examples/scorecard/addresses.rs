//! A crowd of phones that change their addresses, and people of whom a share is heard.
//!
//! In: how many, how often addresses change, how well they are heard, a seed. Out: our count of devices
//! beside the true one and naive unique addresses; our interval of people beside the true number. After
//! the reference simulation: Poisson arrivals, exponential stays of 50 minutes, hearings Poisson so that a
//! minute of an address is heard with the given probability.

use super::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;
use venue_engine::advert::{Address, AddressType, Advert};
use venue_engine::beacon::DeviceClass;
use venue_engine::engine::Engine;
use venue_engine::event::{Anchor, AnchorKind, Event};
use venue_engine::live_count::{LiveCount, SILENT_MAX, Track};
use venue_engine::output::{Output, People};
use venue_engine::penetration::Penetration;
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::{ReceiverId, Venue};

const STAY_MIN: f64 = 50.0;

/// Not scored: the first and the last half hour, as in the reference.
const EDGE_MIN: f64 = 30.0;

/// A crowd.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Mean number of devices.
    pub devices: f64,
    /// Shortest and longest life of an address, minutes.
    pub rotation_min: (f64, f64),
    /// Probability that a minute of an address is heard.
    pub heard_a_minute: f64,
    /// Minutes simulated.
    pub minutes: f64,
}

/// How well it was counted: relative to the true mean.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Root mean square error and bias of the count of now.
    pub now: [f64; 2],
    /// The same of addresses heard within the close-out time, uncorrected.
    pub naive: [f64; 2],
    /// Arrivals estimated over true ones.
    pub arrivals: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum What {
    /// An address, by its number, was heard.
    Heard(usize),
    /// It was given up.
    Ended(usize),
    Asked,
}

/// Runs one crowd.
pub fn count(crowd: &Crowd, seed: u64) -> Counted {
    let (events, stays) = simulate(crowd, seed);
    score(crowd, &events, &stays)
}

/// What happens, by the minute, and when each device came and left.
type Happened = (Vec<(f64, What)>, Vec<(f64, f64)>);

fn simulate(crowd: &Crowd, seed: u64) -> Happened {
    let mut random = Random::new(seed);
    let mut events: Vec<(f64, What)> = Vec::new();
    let mut stays = Vec::new();
    let mut addresses = 0;
    let mut minute = -6.0 * STAY_MIN;
    while minute < crowd.minutes {
        minute += random.exponential(STAY_MIN / crowd.devices);
        let leaves = minute + random.exponential(STAY_MIN);
        if leaves > 0.0 {
            stays.push((minute, leaves));
            device(crowd, (minute, leaves), &mut addresses, &mut random, &mut events);
        }
    }
    let asked = (0..crowd.minutes as usize).map(|minute| (minute as f64 + 0.5, What::Asked));
    events.extend(asked);
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    (events, stays)
}

/// One device: addresses one after the other, each heard at random.
fn device(
    crowd: &Crowd,
    (came, leaves): (f64, f64),
    addresses: &mut usize,
    random: &mut Random,
    events: &mut Vec<(f64, What)>,
) {
    let rate = -(1.0 - crowd.heard_a_minute).ln();
    let absent_min = SILENT_MAX.as_secs_f64() / 60.0;
    let (shortest, longest) = crowd.rotation_min;
    let mut from = came;
    let mut part = random.uniform();
    while from < leaves {
        let until = (from + part * (shortest + random.uniform() * (longest - shortest))).min(leaves);
        part = 1.0;
        *addresses += 1;
        let mut last: Option<f64> = None;
        let mut heard = from.max(0.0) + random.exponential(1.0 / rate);
        while heard < until {
            if let Some(last) = last.filter(|last| heard - last > absent_min) {
                events.push((last + absent_min, What::Ended(*addresses)));
            }
            events.push((heard, What::Heard(*addresses)));
            last = Some(heard);
            heard += random.exponential(1.0 / rate);
        }
        events.extend(last.map(|last| (last + absent_min, What::Ended(*addresses))));
        from = until;
    }
}

fn score(crowd: &Crowd, events: &[(f64, What)], stays: &[(f64, f64)]) -> Counted {
    let mut gateway = Gateway::new(Settings { penetration: 1.0, ..Settings::default() });
    let mut arrivals = Arrivals::default();
    let present = |minute: f64| stays.iter().filter(|(came, left)| *came <= minute && minute < *left).count() as f64;
    let (mut sums, mut asked, mut truth) = ([[0.0; 2]; 2], 0.0, 0.0);
    for (minute, what) in events {
        match what {
            What::Heard(address) => {
                gateway.hear(*minute, *address);
                arrivals.hear(*minute, *address);
            }
            What::Ended(address) => arrivals.end(*address),
            What::Asked if *minute > EDGE_MIN && *minute < crowd.minutes - EDGE_MIN => {
                let now = gateway.ask(*minute);
                arrivals.ask(now.devices);
                let naive = gateway.engine.devices_alive() as f64;
                for (sum, error) in sums.iter_mut().zip([now.devices, naive].map(|told| told - present(*minute))) {
                    sum[0] += error * error;
                    sum[1] += error;
                }
                asked += 1.0;
                truth += present(*minute);
            }
            What::Asked => {}
        }
    }
    let relative = |sum: [f64; 2]| [(sum[0] / asked).sqrt() / (truth / asked), sum[1] / truth];
    let came = stays.iter().filter(|(came, _)| *came > EDGE_MIN && *came < crowd.minutes - EDGE_MIN).count() as f64;
    let [now, naive] = sums.map(relative);
    Counted { now, naive, arrivals: arrivals.sum / came }
}

/// A hall with one receiver, and the engine that listens to it.
pub struct Gateway {
    /// The engine.
    pub engine: Engine,
    outputs: Vec<Output>,
    told: Option<People>,
}

const HALL: &str = "name = \"hall\"\n[[floor]]\nname = \"g\"\nwidth_m = 20\ndepth_m = 20\n\
    [[zone]]\nname = \"all\"\npolygon = [[0, 0], [20, 0], [20, 20], [0, 20]]\n\
    [[receiver]]\nname = \"r\"\nx_m = 10\ny_m = 10\n[[entrance]]\nname = \"door\"\nx_m = 0\ny_m = 5\n";

impl Gateway {
    /// Nobody there yet.
    pub fn new(settings: Settings) -> Self {
        let venue = Arc::new(Venue::parse(HALL).expect("the hall is a valid plan"));
        Self { engine: Engine::new(venue, settings, None, Vec::new()), outputs: Vec::new(), told: None }
    }

    /// An address, by its number, is heard.
    pub fn hear(&mut self, minute: f64, address: usize) {
        let [a, b, c, d, ..] = address.to_le_bytes();
        let address = Address { bytes: [0x40, 0, a, b, c, d], kind: AddressType::Random };
        let advert = Advert {
            at: time(minute),
            receiver: ReceiverId(0),
            address,
            rssi_dbm: Some(-70),
            channel: None,
            payload: &[2, 1, 6],
        };
        self.engine.handle(Event::Advert(advert), &mut self.outputs);
    }

    /// People are counted, of the whole venue.
    pub fn count(&mut self, minute: f64, kind: AnchorKind, place: &str, people: usize) {
        let anchor = Anchor { at: time(minute), kind, place: place.into(), people: people as u32 };
        self.engine.handle(Event::Anchor(anchor), &mut self.outputs);
    }

    /// What is told of the venue at a time.
    pub fn ask(&mut self, minute: f64) -> People {
        let lateness = Settings::default().allowed_lateness;
        self.engine.handle(Event::Tick(time(minute) + lateness), &mut self.outputs);
        for output in self.outputs.drain(..) {
            if let Output::People(people) = output
                && people.zone.is_none()
            {
                self.told = Some(people);
            }
        }
        let nobody = People { at: time(minute), zone: None, people: 0.0, low: 0.0, high: 0.0, devices: 0.0 };
        self.told.clone().unwrap_or(nobody)
    }
}

/// Arrivals, which the engine does not tell, from the live count itself.
#[derive(Default)]
struct Arrivals {
    live: LiveCount,
    tracks: BTreeMap<usize, Track>,
    sum: f64,
}

impl Arrivals {
    fn hear(&mut self, minute: f64, address: usize) {
        let at = time(minute);
        match self.tracks.get_mut(&address) {
            Some(track) => self.live.heard(DeviceClass::Unknown, at, track),
            None => drop(self.tracks.insert(address, self.live.appeared(DeviceClass::Unknown, at))),
        }
    }

    fn end(&mut self, address: usize) {
        if let Some(track) = self.tracks.remove(&address) {
            self.live.ended(DeviceClass::Unknown, &track);
        }
    }

    fn ask(&mut self, devices: f64) {
        self.sum += self.live.arrivals_per_min(DeviceClass::Unknown, devices);
    }
}

fn time(minute: f64) -> Timestamp {
    Timestamp::from_micros((minute * 60e6) as i64)
}

/// How well people were estimated from devices: relative error and share covered.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeopleScore {
    /// Root mean square error over the true number.
    pub error: f64,
    /// Share of true numbers inside the interval.
    pub covered: f64,
}

/// One evening in a hall where this share of people carry a phone that is heard, told through the engine.
///
/// Nobody told it the share (it believes in 0.5); heads are counted after half an hour and again every two hours.
/// Ours, then the naive count: addresses heard within the close-out time over the believed share.
pub fn evening(share: f64, people: f64, seed: u64) -> [PeopleScore; 2] {
    let crowd = Crowd { devices: people, rotation_min: (8.0, 15.0), heard_a_minute: 0.999, minutes: 420.0 };
    let mut random = Random::new(seed ^ 0x9e37);
    let (mut events, mut stays, mut addresses) = (Vec::new(), Vec::new(), 0);
    let mut minute = -6.0 * STAY_MIN;
    while minute < crowd.minutes {
        minute += random.exponential(STAY_MIN / people);
        let leaves = minute + random.exponential(STAY_MIN);
        if leaves > 0.0 {
            stays.push((minute, leaves));
            if random.chance(share) {
                device(&crowd, (minute, leaves), &mut addresses, &mut random, &mut events);
            }
        }
    }
    events.extend((0..crowd.minutes as usize).map(|minute| (minute as f64 + 0.5, What::Asked)));
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let present = |minute: f64| stays.iter().filter(|(came, left)| *came <= minute && minute < *left).count() as f64;
    let mut gateway = Gateway::new(Settings { penetration_cv: 0.3, ..Settings::default() });
    let (mut asked, mut truth, mut scores) = (0.0, 0.0, [PeopleScore::default(); 2]);
    for (minute, what) in events {
        match what {
            What::Heard(address) => gateway.hear(minute, address),
            What::Asked if minute > EDGE_MIN + 1.0 => {
                let (told, there) = (gateway.ask(minute), present(minute));
                let naive = gateway.engine.devices_alive() as f64 / Settings::default().penetration;
                let half = 1.645 * (naive + (0.1 * naive).powi(2)).sqrt();
                let intervals = [(told.people, told.low, told.high), (naive, naive - half, naive + half)];
                for (score, (people, low, high)) in scores.iter_mut().zip(intervals) {
                    score.error += (people - there).powi(2);
                    score.covered += f64::from(u8::from((low..=high).contains(&there)));
                }
                (asked, truth) = (asked + 1.0, truth + there);
            }
            What::Asked if minute as usize == EDGE_MIN as usize => {
                (0..4).for_each(|count| {
                    let at = minute + f64::from(count) * 120.0;
                    gateway.count(at, AnchorKind::HeadCount, "", present(at) as usize);
                });
            }
            _ => {}
        }
    }
    scores.map(|score| PeopleScore {
        error: (score.error / asked).sqrt() / (truth / asked),
        covered: score.covered / asked,
    })
}

/// Many venues with this share of people heard: each was anchored by 500 counted people on each of 20 days;
/// on the day that counts, every tenth has a share 20 % off, all have 10 % noise.
pub fn people(share: f64, people: f64, venues: usize, seed: u64) -> PeopleScore {
    let mut random = Random::new(seed);
    let (mut squares, mut covered) = (0.0, 0.0);
    let day = |number: i64, hour: i64| time((number * 1_440 + hour * 60) as f64);
    for venue in 0..venues {
        let noisy = |random: &mut Random| (share * (1.0 + 0.1 * random.normal())).clamp(0.3 * share, 0.98);
        let mut penetration = Penetration::new(share * 0.8, 0.3, 0);
        for number in 0..20 {
            let today = noisy(&mut random);
            let heard = (0..500).filter(|_| random.chance(today)).count();
            penetration.anchor(day(number, 20), None, 500.0, heard as f64);
        }
        let shift = [0.8, 1.2][venue / 10 % 2];
        let today = if venue % 10 == 0 { (share * shift).min(0.98) } else { noisy(&mut random) };
        let devices = (0..people as usize).filter(|_| random.chance(today)).count() as f64;
        let estimate = penetration.share(day(20, 12), None).people(devices);
        squares += (estimate.people / people - 1.0).powi(2);
        covered += f64::from(u8::from((estimate.low..=estimate.high).contains(&people)));
    }
    PeopleScore { error: (squares / venues as f64).sqrt(), covered: covered / venues as f64 }
}
