//! One open connection to a controller: commands out, events in, adverts on their way.
//!
//! In: bytes of a transport. Out: batches of adverts, stamped when they were read and gathered for a moment so
//! that one advert is not one batch; answers to commands. It refuses nothing loudly: what is malformed is
//! counted, and what makes no sense for long is a trouble.

use super::bring_up::{BringUp, Mode, Progress, READ_LOCAL_VERSION, answer};
use super::h4::{self, Framer};
use super::report::{Report, Reports};
use super::transport::Transport;
use crate::radio::source::{AdvertSink, Count, Listener};
use crate::radio::watchdog::{Trouble, Verdict, Watchdog};
use crate::radio::{AdvertBatch, BATCH_MAX, Carriage};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use venue_engine::time::Timestamp;
use venue_engine::venue::ReceiverId;

/// How long an answer to a command is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long adverts are gathered: fifty batches a second at most, far below what figures show, while the
/// engine's queue then holds more than a second.
const GATHER: Duration = Duration::from_millis(20);
/// How often silence is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Bytes of one read: 350 legacy reports.
const READ_LEN: usize = 16 * 1_024;
/// Bytes without a packet after which the stream makes no sense: sixteen of the longest events.
const GARBLED_LEN: usize = 4 * 1_024;

/// Event code of a hardware error (Core 5.4, Vol 4 Part E, 7.7.16).
const HARDWARE_ERROR: u8 = 0x10;

/// An open connection.
pub struct Link<'a, S> {
    transport: Transport,
    listener: Listener<'a, S>,
    framer: Framer,
    reports: Reports,
    batch: AdvertBatch,
    gathered_since: Option<Instant>,
    chunk: Vec<u8>,
    /// A question was asked at this moment and not answered yet.
    asked_at: Option<Instant>,
}

impl<'a, S: AdvertSink> Link<'a, S> {
    /// Over a transport just opened.
    pub fn new(transport: Transport, listener: Listener<'a, S>) -> Self {
        Self {
            transport,
            listener,
            framer: Framer::default(),
            reports: Reports::default(),
            batch: AdvertBatch::default(),
            gathered_since: None,
            chunk: vec![0; READ_LEN],
            asked_at: None,
        }
    }

    /// Sends commands until the controller scans.
    ///
    /// # Errors
    /// What kept it from scanning. Every refusal is logged.
    pub async fn bring_up(&mut self, mut begun: BringUp, dog: &mut Watchdog) -> Result<Mode, Trouble> {
        self.asked_at = None;
        let end = loop {
            let progress = match timeout(ANSWER_WITHIN, self.step(&mut begun, dog)).await {
                Ok(progress) => progress?,
                Err(_) => begun.overdue(),
            };
            match progress {
                Progress::Scanning(mode) => break Ok(mode),
                Progress::Failed(refusal) if refusal.status.is_none() => break Err(Trouble::NoAnswer),
                Progress::Failed(refusal) => break Err(Trouble::Refused(refusal)),
                Progress::Send | Progress::Waiting => {}
            }
        };
        let receiver = self.listener.receiver.0;
        for refusal in &begun.refusals {
            tracing::warn!(receiver, "{refusal}");
        }
        if let (Ok(mode), Some((version, manufacturer))) = (&end, begun.version) {
            tracing::info!(receiver, ?mode, version, manufacturer, "scanning");
        }
        dog.scanning(Instant::now());
        end
    }

    /// Sends the current command and reads until it is answered.
    async fn step(&mut self, begun: &mut BringUp, dog: &mut Watchdog) -> Result<Progress, Trouble> {
        self.transport.write_all(&begun.command()).await.map_err(|_| Trouble::Closed)?;
        loop {
            let mut progress = Progress::Waiting;
            self.read(dog, |event| {
                // An answer may be followed by others in one read; the first one that moves on counts.
                if progress == Progress::Waiting {
                    progress = begun.event(event);
                }
            })
            .await?;
            if progress != Progress::Waiting {
                return Ok(progress);
            }
        }
    }

    /// Listens until something is wrong.
    pub async fn listen(&mut self, dog: &mut Watchdog) -> Trouble {
        self.listener.health.set_state("listening");
        loop {
            if let Err(trouble) = self.listen_once(dog).await {
                self.hand_over();
                return trouble;
            }
        }
    }

