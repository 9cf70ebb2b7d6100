//! What there is to choose from: the eligible offers with their values, and why the others are none.
//!
//! In: the facts of one possible offer, the estimate that it is redeemed, prices. Out: its value, and a
//! secret lot for the draw (`policy` says how likely each arm is). The rules stand above the scores: what
//! is not eligible is no arm, whatever a model says of it. Each refusal has a reason and is counted.

use super::campaign::Campaign;
use super::features::Situation;
use crate::time::Timestamp;
use crate::venue::QueueId;
use siphasher::sip128::SipHasher24;

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
    /// The queues differ by less than what estimates and people under way can make of it.
    DeadBand,
    /// She would be served there only after the voucher ends.
    OutOfReach,
    /// More arms than are scored in one decision.
    ArmsFull,
    /// She would hardly redeem it.
    ScoreLow,
    /// The draw fell on no offer.
    Lot,
}

/// Number of reasons.
const REFUSALS: usize = 21;

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
        Self::DeadBand,
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
            Self::DeadBand => "dead-band",
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
    /// Waiting saved if she goes, hers and that of the people behind her, seconds.
    pub relief_s: f64,
    /// What the model says: probability that she redeems it.
    pub score: f32,
    /// The same as the venue's own log has it.
    pub estimate: f64,
    /// Price of budget and stock, in shares of the best outcome.
    pub price: f64,
    /// Its value, in shares of the best outcome.
    pub value: f64,
}

/// What one redemption is worth if it is certain: the campaign's margin and the waiting saved.
pub fn worth(campaign: &Campaign, relief_s: f64) -> f64 {
    campaign.margin + campaign.minute_value * relief_s / 60.0
}

/// Sets the value of each arm: the redemptions the offer brings, times what one is worth, in shares of the
/// best arm's worth, less its price. Of those who redeem, the share that comes to the stand without an offer
/// too (`without`) is no gain.
pub fn value(arms: &mut [Arm], worths: &[f64], without: impl Fn(QueueId) -> f64) {
    // Below this nothing in the decision is worth a voucher, and shares of it would be noise.
    let best = worths.iter().fold(WORTH_MIN, |best, worth| worth.max(best));
    for (arm, worth) in arms.iter_mut().zip(worths) {
        arm.value = arm.estimate * (1.0 - without(arm.stand)) * worth / best - arm.price;
    }
}

/// Least worth that is divided by: a second of waiting at the default value.
const WORTH_MIN: f64 = 0.0025;

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
    fn values_are_shares_of_the_best_outcome_beyond_what_would_have_come_anyway() {
        let arm = |estimate, price| Arm {
            campaign: 0,
            stand: QueueId(0),
            situation: Situation::default(),
            relief_s: 0.0,
            score: 0.0,
            estimate,
            price,
            value: 0.0,
        };
        let mut arms = [arm(0.3, 0.0), arm(0.3, 0.05), arm(0.05, 0.0)];
        value(&mut arms, &[2.0, 4.0, 4.0], |_| 0.1);
        let values = arms.map(|arm| (arm.value * 1e9).round() / 1e9);
        assert_eq!(values, [0.135, 0.22, 0.045]);
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
