//! What is written down about a decision, so that it can be judged later and learned from.
//!
//! In: what the choice knew and drew. Out: plain values: the decision with every eligible offer, its facts
//! and its probability; what became of it; what the venue has learned so far. They name campaigns and
//! stands but never the attendee: a log of decisions can be kept and given away without her.

use super::features::WIDTH;
use super::policy::Slice;
use crate::time::Timestamp;
use std::sync::Arc;

/// Changes whenever the same facts would get other probabilities.
pub const POLICY_VERSION: u32 = 2;

/// One decision, an offer or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Its identity: grows with time, never repeats; about the microsecond of the decision.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The queue she waits at.
    pub here: Arc<str>,
    /// Every eligible offer.
    pub arms: Vec<DecisionArm>,
    /// Which arm was chosen; `None` for no offer.
    pub chosen: Option<usize>,
    /// Probability of no offer.
    pub none_propensity: f64,
    /// Which part of the policy decided.
    pub slice: Slice,
    /// Decisions before this one, which set how much is explored.
    pub decided: u64,
    /// Name of the model that scored; `rule` where none did.
    pub model: Arc<str>,
    /// What was believed about each queue.
    pub belief: Vec<Belief>,
}

impl Decision {
    /// Probability with which exactly this was decided.
    pub fn propensity(&self) -> f64 {
        self.chosen.map_or(self.none_propensity, |arm| self.arms[arm].propensity)
    }
}

/// One eligible offer of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionArm {
    /// Campaign.
    pub campaign: Arc<str>,
    /// Where it sends.
    pub stand: Arc<str>,
    /// The model's input, in the order of `features::FEATURES`.
    pub features: [f32; WIDTH],
    /// The model's score, or the rule's.
    pub score: f32,
    /// Probability of redemption as the venue's own log has it.
    pub estimate: f64,
    /// Value in shares of the best outcome possible in this decision, prices subtracted.
    pub value: f64,
    /// Price of budget, stock and caps in it, in the same shares.
    pub price: f64,
    /// Probability of this arm.
    pub propensity: f64,
}

/// What was believed about a queue at a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Belief {
    /// The queue.
    pub stand: Arc<str>,
    /// People waiting: mean, 5 % and 95 % quantile.
    pub length: [f64; 3],
    /// Wait of a newcomer, seconds.
    pub wait_s: Option<f64>,
    /// Age of this belief, seconds.
    pub age_s: f64,
    /// People expected on vouchers.
    pub under_way: f64,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Identity of the decision.
    pub decision: i64,
    /// When it was known.
    pub at: Timestamp,
    /// Whether the voucher was redeemed.
    pub redeemed: bool,
    /// The other queue she came to first, offered or not.
    pub came: Option<Arc<str>>,
}

/// What the venue has learned, for the next start.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// When.
    pub at: Timestamp,
    /// The campaign it is about; empty for what is common to all; with `@` what is not about offers.
    pub name: Arc<str>,
    /// To be given back as it is.
    pub bytes: Arc<[u8]>,
}
