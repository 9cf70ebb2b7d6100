//! The one thread that writes the database.
//!
//! In: batches from the inbox. Out: one transaction each, and after its commit the news: to the live pages,
//! to whoever asked, to the MQTT publisher. It refuses to tell anything that is not on disk, with one
//! exception: while the disk takes nothing, live figures go on (they are about now and gone with it), and
//! events are held until it does.

use crate::live::Live;
use crate::store::books::{Books, Told};
use crate::store::campaigns::{self, CampaignChange};
use crate::store::inbox::{Batch, EVENTS_MAX, Inbox, Request, StoreCounts, count, is_event};
use crate::store::ledger::{self, Attendee, Join, OfferRow};
use crate::store::redemption::{RedeemRequest, Redemption};
use crate::store::settle::{Merged, SpentRecord, TakenBack};
use crate::store::{OutboxHandle, Store, StoreError, decisions, open_reader};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use tokio::sync::Notify;
use venue_engine::offers::restore::Restored;
use venue_engine::output::Output;
use venue_engine::venue::Venue;

/// Everybody's way to the store.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    inbox: Arc<Inbox>,
    path: Arc<Path>,
    instance: Arc<str>,
    committed: Arc<Notify>,
}

impl StoreHandle {
    /// Starts the writer thread. It ends after `close`.
    pub fn spawn(store: Store, venue: Arc<Venue>, live: Arc<Live>) -> (Self, JoinHandle<()>) {
        let (inbox, committed) = (Arc::<Inbox>::default(), Arc::<Notify>::default());
        let handle = Self {
            inbox: inbox.clone(),
            path: store.path.as_path().into(),
            instance: store.instance.as_str().into(),
            committed: committed.clone(),
        };
        let writer = Writer::new(store, venue, live, inbox, committed);
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run());
        (handle, thread.expect("the system starts a thread at start-up"))
    }

    /// Hands over outputs of the engine. Never waits: what does not fit is dropped as the inbox says.
    pub fn outputs(&self, outputs: Vec<Output>) {
        self.inbox.outputs(outputs);
    }

    /// Says how far event time has come, where no output says it: vouchers expire by it.
    pub fn event_time(&self, at_us: i64) {
        self.inbox.counters.event_time(at_us);
    }

    /// The latest event time known, 0 before the first.
    pub fn event_time_us(&self) -> i64 {
        self.inbox.counters.event_time_us()
    }

    /// Redeems a code, once. The answer is on disk before it is given.
    ///
    /// # Errors
    /// The store cannot write now; nothing has been redeemed, and the same request may be made again.
    pub async fn redeem(&self, request: RedeemRequest) -> Result<Redemption, StoreError> {
        self.inbox.ask(|reply| Request::Redeem(request, reply)).await
    }

    /// Holds a voucher for a request that will redeem it.
    ///
    /// # Errors
    /// The store cannot write now.
    pub async fn hold(&self, request: RedeemRequest) -> Result<Redemption, StoreError> {
        self.inbox.ask(|reply| Request::Hold(request, reply)).await
    }

    /// Takes a redemption back, or ends a hold.
    ///
    /// # Errors
    /// The store cannot write now.
    pub async fn take_back(&self, request_id: String, at_us: i64) -> Result<TakenBack, StoreError> {
        self.inbox.ask(|reply| Request::TakeBack(request_id, at_us, reply)).await
    }

    /// Enters what a till took while it was cut off.
    ///
    /// # Errors
    /// The store cannot write now; nothing was entered.
    pub async fn merge(&self, records: Vec<SpentRecord>) -> Result<Merged, StoreError> {
        self.inbox.ask(|reply| Request::Merge(records, reply)).await
    }

    /// Withdraws a voucher and all others of its holder; true if that is new.
    ///
    /// # Errors
    /// The store cannot write now.
    pub async fn revoke(&self, voucher: String, at_us: i64, reason: String) -> Result<bool, StoreError> {
        self.inbox.ask(|reply| Request::Revoke(voucher, at_us, reason, reply)).await
    }

    /// The latest offers of an attendee, newest first.
    ///
    /// # Errors
    /// The store is busy or closed.
    pub async fn attendee_offers(&self, attendee: String) -> Result<Vec<OfferRow>, StoreError> {
        self.inbox.ask(|reply| Request::Offers(attendee, reply)).await
    }

    /// Stores that somebody opted in.
    ///
    /// # Errors
    /// `Refused` for a name or text that cannot be stored, or a full venue; else the store cannot write now.
    pub async fn join(&self, join: Join) -> Result<(), StoreError> {
        join.check()?;
        self.inbox.ask(|reply| Request::Join(join, reply)).await
    }

    /// Erases every row about an attendee; true if there was one.
    ///
    /// # Errors
    /// The store cannot write now; nothing has been erased.
    pub async fn forget(&self, attendee: String) -> Result<bool, StoreError> {
        self.inbox.ask(|reply| Request::Forget(attendee, reply)).await
    }

    /// Stores changes of campaigns, all or none; the version of each.
    ///
    /// # Errors
    /// The store cannot write now; nothing was changed.
    pub async fn change_campaigns(&self, changes: Vec<CampaignChange>) -> Result<Vec<i64>, StoreError> {
        self.inbox.ask(|reply| Request::Campaigns(changes, reply)).await
    }

    /// Version and body of the campaigns as staff left them; `None` where nobody has edited any.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn edited_campaigns(&self) -> Result<Option<Vec<(i64, String)>>, StoreError> {
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(&self.path, "read", &error);
        campaigns::current(&open_reader(&self.path)?).map_err(failed)
    }

    /// Everybody who opted in, for registering their beacons at start. Read past the writer thread.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn attendees(&self) -> Result<Vec<Attendee>, StoreError> {
        let path = self.path.clone();
        let read = move || {
            let failed = |error: rusqlite::Error| StoreError::from_sqlite(&path, "read", &error);
            ledger::attendees(&open_reader(&path)?).map_err(failed)
        };
        tokio::task::spawn_blocking(read).await.unwrap_or(Err(StoreError::Closed))
    }

    /// What the offers go on with after a restart. Read past the writer thread.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn restored_offers(&self) -> Result<Restored, StoreError> {
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(&self.path, "read", &error);
        decisions::restored(&open_reader(&self.path)?, self.event_time_us()).map_err(failed)
    }

    /// Waits until everything handed over before is on disk and told.
    ///
    /// # Errors
    /// It could not be stored now.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.inbox.ask(Request::Flush).await
    }

    /// The same for threads outside the asynchronous runtime.
    ///
    /// # Errors
    /// It could not be stored now.
    pub fn flush_blocking(&self) -> Result<(), StoreError> {
        self.inbox.ask_blocking(Request::Flush)
    }

    /// Ends the writer thread: what waits is written, the log folded into the database, then it ends.
    pub fn close(&self) {
        self.inbox.close();
    }

    /// The publisher's side of the outbox.
    pub fn outbox(&self) -> OutboxHandle {
        let (path, instance): (PathBuf, String) = (self.path.to_path_buf(), self.instance.to_string());
        OutboxHandle::new(path, instance, self.inbox.clone(), self.committed.clone())
    }

    /// What was stored and lost so far.
    pub fn counts(&self) -> StoreCounts {
        self.inbox.counters.snapshot()
    }
}

