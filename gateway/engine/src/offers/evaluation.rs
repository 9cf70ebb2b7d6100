//! What another policy would have earned, from the log of this one.
//!
//! In: for each logged decision the reward, how likely the log's policy and the other one were to do what was
//! done, and what an estimate says of it. Out: the other policy's mean reward by five estimators, each with a
//! 95 % interval, and the effective sample size. It refuses nothing; with an effective sample size under
//! `VERDICT_MIN` no verdict should be read from it.
//!
//! IPS weighs each reward by how much likelier the other policy was to earn it (Horvitz and Thompson 1952);
//! SNIPS divides by the weights' sum (Swaminathan and Joachims 2015); DR corrects an estimate by the weighed
//! error (Dudik et al. 2011); Switch-DR drops weights beyond a threshold (Wang et al. 2017); DR-OS shrinks
//! them (Su et al. 2020). Thresholds are chosen by the estimated mean squared error.

/// Effective sample size under which a comparison says nothing.
pub const VERDICT_MIN: f64 = 200.0;
/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_964;
/// Thresholds of Switch-DR and squares of those of DR-OS that are tried, smallest first.
const THRESHOLDS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1_000.0, 10_000.0];

/// One logged decision, as an evaluation sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// What was earned.
    pub reward: f64,
    /// Probability of what was done under the log's policy.
    pub logged: f64,
    /// The same under the other policy.
    pub target: f64,
    /// Reward estimated for what was done.
    pub estimate: f64,
    /// Reward estimated for the other policy: over all it might do, by how likely.
    pub estimate_target: f64,
}

impl Round {
    fn weight(&self) -> f64 {
        self.target / self.logged
    }
}

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// The estimate.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What the estimators say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Inverse propensity score.
    pub ips: Value,
    /// The same, normalised by the weights.
    pub snips: Value,
    /// Doubly robust.
    pub dr: Value,
    /// Doubly robust without weights beyond `switch_at`.
    pub switch_dr: Value,
    /// Doubly robust with weights shrunk by `shrunk_at`.
    pub dr_os: Value,
    /// Threshold chosen for Switch-DR.
    pub switch_at: f64,
    /// Shrinkage chosen for DR-OS.
    pub shrunk_at: f64,
    /// Rounds the weighted ones are worth.
    pub effective: f64,
}

/// Evaluates; zero everywhere for no rounds.
pub fn evaluate(rounds: &[Round]) -> Evaluation {
    let switch_at = tuned(rounds, switch_dr);
    let shrunk_at = tuned(rounds, dr_os);
    Evaluation {
        ips: value(rounds, |round| round.weight() * round.reward),
        snips: snips(rounds),
        dr: value(rounds, |round| corrected(round, round.weight())),
        switch_dr: value(rounds, |round| corrected(round, switch_dr(round.weight(), switch_at))),
        dr_os: value(rounds, |round| corrected(round, dr_os(round.weight(), shrunk_at))),
        switch_at,
        shrunk_at,
        effective: effective(rounds),
    }
}

/// Switch-DR with a given threshold, for comparison with other programs.
pub fn switch_dr_at(rounds: &[Round], threshold: f64) -> Value {
    value(rounds, |round| corrected(round, switch_dr(round.weight(), threshold)))
}

/// DR-OS with a given shrinkage, for comparison with other programs.
pub fn dr_os_at(rounds: &[Round], shrinkage: f64) -> Value {
    value(rounds, |round| corrected(round, dr_os(round.weight(), shrinkage)))
}

/// The estimate for the other policy, corrected by the weighed error at what was done.
fn corrected(round: &Round, weight: f64) -> f64 {
    round.estimate_target + weight * (round.reward - round.estimate)
}

fn switch_dr(weight: f64, threshold: f64) -> f64 {
    if weight <= threshold { weight } else { 0.0 }
}

fn dr_os(weight: f64, shrinkage: f64) -> f64 {
    shrinkage * weight / (weight * weight + shrinkage)
}

/// The threshold of least estimated squared error: variance of the mean plus the square of the bias that
/// changing the weights brings.
fn tuned(rounds: &[Round], change: fn(f64, f64) -> f64) -> f64 {
    let error = |threshold: &f64| {
        let (_, variance) = moments(rounds, |round| corrected(round, change(round.weight(), *threshold)));
        let bias =
            |round: &Round| (round.weight() - change(round.weight(), *threshold)) * (round.reward - round.estimate);
        let (bias, _) = moments(rounds, bias);
        variance + bias * bias
    };
    let errors = THRESHOLDS.iter().map(|threshold| (error(threshold), *threshold));
    errors.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, threshold)| threshold)
}

