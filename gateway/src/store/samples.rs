//! Outputs for the tests of the store and of MQTT: one small venue, a few people in it.

use venue_engine::offers::decision::{Decision, DecisionArm};
use venue_engine::offers::features::WIDTH;
use venue_engine::offers::policy::Slice;
use venue_engine::output::{Alert, AlertKind, HeatWindow, Offer, Output, People, QueueState};
use venue_engine::time::Timestamp;
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// A venue with one floor, one zone and one queue, named `arena`, `ground`, `bar` and `bar`.
pub fn venue() -> Venue {
    let text = r#"
name = "arena"
[[floor]]
name = "ground"
width_m = 40
depth_m = 24
[[zone]]
name = "bar"
polygon = [[0, 0], [10, 0], [10, 12], [0, 12]]
[[queue]]
name = "bar"
area = [[1, 1], [4, 1], [4, 6], [1, 6]]
counter = [[1, 6], [4, 6], [4, 7], [1, 7]]
"#;
    Venue::parse(text).expect("a good plan")
}

/// A moment in seconds.
pub fn second(at_s: i64) -> Timestamp {
    Timestamp::from_micros(at_s * 1_000_000)
}

/// People in a zone.
pub fn people(at_s: i64, zone: Option<u8>, people: f64) -> Output {
    let (low, high) = (people - 1.0, people + 1.0);
    Output::People(People { at: second(at_s), zone: zone.map(ZoneId), people, low, high, devices: people / 2.0 })
}

/// The queue; the wait is a minute a head.
pub fn queue(at_s: i64, length: f64) -> Output {
    Output::Queue(QueueState {
        at: second(at_s),
        queue: QueueId(0),
        length,
        length_low: length - 1.0,
        length_high: length + 1.0,
        wait_s: Some(length * 60.0),
        wait_low_s: None,
        wait_high_s: None,
        arrivals_per_min: Some(2.0),
        served_per_min: Some(1.0),
        p_wait_over_limit: Some(0.5),
        p_wait_over_limit_15min: None,
    })
}

/// A heat window of 15 minutes that starts at `from_s`.
pub fn heat(from_s: i64, closed: bool, cells: &[(u32, u32)]) -> Output {
    Output::Heat(HeatWindow {
        from: second(from_s),
        to: second(from_s + 900),
        closed,
        floor: FloorId(0),
        cell_m: 2.0,
        columns: 20,
        rows: 12,
        cells: cells.to_vec(),
        live: Vec::new(),
    })
}

/// An offer to `mia`, valid for 300 s at the bar; its code is the voucher in capitals.
pub fn offer(at_s: i64, voucher: &str) -> Output {
    Output::Offer(Offer {
        at: second(at_s),
        voucher: voucher.into(),
        code: voucher.to_uppercase().into(),
        attendee: "mia".into(),
        campaign: "short-queue".into(),
        stand: "bar".into(),
        text: "20 % off at the bar".into(),
        percent: 20.0,
        expires_at: second(at_s + 300),
        score: 0.25,
        propensity: 0.5,
        decision: 1_000_000 * at_s + 1,
    })
}

/// A decision that chose its only arm, the bar.
pub fn decision(at_s: i64) -> Output {
    let mut features = [0.1; WIDTH];
    features[0] = 401.3;
    Output::Decision(Box::new(Decision {
        id: 1_000_000 * at_s + 1,
        at: second(at_s),
        here: "grill".into(),
        arms: vec![DecisionArm {
            campaign: "short-queue".into(),
            stand: "bar".into(),
            features,
            score: 0.21,
            estimate: 0.1 + 0.2,
            value: 0.25,
            price: 0.0,
            propensity: 0.9,
        }],
        chosen: Some(0),
        none_propensity: 0.1,
        slice: Slice::Policy,
        decided: 7,
        model: "rule".into(),
        belief: Vec::new(),
    }))
}

/// An alert about the queue.
pub fn alert(at_s: i64) -> Output {
    Output::Alert(Alert {
        at: second(at_s),
        kind: AlertKind::QueueOverLimit,
        place: "bar".into(),
        text: "The wait at the bar is over 5 minutes; open another till.".into(),
        active: true,
    })
}
