//! What tills and staff do with vouchers beside redeeming them.
//!
//! In: the identity of a redemption to take back; what a till took while it was cut off; a voucher to
//! withdraw. Out: what came of it. It refuses tokens that are not genuine, one by one, and takes the rest.

use super::App;
use super::reply::Refusal;
use crate::runtime::OwnedEvent;
use crate::store::settle::{SpentRecord, TakenBack};
use crate::voucher::token::Token;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use venue_engine::time::Timestamp;

/// Vouchers brought at once; a till brings the rest with its next request. Bounded by the body's size too.
const SPENT_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeBackBody {
    request_id: String,
}

/// Takes back the redemption of a request, or ends its hold.
pub(super) async fn take_back(
    State(shared): App,
    body: Result<Json<TakeBackBody>, JsonRejection>,
) -> Result<Response, Refusal> {
    let at_us = shared.state.engine.now().as_micros();
    let taken = shared.state.store.take_back(body?.0.request_id, at_us).await?;
    let no = |reason: &str, message: &str| {
        let told = json!({"state": "refused", "reason": reason, "message": message});
        (StatusCode::CONFLICT, Json(told)).into_response()
    };
    Ok(match taken {
        TakenBack::Done(voucher) => Json(json!({"state": "rolled-back", "voucher": voucher})).into_response(),
        TakenBack::UnknownRequest => no("unknown-request", "No redemption has this identity."),
        TakenBack::TooLate => no("too-late", "This redemption is settled and cannot be taken back."),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpentBody {
    till: String,
    spent: Vec<SpentEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpentEntry {
    token: String,
    at_us: i64,
}

/// Enters what a till took while it was cut off. Bringing the same again changes nothing.
pub(super) async fn merge(
    State(shared): App,
    body: Result<Json<SpentBody>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(SpentBody { till, spent }) = body?;
    if spent.len() > SPENT_MAX {
        let told = format!("{} vouchers at once; at most {SPENT_MAX} are taken", spent.len());
        return Err(Refusal::new(StatusCode::BAD_REQUEST, told, "bring them in several requests"));
    }
    let brought = spent.len();
    let keys = shared.state.keys.accepted();
    let records = spent.into_iter().filter_map(|entry| {
        let voucher = Token::verify(&entry.token, keys).ok()?.voucher_hex();
        Some(SpentRecord { voucher, till: till.clone(), at_us: entry.at_us })
    });
    let records: Vec<SpentRecord> = records.collect();
    let refused = brought - records.len();
    let times: Vec<(String, i64)> = records.iter().map(|it| (it.voucher.clone(), it.at_us)).collect();
    let merged = shared.state.store.merge(records).await?;
    for (voucher, at_us) in times.iter().filter(|(voucher, _)| merged.redeemed.contains(voucher)) {
        let (at, voucher) = (Timestamp::from_micros(*at_us), voucher.as_str().into());
        shared.state.engine.send(OwnedEvent::Redeemed { at, voucher });
    }
    let (redeemed, known, unknown) = (merged.redeemed, merged.known, merged.unknown);
    Ok(Json(json!({
        "redeemed": redeemed, "known": known, "unknown": unknown, "refused": refused, "revoked": merged.revoked,
    })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBody {
    reason: String,
}

/// Withdraws a voucher and all others of its holder.
pub(super) async fn revoke(
    State(shared): App,
    voucher: Result<Path<String>, PathRejection>,
    body: Result<Json<RevokeBody>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let (Path(voucher), Json(RevokeBody { reason })) = (voucher?, body?);
    let at_us = shared.state.engine.now().as_micros();
    let reason: String = reason.chars().take(128).collect();
    let fresh = shared.state.store.revoke(voucher.clone(), at_us, reason).await?;
    Ok(Json(json!({"voucher": voucher, "state": "revoked", "new": fresh})))
}
