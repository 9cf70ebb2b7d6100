//! Tests of `Offers` as a whole: a hall with two bars, told by its queues, and what attendees then get.

use super::campaign::tests::venue;
use super::choice::{Refusal, Refusals};
use super::*;
use crate::output::Offer;
use crate::time::Duration;
use crate::venue::QueueId;

/// In the queue of the east bar, in the zone of the same name.
const AT_EAST: Point = [4.0, 4.0];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_700_000_000_000 + seconds * 1_000_000)
}

fn queue(number: u8, length: f64, wait_s: Option<f64>, seconds: i64) -> QueueState {
    QueueState {
        at: at(seconds),
        queue: QueueId(number),
        length,
        length_low: length,
        length_high: length,
        wait_s,
        wait_low_s: None,
        wait_high_s: None,
        arrivals_per_min: None,
        served_per_min: None,
        p_wait_over_limit: None,
        p_wait_over_limit_15min: None,
    }
}

/// A long queue in the east, a short one in the west, the third closed.
fn offers_with(campaigns: &str, scorer: Option<Box<dyn Scorer>>) -> Offers {
    let venue = Arc::new(venue());
    let campaigns = campaign::parse(campaigns, &venue).expect("good");
    let mut offers = Offers::new(venue, 7, campaigns, scorer);
    offers.set_queue(&queue(0, 10.0, Some(400.0), 0));
    offers.set_queue(&queue(1, 1.0, Some(30.0), 0));
    offers
}

fn offers() -> Offers {
    offers_with(campaign::SHIPPED, None)
}

fn consider(offers: &mut Offers, who: &str, seconds: i64, position: Point) -> Option<Offer> {
    let mut outputs = Vec::new();
    let zone = venue().zone_at(FloorId(0), position);
    offers.consider(at(seconds), &who.into(), position, FloorId(0), zone, &mut outputs);
    outputs.into_iter().find_map(|output| if let Output::Offer(offer) = output { Some(offer) } else { None })
}

/// The only reason counted since `before`.
fn reason_since(offers: &Offers, before: &Refusals) -> Vec<Refusal> {
    offers.refusals().iter().filter(|(reason, count)| *count > before.of(*reason)).map(|(reason, _)| reason).collect()
}

struct Fixed(Vec<f32>);

impl Scorer for Fixed {
    fn scores(&mut self, features: &[f32], scores: &mut Vec<f32>) {
        assert_eq!(features.len() % features::WIDTH, 0);
        scores.extend(&self.0);
    }
}

#[test]
fn who_waits_long_is_sent_to_the_short_queue_in_her_language() {
    let mut offers = offers();
    offers.set_language(&"ada".into(), "de-AT");
    let offer = consider(&mut offers, "ada", 5, AT_EAST).expect("an offer");
    assert_eq!((&*offer.stand, &*offer.campaign, offer.percent), ("bar west", "short-queue", 20.0));
    assert_eq!(&*offer.text, "20 % Rabatt bei bar west, dort ist die Schlange kurz: 1 statt 7 Min. Gültig 5 Min.");
    assert_eq!(offer.expires_at, at(305));
    assert!((0.5..1.0).contains(&offer.propensity), "the best of two: {}", offer.propensity);
    assert!((offer.score - 370.0 / 970.0).abs() < 1e-6);
    assert_eq!((offer.voucher.len(), offer.code.len()), (32, 10));
}

#[test]
fn each_rule_refuses_with_its_own_reason() {
    let check = |campaigns: &str, prepare: fn(&mut Offers), seconds, position, expected: &[Refusal]| {
        let mut offers = offers_with(campaigns, None);
        prepare(&mut offers);
        let before = offers.refusals().clone();
        assert_eq!(consider(&mut offers, "ada", seconds, position), None, "{expected:?}");
        assert_eq!(reason_since(&offers, &before), expected);
    };
    let shipped = campaign::SHIPPED;
    let with = |line: &str| shipped.replacen("validity_s = 300", &format!("validity_s = 300\n{line}"), 1);
    let unknown = Refusal::WaitThereUnknown;
    check(shipped, |_| {}, 5, [25.0, 4.0], &[Refusal::NoQueueHere]);
    check(shipped, |_| {}, 601, AT_EAST, &[Refusal::WaitHereUnknown]);
    check(shipped, |o| o.set_queue(&queue(0, 3.0, None, 0)), 5, AT_EAST, &[Refusal::WaitHereUnknown]);
    check(shipped, |o| o.set_queue(&queue(0, 3.0, Some(180.0), 0)), 5, AT_EAST, &[Refusal::WaitHereShort]);
    check(shipped, |o| o.set_queue(&queue(1, 3.0, Some(120.0), 0)), 5, AT_EAST, &[unknown, Refusal::WaitThereLong]);
    check(&with("stock_count = 0"), |_| {}, 5, AT_EAST, &[Refusal::StockGone]);
    check(&with("hours_utc = [\"00:00-00:01\"]"), |_| {}, 5, AT_EAST, &[Refusal::OutOfHours]);
    check(&shipped.replace("here = \"*\"", "here = \"merch\""), |_| {}, 5, AT_EAST, &[Refusal::OtherPlace]);
    let wide = shipped.replace("wait_gain_s_min = 60", "wait_gain_s_min = 371");
    check(&wide, |_| {}, 5, AT_EAST, &[unknown, Refusal::GainSmall]);
    let brief = shipped.replace("validity_s = 300", "validity_s = 58").replace("under_s = 120", "under_s = 50");
    check(&brief, |_| {}, 5, AT_EAST, &[unknown, Refusal::OutOfReach]);
}

