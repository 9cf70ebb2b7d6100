//! The voucher ledger and the people who opted in.
//!
//! In: offers, redemptions at tills, opt-ins and opt-outs, inside the writer's transaction. Out: rows, the
//! answer for the till, and each voucher's change of state. It refuses a second redemption, a late one, one
//! at the wrong stand, and says which; the same request asked again gets the same answer.

use crate::mqtt::messages::VoucherChange;
use crate::mqtt::topics;
use crate::store::redemption::{RedeemRequest, Redemption, RefusalReason};
use crate::store::{StoreError, settle};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use venue_engine::output::Offer;
use venue_engine::venue::Venue;

/// Attendees at once, the design limit of one board.
pub const ATTENDEES_MAX: i64 = 100_000;
/// Answered requests remembered for repeats; a till repeats within seconds, so the oldest are long settled.
pub const REQUESTS_MAX: i64 = 100_000;
/// Tills take a voucher so long after its end: clocks are off, and a walk to the counter may end late.
pub const GRACE_US: i64 = crate::voucher::token::GRACE_S * 1_000_000;
/// Longest till name, code, request identity, language or beacon text taken from outside.
const TEXT_LEN_MAX: usize = 128;

/// Somebody opts in.
#[derive(Clone, Debug)]
pub struct Join {
    /// Name of the attendee; it becomes a topic level.
    pub attendee: String,
    /// Language tag for offers.
    pub language: String,
    /// Identity text of the beacon carried, if any.
    pub beacon: Option<String>,
    /// Event time.
    pub at_us: i64,
}

impl Join {
    /// Whether this can be stored.
    ///
    /// # Errors
    /// `Refused` for a name that cannot be a topic level, or text too long.
    pub fn check(&self) -> Result<(), StoreError> {
        topics::checked(&self.attendee).map_err(|bad| StoreError::Refused(bad.to_string()))?;
        let beacon_len = self.beacon.as_ref().map_or(0, String::len);
        if self.language.len().max(beacon_len) > TEXT_LEN_MAX {
            let told = format!("language and beacon may have {TEXT_LEN_MAX} bytes each; shorten them");
            return Err(StoreError::Refused(told));
        }
        Ok(())
    }
}

/// Somebody who opted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendee {
    /// Name.
    pub attendee: String,
    /// Language tag for offers.
    pub language: String,
    /// Identity text of the beacon carried, if any.
    pub beacon: Option<String>,
    /// When, event time.
    pub joined_at_us: i64,
}

/// An offer as its holder sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferRow {
    /// Identity of the voucher.
    pub voucher: String,
    /// What to show at the till.
    pub code: String,
    /// Campaign it comes from.
    pub campaign: String,
    /// Where it is valid.
    pub stand: String,
    /// Words for the attendee.
    pub text: String,
    /// Percent off.
    pub percent: f64,
    /// When it was offered, event time.
    pub at_us: i64,
    /// Not valid after, event time.
    pub expires_at_us: i64,
    /// `issued`, `redeemed` or `expired`.
    pub state: String,
    /// When it was used, event time.
    pub redeemed_at_us: Option<i64>,
}

/// Enters an offer, which the caller counts; `None` when this voucher or its code is there already, which a repeated replay causes.
///
/// # Errors
/// Whatever SQLite says.
pub fn issue(transaction: &Transaction<'_>, offer: &Offer) -> rusqlite::Result<Option<VoucherChange>> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO voucher (voucher, code, attendee, campaign, stand, text, percent, issued_at_us,
         expires_at_us, score, propensity, state, decision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'issued', ?12)",
    )?;
    let (at_us, expires_at_us) = (offer.at.as_micros(), offer.expires_at.as_micros());
    let row = params![
        &*offer.voucher,
        plain_code(&offer.code),
        &*offer.attendee,
        &*offer.campaign,
        &*offer.stand,
        &*offer.text,
        offer.percent,
        at_us,
        expires_at_us,
        offer.score,
        offer.propensity,
        offer.decision
    ];
    let entered = insert.execute(row)? == 1;
    Ok(entered.then(|| VoucherChange::issued(offer)))
}

