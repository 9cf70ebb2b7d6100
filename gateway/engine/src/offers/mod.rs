//! Offers: which voucher goes to which attendee, and when.
//!
//! In: the state of each queue, where each attendee is at each report, redemptions. Out: an `Offer` when
//! one is due, and counts of everything that was refused and why. Same calls, same outputs: the only
//! chance is a keyed hash of the seed it was given. The model proposes, the rules here dispose: a score
//! never lifts a cap, a budget or a limit, and without a usable model a plain rule scores instead.
//!
//! Files in the order of the data: `campaign` what may be offered, `attendee` and `under_way` what was
//! offered before, `features` what the model is told, `choice` what is chosen, `voucher` and `message`
//! what she receives.

pub mod attendee;
pub mod campaign;
pub mod choice;
pub mod features;
pub mod message;
pub mod under_way;
pub mod voucher;

use crate::geometry::{self, Point};
use crate::output::{Offer, Output, QueueState};
use crate::time::{Duration, Timestamp};
use crate::venue::{FloorId, QueueId, Venue, ZoneId};
use attendee::Attendee;
use campaign::Campaign;
use choice::{ARMS_MAX, Arm, Choice, Lot, Refusal, Refusals, SCORE_MIN};
use features::Situation;
use message::Values;
use std::collections::BTreeMap;
use std::sync::Arc;
use under_way::{Held, UnderWay};
use voucher::VoucherMaker;

/// Opted-in attendees of one board; who comes later gets no offers until somebody is forgotten.
pub const ATTENDEES_MAX: usize = 100_000;

/// A queue's state is used for this long. Counting the people under way keeps steering sound with a
/// state ten minutes old, in a simulation of two stands; beyond that nobody is sent anywhere.
const QUEUE_STATE_AGE_MAX: Duration = Duration::from_mins(10);

/// Walking speed in a crowd, with detours: three quarters of the 1.34 m/s of free walking (Weidmann 1993).
const WALK_M_PER_S: f64 = 1.0;
/// Stairs to the next floor count as this way; an assumption, since a floor plan knows no stairs.
const FLOOR_CHANGE_M: f64 = 40.0;
/// Service time of one customer where the queue has not shown it yet, seconds.
const SERVICE_S: f64 = 60.0;

/// A model that says how likely an attendee redeems an offer.
pub trait Scorer: Send {
    /// Appends to `scores` one probability per row of `features`, which holds rows of `features::WIDTH`
    /// numbers in the order of `features::FEATURES`. Appending anything else says that it failed; it is
    /// then not asked again.
    fn scores(&mut self, features: &[f32], scores: &mut Vec<f32>);
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
    venue: Arc<Venue>,
    stands: Vec<Stand>,
    campaigns: Vec<Spending>,
    attendees: BTreeMap<Arc<str>, Attendee>,
    under_way: UnderWay,
    vouchers: VoucherMaker,
    lot: Lot,
    scorer: Option<Box<dyn Scorer>>,
    refusals: Refusals,
    counts: Counts,
    /// Kept between calls, so that a decision allocates nothing.
    arms: Vec<Arm>,
    rows: Vec<f32>,
    scores: Vec<f32>,
}

/// A queue as a place to send people from and to.
struct Stand {
    name: Arc<str>,
    centre: Point,
    zone: Option<ZoneId>,
    state: Option<QueueState>,
}

/// A campaign and what it has cost so far.
struct Spending {
    campaign: Campaign,
    issued: u64,
    redeemed: u64,
}

/// Where somebody is at a report.
#[derive(Clone, Copy)]
struct Whereabouts {
    at: Timestamp,
    position: Point,
    floor: FloorId,
    zone: Option<ZoneId>,
}

