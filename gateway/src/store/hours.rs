//! Sums of the minutes, and movements: what a page reads of a whole season.
//!
//! In: stored minutes, movements as the engine tells them. Out: a row per place and hour, per pair of zones and
//! window, per pair and day (UTC). Hours are computed anew from their minutes, so that summing one twice gives the
//! same row. A movement is told once and added. It refuses to sum an hour that is not over.

use rusqlite::{Transaction, params};
use venue_engine::output::Movement;

/// An hour, microseconds.
pub const HOUR_US: i64 = 3_600_000_000;
/// A day, microseconds.
pub const DAY_US: i64 = 24 * HOUR_US;
/// Hours and days of movements are kept for this long: the same event last year can be compared.
const KEPT_US: i64 = 400 * DAY_US;

/// The start of the hour a moment lies in.
pub fn start(at_us: i64) -> i64 {
    at_us.div_euclid(HOUR_US) * HOUR_US
}

/// Sums the newest hour before another that has minutes.
///
/// # Errors
/// Whatever SQLite says.
pub fn sum_before(transaction: &Transaction<'_>, hour_us: i64) -> rusqlite::Result<()> {
    let newest =
        "SELECT max(minute_us) FROM (SELECT max(minute_us) AS minute_us FROM people_minute WHERE minute_us < ?1
         UNION ALL SELECT max(minute_us) FROM queue_minute WHERE minute_us < ?1)";
    let minute_us: Option<i64> = transaction.prepare_cached(newest)?.query_row([hour_us], |row| row.get(0))?;
    let Some(minute_us) = minute_us else { return Ok(()) };
    let (from_us, to_us) = (start(minute_us), start(minute_us) + HOUR_US);
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO people_hour SELECT zone, ?1, sum(samples), sum(people_sum), max(people_max),
             sum(devices_sum) FROM people_minute WHERE minute_us >= ?1 AND minute_us < ?2 GROUP BY zone",
        )?
        .execute([from_us, to_us])?;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO queue_hour SELECT queue, ?1, sum(samples), sum(length_sum), max(length_max),
             sum(wait_samples), sum(wait_sum_s), max(wait_max_s), sum(chance_samples), sum(chance_sum)
             FROM queue_minute WHERE minute_us >= ?1 AND minute_us < ?2 GROUP BY queue",
        )?
        .execute([from_us, to_us])
        .map(drop)
}

/// Adds people who moved from one zone to another.
///
/// # Errors
/// Whatever SQLite says.
pub fn add_movement(
    transaction: &Transaction<'_>,
    (origin, destination): (i64, i64),
    movement: &Movement,
) -> rusqlite::Result<()> {
    let from_us = movement.from.as_micros();
    for (table, from_us) in [("movement", from_us), ("movement_day", from_us.div_euclid(DAY_US) * DAY_US)] {
        let mut upsert = transaction.prepare_cached(&format!(
            "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1) ON CONFLICT DO UPDATE SET
             people = people + excluded.people, low = low + excluded.low, high = high + excluded.high,
             windows = windows + 1"
        ))?;
        upsert.execute(params![from_us, origin, destination, movement.people, movement.low, movement.high])?;
    }
    Ok(())
}

/// Drops what is no longer kept: windows of movements with the minutes, the sums later.
///
/// # Errors
/// Whatever SQLite says.
pub fn prune(transaction: &Transaction<'_>, before_us: i64, now_us: i64) -> rusqlite::Result<()> {
    let sums_before_us = now_us.saturating_sub(KEPT_US);
    transaction.execute("DELETE FROM movement WHERE from_us < ?1", [before_us])?;
    transaction.execute("DELETE FROM movement_day WHERE from_us < ?1", [sums_before_us])?;
    transaction.execute("DELETE FROM people_hour WHERE hour_us < ?1", [sums_before_us])?;
    transaction.execute("DELETE FROM queue_hour WHERE hour_us < ?1", [sums_before_us]).map(drop)
}
