//! What waits for the writer thread.
//!
//! In: outputs from the engine, requests from tills and pages, acknowledgements from the broker. Out: one
//! batch of all that waits, when it is due. It never makes the engine wait: when it is full, state is
//! dropped first (newer state follows), events only far beyond, requests are refused at once, and each
//! loss is counted.

use crate::store::StoreError;
use crate::store::campaigns::CampaignChange;
use crate::store::ledger::{Join, OfferRow};
use crate::store::redemption::{RedeemRequest, Redemption};
use crate::store::settle::{Merged, SpentRecord, TakenBack};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use venue_engine::output::Output;

/// How long outputs wait for company: bounds syncs to ten a second, and nobody sees a tenth of a second.
pub const OUTPUTS_WAIT: Duration = Duration::from_millis(100);
/// How long acknowledgements wait when nothing else is to be written. Later costs only repeated messages
/// after a power cut; earlier would double the commits, for they arrive just after each.
pub const ACKNOWLEDGED_WAIT: Duration = Duration::from_secs(1);
/// How long until outputs that could not be stored are tried again.
pub const RETRY_WAIT: Duration = Duration::from_secs(1);
/// Waiting outputs beyond which new state is dropped: about a minute of a full venue's reports.
pub const STATES_MAX: usize = 16_384;
/// Waiting outputs beyond which even events are lost: 20 MB, hours of events with the disk hanging.
pub const EVENTS_MAX: usize = 65_536;
/// Waiting requests: more than all tills of a venue ask within one slow sync.
pub const REQUESTS_MAX: usize = 1_024;
/// Waiting acknowledgements, 8 bytes each; what is beyond is sent again after the next reconnect.
pub const ACKNOWLEDGED_MAX: usize = 1 << 20;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What tills and pages ask of the writer.
#[derive(Debug)]
pub(crate) enum Request {
    Redeem(RedeemRequest, Reply<Redemption>),
    Hold(RedeemRequest, Reply<Redemption>),
    TakeBack(String, i64, Reply<TakenBack>),
    Merge(Vec<SpentRecord>, Reply<Merged>),
    Revoke(String, i64, String, Reply<bool>),
    Offers(String, Reply<Vec<OfferRow>>),
    Join(Join, Reply<()>),
    Forget(String, Reply<bool>),
    Campaigns(Vec<CampaignChange>, Reply<Vec<i64>>),
    Flush(Reply<()>),
}