/// Mean, and the variance of that mean.
fn moments(rounds: &[Round], of: impl Fn(&Round) -> f64) -> (f64, f64) {
    let count = rounds.len() as f64;
    if rounds.is_empty() {
        return (0.0, 0.0);
    }
    let mean = rounds.iter().map(&of).sum::<f64>() / count;
    let squares: f64 = rounds.iter().map(|round| (of(round) - mean).powi(2)).sum();
    (mean, if count > 1.0 { squares / (count - 1.0) / count } else { 0.0 })
}

fn value(rounds: &[Round], of: impl Fn(&Round) -> f64) -> Value {
    let (mean, variance) = moments(rounds, of);
    interval(mean, variance)
}

fn interval(mean: f64, variance: f64) -> Value {
    let half = Z * variance.sqrt();
    Value { mean, low: mean - half, high: mean + half }
}

/// A ratio of means; its variance by the delta method.
fn snips(rounds: &[Round]) -> Value {
    let weights: f64 = rounds.iter().map(Round::weight).sum();
    if weights <= 0.0 {
        return interval(0.0, 0.0);
    }
    let ratio = rounds.iter().map(|round| round.weight() * round.reward).sum::<f64>() / weights;
    let squares: f64 = rounds.iter().map(|round| (round.weight() * (round.reward - ratio)).powi(2)).sum();
    interval(ratio, squares / (weights * weights))
}

/// Kish's effective sample size: (sum of weights) squared over the sum of squared weights.
fn effective(rounds: &[Round]) -> f64 {
    let sum: f64 = rounds.iter().map(Round::weight).sum();
    let squares: f64 = rounds.iter().map(|round| round.weight().powi(2)).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::choice::SecretHash;
    use super::*;

    /// Even draws from a counter.
    struct Draws(SecretHash, u64);

    impl Draws {
        fn next(&mut self) -> f64 {
            self.1 += 1;
            (self.0.of(&self.1.to_le_bytes()) as u64 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// A log of three arms with the rates 0.1, 0.2 and 0.4: mostly the best of a poor guess, a fifth evenly;
    /// the other policy takes the last arm. Its true value is 0.4. The estimate knows the rates by half.
    fn log(count: usize, seed: u64) -> Vec<Round> {
        let mut draws = Draws(SecretHash::new(seed, "evaluation test"), 0);
        let (rates, even) = ([0.1, 0.2, 0.4], 0.2);
        let round = |_| {
            let guess = if draws.next() < 0.5 { 2 } else { (draws.next() * 2.0) as usize };
            let arm = if draws.next() < even { (draws.next() * 3.0) as usize } else { guess };
            // Seen from outside the guess: half the time the last arm, a quarter each of the others.
            let logged = even / 3.0 + (1.0 - even) * [0.25, 0.25, 0.5][arm];
            let reward = f64::from(u8::from(draws.next() < rates[arm]));
            let estimates = rates.map(|rate| 0.1 + 0.5 * rate);
            let target = f64::from(u8::from(arm == 2));
            Round { reward, logged, target, estimate: estimates[arm], estimate_target: estimates[2] }
        };
        (0..count).map(round).collect()
    }

    #[test]
    fn every_estimator_finds_the_other_policy_s_value_and_its_interval_holds() {
        let truth = 0.4;
        let mut covered = [0; 5];
        let (runs, mut squares) = (200, 0.0);
        for seed in 0..runs {
            let found = evaluate(&log(5_000, seed));
            let all = [found.ips, found.snips, found.dr, found.switch_dr, found.dr_os];
            for (count, value) in covered.iter_mut().zip(all) {
                *count += u64::from((value.low..=value.high).contains(&truth));
            }
            squares += (found.dr.mean / truth - 1.0).powi(2);
            assert!(found.effective > 1_000.0, "{found:?}");
        }
        let error = (squares / runs as f64).sqrt();
        assert!(error < 0.06, "relative error of DR {error:.3}");
        // 95 % intervals: 190 of 200 expected, standard deviation 3.
        assert!(covered.iter().all(|count| (178..=200).contains(count)), "{covered:?}");
    }

    #[test]
    fn the_same_policy_has_the_log_s_mean() {
        let mut rounds = log(1_000, 3);
        rounds.iter_mut().for_each(|round| round.target = round.logged);
        let mean = rounds.iter().map(|round| round.reward).sum::<f64>() / 1_000.0;
        let found = evaluate(&rounds);
        assert!((found.ips.mean - mean).abs() < 1e-12 && (found.snips.mean - mean).abs() < 1e-12);
        assert!((found.effective - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_and_a_policy_that_never_does_what_was_done() {
        assert_eq!(evaluate(&[]).effective, 0.0);
        let round = Round { reward: 1.0, logged: 0.5, target: 0.0, estimate: 0.2, estimate_target: 0.3 };
        let found = evaluate(&[round; 10]);
        assert_eq!((found.effective, found.snips.mean), (0.0, 0.0));
        assert!((found.dr.mean - 0.3).abs() < 1e-12);
    }
}
