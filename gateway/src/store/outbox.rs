//! The outbox: what MQTT has yet to deliver, on disk.
//!
//! In: messages, inside the transaction of the change they tell of. Out: rows in the order they were
//! committed, to whoever publishes; a row leaves when the broker has acknowledged it, when newer state of
//! its topic replaces it, or when its time is over. Row numbers are never used twice. It refuses to grow
//! without limit: beyond `BYTES_MAX` the oldest events go, counted.

use crate::mqtt::messages::Message;
use crate::store::inbox::{Inbox, Request, count};
use crate::store::{StoreError, open_reader};
#[cfg(test)]
use rusqlite::OptionalExtension;
use rusqlite::{Connection, Row, Transaction, params};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Bytes of topics and payloads that may wait. State replaces itself; a venue's events are about one a
/// second of 500 bytes, 300 MB in the seven days a board must bridge, so this is room for six times that.
pub const BYTES_MAX: i64 = 2 << 30;
/// Rows in one batch to the publisher: as many as may be under way, so that a full window is one wake-up.
pub const BATCH_ROWS: i64 = 1_000;
/// Oldest events dropped at a time when the outbox is full.
const DROPPED_AT_ONCE: i64 = 256;

/// Deletions, each telling the bytes it freed.
const DELIVERED: &str =
    "DELETE FROM outbox WHERE id BETWEEN ?1 AND ?2 RETURNING octet_length(topic) + octet_length(payload)";
const OVERTAKEN: &str =
    "DELETE FROM outbox WHERE state = 1 AND topic = ?1 RETURNING octet_length(topic) + octet_length(payload)";
const FORGOTTEN: &str = "DELETE FROM outbox WHERE topic = ?1 RETURNING octet_length(topic) + octet_length(payload)";
const OLDEST: &str = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = 0 ORDER BY id LIMIT ?1)
    RETURNING octet_length(topic) + octet_length(payload)";

/// A message that waits for delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Place in the order; never used twice in one database.
    pub id: i64,
    /// Full topic.
    pub topic: String,
    /// What it is, the last part of the CloudEvents type.
    pub kind: String,
    /// Whether the broker keeps it.
    pub retained: bool,
    /// Event time.
    pub at_us: i64,
    /// Not to be delivered after, event time.
    pub expires_at_us: Option<i64>,
    /// JSON.
    pub payload: String,
}

/// How much waits, and where the order continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    next_id: i64,
    /// Rows.
    pub waiting: i64,
    /// Bytes of topics and payloads.
    pub bytes: i64,
    /// The latest event time committed.
    pub event_us: Option<i64>,
    /// Decisions in the log; here because it changes with the rest.
    pub decisions: i64,
}

impl Totals {
    /// What the last run left.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let row = |row: &Row<'_>| {
            let (next_id, waiting, bytes) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Self { next_id, waiting, bytes, event_us: row.get(3)?, decisions: row.get(4)? })
        };
        connection.query_row("SELECT next_id, waiting, bytes, event_us, decisions FROM outbox_total", [], row)
    }

    /// Stores the totals; part of every transaction that changes the outbox.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut update = transaction.prepare_cached(
            "UPDATE outbox_total SET next_id = ?1, waiting = ?2, bytes = ?3, event_us = ?4, decisions = ?5",
        )?;
        update.execute(params![self.next_id, self.waiting, self.bytes, self.event_us, self.decisions]).map(drop)
    }

    /// Appends a message; state takes the place of older state of its topic.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn push(&mut self, transaction: &Transaction<'_>, message: &Message) -> rusqlite::Result<()> {
        // A closed heat window also overtakes the open reports of its topic that still wait.
        if message.state || message.kind == "heat" {
            self.remove(transaction, OVERTAKEN, [&message.topic])?;
        }
        let mut insert = transaction.prepare_cached("INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        let Message { topic, kind, state, retained, at_us, expires_at_us, payload } = message;
        insert.execute(params![self.next_id, state, retained, topic, kind, at_us, expires_at_us, payload])?;
        self.next_id += 1;
        self.waiting += 1;
        self.bytes += (topic.len() + payload.len()) as i64;
        Ok(())
    }

    /// Deletes rows that were delivered, or whose time is over. Brokers acknowledge nearly in order, so that
    /// hundreds go with one statement.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn delete(&mut self, transaction: &Transaction<'_>, ids: &[i64]) -> rusqlite::Result<()> {
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        for run in sorted.chunk_by(|before, after| before + 1 == *after) {
            let (first, last) = (run[0], run[run.len() - 1]);
            self.remove(transaction, DELIVERED, params![first, last])?;
        }
        Ok(())
    }

    /// Deletes what waits for an attendee who is to be forgotten.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn forget(&mut self, transaction: &Transaction<'_>, offer_topic: &str) -> rusqlite::Result<()> {
        self.remove(transaction, FORGOTTEN, [offer_topic]).map(drop)
    }

    /// Drops the oldest events while more than `bytes_max` waits; how many were dropped.
    ///
    /// # Errors
    /// Whatever SQLite says.
    pub fn shrink(&mut self, transaction: &Transaction<'_>, bytes_max: i64) -> rusqlite::Result<i64> {
        let mut dropped = 0;
        while self.bytes > bytes_max {
            match self.remove(transaction, OLDEST, [DROPPED_AT_ONCE])? {
                0 => break,
                count => dropped += count,
            }
        }
        Ok(dropped)
    }

    fn remove(
        &mut self,
        transaction: &Transaction<'_>,
        sql: &str,
        arguments: impl rusqlite::Params,
    ) -> rusqlite::Result<i64> {
        let mut delete = transaction.prepare_cached(sql)?;
        let mut removed = delete.query(arguments)?;
        let mut count = 0;
        while let Some(row) = removed.next()? {
            self.bytes -= row.get::<_, i64>(0)?;
            count += 1;
        }
        self.waiting -= count;
        Ok(count)
    }
}

