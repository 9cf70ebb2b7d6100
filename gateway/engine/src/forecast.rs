//! The wait of somebody joining, now and in a quarter of an hour, and whether such forecasts come true.
//!
//! In: the distribution of people in line or in service, how they are served, how many will come. Out: the
//! wait's distribution, the probability that it exceeds a limit, the belief pushed ahead. Forecasts are
//! compared with the waits that followed and corrected. It refuses to correct before enough came true.

use crate::gap::pmf::{Chain, Pmf};
use crate::gap::rates::Gamma;
use crate::time::{Duration, Timestamp};

mod calibration;
pub use calibration::Calibration;

/// Normal scores of the 10, 30, 50, 70 and 90 % quantiles: five equal parts of the arrival rate's belief.
const FIFTHS: [f64; 5] = [-1.2816, -0.5244, 0.0, 0.5244, 1.2816];

/// The arrival rate is taken as constant over so long: a slot of the profile.
const PIECE: Duration = Duration::from_mins(15);

/// How people in line are served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Services a minute while all servers are busy.
    pub busy_per_min: f64,
    /// Servers.
    pub servers: usize,
    /// Squared coefficient of variation of service times.
    pub variation: f64,
}

/// What to expect at some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Expected wait of somebody joining then, seconds.
    pub wait_s: f64,
    /// Probability that it exceeds the queue's limit.
    pub p_wait_over_limit: f64,
}

/// The wait of somebody joining: nothing with some probability, otherwise about gamma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// Expected wait, minutes.
    pub mean_min: f64,
    /// Probability of having to wait at all.
    pub p_wait: f64,
    /// Variance of the wait of those who wait, minutes squared.
    variance: f64,
}

impl Service {
    /// The wait of somebody who finds so many in line or in service. With j services to go it is a sum of j
    /// intervals: mean `j/m`, variance `v j/m²`.
    pub fn wait(&self, in_system: &Pmf) -> Wait {
        let (mut p_wait, mut first, mut second) = (0.0, 0.0, 0.0);
        for (people, mass) in in_system.entries().skip(self.servers) {
            let services = (people - self.servers + 1) as f64;
            p_wait += mass;
            first += mass * services;
            second += mass * services * (services + self.variation);
        }
        if p_wait < 1e-9 {
            return Wait { mean_min: 0.0, p_wait: 0.0, variance: 0.0 };
        }
        let (mean, square) = (first / p_wait, second / p_wait);
        let variance = (square - mean * mean).max(0.0) / self.busy_per_min.powi(2);
        Wait { mean_min: first / self.busy_per_min, p_wait, variance }
    }

    /// Probability that somebody who finds so many waits longer: fewer services than needed in that time.
    /// `P(W > N) = sum over n of f(n) P(services in N <= n - c)`, methods (h).
    pub fn longer(&self, in_system: &Pmf, minutes: f64) -> f64 {
        let stages_done = self.busy_per_min * minutes / self.variation;
        let longer = |people: usize| {
            let stages = (people - self.servers + 1) as f64 / self.variation;
            1.0 - gamma_below(stages, stages_done)
        };
        in_system.entries().skip(self.servers).map(|(people, mass)| mass * longer(people)).sum::<f64>().min(1.0)
    }
}

impl Wait {
    /// A quantile, minutes.
    pub fn quantile_min(&self, share: f64) -> f64 {
        let share_waiting = (share - (1.0 - self.p_wait)) / self.p_wait;
        if self.p_wait <= 0.0 || share_waiting <= 0.0 || self.variance <= 0.0 {
            return 0.0;
        }
        let mean = self.mean_min / self.p_wait;
        let gamma = Gamma { shape: mean * mean / self.variance, exposure: mean / self.variance };
        gamma.quantile(normal_score(share_waiting.min(0.9999)))
    }
}