impl Request {
    /// Tells whoever asked that it did not happen.
    pub(crate) fn refuse(self, error: StoreError) {
        // Whoever asked may have gone; then nobody needs the answer.
        match self {
            Self::Redeem(_, reply) => drop(reply.send(Err(error))),
            Self::Hold(_, reply) => drop(reply.send(Err(error))),
            Self::TakeBack(_, _, reply) => drop(reply.send(Err(error))),
            Self::Merge(_, reply) => drop(reply.send(Err(error))),
            Self::Revoke(_, _, _, reply) => drop(reply.send(Err(error))),
            Self::Offers(_, reply) => drop(reply.send(Err(error))),
            Self::Join(_, reply) => drop(reply.send(Err(error))),
            Self::Forget(_, reply) => drop(reply.send(Err(error))),
            Self::Campaigns(_, reply) => drop(reply.send(Err(error))),
            Self::Flush(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// All that waited, to be written as one.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) outputs: Vec<Output>,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) acknowledged: Vec<i64>,
    pub(crate) closing: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    /// When the batch must be taken.
    due: Option<Instant>,
    closed: bool,
}

/// The queue in front of the writer thread.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    pub(crate) counters: Counters,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere leaves the queue whole: each change to it is one push.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues outputs of the engine.
    pub(crate) fn outputs(&self, outputs: Vec<Output>) {
        let Some(latest) = outputs.iter().map(Output::at).max() else { return };
        self.counters.event_time(latest.as_micros());
        let mut waiting = self.lock();
        let mut urgent = false;
        for output in outputs {
            let room = waiting.batch.outputs.len();
            if waiting.closed || room >= EVENTS_MAX {
                let lost = if is_event(&output) { &self.counters.events_lost } else { &self.counters.states_dropped };
                count(lost, 1);
            } else if room >= STATES_MAX && !is_event(&output) {
                count(&self.counters.states_dropped, 1);
            } else {
                urgent |= matches!(output, Output::Offer(_) | Output::Alert(_));
                waiting.batch.outputs.push(output);
            }
        }
        let wait = if urgent { Duration::ZERO } else { OUTPUTS_WAIT };
        self.due_in(waiting, wait);
    }

    /// Queues the news that a row was delivered.
    pub(crate) fn acknowledge(&self, id: i64) {
        let mut waiting = self.lock();
        if waiting.batch.acknowledged.len() >= ACKNOWLEDGED_MAX {
            return count(&self.counters.acknowledgements_dropped, 1);
        }
        waiting.batch.acknowledged.push(id);
        self.due_in(waiting, ACKNOWLEDGED_WAIT);
    }

    /// Queues a request and waits for its answer, which comes after the commit.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        self.queue(request)?.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same for threads outside the asynchronous runtime.
    pub(crate) fn ask_blocking<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        self.queue(request)?.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    fn queue<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Closed);
        }
        if waiting.batch.requests.len() >= REQUESTS_MAX {
            count(&self.counters.requests_refused, 1);
            return Err(StoreError::Busy);
        }
        waiting.batch.requests.push_back(request(reply));
        self.due_in(waiting, Duration::ZERO);
        Ok(answer)
    }

    /// Ends the queue: what waits is still written, nothing more is taken.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.batch.closing = true;
        self.due_in(waiting, Duration::ZERO);
    }

    fn due_in(&self, mut waiting: MutexGuard<'_, Waiting>, wait: Duration) {
        let due = Instant::now() + wait;
        if waiting.due.is_none_or(|earlier| due < earlier) {
            waiting.due = Some(due);
            drop(waiting);
            self.changed.notify_one();
        }
    }

    /// Waits until a batch is due and takes it; with `retry`, at the latest after `RETRY_WAIT`.
    pub(crate) fn take(&self, retry: bool) -> Batch {
        let mut waiting = self.lock();
        if retry {
            let due = Instant::now() + RETRY_WAIT;
            waiting.due = Some(waiting.due.map_or(due, |earlier| earlier.min(due)));
        }
        loop {
            waiting = match waiting.due {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        waiting.due = None;
                        return std::mem::take(&mut waiting.batch);
                    }
                    self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

/// Whether an output must be kept when state may be dropped.
pub(crate) fn is_event(output: &Output) -> bool {
    match output {
        Output::Offer(_) | Output::Alert(_) | Output::Movement(_) | Output::ZoneChange(_) => true,
        Output::Decision(_) | Output::Outcome(_) | Output::Learned(_) => true,
        Output::Heat(window) => window.closed,
        Output::Fix(_) | Output::Dwell(_) | Output::People(_) | Output::Queue(_) => false,
    }
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// What the store counts, shared between threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) disk_full: AtomicU64,
    pub(crate) states_dropped: AtomicU64,
    pub(crate) events_lost: AtomicU64,
    pub(crate) events_held: AtomicU64,
    pub(crate) requests_refused: AtomicU64,
    pub(crate) acknowledgements_dropped: AtomicU64,
    pub(crate) offers_repeated: AtomicU64,
    pub(crate) names_refused: AtomicU64,
    pub(crate) outbox_waiting: AtomicU64,
    pub(crate) outbox_bytes: AtomicU64,
    pub(crate) outbox_dropped: AtomicU64,
    pub(crate) outbox_expired: AtomicU64,
    pub(crate) outbox_refused: AtomicU64,
    pub(crate) outbox_delivered: AtomicU64,
    pub(crate) broker_connected: AtomicU64,
    pub(crate) broker_connections: AtomicU64,
    event_us: AtomicI64,
}

impl Counters {
    /// Event time has come at least this far.
    pub(crate) fn event_time(&self, at_us: i64) {
        self.event_us.fetch_max(at_us, Ordering::Relaxed);
    }

    /// The latest event time known; 0 before the first.
    pub(crate) fn event_time_us(&self) -> i64 {
        self.event_us.load(Ordering::Relaxed)
    }

    /// All counters now.
    pub(crate) fn snapshot(&self) -> StoreCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreCounts {
            commits: read(&self.commits),
            failed_commits: read(&self.failed_commits),
            disk_full: read(&self.disk_full),
            states_dropped: read(&self.states_dropped),
            events_lost: read(&self.events_lost),
            events_held: read(&self.events_held),
            requests_refused: read(&self.requests_refused),
            acknowledgements_dropped: read(&self.acknowledgements_dropped),
            offers_repeated: read(&self.offers_repeated),
            names_refused: read(&self.names_refused),
            outbox_waiting: read(&self.outbox_waiting),
            outbox_bytes: read(&self.outbox_bytes),
            outbox_dropped: read(&self.outbox_dropped),
            outbox_expired: read(&self.outbox_expired),
            outbox_refused: read(&self.outbox_refused),
            outbox_delivered: read(&self.outbox_delivered),
            broker_connected: read(&self.broker_connected),
            broker_connections: read(&self.broker_connections),
        }
    }
}

/// What the store has done, lost and holds, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Transactions on disk.
    pub commits: u64,
    /// Transactions undone, whatever the reason.
    pub failed_commits: u64,
    /// Of those, because the disk was full.
    pub disk_full: u64,
    /// State never stored: the queue was full, or its transaction was undone.
    pub states_dropped: u64,
    /// Events never stored: the queue or the hold was full, or the store was closed.
    pub events_lost: u64,
    /// Events waiting for the disk to take them (now, not since the start).
    pub events_held: u64,
    /// Requests refused because too many waited.
    pub requests_refused: u64,
    /// Acknowledgements forgotten because too many waited.
    pub acknowledgements_dropped: u64,
    /// Offers whose voucher or code was there already.
    pub offers_repeated: u64,
    /// Messages not published because a name cannot be part of a topic.
    pub names_refused: u64,
    /// Rows in the outbox (now).
    pub outbox_waiting: u64,
    /// Their bytes (now).
    pub outbox_bytes: u64,
    /// Events dropped because the outbox was full.
    pub outbox_dropped: u64,
    /// Rows dropped because their time was over.
    pub outbox_expired: u64,
    /// Rows dropped because the broker will never take them.
    pub outbox_refused: u64,
    /// Rows the broker acknowledged.
    pub outbox_delivered: u64,
    /// Whether the publisher has a connection: 1 or 0 (now).
    pub broker_connected: u64,
    /// Connections made.
    pub broker_connections: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::samples;

    #[test]
    fn a_full_inbox_drops_state_first_and_counts_each_loss() {
        let inbox = Inbox::default();
        inbox.outputs((0..STATES_MAX as i64 + 10).map(|at_s| samples::queue(at_s, 1.0)).collect());
        assert_eq!(inbox.counters.snapshot().states_dropped, 10);
        inbox.outputs((0..50_000).map(samples::alert).collect());
        assert_eq!(inbox.counters.snapshot().events_lost, (STATES_MAX + 50_000 - EVENTS_MAX) as u64);
        assert_eq!(inbox.take(false).outputs.len(), EVENTS_MAX);
        assert_eq!(inbox.counters.event_time_us(), samples::second(49_999).as_micros());
    }

    #[test]
    fn too_many_requests_are_refused_at_once() {
        let inbox = Inbox::default();
        let answers: Vec<_> = (0..REQUESTS_MAX).map(|_| inbox.queue(Request::Flush).expect("room")).collect();
        assert_eq!(inbox.queue(Request::Flush).expect_err("full"), StoreError::Busy);
        assert_eq!(inbox.take(false).requests.len(), answers.len());
        inbox.close();
        assert_eq!(inbox.queue(Request::Flush).expect_err("closed"), StoreError::Closed);
    }

    #[test]
    fn state_waits_for_company_and_an_offer_for_nobody() {
        let inbox = Inbox::default();
        let started = Instant::now();
        inbox.outputs(vec![samples::queue(1, 1.0)]);
        assert_eq!(inbox.take(false).outputs.len(), 1);
        assert!(started.elapsed() >= OUTPUTS_WAIT);
        inbox.outputs(vec![samples::queue(1, 1.0)]);
        inbox.outputs(vec![samples::offer(1, "aa")]);
        assert_eq!(inbox.take(false).outputs.len(), 2);
    }
}
