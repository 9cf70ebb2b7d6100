//! What tills do beside redeeming: hold a voucher, take a redemption back, bring what they took while cut off.
//!
//! In: requests of tills inside the writer's transaction. Out: rows and answers; the same request again gets
//! the same answer. It refuses to hold what could not be redeemed, to take back what is long settled, and
//! a voucher that two tills bring as taken: that is a proven double spend, and revokes it and its holder.

use super::ledger;
use super::redemption::{RedeemRequest, Redemption, RefusalReason};
use crate::mqtt::messages::VoucherChange;
use rusqlite::{OptionalExtension, Transaction, params};
use venue_engine::venue::Venue;

/// A till holds a voucher this long: time to ring up, short enough that a till that died blocks nobody.
pub const HELD_US: i64 = 60_000_000;
/// A redemption can be taken back this long: a sale is cancelled within minutes.
pub const TAKE_BACK_US: i64 = 600_000_000;

/// A voucher that a till took while it was cut off, its token verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentRecord {
    /// Identity of the voucher.
    pub voucher: String,
    /// The till's name.
    pub till: String,
    /// When, by the till's clock in board time.
    pub at_us: i64,
}

/// What came of bringing them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Redeemed now.
    pub redeemed: Vec<String>,
    /// Known before.
    pub known: usize,
    /// Not in the ledger: forgotten or pruned.
    pub unknown: usize,
    /// Proven double spends, revoked with their holders.
    pub revoked: Vec<String>,
}

/// What came of taking back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// The voucher, which may be used again.
    Done(String),
    /// No redemption or hold has this identity.
    UnknownRequest,
    /// It is settled.
    TooLate,
}

/// Holds a voucher for a request, which then redeems it; others are refused meanwhile.
///
/// # Errors
/// Whatever SQLite says.
pub fn hold(transaction: &Transaction<'_>, request: &RedeemRequest, venue: &Venue) -> rusqlite::Result<Redemption> {
    let held = match ledger::redeemable(transaction, request, venue)? {
        Ok(held) => held,
        Err(answer) => return Ok(answer),
    };
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO voucher_hold VALUES (?1, ?2, ?3, ?4)")?;
    let until_us = request.at_us + HELD_US;
    insert.execute(params![held.voucher(), request.request_id, request.till, until_us])?;
    transaction.execute("DELETE FROM voucher_hold WHERE until_us < ?1", [request.at_us])?;
    Ok(held.redeemed())
}

/// Whether another request holds a voucher.
pub(super) fn held_by_another(
    transaction: &Transaction<'_>,
    voucher: &str,
    request: &RedeemRequest,
) -> rusqlite::Result<bool> {
    let mut select = transaction
        .prepare_cached("SELECT 1 FROM voucher_hold WHERE voucher = ?1 AND request_id <> ?2 AND until_us >= ?3")?;
    select.exists(params![voucher, request.request_id, request.at_us])
}

/// Whether a voucher was revoked, or its holder, whatever she was given since.
pub(super) fn is_revoked(transaction: &Transaction<'_>, voucher: &str) -> rusqlite::Result<bool> {
    let mut select = transaction
        .prepare_cached("SELECT 1 FROM revocation JOIN voucher USING (attendee) WHERE voucher.voucher = ?1")?;
    select.exists([voucher])
}