#[test]
fn standing_in_her_zone_is_enough_and_the_nearest_queue_counts() {
    let mut offers = offers();
    assert!(consider(&mut offers, "ada", 5, [7.0, 8.0]).is_some(), "near the east bar, outside its queue");
    assert_eq!(consider(&mut offers, "bob", 5, [12.0, 19.0]), None, "near merch, whose wait is unknown");
    assert_eq!(offers.refusals().of(Refusal::WaitHereUnknown), 1);
}

#[test]
fn caps_and_cooldowns_hold_over_a_day_and_forgetting_leaves_nothing() {
    let mut offers = offers();
    let mut given = Vec::new();
    for seconds in (0..7_200).step_by(5) {
        offers.set_queue(&queue(0, 10.0, Some(400.0), seconds));
        offers.set_queue(&queue(1, 1.0, Some(30.0), seconds));
        given.extend(consider(&mut offers, "ada", seconds, AT_EAST).map(|offer| offer.at));
    }
    assert_eq!(given.len(), 2, "{given:?}");
    assert!(given[1].since(given[0]) >= Duration::from_secs(900));
    assert!(offers.refusals().of(Refusal::CampaignCap) > 0 && offers.refusals().of(Refusal::Cooldown) > 0);
    assert_eq!((offers.counts().offered, offers.counts().expired, offers.under_way_count()), (2, 2, 0));
    offers.forget("ada");
    assert!(offers.attendees.is_empty());
}

#[test]
fn a_budget_is_never_overspent() {
    let one = campaign::SHIPPED.replace("budget_count = 2000", "budget_count = 3");
    let mut offers = offers_with(&one, None);
    let given = (0..200).filter(|person| consider(&mut offers, &format!("{person}"), 5, AT_EAST).is_some()).count();
    assert_eq!(given, 3);
    assert!(offers.refusals().of(Refusal::BudgetSpent) > 190);
}

#[test]
fn money_and_hours_are_never_overspent_either() {
    let with = |line: &str| campaign::SHIPPED.replace("cap_per_person = 2", &format!("cap_per_person = 2\n{line}"));
    let given = |campaigns: &str, seconds: std::ops::Range<i64>| {
        let mut offers = offers_with(campaigns, None);
        let mut count = 0;
        for second in seconds {
            offers.set_queue(&queue(0, 10.0, Some(400.0), second));
            offers.set_queue(&queue(1, 1.0, Some(30.0), second));
            count += u32::from(consider(&mut offers, &format!("{second}"), second, AT_EAST).is_some());
        }
        count
    };
    // Every voucher out may be redeemed: at 1.5 each, six are all that 10 can pay.
    assert_eq!(given(&with("cost = 1.5\nbudget_spend = 10"), 0..300), 6);
    // 1 763 700 000 is 40 minutes into an hour of the clock: two hours begin within these 90 minutes.
    assert_eq!(given(&with("budget_per_hour = 7"), 0..5_400), 21);
}

#[test]
fn people_under_way_fill_the_other_queue_before_they_get_there() {
    let mut offers = offers();
    let given = (0..100).filter(|person| consider(&mut offers, &format!("{person}"), 5, AT_EAST).is_some()).count();
    // 30 s there now and 30 s for each expected person; at 0.3 people a voucher, ten reach the limit of 120 s.
    assert_eq!(given, 10);
    assert!(offers.refusals().of(Refusal::WaitThereLong) > 80);
}

