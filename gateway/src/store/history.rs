//! How many people there were, how long they queued, where they went: ranges of time for pages and exports.
//!
//! In: a connection that only reads, a place, a range of event time and a resolution. Out: spans, oldest first, each
//! the mean of its reports. Spans under an hour are read from the minutes; longer ones from the hours, and from the
//! minutes that no hour holds yet. It refuses to return more spans than a page can draw: the newest within the
//! range win.

use crate::store::hours::{DAY_US, HOUR_US};
use rusqlite::{Connection, Row, params};

/// Spans in one answer: a week of minutes, more than a year of hours.
pub const SPANS_MAX: i64 = 7 * 24 * 60;
/// A minute, the shortest span.
pub const MINUTE_US: i64 = 60_000_000;
/// Over longer ranges movements are read in whole days.
pub const MOVEMENT_WINDOWS_US: i64 = 14 * DAY_US;

/// A span of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSpan {
    /// Start of the span, event time.
    pub from_us: i64,
    /// Reports in it.
    pub samples: i64,
    /// Mean number of people waiting.
    pub length_mean: f64,
    /// Largest.
    pub length_max: f64,
    /// Mean wait of a newcomer, seconds, over the reports that knew it.
    pub wait_mean_s: Option<f64>,
    /// Longest, seconds.
    pub wait_max_s: Option<f64>,
    /// Mean forecast, made in this span, of the chance that a newcomer waits over the limit 15 minutes later.
    pub chance_15min_mean: Option<f64>,
}

/// A span of a zone or of the venue.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleSpan {
    /// Start of the span, event time.
    pub from_us: i64,
    /// Reports in it.
    pub samples: i64,
    /// Mean number of people.
    pub people_mean: f64,
    /// Largest.
    pub people_max: f64,
    /// Mean number of devices heard.
    pub devices_mean: f64,
}

/// People who moved from one zone to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Where from.
    pub origin: String,
    /// Where to.
    pub destination: String,
    /// How many.
    pub people: f64,
    /// Sum of the lower ends of the windows' intervals.
    pub low: f64,
    /// Sum of the upper ends.
    pub high: f64,
    /// Windows that told some.
    pub windows: i64,
}

/// Spans of a queue that start in `[from_us, to_us)`, oldest first.
///
/// # Errors
/// Whatever SQLite says.
pub fn queue(
    connection: &Connection,
    queue: &str,
    range: (i64, i64),
    resolution_us: i64,
) -> rusqlite::Result<Vec<QueueSpan>> {
    let parts = "samples, length_sum, length_max, wait_samples, wait_sum_s, wait_max_s, chance_samples, chance_sum";
    let sums = "sum(samples), sum(length_sum) / sum(samples), max(length_max), sum(wait_samples),
        sum(wait_sum_s), max(wait_max_s), sum(chance_samples), sum(chance_sum)";
    let span = |row: &Row<'_>| {
        let (waits, wait_sum_s, wait_max_s): (i64, f64, f64) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let (chances, chance_sum): (i64, f64) = (row.get(7)?, row.get(8)?);
        Ok(QueueSpan {
            from_us: row.get(0)?,
            samples: row.get(1)?,
            length_mean: row.get(2)?,
            length_max: row.get(3)?,
            wait_mean_s: (waits > 0).then(|| wait_sum_s / waits as f64),
            wait_max_s: (waits > 0).then_some(wait_max_s),
            chance_15min_mean: (chances > 0).then(|| chance_sum / chances as f64),
        })
    };
    let sql = spans_sql("queue", resolution_us, parts, sums);
    read(connection, &sql, queue, range, resolution_us, span)
}

