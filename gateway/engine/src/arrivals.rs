//! How many people join a queue at which hour: learned here, day by day.
//!
//! In: probes that join, each standing for 1/penetration people, and the time watched. Out: the expected
//! arrivals a minute at a moment and over a span. The state is plain numbers, to be kept over a restart.
//! It refuses a stored state of another shape. Hours are those of UTC: after a change to or from summer
//! time the profile is an hour off until it has been learned anew.

use crate::time::{Duration, Timestamp};

/// A quarter of an hour: the grain of the published waits and of the roll-ups.
pub const SLOT: Duration = Duration::from_mins(15);

/// Slots of a day.
pub const SLOTS: usize = 96;

/// Slots of a custom profile at most, one a minute of a day.
const SLOTS_MAX: usize = 1_440;

/// What is kept of a slot when it comes round again: yesterday counts 0.85, last week a third.
const KEPT_A_DAY: f64 = 0.85;

/// Minutes of its neighbours' rate a slot is worth before it has been watched: one slot's.
const NEIGHBOUR_MIN: f64 = 15.0;

/// Minutes of the overall rate a neighbourhood is worth.
const OVERALL_MIN: f64 = 15.0;

/// Minutes the first guess of the overall rate is worth.
const GUESS_MIN: f64 = 10.0;

/// Watched minutes a profile given from outside counts as: it is known.
const GIVEN_MIN: f64 = 1_000.0;

/// One slot of the day: people seen and minutes watched, both fading from day to day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SlotState {
    /// People.
    pub people: f64,
    /// Minutes.
    pub minutes: f64,
}

/// Arrivals by the time of day.
#[derive(Clone, Debug)]
pub struct ArrivalProfile {
    slot: Duration,
    slots: Vec<SlotState>,
    /// Smoothed arrivals a minute of each slot.
    rates_per_min: Vec<f64>,
    guess_per_min: f64,
    learns: bool,
    /// The running slot, counted from the epoch, and what was seen in it so far.
    running: Option<(i64, SlotState)>,
}

impl ArrivalProfile {
    /// A day nobody has watched yet; `guess_per_min` is used until then.
    pub fn new(guess_per_min: f64) -> Self {
        let slots = vec![SlotState::default(); SLOTS];
        let rates_per_min = vec![guess_per_min; SLOTS];
        Self { slot: SLOT, slots, rates_per_min, guess_per_min, learns: true, running: None }
    }

    /// A profile given from outside: arrivals a minute of each slot of length `slot`, repeated without end.
    /// It stays as given. `None` when there are no slots, too many, or a rate is not positive.
    pub fn given(slot: Duration, rates_per_min: &[f64]) -> Option<Self> {
        let plausible = |rate: &f64| rate.is_finite() && *rate > 0.0;
        if rates_per_min.is_empty() || rates_per_min.len() > SLOTS_MAX || slot <= Duration::ZERO {
            return None;
        }
        let of = |rate: &f64| SlotState { people: rate * GIVEN_MIN, minutes: GIVEN_MIN };
        let guess_per_min = rates_per_min.iter().sum::<f64>() / rates_per_min.len() as f64;
        rates_per_min.iter().all(plausible).then(|| Self {
            slot,
            slots: rates_per_min.iter().map(of).collect(),
            rates_per_min: rates_per_min.to_vec(),
            guess_per_min,
            learns: false,
            running: None,
        })
    }

    /// What has been learned, slot by slot.
    pub fn state(&self) -> &[SlotState] {
        &self.slots
    }

    /// Takes up what was learned before; false, and nothing changes, when it does not fit.
    pub fn restore(&mut self, state: &[SlotState]) -> bool {
        let plausible = |slot: &SlotState| {
            slot.people.is_finite() && slot.minutes.is_finite() && slot.people >= 0.0 && slot.minutes >= 0.0
        };
        let fits = state.len() == self.slots.len() && state.iter().all(plausible);
        if fits {
            self.slots.copy_from_slice(state);
            self.smooth();
        }
        fits
    }

    /// A probe joined that stands for so many people.
    pub fn joined(&mut self, at: Timestamp, people: f64) {
        self.turn_to(at);
        if let Some((_, seen)) = &mut self.running {
            seen.people += people;
        }
    }

    /// The line was watched for some minutes that ended now.
    pub fn watched(&mut self, at: Timestamp, minutes: f64) {
        self.turn_to(at);
        let slot_min = self.slot.as_secs_f64() / 60.0;
        if let Some((_, seen)) = &mut self.running {
            seen.minutes = (seen.minutes + minutes).min(slot_min);
        }
    }

    /// Expected arrivals a minute at a moment: straight lines between the middles of slots.
    pub fn rate_per_min(&self, at: Timestamp) -> f64 {
        let length_us = self.slot.as_micros();
        let from_middle = at.as_micros().saturating_sub(length_us / 2);
        let (number, part) = (from_middle.div_euclid(length_us), from_middle.rem_euclid(length_us));
        let part = part as f64 / length_us as f64;
        let (here, next) = (self.index(number), self.index(number + 1));
        self.rates_per_min[here] * (1.0 - part) + self.rates_per_min[next] * part
    }