/// Redeems a code, or says why not. The change is `None` when nothing about a voucher is new.
///
/// # Errors
/// Whatever SQLite says.
pub fn redeem(
    transaction: &Transaction<'_>,
    request: &RedeemRequest,
    venue: &Venue,
) -> rusqlite::Result<(Redemption, Option<VoucherChange>)> {
    let code = plain_code(&request.code);
    let (held, refusal) = match look_up(transaction, request, &code, venue)? {
        Ok(found) => found,
        Err(answer) => return Ok((answer, None)),
    };
    if refusal.is_none() {
        let mut update = transaction.prepare_cached(
            "UPDATE voucher SET state = 'redeemed', redeemed_at_us = ?2, till = ?3 WHERE voucher = ?1",
        )?;
        update.execute(params![held.voucher, request.at_us, request.till])?;
        count(transaction, &held.campaign, (0, 1))?;
        transaction.prepare_cached("DELETE FROM voucher_hold WHERE voucher = ?1")?.execute([&held.voucher])?;
    }
    remember(transaction, request, &code, &held.voucher, refusal.as_ref())?;
    let change = held.change(request.at_us, refusal.as_ref());
    let answer = refusal.map_or_else(|| held.redeemed(), Redemption::Refused);
    Ok((answer, Some(change)))
}

/// The voucher a request would redeem now, or the answer instead.
///
/// # Errors
/// Whatever SQLite says.
pub(super) fn redeemable(
    transaction: &Transaction<'_>,
    request: &RedeemRequest,
    venue: &Venue,
) -> rusqlite::Result<Result<Held, Redemption>> {
    let found = look_up(transaction, request, &plain_code(&request.code), venue)?;
    Ok(found.and_then(|(held, refusal)| match refusal {
        None => Ok(held),
        Some(reason) => Err(Redemption::Refused(reason)),
    }))
}

/// The voucher a request is about and what is against it, or the answer where there is none.
fn look_up(
    transaction: &Transaction<'_>,
    request: &RedeemRequest,
    code: &str,
    venue: &Venue,
) -> rusqlite::Result<Result<(Held, Option<RefusalReason>), Redemption>> {
    let refused = |reason| Ok(Err(Redemption::Refused(reason)));
    let sizes = [request.code.len(), request.request_id.len(), request.till.len().max(1)];
    let proved = usize::from(request.voucher.is_some());
    if sizes.iter().skip(proved).any(|size| !(1..=TEXT_LEN_MAX).contains(size)) {
        return refused(RefusalReason::InvalidRequest);
    }
    if let Some(answer) = earlier_answer(transaction, request, code)? {
        return Ok(Err(answer));
    }
    let found = match &request.voucher {
        Some(voucher) => held(transaction, "voucher", voucher)?,
        None => held(transaction, "code", code)?,
    };
    let Some(found) = found else { return refused(RefusalReason::UnknownCode) };
    let refusal = match refusal(&found, request, venue) {
        None => settle::refusal(transaction, &found.voucher, request)?,
        some => some,
    };
    Ok(Ok((found, refusal)))
}

/// Marks vouchers whose validity and grace ended before `now_us`, and tells each.
///
/// # Errors
/// Whatever SQLite says.
pub fn expire(transaction: &Transaction<'_>, now_us: i64) -> rusqlite::Result<Vec<VoucherChange>> {
    let mut update = transaction.prepare_cached(
        "UPDATE voucher SET state = 'expired' WHERE state = 'issued' AND expires_at_us < ?1
         RETURNING expires_at_us, voucher, campaign, stand",
    )?;
    let change = |row: &Row<'_>| {
        let (at_us, voucher, campaign, stand) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(VoucherChange { at_us, voucher, campaign, stand, state: "expired".to_owned(), reason: None })
    };
    let mut changes: Vec<VoucherChange> =
        update.query_map([now_us - GRACE_US], change)?.collect::<rusqlite::Result<_>>()?;
    // RETURNING promises no order; messages should have one.
    changes.sort_by(|a, b| (a.at_us, &a.voucher).cmp(&(b.at_us, &b.voucher)));
    Ok(changes)
}

/// Enters somebody who opts in, or changes what is known of them; false when no more fit.
///
/// # Errors
/// Whatever SQLite says.
pub fn join(transaction: &Transaction<'_>, join: &Join) -> rusqlite::Result<bool> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO attendee SELECT ?1, ?2, ?3, ?4
         WHERE (SELECT count(*) FROM attendee) < ?5 OR EXISTS (SELECT 1 FROM attendee WHERE attendee = ?1)
         ON CONFLICT DO UPDATE SET language = excluded.language, beacon = excluded.beacon",
    )?;
    let row = params![join.attendee, join.language, join.beacon, join.at_us, ATTENDEES_MAX];
    Ok(insert.execute(row)? == 1)
}

