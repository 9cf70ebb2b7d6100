//! Which of the eligible offers, if any: the rules before, the lot after, and how likely each was.
//!
//! In: the arms (one per eligible campaign and stand) with their scores, and the secret seed. Out: an arm
//! or none, with the exact probability of that choice. The rules stand above the scores: what is not
//! eligible is no arm, whatever a model says of it. Each refusal has a reason and is counted.
//!
//! The policy: 5 % of decisions give nothing, so that the effect of offers can be measured against people
//! who got none; 5 % draw any arm alike, so that the log has every arm in it; the rest take the arm that
//! is expected to save most waiting.

use super::features::Situation;
use crate::time::Timestamp;
use crate::venue::QueueId;
use siphasher::sip128::SipHasher24;

/// Share of decisions that give no offer (the always-on comparison slice).
pub const NO_OFFER_SHARE: f64 = 0.05;
/// Share of decisions that draw among all arms alike.
pub const UNIFORM_SHARE: f64 = 0.05;
/// An offer less likely to be redeemed than this only annoys.
pub const SCORE_MIN: f64 = 0.02;
/// Arms scored in one decision, the first in the order of the campaign file; 64 rows are one model call.
pub const ARMS_MAX: usize = 64;

/// Why somebody got no offer, or a campaign or stand was no arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// More attendees than one board keeps.
    AttendeesFull,
    /// She holds a voucher that is still valid.
    HoldsVoucher,
    /// A decision about her was taken a short while ago.
    DecidedLately,
    /// She got as many offers in 24 hours as anybody may.
    PersonCap,
    /// She is at no queue.
    NoQueueHere,
    /// The wait where she is is unknown or too old.
    WaitHereUnknown,
    /// The campaign does not run at this hour.
    OutOfHours,
    /// The campaign has given out all its vouchers.
    BudgetSpent,
    /// The stand's goods are promised or gone.
    StockGone,
    /// She got as many vouchers of the campaign as one person may.
    CampaignCap,
    /// She got one of the campaign a short while ago.
    Cooldown,
    /// The campaign is for another queue than hers.
    OtherPlace,
    /// The wait where she is is short enough.
    WaitHereShort,
    /// The wait at the stand is unknown or too old.
    WaitThereUnknown,
    /// The wait at the stand is too long, those under way counted.
    WaitThereLong,
    /// She would save too little by going.
    GainSmall,
    /// She would be served there only after the voucher ends.
    OutOfReach,
    /// More arms than are scored in one decision.
    ArmsFull,
    /// She would hardly redeem it.
    ScoreLow,
    /// The lot fell on no offer.
    Lot,
}

/// Number of reasons.
const REFUSALS: usize = 20;

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; REFUSALS] = [
        Self::AttendeesFull,
        Self::HoldsVoucher,
        Self::DecidedLately,
        Self::PersonCap,
        Self::NoQueueHere,
        Self::WaitHereUnknown,
        Self::OutOfHours,
        Self::BudgetSpent,
        Self::StockGone,
        Self::CampaignCap,
        Self::Cooldown,
        Self::OtherPlace,
        Self::WaitHereShort,
        Self::WaitThereUnknown,
        Self::WaitThereLong,
        Self::GainSmall,
        Self::OutOfReach,
        Self::ArmsFull,
        Self::ScoreLow,
        Self::Lot,
    ];

    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttendeesFull => "attendees-full",
            Self::HoldsVoucher => "holds-voucher",
            Self::DecidedLately => "decided-lately",
            Self::PersonCap => "person-cap",
            Self::NoQueueHere => "no-queue-here",
            Self::WaitHereUnknown => "wait-here-unknown",
            Self::OutOfHours => "out-of-hours",
            Self::BudgetSpent => "budget-spent",
            Self::StockGone => "stock-gone",
            Self::CampaignCap => "campaign-cap",
            Self::Cooldown => "cooldown",
            Self::OtherPlace => "other-place",
            Self::WaitHereShort => "wait-here-short",
            Self::WaitThereUnknown => "wait-there-unknown",
            Self::WaitThereLong => "wait-there-long",
            Self::GainSmall => "gain-small",
            Self::OutOfReach => "out-of-reach",
            Self::ArmsFull => "arms-full",
            Self::ScoreLow => "score-low",
            Self::Lot => "lot",
        }
    }
}

