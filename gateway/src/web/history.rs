//! History for the pages, read beside the writer.
//!
//! In: a floor, a zone or a queue and a range of event time. Out: heat windows, spans of people and queues, movements;
//! as JSON for pages or as CSV. It refuses names the venue does not have and ranges that are none; a long range gets
//! its newest part, as much as a page draws.

use super::reply::{self, Refusal};
use super::tables::{Shape, Table};
use super::{App, Shared};
use crate::export::heat::{self as export, Format};
use crate::store::{StoreError, open_reader};
use crate::store::{history, query};
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

/// Columns of the tables, in the order of their CSV.
const QUEUE_COLUMNS: [&str; 7] =
    ["minute_us", "samples", "length_mean", "length_max", "wait_mean_s", "wait_max_s", "p_wait_over_limit_15min_mean"];
const PEOPLE_COLUMNS: [&str; 5] = ["minute_us", "samples", "people_mean", "people_max", "devices_mean"];
const MOVEMENT_COLUMNS: [&str; 6] = ["origin", "destination", "people", "low", "high", "windows"];

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

/// A range of event time, the last hour where it is left out; and how the answer is to look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    from_us: Option<i64>,
    to_us: Option<i64>,
    /// Length of the spans; a minute where it is left out.
    resolution_us: Option<i64>,
    #[serde(default)]
    format: Shape,
}

/// The same of a zone; the whole venue where none is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleRange {
    zone: Option<String>,
    from_us: Option<i64>,
    to_us: Option<i64>,
    resolution_us: Option<i64>,
    #[serde(default)]
    format: Shape,
}

/// The same of movements, which have windows of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MovementRange {
    from_us: Option<i64>,
    to_us: Option<i64>,
    #[serde(default)]
    format: Shape,
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

/// Spans of a queue, oldest first.
pub(super) async fn queue(
    State(shared): App,
    queue: Result<Path<String>, PathRejection>,
    range: Result<Query<Range>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let (Path(queue), Query(Range { from_us, to_us, resolution_us, format })) = (queue?, range?);
    if shared.state.venue.queue(&queue).is_none() {
        let known: Vec<&str> = shared.state.venue.queues.iter().map(|queue| queue.name.as_str()).collect();
        return Err(Refusal::unknown("queue", &queue, &known));
    }
    let range = checked(&shared, from_us, to_us)?;
    let (asked, resolution_us) = (queue.clone(), resolution_us.unwrap_or(history::MINUTE_US));
    let spans = read(&shared, move |connection| history::queue(connection, &asked, range, resolution_us)).await?;
    let rows = spans.iter().map(|span| {
        json!({
            "minute_us": span.from_us, "samples": span.samples, "length_mean": span.length_mean,
            "length_max": span.length_max, "wait_mean_s": span.wait_mean_s, "wait_max_s": span.wait_max_s,
            "p_wait_over_limit_15min_mean": span.chance_15min_mean,
        })
    });
    let about = json!({"queue": queue, "from_us": range.0, "to_us": range.1});
    Ok(Table { name: "minutes", columns: &QUEUE_COLUMNS, rows: rows.collect() }.respond(&request, format, about))
}

/// Spans of a zone or of the venue, oldest first.
pub(super) async fn people(
    State(shared): App,
    range: Result<Query<PeopleRange>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(PeopleRange { zone, from_us, to_us, resolution_us, format }) = range?;
    if let Some(zone) = &zone
        && shared.state.venue.zone(zone).is_none()
    {
        let known: Vec<&str> = shared.state.venue.zones.iter().map(|zone| zone.name.as_str()).collect();
        return Err(Refusal::unknown("zone", zone, &known));
    }
    let range = checked(&shared, from_us, to_us)?;
    let (asked, resolution_us) = (zone.clone(), resolution_us.unwrap_or(history::MINUTE_US));
    let spans =
        read(&shared, move |connection| history::people(connection, asked.as_deref(), range, resolution_us)).await?;
    let rows = spans.iter().map(|span| {
        json!({
            "minute_us": span.from_us, "samples": span.samples, "people_mean": span.people_mean,
            "people_max": span.people_max, "devices_mean": span.devices_mean,
        })
    });
    let about = json!({"zone": zone, "from_us": range.0, "to_us": range.1});
    Ok(Table { name: "minutes", columns: &PEOPLE_COLUMNS, rows: rows.collect() }.respond(&request, format, about))
}

/// Who moved from where to where, most people first.
pub(super) async fn movements(
    State(shared): App,
    range: Result<Query<MovementRange>, QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Query(MovementRange { from_us, to_us, format }) = range?;
    let range = checked(&shared, from_us, to_us)?;
    let moved = read(&shared, move |connection| history::movements(connection, range)).await?;
    let rows = moved.iter().map(|moved| {
        json!({
            "origin": moved.origin, "destination": moved.destination, "people": moved.people, "low": moved.low,
            "high": moved.high, "windows": moved.windows,
        })
    });
    let about = json!({"from_us": range.0, "to_us": range.1});
    Ok(Table { name: "movements", columns: &MOVEMENT_COLUMNS, rows: rows.collect() }.respond(&request, format, about))
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