impl Offers {
    /// No history yet. `seed` must be secret: who has it can compute codes.
    pub fn new(venue: Arc<Venue>, seed: u64, campaigns: Vec<Campaign>, scorer: Option<Box<dyn Scorer>>) -> Self {
        let stands: Vec<Stand> = venue
            .queues
            .iter()
            .map(|queue| {
                let centre = geometry::centroid(&queue.area);
                Stand {
                    name: queue.name.as_str().into(),
                    centre,
                    zone: venue.zone_at(queue.floor, centre),
                    state: None,
                }
            })
            .collect();
        Self {
            under_way: UnderWay::new(stands.len(), campaigns.len()),
            campaigns: campaigns.into_iter().map(|campaign| Spending { campaign, issued: 0, redeemed: 0 }).collect(),
            venue,
            stands,
            attendees: BTreeMap::new(),
            vouchers: VoucherMaker::new(seed),
            lot: Lot::new(seed),
            scorer,
            refusals: Refusals::default(),
            counts: Counts::default(),
            arms: Vec::with_capacity(ARMS_MAX),
            rows: Vec::with_capacity(ARMS_MAX * features::WIDTH),
            scores: Vec::with_capacity(ARMS_MAX),
        }
    }

    /// Takes in a queue's newest state.
    pub fn set_queue(&mut self, state: &QueueState) {
        if let Some(stand) = self.stands.get_mut(usize::from(state.queue.0)) {
            stand.state = Some(state.clone());
        }
    }

    /// Sets the language of an attendee's messages, a tag such as `de-CH`; one that no campaign can be
    /// written in leaves her with the plain text.
    pub fn set_language(&mut self, who: &Arc<str>, language: &str) {
        if let Some(attendee) = self.attendee(who) {
            attendee.language = message::known_language(language);
        }
    }

