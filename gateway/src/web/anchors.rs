//! Known counts of people, for the engine to correct itself by.
//!
//! In: what was counted, where, and when if not now. Out: the count on its way to the engine. It refuses
//! places the venue does not have and counts nobody can have made.

use super::App;
use super::reply::Refusal;
use crate::runtime::OwnedEvent;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use venue_engine::event::{Anchor, AnchorKind};
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// More people than any venue of one board holds: a typing error.
const PEOPLE_MAX: u32 = 200_000;

/// Counts remembered for those who ask where a figure comes from: a day of a count every ten minutes, and some.
const NOTED_MAX: usize = 256;

/// Known counts taken since the start, newest first.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<VecDeque<Anchor>>);

impl Noted {
    fn add(&self, anchor: Anchor) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.truncate(NOTED_MAX - 1);
        noted.push_front(anchor);
    }

    /// The latest that `concerns` names, newest first, as JSON.
    pub(super) fn latest(&self, count_max: usize, concerns: impl Fn(&Anchor) -> bool) -> Vec<Value> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = noted.iter().filter(|anchor| concerns(anchor)).take(count_max);
        latest
            .map(|anchor| {
                let kind = match anchor.kind {
                    AnchorKind::Turnstile => "turnstile",
                    AnchorKind::Till => "till",
                    AnchorKind::HeadCount => "head_count",
                };
                json!({"kind": kind, "place": &*anchor.place, "people": anchor.people, "at_us": anchor.at.as_micros()})
            })
            .collect()
    }
}

/// What a known count takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnchorBody {
    kind: Kind,
    /// Entrance, queue or zone by kind; empty for the whole venue.
    #[serde(default)]
    place: String,
    people: u32,
    /// Event time; now where it is left out.
    at_us: Option<i64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Turnstile,
    Till,
    HeadCount,
}

/// Takes a known count.
pub(super) async fn add(
    State(shared): App,
    body: Result<Json<AnchorBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(body) = body?;
    check(&body, &shared.state.venue)?;
    let kind = match body.kind {
        Kind::Turnstile => AnchorKind::Turnstile,
        Kind::Till => AnchorKind::Till,
        Kind::HeadCount => AnchorKind::HeadCount,
    };
    let at = body.at_us.map_or_else(|| shared.state.engine.now(), Timestamp::from_micros);
    let anchor = Anchor { at, kind, place: body.place.as_str().into(), people: body.people };
    if !shared.state.engine.send(OwnedEvent::Anchor(anchor.clone())) {
        return Err(Refusal::busy("the engine has too much to do to take a count"));
    }
    shared.noted.add(anchor);
    Ok((StatusCode::ACCEPTED, Json(json!({"state": "accepted", "at_us": at.as_micros()}))).into_response())
}

fn check(body: &AnchorBody, venue: &Venue) -> Result<(), Refusal> {
    if body.people > PEOPLE_MAX {
        let error = format!("{} people are more than a venue holds", body.people);
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error, format!("send at most {PEOPLE_MAX}")));
    }
    let (what, known): (&str, Vec<&str>) = match body.kind {
        Kind::Turnstile => ("entrance", venue.entrances.iter().map(|entrance| entrance.name.as_str()).collect()),
        Kind::Till => ("queue", venue.queues.iter().map(|queue| queue.name.as_str()).collect()),
        Kind::HeadCount => ("zone", venue.zones.iter().map(|zone| zone.name.as_str()).collect()),
    };
    let everywhere = body.place.is_empty() && matches!(body.kind, Kind::HeadCount | Kind::Turnstile);
    if everywhere || known.contains(&body.place.as_str()) {
        return Ok(());
    }
    Err(Refusal::unknown(what, &body.place, &known))
}