/// Erases every row about an attendee; true if there was one. The outbox is the caller's.
///
/// # Errors
/// Whatever SQLite says.
pub fn forget(transaction: &Transaction<'_>, attendee: &str) -> rusqlite::Result<bool> {
    let known = transaction.execute("DELETE FROM attendee WHERE attendee = ?1", [attendee])?;
    transaction.execute(
        "DELETE FROM redemption_request WHERE voucher IN (SELECT voucher FROM voucher WHERE attendee = ?1)",
        [attendee],
    )?;
    transaction.execute("DELETE FROM revocation WHERE attendee = ?1", [attendee])?;
    transaction.execute(
        "DELETE FROM voucher_hold WHERE voucher IN (SELECT voucher FROM voucher WHERE attendee = ?1)",
        [attendee],
    )?;
    let vouchers = transaction.execute("DELETE FROM voucher WHERE attendee = ?1", [attendee])?;
    Ok(known + vouchers > 0)
}

/// Everybody who opted in and may get offers, by name: who spent a voucher twice does not.
///
/// # Errors
/// Whatever SQLite says.
pub fn attendees(connection: &Connection) -> rusqlite::Result<Vec<Attendee>> {
    let mut select = connection.prepare_cached(
        "SELECT attendee, language, beacon, joined_at_us FROM attendee
         WHERE attendee NOT IN (SELECT attendee FROM revocation) ORDER BY attendee",
    )?;
    let row = |row: &Row<'_>| {
        let (attendee, language, beacon, joined_at_us) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Attendee { attendee, language, beacon, joined_at_us })
    };
    select.query_map([], row)?.collect()
}

/// The latest offers of an attendee, newest first, at most 50: more than a page shows.
///
/// # Errors
/// Whatever SQLite says.
pub fn attendee_offers(connection: &Connection, attendee: &str) -> rusqlite::Result<Vec<OfferRow>> {
    let mut select = connection.prepare_cached(
        "SELECT voucher, code, campaign, stand, text, percent, issued_at_us, expires_at_us, state, redeemed_at_us
         FROM voucher WHERE attendee = ?1 ORDER BY issued_at_us DESC, voucher LIMIT 50",
    )?;
    let row = |row: &Row<'_>| {
        Ok(OfferRow {
            voucher: row.get(0)?,
            code: row.get(1)?,
            campaign: row.get(2)?,
            stand: row.get(3)?,
            text: row.get(4)?,
            percent: row.get(5)?,
            at_us: row.get(6)?,
            expires_at_us: row.get(7)?,
            state: row.get(8)?,
            redeemed_at_us: row.get(9)?,
        })
    };
    select.query_map([attendee], row)?.collect()
}

/// Drops vouchers and answers that ended before `before_us`.
///
/// # Errors
/// Whatever SQLite says.
pub fn prune(transaction: &Transaction<'_>, before_us: i64) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM redemption_request
         WHERE voucher IN (SELECT voucher FROM voucher WHERE state <> 'issued' AND expires_at_us < ?1)",
        [before_us],
    )?;
    transaction.execute("DELETE FROM voucher WHERE state <> 'issued' AND expires_at_us < ?1", [before_us]).map(drop)
}

/// Adds to what a campaign has given out and redeemed in all, which pruning and forgetting leave alone.
pub(super) fn count(
    transaction: &Transaction<'_>,
    campaign: &str,
    (issued, redeemed): (i64, i64),
) -> rusqlite::Result<()> {
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO campaign_total VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
         issued = issued + excluded.issued, redeemed = redeemed + excluded.redeemed",
    )?;
    upsert.execute(params![campaign, issued, redeemed]).map(drop)
}

/// A code as it is stored: Crockford's base 32 reads letters that look like digits as those digits.
fn plain_code(code: &str) -> String {
    let plain = code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    plain.collect()
}

/// A voucher as the till's question finds it.
pub(super) struct Held {
    voucher: String,
    campaign: String,
    stand: String,
    percent: f64,
    attendee: String,
    expires_at_us: i64,
    redeemed_at_us: Option<i64>,
    issued_at_us: i64,
}

