//! The pages in a real browser.
//!
//! In: the demo, headless Chromium driven by playwright-core. Out: failures where the staff page shows
//! other figures than the API, an offer does not reach its attendee's page, a voucher is taken twice, or
//! anything is asked of another machine.

use crate::broker::Subscriber;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::{programs, skip, workspace};

/// A browser starts, waits for figures and compares them.
const SCRIPT_WITHIN: Duration = Duration::from_secs(150);
const OFFER_WITHIN: Duration = Duration::from_secs(90);

/// Node and browser, or a printed line that this test is skipped.
fn tools(name: &str) -> Option<(PathBuf, PathBuf)> {
    let Some(node) = programs::node_with_playwright() else {
        skip(name, "no node with playwright-core; run `npm ci --prefix tests/browser`");
        return None;
    };
    let Some(chromium) = programs::chromium() else {
        skip(name, "no chromium");
        return None;
    };
    Some((node, chromium))
}

/// Runs a script against the demo and gives its JSON line, after judging its log.
fn script(name: &str, tools: &(PathBuf, PathBuf), demo: &Running, environment: &[(&str, &str)]) -> Value {
    let mut command = Command::new(&tools.0);
    command.arg(workspace().join("tests/browser").join(name)).env("VENUE_URL", &demo.http).env("CHROMIUM", &tools.1);
    command.envs(environment.iter().copied());
    let ended = programs::run(&mut command, b"", SCRIPT_WITHIN).expect("the script ends");
    assert_eq!(ended.code(), Some(0), "{name}: {}", ended.stderr);
    let result: Value =
        serde_json::from_str(ended.text().trim()).unwrap_or_else(|error| panic!("{error}: {}", ended.text()));
    let ours =
        |request: &str| request.starts_with(&demo.http) || request.starts_with("data:") || request.starts_with("blob:");
    let requests: Vec<&str> = result["requests"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let elsewhere: Vec<&&str> = requests.iter().filter(|request| !ours(request)).collect();
    assert!(elsewhere.is_empty(), "{name} asked other machines: {elsewhere:?}");
    assert!(requests.len() > 3, "{name} loaded a page: {requests:?}");
    assert_eq!(result["complaints"], serde_json::json!([]), "{name}");
    result
}

#[test]
fn the_staff_page_shows_what_the_api_says() {
    let Some(tools) = tools("browser::the_staff_page") else { return };
    // A report every two seconds and a half: time enough to read one.
    let demo = Running::start(&["demo", "--port", "0", "--speed", "2"]).expect("the demo starts");
    let result = script("staff.mjs", &tools, &demo, &[]);
    assert_eq!(result["agreed"], true, "{:#}", result["figures"]);
    for figure in result["figures"].as_array().expect("figures") {
        let zone = figure["zone"].as_str().expect("a name");
        assert!(result["plan"].as_str().is_some_and(|plan| plan.contains(zone)), "{zone} is on the plan");
    }
}

#[test]
fn an_offer_is_on_its_attendees_page_and_redeemed_once() {
    let Some(tools) = tools("browser::an_offer_is_on_its_attendees_page") else { return };
    let demo = Running::start(&["demo", "--port", "0", "--speed", "10"]).expect("the demo starts");
    let subscriber = Subscriber::start("watcher", demo.mqtt_port.expect("its own broker")).expect("subscribes");
    let is_offer = |topic: &str| topic.starts_with("attendee/") && topic.ends_with("/offer");
    let offer = subscriber.wait(OFFER_WITHIN, |topic, _| is_offer(topic)).expect("an offer");
    let attendee = offer.json["attendee"].as_str().expect("an attendee").to_owned();
    let result = script("me.mjs", &tools, &demo, &[("ATTENDEE", &attendee)]);
    assert_eq!(result["shown"], true, "{result:#}");
    assert_eq!(
        (&result["first"]["status"], &result["first"]["state"]),
        (&200.into(), &"redeemed".into()),
        "{result:#}"
    );
    assert_eq!(
        (&result["second"]["status"], &result["second"]["state"]),
        (&409.into(), &"refused".into()),
        "{result:#}"
    );
    assert_eq!(result["second"]["reason"], "already-redeemed", "{result:#}");
    assert_eq!(result["gone"], true, "a used code is no longer shown: {result:#}");
}
