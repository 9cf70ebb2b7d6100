//! Tests of `Offers` as a whole: a hall with two bars, told by its queues, and what attendees then get.

use super::campaign::tests::venue;
use super::choice::{Refusal, Refusals};
use super::*;

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
    let zone = offers.venue.zone_at(FloorId(0), position);
    offers.consider(at(seconds), &who.into(), position, FloorId(0), zone, &mut outputs);
    outputs
        .into_iter()
        .map(|output| if let Output::Offer(offer) = output { offer } else { panic!("{output:?}") })
        .next()
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
    assert!((offer.propensity - 0.95).abs() < 1e-9 && (offer.score - 370.0 / 970.0).abs() < 1e-9);
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
    offers.redeemed(at(60), &offer.voucher);
    offers.redeemed(at(61), &offer.voucher);
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
