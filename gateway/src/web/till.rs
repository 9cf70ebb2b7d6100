//! Redemption at a till.
//!
//! In: a code as typed or a token as scanned, the till's name, and the till's own identity of the request, so that a
//! repeated request gets the first one's answer. Out: yes with what it is worth, or no with the reason in
//! one word and in a sentence. Who held the voucher is not told.

use super::reply::Refusal;
use super::{App, Shared};
use crate::runtime::OwnedEvent;
use crate::store::settle::HELD_US;
use crate::store::{RedeemRequest, Redemption, RefusalReason};
use crate::voucher::token::{self, Token};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use venue_engine::time::Timestamp;

/// What redeeming takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeemBody {
    code: String,
    #[serde(default)]
    till: String,
    request_id: String,
}

/// Redeems a code or a scanned token, once.
pub(super) async fn redeem(
    State(shared): App,
    body: Result<Json<RedeemBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let request = match request(&shared, body?.0) {
        Ok(request) => request,
        Err(reason) => return Ok(no(&reason)),
    };
    let at = Timestamp::from_micros(request.at_us);
    match shared.state.store.redeem(request).await? {
        Redemption::Redeemed { voucher, campaign, stand, percent, attendee: _ } => {
            // The redemption is on disk; an engine too busy to hear of it counts the loss, and only the
            // cap of this campaign for this person is a little late.
            shared.state.engine.send(OwnedEvent::Redeemed { at, voucher: voucher.as_str().into() });
            let told = json!({
                "state": "redeemed", "voucher": voucher, "campaign": campaign, "stand": stand, "percent": percent,
            });
            Ok(Json(told).into_response())
        }
        Redemption::Refused(reason) => Ok(no(&reason)),
    }
}

/// Holds a voucher for the same till to redeem with the same identity; others are refused meanwhile.
pub(super) async fn hold(
    State(shared): App,
    body: Result<Json<RedeemBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let request = match request(&shared, body?.0) {
        Ok(request) => request,
        Err(reason) => return Ok(no(&reason)),
    };
    let until_us = request.at_us + HELD_US;
    match shared.state.store.hold(request).await? {
        Redemption::Redeemed { voucher, campaign, stand, percent, attendee: _ } => {
            let told = json!({
                "state": "held", "voucher": voucher, "campaign": campaign, "stand": stand, "percent": percent,
                "until_us": until_us,
            });
            Ok(Json(told).into_response())
        }
        Redemption::Refused(reason) => Ok(no(&reason)),
    }
}

/// What the store is asked: a token is verified here, so that the store sees only vouchers that are proved.
fn request(shared: &Shared, body: RedeemBody) -> Result<RedeemRequest, RefusalReason> {
    let RedeemBody { code, till, request_id } = body;
    let at_us = shared.state.engine.now().as_micros();
    if !code.trim_start().starts_with(token::PREFIX) {
        return Ok(RedeemRequest { code, voucher: None, till, request_id, at_us });
    }
    let proved = Token::verify(&code, shared.state.keys.accepted()).map_err(|_| RefusalReason::NotGenuine)?;
    Ok(RedeemRequest { code: String::new(), voucher: Some(proved.voucher_hex()), till, request_id, at_us })
}

fn no(reason: &RefusalReason) -> Response {
    (StatusCode::CONFLICT, Json(refused(reason))).into_response()
}

fn refused(reason: &RefusalReason) -> serde_json::Value {
    let since_us = match reason {
        RefusalReason::AlreadyRedeemed { at_us }
        | RefusalReason::Expired { at_us }
        | RefusalReason::NotYet { at_us } => Some(*at_us),
        _ => None,
    };
    json!({"state": "refused", "reason": reason.as_str(), "message": reason.sentence(), "since_us": since_us})
}
