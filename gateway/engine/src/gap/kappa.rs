//! Today's arrivals against the profile, and those of this very moment against today's.
//!
//! In: probes that join, or do not; gaps that have been served. Out: the arrival rate as a factor on the
//! profile (theta), over the day and behind the first waiting probe, with how sure it is. Hypotheses of
//! two kinds are weighed by how well they predict the next probe and the next start of service: how far
//! days lie from the profile, and kappa, 1 over the squared coefficient of variation of the rate of a
//! moment. A large kappa trusts the running rate, zero is count scaling.

use super::rates::{Gamma, SeenGap, judge_gap};

/// Hypotheses on the moment, from methods (c).
pub const KAPPAS: [f64; 4] = [1.5, 4.0, 12.0, 40.0];

/// Belief in them before anything was seen: 12 was best on the seeds kappa was chosen on, the small ones are
/// for moments that leave the profile.
const KAPPA_PRIOR: [f64; KAPPAS.len()] = [0.1, 0.2, 0.4, 0.3];

/// Hypotheses on the day: the weight of the profile in probes counted, which is 1 over the squared
/// coefficient of variation of the day's factor, and over how many minutes that factor changes. A surge, a
/// day off the profile (8 is the weight of methods (c)), a day like the others, and one exactly like them.
const DAYS: [(f64, f64); 4] = [(3.0, 30.0), (8.0, 60.0), (40.0, 60.0), (400.0, 60.0)];

const DAY_PRIOR: [f64; DAYS.len()] = [0.15, 0.25, 0.3, 0.3];

/// All hypotheses: each kappa with each kind of day.
const COUNT: usize = KAPPAS.len() * DAYS.len();

/// Weight of a profile that has not been watched yet.
const WEIGHT_MIN: f64 = 1.0;

/// Which hypothesis holds is forgotten over this time: about the length of an event.
const FORGET_MIN: f64 = 600.0;

/// No hypothesis falls further behind the best than this (natural logarithm), so that the day on which it
/// holds is recognised at once (fixed share, Herbster and Warmuth 1998).
const BEHIND_MAX: f64 = 6.0;

/// The time behind the first waiting probe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Probes expected in it by the profile alone.
    pub expected: f64,
    /// Probes that joined in it.
    pub probes: f64,
}

/// The arrival rate behind a probe, under one hypothesis.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Probability of the hypothesis.
    pub weight: f64,
    /// Gamma shape of the rate: its certainty.
    pub shape: f64,
    /// Expected rate over the profile's.
    pub factor: f64,
}

/// All hypotheses.
#[derive(Clone, Copy, Debug)]
pub struct KappaMixture {
    /// Theta by kind of day.
    thetas: [Gamma; DAYS.len()],
    /// Logarithm of each hypothesis' weight over its prior.
    gains: [f64; COUNT],
}

impl Span {
    /// The rate behind the span's probe at a running rate and a kappa.
    fn local(&self, theta: f64, kappa: f64) -> Local {
        let shape = kappa + self.probes;
        Local { weight: 0.0, shape, factor: theta * shape / (kappa + theta * self.expected) }
    }
}

/// Kappa and kind of day of a hypothesis.
fn hypothesis(index: usize) -> (f64, usize) {
    (KAPPAS[index % KAPPAS.len()], index / KAPPAS.len())
}

fn prior(day: usize, trust: f64) -> Gamma {
    Gamma::of(1.0, (DAYS[day].0 * trust).max(WEIGHT_MIN))
}

impl KappaMixture {
    /// Nothing seen yet; `trust` in the profile from 0 to 1.
    pub fn new(trust: f64) -> Self {
        Self { thetas: std::array::from_fn(|day| prior(day, trust)), gains: [0.0; COUNT] }
    }

    /// Keeps every hypothesis within reach.
    fn hold(&mut self) {
        let largest = self.gains.iter().copied().fold(f64::MIN, f64::max);
        self.gains.iter_mut().for_each(|gain| *gain = (*gain - largest).max(-BEHIND_MAX));
    }

