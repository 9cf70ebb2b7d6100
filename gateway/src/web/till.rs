//! Redemption at a till.
//!
//! In: a code as typed or scanned, the till's name, and the till's own identity of the request, so that a
//! repeated request gets the first one's answer. Out: yes with what it is worth, or no with the reason in
//! one word and in a sentence. Who held the voucher is not told.

use super::App;
use super::reply::Refusal;
use crate::runtime::OwnedEvent;
use crate::store::{RedeemRequest, Redemption, RefusalReason};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

/// What redeeming takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeemBody {
    code: String,
    #[serde(default)]
    till: String,
    request_id: String,
}

/// Redeems a code, once.
pub(super) async fn redeem(
    State(shared): App,
    body: Result<Json<RedeemBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(RedeemBody { code, till, request_id }) = body?;
    let at = shared.state.engine.now();
    let request = RedeemRequest { code, till, request_id, at_us: at.as_micros() };
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
        Redemption::Refused(reason) => Ok((StatusCode::CONFLICT, Json(refused(&reason))).into_response()),
    }
}

fn refused(reason: &RefusalReason) -> serde_json::Value {
    let since_us = match reason {
        RefusalReason::AlreadyRedeemed { at_us } | RefusalReason::Expired { at_us } => Some(*at_us),
        _ => None,
    };
    json!({"state": "refused", "reason": reason.as_str(), "message": reason.sentence(), "since_us": since_us})
}
