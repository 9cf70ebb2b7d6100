//! `evaluate`: what another way of choosing offers would have brought, from an exported log.
//!
//! In: the lines of `export decisions`, and a policy: one of a few by name, or a model file whose highest
//! expected saving is taken. Out: one JSON line for the log itself and one for each estimator, with intervals
//! and the effective sample size. Decisions without a known outcome are left out and counted. It refuses
//! lines that are no decisions, telling the first, and gives no verdict where the log cannot bear one.

use crate::cli::Failure;
use crate::decisions::{ArmLine, DecisionLine, LINE_LEN_MAX};
use crate::model::Model;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use venue_engine::offers::Scorer;
use venue_engine::offers::evaluation::{Evaluation, Round, VERDICT_MIN, Value, evaluate};
use venue_engine::offers::features::{FEATURES, WIDTH};

/// Decisions read at most: twice what a database keeps.
const DECISIONS_MAX: usize = 400_000;

/// Options of `evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArguments {
    /// What `export decisions` wrote; `-` for standard input.
    log: PathBuf,
    /// The other policy: `logged`, `uniform`, `none`, `score`, `estimate`, `value`, or an ONNX file.
    #[arg(long, default_value = "value")]
    policy: String,
    /// What counts as earned.
    #[arg(long, value_enum, default_value_t = Reward::Redeemed)]
    reward: Reward,
}

/// What counts as earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reward {
    /// One for each redeemed voucher.
    Redeemed,
    /// Minutes of waiting a redemption saved its holder.
    Minutes,
}

/// How the other policy chooses.
enum Policy {
    Logged,
    Uniform,
    None,
    Score,
    Estimate,
    Value,
    Model(Box<Model>),
}

impl Policy {
    fn of(name: &str) -> Result<Self, Failure> {
        Ok(match name {
            "logged" => Self::Logged,
            "uniform" => Self::Uniform,
            "none" => Self::None,
            "score" => Self::Score,
            "estimate" => Self::Estimate,
            "value" => Self::Value,
            path => {
                let model = Model::from_file(Path::new(path)).map_err(|error| {
                    let known = "logged, uniform, none, score, estimate, value";
                    Failure::Configuration(format!("--policy: {error}; or choose one of {known}"))
                })?;
                Self::Model(Box::new(model))
            }
        })
    }

    /// Probability of each arm, and last of no offer.
    fn shares(&mut self, line: &DecisionLine) -> Vec<f64> {
        let count = line.arms.len();
        let mut shares = vec![0.0; count + 1];
        match self {
            Self::Logged => {
                shares.iter_mut().zip(&line.arms).for_each(|(share, arm)| *share = arm.propensity);
                shares[count] = line.none_propensity;
            }
            Self::Uniform => shares[..count].fill(1.0 / count.max(1) as f64),
            Self::None => shares[count] = 1.0,
            Self::Score => shares[best(&line.arms, |arm| f64::from(arm.score))] = 1.0,
            Self::Estimate => shares[best(&line.arms, |arm| arm.estimate)] = 1.0,
            Self::Value => {
                let place = best(&line.arms, |arm| arm.value);
                let worthless = line.arms.get(place).is_some_and(|arm| arm.value < 0.0);
                shares[if worthless { count } else { place }] = 1.0;
            }
            Self::Model(model) => {
                let mut scores = Vec::new();
                let rows: Vec<f32> = line.arms.iter().flat_map(|arm| arm.features.iter().copied()).collect();
                model.scores(&rows, &mut scores);
                let saved = line.arms.iter().zip(scores).map(|(arm, score)| f64::from(score) * gain_min(arm));
                let saved: Vec<f64> = saved.collect();
                let place = (0..saved.len()).reduce(|a, b| if saved[b] > saved[a] { b } else { a });
                shares[place.unwrap_or(count)] = 1.0;
            }
        }
        shares
    }
}

/// The place of the first arm with the largest number; that of no offer where there is no arm.
fn best(arms: &[ArmLine], of: impl Fn(&ArmLine) -> f64) -> usize {
    (0..arms.len()).reduce(|a, b| if of(&arms[b]) > of(&arms[a]) { b } else { a }).unwrap_or(arms.len())
}

/// Minutes of waiting an offer spares its holder.
fn gain_min(arm: &ArmLine) -> f64 {
    let place = FEATURES.iter().position(|feature| feature.name == "wait_gain_s").unwrap_or(0);
    f64::from(arm.features.get(place).copied().unwrap_or(0.0)) / 60.0
}

fn round(line: &DecisionLine, shares: &[f64], reward: Reward) -> Option<Round> {
    let outcome = line.outcome.as_ref()?;
    let worth = |arm: &ArmLine| if reward == Reward::Redeemed { 1.0 } else { gain_min(arm) };
    let chosen = line.chosen.map(|place| &line.arms[place]);
    let logged = chosen.map_or(line.none_propensity, |arm| arm.propensity);
    let estimate = |arm: &ArmLine| arm.estimate * worth(arm);
    Some(Round {
        reward: chosen.filter(|_| outcome.redeemed).map_or(0.0, worth),
        logged: (logged > 0.0).then_some(logged)?,
        target: shares[line.chosen.unwrap_or(line.arms.len())],
        estimate: chosen.map_or(0.0, estimate),
        estimate_target: line.arms.iter().zip(shares).map(|(arm, share)| share * estimate(arm)).sum(),
    })
}

