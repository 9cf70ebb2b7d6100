//! Heat for the pages.
//!
//! In: a connection (a second one that only reads, so that no page waits for the writer) and a range of
//! event time. Out: heat windows, oldest first. It refuses to return more rows than a page can draw: each list
//! has a limit, and the newest within the range win.

use crate::store::heat::{self, Level, StoredHeat};
use rusqlite::Connection;

/// Heat windows in one answer: 30 days of quarter hours, 120 days of hours, three years of days.
pub const WINDOWS_MAX: u32 = 120 * 24;
/// Cells in one answer over all windows; 40 bytes each in JSON make 8 MB, what a page loads in a second.
pub const CELLS_MAX: u32 = 200_000;

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
