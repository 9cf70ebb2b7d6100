//! What was, and where figures come from, over a real socket.
//!
//! In: outputs stored as the engine would. Out: failures where the routes tell other figures, shapes or refusals.

use super::tests::Served;
use crate::store::samples;
use serde_json::{Value, json};
use venue_engine::output::{Movement, Output, QueueState};
use venue_engine::venue::ZoneId;

const HOUR_S: i64 = 3_600;

/// The start of the hour before this one, seconds.
fn last_hour_s(served: &Served) -> i64 {
    (served.now_s() / HOUR_S - 1) * HOUR_S
}

fn movement(from_s: i64, people: f64) -> Output {
    let (from, to) = (samples::second(from_s), samples::second(from_s + 900));
    let (origin, destination) = (ZoneId(0), ZoneId(0));
    Output::Movement(Movement { from, to, origin, destination, people, low: people - 1.0, high: people + 2.0 })
}

#[test]
fn minutes_and_hours_of_people_are_told_as_stored() {
    let served = Served::start();
    let hour_s = last_hour_s(&served);
    let at = |second: i64, zone: Option<u8>, count: f64| samples::people(hour_s + second, zone, count);
    served.tell(vec![at(0, Some(0), 4.0), at(60, Some(0), 8.0), at(60, None, 20.0), at(HOUR_S, Some(0), 2.0)]);
    let range = format!("from_us={}&to_us={}", hour_s * 1_000_000, (hour_s + 2 * HOUR_S) * 1_000_000);
    let ask = |more: &str| -> Vec<Value> {
        let (status, told) = served.get(&format!("/api/v1/people/history?{range}{more}"));
        assert_eq!(status, 200, "{told}");
        told["minutes"].as_array().expect("minutes").iter().map(|minute| minute["people_mean"].clone()).collect()
    };
    assert_eq!(ask("&zone=bar"), [4.0, 8.0, 2.0]);
    assert_eq!(ask("&zone=bar&resolution_us=3600000000"), [6.0, 2.0]);
    assert_eq!(ask(""), [20.0]);
    let csv = served.ask("GET", &format!("/api/v1/people/history?{range}&zone=bar&format=csv"), "", "");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = String::from_utf8(csv.body).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "minute_us,samples,people_mean,people_max,devices_mean"));
    assert_eq!(lines[1], format!("{},1,4.0,4.0,2.0", hour_s * 1_000_000));
    assert_eq!(served.get("/api/v1/people/history?zone=roof").0, 404);
    assert_eq!(served.get("/api/v1/people/history?format=png").0, 400);
    assert_eq!(served.get("/api/v1/people/history?from_us=5&to_us=3").0, 400);
}

#[test]
fn a_queue_is_told_with_its_forecasts_and_movements_with_their_sums() {
    let served = Served::start();
    let hour_s = last_hour_s(&served);
    let Output::Queue(state) = samples::queue(hour_s, 3.0) else { panic!("a queue") };
    let forecast = QueueState { p_wait_over_limit_15min: Some(0.25), ..state };
    served.tell(vec![Output::Queue(forecast), movement(hour_s, 3.0), movement(hour_s + 900, 4.0)]);
    let range = format!("from_us={}&to_us={}", hour_s * 1_000_000, (hour_s + HOUR_S) * 1_000_000);
    let (_, told) = served.get(&format!("/api/v1/queues/bar/history?{range}&resolution_us=900000000"));
    let minute = &told["minutes"][0];
    let figures = (&minute["length_mean"], &minute["wait_mean_s"], &minute["p_wait_over_limit_15min_mean"]);
    assert_eq!(figures, (&json!(3.0), &json!(180.0), &json!(0.25)));
    let (_, told) = served.get(&format!("/api/v1/movements?{range}"));
    let moved = json!([{"origin": "bar", "destination": "bar", "people": 7.0, "low": 5.0, "high": 11.0, "windows": 2}]);
    assert_eq!(told["movements"], moved);
    let csv = served.ask("GET", &format!("/api/v1/movements?{range}&format=csv"), "", "");
    assert_eq!(String::from_utf8(csv.body).expect("text").lines().nth(1), Some("bar,bar,7.0,5.0,11.0,2"));
}

#[test]
fn a_figure_says_where_it_comes_from() {
    let served = Served::start();
    let at_s = served.now_s();
    served.tell(vec![
        samples::people(at_s, Some(0), 9.0),
        samples::people(at_s, None, 30.0),
        samples::queue(at_s, 4.0),
    ]);
    let anchor = |kind: &str, place: &str, people: u32| {
        let body = json!({"kind": kind, "place": place, "people": people});
        assert_eq!(served.post("/api/v1/anchors", &body).0, 202);
    };
    anchor("head_count", "bar", 12);
    anchor("till", "bar", 5);
    anchor("head_count", "", 40);
    let why = |asked: &str| {
        let (status, told) = served.get(&format!("/api/v1/why{asked}"));
        assert_eq!(status, 200, "{told}");
        assert!(told["age_s"].as_f64().is_some_and(|age_s| age_s < 60.0), "{told}");
        let counts: Vec<i64> =
            told["anchors"].as_array().into_iter().flatten().filter_map(|anchor| anchor["people"].as_i64()).collect();
        (told, counts)
    };
    let (told, counts) = why("?zone=bar");
    assert_eq!((&told["people"]["people"], &told["devices"], counts), (&json!(9.0), &json!(4.5), vec![40, 12]));
    let (told, counts) = why("?queue=bar");
    assert_eq!((&told["queue_state"]["length"], &told["people"]), (&json!(4.0), &Value::Null));
    assert_eq!(counts, [40, 5], "a till teaches about its queue");
    let (told, counts) = why("");
    assert_eq!((&told["people"]["people"], counts), (&json!(30.0), vec![40, 12]));
    assert_eq!(served.get("/api/v1/why?zone=roof").0, 404);
    assert_eq!(served.get("/api/v1/why?queue=roof").0, 404);
    assert_eq!(served.get("/api/v1/why?zone=bar&queue=bar").0, 400);
}
