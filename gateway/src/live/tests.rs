//! What the pages are told, and when.

use super::*;
use crate::store::samples;
use serde_json::json;

fn live() -> Live {
    Live::new(Arc::new(samples::venue()))
}

fn fix(at_s: i64, who: &str, x_m: f64) -> Output {
    Output::Fix(Fix {
        at: samples::second(at_s),
        who: who.into(),
        position: [x_m, 2.0],
        floor: FloorId(0),
        error_m: 3.0,
        zone: Some(ZoneId(0)),
        zones: vec![(ZoneId(0), 0.9)],
    })
}

/// Everything told so far, as kind and one telling member.
fn told(lines: &mut broadcast::Receiver<Arc<str>>, member: &str) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(line) = lines.try_recv() {
        let value: Value = serde_json::from_str(&line).expect("JSON");
        told.push(format!("{} {}", value["kind"].as_str().expect("a kind"), value[member]));
    }
    told
}

#[test]
fn a_snapshot_shows_the_latest_of_each() {
    let live = live();
    live.apply(&[samples::people(1, None, 9.0), samples::people(1, Some(0), 4.0), samples::queue(1, 2.0)]);
    live.apply(&[samples::people(6, None, 11.0), samples::queue(6, 3.0), samples::heat(0, false, &[(1, 2)])]);
    live.apply(&[samples::offer(7, "aa"), samples::alert(7)]);
    let shown = live.snapshot();
    assert_eq!(shown["venue"]["people"], 11.0);
    assert_eq!(shown["zones"][0]["zone"], "bar");
    assert_eq!(shown["queues"][0]["length"], 3.0);
    assert_eq!(shown["heat"][0]["cells"], json!([[1, 2]]));
    assert_eq!(shown["alerts"][0]["place"], "bar");
    assert_eq!((&shown["offers"][0]["code"], &shown["offers"][0]["state"]), (&json!(""), &json!("issued")));
    assert_eq!(shown["at_us"], 900_000_000);
}

#[test]
fn an_empty_venue_is_null_and_not_zero() {
    let shown = live().snapshot();
    assert_eq!((&shown["venue"], &shown["at_us"], &shown["zones"]), (&Value::Null, &Value::Null, &json!([])));
}

#[test]
fn state_is_told_four_times_a_second_and_always_the_latest() {
    let (live, start) = (live(), Instant::now());
    let mut lines = live.subscribe();
    live.apply_at(&[samples::queue(1, 1.0)], start);
    live.apply_at(&[samples::queue(2, 2.0)], start + Duration::from_millis(100));
    live.apply_at(&[samples::queue(3, 3.0)], start + Duration::from_millis(200));
    assert_eq!(told(&mut lines, "length"), ["queue 1.0"]);
    live.flush_at(start + Duration::from_millis(250));
    assert_eq!(told(&mut lines, "length"), ["queue 3.0"]);
    assert_eq!(live.counts().states_replaced, 1);
}

#[test]
fn a_position_is_told_once_a_second() {
    let (live, start) = (live(), Instant::now());
    let mut lines = live.subscribe();
    for step in 0..8 {
        live.apply_at(&[fix(step, "mia", step as f64)], start + Duration::from_millis(250 * step.unsigned_abs()));
    }
    assert_eq!(told(&mut lines, "x_m"), ["fix 0.0", "fix 4.0"]);
    live.flush_at(start + Duration::from_millis(2_000));
    assert_eq!(told(&mut lines, "x_m"), ["fix 7.0"]);
}