/// Rows after a place in the order, at most `BATCH_ROWS`.
///
/// # Errors
/// Whatever SQLite says.
pub fn rows_after(connection: &Connection, id: i64) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut select = connection.prepare_cached(
        "SELECT id, topic, kind, retained, at_us, expires_at_us, payload
         FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let row = |row: &Row<'_>| {
        Ok(OutboxRow {
            id: row.get(0)?,
            topic: row.get(1)?,
            kind: row.get(2)?,
            retained: row.get(3)?,
            at_us: row.get(4)?,
            expires_at_us: row.get(5)?,
            payload: row.get(6)?,
        })
    };
    select.query_map(params![id, BATCH_ROWS], row)?.collect()
}

/// The publisher's side of the outbox.
#[derive(Clone, Debug)]
pub struct OutboxHandle {
    path: PathBuf,
    instance: String,
    inbox: Arc<Inbox>,
    committed: Arc<Notify>,
    /// Opened at the first read and kept; only one reader at a time uses it.
    reader: Arc<Mutex<Option<Connection>>>,
}

impl OutboxHandle {
    pub(crate) fn new(path: PathBuf, instance: String, inbox: Arc<Inbox>, committed: Arc<Notify>) -> Self {
        Self { path, instance, inbox, committed, reader: Arc::default() }
    }

    /// Rows after a place in the order, oldest first, at most `BATCH_ROWS`; 0 starts at the oldest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn rows_after(&self, id: i64) -> Result<Vec<OutboxRow>, StoreError> {
        let (path, reader) = (self.path.clone(), self.reader.clone());
        let read = move || {
            let mut reader = reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if reader.is_none() {
                *reader = Some(open_reader(&path)?);
            }
            let connection = reader.as_ref().expect("opened above");
            rows_after(connection, id).map_err(|error| StoreError::from_sqlite(&path, "read", &error))
        };
        tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::Closed))
    }

    /// The row was acknowledged, or may not be sent any more. It is deleted within a second, and at once by
    /// the next commit; a power cut before that makes it go out again under the same identity.
    pub fn delete(&self, id: i64) {
        count(&self.inbox.counters.outbox_delivered, 1);
        self.inbox.acknowledge(id);
    }

    /// The row's time was over before it could be sent; it is deleted and counted.
    pub fn expire(&self, id: i64) {
        count(&self.inbox.counters.outbox_expired, 1);
        self.inbox.acknowledge(id);
    }

    /// The broker will never take this row; it is deleted and counted.
    pub fn refuse(&self, id: i64) {
        count(&self.inbox.counters.outbox_refused, 1);
        self.inbox.acknowledge(id);
    }

    /// Whether the publisher has a connection, for the pages and metrics.
    pub fn set_connected(&self, connected: bool) {
        let counters = &self.inbox.counters;
        counters.broker_connected.store(u64::from(connected), Ordering::Relaxed);
        count(&counters.broker_connections, u64::from(connected));
    }

    /// Waits until every `delete` so far is on disk, so that a new connection starts with what is missing.
    ///
    /// # Errors
    /// The store is closed or cannot write.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.inbox.ask(Request::Flush).await
    }

    /// Waits for rows committed since the last return of this function.
    pub async fn committed(&self) {
        self.committed.notified().await;
    }

    /// Rows that wait.
    pub fn waiting(&self) -> u64 {
        self.inbox.counters.snapshot().outbox_waiting
    }

    /// The latest event time known, for what is left of a message's validity.
    pub fn event_time_us(&self) -> i64 {
        self.inbox.counters.event_time_us()
    }

    /// The identity of a row's message, the same at every attempt and after restarts.
    pub fn message_id(&self, gateway: &str, row: i64) -> String {
        format!("{gateway}-{}-{row}", self.instance)
    }
}