#[test]
fn stock_counts_what_is_promised_and_a_redemption_frees_the_person_only() {
    let stocked = campaign::SHIPPED.replace("# stock_count = 500", "stock_count = 1");
    let mut offers = offers_with(&stocked, None);
    let offer = ["ada", "ada2"].iter().find_map(|who| consider(&mut offers, who, 5, AT_EAST)).expect("one");
    assert_eq!(consider(&mut offers, "bob", 10, AT_EAST), None);
    offers.redeemed(at(60), &offer.voucher, &mut Vec::new());
    offers.redeemed(at(61), &offer.voucher, &mut Vec::new());
    assert_eq!((offers.counts().redeemed, offers.counts().redeemed_unknown), (1, 1));
    assert_eq!(consider(&mut offers, "bob", 65, AT_EAST), None);
    assert_eq!(offers.refusals().of(Refusal::StockGone), 2);
    assert_eq!(consider(&mut offers, &offer.attendee, 65, AT_EAST), None);
    assert_eq!(offers.refusals().of(Refusal::DecidedLately), 1, "she no longer holds a voucher");
}

#[test]
fn a_model_ranks_but_never_overrules_and_a_failing_one_is_put_aside() {
    let check = |scores: Vec<f32>, offered: bool, has_model: bool| {
        let mut offers = offers_with(campaign::SHIPPED, Some(Box::new(Fixed(scores.clone()))));
        assert_eq!(consider(&mut offers, "ada", 5, AT_EAST).is_some(), offered, "{scores:?}");
        assert_eq!(offers.has_model(), has_model, "{scores:?}");
        offers.set_queue(&queue(0, 1.0, Some(10.0), 5));
        assert_eq!(consider(&mut offers, "bob", 10, AT_EAST), None, "no score lifts the trigger");
    };
    check(vec![0.9], true, true);
    check(vec![0.01], false, true);
    check(vec![], true, false);
    check(vec![0.5, 0.5], true, false);
    check(vec![f32::NAN], true, false);
    check(vec![1.5], true, false);
}

#[test]
fn same_calls_same_outputs() {
    let run = || {
        let mut offers = offers();
        (0..300).filter_map(|step| consider(&mut offers, &format!("{}", step % 40), step, AT_EAST)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    assert!(!run().is_empty());
}

#[test]
fn one_in_twenty_gets_no_offer_by_lot() {
    let wide = campaign::SHIPPED.replace("cap_per_person = 2", "cap_per_person = 2\nstock_count = 1000000");
    let mut offers = offers_with(&wide, None);
    for person in 0..4_000 {
        let offer = consider(&mut offers, &format!("{person}"), 5, AT_EAST);
        offer.iter().for_each(|offer| offers.forget(&offer.attendee));
    }
    let by_lot = offers.refusals().of(Refusal::Lot);
    // 200 expected, standard deviation 13.8; the budget of 2 000 ends it after about 2 100 decisions.
    assert!((60..150).contains(&by_lot), "{by_lot}");
    assert_eq!(offers.counts().offered, 2_000);
}

/// All outputs of one look at somebody.
fn look(offers: &mut Offers, who: &str, seconds: i64, position: Point) -> Vec<Output> {
    let mut outputs = Vec::new();
    let zone = venue().zone_at(FloorId(0), position);
    offers.consider(at(seconds), &who.into(), position, FloorId(0), zone, &mut outputs);
    outputs
}

/// What a ledger would remember of these outputs.
fn ledger(outputs: &[Output], redeemed: &[Arc<str>]) -> restore::Restored {
    let mut restored = restore::Restored::default();
    let decisions: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Decision(decision) = o { Some(decision) } else { None }).collect();
    for output in outputs {
        match output {
            Output::Learned(learned) => restored.learned.push((learned.name.clone(), learned.bytes.to_vec())),
            Output::Offer(offer) => {
                let used = redeemed.contains(&offer.voucher);
                let decision = decisions.iter().find(|it| it.id == offer.decision).expect("logged");
                let arm = &decision.arms[decision.chosen.expect("an offer")];
                restored.offers.push(restore::PastOffer {
                    voucher: offer.voucher.clone(),
                    attendee: offer.attendee.clone(),
                    campaign: offer.campaign.clone(),
                    stand: offer.stand.clone(),
                    at: offer.at,
                    expires_at: offer.expires_at,
                    redeemed: used,
                    open: !used,
                    decision: offer.decision,
                    told: Some((arm.features, arm.score)),
                });
            }
            _ => {}
        }
    }
    let (issued, redeemed) = (restored.offers.len() as u64, redeemed.len() as u64);
    restored.spent.push(restore::Spent { campaign: "short-queue".into(), issued, redeemed });
    restored
}

#[test]
fn after_a_restart_caps_budget_and_estimates_are_as_before() {
    let few = campaign::SHIPPED.replace("budget_count = 2000", "budget_count = 4");
    let (mut offers, mut outputs) = (offers_with(&few, None), Vec::new());
    for person in 0..3 {
        outputs.extend(look(&mut offers, &format!("{person}"), 5, AT_EAST));
    }
    let given: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Offer(it) = o { Some(it.clone()) } else { None }).collect();
    let used = [given[0].voucher.clone()];
    offers.redeemed(at(60), &used[0], &mut outputs);
    offers.finish(at(61), &mut outputs);

    let mut again = offers_with(&few, None);
    again.restore(ledger(&outputs, &used));
    assert_eq!((again.decided, again.last_decision), (offers.decided, offers.last_decision));
    assert_eq!(again.under_way.follow_rate(), offers.under_way.follow_rate());
    assert_eq!(again.under_way_count(), offers.under_way_count());
    assert_eq!(again.campaigns[0].head, offers.campaigns[0].head);
    assert_eq!((again.campaigns[0].issued, again.campaigns[0].redeemed), (given.len() as u64, 1));
    let before = again.refusals().clone();
    assert_eq!(consider(&mut again, &given[1].attendee, 70, AT_EAST), None);
    assert_eq!(reason_since(&again, &before), [Refusal::HoldsVoucher]);
    let before = again.refusals().clone();
    assert_eq!(consider(&mut again, &given[0].attendee, 70, AT_EAST), None, "decided a minute ago");
    assert_eq!(reason_since(&again, &before), [Refusal::DecidedLately]);
    let more = (0..40).filter(|person| consider(&mut again, &format!("new {person}"), 75, AT_EAST).is_some()).count();
    assert_eq!(more, 4 - given.len(), "the budget goes on where it was");
}

