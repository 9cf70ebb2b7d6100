//! History for the pages, read beside the writer.
//!
//! In: a floor or a queue and a range of event time. Out: heat windows and minutes. It refuses names the
//! venue does not have and ranges that are none; a long range gets its newest part, as much as a page draws.

use super::reply::{self, Refusal};
use super::{App, Shared};
use crate::export::heat::{self as export, Format};
use crate::store::query::{self, QueueMinute};
use crate::store::{StoreError, open_reader};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Queries at once: two cores, and one of them has the engine. More would only wait inside SQLite.
const READERS_MAX: usize = 2;
/// What a history shows where nothing else is asked: an hour.
const RANGE_DEFAULT_US: i64 = 3_600_000_000;

/// Connections that can only read, opened when first needed.
pub(super) struct Readers {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::default(), turns: Semaphore::new(READERS_MAX) }
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.database), Ok)
    }

    fn give_back(&self, connection: Connection) {
        // At most as many as there are turns.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// A range of event time; the last hour where it is left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueRange {
    from_us: Option<i64>,
    to_us: Option<i64>,
}

/// A floor and a range of event time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeatRange {
    floor: Option<String>,
    from_us: Option<i64>,
    to_us: Option<i64>,
    resolution_us: Option<i64>,
    #[serde(default)]
    format: Format,
}

/// Heat windows of a floor, oldest first.
pub(super) async fn heat(
    State(shared): App,
    range: Result<Query<HeatRange>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(HeatRange { floor, from_us, to_us, resolution_us, format }) = range?;
    let known: Vec<&str> = shared.state.venue.floors.iter().map(|floor| floor.name.as_str()).collect();
    let floor = floor.unwrap_or_else(|| known[0].to_owned());
    if !known.contains(&floor.as_str()) {
        return Err(Refusal::unknown("floor", &floor, &known));
    }
    let (from_us, to_us) = checked(&shared, from_us, to_us)?;
    let asked = floor.clone();
    if format != Format::Json {
        let exported =
            read(&shared, move |connection| export::heat(connection, &asked, (from_us, to_us), resolution_us, format));
        return Ok(([(header::CONTENT_TYPE, format.media_type())], exported.await?).into_response());
    }
    let windows =
        read(&shared, move |connection| query::heat(connection, &asked, from_us, to_us, resolution_us)).await?;
    let windows: Vec<Value> = windows.iter().map(export::window_json).collect();
    Ok(reply::value(&request, &json!({"floor": floor, "from_us": from_us, "to_us": to_us, "windows": windows})))
}

/// Minutes of a queue, oldest first.
pub(super) async fn queue(
    State(shared): App,
    queue: Result<Path<String>, PathRejection>,
    range: Result<Query<QueueRange>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let (Path(queue), Query(QueueRange { from_us, to_us })) = (queue?, range?);
    if shared.state.venue.queue(&queue).is_none() {
        let known: Vec<&str> = shared.state.venue.queues.iter().map(|queue| queue.name.as_str()).collect();
        return Err(Refusal::unknown("queue", &queue, &known));
    }
    let (from_us, to_us) = checked(&shared, from_us, to_us)?;
    let asked = queue.clone();
    let minutes = read(&shared, move |connection| query::queue_history(connection, &asked, from_us, to_us)).await?;
    let minutes: Vec<Value> = minutes.iter().map(minute_json).collect();
    Ok(reply::value(&request, &json!({"queue": queue, "from_us": from_us, "to_us": to_us, "minutes": minutes})))
}

fn checked(shared: &Shared, from_us: Option<i64>, to_us: Option<i64>) -> Result<(i64, i64), Refusal> {
    // The minute under way counts too.
    let to_us = to_us.unwrap_or_else(|| shared.state.engine.now().as_micros().saturating_add(1));
    let from_us = from_us.unwrap_or_else(|| to_us.saturating_sub(RANGE_DEFAULT_US));
    if from_us > to_us {
        let mend = "give both in microseconds since 1970, the earlier as from_us";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "from_us is after to_us", mend));
    }
    Ok((from_us, to_us))
}

pub(super) async fn read<T: Send + 'static>(
    shared: &Arc<Shared>,
    question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let _turn = shared.readers.turns.acquire().await.map_err(|_| Refusal::busy("the gateway is stopping"))?;
    let shared = shared.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let connection = shared.readers.take()?;
        let answer =
            question(&connection).map_err(|error| StoreError::from_sqlite(&shared.readers.database, "read", &error))?;
        shared.readers.give_back(connection);
        Ok::<T, StoreError>(answer)
    });
    Ok(answer.await.map_err(|_| Refusal::busy("the gateway is stopping"))??)
}

fn minute_json(minute: &QueueMinute) -> Value {
    json!({
        "minute_us": minute.minute_us, "samples": minute.samples, "length_mean": minute.length_mean,
        "length_max": minute.length_max, "wait_mean_s": minute.wait_mean_s, "wait_max_s": minute.wait_max_s,
    })
}
