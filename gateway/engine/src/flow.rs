//! How people move between zones, how long they stay, and how many different ones came.
//!
//! In: where followed devices are, fix by fix, and how many people are in each zone. Out: per window a movement for
//! each ordered pair of zones, as people, and for each zone the distribution of stays. Only followed devices make
//! movements: nobody else's zones are linked over time. A movement counts once somebody has stayed half a minute, so
//! that a device at the border of two zones does not walk to and fro; it counts in shares, as sure as its zones are.
//! People come in by fitting the table to the zones' own counts (`margins`). Pairs of fewer devices than the group
//! minimum are not told, and where noise is asked for, every count has it (`noise`).

pub mod dwell;
pub mod margins;
pub mod noise;
pub mod uniques;

use crate::identity::DeviceKey;
use crate::output::{Dwell, Movement};
use crate::penetration::Share;
use crate::settings::Settings;
use crate::time::{Duration, Timestamp};
use crate::venue::ZoneId;
use dwell::Stays;
use noise::Noise;
use std::collections::BTreeMap;
use uniques::Uniques;

/// Shorter stays are passing through, or a device at a border; methods (d).
pub const STAY_MIN: Duration = Duration::from_secs(30);

/// Movements one device gives to a window with noise, which grows with it (methods (d): 1 to 8).
pub const GIVEN_MAX: usize = 4;

/// The same without noise: half a minute each leaves no more in half an hour.
const GIVEN_PLAIN_MAX: usize = 64;

/// Devices whose stays are kept: as many as are followed without registration, and some.
pub const VISITS_MAX: usize = 25_000;

/// Stays count half after this long: an afternoon differs from an evening.
const STAYS_HALF_LIFE_S: f64 = 4.0 * 3_600.0;

/// The share of a zone's people who are followed is believed to be that of the venue with the weight of so many.
const FOLLOWED_PRIOR: f64 = 5.0;

/// Coefficient of variation of that share at least: which of its people a zone sends on is chance.
const FOLLOWED_CV_MIN: f64 = 0.03;

/// 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.645;

const DAY_US: i64 = 86_400_000_000;

/// Probability of zones.
type Shares = Vec<(ZoneId, f64)>;

/// Movements and stays.
pub struct Flow {
    window: Duration,
    group_min: u32,
    epsilon: f64,
    seed: u64,
    zones: usize,
    from: Option<Timestamp>,
    visits: BTreeMap<DeviceKey, Visit>,
    pairs: BTreeMap<(u8, u8), Pair>,
    stays: Vec<Stays>,
    uniques: Vec<Uniques>,
    day: Option<i64>,
    /// By zone, summed over reports: devices followed there, and people.
    presence: Vec<(f64, f64)>,
    reports: f64,
    /// Coefficient of variation of the people told, summed over reports.
    doubt: f64,
    /// Pairs held back so far because too few people made them.
    pub held_back: u64,
}

/// Where a followed device is, and what it gave to the running window.
#[derive(Clone, Debug)]
struct Visit {
    zone: Option<ZoneId>,
    since: Timestamp,
    counted: bool,
    /// The zone it stayed in before, and how sure that is.
    settled: Option<(ZoneId, Shares)>,
    given: Vec<((u8, u8), f64)>,
}

/// Movements of a pair of zones: their number, the sum of squares over devices, and the devices.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    sum: f64,
    squares: f64,
    devices: u32,
}

/// What a window says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Movements between zones.
    pub movements: Vec<Movement>,
    /// Stays in zones.
    pub dwells: Vec<Dwell>,
}

impl Flow {
    /// Nobody seen yet.
    pub fn new(settings: &Settings, zones: usize) -> Self {
        Self {
            window: settings.movement_window,
            group_min: settings.group_min,
            epsilon: settings.movement_epsilon,
            seed: settings.seed,
            zones,
            from: None,
            visits: BTreeMap::new(),
            pairs: BTreeMap::new(),
            stays: vec![Stays::default(); zones],
            uniques: vec![Uniques::default(); zones],
            day: None,
            presence: vec![(0.0, 0.0); zones],
            reports: 0.0,
            doubt: 0.0,
            held_back: 0,
        }
    }

