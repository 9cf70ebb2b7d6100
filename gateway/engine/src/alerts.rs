//! What staff must act on: a queue over its limit, a receiver gone silent.
//!
//! In: queue states and sightings. Out: an alert when something begins and one when it is over, never the
//! same twice.

use crate::output::{Alert, AlertKind, QueueState};
use crate::time::{Duration, Timestamp};
use crate::venue::{ReceiverId, Venue};
use std::sync::Arc;

/// A receiver that heard nothing for this long while others did is silent. Staff must hear of it before
/// figures go wrong for long; the peers wait 90 s.
const SILENT_AFTER: Duration = Duration::from_secs(15);

/// A queue is under its limit again at this share of it, so that an alert does not flap.
const OVER_AGAIN_SHARE: f64 = 0.8;

/// Which alerts are active.
pub struct Alerts {
    queue_over: Vec<bool>,
    silent: Vec<bool>,
    model_unusable: bool,
    /// When each was last heard; the start of listening for those never heard.
    heard_at: Vec<Option<Timestamp>>,
}

impl Alerts {
    /// Nothing wrong, nobody heard yet.
    pub fn new(venue: &Venue) -> Self {
        let receivers = venue.receivers.len();
        Self {
            queue_over: vec![false; venue.queues.len()],
            silent: vec![false; receivers],
            model_unusable: false,
            heard_at: vec![None; receivers],
        }
    }

    /// A receiver heard something.
    pub fn heard(&mut self, receiver: ReceiverId, at: Timestamp) {
        let index = usize::from(receiver.0);
        if self.heard_at[index].is_none() {
            self.heard_at.iter_mut().for_each(|heard_at| *heard_at = heard_at.or(Some(at)));
        }
        self.heard_at[index] = Some(at);
    }

    /// Begins or ends the alert of a queue.
    pub fn queue(&mut self, venue: &Venue, state: &QueueState) -> Option<Alert> {
        let index = usize::from(state.queue.0);
        let queue = &venue.queues[index];
        let (wait_s, was_over) = (state.wait_s?, self.queue_over[index]);
        let limit_s = if was_over { queue.wait_limit_s * OVER_AGAIN_SHARE } else { queue.wait_limit_s };
        let is_over = wait_s > limit_s;
        self.queue_over[index] = is_over;
        let minutes = |seconds: f64| (seconds / 60.0).round();
        let text = if is_over {
            let (wait, limit) = (minutes(wait_s), minutes(queue.wait_limit_s));
            format!("{}: {wait} min wait, limit {limit} min. Open a till or send people elsewhere.", queue.name)
        } else {
            format!("{}: the wait is back under its limit.", queue.name)
        };
        (is_over != was_over).then(|| alert(state.at, AlertKind::QueueOverLimit, &queue.name, text, is_over))
    }

    /// Begins or ends the alert of the offer model.
    pub fn model(&mut self, at: Timestamp, is_usable: bool) -> Option<Alert> {
        if is_usable != self.model_unusable {
            return None;
        }
        self.model_unusable = !is_usable;
        let text = if is_usable {
            "The offer model is back.".to_owned()
        } else {
            "Offers go by rules alone: the model is missing or was refused. Replace the file [offers] model names."
                .to_owned()
        };
        Some(alert(at, AlertKind::ModelUnusable, "offers", text, !is_usable))
    }

    /// Begins or ends the alerts of receivers. One that was never heard is silent once others are heard.
    pub fn receivers(&mut self, venue: &Venue, at: Timestamp, alerts: &mut Vec<Alert>) {
        let recently =
            |heard_at: &Option<Timestamp>| heard_at.is_some_and(|heard_at| at.since(heard_at) <= SILENT_AFTER);
        if !self.heard_at.iter().any(recently) {
            return;
        }
        for (index, receiver) in venue.receivers.iter().enumerate() {
            let is_silent = !recently(&self.heard_at[index]);
            if is_silent == self.silent[index] {
                continue;
            }
            self.silent[index] = is_silent;
            let name = &receiver.name;
            let text = if is_silent {
                let seconds = SILENT_AFTER.as_secs_f64();
                format!(
                    "{name} has heard nothing for {seconds} s while others have. Check its power, network and antenna."
                )
            } else {
                format!("{name} hears again.")
            };
            alerts.push(alert(at, AlertKind::ReceiverSilent, name, text, is_silent));
        }
    }
}

fn alert(at: Timestamp, kind: AlertKind, place: &str, text: String, active: bool) -> Alert {
    Alert { at, kind, place: Arc::from(place), text: text.into(), active }
}
