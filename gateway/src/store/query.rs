//! History for the pages.
//!
//! In: a connection (a second one that only reads, so that no page waits for the writer) and a range of
//! event time. Out: heat windows, and minutes of queues and zones, oldest first. It refuses to return more
//! rows than a page can draw: each list has a limit, and the newest within the range win.

use crate::store::heat::{self, Level, StoredHeat};
use rusqlite::{Connection, Row, params};

/// Minutes in one answer: a week, the longest range the pages offer.
pub const MINUTES_MAX: i64 = 7 * 24 * 60;
/// Heat windows in one answer: 30 days of quarter hours, 120 days of hours, three years of days.
pub const WINDOWS_MAX: u32 = 120 * 24;
/// Cells in one answer over all windows; 40 bytes each in JSON make 8 MB, what a page loads in a second.
pub const CELLS_MAX: u32 = 200_000;

/// One minute of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueMinute {
    /// Start of the minute, event time.
    pub minute_us: i64,
    /// Reports in it.
    pub samples: u32,
    /// Mean number of people waiting.
    pub length_mean: f64,
    /// Largest.
    pub length_max: f64,
    /// Mean wait of a newcomer, seconds, over the reports that knew it.
    pub wait_mean_s: Option<f64>,
    /// Longest, seconds.
    pub wait_max_s: Option<f64>,
}

/// One minute of a zone or of the venue.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleMinute {
    /// Start of the minute, event time.
    pub minute_us: i64,
    /// Reports in it.
    pub samples: u32,
    /// Mean number of people.
    pub people_mean: f64,
    /// Largest.
    pub people_max: f64,
    /// Mean number of devices heard.
    pub devices_mean: f64,
}

/// Heat windows of a floor that start in `[from_us, to_us)`, oldest first.
///
/// With `resolution_us`, windows that start within the same span of that length are added into one, as long
/// as the size of cells stays the same. Of hours and days the stored sums are read.
///
/// # Errors
/// Whatever SQLite says.
pub fn heat(
    connection: &Connection,
    floor: &str,
    from_us: i64,
    to_us: i64,
    resolution_us: Option<i64>,
) -> rusqlite::Result<Vec<StoredHeat>> {
    let mut joined = all_heat(connection, floor, from_us, to_us, resolution_us)?;
    let mut cells_left = CELLS_MAX as usize;
    let fits = |window: &&StoredHeat| {
        let fits = window.cells.len() <= cells_left;
        cells_left = cells_left.saturating_sub(window.cells.len());
        fits
    };
    let kept = joined.iter().rev().take_while(fits).count();
    joined.drain(..joined.len() - kept);
    Ok(joined)
}

/// The same for programs that take any number of cells: exports.
///
/// # Errors
/// Whatever SQLite says.
pub fn all_heat(
    connection: &Connection,
    floor: &str,
    from_us: i64,
    to_us: i64,
    resolution_us: Option<i64>,
) -> rusqlite::Result<Vec<StoredHeat>> {
    let Some(floor) = heat::floor(connection, floor)? else { return Ok(Vec::new()) };
    let level = Level::for_resolution(resolution_us);
    let mut windows = heat::range(connection, level, floor, from_us, to_us, WINDOWS_MAX)?;
    if level > Level::Window {
        // What is not in the sums yet.
        let since_us = windows.last().map_or(from_us, |last| last.to_us).max(from_us);
        windows.extend(heat::range(connection, Level::Window, floor, since_us, to_us, WINDOWS_MAX)?);
    }
    let mut joined: Vec<StoredHeat> = Vec::new();
    for window in windows {
        match joined.last_mut().filter(|last| may_join(last, &window, resolution_us)) {
            Some(last) => last.add(&window),
            None => joined.push(window),
        }
    }
    Ok(joined)
}