/// Takes a redemption back, or ends a hold; the voucher may then be used again.
///
/// # Errors
/// Whatever SQLite says.
pub fn take_back(
    transaction: &Transaction<'_>,
    request_id: &str,
    at_us: i64,
) -> rusqlite::Result<(TakenBack, Option<VoucherChange>)> {
    let mut select = transaction.prepare_cached(
        "SELECT request.voucher, request.outcome, campaign, stand, redeemed_at_us
         FROM redemption_request AS request JOIN voucher USING (voucher) WHERE request.request_id = ?1",
    )?;
    let found: Option<(String, String, String, String, Option<i64>)> = select
        .query_row([request_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    match found {
        Some((voucher, outcome, ..)) if outcome == ROLLED_BACK => Ok((TakenBack::Done(voucher), None)),
        Some((voucher, outcome, campaign, stand, Some(since_us))) if outcome == "redeemed" => {
            if at_us - since_us > TAKE_BACK_US {
                return Ok((TakenBack::TooLate, None));
            }
            transaction.execute(
                "UPDATE voucher SET state = 'issued', redeemed_at_us = NULL, till = NULL WHERE voucher = ?1",
                [&voucher],
            )?;
            transaction.execute(
                "UPDATE redemption_request SET outcome = ?2 WHERE request_id = ?1",
                [request_id, ROLLED_BACK],
            )?;
            ledger::count(transaction, &campaign, (0, -1))?;
            let (state, reason) = (ROLLED_BACK.to_owned(), None);
            let change = VoucherChange { at_us, voucher: voucher.clone(), campaign, stand, state, reason };
            Ok((TakenBack::Done(voucher), Some(change)))
        }
        _ => end_hold(transaction, request_id),
    }
}

fn end_hold(transaction: &Transaction<'_>, request_id: &str) -> rusqlite::Result<(TakenBack, Option<VoucherChange>)> {
    let mut delete = transaction.prepare_cached("DELETE FROM voucher_hold WHERE request_id = ?1 RETURNING voucher")?;
    let voucher: Option<String> = delete.query_row([request_id], |row| row.get(0)).optional()?;
    Ok((voucher.map_or(TakenBack::UnknownRequest, TakenBack::Done), None))
}

/// Enters what a till took while it was cut off.
///
/// # Errors
/// Whatever SQLite says.
pub fn merge(transaction: &Transaction<'_>, records: &[SpentRecord]) -> rusqlite::Result<(Merged, Vec<VoucherChange>)> {
    let (mut merged, mut changes) = (Merged::default(), Vec::new());
    for record in records {
        let mut select = transaction
            .prepare_cached("SELECT campaign, stand, redeemed_at_us, till FROM voucher WHERE voucher = ?1")?;
        let found: Option<(String, String, Option<i64>, Option<String>)> = select
            .query_row([&record.voucher], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((campaign, stand, since_us, till)) = found else {
            merged.unknown += 1;
            continue;
        };
        let change = |state: &str, reason: Option<&str>| VoucherChange {
            at_us: record.at_us,
            voucher: record.voucher.clone(),
            campaign: campaign.clone(),
            stand: stand.clone(),
            state: state.to_owned(),
            reason: reason.map(str::to_owned),
        };
        match since_us {
            None => {
                let mut update = transaction.prepare_cached(
                    "UPDATE voucher SET state = 'redeemed', redeemed_at_us = ?2, till = ?3 WHERE voucher = ?1",
                )?;
                update.execute(params![record.voucher, record.at_us, record.till])?;
                ledger::count(transaction, &campaign, (0, 1))?;
                changes.push(change("redeemed", None));
                merged.redeemed.push(record.voucher.clone());
            }
            Some(since_us) if since_us == record.at_us && till.as_deref() == Some(&record.till) => merged.known += 1,
            Some(_) => {
                if revoke(transaction, &record.voucher, record.at_us, "double-spend")? {
                    changes.push(change("refused", Some("double-spend")));
                }
                merged.revoked.push(record.voucher.clone());
            }
        }
    }
    Ok((merged, changes))
}

/// Revokes a voucher and all others of its holder, who gets none any more; true if that is new.
///
/// # Errors
/// Whatever SQLite says.
pub fn revoke(transaction: &Transaction<'_>, voucher: &str, at_us: i64, reason: &str) -> rusqlite::Result<bool> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO revocation SELECT other.voucher, other.attendee, ?2, ?3
         FROM voucher AS one JOIN voucher AS other USING (attendee) WHERE one.voucher = ?1",
    )?;
    Ok(insert.execute(params![voucher, at_us, reason])? > 0)
}

/// How a redemption that was taken back is remembered.
pub(super) const ROLLED_BACK: &str = "rolled-back";

/// Why a voucher that would otherwise be fine is refused.
///
/// # Errors
/// Whatever SQLite says.
pub(super) fn refusal(
    transaction: &Transaction<'_>,
    voucher: &str,
    request: &RedeemRequest,
) -> rusqlite::Result<Option<RefusalReason>> {
    if is_revoked(transaction, voucher)? {
        return Ok(Some(RefusalReason::Revoked));
    }
    Ok(held_by_another(transaction, voucher, request)?.then_some(RefusalReason::Held))
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