    async fn listen_once(&mut self, dog: &mut Watchdog) -> Result<(), Trouble> {
        let wait = if self.gathered_since.is_some() { GATHER } else { LOOK_EVERY };
        let (mut answered, mut broken) = (false, false);
        let reading = self.read(dog, |event| {
            answered |= answer(event).is_some_and(|(opcode, ..)| opcode == READ_LOCAL_VERSION);
            broken |= event.first() == Some(&HARDWARE_ERROR);
        });
        match timeout(wait, reading).await {
            Ok(read) => read?,
            Err(_) => self.hand_over(),
        }
        if broken {
            return Err(Trouble::HardwareError);
        }
        if answered {
            self.asked_at = None;
        }
        self.look(dog).await
    }

    /// Judges the silence, and asks the controller whether it is alive.
    async fn look(&mut self, dog: &mut Watchdog) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.asked_at.is_some_and(|asked_at| now - asked_at >= ANSWER_WITHIN) {
            return Err(Trouble::NoAnswer);
        }
        match dog.verdict(now) {
            Verdict::Fine => Ok(()),
            Verdict::Silent => Err(Trouble::Silent),
            Verdict::Ask => {
                dog.asked(now);
                self.asked_at.get_or_insert(now);
                let question = h4::command(READ_LOCAL_VERSION, &[]);
                let asking = timeout(ANSWER_WITHIN, self.transport.write_all(&question)).await;
                asking.map_err(|_| Trouble::NoAnswer)?.map_err(|_| Trouble::Closed)
            }
        }
    }

    /// Reads once: reports become adverts, other events go to `other`. Dropping the future loses nothing.
    async fn read(&mut self, dog: &mut Watchdog, mut other: impl FnMut(&[u8])) -> Result<(), Trouble> {
        let length = match self.transport.read(&mut self.chunk).await {
            Ok(0) | Err(_) => return Err(Trouble::Closed),
            Ok(length) => length,
        };
        let at = self.listener.sink.now();
        self.framer.push(self.chunk.get(..length).unwrap_or_default());
        let (batch, reports) = (&mut self.batch, &mut self.reports);
        let (before, mut anonymous) = (batch.len(), 0);
        while let Some(event) = self.framer.next_event() {
            reports.event(event, |report| anonymous += u64::from(!add(batch, at, self.listener.receiver, report)));
            other(event);
        }
        let heard = (self.batch.len() - before) as u64 + anonymous;
        self.count(at, heard, anonymous);
        if heard > 0 {
            dog.heard(Instant::now(), heard);
            self.listener.health.set_learnt(dog.adverts_per_s());
            // Whoever reports adverts is alive, whether or not it found the time to say so.
            self.asked_at = None;
        }
        if !self.batch.is_empty() {
            let since = *self.gathered_since.get_or_insert_with(Instant::now);
            if self.batch.len() >= BATCH_MAX / 2 || since.elapsed() >= GATHER {
                self.hand_over();
            }
        }
        if self.framer.skipped_now > GARBLED_LEN {
            self.framer = Framer::default();
            return Err(Trouble::Garbled);
        }
        Ok(())
    }

    fn count(&mut self, at: Timestamp, heard: u64, anonymous: u64) {
        let health = self.listener.health;
        if heard > 0 {
            health.heard(at, heard - anonymous);
        }
        health.add(Count::Anonymous, anonymous);
        health.add(Count::Malformed, std::mem::take(&mut self.reports.malformed));
        health.add(Count::Incomplete, std::mem::take(&mut self.reports.incomplete));
        health.add(Count::SkippedBytes, std::mem::take(&mut self.framer.skipped_bytes));
        health.add(Count::LostStep, std::mem::take(&mut self.framer.lost_step));
    }

    fn hand_over(&mut self) {
        self.gathered_since = None;
        if !self.batch.is_empty() {
            self.listener.hand_over(self.batch.take());
        }
    }
}

/// Adds a report; false where it has no address, so that nobody can be followed by it.
fn add(batch: &mut AdvertBatch, at: Timestamp, receiver: ReceiverId, report: Report) -> bool {
    let Some(address) = report.address else { return false };
    batch.push_raw(at, receiver, address, report.rssi_dbm, &report.payload);
    batch.came_by(Carriage { scan_response: report.scan_response, phy: report.phy() });
    true
}