    /// Decides about one attendee at one report; appends an `Offer` if one is due.
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
        self.end_expired(at);
        match self.decide(attendee, Whereabouts { at, position, floor, zone }) {
            Ok(Some(offer)) => outputs.push(Output::Offer(offer)),
            Ok(None) => {}
            Err(reason) => self.refusals.count(reason),
        }
    }

    /// Notes that a voucher was used at a till.
    pub fn redeemed(&mut self, at: Timestamp, voucher: &str) {
        self.end_expired(at);
        let Some(held) = self.under_way.redeem(voucher) else {
            self.counts.redeemed_unknown += 1;
            return;
        };
        self.counts.redeemed += 1;
        self.campaigns[held.campaign].redeemed += 1;
        if let Some(attendee) = self.attendees.get_mut(&held.attendee) {
            attendee.note_redeemed();
        }
    }

    /// Drops everything known about an attendee, the voucher she holds too.
    pub fn forget(&mut self, who: &str) {
        if let Some(voucher) = self.attendees.remove(who).and_then(|attendee| attendee.voucher) {
            self.under_way.remove(&voucher);
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
        !self.campaigns.is_empty()
    }

    /// Whether a model scores the offers; otherwise the rule by the gain in wait does.
    pub fn has_model(&self) -> bool {
        self.scorer.is_some()
    }

    /// Replaces the model, or takes it away.
    pub fn set_scorer(&mut self, scorer: Option<Box<dyn Scorer>>) {
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
            if let Some(attendee) = self.attendees.get_mut(&held.attendee) {
                attendee.note_over();
            }
        }
    }

    fn decide(&mut self, who: &Arc<str>, seen: Whereabouts) -> Result<Option<Offer>, Refusal> {
        let attendee = self.attendee(who).ok_or(Refusal::AttendeesFull)?;
        attendee.note_zone(seen.at, seen.zone);
        attendee.may_be_asked(seen.at)?;
        let here = self.queue_here(seen).ok_or(Refusal::NoQueueHere)?;
        let (wait_here_s, length_here) = self.wait_at(here, seen.at).ok_or(Refusal::WaitHereUnknown)?;
        let person = self.person_facts(who, seen.at);
        self.gather_arms(who, here, seen, Situation { wait_here_s, length_here, ..person });
        self.score_arms();
        if self.arms.is_empty() {
            return Ok(None);
        }
        let choice = choice::choose(&self.arms, self.lot.draw(who, seen.at));
        match choice.arm {
            Some(arm) => Ok(Some(self.issue(who, here, seen.at, self.arms[arm], choice))),
            None => {
                self.attendees.entry(Arc::clone(who)).or_default().note_no_offer(seen.at);
                Err(Refusal::Lot)
            }
        }
    }

    /// The queue she stands in; else, of the queues in her zone, the nearest.
    fn queue_here(&self, seen: Whereabouts) -> Option<QueueId> {
        let queues = &self.venue.queues;
        let inside = queues.iter().position(|q| q.floor == seen.floor && geometry::contains(&q.area, seen.position));
        let found = inside.or_else(|| {
            let zone = seen.zone?;
            let in_zone = (0..self.stands.len()).filter(|place| self.stands[*place].zone == Some(zone));
            let distance_m = |place: &usize| geometry::distance_m(self.stands[*place].centre, seen.position);
            in_zone.min_by(|a, b| distance_m(a).total_cmp(&distance_m(b)))
        })?;
        Some(QueueId(found as u8))
    }

    /// Wait of a newcomer in seconds and people waiting, if known and fresh.
    fn wait_at(&self, queue: QueueId, at: Timestamp) -> Option<(f64, f64)> {
        let state = self.stands[usize::from(queue.0)].state.as_ref()?;
        let wait_s = state.wait_s.filter(|wait_s| wait_s.is_finite())?;
        (at.since(state.at) <= QUEUE_STATE_AGE_MAX).then_some((wait_s, state.length))
    }

    /// The facts that are about her alone.
    fn person_facts(&self, who: &str, at: Timestamp) -> Situation {
        let Some(attendee) = self.attendees.get(who) else { return Situation::default() };
        let (since_offer_s, offers_so_far, redemptions_so_far) = attendee.history(at);
        let dwell_zone_s = attendee.dwell(at).as_secs_f64();
        Situation { at, dwell_zone_s, since_offer_s, offers_so_far, redemptions_so_far, ..Situation::default() }
    }

    /// Fills `arms` with every eligible pair of campaign and stand; counts why the others are not.
    fn gather_arms(&mut self, who: &str, here: QueueId, seen: Whereabouts, facts: Situation) {
        self.arms.clear();
        for place in 0..self.campaigns.len() {
            if let Err(reason) = self.campaign_eligible(place, who, here, seen.at, facts.wait_here_s) {
                self.refusals.count(reason);
                continue;
            }
            for stand in (0..self.stands.len()).map(|stand| QueueId(stand as u8)) {
                if stand == here || !self.campaigns[place].campaign.stand.includes(stand) {
                    continue;
                }
                match self.arm(place, stand, seen, facts) {
                    Ok(_) if self.arms.len() == ARMS_MAX => self.refusals.count(Refusal::ArmsFull),
                    Ok(arm) => self.arms.push(arm),
                    Err(reason) => self.refusals.count(reason),
                }
            }
        }
    }

    fn campaign_eligible(
        &self,
        place: usize,
        who: &str,
        here: QueueId,
        at: Timestamp,
        wait_s: f64,
    ) -> Result<(), Refusal> {
        let Spending { campaign, issued, redeemed } = &self.campaigns[place];
        let promised = redeemed + self.under_way.of_campaign(place);
        if !campaign.here.includes(here) {
            return Err(Refusal::OtherPlace);
        }
        if wait_s <= campaign.when_wait_over_s {
            return Err(Refusal::WaitHereShort);
        }
        if !campaign.runs_at(at) {
            return Err(Refusal::OutOfHours);
        }
        if *issued >= campaign.budget_count {
            return Err(Refusal::BudgetSpent);
        }
        if campaign.stock_count.is_some_and(|stock| promised >= stock) {
            return Err(Refusal::StockGone);
        }
        self.attendees.get(who).map_or(Ok(()), |attendee| attendee.may_get(at, place, campaign))
    }

    /// One possible offer with all its facts, or why it is none.
    fn arm(&self, place: usize, stand: QueueId, seen: Whereabouts, facts: Situation) -> Result<Arm, Refusal> {
        let campaign = &self.campaigns[place].campaign;
        let (wait_s, length_there) = self.wait_at(stand, seen.at).ok_or(Refusal::WaitThereUnknown)?;
        let under_way = self.under_way.expected_at(stand);
        let walk_m = self.walk_m(seen, stand);
        let situation = Situation {
            wait_there_s: wait_s + under_way * self.service_s(stand, wait_s, length_there),
            length_there,
            under_way,
            walk_m,
            walk_s: walk_m / WALK_M_PER_S,
            percent: campaign.percent,
            validity_s: campaign.validity.as_secs_f64(),
            ..facts
        };
        if situation.wait_there_s >= campaign.and_wait_there_under_s {
            return Err(Refusal::WaitThereLong);
        }
        if situation.gain_s() < campaign.wait_gain_s_min {
            return Err(Refusal::GainSmall);
        }
        if situation.slack_s() < 0.0 {
            return Err(Refusal::OutOfReach);
        }
        Ok(Arm { campaign: place, stand, situation, score: 0.0 })
    }

    fn walk_m(&self, seen: Whereabouts, stand: QueueId) -> f64 {
        let floor = self.venue.queues[usize::from(stand.0)].floor;
        let floors = f64::from(floor.0.abs_diff(seen.floor.0));
        geometry::distance_m(seen.position, self.stands[usize::from(stand.0)].centre) + floors * FLOOR_CHANGE_M
    }

    /// What one more person adds to the wait at a stand, seconds: what each waiting person adds now, or
    /// the usual service time over the tills where nobody waits.
    fn service_s(&self, stand: QueueId, wait_s: f64, length: f64) -> f64 {
        let servers = f64::from(self.venue.queues[usize::from(stand.0)].servers.max(1));
        if length >= 1.0 { wait_s / length } else { SERVICE_S / servers }
    }

    /// Scores the arms by the model, or by the rule where there is none or it fails; drops the hopeless.
    fn score_arms(&mut self) {
        if !self.arms.is_empty() && !self.score_by_model() {
            for arm in &mut self.arms {
                arm.score = choice::rule_score(&arm.situation);
            }
        }
        let before = self.arms.len();
        self.arms.retain(|arm| arm.score >= SCORE_MIN);
        (self.arms.len()..before).for_each(|_| self.refusals.count(Refusal::ScoreLow));
    }

    fn score_by_model(&mut self) -> bool {
        let Some(scorer) = &mut self.scorer else { return false };
        self.rows.clear();
        self.scores.clear();
        self.arms.iter().for_each(|arm| arm.situation.append_to(&mut self.rows));
        scorer.scores(&self.rows, &mut self.scores);
        let probability = |score: &f32| (0.0..=1.0).contains(score);
        if self.scores.len() != self.arms.len() || !self.scores.iter().all(probability) {
            self.counts.model_failed += 1;
            self.scorer = None;
            return false;
        }
        for (arm, score) in self.arms.iter_mut().zip(&self.scores) {
            arm.score = f64::from(*score);
        }
        true
    }

    fn issue(&mut self, who: &Arc<str>, here: QueueId, at: Timestamp, arm: Arm, choice: Choice) -> Offer {
        let names = self.vouchers.next(at);
        let voucher: Arc<str> = names.voucher.into();
        let spending = &mut self.campaigns[arm.campaign];
        spending.issued += 1;
        self.counts.offered += 1;
        let expires_at = at + spending.campaign.validity;
        let held = Held { attendee: Arc::clone(who), campaign: arm.campaign, stand: arm.stand, expires_at };
        self.under_way.issue(Arc::clone(&voucher), held);
        let attendee = self.attendees.entry(Arc::clone(who)).or_default();
        attendee.note_offer(at, arm.campaign, Arc::clone(&voucher));
        let stand = &self.stands[usize::from(arm.stand.0)].name;
        let values = Values {
            percent: arm.situation.percent,
            stand,
            here: &self.stands[usize::from(here.0)].name,
            wait_here_s: arm.situation.wait_here_s,
            wait_there_s: arm.situation.wait_there_s,
            validity_s: arm.situation.validity_s,
        };
        Offer {
            at,
            voucher,
            code: names.code.into(),
            attendee: Arc::clone(who),
            campaign: Arc::clone(&spending.campaign.name),
            stand: Arc::clone(stand),
            text: spending.campaign.message.render(attendee.language, &values),
            percent: arm.situation.percent,
            expires_at,
            score: arm.score,
            propensity: choice.propensity,
        }
    }
}

#[cfg(test)]
mod tests;
