//! Stored heat maps: quarter hours, hours and days.
//!
//! In: heat windows as the engine tells them. Out: one row per window, hour and day of a floor, cells packed. Hours
//! are sums of the windows in them and days of the hours, in whole person-seconds, computed anew from their parts
//! whenever one of these is stored; so storing a window again, or after a restart, gives the same bytes. It refuses
//! to add windows whose cells are not the same ones.

use crate::store::heat_cells::{decode, encode};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// How long a window is, and how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As the engine told it, usually a quarter of an hour: 30 days.
    Window = 0,
    /// An hour: 120 days.
    Hour = 1,
    /// A day, UTC: three years.
    Day = 2,
}

/// A heat window, or several joined into a longer one.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHeat {
    /// Start, event time.
    pub from_us: i64,
    /// End, event time; of an unfinished window, its last report.
    pub to_us: i64,
    /// Whether all of it is over.
    pub closed: bool,
    /// Side of a cell, metres.
    pub cell_m: f64,
    /// Cells along x.
    pub columns: u16,
    /// Cells along y.
    pub rows: u16,
    /// Cell index and person-seconds, by index.
    pub cells: Vec<(u32, u64)>,
}

impl Level {
    /// The longest windows that fit a resolution.
    pub fn for_resolution(resolution_us: Option<i64>) -> Self {
        match resolution_us {
            Some(length_us) if length_us >= DAY_US => Self::Day,
            Some(length_us) if length_us >= HOUR_US => Self::Hour,
            _ => Self::Window,
        }
    }

    /// The level this one is summed into, and the length of its windows.
    fn above(self) -> Option<(Self, i64)> {
        match self {
            Self::Window => Some((Self::Hour, HOUR_US)),
            Self::Hour => Some((Self::Day, DAY_US)),
            Self::Day => None,
        }
    }

    fn kept_us(self) -> i64 {
        match self {
            Self::Window => 30 * DAY_US,
            Self::Hour => 120 * DAY_US,
            Self::Day => 3 * 366 * DAY_US,
        }
    }
}

impl StoredHeat {
    /// Whether cells of both are the same places.
    pub fn has_cells_of(&self, other: &Self) -> bool {
        let shape = |heat: &Self| (heat.cell_m.to_bits(), heat.columns, heat.rows);
        shape(self) == shape(other)
    }

    /// Adds another window.
    pub fn add(&mut self, other: &Self) {
        let mut sums: BTreeMap<u32, u64> = self.cells.drain(..).collect();
        for (cell, person_s) in &other.cells {
            let sum = sums.entry(*cell).or_default();
            *sum = sum.saturating_add(*person_s);
        }
        self.cells = sums.into_iter().collect();
        self.from_us = self.from_us.min(other.from_us);
        self.to_us = self.to_us.max(other.to_us);
        self.closed &= other.closed;
    }
}