struct Writer {
    connection: Connection,
    path: PathBuf,
    books: Books,
    live: Arc<Live>,
    inbox: Arc<Inbox>,
    committed: Arc<Notify>,
    /// Events of undone transactions, oldest first; at most `EVENTS_MAX`.
    held: Vec<Output>,
    /// Deliveries that undone transactions should have noted.
    acknowledged: Vec<i64>,
    /// Whether the last transaction was undone; the first one is logged, not each.
    failing: bool,
    /// Keeps other processes out until this thread ends.
    _lock: File,
}

impl Writer {
    fn new(store: Store, venue: Arc<Venue>, live: Arc<Live>, inbox: Arc<Inbox>, committed: Arc<Notify>) -> Self {
        let Store { connection, path, lock, totals, .. } = store;
        let books = Books::new(totals, venue);
        inbox.counters.event_time(totals.event_us.unwrap_or(0));
        let writer = Self {
            connection,
            path,
            books,
            live,
            inbox,
            committed,
            held: Vec::new(),
            acknowledged: Vec::new(),
            failing: false,
            _lock: lock,
        };
        writer.gauge();
        writer
    }

    fn run(mut self) {
        loop {
            let waiting = !self.held.is_empty() || !self.acknowledged.is_empty();
            let batch = self.inbox.take(waiting);
            let closing = batch.closing;
            self.write(batch);
            if closing {
                break;
            }
        }
        let outputs = self.books.rollups.rest();
        self.write(Batch { outputs, ..Batch::default() });
        count(&self.inbox.counters.events_lost, self.held.len() as u64);
        if !self.held.is_empty() {
            tracing::error!(events = self.held.len(), "events lost: the disk took nothing until the end");
        }
        self.fold_log();
    }

