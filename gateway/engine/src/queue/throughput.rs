//! How many people a minute a queue serves, and how many come.
//!
//! In: probes that join and leave while people wait, sales told by the tills. Out: services a minute of one
//! till, people joining a minute. Before services were seen a queue is taken to serve as many as come, or what
//! its limit suggests; the limit is what staff think a handful of services take.

use crate::gap::rates::Gamma;

/// Services within a wait that is just bearable, per till.
const SERVICES_IN_LIMIT: f64 = 5.0;

/// What such guesses are worth: half a service. Gates pass a person a second, kitchens one in two minutes.
const GUESS_WEIGHT: f64 = 0.5;

/// From so many services in so many till-minutes on the rate is known within a third.
const KNOWN_FROM: f64 = 10.0;
const KNOWN_FROM_MIN: f64 = 5.0;

/// Services are remembered over so many minutes: staff and what they sell change.
const FORGET_MIN: f64 = 45.0;

/// Arrivals are counted over so many minutes, at most.
const ARRIVALS_MIN: f64 = 3.0;

/// Shortest time an arrival rate is taken from, minutes.
const ARRIVALS_FROM_MIN: f64 = 0.1;

/// What is known of a queue's throughput.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    guess_per_min: f64,
    /// Services over till-minutes, both in probes seen; sales count as they are.
    seen: Gamma,
    /// People who joined, fading, over the minutes they were counted in.
    joined: f64,
    minutes: f64,
}

impl Throughput {
    /// Nothing seen yet; `wait_limit_s` in seconds.
    pub fn new(wait_limit_s: f64) -> Self {
        let guess_per_min = 60.0 * SERVICES_IN_LIMIT / wait_limit_s;
        Self { guess_per_min, seen: Gamma { shape: 0.0, exposure: 0.0 }, joined: 0.0, minutes: 0.0 }
    }

    /// Time passed, minutes; `till_minutes` of all open tills where everybody had to wait, otherwise 0, and
    /// `served` probes left meanwhile.
    pub fn pass(&mut self, minutes: f64, till_minutes: f64, served: f64, penetration: f64) {
        let kept = (-minutes / FORGET_MIN).exp();
        // A probe that had not left after all is taken back, perhaps after it was counted.
        self.seen.shape = (self.seen.shape * kept + served).max(0.0);
        self.seen.exposure = self.seen.exposure * kept + till_minutes * penetration;
        let kept = (-minutes / ARRIVALS_MIN).exp();
        self.joined *= kept;
        self.minutes = if self.joined > 0.0 { self.minutes * kept + minutes } else { 0.0 };
    }

    /// So many people joined, or had not joined where negative.
    pub fn joined(&mut self, people: f64) {
        self.joined = (self.joined + people).max(0.0);
    }

    /// The tills sold to so many people in so many till-minutes, all of them busy.
    pub fn sold(&mut self, people: f64, till_minutes: f64) {
        self.seen.shape += people;
        self.seen.exposure += till_minutes;
    }

    /// People joining a minute.
    pub fn arrivals_per_min(&self) -> f64 {
        self.joined / self.minutes.max(ARRIVALS_FROM_MIN)
    }

    /// Whether services seen outweigh the guesses.
    pub fn is_known(&self) -> bool {
        self.seen.shape >= KNOWN_FROM && self.seen.exposure >= KNOWN_FROM_MIN
    }

    /// Services a minute of one till of several.
    pub fn service(&self, servers: f64) -> Gamma {
        let guess = Gamma::of(self.guess_per_min.max(self.arrivals_per_min() / servers), GUESS_WEIGHT);
        Gamma { shape: guess.shape + self.seen.shape, exposure: guess.exposure + self.seen.exposure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_taken_to_serve_as_many_as_come_until_services_are_seen() {
        let mut throughput = Throughput::new(300.0);
        assert_eq!(throughput.service(2.0).mean(), 1.0);
        for _ in 0..60 {
            throughput.joined(0.2);
            throughput.pass(1.0 / 60.0, 0.0, 0.0, 0.5);
        }
        assert!((throughput.arrivals_per_min() - 12.0).abs() < 1.0, "{}", throughput.arrivals_per_min());
        assert!((throughput.service(2.0).mean() - 6.0).abs() < 0.5);
        // Ten minutes of two busy tills, half the people heard: 15 probes served are 30 people, 1.5 a till.
        (0..10).for_each(|_| throughput.pass(1.0, 2.0, 1.5, 0.5));
        assert!((throughput.service(2.0).mean() - 1.5).abs() < 0.15, "{}", throughput.service(2.0).mean());
    }

    #[test]
    fn sales_tell_it_exactly() {
        let mut throughput = Throughput::new(300.0);
        throughput.sold(60.0, 30.0);
        assert!((throughput.service(3.0).mean() - 2.0).abs() < 0.05);
    }
}
