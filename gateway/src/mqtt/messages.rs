//! What each engine output becomes on MQTT: topic, payload, and the rules it travels under.
//!
//! In: an output, or a change of a voucher. Out: a `Message` for the outbox, or nothing for outputs that
//! stay in the house (fixes and zone changes are about single people). It refuses names that cannot be
//! topic levels. State is replaced by newer state of its topic while it waits; events are all kept.

use crate::lines::{Line, alert_name};
use crate::mqtt::topics::{BadName, Topic};
use serde::{Deserialize, Serialize};
use venue_engine::output::{Offer, Output};
use venue_engine::venue::Venue;

/// One publication, before it has a place in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Full topic.
    pub topic: String,
    /// What it is, the last part of the CloudEvents type.
    pub kind: &'static str,
    /// Whether a newer message of the topic makes this one worthless.
    pub state: bool,
    /// Whether the broker keeps it for those who subscribe later.
    pub retained: bool,
    /// Event time.
    pub at_us: i64,
    /// Not to be delivered after.
    pub expires_at_us: Option<i64>,
    /// JSON.
    pub payload: String,
}

/// A change in a voucher's life. It names no attendee and no code: whoever watches vouchers learns
/// neither who holds one nor how to use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "voucher")]
pub struct VoucherChange {
    /// When.
    pub at_us: i64,
    /// Identity of the voucher.
    pub voucher: String,
    /// Campaign it comes from.
    pub campaign: String,
    /// Where it is valid.
    pub stand: String,
    /// `issued`, `redeemed`, `refused` or `expired`.
    pub state: String,
    /// Why it was refused.
    pub reason: Option<String>,
}

impl VoucherChange {
    /// A voucher that has just been offered.
    pub fn issued(offer: &Offer) -> Self {
        Self {
            at_us: offer.at.as_micros(),
            voucher: offer.voucher.to_string(),
            campaign: offer.campaign.to_string(),
            stand: offer.stand.to_string(),
            state: "issued".to_owned(),
            reason: None,
        }
    }

    /// The change as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("only text and integers")
    }

    /// The change as a message.
    ///
    /// # Errors
    /// A voucher identity or venue name that cannot be a topic level.
    pub fn message(&self, venue: &Venue) -> Result<Message, BadName> {
        let topic = Topic::Voucher { voucher: &self.voucher }.path(&venue.name)?;
        Ok(event(topic, "voucher", self.at_us, self.to_json()))
    }
}

/// The message of an output; `None` for those that are not published.
///
/// # Errors
/// A name that cannot be a topic level.
pub fn message(output: &Output, venue: &Venue) -> Result<Option<Message>, BadName> {
    let at_us = output.at().as_micros();
    let path = |topic: Topic<'_>| topic.path(&venue.name);
    let json = || Line::new(output, venue).to_json();
    let message = match output {
        // Stays are for the pages and the API.
        Output::Fix(_) | Output::ZoneChange(_) | Output::Dwell(_) => return Ok(None),
        Output::People(people) => {
            let zone = people.zone.map(|zone| venue.zone_name(zone));
            retained_state(path(Topic::ZoneOccupancy { zone })?, "occupancy", at_us, json())
        }
        Output::Queue(state) => {
            let queue = &venue.queues[usize::from(state.queue.0)].name;
            retained_state(path(Topic::QueueState { queue })?, "queue", at_us, json())
        }
        Output::Movement(_) => event(path(Topic::Movements)?, "movement", at_us, json()),
        Output::Heat(window) => {
            let floor = &venue.floors[usize::from(window.floor.0)].name;
            let message = event(path(Topic::Heat { floor })?, "heat", at_us, json());
            // An open window is overtaken by the next report of it; a closed one is final.
            Message { state: !window.closed, ..message }
        }
        Output::Offer(offer) => {
            let topic = path(Topic::AttendeeOffer { attendee: &offer.attendee })?;
            let message = event(topic, "offer", at_us, json());
            Message { expires_at_us: Some(offer.expires_at.as_micros()), ..message }
        }
        Output::Alert(alert) => event(path(Topic::Alert { kind: alert_name(alert.kind) })?, "alert", at_us, json()),
        // The log of decisions stays on the board until somebody exports it.
        Output::Decision(_) | Output::Outcome(_) | Output::Learned(_) => return Ok(None),
    };
    Ok(Some(message))
}

fn retained_state(topic: String, kind: &'static str, at_us: i64, payload: String) -> Message {
    Message { topic, kind, state: true, retained: true, at_us, expires_at_us: None, payload }
}

fn event(topic: String, kind: &'static str, at_us: i64, payload: String) -> Message {
    Message { topic, kind, state: false, retained: false, at_us, expires_at_us: None, payload }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples;

    fn check(output: &Output, topic: &str, state: bool, retained: bool, expires_at_us: Option<i64>) {
        let message = message(output, &samples::venue()).expect("good names").expect("published");
        assert_eq!((message.topic.as_str(), message.state, message.retained), (topic, state, retained));
        assert_eq!(message.expires_at_us, expires_at_us);
        let line: Line = serde_json::from_str(&message.payload).expect("a line");
        assert_eq!(line, Line::new(output, &samples::venue()));
    }

    #[test]
    fn each_output_has_its_topic_and_rules() {
        check(&samples::people(1, None, 9.0), "venue/arena/zone/_venue/occupancy", true, true, None);
        check(&samples::people(1, Some(0), 9.0), "venue/arena/zone/bar/occupancy", true, true, None);
        check(&samples::queue(1, 4.0), "venue/arena/queue/bar/state", true, true, None);
        check(&samples::heat(0, false, &[(1, 2)]), "venue/arena/heat/ground", true, false, None);
        check(&samples::heat(0, true, &[(1, 2)]), "venue/arena/heat/ground", false, false, None);
        check(&samples::offer(1, "aa"), "venue/arena/attendee/mia/offer", false, false, Some(301_000_000));
        check(&samples::alert(1), "venue/arena/alert/queue-over-limit", false, false, None);
    }

    #[test]
    fn a_voucher_change_names_neither_attendee_nor_code() {
        let Output::Offer(offer) = samples::offer(1, "aa") else { panic!("an offer") };
        let change = VoucherChange::issued(&offer);
        let json = change.to_json();
        assert_eq!(serde_json::from_str::<VoucherChange>(&json).expect("reads"), change);
        assert_eq!(
            json,
            r#"{"kind":"voucher","at_us":1000000,"voucher":"aa","campaign":"short-queue","stand":"bar","state":"issued","reason":null}"#
        );
        assert!(!json.contains(&*offer.attendee) && !json.contains(&*offer.code));
    }
}
