//! People who opted in: joining, their offers, leaving.
//!
//! In: a name, a language and perhaps a beacon. Out: offers of that one attendee and of nobody else. It
//! refuses names that cannot be part of a topic and beacons that are none. Leaving erases everything.

use super::reply::{self, Refusal};
use super::{App, Shared, vouchers};
use crate::runtime::OwnedEvent;
use crate::store::{Join, OfferRow};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use venue_engine::beacon::BeaconId;
use venue_engine::event::{Registration, SubjectKind};

/// What joining takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinBody {
    attendee: String,
    language: Option<String>,
    beacon: Option<String>,
}

/// Somebody opts in. Joining again changes language and beacon.
pub(super) async fn join(State(shared): App, body: Result<Json<JoinBody>, JsonRejection>) -> Result<Response, Refusal> {
    let Json(JoinBody { attendee, language, beacon }) = body?;
    let identity = beacon.as_deref().map(read_beacon).transpose()?;
    let at = shared.state.engine.now();
    let language = language.unwrap_or_else(|| "en".to_owned());
    let join = Join { attendee: attendee.clone(), language: language.clone(), beacon, at_us: at.as_micros() };
    shared.state.store.join(join).await?;
    let who: Arc<str> = attendee.as_str().into();
    // Lost only where the engine is too busy, which it counts; then her messages come in the plain text.
    shared.state.engine.send(OwnedEvent::Language { who: who.clone(), language: language.into() });
    if let Some(beacon) = identity {
        let registration = Registration { at, who, kind: SubjectKind::Attendee, beacon };
        if !shared.state.engine.send(OwnedEvent::Register(registration)) {
            return Err(Refusal::busy("the engine has too much to do to follow another beacon"));
        }
    }
    let joined = json!({"attendee": attendee, "state": "joined"});
    Ok((StatusCode::CREATED, Json(joined)).into_response())
}

/// The latest offers of one attendee, newest first, with the event time now.
pub(super) async fn offers(
    State(shared): App,
    attendee: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Path(attendee) = attendee?;
    let rows = shared.state.store.attendee_offers(attendee.clone()).await?;
    let offers: Vec<Value> = rows.iter().map(|row| offer_json(&shared, row)).collect();
    let now_us = shared.state.engine.now().as_micros();
    Ok(reply::value(&request, &json!({"attendee": attendee, "now_us": now_us, "offers": offers})))
}

/// Somebody opts out: every row, position and offer of theirs is erased.
pub(super) async fn forget(
    State(shared): App,
    attendee: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let Path(attendee) = attendee?;
    let at = shared.state.engine.now();
    // The engine first, so that it decides nothing more about somebody whose rows are being erased.
    if !shared.state.engine.send(OwnedEvent::Forget { at, who: attendee.as_str().into() }) {
        return Err(Refusal::busy("the engine has too much to do to forget somebody now"));
    }
    let had_rows = shared.state.store.forget(attendee.clone()).await?;
    shared.state.live.forget(&attendee);
    Ok(Json(json!({"attendee": attendee, "state": "forgotten", "had_rows": had_rows})))
}

fn read_beacon(text: &str) -> Result<BeaconId, Refusal> {
    text.parse().map_err(|why| {
        let mend = "write ibeacon:<uuid>:<major>:<minor>, eddystone:<namespace>:<instance>, altbeacon:<id>, \
             eid:<key>:<exponent> or irk:<key>";
        Refusal::new(StatusCode::BAD_REQUEST, format!("\"{text}\" is no beacon: {why}"), mend)
    })
}

fn offer_json(shared: &Shared, offer: &OfferRow) -> Value {
    // Only an open voucher has a token: no till would take another one.
    let token = (offer.state == "issued").then(|| vouchers::token_text(shared, offer)).flatten();
    json!({
        "voucher": offer.voucher,
        "code": offer.code,
        "token": token,
        "campaign": offer.campaign,
        "stand": offer.stand,
        "text": offer.text,
        "percent": offer.percent,
        "at_us": offer.at_us,
        "expires_at_us": offer.expires_at_us,
        "state": offer.state,
        "redeemed_at_us": offer.redeemed_at_us,
    })
}
