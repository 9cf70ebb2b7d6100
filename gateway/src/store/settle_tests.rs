//! Tests of holding, taking back, merging and revoking: a till's words and what it is told.

use super::*;
use crate::store::{Store, samples};
use venue_engine::output::Output;

/// Vouchers `v1` to `v3`, valid at the bar until second 300; then one word a line: `second do request code`.
fn check(words: &str) {
    let directory = tempfile::tempdir().expect("directory");
    let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
    let transaction = store.connection.transaction().expect("begins");
    for voucher in ["v1", "v2", "v3"] {
        let Output::Offer(offer) = samples::offer(0, voucher) else { panic!("an offer") };
        ledger::issue(&transaction, &offer).expect("issues");
    }
    for line in words.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (asked, expected) = line.split_once(" -> ").expect("an arrow");
        let [at_s, verb, request_id, code] = asked.split(' ').collect::<Vec<_>>()[..] else { panic!("{asked}") };
        let at_us = at_s.parse::<i64>().expect("a number") * 1_000_000;
        let request = RedeemRequest {
            code: code.into(),
            voucher: None,
            till: "bar".into(),
            request_id: request_id.into(),
            at_us,
        };
        let told = |answer| match answer {
            Redemption::Redeemed { voucher, .. } => voucher,
            Redemption::Refused(reason) => reason.as_str().to_owned(),
        };
        let answer = match verb {
            "hold" => told(hold(&transaction, &request, &samples::venue()).expect("answers")),
            "redeem" => told(ledger::redeem(&transaction, &request, &samples::venue()).expect("answers").0),
            "back" => format!("{:?}", take_back(&transaction, request_id, at_us).expect("answers").0),
            "issue" => {
                let Output::Offer(offer) = samples::offer(0, &code.to_lowercase()) else { panic!("an offer") };
                format!("{}", ledger::issue(&transaction, &offer).expect("issues").is_some())
            }
            "bring" => {
                let record = SpentRecord { voucher: code.to_lowercase(), till: request_id.into(), at_us };
                format!("{:?}", merge(&transaction, &[record]).expect("answers").0)
            }
            _ => panic!("{verb}"),
        };
        assert_eq!(answer, expected, "for {asked}");
    }
}

#[test]
fn a_held_voucher_is_for_its_request_until_it_lets_go() {
    check(
        "10 hold r1 V1 -> v1
         11 hold r1 V1 -> v1
         12 redeem r2 V1 -> held
         12 hold r3 V1 -> held
         13 redeem r1 V1 -> v1
         14 hold r4 V1 -> already-redeemed
         15 hold r5 V2 -> v2
         16 back r5 - -> Done(\"v2\")
         17 redeem r6 V2 -> v2
         20 hold r7 V3 -> v3
         81 redeem r8 V3 -> v3",
    );
}

#[test]
fn a_redemption_is_taken_back_once_and_by_its_own_identity() {
    check(
        "10 redeem r1 V1 -> v1
         11 back nobody - -> UnknownRequest
         12 back r1 - -> Done(\"v1\")
         13 back r1 - -> Done(\"v1\")
         14 redeem r1 V1 -> rolled-back
         15 redeem r2 V1 -> v1
         16 back r1 - -> Done(\"v1\")
         17 redeem r3 V1 -> already-redeemed
         18 back r3 - -> UnknownRequest
         616 back r2 - -> TooLate",
    );
}

#[test]
fn what_a_till_brings_is_entered_and_a_double_spend_revokes_the_holder() {
    let merged = |redeemed: &str, known, unknown, revoked: &str| {
        format!("Merged {{ redeemed: [{redeemed}], known: {known}, unknown: {unknown}, revoked: [{revoked}] }}")
    };
    check(&format!(
        "10 bring bar/1 V1 -> {}
         10 bring bar/1 V1 -> {}
         11 redeem r1 V1 -> already-redeemed
         12 bring bar/1 V9 -> {}
         13 redeem r2 V2 -> v2
         14 back r2 - -> Done(\"v2\")
         15 bring bar/2 V1 -> {}
         16 redeem r3 V2 -> revoked
         17 bring bar/2 V1 -> {}
         18 issue - V4 -> true
         19 redeem r4 V4 -> revoked",
        merged("\"v1\"", 0, 0, ""),
        merged("", 1, 0, ""),
        merged("", 0, 1, ""),
        merged("", 0, 0, "\"v1\""),
        merged("", 0, 0, "\"v1\""),
    ));
}
