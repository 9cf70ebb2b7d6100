//! What subscribers of a real broker see.
//!
//! In: a demo that publishes to mosquitto, and one with its own broker. Out: failures where retained queue
//! state, the last will after `kill -9` or an envelope is missing.

use crate::broker::{Mosquitto, Subscriber};
use crate::http;
use std::collections::BTreeMap;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::{programs, skip};

/// Event time runs this much faster, so that the first reports come within a second.
const SPEED: &str = "10";
const SOON: Duration = Duration::from_secs(20);

fn is_queue_state(topic: &str) -> bool {
    topic.starts_with("queue/") && topic.ends_with("/state")
}

fn is_status(topic: &str) -> bool {
    topic.starts_with("gateway/") && topic.ends_with("/status")
}

fn demo_publishing_to(port: u16) -> Running {
    let broker = format!("127.0.0.1:{port}");
    Running::start(&["demo", "--port", "0", "--speed", SPEED, "--broker", &broker]).expect("the demo starts")
}

#[test]
fn a_late_subscriber_sees_queues_and_the_last_will_after_a_kill() {
    let Some(program) = programs::mosquitto() else {
        return skip("publishing::a_late_subscriber", "mosquitto is not installed");
    };
    let broker = Mosquitto::start(&program).expect("mosquitto starts");
    let early = Subscriber::start("early", broker.port).expect("subscribes");
    let mut demo = demo_publishing_to(broker.port);
    early.wait(SOON, |topic, _| is_queue_state(topic)).expect("a queue's state");
    early.wait(SOON, |topic, message| is_status(topic) && message.json["state"] == "online").expect("online");

    let late = Subscriber::start("late", broker.port).expect("subscribes");
    let state = late.wait(SOON, |topic, message| is_queue_state(topic) && message.retained).expect("retained");
    assert!(state.json["length"].is_number() && state.json["kind"] == "queue", "{state:?}");
    late.wait(SOON, |topic, message| is_status(topic) && message.retained).expect("retained status");

    demo.end("KILL", SOON).expect("killed");
    early.wait(SOON, |topic, message| is_status(topic) && message.json["state"] == "offline").expect("the last will");
    let later = Subscriber::start("later", broker.port).expect("subscribes");
    let status = later.wait(SOON, |topic, _| is_status(topic)).expect("a retained status");
    assert_eq!((status.retained, status.json["state"].as_str()), (true, Some("offline")));
}

#[test]
fn a_clean_end_says_offline() {
    let Some(program) = programs::mosquitto() else {
        return skip("publishing::a_clean_end_says_offline", "mosquitto is not installed");
    };
    let broker = Mosquitto::start(&program).expect("mosquitto starts");
    let subscriber = Subscriber::start("watcher", broker.port).expect("subscribes");
    let mut demo = demo_publishing_to(broker.port);
    subscriber.wait(SOON, |topic, message| is_status(topic) && message.json["state"] == "online").expect("online");
    demo.end("TERM", SOON).expect("ended");
    subscriber.wait(SOON, |topic, message| is_status(topic) && message.json["state"] == "offline").expect("offline");
}

#[test]
fn messages_are_cloud_events_and_equal_the_pages() {
    let demo = Running::start(&["demo", "--port", "0", "--speed", SPEED]).expect("the demo starts");
    let port = demo.mqtt_port.expect("its own broker");
    let subscriber = Subscriber::start("reader", port).expect("subscribes");
    let occupancy = |topic: &str| topic.starts_with("zone/") && topic.ends_with("/occupancy");
    let message = subscriber.wait(SOON, |topic, _| occupancy(topic)).expect("people of a zone");
    // The attributes CloudEvents 1.0 requires, in binary mode.
    for name in ["specversion", "id", "source", "type"] {
        assert!(message.property(name).is_some_and(|value| !value.is_empty()), "no {name}: {message:?}");
    }
    // A broker may deliver the retained message of a topic and the same message live: one identity, one message.
    let heard = subscriber.heard(|_| true);
    let mut known: BTreeMap<&str, &serde_json::Value> = BTreeMap::new();
    for message in &heard {
        let id = message.property("id").unwrap_or_default();
        assert_eq!(*known.entry(id).or_insert(&message.json), &message.json, "two messages have the identity {id}");
    }
    let state = http::get_json(&format!("{}/api/v1/state", demo.http)).expect("the state");
    assert!(state.to_string().contains("people"), "{state}");
}

#[test]
fn nothing_about_single_people_is_published() {
    let demo = Running::start(&["demo", "--port", "0", "--speed", "30"]).expect("the demo starts");
    let subscriber = Subscriber::start("reader", demo.mqtt_port.expect("its own broker")).expect("subscribes");
    subscriber.wait(SOON, |topic, message| is_queue_state(topic) && !message.retained).expect("live state");
    for message in subscriber.heard(|_| true) {
        let kind = message.json["kind"].as_str().unwrap_or_default().to_owned();
        assert!(kind != "fix" && kind != "zone", "{message:?}");
        assert!(message.json.get("address").is_none(), "{message:?}");
    }
}