/// Lets the line run on: arrivals after the profile times theta, over five equal parts of theta's belief.
pub fn push(
    now: &Pmf,
    chain: &Chain,
    theta: Gamma,
    at: Timestamp,
    ahead: Duration,
    people: impl Fn(Timestamp, Timestamp) -> f64,
) -> Pmf {
    let pieces = (ahead.as_micros() / PIECE.as_micros()).clamp(1, 24);
    let piece = Duration::from_micros(ahead.as_micros() / pieces);
    let minutes = piece.as_secs_f64() / 60.0;
    let mut pushed = Pmf::empty();
    for score in FIFTHS {
        let mut part = now.clone();
        for number in 0..pieces {
            let from = at + Duration::from_micros(piece.as_micros() * number);
            let arrivals_per_min = theta.quantile(score) * people(from, from + piece) / minutes;
            part.run(&Chain { arrivals_per_min, ..*chain }, minutes);
        }
        pushed.add(1.0 / FIFTHS.len() as f64, &part, 0);
    }
    pushed
}

/// Probability that a gamma variable of a shape and rate 1 lies below `x`: exact sums for whole shapes up to
/// 8, beyond that Wilson and Hilferty's cube root (1931), there within 0.003.
fn gamma_below(shape: f64, x: f64) -> f64 {
    if shape <= 8.0 && shape.fract() == 0.0 {
        let mut term = (-x).exp();
        let mut fewer = 0.0;
        for count in 0..shape as u32 {
            fewer += term;
            term *= x / f64::from(count + 1);
        }
        return 1.0 - fewer;
    }
    let ninth = 1.0 / (9.0 * shape);
    normal_below(((x / shape).cbrt() - 1.0 + ninth) / ninth.sqrt())
}

/// The normal distribution function, after Abramowitz and Stegun 26.2.17; error below 8e-8.
fn normal_below(score: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * score.abs());
    let density = (-0.5 * score * score).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let polynomial =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let above = density * polynomial;
    if score >= 0.0 { 1.0 - above } else { above }
}

/// The normal score of a probability, after Abramowitz and Stegun 26.2.23; error below 4.5e-4.
pub fn normal_score(probability: f64) -> f64 {
    let tail = probability.min(1.0 - probability).max(1e-12);
    let t = (-2.0 * tail.ln()).sqrt();
    let score =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if probability < 0.5 { -score } else { score }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: Service = Service { busy_per_min: 2.0, servers: 2, variation: 1.0 };

    #[test]
    fn one_who_finds_nobody_does_not_wait() {
        assert_eq!(SERVICE.wait(&Pmf::point(1)).mean_min, 0.0);
        assert_eq!(SERVICE.longer(&Pmf::point(1), 0.0), 0.0);
    }

    #[test]
    fn the_wait_is_the_services_to_go() {
        // Ten in the system, two of them served: nine services to go at two a minute.
        let wait = SERVICE.wait(&Pmf::point(10));
        assert!((wait.mean_min - 4.5).abs() < 1e-9);
        // Erlang(9, 2): 5 % and 95 % quantiles 2.35 and 7.22 minutes.
        assert!((wait.quantile_min(0.05) - 2.35).abs() < 0.05 && (wait.quantile_min(0.95) - 7.22).abs() < 0.08);
        // P(Poisson(10) <= 8) = 0.3328.
        assert!((SERVICE.longer(&Pmf::point(10), 5.0) - 0.3328).abs() < 0.003);
    }

    #[test]
    fn the_distribution_functions_agree_with_tables() {
        assert!((normal_below(1.6449) - 0.95).abs() < 1e-4 && (normal_score(0.95) - 1.6449).abs() < 1e-3);
        assert!((gamma_below(3.0, 2.0) - 0.3233).abs() < 1e-3);
        assert!((gamma_below(12.5, 10.0) - 0.2521).abs() < 0.01, "{}", gamma_below(12.5, 10.0));
    }

    #[test]
    fn the_belief_pushed_ahead_mixes_the_arrival_rates() {
        let chain = Chain { arrivals_per_min: 0.0, service_per_min: 1.0, servers: 2, departures_seen: false };
        let at = Timestamp::from_micros(0);
        let people = |from: Timestamp, to: Timestamp| 3.0 * to.since(from).as_secs_f64() / 60.0;
        let sure = push(&Pmf::point(20), &chain, Gamma::of(1.0, 1e6), at, Duration::from_mins(15), people);
        let unsure = push(&Pmf::point(20), &chain, Gamma::of(1.0, 8.0), at, Duration::from_mins(15), people);
        assert!((sure.moments().0 - 35.0).abs() < 0.5 && (sure.moments().1 - 75.0).abs() < 3.0);
        assert!(unsure.moments().1 > 2.0 * sure.moments().1);
    }
}
