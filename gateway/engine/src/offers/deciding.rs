//! One decision about one attendee: what may be offered, what it is worth, what is drawn.
//!
//! In: who and where she is. Out: an offer or none, and the decision for the log. Eligibility first; the
//! model's score and the venue's own log then say how likely each offer is redeemed, prices take their
//! part, and the draw has known probabilities. It refuses, with a counted reason, whatever a rule forbids.

use super::attendee::{DECISION_EVERY, Pending};
use super::choice::{self, ARMS_MAX, Arm, Refusal, SCORE_MIN};
use super::decision::{Decision, DecisionArm};
use super::features::{Situation, WIDTH};
use super::head::{self, Head};
use super::message::Values;
use super::policy::{self, Drawn, Slice};
use super::prices;
use super::stands::Whereabouts;
use super::under_way::{Held, REDEEMED_LATE_MAX};
use super::{Offers, Spending};
use crate::output::{Offer, Output};
use crate::time::Timestamp;
use crate::venue::QueueId;
use std::sync::Arc;

/// Walking speed in a crowd, with detours: three quarters of the 1.34 m/s of free walking (Weidmann 1993).
const WALK_M_PER_S: f64 = 1.0;

/// Queues that differ by fewer people than this, those under way counted, are alike: in a simulation of two
/// stands it halves the offers at the same or a shorter mean wait.
const DEAD_BAND_PEOPLE: f64 = 1.5;

impl Offers {
    /// Decides; appends an offer if one is drawn, and the decision wherever there was something to decide.
    pub(super) fn decide(
        &mut self,
        who: &Arc<str>,
        seen: Whereabouts,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let here = self.stands.here(seen);
        self.note_seen(who, seen)?;
        let here = here.ok_or(Refusal::NoQueueHere)?;
        let (wait_here_s, length_here) = self.stands.wait(here, seen.at).ok_or(Refusal::WaitHereUnknown)?;
        let person = self.person_facts(who, seen.at);
        self.gather_arms(who, here, seen, Situation { wait_here_s, length_here, ..person });
        self.score_arms();
        if self.arms.is_empty() {
            return Ok(());
        }
        self.value_arms();
        let values: Vec<f64> = self.arms.iter().map(|arm| arm.value).collect();
        let propensities = policy::propensities(&values, self.decided);
        let drawn = policy::draw(&values, self.decided, self.lot.draw(who, seen.at));
        let decision = self.decision(here, seen.at, drawn, &propensities);
        self.decided += 1;
        self.note_decision(who, here, &decision, &values);
        let offer = decision.chosen.map(|arm| self.issue(who, here, self.arms[arm], &decision));
        outputs.push(Output::Decision(Box::new(decision)));
        match offer {
            Some(offer) => outputs.push(Output::Offer(offer)),
            None => return Err(Refusal::Lot),
        }
        Ok(())
    }

