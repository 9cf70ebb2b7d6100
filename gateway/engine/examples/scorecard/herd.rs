//! Two stands and people who can be sent from one to the other, decided by the offers of the engine.
//!
//! In: how many can be moved, how long they take, how old the known queues are, a seed. Out: the mean wait,
//! its 90 % point, the spread of the difference of the queues and offers per arrival. The model is that of
//! the reference simulation of the method: two stands of two servers, 3.4 arrivals a minute, 55 % to the
//! one, gamma service (cv 0.7, mean 1 min); a share sees offers, a share of those follows, arriving some
//! minutes later. Whoever gets an offer is an attendee of the engine's own `Offers`, with all of its slices.

use super::random::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use venue_engine::offers::{Offers, campaign};
use venue_engine::output::{Output, QueueState};
use venue_engine::time::Timestamp;
use venue_engine::venue::{FloorId, QueueId, Venue};

/// Two stands 30 m apart, two servers each.
const VENUE: &str = r#"
name = "hall"
[[floor]]
name = "ground"
width_m = 60
depth_m = 20
[[queue]]
name = "a"
area = [[2, 2], [6, 2], [6, 6], [2, 6]]
counter = [[2, 0], [6, 0], [6, 2], [2, 2]]
servers = 2
[[queue]]
name = "b"
area = [[32, 2], [36, 2], [36, 6], [32, 6]]
counter = [[32, 0], [36, 0], [36, 2], [32, 2]]
servers = 2
"#;

/// Offers wherever the queues differ: the dead band alone decides.
const CAMPAIGN: &str = r#"[[campaign]]
name = "steer"
percent = 20
text = "go"
when_wait_over_s = 0
wait_gain_s_min = 0
budget_count = 1000000
"#;

/// The campaign with vouchers that last as long as the longest way takes.
fn campaign_text(herd: &Herd) -> String {
    let valid_s = (herd.lag_min.1 * 60.0).ceil();
    format!("{CAMPAIGN}validity_s = {valid_s}\nand_wait_there_under_s = {}\n", valid_s - 1.0)
}

