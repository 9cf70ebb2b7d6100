//! The JSON of every engine output: lines of `replay`, payloads over MQTT, and what the pages receive.
//!
//! In: `Output` with the venue that names its zones and queues. Out: one JSON object on one line, with
//! numbers in the unit of their name and `null` where unknown. Field order is fixed, so that equal
//! outputs are equal bytes.

use crate::decisions::{DecisionLine, OutcomeLine};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use venue_engine::output::{
    Alert, AlertKind, Change, Dwell, Fix, HeatWindow, Movement, Offer, Output, People, QueueState, ZoneChange,
};
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// One line. Probabilities have 4 digits, lengths in metres 3, everything else as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the engine's output of the same name")]
pub enum Line {
    Fix {
        at_us: i64,
        who: String,
        x_m: f64,
        y_m: f64,
        floor: String,
        error_m: f64,
        zone: Option<String>,
        zones: BTreeMap<String, f64>,
    },
    Zone {
        at_us: i64,
        who: String,
        change: String,
        zone: String,
        dwell_s: Option<f64>,
    },
    People {
        at_us: i64,
        zone: Option<String>,
        people: f64,
        low: f64,
        high: f64,
        devices: f64,
    },
    Queue {
        at_us: i64,
        queue: String,
        length: f64,
        length_low: f64,
        length_high: f64,
        wait_s: Option<f64>,
        wait_low_s: Option<f64>,
        wait_high_s: Option<f64>,
        arrivals_per_min: Option<f64>,
        served_per_min: Option<f64>,
        p_wait_over_limit: Option<f64>,
        p_wait_over_limit_15min: Option<f64>,
    },
    Movement {
        from_us: i64,
        to_us: i64,
        origin: String,
        destination: String,
        people: f64,
        low: f64,
        high: f64,
    },
    Dwell {
        from_us: i64,
        to_us: i64,
        zone: String,
        stays: f64,
        unique_devices: f64,
        mean_s: f64,
        median_s: Option<f64>,
        p90_s: Option<f64>,
    },
    Heat {
        from_us: i64,
        to_us: i64,
        closed: bool,
        floor: String,
        cell_m: f64,
        columns: u16,
        rows: u16,
        /// Pairs of cell index and person-seconds.
        cells: Vec<(u32, u32)>,
        /// Pairs of cell index and thousandths of people of the last minutes; none where the window is closed.
        #[serde(default)]
        live: Vec<(u32, u32)>,
    },
    Offer {
        at_us: i64,
        voucher: String,
        code: String,
        attendee: String,
        campaign: String,
        stand: String,
        text: String,
        percent: f64,
        expires_at_us: i64,
        score: f64,
        propensity: f64,
    },
    Alert {
        at_us: i64,
        alert: String,
        place: String,
        text: String,
        active: bool,
    },
    Decision(DecisionLine),
    Outcome(OutcomeLine),
    Learned {
        at_us: i64,
        name: String,
        bytes: usize,
    },
}

impl Line {
    /// The outside shape of an output.
    pub fn new(output: &Output, venue: &Venue) -> Self {
        match output {
            Output::Fix(fix) => fix_line(fix, venue),
            Output::ZoneChange(change) => zone_line(change, venue),
            Output::People(people) => people_line(people, venue),
            Output::Queue(queue) => queue_line(queue, venue),
            Output::Movement(movement) => movement_line(movement, venue),
            Output::Dwell(dwell) => dwell_line(dwell, venue),
            Output::Heat(heat) => heat_line(heat, venue),
            Output::Offer(offer) => offer_line(offer),
            Output::Alert(alert) => alert_line(alert),
            Output::Decision(decision) => Self::Decision(DecisionLine::new(decision)),
            Output::Outcome(outcome) => Self::Outcome(OutcomeLine::new(outcome)),
            Output::Learned(learned) => {
                let (at_us, name, bytes) = (micros(learned.at), learned.name.to_string(), learned.bytes.len());
                Self::Learned { at_us, name, bytes }
            }
        }
    }

    /// The line's text, without a line break.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a line has only text keys and finite numbers")
    }
}