#[test]
fn what_was_stored_by_something_else_changes_nothing() {
    let mut offers = offers();
    let clean = offers.policy_bytes();
    for bytes in [vec![], vec![9], vec![1; 5], vec![1; 34], vec![0xff; 200]] {
        let learned = vec![("".into(), bytes.clone()), ("short-queue".into(), bytes.clone()), ("gone".into(), bytes)];
        offers.restore(restore::Restored { learned, ..Default::default() });
        assert!(offers.campaigns[0].head.is_none());
    }
    offers.restore(restore::Restored { learned: vec![("".into(), clean.clone())], ..Default::default() });
    assert_eq!(offers.policy_bytes(), clean);
}

#[test]
fn every_decision_is_logged_with_all_it_knew_and_later_its_outcome() {
    let (mut offers, mut outputs) = (offers(), Vec::new());
    for person in 0..60 {
        offers.set_queue(&queue(1, 1.0, Some(30.0), 5));
        outputs.extend(look(&mut offers, &format!("{person}"), 5, AT_EAST));
        let held = outputs.iter().rev().find_map(|o| if let Output::Offer(it) = o { Some(it) } else { None });
        let voucher = held.map(|offer| offer.voucher.clone());
        voucher.iter().for_each(|voucher| offers.redeemed(at(6), voucher, &mut outputs));
    }
    offers.pass_time(at(5 + 601), &mut outputs);
    let (mut decided, mut without) = (Vec::new(), 0);
    for output in &outputs {
        match output {
            Output::Decision(decision) => {
                let sum: f64 = decision.arms.iter().map(|arm| arm.propensity).sum::<f64>() + decision.none_propensity;
                assert!((sum - 1.0).abs() < 1e-9);
                assert_eq!(decision.belief.len(), 2);
                without += usize::from(decision.chosen.is_none());
                decided.push(decision.id);
            }
            Output::Outcome(outcome) => decided.retain(|id| *id != outcome.decision),
            _ => {}
        }
    }
    assert!(without > 0 && without < 30, "{without}");
    assert!(decided.is_empty(), "every outcome is known in the end: {decided:?}");
}

#[test]
fn who_comes_without_an_offer_is_the_measure_of_those_who_come_with_one() {
    let mut offers = offers();
    let base = offers.without.rate(QueueId(1));
    for person in 0..400 {
        let who = format!("{person}");
        let mut outputs = look(&mut offers, &who, 5, AT_EAST);
        if outputs.iter().any(|output| matches!(output, Output::Offer(_))) {
            offers.forget(&who);
        } else {
            outputs.extend(look(&mut offers, &who, 100, [34.0, 4.0]));
            outputs.extend(look(&mut offers, &who, 125, [34.0, 4.0]));
        }
    }
    offers.pass_time(at(700), &mut Vec::new());
    assert!(offers.without.rate(QueueId(1)) > base + 0.1, "{}", offers.without.rate(QueueId(1)));
}
