//! A line before some tills: who came, who was served when, who gave up.
//!
//! In: a scenario and a seed. Out: people in the order they came. Times are minutes. The two shapes are
//! those of the reference simulations: a steady M/M/c and a rush whose true rate is off the profile by a
//! random factor in every period.

use super::random::Random;
use std::f64::consts::TAU;

/// Length of a period of the rush, minutes.
pub const PERIOD_MIN: f64 = 150.0;

/// How the arrivals go.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Constant, at this load.
    Steady(f64),
    /// `0.62 (1 + 0.7 sin)` of the capacity in periods of 150 minutes, each times a log-normal factor of this sd.
    Rush(f64),
}

/// A scenario. `Default` is the rush of the reference.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Arrivals.
    pub shape: Shape,
    /// Share of parties with a probe.
    pub penetration: f64,
    /// The share the filter is told.
    pub believed: f64,
    /// Tills.
    pub servers: usize,
    /// Services a minute the filter is told, and how many services that is worth. The true rate is 1.
    pub service_believed: (f64, f64),
    /// Coefficient of variation of a service; its mean is one minute.
    pub service_cv: f64,
    /// Joins and starts are seen late by |N(0, this)| minutes.
    pub late_min: f64,
    /// One till is closed from one minute to another.
    pub closed: Option<(f64, f64)>,
    /// Mean patience of an exponential, minutes.
    pub patience_min: Option<f64>,
    /// Mean size of a party; one of them carries the probe, all are served as one.
    pub party_size: f64,
    /// Parties that come.
    pub parties: usize,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            shape: Shape::Rush(0.2),
            penetration: 0.2,
            believed: 0.2,
            servers: 2,
            service_believed: (1.0, 1_000.0),
            service_cv: 0.6,
            late_min: 0.0,
            closed: None,
            patience_min: None,
            party_size: 1.0,
            parties: 3_500,
        }
    }
}

/// One party's way.
#[derive(Clone, Copy, Debug)]
pub struct Party {
    /// Came.
    pub arrived: f64,
    /// Left the line: service started, or gave up.
    pub left_line: f64,
    /// Service ended; `None` when they gave up.
    pub served: Option<f64>,
    /// The wait they would have had with patience.
    pub wait: f64,
    /// Whether they are heard.
    pub probe: bool,
    /// Heads.
    pub size: f64,
    /// How late joining and starting were seen.
    pub late: f64,
}

impl Scenario {
    /// The rush or the steady queue at a penetration.
    pub fn at(shape: Shape, penetration: f64) -> Self {
        let (service_cv, parties) = match shape {
            Shape::Steady(_) => (1.0, 4_500),
            Shape::Rush(_) => (0.6, 3_500),
        };
        Self { shape, penetration, believed: penetration, service_cv, parties, ..Self::default() }
    }

    /// Arrivals a minute the profile expects.
    pub fn profile(&self, minute: f64) -> f64 {
        let capacity = self.servers as f64;
        match self.shape {
            Shape::Steady(load) => load * capacity,
            Shape::Rush(_) => 0.62 * capacity * (1.0 + 0.7 * (TAU * minute / PERIOD_MIN).sin()),
        }
    }

    /// Everybody who comes.
    pub fn run(&self, seed: u64) -> Vec<Party> {
        let mut random = Random::new(seed);
        let arrivals = self.arrivals(&mut random);
        let mut free = vec![0.0; self.servers];
        arrivals.into_iter().map(|arrived| self.serve(arrived, &mut free, &mut random)).collect()
    }

    fn arrivals(&self, random: &mut Random) -> Vec<f64> {
        let deviation = match self.shape {
            Shape::Steady(_) => 0.0,
            Shape::Rush(deviation) => deviation,
        };
        let factor = |random: &mut Random| (deviation * random.normal() - deviation * deviation / 2.0).exp();
        let factors: Vec<f64> = (0..400).map(|_| factor(random)).collect();
        let highest = factors.iter().copied().fold(1.0, f64::max) * 1.7 * self.servers as f64;
        let (mut minute, mut arrivals) = (0.0, Vec::with_capacity(self.parties));
        while arrivals.len() < self.parties {
            minute += random.exponential(1.0 / highest);
            let factor = factors[(minute / PERIOD_MIN) as usize % factors.len()];
            if random.chance(self.profile(minute) * factor / highest) {
                arrivals.push(minute);
            }
        }
        arrivals
    }

    fn serve(&self, arrived: f64, free: &mut [f64], random: &mut Random) -> Party {
        let start = |server: usize, free: f64| {
            let start = f64::max(free, arrived);
            match self.closed {
                Some((from, to)) if server + 1 == self.servers && start >= from && start < to => to,
                _ => start,
            }
        };
        let first = (0..free.len()).min_by(|a, b| start(*a, free[*a]).total_cmp(&start(*b, free[*b]))).unwrap_or(0);
        let started = start(first, free[first]);
        let wait = started - arrived;
        let stages = 1.0 / (self.service_cv * self.service_cv);
        let length = random.gamma(stages, 1.0 / stages);
        let patience = self.patience_min.map_or(f64::INFINITY, |mean| random.exponential(mean));
        let gave_up = wait > patience;
        if !gave_up {
            free[first] = started + length;
        }
        let probe = random.chance(self.penetration);
        let late = if self.late_min > 0.0 { (random.normal() * self.late_min).abs().min(0.9 * wait) } else { 0.0 };
        let size = 1.0 + random.poisson(self.party_size - 1.0) as f64;
        let left_line = if gave_up { arrived + patience } else { started };
        Party { arrived, left_line, served: (!gave_up).then_some(started + length), wait, probe, size, late }
    }
}