impl Held {
    pub(super) fn voucher(&self) -> &str {
        &self.voucher
    }

    pub(super) fn redeemed(self) -> Redemption {
        let Self { voucher, campaign, stand, percent, attendee, .. } = self;
        Redemption::Redeemed { voucher, campaign, stand, percent, attendee }
    }

    fn change(&self, at_us: i64, refusal: Option<&RefusalReason>) -> VoucherChange {
        let state = if refusal.is_some() { "refused" } else { "redeemed" };
        let (voucher, campaign, stand) = (self.voucher.clone(), self.campaign.clone(), self.stand.clone());
        let reason = refusal.map(|reason| reason.as_str().to_owned());
        VoucherChange { at_us, voucher, campaign, stand, state: state.to_owned(), reason }
    }
}

/// A voucher by its `voucher` or its `code`.
fn held(transaction: &Transaction<'_>, by: &'static str, value: &str) -> rusqlite::Result<Option<Held>> {
    let mut select = transaction.prepare_cached(&format!(
        "SELECT voucher, campaign, stand, percent, attendee, expires_at_us, redeemed_at_us, issued_at_us
         FROM voucher WHERE {by} = ?1",
    ))?;
    let row = |row: &Row<'_>| {
        Ok(Held {
            voucher: row.get(0)?,
            campaign: row.get(1)?,
            stand: row.get(2)?,
            percent: row.get(3)?,
            attendee: row.get(4)?,
            expires_at_us: row.get(5)?,
            redeemed_at_us: row.get(6)?,
            issued_at_us: row.get(7)?,
        })
    };
    select.query_row([value], row).optional()
}

fn refusal(held: &Held, request: &RedeemRequest, venue: &Venue) -> Option<RefusalReason> {
    let at = request.till.split('/').next().unwrap_or_default();
    if let Some(at_us) = held.redeemed_at_us {
        Some(RefusalReason::AlreadyRedeemed { at_us })
    } else if request.at_us > held.expires_at_us + GRACE_US {
        Some(RefusalReason::Expired { at_us: held.expires_at_us })
    } else if request.at_us < held.issued_at_us - GRACE_US {
        Some(RefusalReason::NotYet { at_us: held.issued_at_us })
    } else if at != held.stand && venue.queue(at).is_some() {
        Some(RefusalReason::WrongStand)
    } else {
        None
    }
}

/// The answer given to the same request before.
fn earlier_answer(
    transaction: &Transaction<'_>,
    request: &RedeemRequest,
    code: &str,
) -> rusqlite::Result<Option<Redemption>> {
    let mut select = transaction
        .prepare_cached("SELECT code, voucher, outcome, outcome_at_us FROM redemption_request WHERE request_id = ?1")?;
    let row = |row: &Row<'_>| {
        let (code, voucher, outcome): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((code, voucher, outcome, row.get(3)?))
    };
    let Some((asked, voucher, outcome, at_us)) = select.query_row([&request.request_id], row).optional()? else {
        return Ok(None);
    };
    if asked != code && request.voucher.is_none() || request.voucher.as_ref().is_some_and(|asked| *asked != voucher) {
        return Ok(Some(Redemption::Refused(RefusalReason::RequestReused)));
    }
    if let Some(reason) = RefusalReason::from_row(&outcome, at_us) {
        return Ok(Some(Redemption::Refused(reason)));
    }
    Ok(held(transaction, "voucher", &voucher)?.map(Held::redeemed))
}

/// Only answers about known vouchers are kept, so that guessing codes fills no disk.
fn remember(
    transaction: &Transaction<'_>,
    request: &RedeemRequest,
    code: &str,
    voucher: &str,
    refusal: Option<&RefusalReason>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO redemption_request (request_id, code, voucher, outcome, outcome_at_us)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let outcome = refusal.map_or("redeemed", RefusalReason::as_str);
    insert.execute(params![request.request_id, code, voucher, outcome, refusal.and_then(RefusalReason::at_us)])?;
    let mut surplus = transaction.prepare_cached("DELETE FROM redemption_request WHERE id <= ?1")?;
    surplus.execute([transaction.last_insert_rowid() - REQUESTS_MAX]).map(drop)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
