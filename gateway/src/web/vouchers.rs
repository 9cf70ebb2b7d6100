//! Vouchers as pictures, and what a till needs to check them by itself.
//!
//! In: an attendee and one of her vouchers. Out: its QR code, the public keys, the board's time, signed. It
//! refuses vouchers of somebody else, and those that are used or over.

use super::reply::Refusal;
use super::{App, Shared};
use crate::store::OfferRow;
use crate::voucher::keys::voucher_bytes;
use crate::voucher::picture as draw;
use crate::voucher::token::{Token, sign_time};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The QR code of an open voucher.
pub(super) async fn picture(
    State(shared): App,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path((attendee, voucher)) = path?;
    let missing = || Refusal::new(StatusCode::GONE, "no open voucher of this name", "reload the page");
    let rows = shared.state.store.attendee_offers(attendee).await?;
    let open = rows.iter().find(|row| row.voucher == voucher && row.state == "issued").ok_or_else(missing)?;
    let text = token_text(&shared, open).ok_or_else(missing)?;
    let drawn = draw::svg(&text).map_err(|error| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no picture: {error}"), "type the code instead")
    })?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], drawn).into_response())
}

/// The signed text of an offer, made anew each time: the same facts give the same text.
pub(super) fn token_text(shared: &Shared, offer: &OfferRow) -> Option<String> {
    let second = |at_us: i64| u32::try_from(at_us.div_euclid(1_000_000)).ok();
    let tills = shared.state.venue.queue(&offer.stand);
    let tills = tills.map_or(1, |queue| shared.state.venue.queues[usize::from(queue.0)].servers);
    let token = Token {
        voucher: voucher_bytes(&offer.voucher)?,
        stand: offer.stand.clone(),
        not_before_s: second(offer.at_us)?,
        validity_s: second(offer.expires_at_us)?.checked_sub(second(offer.at_us)?)?,
        percent_hundredths: (offer.percent * 100.0).clamp(0.0, 10_000.0) as u16,
        tills: u8::try_from(tills).unwrap_or(u8::MAX),
    };
    Some(token.sign(shared.state.keys.signing()))
}

/// Public keys of vouchers, the newest first, as lines for a till's file.
pub(super) async fn keys(State(shared): App) -> Json<Value> {
    Json(json!({"keys": shared.state.keys.public_text()}))
}

/// The board's time, and the same signed for a till that is cut off later.
pub(super) async fn time(State(shared): App) -> Json<Value> {
    let at_us = shared.state.engine.now().as_micros();
    Json(json!({"at_us": at_us, "token": sign_time(at_us, shared.state.keys.signing())}))
}