/// How often each reason held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u64; REFUSALS]);

impl Refusals {
    /// Counts one.
    pub fn count(&mut self, reason: Refusal) {
        self.0[reason as usize] += 1;
    }

    /// How often a reason held.
    pub fn of(&self, reason: Refusal) -> u64 {
        self.0[reason as usize]
    }

    /// All reasons with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.into_iter().map(|reason| (reason, self.of(reason)))
    }
}

/// One eligible offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm {
    /// Place of its campaign in the list.
    pub campaign: usize,
    /// The stand it sends to.
    pub stand: QueueId,
    /// The facts it is scored by.
    pub situation: Situation,
    /// Probability that she redeems it.
    pub score: f64,
}

impl Arm {
    /// Waiting time it is expected to save, seconds.
    pub fn value_s(&self) -> f64 {
        self.score * self.situation.gain_s()
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Which arm; `None` for no offer.
    pub arm: Option<usize>,
    /// The probability with which exactly this was decided.
    pub propensity: f64,
}

/// Chooses among arms with one number drawn evenly from 0 to 1. There must be at least one arm.
pub fn choose(arms: &[Arm], drawn: f64) -> Choice {
    let uniform_end = NO_OFFER_SHARE + UNIFORM_SHARE;
    if drawn < NO_OFFER_SHARE {
        return Choice { arm: None, propensity: NO_OFFER_SHARE };
    }
    let best = best_of(arms);
    let arm = if drawn < uniform_end {
        let place = (drawn - NO_OFFER_SHARE) / UNIFORM_SHARE * arms.len() as f64;
        (place as usize).min(arms.len() - 1)
    } else {
        best
    };
    Choice { arm: Some(arm), propensity: propensity(arm, best, arms.len()) }
}

/// The probability of one arm under the policy. Over all arms and no offer they sum to 1.
fn propensity(arm: usize, best: usize, count: usize) -> f64 {
    let even = UNIFORM_SHARE / count as f64;
    if arm == best { 1.0 - NO_OFFER_SHARE - UNIFORM_SHARE + even } else { even }
}

/// The arm of most value; the first of equals, so that the order of the campaign file decides.
fn best_of(arms: &[Arm]) -> usize {
    let mut best = 0;
    for (place, arm) in arms.iter().enumerate() {
        if arm.value_s() > arms[best].value_s() {
            best = place;
        }
    }
    best
}

/// The score where no model can be asked: the longer the wait she is spared, the likelier she goes. Half
/// of the people go for ten minutes; an assumption, in place until a venue's own log says better.
pub fn rule_score(situation: &Situation) -> f64 {
    let gain_s = situation.gain_s().max(0.0);
    gain_s / (gain_s + 600.0)
}

/// A keyed hash for one purpose: the same input gives the same number to whoever has the seed, and an
/// even draw to everybody else (SipHash-2-4-128, Aumasson & Bernstein 2012).
#[derive(Clone, Debug)]
pub struct SecretHash(SipHasher24);

impl SecretHash {
    /// The hash of a seed for a purpose; different purposes share nothing.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let key = u128::from(SipHasher24::new_with_keys(seed, 0).hash(purpose.as_bytes()));
        Self(SipHasher24::new_with_keys(key as u64, (key >> 64) as u64))
    }

    /// 128 bits for an input.
    pub fn of(&self, input: &[u8]) -> u128 {
        u128::from(self.0.hash(input))
    }
}

/// Draws by attendee and moment, not by order of calls: what happens to one person never changes the lot
/// of another.
#[derive(Clone, Debug)]
pub struct Lot(SecretHash);

impl Lot {
    /// The lots of a seed.
    pub fn new(seed: u64) -> Self {
        Self(SecretHash::new(seed, "offer lot"))
    }

