//! The shape of the log of decisions, both ways.
//!
//! In: decisions and outcomes of the engine. Out: one JSON line each, as `replay` prints them, as the
//! database keeps them, and as `export decisions` writes them, where each decision carries its outcome.
//! Numbers are written so that reading gives the same bits back. It holds no attendee and no voucher. Reading
//! refuses lines that are not of this shape, telling the line.

use serde::{Deserialize, Serialize};
use venue_engine::offers::decision::{Belief, Decision, DecisionArm, Outcome, POLICY_VERSION};
use venue_engine::offers::features::FEATURES_VERSION;

/// Longest line read: 64 arms with their features have 30 kB.
pub const LINE_LEN_MAX: usize = 256 * 1024;

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the engine's decision")]
pub struct DecisionLine {
    pub at_us: i64,
    pub decision: i64,
    pub here: String,
    pub slice: String,
    pub chosen: Option<usize>,
    pub none_propensity: f64,
    pub decided: u64,
    pub model: String,
    pub policy_version: u32,
    pub features_version: u32,
    pub arms: Vec<ArmLine>,
    pub belief: Vec<BeliefLine>,
    /// Known only in an export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeLine>,
}

/// One eligible offer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the engine's arm")]
pub struct ArmLine {
    pub campaign: String,
    pub stand: String,
    pub score: f32,
    pub estimate: f64,
    pub value: f64,
    pub price: f64,
    pub propensity: f64,
    pub features: Vec<f32>,
}

/// What was believed about a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the engine's belief")]
pub struct BeliefLine {
    pub stand: String,
    pub length: f64,
    pub length_low: f64,
    pub length_high: f64,
    pub wait_s: Option<f64>,
    pub age_s: f64,
    pub under_way: f64,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the engine's outcome")]
pub struct OutcomeLine {
    pub at_us: i64,
    pub decision: i64,
    pub redeemed: bool,
    pub came: Option<String>,
}

impl DecisionLine {
    /// The outside shape of a decision.
    pub fn new(decision: &Decision) -> Self {
        Self {
            at_us: decision.at.as_micros(),
            decision: decision.id,
            here: decision.here.to_string(),
            slice: decision.slice.as_str().to_owned(),
            chosen: decision.chosen,
            none_propensity: decision.none_propensity,
            decided: decision.decided,
            model: decision.model.to_string(),
            policy_version: POLICY_VERSION,
            features_version: FEATURES_VERSION,
            arms: decision.arms.iter().map(arm_line).collect(),
            belief: decision.belief.iter().map(belief_line).collect(),
            outcome: None,
        }
    }

    /// One line of an exported log.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        if line.len() > LINE_LEN_MAX {
            return Err(format!("the line has over {LINE_LEN_MAX} bytes"));
        }
        let read: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let propensities = read.arms.iter().map(|arm| arm.propensity).chain([read.none_propensity]);
        let fair = |propensity: f64| (0.0..=1.0).contains(&propensity);
        if read.chosen.is_some_and(|arm| arm >= read.arms.len()) || !propensities.clone().all(fair) {
            return Err("the chosen arm is none of its arms, or a propensity is none".to_owned());
        }
        Ok(read)
    }
}

impl OutcomeLine {
    /// The outside shape of an outcome.
    pub fn new(outcome: &Outcome) -> Self {
        let came = outcome.came.as_deref().map(str::to_owned);
        Self { at_us: outcome.at.as_micros(), decision: outcome.decision, redeemed: outcome.redeemed, came }
    }
}

fn arm_line(arm: &DecisionArm) -> ArmLine {
    ArmLine {
        campaign: arm.campaign.to_string(),
        stand: arm.stand.to_string(),
        score: arm.score,
        estimate: arm.estimate,
        value: arm.value,
        price: arm.price,
        propensity: arm.propensity,
        features: arm.features.to_vec(),
    }
}

fn belief_line(belief: &Belief) -> BeliefLine {
    let [length, length_low, length_high] = belief.length;
    BeliefLine {
        stand: belief.stand.to_string(),
        length,
        length_low,
        length_high,
        wait_s: belief.wait_s,
        age_s: belief.age_s,
        under_way: belief.under_way,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples;
    use venue_engine::output::Output;

    #[test]
    fn a_decision_survives_the_way_to_text_and_back_to_the_bit() {
        let Output::Decision(decision) = samples::decision(5) else { panic!("a decision") };
        let line = DecisionLine::new(&decision);
        let text = serde_json::to_string(&line).expect("text");
        let read = DecisionLine::parse(&text).expect("reads");
        assert_eq!(read, line);
        let sum: f64 = read.arms.iter().map(|arm| arm.propensity).sum::<f64>() + read.none_propensity;
        assert_eq!(sum.to_bits(), 1.0_f64.to_bits());
        assert_eq!(read.arms[0].features[0].to_bits(), decision.arms[0].features[0].to_bits());
    }

    #[test]
    fn what_is_no_decision_is_refused() {
        let Output::Decision(decision) = samples::decision(5) else { panic!("a decision") };
        let text = serde_json::to_string(&DecisionLine::new(&decision)).expect("text");
        let check = |text: &str| assert!(DecisionLine::parse(text).is_err(), "{text}");
        check("");
        check("{}");
        check(&text.replace("\"chosen\":0", "\"chosen\":7"));
        check(&text.replace("\"none_propensity\":0.", "\"none_propensity\":7."));
        check(&" ".repeat(LINE_LEN_MAX + 1));
    }
}
