//! The whole loop: a queue, an offer, a redemption, a refusal.
//!
//! In: a demo at speed. Out: failures where the offer does not reach its attendee with an expiry, or a
//! voucher is taken twice.

use crate::broker::Subscriber;
use crate::http;
use serde_json::{Value, json};
use std::time::Duration;
use venue_tests::demo::Running;

/// A lunch rush at this speed has long queues within seconds.
const SPEED: &str = "30";
const OFFER_WITHIN: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);

fn redeem(demo: &Running, code: &str, request: &str) -> (u16, Value) {
    let body = json!({"code": code, "till": "till-1", "request_id": request});
    http::post_json(&format!("{}/api/v1/vouchers/redeem", demo.http), &body).expect("the till gets an answer")
}

#[test]
fn an_offer_is_redeemed_once() {
    let demo = Running::start(&["demo", "--port", "0", "--speed", SPEED]).expect("the demo starts");
    let subscriber = Subscriber::start("attendee", demo.mqtt_port.expect("its own broker")).expect("subscribes");
    let is_offer = |topic: &str| topic.starts_with("attendee/") && topic.ends_with("/offer");
    let offer = subscriber.wait(OFFER_WITHIN, |topic, _| is_offer(topic)).expect("an offer");
    let text = |key: &str| offer.json[key].as_str().unwrap_or_else(|| panic!("{key} in {offer:?}")).to_owned();
    let (attendee, code, voucher) = (text("attendee"), text("code"), text("voucher"));
    assert!(offer.topic.ends_with(&format!("/attendee/{attendee}/offer")));
    let expires_s = offer.expires_s.expect("an offer expires");
    assert!((1..=300).contains(&expires_s), "valid for at most 5 minutes, not {expires_s} s");

    let mine = http::get_json(&format!("{}/api/v1/attendees/{attendee}/offers", demo.http)).expect("offers");
    assert!(mine.to_string().contains(&code), "{code} in {mine}");

    let (status, first) = redeem(&demo, &code, "request-1");
    assert_eq!((status, &first["state"]), (200, &json!("redeemed")), "{first}");
    let (status, again) = redeem(&demo, &code, "request-1");
    assert_eq!((status, &again["state"]), (200, &json!("redeemed")), "the same request asked twice: {again}");
    let (status, second) = redeem(&demo, &code, "request-2");
    assert_eq!((status, &second["state"]), (409, &json!("refused")), "{second}");
    assert_eq!(second["reason"], "already-redeemed", "{second}");
    assert!(second["message"].as_str().is_some_and(|sentence| sentence.len() > 10), "words for the till: {second}");

    let topic = format!("voucher/{voucher}");
    let told = |state: &'static str| {
        let topic = topic.clone();
        subscriber.wait(SOON, move |heard, message| heard == topic && message.json["state"] == state)
    };
    told("issued").expect("issued");
    told("redeemed").expect("redeemed");
    told("refused").expect("refused");
}

#[test]
fn a_wrong_code_is_refused_with_words() {
    let demo = Running::start(&["demo", "--port", "0"]).expect("the demo starts");
    for (request, code) in [("a", "0000000000"), ("b", ""), ("c", "💥"), ("d", "x' OR 1=1 --")] {
        let (status, answer) = redeem(&demo, code, request);
        assert!((400..500).contains(&status), "{code}: {status} {answer}");
        assert_ne!(answer["state"], "redeemed", "{code}: {answer}");
    }
}

#[test]
fn somebody_who_opts_out_is_forgotten() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let mut demo = Running::start(&["demo", "--port", "0", "--data", &folder]).expect("the demo starts");
    let attendees = format!("{}/api/v1/attendees", demo.http);
    let beacon = "ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:9:9";
    let join = json!({"attendee": "guest-to-forget", "language": "de", "beacon": beacon});
    let (status, answer) = http::post_json(&attendees, &join).expect("an answer");
    assert_eq!(status, 201, "{answer}");
    assert_eq!(http::delete(&format!("{attendees}/guest-to-forget")).expect("an answer"), 200);
    demo.end("INT", SOON).expect("ends");
    for entry in std::fs::read_dir(data.path()).expect("reads").flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let found = bytes.windows(15).any(|window| window == b"guest-to-forget");
        assert!(!found, "the name is still in {}", entry.path().display());
    }
}
