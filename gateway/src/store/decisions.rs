//! The log of decisions about offers, and what they have taught.
//!
//! In: decisions, outcomes and learned bytes, inside the writer's transaction. Out: rows; the export, one
//! JSON line each; and what the engine needs to go on after a restart. Rows name no attendee and no
//! voucher, so the log outlives those who ask to be forgotten. It keeps the newest `DECISIONS_MAX`.

use crate::decisions::{DecisionLine, OutcomeLine};
use rusqlite::{Connection, Row, Transaction, params};
use std::sync::Arc;
use venue_engine::offers::decision::{Decision, Learned, Outcome};
use venue_engine::offers::features::WIDTH;
use venue_engine::offers::restore::{HISTORY, PastOffer, Restored, Spent};
use venue_engine::time::Timestamp;

/// Decisions kept: at a kilobyte each 0.2 GB, months of a venue, and enough for any evaluation.
pub const DECISIONS_MAX: i64 = 200_000;
/// Decisions dropped at once, so that dropping costs one statement in so many.
const PRUNE_EVERY: i64 = 1_024;
/// Offers taken over at a restart: each attendee's last 24 hours hold at most 12.
const OFFERS_MAX: i64 = 1_200_000;

/// Enters a decision; `kept` counts all there are, since asking SQLite would walk 200 MB.
///
/// # Errors
/// Whatever SQLite says.
pub fn enter(transaction: &Transaction<'_>, decision: &Decision, kept: &mut i64) -> rusqlite::Result<()> {
    let body = serde_json::to_string(&DecisionLine::new(decision)).unwrap_or_default();
    let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO decision (id, body) VALUES (?1, ?2)")?;
    *kept += insert.execute(params![decision.id, body])? as i64;
    if *kept >= DECISIONS_MAX + PRUNE_EVERY { prune(transaction, kept) } else { Ok(()) }
}

/// Enters what became of a decision; one that is no longer kept has no outcome to keep.
///
/// # Errors
/// Whatever SQLite says.
pub fn conclude(transaction: &Transaction<'_>, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut update =
        transaction.prepare_cached("UPDATE decision SET outcome_at_us = ?2, redeemed = ?3, came = ?4 WHERE id = ?1")?;
    let row = params![outcome.decision, outcome.at.as_micros(), outcome.redeemed, outcome.came.as_deref()];
    update.execute(row).map(drop)
}

/// Stores what was learned about a campaign, or in common.
///
/// # Errors
/// Whatever SQLite says.
pub fn learned(transaction: &Transaction<'_>, learned: &Learned) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO learned VALUES (?1, ?2)")?;
    insert.execute(params![&*learned.name, &*learned.bytes]).map(drop)
}

/// Drops the oldest decisions beyond the bound.
///
/// # Errors
/// Whatever SQLite says.
fn prune(transaction: &Transaction<'_>, kept: &mut i64) -> rusqlite::Result<()> {
    let mut oldest = transaction
        .prepare_cached("DELETE FROM decision WHERE id IN (SELECT id FROM decision ORDER BY id LIMIT ?1)")?;
    *kept -= oldest.execute([(*kept - DECISIONS_MAX).max(0)])? as i64;
    Ok(())
}

/// Every decision with its outcome, oldest first, one JSON line each.
///
/// # Errors
/// Whatever SQLite or the receiver says.
pub fn export(connection: &Connection, mut take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut select = connection.prepare("SELECT body, outcome_at_us, id, redeemed, came FROM decision ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let body: String = row.get(0)?;
        let Ok(mut line) = DecisionLine::parse(&body) else { continue };
        line.outcome = outcome_of(row)?;
        take(&serde_json::to_string(&line)?)?;
        count += 1;
    }
    Ok(count)
}

fn outcome_of(row: &Row<'_>) -> rusqlite::Result<Option<OutcomeLine>> {
    let Some(at_us) = row.get(1)? else { return Ok(None) };
    Ok(Some(OutcomeLine { at_us, decision: row.get(2)?, redeemed: row.get(3)?, came: row.get(4)? }))
}

/// What the engine goes on with; `now_us` is the latest event time known.
///
/// # Errors
/// Whatever SQLite says.
pub fn restored(connection: &Connection, now_us: i64) -> rusqlite::Result<Restored> {
    let mut select = connection.prepare("SELECT name, bytes FROM learned ORDER BY name")?;
    let learned = select.query_map([], |row| Ok((Arc::from(row.get::<_, String>(0)?), row.get(1)?)))?;
    let learned = learned.collect::<rusqlite::Result<_>>()?;
    let spent = spent(connection)?;
    let mut select = connection.prepare(
        "SELECT voucher, attendee, campaign, stand, issued_at_us, expires_at_us, state, voucher.decision, decision.body
         FROM voucher LEFT JOIN decision ON decision.id = voucher.decision AND voucher.state = 'issued'
         WHERE issued_at_us > ?1 OR state = 'issued' ORDER BY issued_at_us, voucher LIMIT ?2",
    )?;
    let since_us = now_us - HISTORY.as_micros();
    let offers = select.query_map([since_us, OFFERS_MAX], past_offer)?.collect::<rusqlite::Result<_>>()?;
    Ok(Restored { learned, spent, offers })
}