/// Spans of a zone, or of the venue, that start in `[from_us, to_us)`, oldest first.
///
/// # Errors
/// Whatever SQLite says.
pub fn people(
    connection: &Connection,
    zone: Option<&str>,
    range: (i64, i64),
    resolution_us: i64,
) -> rusqlite::Result<Vec<PeopleSpan>> {
    let parts = "samples, people_sum, people_max, devices_sum";
    let sums = "sum(samples), sum(people_sum) / sum(samples), max(people_max), sum(devices_sum) / sum(samples)";
    let span = |row: &Row<'_>| {
        Ok(PeopleSpan {
            from_us: row.get(0)?,
            samples: row.get(1)?,
            people_mean: row.get(2)?,
            people_max: row.get(3)?,
            devices_mean: row.get(4)?,
        })
    };
    let sql = spans_sql("people", resolution_us, parts, sums);
    read(connection, &sql, zone.unwrap_or_default(), range, resolution_us, span)
}

/// Who moved in windows that start in `[from_us, to_us)`, most people first. Over more than two weeks it is the days
/// (UTC) that start in the range.
///
/// # Errors
/// Whatever SQLite says.
pub fn movements(connection: &Connection, (from_us, to_us): (i64, i64)) -> rusqlite::Result<Vec<Moved>> {
    let long = to_us.saturating_sub(from_us) > MOVEMENT_WINDOWS_US;
    let table = if long { "movement_day" } else { "movement" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT o.name, d.name, people, low, high, windows FROM (SELECT origin, destination, sum(people) AS people,
         sum(low) AS low, sum(high) AS high, sum(windows) AS windows FROM {table}
         WHERE from_us >= ?1 AND from_us < ?2 GROUP BY origin, destination) AS m
         JOIN place AS o ON o.id = m.origin JOIN place AS d ON d.id = m.destination ORDER BY 3 DESC, 1, 2"
    ))?;
    let moved = |row: &Row<'_>| {
        Ok(Moved {
            origin: row.get(0)?,
            destination: row.get(1)?,
            people: row.get(2)?,
            low: row.get(3)?,
            high: row.get(4)?,
            windows: row.get(5)?,
        })
    };
    select.query_map([from_us, to_us], moved)?.collect()
}

/// The question for spans of a kind. Its parts are what one row has, its sums what a span makes of them.
fn spans_sql(kind: &str, resolution_us: i64, parts: &str, sums: &str) -> String {
    let (place_kind, place) = if kind == "queue" { ("queue", "queue") } else { ("zone", "zone") };
    // One lower bound: with two, SQLite reads all minutes from the earlier one.
    let minutes = |since: &str| {
        format!(
            "SELECT minute_us AS at_us, {parts} FROM {kind}_minute WHERE {place} = (SELECT id FROM wanted)
             AND minute_us >= {since} AND minute_us < ?3"
        )
    };
    let rows = if resolution_us < HOUR_US {
        // The newest first, so that a range without end stops where the answer is full.
        format!("SELECT * FROM ({} ORDER BY minute_us DESC LIMIT ?5)", minutes("?2"))
    } else {
        let not_summed = minutes(&format!(
            "max(?2, coalesce((SELECT max(hour_us) + {HOUR_US} FROM {kind}_hour
             WHERE {place} = (SELECT id FROM wanted)), 0))"
        ));
        format!(
            "SELECT hour_us AS at_us, {parts} FROM {kind}_hour WHERE {place} = (SELECT id FROM wanted)
             AND hour_us >= ?2 AND hour_us < ?3 UNION ALL {not_summed}"
        )
    };
    format!(
        "WITH wanted AS (SELECT id FROM place WHERE kind = '{place_kind}' AND name = ?1)
         SELECT at_us / ?4 * ?4, {sums} FROM ({rows}) GROUP BY 1 ORDER BY 1 DESC LIMIT ?5"
    )
}

fn read<T>(
    connection: &Connection,
    sql: &str,
    place: &str,
    (from_us, to_us): (i64, i64),
    resolution_us: i64,
    span: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut select = connection.prepare_cached(sql)?;
    let length_us = resolution_us.max(MINUTE_US);
    let found = select.query_map(params![place, from_us, to_us, length_us, SPANS_MAX], span)?;
    let mut spans: Vec<T> = found.collect::<rusqlite::Result<_>>()?;
    spans.reverse();
    Ok(spans)
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
