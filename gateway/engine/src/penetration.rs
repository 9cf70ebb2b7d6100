//! What share of people is heard, and how many people a number of devices stands for.
//!
//! In: known counts of people beside the devices heard of them (anchors: turnstile, till, head count), of
//! the venue or one of its places. Out: a beta distribution of the share for a place and time, and from it
//! the beta-negative-binomial distribution of people, always as an interval. It knows that shares differ
//! between days, parts of a day and places, and trusts an anchor of today more than one of last week. It
//! refuses anchors without people or places it does not have; more devices than people count as all heard.

use crate::forecast::normal_score;
use crate::time::{Duration, Timestamp};

/// Places told apart: zones (64) and queues (16), see the limits of a venue.
pub const PLACES_MAX: usize = 80;

/// Quarters of a day, UTC.
const DAY_PARTS: usize = 4;

const DAY: Duration = Duration::from_mins(24 * 60);

/// Kept of what was known, a day; methods (b).
const KEPT_A_DAY: f64 = 0.98;

/// Coefficient of variation of the share from one day to the next: 10 % on ordinary days, methods (b), and one
/// day in ten that is off by 20 %: `sqrt(0.9 0.1² + 0.1 0.2²)`.
pub const DAY_CV: f64 = 0.114;

/// The same between a place at a part of the day and the venue.
const PLACE_CV: f64 = 0.15;

/// An anchor speaks of now for about so long.
const RECENT_MIN: f64 = 240.0;

/// People of which more would say nothing new; keeps sums finite.
const PEOPLE_MAX: f64 = 1e6;

/// Largest standard deviation of a distribution that is counted through: some thousand steps. Beyond it a
/// log-normal is as good.
const COUNTED_SPREAD_MAX: f64 = 500.0;

/// A beta distribution of a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// People heard.
    pub heard: f64,
    /// People not heard.
    pub unheard: f64,
}

/// People, with a 90 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeopleEstimate {
    /// Expected number.
    pub people: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
}

/// Counts at anchors of a place: of days past, and of today.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Anchored {
    /// Days past, fading: heard, unheard.
    pub past: [f64; 2],
    /// Today, fading by the hour: heard, unheard.
    pub today: [f64; 2],
}

/// The shares of one venue.
#[derive(Clone, Debug)]
pub struct Penetration {
    prior: Share,
    venue: Anchored,
    /// Places by part of the day.
    places: Vec<[Anchored; DAY_PARTS]>,
    /// The day the sums belong to, and the time up to which today's have faded.
    faded_at: Option<Timestamp>,
}

impl Share {
    /// The beta of a mean and a coefficient of variation.
    pub fn of(mean: f64, cv: f64) -> Self {
        let mean = mean.clamp(0.002, 0.998);
        let people = ((1.0 - mean) / (mean * cv * cv) - 1.0).clamp(2.0 / mean, PEOPLE_MAX);
        Self { heard: mean * people, unheard: (1.0 - mean) * people }
    }

    /// Expected share.
    pub fn mean(&self) -> f64 {
        self.heard / (self.heard + self.unheard)
    }

    /// Coefficient of variation.
    pub fn cv(&self) -> f64 {
        (self.unheard / (self.heard * (self.heard + self.unheard + 1.0))).sqrt()
    }

    /// The same mean with an independent deviation on top.
    pub fn loosened(&self, cv: f64) -> Self {
        Self::of(self.mean(), self.cv().hypot(cv))
    }

    /// The same mean, without a doubt.
    pub fn made_sure(&self) -> Self {
        let sure = PEOPLE_MAX / (self.heard + self.unheard);
        Self { heard: self.heard * sure, unheard: self.unheard * sure }
    }

    fn with(&self, counts: [f64; 2]) -> Self {
        Self { heard: self.heard + counts[0], unheard: self.unheard + counts[1] }
    }

    /// People a device stands for. Whatever the share turns out to be, devices over its mean are right on average.
    pub fn people_per_device(&self) -> f64 {
        1.0 / self.mean()
    }

    /// The same as `people`, where people come in groups that are heard or not together: counts then vary
    /// `spread` times as much, as those of so many times fewer people do.
    pub fn people_in_groups(&self, devices: f64, spread: f64) -> PeopleEstimate {
        let groups = self.people(devices / spread);
        PeopleEstimate { people: groups.people * spread, low: groups.low * spread, high: groups.high * spread }
    }

    /// How many people so many devices stand for. The interval is that of those not heard, who are
    /// beta-negative-binomial with mean `devices unheard / (heard - 1)`. `devices` need not be whole.
    pub fn people(&self, devices: f64) -> PeopleEstimate {
        if devices.is_nan() || devices <= 0.0 {
            return PeopleEstimate { people: 0.0, low: 0.0, high: 0.0 };
        }
        let (a, b) = (self.heard.max(2.5), self.unheard);
        let mean = devices * b / (a - 1.0);
        let spread = (devices * (a + devices - 1.0) * b * (a + b - 1.0) / ((a - 2.0) * (a - 1.0).powi(2))).sqrt();
        let (low, high) = if spread <= COUNTED_SPREAD_MAX {
            // Half a device more at the upper end, as Jeffreys' rule has it: few devices say little.
            (self.counted_quantiles(devices, a, mean).0, self.counted_quantiles(devices + 0.5, a, mean).1)
        } else {
            let log_sd = (1.0 + (spread / mean).powi(2)).ln().sqrt();
            let at = |share: f64| mean * (normal_score(share) * log_sd - log_sd * log_sd / 2.0).exp();
            (at(0.05), at(0.95))
        };
        let people = devices * self.people_per_device();
        PeopleEstimate { people, low: people.min(devices + low), high: people.max(devices + high) }
    }