/// What each campaign has given out.
///
/// # Errors
/// Whatever SQLite says.
pub fn spent(connection: &Connection) -> rusqlite::Result<Vec<Spent>> {
    let mut select = connection.prepare("SELECT campaign, issued, redeemed FROM campaign_total ORDER BY campaign")?;
    let spent = select.query_map([], |row| {
        let (campaign, issued, redeemed) = (row.get::<_, String>(0)?, row.get(1)?, row.get(2)?);
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Spent { campaign: campaign.into(), issued: count(issued), redeemed: count(redeemed) })
    })?;
    spent.collect()
}

fn past_offer(row: &Row<'_>) -> rusqlite::Result<PastOffer> {
    let text = |place: usize| row.get::<_, String>(place).map(Arc::<str>::from);
    let state = text(6)?;
    let body: Option<String> = row.get(8)?;
    Ok(PastOffer {
        voucher: text(0)?,
        attendee: text(1)?,
        campaign: text(2)?,
        stand: text(3)?,
        at: Timestamp::from_micros(row.get(4)?),
        expires_at: Timestamp::from_micros(row.get(5)?),
        redeemed: &*state == "redeemed",
        open: &*state == "issued",
        decision: row.get::<_, Option<i64>>(7)?.unwrap_or(0),
        told: body.and_then(|body| told(&body)),
    })
}

/// Features and score of the chosen arm.
fn told(body: &str) -> Option<([f32; WIDTH], f32)> {
    let line = DecisionLine::parse(body).ok()?;
    let arm = line.arms.get(line.chosen?)?;
    Some((arm.features.as_slice().try_into().ok()?, arm.score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, ledger, samples};
    use venue_engine::output::Output;

    #[test]
    fn decisions_are_kept_with_their_outcomes_up_to_the_bound_and_exported() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        let decision =
            |at_s| if let Output::Decision(it) = samples::decision(at_s) { it } else { panic!("a decision") };
        let mut kept = 0;
        (1..4).for_each(|at_s| enter(&transaction, &decision(at_s), &mut kept).expect("enters"));
        enter(&transaction, &decision(3), &mut kept).expect("a repeated replay changes nothing");
        assert_eq!(kept, 3);
        let at = Timestamp::from_micros(9_000_000);
        let outcome = Outcome { decision: decision(2).id, at, redeemed: true, came: Some("bar".into()) };
        conclude(&transaction, &outcome).expect("concludes");
        prune(&transaction, &mut kept).expect("within the bound");
        assert_eq!(kept, 3);
        let mut lines = Vec::new();
        let count = export(&transaction, |line| {
            lines.push(DecisionLine::parse(line).expect("reads"));
            Ok(())
        });
        assert_eq!((count.expect("exports"), lines.len()), (3, 3));
        assert_eq!(lines[1].outcome, Some(OutcomeLine::new(&outcome)));
        assert_eq!((&lines[0].outcome, &lines[2].outcome), (&None, &None));
        let mut too_many = DECISIONS_MAX + 2;
        prune(&transaction, &mut too_many).expect("prunes");
        let left: i64 = transaction.query_row("SELECT min(id) FROM decision", [], |row| row.get(0)).expect("one");
        assert_eq!((too_many, left), (DECISIONS_MAX, decision(3).id), "the oldest two are gone");
    }

    #[test]
    fn what_was_spent_offered_and_learned_comes_back() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        let Output::Decision(decision) = samples::decision(1) else { panic!("a decision") };
        enter(&transaction, &decision, &mut 0).expect("enters");
        for voucher in ["v1", "v2"] {
            let Output::Offer(offer) = samples::offer(1, voucher) else { panic!("an offer") };
            ledger::issue(&transaction, &offer).expect("issues");
            ledger::count(&transaction, "short-queue", (1, 0)).expect("counts");
        }
        let request = |code: &str| crate::store::RedeemRequest {
            code: code.into(),
            voucher: None,
            till: "bar".into(),
            request_id: code.into(),
            at_us: 2_000_000,
        };
        ledger::redeem(&transaction, &request("V2"), &samples::venue()).expect("redeems");
        let bytes: Arc<[u8]> = [1, 2, 3].as_slice().into();
        learned(&transaction, &Learned { at: Timestamp::from_micros(5), name: "".into(), bytes }).expect("stores");
        let restored = restored(&transaction, 3_000_000).expect("reads");
        assert_eq!(restored.learned, [(Arc::from(""), vec![1, 2, 3])]);
        assert_eq!((restored.spent[0].issued, restored.spent[0].redeemed), (2, 1));
        let offers: Vec<_> = restored.offers.iter().map(|it| (&*it.voucher, it.open, it.redeemed)).collect();
        assert_eq!(offers, [("v1", true, false), ("v2", false, true)]);
        assert_eq!(restored.offers[0].told, Some((decision.arms[0].features, decision.arms[0].score)));
    }
}
