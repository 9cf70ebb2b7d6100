//! Offers from end to end: a log that outlives a kill, guests who follow, a till that is cut off.
//!
//! In: demos at speed. Out: failures where a decision is not in the export, a restart forgets what was given
//! out, no guest ever redeems, or a till by itself and the board disagree.

use crate::broker::Subscriber;
use crate::http;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::programs::{self, run_gateway};
use venue_tests::waiting;

const WITHIN: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(10);

fn demo(data: &str) -> Running {
    Running::start(&["demo", "--port", "0", "--speed", "60", "--data", data]).expect("the demo starts")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn issued(demo: &Running) -> i64 {
    let told = http::get_json(&format!("{}/api/v1/campaigns", demo.http)).expect("campaigns");
    told["campaigns"][0]["issued"].as_i64().expect("a number")
}

#[test]
fn decisions_are_exported_and_a_kill_begins_no_new_budget() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let mut first = demo(&folder);
    let given = waiting::poll(WITHIN, || Some(issued(&first)).filter(|count| *count >= 5)).expect("offers");
    first.end("KILL", SOON).expect("killed");

    let export = run_gateway(&["export", "decisions", "--data", &folder]).expect("runs");
    let decisions = lines(&export.text());
    assert!(decisions.len() as i64 >= given, "{} decisions, {given} offers", decisions.len());
    for decision in &decisions {
        let arms = decision["arms"].as_array().expect("arms");
        let share = |value: &Value| value.as_f64().expect("a share");
        let sum = arms.iter().map(|arm| share(&arm["propensity"])).sum::<f64>() + share(&decision["none_propensity"]);
        assert!((sum - 1.0).abs() < 1e-9 && !arms.is_empty(), "{decision}");
        assert!(decision.to_string().find("guest").is_none() && decision.get("attendee").is_none(), "{decision}");
    }
    let log = data.path().join("log.jsonl");
    std::fs::write(&log, export.stdout).expect("written");
    for policy in ["value", "uniform", "logged"] {
        let log = log.to_string_lossy();
        let told = lines(&run_gateway(&["evaluate", &log, "--policy", policy]).expect("runs").text());
        let names: Vec<&str> = told.iter().filter_map(|line| line["estimator"].as_str()).collect();
        assert_eq!(names, ["ips", "snips", "dr", "switch-dr", "dr-os"], "{policy}: {told:?}");
    }

    let again = demo(&folder);
    assert!(issued(&again) >= given, "what was given out before the kill is remembered");
}

#[test]
fn some_guests_follow_their_offer_and_redeem_it() {
    let data = tempfile::tempdir().expect("a folder");
    let demo = demo(&data.path().to_string_lossy());
    let subscriber = Subscriber::start("loop", demo.mqtt_port.expect("its own broker")).expect("subscribes");
    let used = |topic: &str, state: &Value| topic.starts_with("voucher/") && *state == "redeemed";
    subscriber.wait(WITHIN, |topic, message| used(topic, &message.json["state"])).expect("a guest redeems");
}