    /// 5 and 95 % quantiles of those not heard, by the ratio of neighbouring probabilities, from the mean
    /// outwards: `f(k+1)/f(k) = (m + k)(b + k) / ((k + 1)(m + a + b + k))`.
    fn counted_quantiles(&self, devices: f64, a: f64, mean: f64) -> (f64, f64) {
        let ratio = |k: f64| (devices + k) * (self.unheard + k) / ((k + 1.0) * (devices + a + self.unheard + k));
        let start = mean.floor();
        let up = || {
            let mut mass = 1.0;
            (0..).map(move |step| {
                let here = (start + f64::from(step), mass);
                mass *= ratio(here.0);
                here
            })
        };
        let down = || {
            let mut mass = 1.0;
            (1..=start as i32).map(move |step| {
                let k = start - f64::from(step);
                mass /= ratio(k);
                (k, mass)
            })
        };
        // The tail of a beta-negative-binomial is a power; a part in a million of it is left out.
        let enough = |(k, mass): &(f64, f64)| *mass > 1e-7 && *k < 40.0 * COUNTED_SPREAD_MAX;
        let above: f64 = up().take_while(enough).map(|(_, mass)| mass).sum();
        let below: f64 = down().take_while(enough).map(|(_, mass)| mass).sum();
        let mut left = above - 0.05 * (above + below);
        let high = up().take_while(enough).find(|(_, mass)| {
            left -= mass;
            left <= 0.0
        });
        let mut left = below - 0.05 * (above + below);
        let low = down().take_while(enough).find(|(_, mass)| {
            left -= mass;
            left <= 0.0
        });
        (if left > 0.0 { 0.0 } else { low.map_or(start, |(k, _)| k) }, high.map_or(start, |(k, _)| k))
    }
}

impl Penetration {
    /// What is believed before any anchor: a mean share and its coefficient of variation, for so many places.
    pub fn new(mean: f64, cv: f64, places: usize) -> Self {
        let places = vec![[Anchored::default(); DAY_PARTS]; places.min(PLACES_MAX)];
        Self { prior: Share::of(mean, cv), venue: Anchored::default(), places, faded_at: None }
    }

    /// So many people were counted, of whom so many devices were heard; `place` is `None` for the whole venue.
    /// False when the anchor says nothing.
    pub fn anchor(&mut self, at: Timestamp, place: Option<usize>, people: f64, devices: f64) -> bool {
        let known = place.is_none_or(|place| place < self.places.len());
        if !known || !people.is_finite() || people <= 0.0 || !devices.is_finite() || devices < 0.0 {
            return false;
        }
        self.fade(at);
        let people = people.min(PEOPLE_MAX);
        let heard = devices.min(people);
        let counts = [heard, people - heard];
        add(&mut self.venue.today, counts);
        if let Some(place) = place {
            add(&mut self.places[place][day_part(at)].today, counts);
        }
        true
    }

    /// The share at a place, or in the venue, at a time.
    pub fn share(&mut self, at: Timestamp, place: Option<usize>) -> Share {
        self.fade(at);
        let today = self.prior.with(self.venue.past).loosened(DAY_CV).with(self.venue.today);
        let Some(anchored) = place.and_then(|place| self.places.get(place)).map(|parts| parts[day_part(at)]) else {
            return today;
        };
        // What the place's own anchors said is in the venue's share too; loosening it hides that little.
        today.loosened(PLACE_CV).with(anchored.past).with(anchored.today)
    }

    /// The venue's counts, for keeping over a restart.
    pub fn state(&self) -> (Anchored, &[[Anchored; DAY_PARTS]]) {
        (self.venue, &self.places)
    }

    /// Takes up what was known before; false, and nothing changes, when it does not fit.
    pub fn restore(&mut self, venue: Anchored, places: &[[Anchored; DAY_PARTS]]) -> bool {
        let plausible = |one: &Anchored| {
            one.past.iter().chain(&one.today).all(|count| count.is_finite() && *count >= 0.0 && *count <= PEOPLE_MAX)
        };
        let fits = places.len() == self.places.len() && places.iter().flatten().chain([&venue]).all(plausible);
        if fits {
            self.venue = venue;
            self.places.copy_from_slice(places);
        }
        fits
    }

