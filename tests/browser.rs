//! The pages in a real browser.
//!
//! In: the demo, headless Chromium driven by playwright-core. Out: failures where a page shows other figures than the
//! API, an offer does not reach its attendee's page, a voucher is taken twice, a stalled stream or a deaf receiver is
//! not told, axe-core finds a serious fault, the live page grows too large, or anything is asked of another machine.

use crate::board::Board;
use crate::broker::Subscriber;
use crate::http;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use venue_tests::controller::Controller;
use venue_tests::demo::Running;
use venue_tests::{programs, skip, waiting, workspace};

/// A browser starts, waits for figures and compares them.
const SCRIPT_WITHIN: Duration = Duration::from_secs(150);
const OFFER_WITHIN: Duration = Duration::from_secs(90);
/// Three quarters of an hour at sixty times real time, on a busy machine.
const WINDOWS_WITHIN: Duration = Duration::from_secs(120);
/// What the issue asks of a stalled stream.
const STALL_TOLD_WITHIN_S: f64 = 5.0;
/// What the issue allows the live page to transfer.
const LIVE_BYTES_MAX: u64 = 1_000_000;

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

/// Runs a script against a gateway's pages and gives its JSON line, after judging its log.
fn script(name: &str, tools: &(PathBuf, PathBuf), pages: &str, environment: &[(&str, &str)]) -> Value {
    let mut command = Command::new(&tools.0);
    command.arg(workspace().join("tests/browser").join(name)).env("VENUE_URL", pages).env("CHROMIUM", &tools.1);
    command.envs(environment.iter().copied());
    let ended = programs::run(&mut command, b"", SCRIPT_WITHIN).expect("the script ends");
    assert_eq!(ended.code(), Some(0), "{name}: {}", ended.stderr);
    let result: Value =
        serde_json::from_str(ended.text().trim()).unwrap_or_else(|error| panic!("{error}: {}", ended.text()));
    let ours =
        |request: &str| request.starts_with(pages) || request.starts_with("data:") || request.starts_with("blob:");
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
    let result = script("staff.mjs", &tools, &demo.http, &[]);
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
    let result = script("me.mjs", &tools, &demo.http, &[("ATTENDEE", &attendee)]);
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

#[test]
fn a_stream_that_stands_still_is_told_within_five_seconds() {
    let Some(tools) = tools("browser::a_stream_that_stands_still") else { return };
    let demo = Running::start(&["demo", "--port", "0", "--speed", "2"]).expect("the demo starts");
    let pid = demo.pid().to_string();
    let result = script("stall.mjs", &tools, &demo.http, &[("GATEWAY_PID", &pid)]);
    assert!(result["fresh"].as_str().is_some_and(|said| said.starts_with("Data ")), "{result:#}");
    let after_s = result["stalled_after_s"].as_f64().expect("it was told");
    println!("told after {after_s} s");
    assert!(after_s <= STALL_TOLD_WITHIN_S, "{result:#}");
    // Which of the two comes first depends on when the last report came.
    let words = ["Connection lost", "No new figures"];
    let told = |said: &str| words.iter().any(|word| said.contains(word));
    assert!(result["stalled"].as_str().is_some_and(told), "{result:#}");
    assert_eq!(result["back"], true, "{result:#}");
}

#[test]
fn a_receiver_whose_source_cannot_be_opened_is_named_with_the_reason() {
    let Some(tools) = tools("browser::a_receiver_whose_source") else { return };
    let controller = Controller::start("tcp:127.0.0.1:0", &["--flood", "300"]).expect("starts");
    let nothing = format!("tcp:127.0.0.1:{}", programs::free_port().expect("a port"));
    let board = Board::start(&[&controller.device, &nothing]);
    let name = |index| board.radio(index)["receiver"].as_str().unwrap_or_default().to_owned();
    let named = || Some((name(0), name(1))).filter(|(hears, deaf)| !hears.is_empty() && !deaf.is_empty());
    let (hears, deaf) = waiting::poll(OFFER_WITHIN, named).expect("two sources");
    let result = script("radios.mjs", &tools, board.http(), &[("HEARS", &hears), ("DEAF", &deaf)]);
    assert_eq!((&result["complete"], &result["open"]), (&true.into(), &true.into()), "{result:#}");
    let said = |of: &str| result[of].as_str().unwrap_or_default().to_owned();
    assert!(said("hears").contains("per second"), "{result:#}");
    assert!(said("deaf").contains("device absent"), "{result:#}");
    assert!(said("summary").contains("silent"), "{result:#}");
}

/// Whether two heat windows have ended and somebody moved in the last of them.
fn has_history(demo: &Running) -> Option<()> {
    let ask = |path: String| http::get_json(&format!("{}{path}", demo.http)).ok();
    let now_us = ask("/api/v1/time".into())?["at_us"].as_i64()?;
    let heat = ask(format!("/api/v1/heat?from_us=0&to_us={now_us}"))?;
    let closed: Vec<&Value> = heat["windows"].as_array()?.iter().filter(|window| window["closed"] == true).collect();
    let [.., _, last] = closed[..] else { return None };
    let (from_us, to_us) = (last["from_us"].as_i64()?, last["to_us"].as_i64()?);
    let moved = ask(format!("/api/v1/movements?from_us={from_us}&to_us={to_us}"))?;
    moved["movements"].as_array().filter(|moved| !moved.is_empty()).map(|_| ())
}

/// Both lists, number by number, within what is shown of a number.
fn agree(figures: &Value) {
    let list = |name: &str| -> Vec<f64> {
        figures[name].as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    let (shown, told) = (list("shown"), list("told"));
    assert_eq!(shown.len(), told.len(), "{figures:#}");
    assert!(shown.iter().zip(&told).all(|(shown, told)| (shown - told).abs() < 0.06), "{figures:#}");
}

#[test]
fn the_history_page_compares_two_times_as_stored() {
    let Some(tools) = tools("browser::the_history_page") else { return };
    let demo = Running::start(&["demo", "--port", "0", "--speed", "60"]).expect("the demo starts");
    waiting::poll(WINDOWS_WITHIN, || has_history(&demo)).expect("two windows and movements");
    let result = script("history.mjs", &tools, &demo.http, &[]);
    assert_eq!(result["maps"], 3, "{result:#}");
    agree(&result["people"]);
    agree(&result["flow"]);
    assert_ne!(result["moments"][0], result["moments"][1], "the slider moves by keyboard: {result:#}");
    assert!(result["cursor"].as_str().is_some_and(|path| path.starts_with('M')), "{result:#}");
    let zone = &result["zone"];
    let most = format!("most {} at", zone["most"]);
    assert!(zone["said"].as_str().is_some_and(|said| said.contains(&most)), "{zone}");
    assert!(result["address"].as_str().is_some_and(|address| address.contains("zone=")), "{result:#}");
    let links = result["links"].as_array().expect("links");
    assert!(links.len() >= 6, "{links:#?}");
    assert!(links.iter().all(|link| link["status"] == 200 && link["bytes"].as_u64() > Some(50)), "{links:#?}");
    let kinds: Vec<&str> = links.iter().filter_map(|link| link["kind"].as_str()).collect();
    assert!(kinds.contains(&"image/png") && kinds.iter().filter(|kind| kind.starts_with("text/csv")).count() >= 4);
    assert_eq!(result["print_hidden"], true, "controls are not printed");
    assert!(result["pdf_bytes"].as_u64() > Some(10_000), "{result:#}");
    assert_eq!(result["german"], "Wo Personen waren");
}

#[test]
fn a_tap_on_a_figure_says_where_it_comes_from() {
    let Some(tools) = tools("browser::a_tap_on_a_figure") else { return };
    let demo = Running::start(&["demo", "--port", "0", "--speed", "2"]).expect("the demo starts");
    let plan = http::get_json(&format!("{}/api/v1/venue", demo.http)).expect("a plan");
    let zone = plan["zones"][0]["name"].as_str().expect("a zone");
    let anchor = serde_json::json!({"kind": "head_count", "place": zone, "people": 23});
    http::post_json(&format!("{}/api/v1/anchors", demo.http), &anchor).expect("taken");
    let result = script("why.mjs", &tools, &demo.http, &[]);
    let said = |of: &str| result[of]["text"].as_str().unwrap_or_default().to_owned();
    for of in ["venue", "zone", "queue"] {
        assert_eq!(result[of]["same"], true, "{of}: {result:#}");
        for receiver in result[of]["told"]["receivers"].as_array().expect("receivers") {
            assert!(said(of).contains(receiver["receiver"].as_str().expect("a name")), "{of}: {result:#}");
        }
        assert!(said(of).contains(" ago, at "), "{of}: {result:#}");
    }
    for of in ["venue", "zone"] {
        let devices = result[of]["told"]["devices"].as_f64().expect("devices").round();
        assert!(said(of).contains(&format!("{devices} device")), "{of}: {result:#}");
        assert!(said(of).contains(&format!("Head count of {zone}: 23")), "{of}: {result:#}");
    }
    let length = result["queue"]["told"]["queue_state"]["length"].as_f64().expect("a length").round();
    assert!(said("queue").contains(&format!("About {length} people waiting")), "{result:#}");
}

#[test]
fn axe_finds_no_serious_fault_on_any_page() {
    let Some(tools) = tools("browser::axe") else { return };
    if !workspace().join("tests/browser/node_modules/axe-core").is_dir() {
        return skip("browser::axe", "no axe-core; run `npm ci --prefix tests/browser`");
    }
    let demo = Running::start(&["demo", "--port", "0", "--speed", "10"]).expect("the demo starts");
    let result = script("axe.mjs", &tools, &demo.http, &[("ATTENDEE", "attendee-0001")]);
    let looks = result["looks"].as_array().expect("looks");
    assert_eq!(looks.len(), 32, "six pages, the live one three times, light and dark, wide and narrow");
    for look in looks {
        assert!(look["passes"].as_u64() > Some(10), "axe looked: {look:#}");
        let faults = look["faults"].as_array().expect("faults");
        let bad: Vec<&Value> =
            faults.iter().filter(|fault| fault["impact"] == "serious" || fault["impact"] == "critical").collect();
        assert!(bad.is_empty(), "{}: {bad:#?}", look["name"]);
        println!("{}: {} rules pass, lesser faults: {faults:?}", look["name"], look["passes"]);
    }
}

#[test]
fn the_live_page_is_loaded_with_less_than_a_megabyte() {
    let Some(tools) = tools("browser::the_live_page_is_loaded") else { return };
    let demo = Running::start(&["demo", "--port", "0", "--speed", "10"]).expect("the demo starts");
    let result = script("budget.mjs", &tools, &demo.http, &[]);
    let bytes = |visit: &str| result[visit]["bytes"].as_u64().expect("a count");
    let (first, second) = (bytes("first"), bytes("second"));
    println!("first visit {first} bytes, painted after {} ms; second {second} bytes", result["first"]["paint_ms"]);
    assert!((20_000..LIVE_BYTES_MAX).contains(&first), "{result:#}");
    assert!(second < first, "parts are kept by the browser: {result:#}");
}