    fn write(&mut self, batch: Batch) {
        let Batch { outputs: newer, mut requests, acknowledged, .. } = batch;
        let mut outputs = std::mem::take(&mut self.held);
        outputs.extend(newer);
        self.acknowledged.extend(acknowledged);
        let mut told = Told::default();
        match self.commit(&outputs, &mut requests, &mut told) {
            Ok(()) => {
                self.acknowledged.clear();
                self.books.committed();
                self.gauge();
                self.tell(outputs, told);
            }
            Err(error) => {
                let passes = may_pass(&error);
                let error = StoreError::from_sqlite(&self.path, "write", &error);
                self.books.rolled_back();
                told.answers.into_iter().for_each(|answer| answer(Err(error.clone())));
                requests.into_iter().for_each(|request| request.refuse(error.clone()));
                self.put_off(outputs, &error, passes);
            }
        }
    }

    /// One transaction; a request leaves the queue when its answer is in `told`.
    fn commit(
        &mut self,
        outputs: &[Output],
        requests: &mut VecDeque<Request>,
        told: &mut Told,
    ) -> rusqlite::Result<()> {
        let (books, counters) = (&mut self.books, &self.inbox.counters);
        let transaction = self.connection.transaction()?;
        // First, because it makes room.
        books.delivered(&transaction, &self.acknowledged)?;
        books.outputs(&transaction, outputs, told, counters)?;
        while let Some(request) = requests.pop_front() {
            books.request(&transaction, request, told, counters)?;
        }
        books.close(&transaction, told, counters)?;
        transaction.commit()?;
        count(&counters.commits, 1);
        Ok(())
    }

    /// Everything is on disk: now it may be told.
    fn tell(&mut self, mut outputs: Vec<Output>, told: Told) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("storing works again");
        }
        for index in told.repeated.into_iter().rev() {
            outputs.remove(index);
        }
        if !outputs.is_empty() {
            self.live.apply(&outputs);
        }
        told.changes.iter().for_each(|change| self.live.voucher(change));
        self.committed.notify_one();
        if told.erased {
            // The log still holds pages with the erased rows; folding it in empties it.
            self.fold_log();
        }
        told.answers.into_iter().for_each(|answer| answer(Ok(())));
    }

    /// Nothing was stored: live figures go on, events wait for the next attempt if one can help.
    fn put_off(&mut self, outputs: Vec<Output>, error: &StoreError, passes: bool) {
        let counters = &self.inbox.counters;
        count(&counters.failed_commits, 1);
        if matches!(error, StoreError::DiskFull { .. }) {
            count(&counters.disk_full, 1);
        }
        if !self.failing {
            tracing::error!(%error, "nothing can be stored now; live figures go on");
        }
        self.failing = true;
        let (mut events, states): (Vec<Output>, Vec<Output>) = outputs.into_iter().partition(is_event);
        let kept = if passes { events.len().min(EVENTS_MAX) } else { 0 };
        count(&counters.events_lost, (events.len() - kept) as u64);
        count(&counters.states_dropped, states.len() as u64);
        counters.events_held.store(kept as u64, Ordering::Relaxed);
        events.truncate(kept);
        self.held = events;
        if !states.is_empty() {
            self.live.apply(&states);
        }
    }

    fn gauge(&self) {
        let (counters, totals) = (&self.inbox.counters, &self.books.totals);
        counters.outbox_waiting.store(totals.waiting.unsigned_abs(), Ordering::Relaxed);
        counters.outbox_bytes.store(totals.bytes.unsigned_abs(), Ordering::Relaxed);
        counters.events_held.store(0, Ordering::Relaxed);
    }

    /// Moves the write-ahead log into the database and empties it. A reader may hold it up; then the next
    /// checkpoint does it.
    fn fold_log(&self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            tracing::warn!(%error, "the write-ahead log could not be folded in; the next start does it");
        }
    }
}

/// Whether the same transaction may succeed later: the disk may get space, a lock may end.
fn may_pass(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(Code::DiskFull | Code::SystemIoFailure | Code::DatabaseBusy | Code::DatabaseLocked)
            | Some(Code::CannotOpen | Code::OutOfMemory | Code::ReadOnly)
    )
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
