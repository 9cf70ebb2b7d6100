//! How many people join a queue, by balance: those who are there now, less those who were, and those served.
//!
//! In: at each report the people there and the services a minute. Out: the arrivals of the day's profile and how
//! today compares with it. Joins that are seen cannot be counted instead: somebody who passes by a queue seems to
//! join and to leave it, and is in both or in neither; the balance knows only those who stayed. It refuses to
//! judge spans shorter than its grain, in which the noise of the count is larger than the flow.

use crate::arrivals::{ArrivalProfile, SlotState};
use crate::gap::rates::Gamma;
use crate::time::{Duration, Timestamp};

/// The grain: arrivals of a busy stand in it are a dozen.
const GRAIN: Duration = Duration::from_mins(3);

/// Who is there in the first minutes has been there before: it takes some looks to find them.
const SETTLED_AFTER: Duration = Duration::from_secs(90);

/// What a day like the profile is worth against what is seen, in probes, and over how many minutes what is seen
/// is forgotten: the weight and an event's length, from methods (c).
const PROFILE_WEIGHT: f64 = 8.0;
const FORGET_MIN: f64 = 30.0;

/// What the first guess is worth, in probes: tills are put up for about as many as come.
const GUESS_WEIGHT: f64 = 4.0;

/// Arrivals at one queue.
pub struct Balance {
    profile: ArrivalProfile,
    theta: Gamma,
    /// The running grain: its start, the people there then, and those served since.
    running: Option<(Timestamp, f64, f64)>,
    /// People who seemed to join and had not, as fewer were there later: not above 0.
    owed: f64,
    begun: Option<Timestamp>,
    last_at: Timestamp,
}

impl Balance {
    /// Nothing seen yet; `guess_per_min` people join a minute.
    pub fn new(guess_per_min: f64) -> Self {
        let profile = ArrivalProfile::new(guess_per_min);
        Self {
            profile,
            theta: Gamma::of(1.0, GUESS_WEIGHT),
            running: None,
            owed: 0.0,
            begun: None,
            last_at: Timestamp::MIN,
        }
    }

    /// Arrivals by the time of day, as learned.
    pub fn profile(&self) -> &ArrivalProfile {
        &self.profile
    }

    /// Today's arrivals over the profile's.
    pub fn theta(&self) -> Gamma {
        self.theta
    }

    /// What was learned, to be kept over a restart.
    pub fn state(&self) -> &[SlotState] {
        self.profile.state()
    }

    /// Takes up what was learned before; false when it does not fit.
    pub fn restore(&mut self, state: &[SlotState]) -> bool {
        self.profile.restore(state)
    }

    /// People joining a minute at a moment.
    pub fn per_min(&self, at: Timestamp) -> f64 {
        self.theta.mean() * self.profile.rate_per_min(at)
    }

    /// So many people are there, and `served_per_min` are served since the last time; `penetration` of them are
    /// probes.
    pub fn pass(&mut self, at: Timestamp, people: f64, served_per_min: f64, penetration: f64) {
        let is_settled = at.since(*self.begun.get_or_insert(at)) >= SETTLED_AFTER;
        let Some((begun, people_then, served)) = self.running.filter(|_| is_settled) else {
            (self.running, self.last_at) = (Some((at, people, 0.0)), at);
            return;
        };
        let served = served + served_per_min * at.since(self.last_at).as_secs_f64() / 60.0;
        self.last_at = at;
        if at.since(begun) < GRAIN {
            self.running = Some((begun, people_then, served));
            return;
        }
        let balance = people - people_then + served + self.owed;
        let joined = balance.max(0.0);
        self.owed = balance.min(0.0);
        self.running = Some((at, people, 0.0));
        let minutes = at.since(begun).as_secs_f64() / 60.0;
        let expected = self.profile.people(begun, at);
        // A profile nobody has watched yet says little about today.
        let known_min = self.profile.watched_min(at);
        let weight = GUESS_WEIGHT + PROFILE_WEIGHT * known_min / (known_min + 30.0);
        self.theta.forget_towards(Gamma::of(1.0, weight), (-minutes / FORGET_MIN).exp());
        self.theta.shape += joined * penetration;
        self.theta.exposure += expected * penetration;
        self.profile.watched(at, minutes);
        self.profile.joined(at, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_763_700_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn a_line_that_grows_under_full_tills_shows_the_arrivals() {
        let mut balance = Balance::new(1.0);
        for step in 0..720 {
            // Six a minute come, four are served.
            let minutes = f64::from(step) / 12.0;
            balance.pass(at(i64::from(step) * 5), 2.0 * minutes, 4.0, 0.5);
        }
        let per_min = balance.per_min(at(3_600));
        assert!((per_min - 6.0).abs() < 1.0, "{per_min}");
    }

    #[test]
    fn a_count_that_wavers_is_no_arrival() {
        let mut balance = Balance::new(1.0);
        // One a minute comes and is served; the count swings by ten every other grain.
        for step in 0..1_440i64 {
            let swing = if (step / 36) % 2 == 0 { 10.0 } else { 0.0 };
            balance.pass(at(step * 5), 5.0 + swing, 1.0, 0.5);
        }
        assert!(balance.per_min(at(7_200)) < 1.7, "{}", balance.per_min(at(7_200)));
    }

    #[test]
    fn who_is_found_in_the_first_minute_has_not_just_come() {
        let mut balance = Balance::new(1.0);
        (0..12).for_each(|step| balance.pass(at(step * 5), 4.0 * step as f64, 1.0, 0.5));
        (12..120).for_each(|step| balance.pass(at(step * 5), 44.0, 1.0, 0.5));
        assert!(balance.per_min(at(600)) < 1.5, "{}", balance.per_min(at(600)));
    }

    #[test]
    fn a_restart_keeps_the_profile() {
        let mut balance = Balance::new(1.0);
        (0..2_000).for_each(|step| balance.pass(at(step * 5), 10.0, 3.0, 0.5));
        let mut again = Balance::new(1.0);
        assert!(again.restore(balance.state()) && !again.restore(&[]));
        let noon = at(3_000);
        assert_eq!(again.profile().rate_per_min(noon), balance.profile().rate_per_min(noon));
    }
}