    /// A number from 0 up to but not including 1, with 53 random bits.
    pub fn draw(&self, attendee: &str, at: Timestamp) -> f64 {
        let input = [&at.as_micros().to_le_bytes(), attendee.as_bytes()].concat();
        (self.0.of(&input) as u64 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arms(scores: &[f64]) -> Vec<Arm> {
        let situation = Situation { wait_here_s: 400.0, wait_there_s: 100.0, ..Situation::default() };
        scores.iter().map(|&score| Arm { campaign: 0, stand: QueueId(0), situation, score }).collect()
    }

    #[test]
    fn every_reason_counts_at_its_own_place() {
        let mut refusals = Refusals::default();
        for (place, reason) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
            refusals.count(reason);
        }
        assert!(refusals.iter().all(|(_, count)| count == 1));
    }

    #[test]
    fn the_draw_decides_by_its_place() {
        let arms = arms(&[0.1, 0.3, 0.2, 0.3]);
        let check = |drawn: f64, arm: Option<usize>, propensity: f64| {
            let choice = choose(&arms, drawn);
            assert_eq!(choice.arm, arm, "{drawn}");
            assert!((choice.propensity - propensity).abs() < 1e-12, "{drawn}: {}", choice.propensity);
        };
        check(0.0, None, 0.05);
        check(0.049, None, 0.05);
        check(0.051, Some(0), 0.0125);
        check(0.068, Some(1), 0.9125);
        check(0.099_999, Some(3), 0.0125);
        check(0.5, Some(1), 0.9125);
        check(0.999_999, Some(1), 0.9125);
    }

    #[test]
    fn propensities_sum_to_one() {
        for count in 1..=ARMS_MAX {
            let sum: f64 = (0..count).map(|arm| propensity(arm, count / 2, count)).sum();
            assert!((sum + NO_OFFER_SHARE - 1.0).abs() < 1e-9, "{count}: {sum}");
        }
    }

    /// Over 40 000 people: how often each arm came up agrees with its stated probability within four
    /// standard errors, and weighting by 1/propensity gives back a mean of 1.
    #[test]
    fn what_is_drawn_agrees_with_what_is_stated() {
        let (arms, lot, people) = (arms(&[0.1, 0.3, 0.2]), Lot::new(11), 40_000);
        let (mut counts, mut weights) = ([0_u32; 4], 0.0);
        for person in 0..people {
            let drawn = lot.draw(&format!("attendee {person}"), Timestamp::from_micros(1_000 * person));
            let choice = choose(&arms, drawn);
            counts[choice.arm.map_or(3, |arm| arm)] += 1;
            weights += if choice.arm == Some(2) { 1.0 / choice.propensity } else { 0.0 };
        }
        let people = people as f64;
        for (place, stated) in [0.05 / 3.0, 0.9 + 0.05 / 3.0, 0.05 / 3.0, 0.05].into_iter().enumerate() {
            let (seen, error) = (f64::from(counts[place]) / people, (stated * (1.0 - stated) / people).sqrt());
            assert!((seen - stated).abs() < 4.0 * error, "{place}: {seen} against {stated}");
        }
        let stated = 0.05_f64 / 3.0;
        assert!((weights / people - 1.0).abs() < 4.0 * ((1.0 / stated - 1.0) / people).sqrt());
    }

    #[test]
    fn draws_are_even_and_depend_on_seed_person_and_moment() {
        let at = Timestamp::from_micros(5);
        assert_eq!(Lot::new(1).draw("a", at), Lot::new(1).draw("a", at));
        let others =
            [Lot::new(2).draw("a", at), Lot::new(1).draw("b", at), Lot::new(1).draw("a", Timestamp::from_micros(6))];
        assert!(others.iter().all(|other| *other != Lot::new(1).draw("a", at)));
        let lot = Lot::new(3);
        let mean = (0..10_000).map(|i| lot.draw("a", Timestamp::from_micros(i))).sum::<f64>() / 10_000.0;
        // The mean of 10 000 even draws has a standard error of 0.0029.
        assert!((mean - 0.5).abs() < 0.012, "{mean}");
    }

    #[test]
    fn without_a_model_more_gain_is_a_higher_score() {
        let score = |wait_here_s| rule_score(&Situation { wait_here_s, ..Situation::default() });
        assert_eq!((score(0.0), score(600.0)), (0.0, 0.5));
        assert!(score(300.0) < score(400.0));
    }
}