#[test]
fn a_till_that_is_cut_off_takes_a_voucher_once_and_the_board_agrees() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let demo = demo(&folder);
    let subscriber = Subscriber::start("till", demo.mqtt_port.expect("its own broker")).expect("subscribes");
    let is_offer = |topic: &str| topic.starts_with("attendee/") && topic.ends_with("/offer");
    let offer = subscriber.wait(WITHIN, |topic, _| is_offer(topic)).expect("an offer").json;
    let text = |key: &str| offer[key].as_str().expect("text").to_owned();
    let mine = http::get_json(&format!("{}/api/v1/attendees/{}/offers", demo.http, text("attendee"))).expect("offers");
    let token = mine["offers"][0]["token"].as_str().expect("a token").to_owned();
    let time = http::get_json(&format!("{}/api/v1/time", demo.http)).expect("the time");

    let keys = data.path().join("keys.txt");
    std::fs::write(&keys, run_gateway(&["keys", "--data", &folder]).expect("runs").stdout).expect("written");
    let (keys, stand) = (keys.to_string_lossy().into_owned(), text("stand"));
    let scanned = format!("{}\n{token}\n{token}\n{token}0\n", time["token"].as_str().expect("a token"));
    let mut taken = BTreeMap::new();
    for till in ["1", "2", "3", "4"] {
        let spent = data.path().join(format!("spent-{till}")).to_string_lossy().into_owned();
        let arguments = ["till", "--keys", &keys, "--stand", &stand, "--till", till, "--spent", &spent];
        let mut command = programs::gateway_command(&arguments);
        let told = programs::run(&mut command, scanned.as_bytes(), programs::PATIENCE).expect("runs");
        let told = lines(&told.succeeded("till").expect("succeeds").text());
        assert_eq!(told[0]["state"], "clock-set", "{told:?}");
        assert_eq!(told[3]["reason"], "not-genuine", "{told:?}");
        if told[1]["state"] == "redeemed" {
            assert_eq!(told[2]["reason"], "already-redeemed", "{told:?}");
            taken.insert(till, spent);
        } else {
            assert_eq!(told[1]["reason"], "not-home", "{told:?}");
        }
    }
    assert_eq!(taken.len(), 1, "one till is its home");
    let (till, spent) = taken.first_key_value().expect("one");
    let line = std::fs::read_to_string(spent).expect("read");
    let at_us: i64 = line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a time");
    let bring = |till: &str| {
        let body = json!({"till": format!("{stand}/{till}"), "spent": [{"token": token, "at_us": at_us}]});
        http::post_json(&format!("{}/api/v1/vouchers/spent", demo.http), &body).expect("an answer").1
    };
    assert_eq!(bring(till)["redeemed"], json!([text("voucher")]));
    assert_eq!(bring(till)["known"], json!(1));
    let code = json!({"code": text("code"), "till": stand, "request_id": "late"});
    let late = http::post_json(&format!("{}/api/v1/vouchers/redeem", demo.http), &code).expect("an answer");
    assert_eq!((late.0, &late.1["reason"]), (409, &json!("already-redeemed")));
}

#[test]
fn an_edited_campaign_is_offered_at_once_and_outlives_a_kill() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_string_lossy().into_owned();
    let mut first = demo(&folder);
    let campaigns = |demo: &Running| format!("{}/api/v1/campaigns", demo.http);
    let body = json!({"name": "edited", "percent": 33, "text": "{percent} % off at {stand}",
                      "when_wait_over_s": 60, "and_wait_there_under_s": 280});
    let (status, told) = http::post_json(&campaigns(&first), &body).expect("an answer");
    assert_eq!((status, &told["campaign"]["percent"]), (201, &json!(33)), "{told}");
    assert_eq!(http::delete(&format!("{}/short-queue", campaigns(&first))).expect("an answer"), 200);
    let wrong = json!({"name": "wrong", "percent": 0});
    assert_eq!(http::post_json(&campaigns(&first), &wrong).expect("an answer").0, 422);
    let listed = |demo: &Running| {
        let told = http::get_json(&campaigns(demo)).expect("campaigns");
        let list = told["campaigns"].as_array().cloned().unwrap_or_default();
        let one = |it: &Value| (it["campaign"].as_str().unwrap_or_default().to_owned(), it["issued"].as_i64());
        list.iter().map(one).collect::<Vec<_>>()
    };
    let given = waiting::poll(WITHIN, || listed(&first).first()?.1.filter(|count| *count > 0)).expect("offers of it");
    first.end("KILL", SOON).expect("killed");

    let again = demo(&folder);
    let after = listed(&again);
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0].0 == "edited" && after[0].1 >= Some(given), "{after:?} after {given}");
    let (_, one) = http::get(&format!("{}/edited", campaigns(&again))).expect("an answer");
    assert!(one.contains("\"version\":2"), "{one}");
}