/// Minutes of a queue that start in `[from_us, to_us)`, oldest first.
///
/// # Errors
/// Whatever SQLite says.
pub fn queue_history(
    connection: &Connection,
    queue: &str,
    from_us: i64,
    to_us: i64,
) -> rusqlite::Result<Vec<QueueMinute>> {
    let mut select = connection.prepare_cached(
        "SELECT minute_us, samples, length_sum / samples, length_max, wait_samples, wait_sum_s, wait_max_s
         FROM queue_minute WHERE queue = (SELECT id FROM place WHERE kind = 'queue' AND name = ?1)
         AND minute_us >= ?2 AND minute_us < ?3 ORDER BY minute_us DESC LIMIT ?4",
    )?;
    let minute = |row: &Row<'_>| {
        let known: u32 = row.get(4)?;
        let sum_s: f64 = row.get(5)?;
        let longest_s: f64 = row.get(6)?;
        Ok(QueueMinute {
            minute_us: row.get(0)?,
            samples: row.get(1)?,
            length_mean: row.get(2)?,
            length_max: row.get(3)?,
            wait_mean_s: (known > 0).then(|| sum_s / f64::from(known)),
            wait_max_s: (known > 0).then_some(longest_s),
        })
    };
    oldest_first(select.query_map(params![queue, from_us, to_us, MINUTES_MAX], minute)?.collect())
}

/// Minutes of a zone, or of the venue, that start in `[from_us, to_us)`, oldest first.
///
/// # Errors
/// Whatever SQLite says.
pub fn people_history(
    connection: &Connection,
    zone: Option<&str>,
    from_us: i64,
    to_us: i64,
) -> rusqlite::Result<Vec<PeopleMinute>> {
    let mut select = connection.prepare_cached(
        "SELECT minute_us, samples, people_sum / samples, people_max, devices_sum / samples
         FROM people_minute WHERE zone = (SELECT id FROM place WHERE kind = 'zone' AND name = ?1)
         AND minute_us >= ?2 AND minute_us < ?3 ORDER BY minute_us DESC LIMIT ?4",
    )?;
    let minute = |row: &Row<'_>| {
        Ok(PeopleMinute {
            minute_us: row.get(0)?,
            samples: row.get(1)?,
            people_mean: row.get(2)?,
            people_max: row.get(3)?,
            devices_mean: row.get(4)?,
        })
    };
    let name = zone.unwrap_or_default();
    oldest_first(select.query_map(params![name, from_us, to_us, MINUTES_MAX], minute)?.collect())
}

fn oldest_first<T>(newest_first: rusqlite::Result<Vec<T>>) -> rusqlite::Result<Vec<T>> {
    newest_first.map(|mut rows| {
        rows.reverse();
        rows
    })
}

fn may_join(last: &StoredHeat, next: &StoredHeat, resolution_us: Option<i64>) -> bool {
    let span =
        |from_us: i64| resolution_us.filter(|length_us| *length_us > 0).map(|length_us| from_us.div_euclid(length_us));
    span(next.from_us).is_some() && span(last.from_us) == span(next.from_us) && last.has_cells_of(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rollups::Rollups;
    use crate::store::{Store, samples};

    #[test]
    fn quarter_hours_add_up_to_hours() {
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = store.connection.transaction().expect("begins");
        let mut rollups = Rollups::default();
        for quarter in 0..5 {
            let window = samples::heat(quarter * 900, true, &[(3, 10), (4 + quarter as u32, 1)]);
            rollups.add(&transaction, &window, &samples::venue()).expect("adds");
        }
        transaction.commit().expect("commits");
        let told = |resolution_us| {
            let windows = heat(&store.connection, "ground", 0, i64::MAX, resolution_us).expect("reads");
            windows.iter().map(|w| (w.to_us / 1_000_000, w.cells.clone())).collect::<Vec<_>>()
        };
        assert_eq!(told(None).len(), 5);
        let hour = vec![(3, 40), (4, 1), (5, 1), (6, 1), (7, 1)];
        assert_eq!(told(Some(3_600_000_000)), [(3600, hour), (4500, vec![(3, 10), (8, 1)])]);
        assert_eq!(told(Some(0)).len(), 5, "no resolution is no joining");
        assert!(heat(&store.connection, "roof", 0, i64::MAX, None).expect("reads").is_empty());
    }
}
