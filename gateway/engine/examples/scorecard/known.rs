//! The exact filter of a steady queue whose arrival and service rates are known: the floor for probes.
//!
//! In: the same probes as the filter under test. Out: the distribution of people in line or in service.
//! It is the reference simulation's exact filter, for exponential services of one minute.

use venue_engine::gap::pmf::{Chain, Pmf};

/// The exact filter.
pub struct KnownRates {
    unseen_per_min: f64,
    servers: usize,
    /// Join times of the waiting probes.
    waiting: Vec<f64>,
    /// Unseen people ahead of the first of them, or everybody when none waits.
    belief: Pmf,
    minute: f64,
}

impl KnownRates {
    /// An empty line.
    pub fn new(unseen_per_min: f64, servers: usize) -> Self {
        Self { unseen_per_min, servers, waiting: Vec::new(), belief: Pmf::point(0), minute: 0.0 }
    }

    fn advance(&mut self, minute: f64) {
        let passed = minute - self.minute;
        self.minute = minute;
        if !self.waiting.is_empty() {
            self.belief.serve(passed * self.servers as f64);
            return;
        }
        let arrivals_per_min = self.unseen_per_min;
        let chain = Chain { arrivals_per_min, service_per_min: 1.0, servers: self.servers, departures_seen: false };
        self.belief.run(&chain, passed);
    }

    /// A probe joined and had to wait, or was served at once.
    pub fn joined(&mut self, minute: f64, waits: bool) {
        self.advance(minute);
        if !self.waiting.is_empty() {
            self.waiting.push(minute);
        } else if waits {
            self.belief = self.belief.given_at_least(self.servers).unwrap_or_else(|| Pmf::point(0));
            self.waiting.push(minute);
        } else {
            self.belief = self.belief.given_below(self.servers).unwrap_or_else(|| Pmf::point(0)).and(1);
        }
    }

    /// The first waiting probe was served.
    pub fn started(&mut self, minute: f64) {
        self.advance(minute);
        let joined = self.waiting.remove(0);
        self.belief = match self.waiting.first() {
            Some(next) => Pmf::poisson(self.unseen_per_min * (next - joined)),
            None => Pmf::poisson(self.unseen_per_min * (minute - joined)).and(self.servers),
        };
    }

    /// Everybody in line or in service.
    pub fn in_system(&mut self, minute: f64) -> Pmf {
        self.advance(minute);
        match self.waiting.first() {
            Some(first) => {
                let behind = Pmf::poisson(self.unseen_per_min * (minute - first));
                self.belief.sum(&behind).and(self.waiting.len() + self.servers)
            }
            None => self.belief.clone(),
        }
    }
}