    /// Lets anchors of today fade, and moves them to the past when a day ends.
    fn fade(&mut self, at: Timestamp) {
        let Some(from) = self.faded_at else {
            self.faded_at = Some(at);
            return;
        };
        let minutes = at.since(from).as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return;
        }
        self.faded_at = Some(at);
        let day = |at: Timestamp| at.as_micros().div_euclid(DAY.as_micros());
        let days = (day(at) - day(from)) as f64;
        let kept = (-minutes / RECENT_MIN).exp();
        let prior = self.prior;
        for anchored in self.places.iter_mut().flatten().chain([&mut self.venue]) {
            if days > 0.0 {
                anchored.end_day(days, prior);
            }
            anchored.today.iter_mut().for_each(|count| *count *= kept);
        }
    }
}

impl Anchored {
    /// A day's share is one draw around the long-run mean: however many were counted that day, it says no more
    /// of that mean than its deviation from day to day lets it. The weight must not depend on the day's own
    /// share, or days of high shares would count less.
    fn end_day(&mut self, days: f64, prior: Share) {
        let kept = KEPT_A_DAY.powf(days);
        let known = prior.with(self.past).mean();
        let own = (1.0 - known) / (known * (self.today[0] + self.today[1]).max(1.0));
        let weight = own / (own + DAY_CV * DAY_CV);
        for (past, today) in self.past.iter_mut().zip(self.today) {
            *past = (*past * kept + weight * today).min(PEOPLE_MAX);
        }
        self.today = [0.0; 2];
    }
}

fn add(sums: &mut [f64; 2], counts: [f64; 2]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = (*sum + count).min(PEOPLE_MAX);
    }
}

fn day_part(at: Timestamp) -> usize {
    let part_us = DAY.as_micros() / DAY_PARTS as i64;
    at.as_micros().rem_euclid(DAY.as_micros()).div_euclid(part_us) as usize % DAY_PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_micros(hours * 3_600_000_000)
    }

    fn close(found: f64, expected: f64, by: f64) {
        assert!((found - expected).abs() <= by, "{found}, not {expected}");
    }

    #[test]
    fn a_known_share_is_negative_binomial() {
        // p = 0.5 known, 50 heard: unheard NB(50, 0.5), mean 50, sd 10; quantiles 34 and 67.
        let people = Share { heard: 1e6, unheard: 1e6 }.people(50.0);
        close(people.people, 100.0, 0.01);
        close(people.low, 84.0, 1.0);
        close(people.high, 117.0, 1.0);
    }

    #[test]
    fn an_unsure_share_widens_the_interval() {
        let (sure, unsure) = (Share::of(0.3, 0.02).people(300.0), Share::of(0.3, 0.15).people(300.0));
        assert!(unsure.high - unsure.low > 2.0 * (sure.high - sure.low));
        // Beyond what is counted through, the log-normal joins.
        let (counted, joined) = (Share::of(0.2, 0.1).people(900.0), Share::of(0.2, 0.1).people(1_100.0));
        close(joined.high / 1_100.0, counted.high / 900.0, 0.08);
        close(joined.low / 1_100.0, counted.low / 900.0, 0.08);
    }

    #[test]
    fn nobody_is_nobody() {
        assert_eq!(Share::of(0.3, 0.1).people(0.0), PeopleEstimate { people: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(Share::of(0.3, 0.1).people(f64::NAN).people, 0.0);
    }

    #[test]
    fn an_anchor_of_today_outweighs_the_past() {
        let mut penetration = Penetration::new(0.5, 0.3, 2);
        for day in 0..20 {
            assert!(penetration.anchor(at(day * 24 + 12), None, 500.0, 150.0));
        }
        close(penetration.share(at(20 * 24 + 1), None).mean(), 0.3, 0.02);
        close(penetration.share(at(20 * 24 + 1), None).cv(), DAY_CV, 0.02);
        penetration.anchor(at(20 * 24 + 12), None, 2_000.0, 800.0);
        close(penetration.share(at(20 * 24 + 12), None).mean(), 0.39, 0.015);
        assert!(penetration.share(at(20 * 24 + 12), None).cv() < 0.04);
    }

    #[test]
    fn a_place_is_shrunk_to_the_venue() {
        let mut penetration = Penetration::new(0.3, 0.1, 2);
        penetration.anchor(at(12), Some(1), 20.0, 16.0);
        let (venue, place) = (penetration.share(at(12), None).mean(), penetration.share(at(12), Some(1)).mean());
        assert!(place > venue && place < 0.6, "{venue} {place}");
        assert!((penetration.share(at(12), Some(0)).mean() - venue).abs() < 0.01);
    }

    #[test]
    fn anchors_that_say_nothing_are_refused() {
        let mut penetration = Penetration::new(0.3, 0.1, 2);
        let before = penetration.share(at(1), None);
        assert!(!penetration.anchor(at(1), Some(2), 10.0, 5.0) && !penetration.anchor(at(1), None, 0.0, 5.0));
        assert!(!penetration.anchor(at(1), None, f64::NAN, 5.0));
        assert_eq!(penetration.share(at(1), None), before);
        let state = penetration.state().1.to_vec();
        assert!(!penetration.restore(Anchored::default(), &state[1..]));
        assert!(penetration.restore(Anchored::default(), &state));
    }
}
