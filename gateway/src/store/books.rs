//! What one batch changes, inside one transaction.
//!
//! In: outputs, requests and acknowledgements. Out: roll-ups, ledger and outbox rows, and what is to be told
//! once the transaction is on disk. It tells nobody anything itself, and keeps nothing of a transaction
//! that is undone.

use crate::mqtt::messages::{self, VoucherChange};
use crate::mqtt::topics::Topic;
use crate::store::inbox::{Counters, Reply, Request, count};
use crate::store::outbox::{self, Totals};
use crate::store::rollups::{self, Rollups};
use crate::store::{RETENTION_DAYS, StoreError, campaigns, decisions, ledger, settle};
use rusqlite::Transaction;
use std::collections::BTreeMap;
use std::sync::Arc;
use venue_engine::output::Output;
use venue_engine::venue::Venue;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// Sends an answer, or the error when the transaction was undone.
pub(crate) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What is to be told after the commit.
#[derive(Default)]
pub(crate) struct Told {
    /// Answers to requests.
    pub(crate) answers: Vec<Answer>,
    /// Changes of vouchers, in order.
    pub(crate) changes: Vec<VoucherChange>,
    /// Places in the batch of offers that were there already.
    pub(crate) repeated: Vec<usize>,
    /// Whether somebody was erased.
    pub(crate) erased: bool,
}

/// What the writer remembers between transactions.
#[derive(Debug)]
pub(crate) struct Books {
    venue: Arc<Venue>,
    pub(crate) rollups: Rollups,
    pub(crate) totals: Totals,
    /// Totals as they are on disk.
    committed: Totals,
    /// Second of event time up to which vouchers were expired.
    swept_s: i64,
    /// Day of event time up to which old rows were dropped.
    pruned_day: i64,
}

impl Books {
    /// Continues where the database stands.
    pub(crate) fn new(totals: Totals, venue: Arc<Venue>) -> Self {
        let (swept_s, pruned_day) = (i64::MIN, i64::MIN);
        Self { venue, rollups: Rollups::default(), totals, committed: totals, swept_s, pruned_day }
    }

    /// Enters outputs in their order.
    pub(crate) fn outputs(
        &mut self,
        transaction: &Transaction<'_>,
        outputs: &[Output],
        told: &mut Told,
        counters: &Counters,
    ) -> rusqlite::Result<()> {
        let mut issued: BTreeMap<&str, i64> = BTreeMap::new();
        for (index, output) in outputs.iter().enumerate() {
            if matches!(output, Output::Heat(window) if !self.rollups.is_due(window)) {
                continue;
            }
            let mut change = None;
            match output {
                Output::Decision(decision) => decisions::enter(transaction, decision, &mut self.totals.decisions)?,
                Output::Outcome(outcome) => decisions::conclude(transaction, outcome)?,
                Output::Learned(learned) => decisions::learned(transaction, learned)?,
                _ => {}
            }
            if let Output::Offer(offer) = output {
                change = ledger::issue(transaction, offer)?;
                if change.is_none() {
                    count(&counters.offers_repeated, 1);
                    told.repeated.push(index);
                    continue;
                }
                *issued.entry(&offer.campaign).or_default() += 1;
            }
            self.rollups.add(transaction, output, &self.venue)?;
            match messages::message(output, &self.venue) {
                Ok(Some(message)) => self.totals.push(transaction, &message)?,
                Ok(None) => {}
                Err(_) => count(&counters.names_refused, 1),
            }
            self.change(transaction, change, told, counters)?;
        }
        issued.into_iter().try_for_each(|(campaign, count)| ledger::count(transaction, campaign, (count, 0)))
    }

    /// Does what a request asks. The answer must be given in any case, the error ends the transaction.
    pub(crate) fn request(
        &mut self,
        transaction: &Transaction<'_>,
        request: Request,
        told: &mut Told,
        counters: &Counters,
    ) -> rusqlite::Result<()> {
        let (answer, done) = match request {
            Request::Redeem(asked, reply) => {
                let done = ledger::redeem(transaction, &asked, &self.venue).and_then(|(answer, change)| {
                    self.change(transaction, change, told, counters)?;
                    Ok(answer)
                });
                answer(reply, done.map(Ok))
            }
            Request::Hold(asked, reply) => answer(reply, settle::hold(transaction, &asked, &self.venue).map(Ok)),
            Request::TakeBack(request_id, at_us, reply) => {
                let done = settle::take_back(transaction, &request_id, at_us).and_then(|(taken, change)| {
                    self.change(transaction, change, told, counters)?;
                    Ok(taken)
                });
                answer(reply, done.map(Ok))
            }
            Request::Merge(records, reply) => {
                let done = settle::merge(transaction, &records).and_then(|(merged, changes)| {
                    let mut changes = changes.into_iter();
                    changes.try_for_each(|change| self.change(transaction, Some(change), told, counters))?;
                    Ok(merged)
                });
                answer(reply, done.map(Ok))
            }
            Request::Revoke(voucher, at_us, reason, reply) => {
                answer(reply, settle::revoke(transaction, &voucher, at_us, &reason).map(Ok))
            }
            Request::Offers(attendee, reply) => answer(reply, ledger::attendee_offers(transaction, &attendee).map(Ok)),
            Request::Join(join, reply) => {
                let done = ledger::join(transaction, &join);
                answer(reply, done.map(|fits| fits.then_some(()).ok_or_else(full)))
            }
            Request::Forget(attendee, reply) => {
                told.erased = true;
                answer(reply, self.forget(transaction, &attendee).map(Ok))
            }
            Request::Campaigns(changes, reply) => answer(reply, campaigns::enter(transaction, &changes).map(Ok)),
            Request::Flush(reply) => answer(reply, Ok(Ok(()))),
        };
        told.answers.push(answer);
        done
    }

