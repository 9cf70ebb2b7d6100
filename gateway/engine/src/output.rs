//! Everything the engine can say, as plain values.
//!
//! Times are event times, intervals are 90 %, `None` means unknown. These types are not serialisable:
//! each outside shape (replay line, MQTT payload, SQLite row) lives in one file of the rim.

use crate::geometry::Point;
use crate::offers::decision::{Decision, Learned, Outcome};
use crate::time::Timestamp;
use crate::venue::{FloorId, QueueId, ZoneId};
use std::sync::Arc;

/// One statement of the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Where a followed device is.
    Fix(Fix),
    /// A followed device changed zone.
    ZoneChange(ZoneChange),
    /// How many people are in a zone, or in the venue.
    People(People),
    /// How a queue stands.
    Queue(QueueState),
    /// How many people went from one zone to another in a window.
    Movement(Movement),
    /// How long people stay in a zone.
    Dwell(Dwell),
    /// Where people were in a window.
    Heat(HeatWindow),
    /// A voucher for an attendee.
    Offer(Offer),
    /// Something staff must act on.
    Alert(Alert),
    /// A decision about an offer, for the log.
    Decision(Box<Decision>),
    /// What became of a decision.
    Outcome(Outcome),
    /// What the offers have learned, for the next start.
    Learned(Learned),
}

impl Output {
    /// The event time the statement is about; for windows, their end.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Fix(fix) => fix.at,
            Self::ZoneChange(change) => change.at,
            Self::People(people) => people.at,
            Self::Queue(queue) => queue.at,
            Self::Movement(movement) => movement.to,
            Self::Dwell(dwell) => dwell.to,
            Self::Heat(heat) => heat.to,
            Self::Offer(offer) => offer.at,
            Self::Alert(alert) => alert.at,
            Self::Decision(decision) => decision.at,
            Self::Outcome(outcome) => outcome.at,
            Self::Learned(learned) => learned.at,
        }
    }
}

/// An estimated position.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// When.
    pub at: Timestamp,
    /// Attendee or asset name, or the beacon's identity text.
    pub who: Arc<str>,
    /// Metres on the floor.
    pub position: Point,
    /// Its floor.
    pub floor: FloorId,
    /// Root mean square error expected, metres.
    pub error_m: f64,
    /// The zone after hysteresis.
    pub zone: Option<ZoneId>,
    /// Probability of each zone, largest first; what is missing to 1 lies outside all zones.
    pub zones: Vec<(ZoneId, f64)>,
}

/// Whether a zone was entered or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Came in.
    Entered,
    /// Went out, with how long it stayed, seconds.
    Left,
}

/// A followed device entered or left a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneChange {
    /// When it happened, after hysteresis.
    pub at: Timestamp,
    /// Attendee or asset name, or the beacon's identity text.
    pub who: Arc<str>,
    /// Entered or left.
    pub change: Change,
    /// Which zone.
    pub zone: ZoneId,
    /// Time between entered and left, seconds; `None` on entering.
    pub dwell_s: Option<f64>,
}

/// People in a zone at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct People {
    /// When.
    pub at: Timestamp,
    /// Which zone; `None` for the whole venue.
    pub zone: Option<ZoneId>,
    /// Expected number of people.
    pub people: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// Devices the estimate rests on.
    pub devices: f64,
}

/// A queue at a moment. Length counts people waiting, not those being served.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueState {
    /// When.
    pub at: Timestamp,
    /// Which queue.
    pub queue: QueueId,
    /// Expected number of people waiting.
    pub length: f64,
    /// 5 % quantile.
    pub length_low: f64,
    /// 95 % quantile.
    pub length_high: f64,
    /// Wait before service of somebody joining now, seconds.
    pub wait_s: Option<f64>,
    /// 5 % quantile, seconds.
    pub wait_low_s: Option<f64>,
    /// 95 % quantile, seconds.
    pub wait_high_s: Option<f64>,
    /// People joining a minute.
    pub arrivals_per_min: Option<f64>,
    /// People served a minute.
    pub served_per_min: Option<f64>,
    /// Probability that a newcomer waits longer than the queue's limit.
    pub p_wait_over_limit: Option<f64>,
    /// The same for a newcomer in 15 minutes.
    pub p_wait_over_limit_15min: Option<f64>,
}

/// People who went from one zone to another within a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Movement {
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Zone left.
    pub origin: ZoneId,
    /// Zone entered.
    pub destination: ZoneId,
    /// Expected number of people.
    pub people: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
}

/// How long followed devices stay in a zone, as known at the end of a window; stays of half a minute and more.
#[derive(Clone, Debug, PartialEq)]
pub struct Dwell {
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Which zone.
    pub zone: ZoneId,
    /// Stays that ended, older ones for less: half after four hours.
    pub stays: f64,
    /// Different devices that stayed today (UTC), about.
    pub unique_devices: f64,
    /// Mean stay, seconds; those who were lost stayed at least that long.
    pub mean_s: f64,
    /// Half stay longer, seconds.
    pub median_s: Option<f64>,
    /// One in ten stays longer, seconds.
    pub p90_s: Option<f64>,
}

/// Where people were during one window on one floor.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatWindow {
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window; the window may still be open when this is reported live.
    pub to: Timestamp,
    /// Whether the window is over and these are its final sums.
    pub closed: bool,
    /// Which floor.
    pub floor: FloorId,
    /// Side of a cell, metres.
    pub cell_m: f64,
    /// Cells along x.
    pub columns: u16,
    /// Cells along y.
    pub rows: u16,
    /// Cells that are not empty: index (`row * columns + column`, rows from the bottom) and person-seconds.
    pub cells: Vec<(u32, u32)>,
    /// While the window is open, the people of the last minutes by cell, in thousandths; half of what is past fades
    /// every five minutes.
    pub live: Vec<(u32, u32)>,
}

/// A voucher offered to one attendee.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// When it was decided.
    pub at: Timestamp,
    /// Identity of the voucher, 32 hex digits.
    pub voucher: Arc<str>,
    /// Code to type at the till: 10 characters of Crockford's base 32.
    pub code: Arc<str>,
    /// The attendee.
    pub attendee: Arc<str>,
    /// Campaign it comes from.
    pub campaign: Arc<str>,
    /// The stand (a queue's name) at which it is valid.
    pub stand: Arc<str>,
    /// Words for the attendee.
    pub text: Arc<str>,
    /// Benefit in percent off.
    pub percent: f64,
    /// Not valid after.
    pub expires_at: Timestamp,
    /// The model's score.
    pub score: f64,
    /// Probability with which this action was chosen.
    pub propensity: f64,
    /// Identity of the decision it came from.
    pub decision: i64,
}

/// What staff are alerted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A queue's wait is over its limit.
    QueueOverLimit,
    /// A receiver has gone silent.
    ReceiverSilent,
    /// The offer model is missing or refused.
    ModelUnusable,
}

/// Something staff must act on, or that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: AlertKind,
    /// The queue, zone or receiver it is about.
    pub place: Arc<str>,
    /// One sentence: what is wrong and what to do.
    pub text: Arc<str>,
    /// Whether it holds now; false says that it is over.
    pub active: bool,
}