const ARRIVALS_PER_MIN: f64 = 3.4;
const TO_FIRST: f64 = 0.55;
const SERVERS: usize = 2;
const SERVICE_CV: f64 = 0.7;
/// Waits before this do not count: the stands start empty.
const WARM_UP_MIN: f64 = 200.0;
/// Where the attendee stands at each stand.
const PLACES: [[f64; 2]; 2] = [[4.0, 4.0], [34.0, 4.0]];

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steering {
    /// Nobody.
    None,
    /// The engine.
    Ours,
    /// Everybody to the stand where the last person waited less (always known at once).
    LastWait,
    /// Everybody to the shorter queue.
    ShorterQueue,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Herd {
    /// Share of people who see offers.
    pub reached: f64,
    /// Share of those who follow one.
    pub follows: f64,
    /// Shortest and longest time to the other stand, minutes.
    pub lag_min: (f64, f64),
    /// How often the queues are measured, minutes.
    pub every_min: f64,
    /// Standard deviation of the measured lengths, people.
    pub noise: f64,
    /// Length of the run, minutes.
    pub minutes: f64,
}

impl Default for Herd {
    fn default() -> Self {
        Self { reached: 0.4, follows: 0.5, lag_min: (1.0, 5.0), every_min: 1.0, noise: 0.0, minutes: 3_000.0 }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Herded {
    /// Mean wait, minutes.
    pub mean_min: f64,
    /// Nine of ten wait less, minutes.
    pub p90_min: f64,
    /// Standard deviation of the difference of the queues, people.
    pub spread: f64,
    /// Offers per arrival.
    pub offers: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Measure,
    Comes(u64),
    Joins { person: u64, stand: usize },
}

/// What is drawn for a person before anybody decides anything: the same under every steering, so that runs
/// of one seed differ by the steering alone.
#[derive(Clone, Copy)]
struct Person {
    home: usize,
    reached: bool,
    follows: bool,
    lag_min: f64,
    service_min: f64,
}

struct Run {
    people: Vec<Person>,
    /// Errors of the measured lengths.
    noise: Random,
    offers: Offers,
    free_at: [[f64; SERVERS]; 2],
    /// Times at which those in line are called, ascending.
    called_at: [Vec<f64>; 2],
    last_wait: [Vec<(f64, f64)>; 2],
    waits: Vec<f64>,
    differences: Vec<f64>,
    measured: [f64; 2],
    offered: u64,
    arrivals: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    vouchers: std::collections::BTreeMap<u64, (usize, Arc<str>)>,
}

/// Runs a scenario.
pub fn run(herd: &Herd, steering: Steering, seed: u64) -> Herded {
    let venue = Arc::new(Venue::parse(VENUE).expect("a floor plan"));
    let campaigns = campaign::parse(&campaign_text(herd), &venue).expect("a campaign");
    let mut random = Random::new(seed);
    let mut run = Run {
        people: Vec::new(),
        noise: Random::new(seed + 500_000),
        offers: Offers::new(venue, seed, campaigns, None),
        free_at: [[0.0; SERVERS]; 2],
        called_at: [Vec::new(), Vec::new()],
        last_wait: [Vec::new(), Vec::new()],
        waits: Vec::new(),
        differences: Vec::new(),
        measured: [0.0; 2],
        offered: 0,
        arrivals: 0,
        events: BinaryHeap::new(),
        vouchers: std::collections::BTreeMap::new(),
    };
    let mut at_min = 0.0;
    while at_min < herd.minutes {
        at_min += random.exponential(1.0 / ARRIVALS_PER_MIN);
        let person = run.people.len() as u64;
        run.schedule(at_min, person, Event::Comes(person));
        run.people.push(person_of(herd, &mut random));
    }
    run.schedule(0.0, u64::MAX, Event::Measure);
    run.all(herd, steering);
    run.result()
}

fn person_of(herd: &Herd, random: &mut Random) -> Person {
    let shape = 1.0 / (SERVICE_CV * SERVICE_CV);
    Person {
        home: usize::from(!random.chance(TO_FIRST)),
        reached: random.chance(herd.reached),
        follows: random.chance(herd.follows),
        lag_min: herd.lag_min.0 + (herd.lag_min.1 - herd.lag_min.0) * random.uniform(),
        service_min: random.gamma(shape, 1.0 / shape),
    }
}

impl Run {
    fn schedule(&mut self, at_min: f64, order: u64, event: Event) {
        self.events.push(Reverse(((at_min * 60e6) as u64, order, event)));
    }

    fn all(&mut self, herd: &Herd, steering: Steering) {
        while let Some(Reverse((at_us, _, event))) = self.events.pop() {
            let at_min = at_us as f64 / 60e6;
            if at_min > herd.minutes {
                return;
            }
            self.called_at.iter_mut().for_each(|line| line.retain(|called| *called > at_min));
            match event {
                Event::Measure => self.measure(herd, at_min),
                Event::Comes(person) => self.comes(steering, at_min, person),
                Event::Joins { person, stand } => self.joins(at_min, person, stand),
            }
        }
    }

    fn measure(&mut self, herd: &Herd, at_min: f64) {
        self.differences.push(self.called_at[0].len() as f64 - self.called_at[1].len() as f64);
        for stand in 0..2 {
            let error = if herd.noise > 0.0 { herd.noise * self.noise.normal() } else { 0.0 };
            self.measured[stand] = (self.called_at[stand].len() as f64 + error).max(0.0);
            self.offers.set_queue(&state(stand, at_min, self.measured[stand]));
        }
        self.schedule(at_min + herd.every_min, u64::MAX, Event::Measure);
    }

    fn comes(&mut self, steering: Steering, at_min: f64, person: u64) {
        self.arrivals += 1;
        let Person { home, reached, follows, lag_min, .. } = self.people[person as usize];
        let offered = reached && self.offered_away(steering, at_min, person, home);
        self.offered += u64::from(offered);
        if offered && follows {
            let joins = Event::Joins { person, stand: 1 - home };
            return self.schedule(at_min + lag_min, person, joins);
        }
        self.joins(at_min, person, home);
    }

    fn offered_away(&mut self, steering: Steering, at_min: f64, person: u64, home: usize) -> bool {
        let other = 1 - home;
        match steering {
            Steering::None => false,
            Steering::ShorterQueue => shorter(self.measured[0], self.measured[1]) == other,
            Steering::LastWait => {
                let last = |stand: usize| {
                    let begun = self.last_wait[stand].iter().rev().find(|(begun, _)| *begun <= at_min);
                    begun.map_or(0.0, |(_, wait)| *wait)
                };
                shorter(last(0), last(1)) == other
            }
            Steering::Ours => {
                let mut outputs = Vec::new();
                let who: Arc<str> = person.to_string().into();
                self.offers.consider(time(at_min), &who, PLACES[home], FloorId(0), None, &mut outputs);
                let offer = outputs.into_iter().find_map(|it| if let Output::Offer(it) = it { Some(it) } else { None });
                let Some(offer) = offer else { return false };
                self.vouchers.insert(person, (other, offer.voucher));
                true
            }
        }
    }

    /// Joins the line and is served in order; whoever came on a voucher is seen there and redeems it.
    fn joins(&mut self, at_min: f64, person: u64, stand: usize) {
        if let Some((_, voucher)) = self.vouchers.remove(&person).filter(|(target, _)| *target == stand) {
            self.offers.redeemed(time(at_min), &voucher, &mut Vec::new());
        }
        let server = usize::from(self.free_at[stand][1] < self.free_at[stand][0]);
        let begins = at_min.max(self.free_at[stand][server]);
        self.free_at[stand][server] = begins + self.people[person as usize].service_min;
        if begins > at_min {
            self.called_at[stand].push(begins);
        }
        let line = &mut self.last_wait[stand];
        line.push((begins, begins - at_min));
        if line.len() > 500 {
            line.drain(..250);
        }
        if at_min > WARM_UP_MIN {
            self.waits.push(begins - at_min);
        }
    }

    fn result(mut self) -> Herded {
        self.waits.sort_by(f64::total_cmp);
        let mean_min = self.waits.iter().sum::<f64>() / self.waits.len() as f64;
        let p90_min = self.waits[self.waits.len() * 9 / 10];
        let mean = self.differences.iter().sum::<f64>() / self.differences.len() as f64;
        let variance = self.differences.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
        let spread = (variance / self.differences.len() as f64).sqrt();
        Herded { mean_min, p90_min, spread, offers: self.offered as f64 / self.arrivals as f64 }
    }
}

fn shorter(first: f64, second: f64) -> usize {
    usize::from(second < first)
}

fn time(at_min: f64) -> Timestamp {
    Timestamp::from_micros(1_763_700_000_000_000 + (at_min * 60e6) as i64)
}

/// A queue as measured: nothing but its length, and the wait that follows from it.
fn state(stand: usize, at_min: f64, length: f64) -> QueueState {
    QueueState {
        at: time(at_min),
        queue: QueueId(stand as u8),
        length,
        length_low: length,
        length_high: length,
        wait_s: Some(length * 60.0 / SERVERS as f64),
        wait_low_s: None,
        wait_high_s: None,
        arrivals_per_min: None,
        served_per_min: None,
        p_wait_over_limit: None,
        p_wait_over_limit_15min: None,
    }
}
