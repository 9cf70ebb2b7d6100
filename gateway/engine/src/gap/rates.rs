//! Rates that are not known exactly: gamma distributions, and what a gap between two probes says of them.
//!
//! In: counts over exposures. Out: posterior rates, and the likelihood of what was seen. A gap is the
//! unseen people between two probes: their number is never observed, so it is summed over in closed form.

use super::pmf::LENGTH;

/// A gamma distribution of a rate: `shape` things counted over `exposure`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    /// Things counted.
    pub shape: f64,
    /// Over how much.
    pub exposure: f64,
}

impl Gamma {
    /// A belief in a rate worth `weight` counted things.
    pub const fn of(rate: f64, weight: f64) -> Self {
        Self { shape: weight, exposure: weight / rate }
    }

    /// The expected rate.
    pub fn mean(&self) -> f64 {
        self.shape / self.exposure
    }

    /// A quantile given by its normal score, after Wilson and Hilferty (1931); within 1 % for shapes from 2.
    pub fn quantile(&self, normal_score: f64) -> f64 {
        let ninth = 1.0 / (9.0 * self.shape);
        self.mean() * (1.0 - ninth + normal_score * ninth.sqrt()).max(0.0).powi(3)
    }

    /// Forgets towards a prior, keeping the share `kept` of what was learned.
    pub fn forget_towards(&mut self, prior: Self, kept: f64) {
        self.shape = prior.shape + (self.shape - prior.shape) * kept;
        self.exposure = prior.exposure + (self.exposure - prior.exposure) * kept;
    }

    /// Goes the part `share` of the way to another belief.
    pub fn approach(&mut self, other: Self, share: f64) {
        self.shape += (other.shape - self.shape) * share;
        self.exposure += (other.exposure - self.exposure) * share;
    }

    /// The gamma of a mean and a variance.
    pub fn of_moments(mean: f64, variance: f64) -> Self {
        let exposure = mean / variance.max(1e-12 * mean * mean);
        Self { shape: mean * exposure, exposure }
    }
}

/// A gap whose end was seen: the next probe started service.
#[derive(Clone, Copy, Debug)]
pub struct SeenGap {
    /// Unseen people expected in the gap, if the arrival rate's gamma had a mean of 1.
    pub exposure: f64,
    /// Minutes of busy servers from the start of the one probe to the start of the next.
    pub server_minutes: f64,
}

/// What a seen gap says.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// The arrival rate's posterior.
    pub arrivals: Gamma,
    /// The service rate's posterior.
    pub service: Gamma,
    /// Logarithm of the likelihood, up to a constant of the gap.
    pub log_likelihood: f64,
}

/// The posterior of arrival and service rate after a gap, with its unseen count G summed out.
///
/// G given the arrival rate is Poisson, so its prior is negative binomial; G + 1 services took the time, so
/// that time is gamma of G + 1 given the service rate. Both posteriors are mixtures of gammas over G,
/// collapsed to their first two moments. Services are taken as exponential: believing them more regular
/// made the filter trust a wrong number of open tills (measured: rush, a fifth more error).
pub fn judge_gap(arrivals: Gamma, service: Gamma, gap: &SeenGap) -> Evidence {
    let worked = gap.server_minutes;
    let (odds, pace) = (gap.exposure / (arrivals.exposure + gap.exposure), worked / (service.exposure + worked));
    let first = arrivals.shape * (arrivals.exposure / (arrivals.exposure + gap.exposure)).ln()
        + service.shape * (1.0 - pace).ln();
    let (mut weight, mut scale, mut sums) = (1.0_f64, 0.0, [0.0_f64; 3]);
    for count in 0..LENGTH {
        let unseen = count as f64;
        for (sum, power) in sums.iter_mut().zip([1.0, unseen, unseen * unseen]) {
            *sum += weight * power;
        }
        let done = unseen + 1.0;
        let ratio = odds * pace * (arrivals.shape + unseen) * (service.shape + done) / (done * done);
        weight *= ratio;
        if ratio < 1.0 && weight < 1e-9 * sums[0] {
            break;
        }
        if weight > 1e200 {
            weight *= 1e-200;
            sums.iter_mut().for_each(|sum| *sum *= 1e-200);
            scale += 200.0 * std::f64::consts::LN_10;
        }
    }
    let (mean, square) = (sums[1] / sums[0], sums[2] / sums[0]);
    let variance = (square - mean * mean).max(0.0);
    Evidence {
        arrivals: collapse(arrivals, mean, variance, gap.exposure),
        service: collapse(service, mean + 1.0, variance, worked),
        log_likelihood: first + scale + sums[0].ln(),
    }
}

/// A gamma after a count known by its mean and variance over an exposure.
fn collapse(prior: Gamma, count_mean: f64, count_variance: f64, exposure: f64) -> Gamma {
    let (shape, exposure) = (prior.shape + count_mean, prior.exposure + exposure);
    Gamma::of_moments(shape / exposure, (shape + count_variance) / (exposure * exposure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gamma_keeps_its_moments_and_quantiles() {
        let gamma = Gamma::of_moments(2.0, 0.5);
        assert!((gamma.mean() - 2.0).abs() < 1e-12 && (gamma.shape - 8.0).abs() < 1e-9);
        // 95 % quantile of gamma(8, 4): 26.296 / 8.
        assert!((gamma.quantile(1.645) - 3.287).abs() < 0.02, "{}", gamma.quantile(1.645));
    }

    #[test]
    fn slow_service_over_a_gap_means_more_arrivals_than_thought() {
        let (theta, service) = (Gamma::of(1.0, 8.0), Gamma::of(1.0, 1_000.0));
        let judge = |minutes| judge_gap(theta, service, &SeenGap { exposure: 9.0, server_minutes: minutes });
        assert!((judge(10.0).arrivals.mean() - 1.0).abs() < 0.05);
        assert!(judge(30.0).arrivals.mean() > 1.3 && judge(2.0).arrivals.mean() < 0.85);
        // Arrivals known, service not: the time tells of the service.
        let known =
            judge_gap(Gamma::of(1.0, 1e6), Gamma::of(1.0, 5.0), &SeenGap { exposure: 9.0, server_minutes: 30.0 });
        assert!(known.service.mean() < 0.55 && (known.arrivals.mean() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn the_likelihood_prefers_the_rate_that_was() {
        let judge = |rate| {
            let gap = SeenGap { exposure: 9.0, server_minutes: 30.0 };
            judge_gap(Gamma::of(rate, 40.0), Gamma::of(1.0, 1_000.0), &gap).log_likelihood
        };
        assert!(judge(3.0) > judge(1.0) && judge(3.0) > judge(8.0));
    }
}