    /// Notes where she is, and says whether anything may be decided about her.
    fn note_seen(&mut self, who: &Arc<str>, seen: Whereabouts) -> Result<(), Refusal> {
        // Being near a queue says little; only who is in its area has come to it.
        let inside = self.stands.inside(seen);
        let attendee = self.attendee(who).ok_or(Refusal::AttendeesFull)?;
        attendee.note_zone(seen.at, seen.zone);
        if let Some(queue) = inside {
            attendee.note_queue(seen.at, queue);
            if let Some(voucher) = attendee.voucher.clone() {
                self.under_way.arrived(&voucher, queue);
            }
        }
        self.attendee(who).ok_or(Refusal::AttendeesFull)?.may_be_asked(seen.at)
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
            if !self.campaigns[place].runs {
                continue;
            }
            if let Err(reason) = self.campaign_eligible(place, who, here, seen.at, facts.wait_here_s) {
                self.refusals.count(reason);
                continue;
            }
            for stand in self.stands.ids() {
                if stand == here || !self.campaigns[place].campaign.stand.includes(stand) {
                    continue;
                }
                match self.arm(place, here, stand, seen, facts) {
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
        let Spending { campaign, issued, redeemed, price, .. } = &self.campaigns[place];
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
        let hour_spent = campaign.budget_per_hour.is_some_and(|allowed| price.in_hour(at) >= allowed);
        // Every voucher under way may still be redeemed, so its cost is promised.
        let spend = (promised + 1) as f64 * campaign.cost;
        if *issued >= campaign.budget_count || hour_spent || campaign.budget_spend.is_some_and(|most| spend > most) {
            return Err(Refusal::BudgetSpent);
        }
        if campaign.stock_count.is_some_and(|stock| promised >= stock) {
            return Err(Refusal::StockGone);
        }
        self.attendees.get(who).map_or(Ok(()), |attendee| attendee.may_get(at, place, campaign))
    }

    /// One possible offer with all its facts, or why it is none.
    fn arm(
        &self,
        place: usize,
        here: QueueId,
        stand: QueueId,
        seen: Whereabouts,
        facts: Situation,
    ) -> Result<Arm, Refusal> {
        let Spending { campaign, redeemed, price, .. } = &self.campaigns[place];
        let (wait_s, length_there) = self.stands.wait(stand, seen.at).ok_or(Refusal::WaitThereUnknown)?;
        let under_way = self.under_way.expected_at(stand);
        let walk_m = self.stands.walk_m(seen, stand);
        let service_there_s = self.stands.service_s(stand, wait_s, length_there);
        let service_here_s = self.stands.service_s(here, facts.wait_here_s, facts.length_here);
        let situation = Situation {
            wait_there_s: wait_s + under_way * service_there_s,
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
        if situation.gain_s() <= DEAD_BAND_PEOPLE * service_here_s.max(service_there_s) {
            return Err(Refusal::DeadBand);
        }
        if situation.slack_s() < 0.0 {
            return Err(Refusal::OutOfReach);
        }
        let crowding_here_s = self.stands.crowding_s(here, facts.wait_here_s, facts.length_here);
        let crowding_there_s = self.stands.crowding_s(stand, situation.wait_there_s, length_there + under_way);
        let relief_s = situation.gain_s() + crowding_here_s - crowding_there_s;
        let promised = redeemed + self.under_way.of_campaign(place);
        let price = price.now() + prices::near_end(promised, campaign.stock_count);
        Ok(Arm { campaign: place, stand, situation, relief_s, score: 0.0, estimate: 0.0, price, value: 0.0 })
    }

    /// Scores the arms by the model, or by the rule where there is none or it fails; drops the hopeless.
    fn score_arms(&mut self) {
        self.rows.clear();
        self.arms.iter().for_each(|arm| arm.situation.append_to(&mut self.rows));
        if !self.arms.is_empty() && !self.score_by_model() {
            for arm in &mut self.arms {
                arm.score = choice::rule_score(&arm.situation) as f32;
            }
        }
        for (arm, row) in self.arms.iter_mut().zip(self.rows.chunks(WIDTH)) {
            let head = self.campaigns[arm.campaign].head.as_ref();
            arm.estimate = head.map_or(f64::from(arm.score), |head| head.estimate(&head::input(row, arm.score)));
        }
        let hopeless = |arm: &Arm| arm.estimate.max(f64::from(arm.score)) < SCORE_MIN;
        let before = self.arms.len();
        let rows = std::mem::take(&mut self.rows);
        let kept = self.arms.iter().zip(rows.chunks(WIDTH)).filter(|(arm, _)| !hopeless(arm));
        self.rows = kept.flat_map(|(_, row)| row.iter().copied()).collect();
        self.arms.retain(|arm| !hopeless(arm));
        (self.arms.len()..before).for_each(|_| self.refusals.count(Refusal::ScoreLow));
    }

    fn score_by_model(&mut self) -> bool {
        let Some(scorer) = &mut self.scorer else { return false };
        self.scores.clear();
        scorer.scores(&self.rows, &mut self.scores);
        let probability = |score: &f32| (0.0..=1.0).contains(score);
        if self.scores.len() != self.arms.len() || !self.scores.iter().all(probability) {
            self.counts.model_failed += 1;
            self.set_scorer(None);
            return false;
        }
        for (arm, score) in self.arms.iter_mut().zip(&self.scores) {
            arm.score = *score;
        }
        true
    }

    fn value_arms(&mut self) {
        let worth = |arm: &Arm| choice::worth(&self.campaigns[arm.campaign].campaign, arm.relief_s);
        let worths: Vec<f64> = self.arms.iter().map(worth).collect();
        let without = &self.without;
        choice::value(&mut self.arms, &worths, |stand| without.rate(stand));
    }

    fn decision(&mut self, here: QueueId, at: Timestamp, drawn: Drawn, propensities: &[f64]) -> Decision {
        self.last_decision = at.as_micros().max(self.last_decision + 1);
        let arms = self.arms.iter().zip(self.rows.as_chunks::<WIDTH>().0).zip(propensities);
        let arm = |((arm, features), propensity): ((&Arm, &[f32; WIDTH]), &f64)| DecisionArm {
            campaign: Arc::clone(&self.campaigns[arm.campaign].campaign.name),
            stand: Arc::clone(self.stands.name(arm.stand)),
            features: *features,
            score: arm.score,
            estimate: arm.estimate,
            value: arm.value,
            price: arm.price,
            propensity: *propensity,
        };
        Decision {
            id: self.last_decision,
            at,
            here: Arc::clone(self.stands.name(here)),
            arms: arms.map(arm).collect(),
            chosen: drawn.arm,
            none_propensity: propensities[self.arms.len()],
            slice: drawn.slice,
            decided: self.decided,
            model: Arc::clone(&self.model),
            belief: self.stands.belief(at, &self.under_way),
        }
    }

    /// Remembers what the outcome will be read against.
    fn note_decision(&mut self, who: &Arc<str>, here: QueueId, decision: &Decision, values: &[f64]) {
        let best = (1..values.len()).fold(0, |best, place| if values[place] > values[best] { place } else { best });
        let arm = self.arms[decision.chosen.unwrap_or(best)];
        let valid = decision.chosen.map(|_| self.campaigns[arm.campaign].campaign.validity + REDEEMED_LATE_MAX);
        let due = decision.at + valid.unwrap_or(DECISION_EVERY).max(DECISION_EVERY);
        let holdout = decision.slice == Slice::Holdout;
        let pending = Pending { decision: decision.id, here, target: arm.stand, holdout, seen: None, came: None, due };
        self.due.insert((due, Arc::clone(who)));
        let attendee = self.attendees.entry(Arc::clone(who)).or_default();
        attendee.pending = Some(pending);
        attendee.note_no_offer(decision.at);
    }

    fn issue(&mut self, who: &Arc<str>, here: QueueId, arm: Arm, decision: &Decision) -> Offer {
        let at = decision.at;
        let names = self.vouchers.next(at);
        let voucher: Arc<str> = names.voucher.into();
        let spending = &mut self.campaigns[arm.campaign];
        spending.issued += 1;
        spending.price.spend(at);
        spending.head.get_or_insert_with(Head::of_score);
        self.counts.offered += 1;
        let expires_at = at + spending.campaign.validity;
        let mut row = Vec::with_capacity(WIDTH);
        arm.situation.append_to(&mut row);
        let held = Held {
            attendee: Arc::clone(who),
            campaign: arm.campaign,
            stand: arm.stand,
            expires_at,
            decision: decision.id,
            told: head::input(&row, arm.score),
            arrived: false,
        };
        self.under_way.issue(Arc::clone(&voucher), held);
        let attendee = self.attendees.entry(Arc::clone(who)).or_default();
        attendee.note_offer(at, arm.campaign, Arc::clone(&voucher));
        let stand = self.stands.name(arm.stand);
        let values = Values {
            percent: arm.situation.percent,
            stand,
            here: self.stands.name(here),
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
            score: f64::from(arm.score),
            propensity: decision.propensity(),
            decision: decision.id,
        }
    }
}