    /// A followed device is in `zone`, after hysteresis, with these probabilities.
    pub fn see(&mut self, device: DeviceKey, at: Timestamp, zone: Option<ZoneId>, shares: &[(ZoneId, f64)]) {
        self.from.get_or_insert(at.window_start(self.window));
        if !self.visits.contains_key(&device) && self.visits.len() >= VISITS_MAX {
            return;
        }
        let fresh = || Visit { zone, since: at, counted: false, settled: None, given: Vec::new() };
        let visit = self.visits.entry(device).or_insert_with(fresh);
        if visit.zone != zone {
            end_stay(&mut self.stays, visit, at, true);
            (visit.zone, visit.since, visit.counted) = (zone, at, false);
        }
        let Some(zone) = zone.filter(|_| !visit.counted && at.since(visit.since) >= STAY_MIN) else { return };
        visit.counted = true;
        if let Some(uniques) = self.uniques.get_mut(usize::from(zone.0)) {
            uniques.add(device);
        }
        let before = visit.settled.replace((zone, shares.to_vec()));
        if let Some((origin, from)) = before.filter(|(origin, _)| *origin != zone)
            && visit.given.len() < if self.epsilon > 0.0 { GIVEN_MAX } else { GIVEN_PLAIN_MAX }
        {
            give(&mut self.pairs, visit, (origin, &from), (zone, shares));
        }
    }

    /// A followed device has fallen silent; it was last heard then.
    pub fn gone(&mut self, device: DeviceKey, last_at: Timestamp) {
        if let Some(visit) = self.visits.remove(&device) {
            end_stay(&mut self.stays, &visit, last_at, false);
        }
    }

    /// What a device gave is dropped.
    pub fn forget(&mut self, device: DeviceKey) {
        let Some(visit) = self.visits.remove(&device) else { return };
        for (pair, share) in visit.given {
            if let Some(sums) = self.pairs.get_mut(&pair) {
                sums.sum = (sums.sum - share).max(0.0);
                sums.squares = (sums.squares - share * share).max(0.0);
                sums.devices = sums.devices.saturating_sub(1);
            }
        }
    }

    /// People in each zone now, known with this coefficient of variation.
    pub fn note(&mut self, doubt: f64, people: impl Iterator<Item = (ZoneId, f64)>) {
        if self.from.is_none() {
            return;
        }
        let mut followed = vec![0.0; self.zones];
        for zone in self.visits.values().filter_map(|visit| visit.zone) {
            followed[usize::from(zone.0)] += 1.0;
        }
        self.reports += 1.0;
        self.doubt += doubt;
        for (zone, people) in people {
            let sums = &mut self.presence[usize::from(zone.0)];
            sums.0 += followed[usize::from(zone.0)];
            sums.1 += people;
        }
    }

    /// End of the running window; `None` while nobody is followed.
    pub fn window_end(&self) -> Option<Timestamp> {
        self.from.map(|from| from + self.window)
    }

    /// Ends the window.
    pub fn close(&mut self, to: Timestamp) -> Told {
        let Some(from) = self.from.take() else { return Told::default() };
        let told = Told { movements: self.movements(from, to), dwells: self.dwells(from, to) };
        self.pairs.clear();
        self.visits.values_mut().for_each(|visit| visit.given.clear());
        self.presence.fill((0.0, 0.0));
        (self.reports, self.doubt) = (0.0, 0.0);
        let kept = (-to.since(from).as_secs_f64() / STAYS_HALF_LIFE_S).exp2();
        self.stays.iter_mut().for_each(|stays| stays.fade(kept));
        let day = to.as_micros().div_euclid(DAY_US);
        if self.day.replace(day).is_some_and(|before| before != day) {
            self.uniques.fill(Uniques::default());
        }
        told
    }

    fn movements(&mut self, from: Timestamp, to: Timestamp) -> Vec<Movement> {
        let noise = Noise::new(self.key(from), self.epsilon, GIVEN_MAX as f64);
        let mut counts: BTreeMap<(u8, u8), f64> = BTreeMap::new();
        match &noise {
            // Every pair gets noise: that a pair is told at all must say nothing either.
            Some(noise) => {
                let least = f64::from(self.group_min).max(3.0 * noise.sd());
                let zones = 0..self.zones as u8;
                for pair in zones.clone().flat_map(|origin| zones.clone().map(move |destination| (origin, destination)))
                {
                    let count = self.pairs.get(&pair).map_or(0.0, |pair| pair.sum);
                    let noised = noise.add(count, (u64::from(pair.0) << 8) | u64::from(pair.1));
                    if pair.0 != pair.1 && noised >= least {
                        counts.insert(pair, noised);
                    }
                }
            }
            None => {
                let told = self.pairs.iter().filter(|(_, pair)| pair.devices >= self.group_min && pair.sum > 0.0);
                counts.extend(told.map(|(zones, pair)| (*zones, pair.sum)));
            }
        }
        self.held_back += self.pairs.keys().filter(|pair| !counts.contains_key(pair)).count() as u64;
        let mut people = counts.clone();
        let share = |zone: u8| self.followed_share(zone);
        let (mut left, mut entered) = (BTreeMap::new(), BTreeMap::new());
        for ((origin, destination), count) in &counts {
            *left.entry(*origin).or_insert(0.0) += count / share(*origin);
            *entered.entry(*destination).or_insert(0.0) += count / share(*destination);
        }
        margins::fit(&mut people, &left, &entered);
        let sd = noise.map_or(0.0, |noise| noise.sd());
        let doubt = (self.doubt / self.reports.max(1.0)).max(FOLLOWED_CV_MIN);
        let movement = |(pair, people): (&(u8, u8), &f64)| {
            let spread = self.pairs.get(pair).map_or(1.0, |pair| (pair.squares / pair.sum.max(1e-9)).max(1.0));
            let spread = if sd > 0.0 { 1.0 } else { spread };
            told(from, to, *pair, (counts[pair], *people), (doubt, spread, sd))
        };
        people.iter().map(movement).collect()
    }