    /// Deletes rows that were delivered.
    pub(crate) fn delivered(&mut self, transaction: &Transaction<'_>, rows: &[i64]) -> rusqlite::Result<()> {
        self.totals.delete(transaction, rows)
    }

    /// What every transaction does at its end: vouchers expire, old rows are dropped.
    pub(crate) fn close(
        &mut self,
        transaction: &Transaction<'_>,
        told: &mut Told,
        counters: &Counters,
    ) -> rusqlite::Result<()> {
        let now_us = counters.event_time_us();
        self.sweep(transaction, now_us, told, counters)?;
        let dropped = self.totals.shrink(transaction, outbox::BYTES_MAX)?;
        count(&counters.outbox_dropped, dropped.unsigned_abs());
        if self.totals != self.committed {
            self.totals.event_us = self.totals.event_us.max(Some(now_us));
            self.totals.write(transaction)?;
        }
        Ok(())
    }

    /// The transaction is on disk.
    pub(crate) fn committed(&mut self) {
        self.rollups.committed();
        self.committed = self.totals;
    }

    /// The transaction is undone.
    pub(crate) fn rolled_back(&mut self) {
        self.rollups.rolled_back();
        self.totals = self.committed;
        (self.swept_s, self.pruned_day) = (i64::MIN, i64::MIN);
    }

    fn change(
        &mut self,
        transaction: &Transaction<'_>,
        change: Option<VoucherChange>,
        told: &mut Told,
        counters: &Counters,
    ) -> rusqlite::Result<()> {
        let Some(change) = change else { return Ok(()) };
        match change.message(&self.venue) {
            Ok(message) => self.totals.push(transaction, &message)?,
            Err(_) => count(&counters.names_refused, 1),
        }
        told.changes.push(change);
        Ok(())
    }

    fn forget(&mut self, transaction: &Transaction<'_>, attendee: &str) -> rusqlite::Result<bool> {
        let known = ledger::forget(transaction, attendee)?;
        if let Ok(topic) = (Topic::AttendeeOffer { attendee }).path(&self.venue.name) {
            self.totals.forget(transaction, &topic)?;
        }
        Ok(known)
    }

    fn sweep(
        &mut self,
        transaction: &Transaction<'_>,
        now_us: i64,
        told: &mut Told,
        counters: &Counters,
    ) -> rusqlite::Result<()> {
        let (second, day) = (now_us.div_euclid(SECOND_US), now_us.div_euclid(DAY_US));
        if second > self.swept_s {
            for change in ledger::expire(transaction, now_us)? {
                self.change(transaction, Some(change), told, counters)?;
            }
            self.swept_s = second;
        }
        if day > self.pruned_day {
            let before_us = (day - RETENTION_DAYS).saturating_mul(DAY_US);
            rollups::prune(transaction, before_us, now_us)?;
            ledger::prune(transaction, before_us)?;
            self.pruned_day = day;
        }
        Ok(())
    }
}

/// The answer to give after the commit, and whether the transaction may go on.
fn answer<T: Send + 'static>(
    reply: Reply<T>,
    done: rusqlite::Result<Result<T, StoreError>>,
) -> (Answer, rusqlite::Result<()>) {
    // Whoever asked may have gone; then nobody needs the answer.
    match done {
        Ok(value) => (Box::new(move |committed| drop(reply.send(committed.and(value)))), Ok(())),
        Err(error) => {
            let undone = move |committed: Result<(), StoreError>| {
                drop(reply.send(committed.and(Err(StoreError::Closed))));
            };
            (Box::new(undone), Err(error))
        }
    }
}

fn full() -> StoreError {
    StoreError::Refused(format!("{} attendees have opted in, no more fit; remove some", ledger::ATTENDEES_MAX))
}