/// Reads a log and evaluates.
///
/// # Errors
/// Where the log cannot be read or holds something else.
pub fn run(arguments: &EvaluateArguments) -> Result<(), Failure> {
    let mut policy = Policy::of(&arguments.policy)?;
    let name = arguments.log.display();
    let input: Box<dyn Read> = if arguments.log.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        let opened = std::fs::File::open(&arguments.log);
        Box::new(opened.map_err(|error| Failure::Configuration(format!("{name}: {error}")))?)
    };
    let (mut rounds, mut unknown) = (Vec::new(), 0_u64);
    let mut input = BufReader::new(input);
    let mut bytes = Vec::new();
    let mut number = 0;
    while rounds.len() < DECISIONS_MAX {
        bytes.clear();
        if (&mut input).take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        number += 1;
        let text = String::from_utf8_lossy(&bytes);
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| Failure::Configuration(format!("{name}:{number}: {why}; give what `export` wrote"));
        let line = DecisionLine::parse(text.trim_end()).map_err(wrong)?;
        if line.arms.iter().any(|arm| arm.features.len() != WIDTH) {
            return Err(wrong(format!("an arm has not {WIDTH} features")));
        }
        let shares = policy.shares(&line);
        match round(&line, &shares, arguments.reward) {
            Some(round) => rounds.push(round),
            None => unknown += 1,
        }
    }
    Ok(tell(&rounds, unknown, &mut std::io::stdout().lock())?)
}

fn tell(rounds: &[Round], unknown: u64, out: &mut impl Write) -> std::io::Result<()> {
    let same: Vec<Round> = rounds.iter().map(|round| Round { target: round.logged, ..*round }).collect();
    let Value { mean, low, high } = evaluate(&same).ips;
    let known = rounds.len();
    let log = json!({"log": {"decisions": known, "without_outcome": unknown, "mean": mean, "low": low, "high": high}});
    writeln!(out, "{log}")?;
    let found = evaluate(rounds);
    let verdict = verdict(&found, mean);
    for (name, Value { mean, low, high }) in [
        ("ips", found.ips),
        ("snips", found.snips),
        ("dr", found.dr),
        ("switch-dr", found.switch_dr),
        ("dr-os", found.dr_os),
    ] {
        writeln!(out, "{}", json!({"estimator": name, "mean": mean, "low": low, "high": high}))?;
    }
    let end = json!({
        "effective_sample_size": found.effective, "switch_at": found.switch_at, "shrunk_at": found.shrunk_at,
        "verdict": verdict,
    });
    writeln!(out, "{end}")
}

/// What the doubly robust interval says against the log's own mean.
fn verdict(found: &Evaluation, logged: f64) -> &'static str {
    if found.effective < VERDICT_MIN {
        "too-few"
    } else if found.dr.low > logged {
        "better"
    } else if found.dr.high < logged {
        "worse"
    } else {
        "no-difference-shown"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::OutcomeLine;
    use crate::store::samples;
    use venue_engine::output::Output;

    fn line(redeemed: bool) -> DecisionLine {
        let Output::Decision(decision) = samples::decision(5) else { panic!("a decision") };
        let mut line = DecisionLine::new(&decision);
        line.outcome = Some(OutcomeLine { at_us: 9, decision: line.decision, redeemed, came: None });
        line
    }

    #[test]
    fn each_policy_shares_out_one() {
        for name in ["logged", "uniform", "none", "score", "estimate", "value"] {
            let Ok(mut policy) = Policy::of(name) else { panic!("{name}") };
            let shares = policy.shares(&line(true));
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{name}: {shares:?}");
        }
        assert!(Policy::of("nowhere.onnx").is_err());
    }

    #[test]
    fn a_round_is_what_was_earned_and_how_likely() {
        let found = round(&line(true), &[1.0, 0.0], Reward::Redeemed).expect("known");
        let estimate = 0.1 + 0.2;
        let expected = Round { reward: 1.0, logged: 0.9, target: 1.0, estimate, estimate_target: estimate };
        assert_eq!(found, expected);
        assert_eq!(round(&line(false), &[0.0, 1.0], Reward::Minutes).expect("known").reward, 0.0);
        assert_eq!(round(&DecisionLine { outcome: None, ..line(true) }, &[1.0, 0.0], Reward::Redeemed), None);
    }

    #[test]
    fn too_few_decisions_bear_no_verdict() {
        let rounds = vec![round(&line(true), &[1.0, 0.0], Reward::Redeemed).expect("known"); 20];
        let mut told = Vec::new();
        tell(&rounds, 1, &mut told).expect("written");
        let told = String::from_utf8(told).expect("text");
        assert_eq!(told.lines().count(), 7, "{told}");
        assert!(told.contains("\"verdict\":\"too-few\"") && told.contains("\"without_outcome\":1"), "{told}");
    }
}