/// Whether a row exists; for tests of other files.
#[cfg(test)]
pub fn holds(connection: &Connection, id: i64) -> bool {
    let found = connection.query_row("SELECT 1 FROM outbox WHERE id = ?1", [id], |_| Ok(())).optional();
    found.expect("reads").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::messages;
    use crate::store::{Store, samples};
    use venue_engine::output::Output;

    fn with_outbox(outputs: &[Output], then: impl Fn(&Transaction<'_>, &mut Totals)) -> Vec<(i64, String)> {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        let mut totals = Totals::read(&transaction).expect("reads");
        for output in outputs {
            let message = messages::message(output, &samples::venue()).expect("good names").expect("published");
            totals.push(&transaction, &message).expect("appends");
        }
        then(&transaction, &mut totals);
        totals.write(&transaction).expect("writes");
        assert_eq!(Totals::read(&transaction).expect("reads"), totals);
        let counted = "SELECT count(*), coalesce(sum(octet_length(topic) + octet_length(payload)), 0) FROM outbox";
        let counted: (i64, i64) =
            transaction.query_row(counted, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("counts");
        assert_eq!(counted, (totals.waiting, totals.bytes), "totals follow the rows");
        let rows = rows_after(&transaction, 0).expect("reads");
        rows.into_iter().map(|row| (row.id, row.kind)).collect()
    }

    fn check(outputs: &[Output], then: impl Fn(&Transaction<'_>, &mut Totals), left: &[(i64, &str)]) {
        let found = with_outbox(outputs, then);
        assert_eq!(found.iter().map(|(id, kind)| (*id, kind.as_str())).collect::<Vec<_>>(), left);
    }

    #[test]
    fn state_is_replaced_and_events_are_kept_in_order() {
        let outputs = [
            samples::queue(1, 2.0),
            samples::alert(1),
            samples::people(1, None, 5.0),
            samples::queue(2, 3.0),
            samples::alert(2),
        ];
        check(&outputs, |_, _| (), &[(2, "alert"), (3, "occupancy"), (4, "queue"), (5, "alert")]);
    }

    #[test]
    fn a_closed_heat_window_overtakes_the_open_one_and_stays() {
        let outputs = [samples::heat(0, false, &[]), samples::heat(0, true, &[]), samples::heat(900, false, &[])];
        check(&outputs, |_, _| (), &[(2, "heat"), (3, "heat")]);
    }

    #[test]
    fn numbers_are_not_used_twice() {
        let again = |transaction: &Transaction<'_>, totals: &mut Totals| {
            totals.delete(transaction, &[1]).expect("deletes");
            totals.delete(transaction, &[1, 1]).expect("and again, which changes nothing");
            let message = messages::message(&samples::alert(3), &samples::venue()).expect("good").expect("some");
            totals.push(transaction, &message).expect("appends");
        };
        check(&[samples::alert(1)], again, &[(2, "alert")]);
    }

    #[test]
    fn what_was_delivered_goes_in_whatever_order_it_was() {
        let outputs: Vec<Output> = (1..=9).map(samples::alert).collect();
        let delete = |transaction: &Transaction<'_>, totals: &mut Totals| {
            totals.delete(transaction, &[9, 2, 3, 1, 6, 3, 99]).expect("deletes");
        };
        check(&outputs, delete, &[(4, "alert"), (5, "alert"), (7, "alert"), (8, "alert")]);
    }

    #[test]
    fn a_full_outbox_drops_its_oldest_events_and_keeps_state() {
        let outputs: Vec<Output> =
            std::iter::once(samples::queue(1, 2.0)).chain((0..600).map(samples::alert)).collect();
        let shrink = |transaction: &Transaction<'_>, totals: &mut Totals| {
            let each = totals.bytes / totals.waiting;
            assert_eq!(totals.shrink(transaction, each * 300).expect("drops"), 512);
        };
        let left = with_outbox(&outputs, shrink);
        assert_eq!((left.len(), left[0].1.as_str(), left[1].0), (89, "queue", 514));
    }

    #[test]
    fn forgetting_takes_the_offers_that_wait() {
        let forget = |transaction: &Transaction<'_>, totals: &mut Totals| {
            totals.forget(transaction, "venue/arena/attendee/mia/offer").expect("erases");
        };
        check(&[samples::offer(1, "aa"), samples::alert(1)], forget, &[(2, "alert")]);
    }
}