    /// Share of a zone's people who are followed.
    fn followed_share(&self, zone: u8) -> f64 {
        let all = self.presence.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let venue = if all.1 > 0.0 { all.0 / all.1 } else { 1.0 };
        let (followed, people) = self.presence[usize::from(zone)];
        let prior = FOLLOWED_PRIOR * self.reports.max(1.0);
        ((followed + prior * venue) / (people + prior)).clamp(0.01, 1.0)
    }

    fn dwells(&self, from: Timestamp, to: Timestamp) -> Vec<Dwell> {
        let mut stays = self.stays.clone();
        for visit in self.visits.values() {
            end_stay(&mut stays, visit, to, false);
        }
        let told = |(zone, (stays, uniques)): (usize, (&Stays, &Uniques))| {
            let unique_devices = uniques.count().round();
            let group = f64::from(self.group_min);
            let found = stays.dwell().filter(|_| stays.ended() >= group && unique_devices >= group)?;
            Some(Dwell {
                from,
                to,
                zone: ZoneId(zone as u8),
                stays: stays.ended(),
                unique_devices,
                mean_s: found.mean_s,
                median_s: found.median_s,
                p90_s: found.p90_s,
            })
        };
        // Quantiles have no noise of their own: where noise is asked for they are not told.
        let is_told = self.epsilon <= 0.0;
        stays.iter().zip(&self.uniques).enumerate().filter(|_| is_told).filter_map(told).collect()
    }

    /// The noise's key for a window.
    fn key(&self, from: Timestamp) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..].copy_from_slice(&from.as_micros().to_le_bytes());
        key
    }
}

/// Counts one movement in shares: each pair of zones by how likely it was, all together one.
fn give(
    pairs: &mut BTreeMap<(u8, u8), Pair>,
    visit: &mut Visit,
    (origin, from): (ZoneId, &[(ZoneId, f64)]),
    (destination, to): (ZoneId, &[(ZoneId, f64)]),
) {
    let mut shares: Vec<((u8, u8), f64)> = Vec::new();
    for (a, p) in from {
        shares.extend(to.iter().filter(|(b, _)| a != b).map(|(b, q)| ((a.0, b.0), p * q)));
    }
    let main = (origin.0, destination.0);
    if !shares.iter().any(|(pair, _)| *pair == main) {
        shares = vec![(main, 1.0)];
    }
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    for (pair, share) in shares {
        let share = share / sum;
        let sums = pairs.entry(pair).or_default();
        // Several movements of one device between the same zones are one device's.
        let before: f64 = visit.given.iter().filter(|(given, _)| *given == pair).map(|(_, share)| share).sum();
        sums.sum += share;
        sums.squares += (before + share).powi(2) - before * before;
        sums.devices += u32::from(pair == main && before == 0.0);
    }
    visit.given.push((main, 1.0));
}

fn end_stay(stays: &mut [Stays], visit: &Visit, at: Timestamp, ended: bool) {
    let stay = at.since(visit.since);
    if let Some(stays) = visit.zone.and_then(|zone| stays.get_mut(usize::from(zone.0)))
        && stay >= STAY_MIN
    {
        stays.add(stay.as_secs_f64(), ended);
    }
}

fn told(
    from: Timestamp,
    to: Timestamp,
    (origin, destination): (u8, u8),
    (count, people): (f64, f64),
    (doubt, spread, noise_sd): (f64, f64, f64),
) -> Movement {
    let scale = people / count.max(1e-9);
    let plain = Share::of(1.0 / scale.max(1.0), doubt).people_in_groups(count, spread);
    let noise = NORMAL_95 * noise_sd * scale;
    let half = |edge: f64| (edge - plain.people).hypot(noise);
    let (low, high) = ((people - half(plain.low)).max(0.0), people + half(plain.high));
    Movement { from, to, origin: ZoneId(origin), destination: ZoneId(destination), people, low, high }
}

#[cfg(test)]
mod tests;