/// The name of an alert in topics and lines.
pub fn alert_name(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::QueueOverLimit => "queue-over-limit",
        AlertKind::ReceiverSilent => "receiver-silent",
        AlertKind::ModelUnusable => "model-unusable",
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_micros()
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

fn fix_line(fix: &Fix, venue: &Venue) -> Line {
    let named = |&(zone, p): &(_, f64)| (venue.zone_name(zone).to_owned(), rounded(p, 4));
    Line::Fix {
        at_us: micros(fix.at),
        who: fix.who.to_string(),
        x_m: rounded(fix.position[0], 3),
        y_m: rounded(fix.position[1], 3),
        floor: venue.floors[usize::from(fix.floor.0)].name.clone(),
        error_m: rounded(fix.error_m, 3),
        zone: fix.zone.map(|zone| venue.zone_name(zone).to_owned()),
        zones: fix.zones.iter().map(named).collect(),
    }
}

fn zone_line(change: &ZoneChange, venue: &Venue) -> Line {
    let word = match change.change {
        Change::Entered => "entered",
        Change::Left => "left",
    };
    Line::Zone {
        at_us: micros(change.at),
        who: change.who.to_string(),
        change: word.to_owned(),
        zone: venue.zone_name(change.zone).to_owned(),
        dwell_s: change.dwell_s.map(|dwell_s| rounded(dwell_s, 3)),
    }
}

fn people_line(people: &People, venue: &Venue) -> Line {
    Line::People {
        at_us: micros(people.at),
        zone: people.zone.map(|zone| venue.zone_name(zone).to_owned()),
        people: rounded(people.people, 2),
        low: rounded(people.low, 2),
        high: rounded(people.high, 2),
        devices: rounded(people.devices, 2),
    }
}

fn queue_line(queue: &QueueState, venue: &Venue) -> Line {
    let short = |value: Option<f64>| value.map(|value| rounded(value, 2));
    let probability = |value: Option<f64>| value.map(|value| rounded(value, 4));
    Line::Queue {
        at_us: micros(queue.at),
        queue: venue.queues[usize::from(queue.queue.0)].name.clone(),
        length: rounded(queue.length, 2),
        length_low: rounded(queue.length_low, 2),
        length_high: rounded(queue.length_high, 2),
        wait_s: short(queue.wait_s),
        wait_low_s: short(queue.wait_low_s),
        wait_high_s: short(queue.wait_high_s),
        arrivals_per_min: short(queue.arrivals_per_min),
        served_per_min: short(queue.served_per_min),
        p_wait_over_limit: probability(queue.p_wait_over_limit),
        p_wait_over_limit_15min: probability(queue.p_wait_over_limit_15min),
    }
}

fn movement_line(movement: &Movement, venue: &Venue) -> Line {
    Line::Movement {
        from_us: micros(movement.from),
        to_us: micros(movement.to),
        origin: venue.zone_name(movement.origin).to_owned(),
        destination: venue.zone_name(movement.destination).to_owned(),
        people: rounded(movement.people, 2),
        low: rounded(movement.low, 2),
        high: rounded(movement.high, 2),
    }
}

fn dwell_line(dwell: &Dwell, venue: &Venue) -> Line {
    let short = |value: Option<f64>| value.map(|value| rounded(value, 1));
    Line::Dwell {
        from_us: micros(dwell.from),
        to_us: micros(dwell.to),
        zone: venue.zone_name(dwell.zone).to_owned(),
        stays: rounded(dwell.stays, 1),
        unique_devices: dwell.unique_devices,
        mean_s: rounded(dwell.mean_s, 1),
        median_s: short(dwell.median_s),
        p90_s: short(dwell.p90_s),
    }
}

fn heat_line(heat: &HeatWindow, venue: &Venue) -> Line {
    Line::Heat {
        from_us: micros(heat.from),
        to_us: micros(heat.to),
        closed: heat.closed,
        floor: venue.floors[usize::from(heat.floor.0)].name.clone(),
        cell_m: heat.cell_m,
        columns: heat.columns,
        rows: heat.rows,
        cells: heat.cells.clone(),
        live: heat.live.clone(),
    }
}

fn offer_line(offer: &Offer) -> Line {
    Line::Offer {
        at_us: micros(offer.at),
        voucher: offer.voucher.to_string(),
        code: offer.code.to_string(),
        attendee: offer.attendee.to_string(),
        campaign: offer.campaign.to_string(),
        stand: offer.stand.to_string(),
        text: offer.text.to_string(),
        percent: offer.percent,
        expires_at_us: micros(offer.expires_at),
        score: rounded(offer.score, 6),
        propensity: rounded(offer.propensity, 6),
    }
}

fn alert_line(alert: &Alert) -> Line {
    Line::Alert {
        at_us: micros(alert.at),
        alert: alert_name(alert.kind).to_owned(),
        place: alert.place.to_string(),
        text: alert.text.to_string(),
        active: alert.active,
    }
}