#[test]
fn positions_are_bounded_and_grow_old() {
    let (live, start) = (live(), Instant::now());
    let crowd: Vec<Output> = (0..FOLLOWED_MAX + 3).map(|who| fix(1, &format!("p{who}"), 1.0)).collect();
    live.apply_at(&crowd, start);
    assert_eq!(live.snapshot()["fixes"].as_array().map(Vec::len), Some(FOLLOWED_MAX));
    assert_eq!(live.counts().fixes_beyond_limit, 3);
    live.apply_at(&[fix(100, "late", 1.0), samples::queue(100, 1.0)], start + Duration::from_secs(9));
    live.apply_at(&[fix(100, "late", 1.0)], start + Duration::from_secs(10));
    assert_eq!(live.snapshot()["fixes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn events_are_told_at_once_and_without_codes() {
    let (live, start) = (live(), Instant::now());
    let (mut lines, mut news) = (live.subscribe(), live.subscribe_news());
    live.apply_at(&[samples::offer(1, "aa"), samples::alert(1)], start);
    live.apply_at(&[samples::offer(1, "bb")], start);
    assert_eq!(told(&mut lines, "code"), ["offer \"\"", "alert null", "offer \"\""]);
    assert_eq!(news.try_recv().as_deref(), Ok("mia"));
}

#[test]
fn an_alert_that_is_over_is_gone() {
    let live = live();
    live.apply(&[samples::alert(1)]);
    let Output::Alert(alert) = samples::alert(2) else { panic!("an alert") };
    live.apply(&[Output::Alert(Alert { active: false, ..alert })]);
    assert_eq!(live.snapshot()["alerts"], json!([]));
}

#[test]
fn a_redemption_reaches_the_list_and_its_holder() {
    let live = live();
    live.apply(&[samples::offer(1, "aa")]);
    let mut news = live.subscribe_news();
    let Output::Offer(offer) = samples::offer(1, "aa") else { panic!("an offer") };
    let change = |state: &str| VoucherChange { state: state.to_owned(), ..VoucherChange::issued(&offer) };
    live.voucher(&change("redeemed"));
    live.voucher(&change("refused"));
    assert_eq!(live.snapshot()["offers"][0]["state"], "redeemed");
    assert_eq!((news.try_recv().as_deref(), news.try_recv().is_err()), (Ok("mia"), true));
}

#[test]
fn whoever_opts_out_is_gone() {
    let live = live();
    live.apply(&[samples::offer(1, "aa"), fix(1, "mia", 1.0)]);
    live.forget("mia");
    let shown = live.snapshot();
    assert_eq!((&shown["offers"], &shown["fixes"]), (&json!([]), &json!([])));
    assert!(!live.snapshot_json().contains("mia"));
}

#[test]
fn a_closed_window_stays_until_the_next_has_something_to_say() {
    let live = live();
    live.apply(&[samples::heat(0, false, &[(1, 2)]), samples::heat(0, true, &[(1, 5)])]);
    assert_eq!(live.snapshot()["heat"].as_array().map(Vec::len), Some(1));
    live.apply(&[samples::heat(900, false, &[(2, 1)])]);
    let shown = live.snapshot();
    let closed: Vec<&Value> =
        shown["heat"].as_array().expect("a list").iter().map(|window| &window["closed"]).collect();
    assert_eq!(closed, [true, false]);
}

#[test]
fn the_pulse_says_how_old_figures_are_and_when_the_next_are_due() {
    let (live, start) = (live(), Instant::now());
    assert_eq!(live.lock().pulse(start), Pulse { at_us: None, age_s: None, report_every_s: None });
    live.apply_at(&[samples::people(5, None, 1.0)], start);
    live.apply_at(&[samples::people(10, None, 1.0)], start + Duration::from_secs(5));
    let pulse = live.lock().pulse(start + Duration::from_secs(7));
    assert_eq!(pulse, Pulse { at_us: Some(10_000_000), age_s: Some(2.0), report_every_s: Some(5.0) });
}

#[test]
fn a_slow_reader_loses_the_oldest() {
    let live = live();
    let mut lines = live.subscribe();
    (0..=LINES_MAX as i64).for_each(|at_s| live.apply(&[samples::alert(at_s)]));
    assert_eq!(lines.try_recv(), Err(broadcast::error::TryRecvError::Lagged(1)));
}