/// Stores a window in place of what was there.
///
/// # Errors
/// Whatever SQLite says.
pub fn store(transaction: &Transaction<'_>, level: Level, floor: i64, heat: &StoredHeat) -> rusqlite::Result<()> {
    let mut upsert =
        transaction.prepare_cached("INSERT OR REPLACE INTO heat VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let StoredHeat { from_us, to_us, closed, cell_m, columns, rows, cells } = heat;
    upsert.execute(params![level as i64, floor, from_us, to_us, closed, cell_m, columns, rows, encode(cells)]).map(drop)
}

/// Sums the hour and the day that a stored window lies in.
///
/// # Errors
/// Whatever SQLite says.
pub fn roll_up(transaction: &Transaction<'_>, floor: i64, from_us: i64) -> rusqlite::Result<()> {
    let mut level = Level::Window;
    while let Some((above, length_us)) = level.above() {
        let start_us = from_us.div_euclid(length_us) * length_us;
        let parts = range(transaction, level, floor, start_us, start_us + length_us, u32::MAX)?;
        let Some(newest) = parts.last() else { return Ok(()) };
        let mut sum = StoredHeat { from_us: start_us, cells: Vec::new(), closed: true, ..newest.clone() };
        parts.iter().filter(|part| part.has_cells_of(newest)).for_each(|part| sum.add(part));
        sum.closed &= sum.to_us >= start_us + length_us;
        store(transaction, above, floor, &sum)?;
        level = above;
    }
    Ok(())
}

/// Sums all hours and days: for a database of before there were any.
///
/// # Errors
/// Whatever SQLite says.
pub fn roll_up_all(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut find = transaction.prepare("SELECT DISTINCT floor, from_us / ?1 FROM heat WHERE level = 0")?;
    let hours: Vec<(i64, i64)> =
        find.query_map([HOUR_US], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    hours.into_iter().try_for_each(|(floor, hour)| roll_up(transaction, floor, hour * HOUR_US))
}

/// The newest window of a floor before another.
///
/// # Errors
/// Whatever SQLite says.
pub fn before(transaction: &Transaction<'_>, floor: i64, from_us: i64) -> rusqlite::Result<Option<i64>> {
    let mut find =
        transaction.prepare_cached("SELECT max(from_us) FROM heat WHERE level = 0 AND floor = ?1 AND from_us < ?2")?;
    find.query_row([floor, from_us], |row| row.get(0))
}

/// A window that never closed.
///
/// # Errors
/// Whatever SQLite says.
pub fn unfinished(transaction: &Transaction<'_>, floor: i64, from_us: i64) -> rusqlite::Result<Option<StoredHeat>> {
    let mut find = transaction.prepare_cached(
        "SELECT from_us, to_us, closed, cell_m, columns, rows, cells FROM heat
         WHERE level = 0 AND floor = ?1 AND from_us = ?2 AND closed = 0",
    )?;
    find.query_row([floor, from_us], stored).optional()
}

/// Windows of a floor that start in `[from_us, to_us)`, oldest first; the newest where there are too many.
///
/// # Errors
/// Whatever SQLite says.
pub fn range(
    connection: &Connection,
    level: Level,
    floor: i64,
    from_us: i64,
    to_us: i64,
    count_max: u32,
) -> rusqlite::Result<Vec<StoredHeat>> {
    let mut select = connection.prepare_cached(
        "SELECT from_us, to_us, closed, cell_m, columns, rows, cells FROM heat
         WHERE level = ?1 AND floor = ?2 AND from_us >= ?3 AND from_us < ?4 ORDER BY from_us DESC LIMIT ?5",
    )?;
    let found = select.query_map(params![level as i64, floor, from_us, to_us, count_max], stored)?;
    let mut found: Vec<StoredHeat> = found.collect::<rusqlite::Result<_>>()?;
    found.reverse();
    Ok(found)
}

/// The number of a floor.
///
/// # Errors
/// Whatever SQLite says.
pub fn floor(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut find = connection.prepare_cached("SELECT id FROM place WHERE kind = 'floor' AND name = ?1")?;
    find.query_row([name], |row| row.get(0)).optional()
}

/// Drops windows, hours and days that are no longer kept.
///
/// # Errors
/// Whatever SQLite says.
pub fn prune(transaction: &Transaction<'_>, now_us: i64) -> rusqlite::Result<()> {
    for level in [Level::Window, Level::Hour, Level::Day] {
        let before_us = now_us.saturating_sub(level.kept_us());
        transaction.execute("DELETE FROM heat WHERE level = ?1 AND from_us < ?2", [level as i64, before_us])?;
    }
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredHeat> {
    let packed: Vec<u8> = row.get(6)?;
    Ok(StoredHeat {
        from_us: row.get(0)?,
        to_us: row.get(1)?,
        closed: row.get(2)?,
        cell_m: row.get(3)?,
        columns: row.get(4)?,
        rows: row.get(5)?,
        // What cannot be read back was not written by this program: an empty map says so.
        cells: decode(&packed).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const QUARTER_US: i64 = HOUR_US / 4;

    fn quarter(number: i64, cells: &[(u32, u64)]) -> StoredHeat {
        let from_us = number * QUARTER_US;
        let to_us = from_us + QUARTER_US;
        StoredHeat { from_us, to_us, closed: true, cell_m: 2.0, columns: 40, rows: 25, cells: cells.to_vec() }
    }

    /// All rows as bytes, after some quarters were stored in this order.
    fn bytes(order: &[i64], again: bool) -> Vec<(i64, i64, Vec<u8>)> {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        for number in order {
            // Each in a run of its own.
            let mut store_ = Store::open(&path).expect("opens");
            let transaction = store_.connection.transaction().expect("begins");
            for _ in 0..=i64::from(again) {
                store(&transaction, Level::Window, 1, &quarter(*number, &[(3, 10), (*number as u32, 7)]))
                    .expect("stores");
                roll_up(&transaction, 1, number * QUARTER_US).expect("sums");
            }
            transaction.commit().expect("commits");
        }
        let store = Store::open(&path).expect("opens");
        let mut all = store.connection.prepare("SELECT level, from_us, cells FROM heat ORDER BY 1, 2").expect("asks");
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("reads");
        rows.collect::<rusqlite::Result<_>>().expect("rows")
    }

    #[test]
    fn sums_are_the_same_bytes_in_any_order_and_however_often() {
        let order: Vec<i64> = (10..110).collect();
        let once = bytes(&order, false);
        let levels = |level: i64| once.iter().filter(|(at, _, _)| *at == level).count();
        assert_eq!((levels(0), levels(1), levels(2)), (100, 26, 2));
        assert_eq!(bytes(&order.iter().rev().copied().collect::<Vec<_>>(), true), once);
        let day = decode(&once[once.len() - 1].2).expect("reads back");
        assert_eq!(day.iter().map(|(_, person_s)| person_s).sum::<u64>(), 17 * (110 - 96));
    }

    #[test]
    fn each_level_is_kept_for_its_time() {
        let directory = tempfile::tempdir().expect("directory");
        let mut opened = Store::open(&directory.path().join("venue.db")).expect("opens");
        let transaction = opened.connection.transaction().expect("begins");
        for day in 0..1_200 {
            let heat = quarter(day * 96, &[(1, 1)]);
            store(&transaction, Level::Window, 1, &heat).expect("stores");
            roll_up(&transaction, 1, heat.from_us).expect("sums");
        }
        prune(&transaction, 1_200 * DAY_US).expect("prunes");
        let kept = |level| range(&transaction, level, 1, 0, i64::MAX, u32::MAX).expect("reads").len();
        assert_eq!((kept(Level::Window), kept(Level::Hour), kept(Level::Day)), (30, 120, 1_098));
    }

    /// 1 000 cells of which a fifth are filled, as methods (e) reckon, over a whole retention; prints size and time.
    #[test]
    fn a_whole_retention_is_small_and_quick_to_read() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        let mut opened = Store::open(&path).expect("opens");
        let transaction = opened.connection.transaction().expect("begins");
        let cells = |seed: i64, person_s: f64| -> Vec<(u32, u64)> {
            let crowd = (20..25u32).flat_map(|row| (0..40).map(move |column| row * 40 + column));
            let wave = |cell: u32| (1.0 + (f64::from(cell % 40) / 9.0 + seed as f64).sin()) * person_s / 2.0;
            crowd.map(|cell| (cell, wave(cell) as u64 + u64::from(cell * 7_919 % 23))).collect()
        };
        for (level, length_us, count, person_s) in [
            (Level::Window, QUARTER_US, 30 * 96, 180.0),
            (Level::Hour, HOUR_US, 120 * 24, 720.0),
            (Level::Day, DAY_US, 1_096, 17_280.0),
        ] {
            for number in 0..count {
                let from_us = number * length_us;
                let heat = StoredHeat { from_us, to_us: from_us + length_us, ..quarter(0, &cells(number, person_s)) };
                store(&transaction, level, 1, &heat).expect("stores");
            }
        }
        transaction.execute("INSERT INTO place VALUES (1, 'floor', 'ground')", []).expect("a floor");
        transaction.commit().expect("commits");
        let packed: i64 =
            opened.connection.query_row("SELECT sum(length(cells)) FROM heat", [], |row| row.get(0)).expect("sums");
        let ask = |resolution_us| {
            crate::store::query::heat(&opened.connection, "ground", 0, 120 * DAY_US, Some(resolution_us))
                .expect("reads")
        };
        let timed = |resolution_us| {
            let began = std::time::Instant::now();
            (ask(resolution_us).len(), began.elapsed().as_millis())
        };
        let (hours, days) = (timed(HOUR_US), timed(DAY_US));
        println!(
            "{packed} bytes packed; of 120 days {} hours in {} ms, {} days in {} ms",
            hours.0, hours.1, days.0, days.1
        );
        assert!(packed < 3_000_000, "{packed} bytes");
        assert!(hours.0 > 500 && days.0 == 120);
        // Ten times what was measured, and still below what a page waits for.
        assert!(hours.1 < 200 && days.1 < 200, "{} and {} ms", hours.1, days.1);
    }
}