    /// Expected arrivals from one moment to another: Simpson's rule on pieces of at most half a slot.
    pub fn people(&self, from: Timestamp, to: Timestamp) -> f64 {
        let span = to.since(from);
        if span <= Duration::ZERO {
            return 0.0;
        }
        let pieces = (2 * span.as_micros() / self.slot.as_micros() + 1).min(64);
        let piece_us = span.as_micros() as f64 / pieces as f64;
        let rate =
            |halves: i64| self.rate_per_min(from + Duration::from_micros((halves as f64 * piece_us / 2.0) as i64));
        let sum: f64 = (0..pieces).map(|n| rate(2 * n) + 4.0 * rate(2 * n + 1) + rate(2 * n + 2)).sum();
        sum * piece_us / 6.0 / 60e6
    }

    /// Minutes this time of day has been watched, fading from day to day.
    pub fn watched_min(&self, at: Timestamp) -> f64 {
        self.slots[self.index(at.as_micros().div_euclid(self.slot.as_micros()))].minutes
    }

    fn index(&self, number: i64) -> usize {
        number.rem_euclid(self.slots.len() as i64) as usize
    }

    /// Closes the running slot when another has begun: what was seen enters the profile only then, so that a
    /// moment is never judged by itself.
    fn turn_to(&mut self, at: Timestamp) {
        if !self.learns {
            return;
        }
        let number = at.as_micros().div_euclid(self.slot.as_micros());
        match self.running {
            Some((running, _)) if running >= number => {}
            Some((running, seen)) => {
                let index = self.index(running);
                let slot = &mut self.slots[index];
                slot.people = slot.people * KEPT_A_DAY + seen.people;
                slot.minutes = slot.minutes * KEPT_A_DAY + seen.minutes;
                self.smooth();
                self.running = Some((number, SlotState::default()));
            }
            None => self.running = Some((number, SlotState::default())),
        }
    }

    /// Shrinks each slot to its neighbours, and those to the overall rate.
    fn smooth(&mut self) {
        let rate = |people: f64, minutes: f64, prior: f64, prior_min: f64| {
            (people + prior * prior_min) / (minutes + prior_min)
        };
        let all = self.slots.iter().fold(SlotState::default(), |sum, slot| sum.plus(slot));
        let overall = rate(all.people, all.minutes, self.guess_per_min, GUESS_MIN);
        let count = self.slots.len();
        for index in 0..count {
            let around = self.slots[(index + count - 1) % count].plus(&self.slots[(index + 1) % count]);
            let around = rate(around.people, around.minutes, overall, OVERALL_MIN);
            let own = self.slots[index];
            self.rates_per_min[index] = rate(own.people, own.minutes, around, NEIGHBOUR_MIN).max(1e-6);
        }
    }
}

impl SlotState {
    fn plus(&self, other: &Self) -> Self {
        Self { people: self.people + other.people, minutes: self.minutes + other.minutes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, minute: i64) -> Timestamp {
        Timestamp::from_micros((day * 1_440 + minute) * 60_000_000)
    }

    /// Days of two people a minute around noon and one every five minutes otherwise, a fifth of them probes.
    fn learned(days: i64) -> ArrivalProfile {
        let mut profile = ArrivalProfile::new(1.0);
        for day in 0..days {
            for minute in 0..1_440 {
                profile.watched(at(day, minute), 1.0);
                let every = if (660..780).contains(&minute) { 5 } else { 50 };
                for _ in 0..if minute % every == 0 { 2 } else { 0 } {
                    profile.joined(at(day, minute), 5.0);
                }
            }
        }
        profile
    }

    #[test]
    fn the_rush_is_learned_within_days() {
        let profile = learned(5);
        let (noon, night) = (profile.rate_per_min(at(6, 720)), profile.rate_per_min(at(6, 180)));
        assert!((noon - 2.0).abs() < 0.2 && (night - 0.2).abs() < 0.15, "{noon} {night}");
        let hour = profile.people(at(6, 690), at(6, 750));
        assert!((hour - 120.0).abs() < 12.0, "{hour}");
        assert!(profile.watched_min(at(6, 720)) > 40.0);
    }

    #[test]
    fn what_was_learned_survives_a_restart_and_nothing_else_is_taken() {
        let (profile, mut other) = (learned(3), ArrivalProfile::new(1.0));
        assert!(other.restore(profile.state()));
        assert_eq!(other.rate_per_min(at(9, 720)), profile.rate_per_min(at(9, 720)));
        assert!(!other.restore(&profile.state()[1..]));
        assert!(!other.restore(&[SlotState { people: f64::NAN, minutes: 1.0 }; SLOTS]));
    }

    #[test]
    fn a_moment_is_not_judged_by_itself() {
        let mut profile = ArrivalProfile::new(1.0);
        profile.joined(at(0, 3), 500.0);
        assert_eq!(profile.rate_per_min(at(0, 4)), 1.0);
    }

    #[test]
    fn a_given_profile_is_interpolated_and_must_make_sense() {
        let profile = ArrivalProfile::given(Duration::from_mins(1), &[1.0, 3.0]).unwrap();
        assert_eq!(profile.rate_per_min(Timestamp::from_micros(60_000_000)), 2.0);
        assert!((profile.people(at(0, 0), at(0, 2)) - 4.0).abs() < 1e-9);
        assert!(ArrivalProfile::given(SLOT, &[]).is_none() && ArrivalProfile::given(SLOT, &[0.0]).is_none());
    }
}
