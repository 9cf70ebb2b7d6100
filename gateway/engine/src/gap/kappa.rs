//! How far the arrival rate of this very moment may lie from the running one: a mixture over kappa.
//!
//! In: probes that join, or do not, behind the first one waiting. Out: for each kappa the local rate
//! there, as a factor on the running rate, and how likely that kappa is. Kappa is 1 over the squared
//! coefficient of variation of the local rate: large trusts the profile, zero is count scaling.

/// The hypotheses, from methods (c).
pub const KAPPAS: [f64; 4] = [1.5, 4.0, 12.0, 40.0];

/// Belief before anything was seen: 12 was best on the seeds kappa was chosen on, the rest are for days
/// that leave the profile.
const PRIOR: [f64; 4] = [0.1, 0.2, 0.4, 0.3];

/// What was learned of kappa is forgotten over this time: a rush is over by then.
const FORGET_MIN: f64 = 120.0;

/// The span behind the first waiting probe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Probes expected in it at the running rate.
    pub probes_expected: f64,
    /// Probes that joined in it.
    pub probes: f64,
}

/// Weights of the hypotheses, as logarithms relative to the prior.
#[derive(Clone, Copy, Debug, Default)]
pub struct KappaMixture {
    gain: [f64; KAPPAS.len()],
}

impl Span {
    /// The local rate over the running one.
    pub fn factor(&self, kappa: f64) -> f64 {
        (kappa + self.probes) / (kappa + self.probes_expected)
    }

    /// The shape of the local rate's gamma.
    pub fn shape(&self, kappa: f64) -> f64 {
        kappa + self.probes
    }
}

impl KappaMixture {
    /// Probability of each kappa.
    pub fn weights(&self) -> [f64; KAPPAS.len()] {
        let largest = self.gain.iter().copied().fold(f64::MIN, f64::max);
        let mut weights = PRIOR;
        for (weight, gain) in weights.iter_mut().zip(self.gain) {
            *weight *= (gain - largest).exp();
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    /// Time passed while the span's expectation grew to `span` from `probes_expected_before`.
    pub fn pass(&mut self, minutes: f64, probes_expected_before: f64, span: &Span) {
        let kept = (-minutes / FORGET_MIN).exp();
        for (gain, kappa) in self.gain.iter_mut().zip(KAPPAS) {
            let growth = (kappa + span.probes_expected) / (kappa + probes_expected_before);
            *gain = *gain * kept - span.shape(kappa) * growth.ln();
        }
    }

    /// A probe joined: each kappa is weighed by the rate it had predicted.
    pub fn joined(&mut self, span: &Span) {
        self.weigh(|kappa| span.factor(kappa).ln());
    }

    /// Adds a log-likelihood to each kappa.
    pub fn weigh(&mut self, log_likelihood: impl Fn(f64) -> f64) {
        for (gain, kappa) in self.gain.iter_mut().zip(KAPPAS) {
            *gain += log_likelihood(kappa);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins at `pace` times the running rate for a while and tells the weight of the smallest and largest kappa.
    fn after_pace(pace: usize) -> (f64, f64) {
        let mut mixture = KappaMixture::default();
        let mut span = Span::default();
        for _ in 0..20 {
            let before = span.probes_expected;
            span.probes_expected += 1.0;
            mixture.pass(1.0, before, &span);
            for _ in 0..pace {
                mixture.joined(&span);
                span.probes += 1.0;
            }
        }
        let weights = mixture.weights();
        (weights[0], weights[3])
    }

    #[test]
    fn a_rate_as_expected_favours_the_profile_and_another_does_not() {
        let (calm, surge) = (after_pace(1), after_pace(4));
        assert!(calm.1 > 0.4 && calm.0 < 0.1, "{calm:?}");
        assert!(surge.0 > 0.3 && surge.1 < 0.1, "{surge:?}");
    }

    #[test]
    fn kappa_goes_from_scaling_to_the_profile() {
        let span = Span { probes_expected: 2.0, probes: 6.0 };
        assert!((span.factor(1e-9) - 3.0).abs() < 1e-6);
        assert!((span.factor(1e9) - 1.0).abs() < 1e-6);
    }
}
