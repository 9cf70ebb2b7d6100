//! Offers: which voucher goes to which attendee, and when.
//!
//! In: the state of each queue, where each attendee is at each report, redemptions. Out: an `Offer` when
//! one is due, and counts of everything that was refused and why. Same calls, same outputs: the only
//! chance is a keyed hash of the seed it was given. The model proposes, the rules here dispose: a score
//! never lifts a cap, a budget or a limit, and without a usable model a plain rule scores instead.
//!
//! Files in the order of the data: `campaign` what may be offered, `stands` where to, `attendee` and
//! `under_way` what was offered before, `features` what the model is told, `head` and `without` what the
//! venue has learned beyond it, `choice` and `prices` what each offer is worth, `policy` how likely each is
//! drawn, `deciding` all of this in its order, `voucher` and `message` what she receives, `decision` what is
//! written down, `restore` how it goes on after a restart, `replace` when staff edit the campaigns.

pub mod attendee;
pub mod campaign;
pub mod choice;
mod deciding;
pub mod decision;
pub mod evaluation;
pub mod features;
pub mod head;
pub mod message;
pub mod policy;
pub mod prices;
mod replace;
pub mod restore;
mod stands;
pub mod under_way;
pub mod voucher;
mod without;

use crate::geometry::Point;
use crate::output::{Output, QueueState};
use crate::time::Timestamp;
use crate::venue::{FloorId, Venue, ZoneId};
use attendee::Attendee;
use campaign::Campaign;
use choice::{ARMS_MAX, Arm, Lot, Refusals};
use decision::Outcome;
use head::Head;
use prices::Price;
use stands::{Stands, Whereabouts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use under_way::UnderWay;
use voucher::VoucherMaker;
use without::Without;

/// Opted-in attendees of one board; who comes later gets no offers until somebody is forgotten.
pub const ATTENDEES_MAX: usize = 100_000;

/// A model that says how likely an attendee redeems an offer.
pub trait Scorer: Send {
    /// Appends to `scores` one probability per row of `features`, which holds rows of `features::WIDTH`
    /// numbers in the order of `features::FEATURES`. Appending anything else says that it failed; it is
    /// then not asked again.
    fn scores(&mut self, features: &[f32], scores: &mut Vec<f32>);

    /// Its name in the log of decisions: equal names must be equal models.
    fn name(&self) -> String {
        "model".to_owned()
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attendees looked at, each at each report.
    pub considered: u64,
    /// Vouchers given out.
    pub offered: u64,
    /// Vouchers redeemed.
    pub redeemed: u64,
    /// Vouchers that ended without being redeemed.
    pub expired: u64,
    /// Redemptions of vouchers not under way: issued before a restart, or told too late.
    pub redeemed_unknown: u64,
    /// Times a model answered what is no answer and was put aside.
    pub model_failed: u64,
}

/// All state of the offers of one venue.
pub struct Offers {
    stands: Stands,
    campaigns: Vec<Spending>,
    attendees: BTreeMap<Arc<str>, Attendee>,
    under_way: UnderWay,
    vouchers: VoucherMaker,
    lot: Lot,
    scorer: Option<Box<dyn Scorer>>,
    /// Name of the scorer, or `rule`.
    model: Arc<str>,
    without: Without,
    refusals: Refusals,
    counts: Counts,
    /// Decisions taken, over all starts.
    decided: u64,
    /// Identity of the last decision.
    last_decision: i64,
    /// Outcomes to be told, at most one per attendee.
    due: BTreeSet<(Timestamp, Arc<str>)>,
    told_at: Option<Timestamp>,
    policy_told: Vec<u8>,
    /// Kept between calls, so that a decision allocates little.
    arms: Vec<Arm>,
    rows: Vec<f32>,
    scores: Vec<f32>,
}

/// A campaign, what it has cost so far, and what was learned about it.
struct Spending {
    campaign: Campaign,
    issued: u64,
    redeemed: u64,
    price: Price,
    head: Option<Head>,
    /// Whether there is something to be told for the next start.
    changed: bool,
    /// Whether it is offered; one that ended is kept for its vouchers.
    runs: bool,
}

/// What scores where no model does.
const RULE: &str = "rule";

impl Offers {
    /// No history yet. `seed` must be secret: who has it can compute codes.
    pub fn new(venue: Arc<Venue>, seed: u64, campaigns: Vec<Campaign>, scorer: Option<Box<dyn Scorer>>) -> Self {
        let stands = Stands::new(venue);
        let spending = |campaign| {
            let (price, head, changed, runs) = (Price::default(), None, false, true);
            Spending { campaign, issued: 0, redeemed: 0, price, head, changed, runs }
        };
        let mut offers = Self {
            under_way: UnderWay::new(stands.len(), campaigns.len()),
            without: Without::new(stands.len()),
            campaigns: campaigns.into_iter().map(spending).collect(),
            stands,
            attendees: BTreeMap::new(),
            vouchers: VoucherMaker::new(seed),
            lot: Lot::new(seed),
            scorer: None,
            model: RULE.into(),
            refusals: Refusals::default(),
            counts: Counts::default(),
            decided: 0,
            last_decision: 0,
            due: BTreeSet::new(),
            told_at: None,
            policy_told: Vec::new(),
            arms: Vec::with_capacity(ARMS_MAX),
            rows: Vec::with_capacity(ARMS_MAX * features::WIDTH),
            scores: Vec::with_capacity(ARMS_MAX),
        };
        offers.set_scorer(scorer);
        offers.policy_told = offers.policy_bytes();
        offers
    }

    /// Takes in a queue's newest state.
    pub fn set_queue(&mut self, state: &QueueState) {
        self.stands.set(state);
    }

    /// Sets the language of an attendee's messages, a tag such as `de-CH`; one that no campaign can be
    /// written in leaves her with the plain text.
    pub fn set_language(&mut self, who: &Arc<str>, language: &str) {
        if let Some(attendee) = self.attendee(who) {
            attendee.language = message::known_language(language);
        }
    }

    /// Decides about one attendee at one report; appends an `Offer` if one is due, and the `Decision`
    /// wherever there was something to decide.
    pub fn consider(
        &mut self,
        at: Timestamp,
        attendee: &Arc<str>,
        position: Point,
        floor: FloorId,
        zone: Option<ZoneId>,
        outputs: &mut Vec<Output>,
    ) {
        self.counts.considered += 1;
        self.pass_time(at, outputs);
        if let Err(reason) = self.decide(attendee, Whereabouts { at, position, floor, zone }, outputs) {
            self.refusals.count(reason);
        }
    }

    /// Vouchers end, outcomes become known, prices move.
    pub fn pass_time(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        self.end_expired(at);
        while let Some((due, who)) = self.due.first().filter(|(due, _)| *due <= at).cloned() {
            self.due.remove(&(due, Arc::clone(&who)));
            self.tell_outcome(due, &who, false, outputs);
        }
        for spending in &mut self.campaigns {
            if let Some(per_hour) = spending.campaign.budget_per_hour {
                let before = spending.price.now();
                spending.price.pass_time(at, per_hour);
                spending.changed |= spending.price.now() != before;
            }
        }
        self.tell_learned(at, false, outputs);
    }

    /// Tells what was learned and not told yet: the end is near.
    pub fn finish(&mut self, at: Timestamp, outputs: &mut Vec<Output>) {
        self.tell_learned(at, true, outputs);
    }

    /// Who holds a voucher, and where it is valid; `None` when it is not under way.
    pub fn holder(&self, voucher: &str) -> Option<(Arc<str>, crate::venue::QueueId)> {
        self.under_way.held(voucher).map(|held| (Arc::clone(&held.attendee), held.stand))
    }

    /// Notes that a voucher was used at a till.
    pub fn redeemed(&mut self, at: Timestamp, voucher: &str, outputs: &mut Vec<Output>) {
        self.end_expired(at);
        let Some(held) = self.under_way.redeem(voucher) else {
            self.counts.redeemed_unknown += 1;
            return;
        };
        self.counts.redeemed += 1;
        let spending = &mut self.campaigns[held.campaign];
        spending.redeemed += 1;
        spending.changed = true;
        spending.head.get_or_insert_with(Head::of_score).learn(&held.told, 1.0);
        let Some(attendee) = self.attendees.get_mut(&held.attendee) else { return };
        attendee.note_redeemed();
        match attendee.pending {
            Some(pending) if pending.decision == held.decision => {
                self.due.remove(&(pending.due, Arc::clone(&held.attendee)));
                self.tell_outcome(at, &held.attendee, true, outputs);
            }
            // Decided before a restart: the log still waits for the outcome.
            _ => {
                let came = Some(Arc::clone(self.stands.name(held.stand)));
                outputs.push(Output::Outcome(Outcome { decision: held.decision, at, redeemed: true, came }));
            }
        }
    }

    /// Drops everything known about an attendee, the voucher she holds too.
    pub fn forget(&mut self, who: &str) {
        let Some(attendee) = self.attendees.remove(who) else { return };
        if let Some(voucher) = attendee.voucher {
            self.under_way.remove(&voucher);
        }
        if let Some(pending) = attendee.pending {
            self.due.remove(&(pending.due, who.into()));
        }
    }

    /// How often each reason kept an offer back. Reasons about a campaign or a stand count once for each.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// What happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Vouchers that may still be redeemed.
    pub fn under_way_count(&self) -> usize {
        self.under_way.count()
    }

    /// Whether there is anything to offer at all.
    pub fn has_campaigns(&self) -> bool {
        self.campaigns.iter().any(|spending| spending.runs)
    }

    /// Whether a model scores the offers; otherwise the rule by the gain in wait does.
    pub fn has_model(&self) -> bool {
        self.scorer.is_some()
    }

    /// Replaces the model, or takes it away.
    pub fn set_scorer(&mut self, scorer: Option<Box<dyn Scorer>>) {
        self.model = scorer.as_ref().map_or_else(|| RULE.into(), |scorer| scorer.name().into());
        self.scorer = scorer;
    }

    fn attendee(&mut self, who: &Arc<str>) -> Option<&mut Attendee> {
        if !self.attendees.contains_key(who) {
            if self.attendees.len() >= ATTENDEES_MAX {
                return None;
            }
            self.attendees.insert(Arc::clone(who), Attendee::default());
        }
        self.attendees.get_mut(who)
    }

    fn end_expired(&mut self, at: Timestamp) {
        while let Some(held) = self.under_way.next_expired(at) {
            self.counts.expired += 1;
            let spending = &mut self.campaigns[held.campaign];
            spending.changed = true;
            spending.head.get_or_insert_with(Head::of_score).learn(&held.told, 0.0);
            if let Some(attendee) = self.attendees.get_mut(&held.attendee) {
                attendee.note_over();
            }
        }
    }

    /// Tells what became of the last decision about somebody, and learns from those who got nothing.
    fn tell_outcome(&mut self, at: Timestamp, who: &Arc<str>, redeemed: bool, outputs: &mut Vec<Output>) {
        let Some(pending) = self.attendees.get_mut(who).and_then(|attendee| attendee.pending.take()) else { return };
        if pending.holdout {
            self.without.learn(pending.target, pending.came == Some(pending.target));
        }
        let came = if redeemed { Some(pending.target) } else { pending.came };
        let came = came.map(|stand| Arc::clone(self.stands.name(stand)));
        outputs.push(Output::Outcome(Outcome { decision: pending.decision, at, redeemed, came }));
    }
}

#[cfg(test)]
mod tests;
