//! The live stream: server-sent events.
//!
//! In: lines of the live state. Out, to staff: `state` with everything first, then each line as it comes,
//! `pulse` every second (the event time now, and how old the figures are), `health` every fifth pulse, and
//! `resync` to a reader that fell behind, who then fetches `/api/v1/state`. Out, to an attendee: only that her offers changed, and a
//! rarer `pulse`. The pulses keep proxies from closing an idle stream, so no comments are sent beside them.
//! It refuses more streams than it was made for.

use super::reply::Refusal;
use super::{App, Shared};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior};

/// Staff streams at once: 50 tablets, the same again while each reconnects, and some walls and integrators.
/// Each takes every line, so this bounds the work of a second.
const STAFF_STREAMS_MAX: usize = 200;
/// Attendee streams at once: 5 000 pages, and some that reconnect. Each costs memory, but hardly any work.
const ATTENDEE_STREAMS_MAX: usize = 6_000;
/// A page notices within five seconds that its stream stands still: four pulses missed.
const STAFF_PULSE: Duration = Duration::from_secs(1);
/// An attendee's page counts down by itself between pulses.
const ATTENDEE_PULSE: Duration = Duration::from_secs(5);
/// Pulses from one word on how the box is to the next: a source that fell silent is judged over more than that.
const HEALTH_EVERY_PULSES: u32 = 5;
/// Lines sent in one piece; a reader with more waiting gets them in several.
const PIECE_LINES_MAX: usize = 256;
/// How long a browser waits before it connects again, milliseconds.
const RETRY_MS: u32 = 2_000;

/// Places for streams.
pub(super) struct Gates {
    staff: Arc<Semaphore>,
    attendees: Arc<Semaphore>,
}

impl Default for Gates {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { staff: places(STAFF_STREAMS_MAX), attendees: places(ATTENDEE_STREAMS_MAX) }
    }
}

impl Gates {
    /// Streams open now: staff, attendees.
    pub(super) fn open(&self) -> (usize, usize) {
        let staff = STAFF_STREAMS_MAX - self.staff.available_permits();
        (staff, ATTENDEE_STREAMS_MAX - self.attendees.available_permits())
    }
}

/// One open stream.
struct Stream {
    shared: Arc<Shared>,
    incoming: Receiver<Arc<str>>,
    /// Whose stream it is; `None` for staff.
    attendee: Option<String>,
    /// What is sent before anything else.
    greeting: Option<String>,
    pulses: Interval,
    /// Pulses told so far.
    pulses_told: u32,
    shutdown: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// Everything, for staff.
pub(super) async fn live(State(shared): App) -> Result<Response, Refusal> {
    let place = enter(&shared.gates.staff)?;
    // First the subscription, then the snapshot: a line in both is harmless, one in neither is lost.
    let incoming = shared.state.live.subscribe();
    let greeting = format!("retry: {RETRY_MS}\n{}", event("state", &shared.state.live.snapshot_json()));
    Ok(response(Stream::new(&shared, incoming, None, greeting, STAFF_PULSE, place)))
}

/// News for one attendee.
pub(super) async fn personal(
    State(shared): App,
    attendee: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(attendee) = attendee?;
    let place = enter(&shared.gates.attendees)?;
    let incoming = shared.state.live.subscribe_news();
    let greeting = format!("retry: {RETRY_MS}\n{}", event("offers", "{}"));
    Ok(response(Stream::new(&shared, incoming, Some(attendee), greeting, ATTENDEE_PULSE, place)))
}

fn enter(gate: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    gate.clone().try_acquire_owned().map_err(|_| Refusal::busy("too many pages watch at once"))
}

fn response(stream: Stream) -> Response {
    let pieces = futures_util::stream::unfold(stream, |mut stream| async {
        let piece = stream.next().await?;
        Some((Ok::<String, Infallible>(piece), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Some proxies hold an answer back until it is complete unless told not to.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

impl Stream {
    fn new(
        shared: &Arc<Shared>,
        incoming: Receiver<Arc<str>>,
        attendee: Option<String>,
        greeting: String,
        pulse: Duration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let mut pulses = tokio::time::interval(pulse);
        pulses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (shared, shutdown) = (shared.clone(), shared.shutdown.clone());
        Self { shared, incoming, attendee, greeting: Some(greeting), pulses, pulses_told: 0, shutdown, _place: place }
    }

    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<String> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            let received = tokio::select! {
                _ = self.shutdown.wait_for(|ended| *ended) => return None,
                _ = self.pulses.tick() => None,
                received = self.incoming.recv() => Some(received),
            };
            let Some(received) = received else { return Some(self.pulse()) };
            match received {
                Ok(first) => {
                    if let Some(piece) = self.piece(&first) {
                        return Some(piece);
                    }
                }
                Err(RecvError::Lagged(_)) => return Some(self.behind()),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// What was received and what else waits, as one piece; `None` where none of it is for this reader.
    fn piece(&mut self, first: &str) -> Option<String> {
        let mut piece = String::new();
        self.add(first, &mut piece);
        for _ in 1..PIECE_LINES_MAX {
            match self.incoming.try_recv() {
                Ok(line) => self.add(&line, &mut piece),
                Err(TryRecvError::Lagged(_)) => return Some(self.behind()),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        (!piece.is_empty()).then_some(piece)
    }

    fn add(&self, item: &str, piece: &mut String) {
        match &self.attendee {
            // A word to somebody else, or a second one to her.
            Some(attendee) if *attendee != *item || !piece.is_empty() => {}
            Some(_) => piece.push_str(&event("offers", "{}")),
            None => writeln!(piece, "data: {item}\n").expect("a String takes everything"),
        }
    }

    /// Some were lost: the reader fetches anew. Her own offers are fetched the same way as ever.
    fn behind(&self) -> String {
        self.shared.state.live.count_reader_behind();
        event(if self.attendee.is_some() { "offers" } else { "resync" }, "{}")
    }

    fn pulse(&mut self) -> String {
        self.pulses_told = self.pulses_told.wrapping_add(1);
        let pulse = self.shared.state.live.pulse();
        let now_us = self.shared.state.engine.now().as_micros();
        let told = json!({
            "now_us": now_us, "at_us": pulse.at_us, "age_s": pulse.age_s, "report_every_s": pulse.report_every_s,
        });
        let mut piece = event("pulse", &told.to_string());
        if self.attendee.is_none() && self.pulses_told.is_multiple_of(HEALTH_EVERY_PULSES) {
            piece.push_str(&event("health", &self.shared.state.live.health_json()));
        }
        piece
    }
}
