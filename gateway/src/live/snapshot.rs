//! The snapshot a page begins with: everything shown now, as one JSON object.
//!
//! In: what is shown, and the venue that names it. Out: text, composed of the same lines the stream tells,
//! so that a page has one way of reading them. Zones and queues come in the venue's order, receivers all.

use super::{Shown, public_line};
use serde_json::{Value, json};
use std::time::Instant;
use venue_engine::output::{AlertKind, Output};
use venue_engine::venue::Venue;

/// The snapshot's text.
pub(super) fn compose(shown: &Shown, venue: &Venue, now: Instant) -> String {
    let line = |output: Output| public_line(&output, venue).to_string();
    let people =
        shown.people.get(&None).cloned().map_or_else(|| "null".to_owned(), |people| line(Output::People(people)));
    let zones = shown.people.iter().filter(|(zone, _)| zone.is_some());
    let windows = shown.heat_before.values().chain(shown.heat.values());
    let pulse = shown.pulse(now);
    let counts = json!({
        "lines": shown.counts.lines,
        "states_replaced": shown.counts.states_replaced,
        "fixes_thinned": shown.counts.fixes_thinned,
        "fixes_beyond_limit": shown.counts.fixes_beyond_limit,
        "alerts_beyond_limit": shown.counts.alerts_beyond_limit,
        "readers_behind": shown.counts.readers_behind,
    });
    let parts = [
        ("at_us", json!(pulse.at_us).to_string()),
        ("age_s", json!(pulse.age_s).to_string()),
        ("report_every_s", json!(pulse.report_every_s).to_string()),
        ("venue", people),
        ("zones", list(zones.map(|(_, people)| line(Output::People(people.clone()))))),
        ("queues", list(shown.queues.values().map(|queue| line(Output::Queue(queue.clone()))))),
        ("dwell", list(shown.dwells.values().map(|dwell| line(Output::Dwell(dwell.clone()))))),
        ("heat", list(windows.map(|window| line(Output::Heat(window.clone()))))),
        ("alerts", list(shown.alerts.values().map(|alert| line(Output::Alert(alert.clone()))))),
        ("offers", list(shown.offers.iter().map(|shown| offer(shown, venue)))),
        ("fixes", list(shown.followed.values().map(|followed| line(Output::Fix(followed.fix.clone()))))),
        ("receivers", receivers(shown, venue).to_string()),
        ("health", shown.health.to_string()),
        ("counts", counts.to_string()),
    ];
    let members = parts.map(|(key, value)| format!("\"{key}\":{value}"));
    format!("{{{}}}", members.join(","))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// The offer's line with how it stands.
fn offer(shown: &super::ShownOffer, venue: &Venue) -> String {
    let line = public_line(&Output::Offer(shown.offer.clone()), venue);
    let state = json!(shown.state);
    format!("{},\"state\":{state}}}", line.strip_suffix('}').unwrap_or(&line))
}

/// Every receiver: silent where an alert says so, unknown before the first report.
pub(super) fn receivers(shown: &Shown, venue: &Venue) -> Value {
    let state = |name: &str| {
        let silent = shown.alerts.keys().any(|(kind, place)| *kind == AlertKind::ReceiverSilent && **place == *name);
        match (silent, shown.at_us) {
            (true, _) => "silent",
            (false, Some(_)) => "hears",
            (false, None) => "unknown",
        }
    };
    venue.receivers.iter().map(|receiver| json!({"receiver": receiver.name, "state": state(&receiver.name)})).collect()
}
