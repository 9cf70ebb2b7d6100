//! Tests of the ledger: a till's questions, one a line, and what it is told.

use super::*;
use crate::store::{Store, samples};
use venue_engine::output::Output;

fn offer(voucher: &str) -> Offer {
    let Output::Offer(offer) = samples::offer(0, voucher) else { panic!("an offer") };
    offer
}

/// Vouchers `v1` to `v3`, valid at the bar until second 300; then one question a line, `second request till
/// code -> answer`, with the change of the voucher, if any, in brackets.
fn check(questions: &str) {
    let directory = tempfile::tempdir().expect("directory");
    let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
    let transaction = store.connection.transaction().expect("begins");
    for voucher in ["v1", "v2", "v3"] {
        assert!(issue(&transaction, &offer(voucher)).expect("issues").is_some());
        assert_eq!(issue(&transaction, &offer(voucher)).expect("issues"), None, "issued once");
    }
    for line in questions.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (question, expected) = line.split_once(" -> ").expect("an arrow");
        let words: Vec<&str> = question.split(' ').collect();
        let [at_s, request_id, till, code] = words[..] else { panic!("four words in {question}") };
        let at_us = at_s.parse::<i64>().expect("a number") * 1_000_000;
        let request =
            RedeemRequest { code: code.into(), voucher: None, till: till.into(), request_id: request_id.into(), at_us };
        let (answer, change) = redeem(&transaction, &request, &samples::venue()).expect("answers");
        let told = match answer {
            Redemption::Redeemed { voucher, attendee, .. } => format!("{voucher} of {attendee}"),
            Redemption::Refused(reason) => format!("{} {:?}", reason.as_str(), reason.at_us()),
        };
        let changed = change.map_or(String::new(), |change| format!(" [{}]", change.state));
        assert_eq!(format!("{told}{changed}"), expected, "for {question}");
    }
}

#[test]
fn a_voucher_is_redeemed_once() {
    check(
        "10 r1 bar V1 -> v1 of mia [redeemed]
         20 r2 bar V1 -> already-redeemed Some(10000000) [refused]
         30 r3 bar v-1 -> already-redeemed Some(10000000) [refused]",
    );
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    check(
        "10 r1 bar V1 -> v1 of mia [redeemed]
         11 r1 bar V1 -> v1 of mia
         12 r2 bar V1 -> already-redeemed Some(10000000) [refused]
         999 r2 bar V1 -> already-redeemed Some(10000000)
         999 r1 bar V1 -> v1 of mia
         13 r1 bar V2 -> request-reused None",
    );
}

#[test]
fn late_unknown_and_misplaced_codes_are_refused() {
    check(
        "360 r1 bar V1 -> v1 of mia [redeemed]
         361 r2 bar V2 -> expired Some(300000000) [refused]
         10 r3 bar V9 -> unknown-code None
         10 r4 bar/2 V3 -> v3 of mia [redeemed]",
    );
}

#[test]
fn a_voucher_of_another_stand_is_refused_where_the_till_says_where_it_is() {
    let text = "name = \"a\"\n[[floor]]\nname = \"g\"\nwidth_m = 9\ndepth_m = 9\n[[queue]]\nname = \"grill\"\n\
                area = [[0, 0], [1, 0], [1, 1]]\ncounter = [[1, 1], [2, 1], [2, 2]]\n";
    let venue = Venue::parse(text).expect("a good plan");
    let held = Held {
        issued_at_us: 0,
        voucher: "v1".into(),
        campaign: "c".into(),
        stand: "bar".into(),
        percent: 20.0,
        attendee: "mia".into(),
        expires_at_us: 9,
        redeemed_at_us: None,
    };
    let at = |till: &str| {
        let request =
            RedeemRequest { code: "V1".into(), voucher: None, till: till.into(), request_id: "r".into(), at_us: 1 };
        refusal(&held, &request, &venue)
    };
    assert_eq!(at("grill"), Some(RefusalReason::WrongStand));
    assert_eq!(at("grill/1"), Some(RefusalReason::WrongStand));
    assert_eq!(at("bar"), None);
    assert_eq!(at("hand-held 7"), None);
}

#[test]
fn empty_and_endless_requests_are_refused() {
    let directory = tempfile::tempdir().expect("directory");
    let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
    let transaction = store.connection.transaction().expect("begins");
    let endless = "x".repeat(1 << 20);
    for (code, request_id) in [("", "r"), ("V1", ""), (&*endless, "r"), ("V1", &*endless)] {
        let request = RedeemRequest {
            code: code.into(),
            voucher: None,
            till: "bar".into(),
            request_id: request_id.into(),
            at_us: 1,
        };
        let (answer, _) = redeem(&transaction, &request, &samples::venue()).expect("answers");
        assert_eq!(answer, Redemption::Refused(RefusalReason::InvalidRequest));
    }
}

#[test]
fn codes_forgive_what_people_type() {
    assert_eq!(plain_code(" oil-42 lO"), "0114210");
}

#[test]
fn vouchers_expire_once_and_forgetting_erases_all() {
    let directory = tempfile::tempdir().expect("directory");
    let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
    let transaction = store.connection.transaction().expect("begins");
    let mia = Join { attendee: "mia".into(), language: "de".into(), beacon: None, at_us: 1 };
    join(&transaction, &mia).expect("stored");
    join(&transaction, &Join { language: "fr".into(), ..mia }).expect("stored");
    assert_eq!(attendees(&transaction).expect("reads")[0].language, "fr");
    issue(&transaction, &offer("v1")).expect("issues");
    assert_eq!(expire(&transaction, 360_000_000).expect("sweeps"), []);
    assert_eq!(expire(&transaction, 360_000_001).expect("sweeps")[0].state, "expired");
    assert_eq!(expire(&transaction, 360_000_002).expect("sweeps"), []);
    assert_eq!(attendee_offers(&transaction, "mia").expect("reads")[0].state, "expired");
    assert!(forget(&transaction, "mia").expect("erases"));
    assert!(!forget(&transaction, "mia").expect("nothing left"));
    assert_eq!(attendees(&transaction).expect("reads"), []);
    assert_eq!(attendee_offers(&transaction, "mia").expect("reads"), []);
}

#[test]
fn a_name_that_would_reach_another_topic_is_refused() {
    let bad = Join { attendee: "a/b".into(), language: "de".into(), beacon: None, at_us: 1 };
    assert!(matches!(bad.check(), Err(StoreError::Refused(_))));
    let endless = Join { attendee: "mia".into(), language: "x".repeat(200), ..bad };
    assert!(matches!(endless.check(), Err(StoreError::Refused(_))));
}