    /// Probability of each hypothesis.
    fn weights(&self) -> [f64; COUNT] {
        let largest = self.gains.iter().copied().fold(f64::MIN, f64::max);
        let weight = |index: usize| {
            let (_, day) = hypothesis(index);
            DAY_PRIOR[day] * KAPPA_PRIOR[index % KAPPAS.len()] * (self.gains[index] - largest).exp()
        };
        let weights: [f64; COUNT] = std::array::from_fn(weight);
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    /// Probability of each kappa.
    pub fn kappa_weights(&self) -> [f64; KAPPAS.len()] {
        let weights = self.weights();
        std::array::from_fn(|kappa| (0..DAYS.len()).map(|day| weights[day * KAPPAS.len() + kappa]).sum())
    }

    /// Today's arrivals over the profile's.
    pub fn theta(&self) -> Gamma {
        let (mut mean, mut square) = (0.0, 0.0);
        for (index, weight) in self.weights().into_iter().enumerate() {
            let theta = self.thetas[hypothesis(index).1];
            mean += weight * theta.mean();
            square += weight * theta.mean() * theta.mean() * (1.0 + 1.0 / theta.shape);
        }
        Gamma::of_moments(mean, square - mean * mean)
    }

    /// The rate behind a probe, under each hypothesis.
    pub fn locals(&self, span: &Span) -> [Local; COUNT] {
        let weights = self.weights();
        std::array::from_fn(|index| {
            let (kappa, day) = hypothesis(index);
            Local { weight: weights[index], ..span.local(self.thetas[day].mean(), kappa) }
        })
    }

    /// Time passed in which the profile expected so many probes and none joined. `span` is the one behind the
    /// first waiting probe before that time, if one waits.
    pub fn pass(&mut self, minutes: f64, expected: f64, span: Option<&Span>, trust: f64) {
        let kept = (-minutes / FORGET_MIN).exp();
        for (index, gain) in self.gains.iter_mut().enumerate() {
            let (kappa, day) = hypothesis(index);
            let theta = self.thetas[day];
            let none = match span {
                Some(span) => {
                    let mean = theta.mean();
                    -(kappa + span.probes) * (mean * expected / (kappa + mean * span.expected)).ln_1p()
                }
                None => -theta.shape * (expected / theta.exposure).ln_1p(),
            };
            *gain = *gain * kept + none;
        }
        for (day, theta) in self.thetas.iter_mut().enumerate() {
            theta.forget_towards(prior(day, trust), (-minutes / DAYS[day].1).exp());
            theta.exposure += expected;
        }
    }

    /// A probe joined: each hypothesis is weighed by the rate it had predicted.
    pub fn joined(&mut self, span: Option<&Span>) {
        for (index, gain) in self.gains.iter_mut().enumerate() {
            let (kappa, day) = hypothesis(index);
            let theta = self.thetas[day].mean();
            *gain += span.map_or(theta, |span| span.local(theta, kappa).factor).ln();
        }
        self.hold();
        self.thetas.iter_mut().for_each(|theta| theta.shape += 1.0);
    }

    /// A probe had not joined after all.
    pub fn not_joined(&mut self) {
        self.thetas.iter_mut().for_each(|theta| theta.shape = (theta.shape - 1.0).max(0.5));
    }

    /// A gap was served that lay `age_min` ago, behind a probe with this span.
    pub fn served(&mut self, gap: &SeenGap, service: Gamma, span: &Span, age_min: f64) {
        for (index, gain) in self.gains.iter_mut().enumerate() {
            let (kappa, day) = hypothesis(index);
            let local = span.local(self.thetas[day].mean(), kappa);
            *gain += judge_gap(Gamma::of(local.factor, local.shape), service, gap).log_likelihood;
        }
        self.hold();
        for (theta, (_, forget_min)) in self.thetas.iter_mut().zip(DAYS) {
            theta.approach(judge_gap(*theta, service, gap).arrivals, (-age_min / forget_min).exp());
        }
    }

    /// So many unseen people were counted where the profile expected `exposure`, `age_min` ago.
    pub fn counted(&mut self, people: f64, exposure: f64, age_min: f64) {
        for (index, gain) in self.gains.iter_mut().enumerate() {
            let theta = self.thetas[hypothesis(index).1];
            let part = exposure / (theta.exposure + exposure);
            // The negative binomial but for what does not depend on the hypothesis.
            let ways: f64 = (0..people.min(500.0) as u32).map(|n| (theta.shape + f64::from(n)).ln()).sum();
            *gain += theta.shape * (1.0 - part).ln() + people * part.ln() + ways;
        }
        self.hold();
        for (theta, (_, forget_min)) in self.thetas.iter_mut().zip(DAYS) {
            let kept = (-age_min / forget_min).exp();
            theta.shape += kept * people;
            theta.exposure += kept * exposure;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins at `pace` times the profile for a while; gives the weights of the smallest and the largest kappa.
    fn after_pace(pace: usize) -> (f64, f64) {
        let mut mixture = KappaMixture::new(1.0);
        let mut span = Span::default();
        for _ in 0..20 {
            mixture.pass(1.0, 1.0, Some(&span), 1.0);
            span.expected += 1.0;
            for _ in 0..pace {
                mixture.joined(Some(&span));
                span.probes += 1.0;
            }
        }
        let weights = mixture.kappa_weights();
        (weights[0], weights[3])
    }

    #[test]
    fn a_rate_as_expected_favours_the_profile_and_another_does_not() {
        let (calm, surge) = (after_pace(1), after_pace(4));
        assert!(calm.1 > 0.35 && calm.0 < 0.1, "{calm:?}");
        assert!(surge.0 > calm.0 && surge.1 < 0.1, "{surge:?}");
    }

    #[test]
    fn kappa_goes_from_scaling_to_the_profile() {
        let span = Span { expected: 2.0, probes: 6.0 };
        assert!((span.local(1.0, 1e-9).factor - 3.0).abs() < 1e-6);
        assert!((span.local(1.0, 1e9).factor - 1.0).abs() < 1e-6);
    }

    #[test]
    fn theta_follows_the_day_and_returns_to_the_profile() {
        let mut mixture = KappaMixture::new(1.0);
        for _ in 0..60 {
            mixture.pass(1.0, 1.0, None, 1.0);
            mixture.joined(None);
            mixture.joined(None);
        }
        assert!(mixture.theta().mean() > 1.5, "{:?}", mixture.theta());
        mixture.pass(600.0, 0.0, None, 1.0);
        assert!((mixture.theta().mean() - 1.0).abs() < 0.01);
    }
}
