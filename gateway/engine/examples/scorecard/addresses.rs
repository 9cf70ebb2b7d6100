//! A crowd of phones that change their addresses, and people of whom a share is heard.
//!
//! In: how many, how often addresses change, how well they are heard, a seed. Out: our count of devices
//! beside the true one and naive unique addresses; our interval of people beside the true number. After
//! the reference simulation: Poisson arrivals, exponential stays of 50 minutes, hearings Poisson so that a
//! minute of an address is heard with the given probability.

use super::random::Random;
use venue_engine::beacon::DeviceClass;
use venue_engine::live_count::LiveCount;
use venue_engine::penetration::Penetration;
use venue_engine::time::{Duration, Timestamp};

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
    /// When an address is given up.
    pub absent_after: Duration,
    /// Minutes simulated.
    pub minutes: f64,
}

/// How well it was counted: relative to the true mean.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Root mean square error and bias of the settled count.
    pub settled: [f64; 2],
    /// The same of the count of now.
    pub now: [f64; 2],
    /// The same of addresses heard within the close-out time, uncorrected.
    pub naive: [f64; 2],
    /// Arrivals estimated over true ones.
    pub arrivals: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum What {
    Heard { gap_min: f64 },
    Appeared,
    Ended { last_min: f64 },
    Asked,
}

/// Runs one crowd.
pub fn count(crowd: &Crowd, seed: u64) -> Counted {
    let mut random = Random::new(seed);
    let mut events: Vec<(f64, What)> = Vec::new();
    let mut stays = Vec::new();
    let mut minute = -6.0 * STAY_MIN;
    while minute < crowd.minutes {
        minute += random.exponential(STAY_MIN / crowd.devices);
        let leaves = minute + random.exponential(STAY_MIN);
        if leaves > 0.0 {
            stays.push((minute, leaves));
            device(crowd, minute, leaves, &mut random, &mut events);
        }
    }
    let asked = (0..crowd.minutes as usize).map(|minute| (minute as f64 + 0.5, What::Asked));
    events.extend(asked);
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    score(crowd, &events, &stays)
}

/// One device: addresses one after the other, each heard at random.
fn device(crowd: &Crowd, came: f64, leaves: f64, random: &mut Random, events: &mut Vec<(f64, What)>) {
    let rate = -(1.0 - crowd.heard_a_minute).ln();
    let absent_min = crowd.absent_after.as_secs_f64() / 60.0;
    let (shortest, longest) = crowd.rotation_min;
    let mut from = came;
    let mut part = random.uniform();
    while from < leaves {
        let until = (from + part * (shortest + random.uniform() * (longest - shortest))).min(leaves);
        part = 1.0;
        let mut last: Option<f64> = None;
        let mut heard = from.max(0.0) + random.exponential(1.0 / rate);
        while heard < until {
            match last {
                Some(last) if heard - last <= absent_min => events.push((heard, What::Heard { gap_min: heard - last })),
                Some(last) => {
                    events.push((last + absent_min, What::Ended { last_min: last }));
                    events.push((heard, What::Appeared));
                }
                None => events.push((heard, What::Appeared)),
            }
            last = Some(heard);
            heard += random.exponential(1.0 / rate);
        }
        events.extend(last.map(|last| (last + absent_min, What::Ended { last_min: last })));
        from = until;
    }
}

fn score(crowd: &Crowd, events: &[(f64, What)], stays: &[(f64, f64)]) -> Counted {
    let class = DeviceClass::Phone;
    let mut live = LiveCount::new(crowd.absent_after);
    let absent_min = crowd.absent_after.as_secs_f64() / 60.0;
    let present = |minute: f64| stays.iter().filter(|(came, left)| *came <= minute && minute < *left).count() as f64;
    let (mut heard, mut sums, mut asked, mut truth, mut arrivals) = (0.0_f64, [[0.0; 2]; 3], 0.0, 0.0, 0.0);
    for (minute, what) in events {
        let at = time(*minute);
        match what {
            What::Appeared => {
                heard += 1.0;
                live.appeared(class, at);
            }
            What::Heard { gap_min } => live.heard(class, at, Duration::from_secs_f64(gap_min * 60.0)),
            What::Ended { last_min } => {
                heard -= 1.0;
                live.ended(class, time(*last_min));
            }
            What::Asked if *minute > EDGE_MIN && *minute < crowd.minutes - EDGE_MIN => {
                let now = live.now(class, heard, crowd.absent_after);
                let errors = [
                    live.settled(class, at) - present(minute - absent_min),
                    now - present(*minute),
                    heard - present(*minute),
                ];
                for (sum, error) in sums.iter_mut().zip(errors) {
                    sum[0] += error * error;
                    sum[1] += error;
                }
                asked += 1.0;
                truth += present(*minute);
                arrivals += live.arrivals_per_min(class, now);
            }
            What::Asked => {}
        }
    }
    let relative = |sum: [f64; 2]| [(sum[0] / asked).sqrt() / (truth / asked), sum[1] / truth];
    let came = stays.iter().filter(|(came, _)| *came > EDGE_MIN && *came < crowd.minutes - EDGE_MIN).count() as f64;
    let [settled, now, naive] = sums.map(relative);
    Counted { settled, now, naive, arrivals: arrivals / came }
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
