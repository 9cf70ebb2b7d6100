//! Where a figure comes from: for whoever taps it and asks why.
//!
//! In: a zone, a queue, or neither for the venue. Out: the figure, how old it is, the devices it rests on, the
//! receivers near the place with what each hears, and the latest known counts that taught about it. It refuses to
//! tell of single people or devices, and makes no figure itself.

use super::reply::{self, Refusal};
use super::{App, Shared};
use crate::lines::Line;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use venue_engine::event::{Anchor, AnchorKind};
use venue_engine::geometry::Point;
use venue_engine::output::Output;
use venue_engine::venue::FloorId;

/// Known counts told; older ones say little of now.
const ANCHORS_MAX: usize = 5;

/// What is asked about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    zone: Option<String>,
    queue: Option<String>,
}

/// A place of the venue: its outline, or none for all of it.
struct Place {
    floor: FloorId,
    outline: Vec<Point>,
}

/// Where a figure comes from.
pub(super) async fn figure(
    State(shared): App,
    asked: Result<Query<Asked>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(asked) = asked?;
    if asked.zone.is_some() && asked.queue.is_some() {
        let mend = "name one of them, or neither for the whole venue";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a zone and a queue are two figures", mend));
    }
    let place = place(&shared, &asked)?;
    let pulse = shared.state.live.pulse();
    let (people, queue) = lines(&shared, &asked);
    let devices = people.as_ref().map(|people| people["devices"].clone());
    Ok(reply::value(
        &request,
        &json!({
            "zone": asked.zone, "queue": asked.queue, "at_us": pulse.at_us, "age_s": pulse.age_s,
            "people": people, "queue_state": queue, "devices": devices,
            "receivers": receivers(&shared, place.as_ref()),
            "anchors": shared.noted.latest(ANCHORS_MAX, |anchor| concerns(anchor, &asked)),
        }),
    ))
}

fn place(shared: &Shared, asked: &Asked) -> Result<Option<Place>, Refusal> {
    let venue = &shared.state.venue;
    if let Some(name) = &asked.zone {
        let found = venue.zones.iter().find(|zone| zone.name == *name);
        let known = || venue.zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>();
        let zone = found.ok_or_else(|| Refusal::unknown("zone", name, &known()))?;
        return Ok(Some(Place { floor: zone.floor, outline: zone.polygon.to_vec() }));
    }
    if let Some(name) = &asked.queue {
        let found = venue.queues.iter().find(|queue| queue.name == *name);
        let known = || venue.queues.iter().map(|queue| queue.name.as_str()).collect::<Vec<_>>();
        let queue = found.ok_or_else(|| Refusal::unknown("queue", name, &known()))?;
        return Ok(Some(Place { floor: queue.floor, outline: queue.area.to_vec() }));
    }
    Ok(None)
}

/// The figure as the pages have it: people of the zone or venue, or the queue's state.
fn lines(shared: &Shared, asked: &Asked) -> (Option<Value>, Option<Value>) {
    let venue = &shared.state.venue;
    let (people, queues) = shared.state.live.figures();
    let told = |output: &Output| serde_json::to_value(Line::new(output, venue)).ok();
    if let Some(name) = &asked.queue {
        let state = queues.into_iter().find(|state| venue.queues[usize::from(state.queue.0)].name == *name);
        return (None, state.and_then(|state| told(&Output::Queue(state))));
    }
    let zone = asked.zone.as_deref();
    let people = people.into_iter().find(|people| people.zone.map(|zone| venue.zone_name(zone)) == zone);
    (people.and_then(|people| told(&Output::People(people))), None)
}

/// Receivers of the place's floor, the nearest first; of the venue all, in the plan's order.
fn receivers(shared: &Shared, place: Option<&Place>) -> Vec<Value> {
    let (venue, states, sources) = (&shared.state.venue, shared.state.live.receivers(), shared.state.radios.list());
    let on_floor = venue.receivers.iter().enumerate();
    let mut told: Vec<(f64, Value)> = on_floor
        .filter(|(_, receiver)| place.is_none_or(|place| place.floor == receiver.floor))
        .map(|(index, receiver)| {
            let distance_m = place.map(|place| distance_m([receiver.x_m, receiver.y_m], &place.outline));
            let own: Vec<_> = sources.iter().filter(|source| source.receiver == receiver.name).collect();
            let per_s = (!own.is_empty()).then(|| own.iter().map(|source| source.adverts_per_s()).sum::<f64>());
            let heard_at_us = own.iter().filter_map(|source| source.heard_at_us()).max();
            let state = &states[index]["state"];
            let value = json!({
                "receiver": receiver.name, "state": state, "distance_m": distance_m,
                "adverts_per_s": per_s, "heard_at_us": heard_at_us,
            });
            (distance_m.unwrap_or(0.0), value)
        })
        .collect();
    told.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    told.into_iter().map(|(_, value)| value).collect()
}

/// Metres from a point to the middle of an outline.
fn distance_m([x_m, y_m]: Point, outline: &[Point]) -> f64 {
    let count = outline.len().max(1) as f64;
    let sum = outline.iter().fold([0.0, 0.0], |sum, [x, y]| [sum[0] + x, sum[1] + y]);
    (x_m - sum[0] / count).hypot(y_m - sum[1] / count)
}

/// Whether a known count taught about what is asked: a count of the place or of everything, a till of its queue.
fn concerns(anchor: &Anchor, asked: &Asked) -> bool {
    let place: &str = &anchor.place;
    match anchor.kind {
        AnchorKind::HeadCount => place.is_empty() || asked.zone.as_deref() == Some(place) || is_venue(asked),
        AnchorKind::Turnstile => asked.queue.is_none(),
        AnchorKind::Till => asked.queue.as_deref() == Some(place),
    }
}

fn is_venue(asked: &Asked) -> bool {
    asked.zone.is_none() && asked.queue.is_none()
}
