//! Roll-ups: where people were, how many, and how long they queued.
//!
//! In: heat windows, people, queue states and movements, inside the writer's transaction. Out: rows per heat cell and
//! window, per zone and minute, per queue and minute, per pair of zones and window; and sums of them. It refuses to count anything twice: a heat window is
//! written as a whole, whatever of it was there before. It ignores numbers that are none.
//!
//! A gateway that restarts in the middle of a window starts it at zero again. What an earlier run stored
//! of an unfinished window is therefore read once and added to what this run reports.

use crate::store::heat::{self, Level, StoredHeat};
use crate::store::hours;
use rusqlite::{Transaction, params};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use venue_engine::output::{HeatWindow, Movement, Output, People, QueueState};
use venue_engine::time::{Duration, Timestamp};
use venue_engine::venue::{FloorId, Venue};

/// How often an open heat window is stored and published, event time. The engine may report it more often
/// for the page; flash wear asks for less.
pub const OPEN_HEAT_EVERY: Duration = Duration::from_mins(1);
const MINUTE: Duration = Duration::from_mins(1);
/// The window a floor is in, and the one before it, whose closing report may come after.
const WINDOWS_MAX: usize = 2;

/// What the roll-ups remember between batches.
#[derive(Debug, Default)]
pub struct Rollups {
    /// Database numbers of places; at most one per zone, queue and floor of the venue, plus the venue.
    places: HashMap<(&'static str, String), i64>,
    /// Windows this run has stored, by floor and start; at most `WINDOWS_MAX` per floor.
    heat: BTreeMap<(FloorId, Timestamp), StoredWindow>,
    /// Windows first stored by the transaction that is under way; at most one per floor and batch entry.
    begun: Vec<(FloorId, Timestamp)>,
    /// The hour that minutes are added to; the one before it is summed.
    hour_us: Option<i64>,
}

#[derive(Debug)]
struct StoredWindow {
    /// What earlier runs stored of this window.
    earlier: Vec<(u32, u64)>,
    /// The end it had when it was last stored.
    at: Timestamp,
    /// The latest report that was too early to store.
    overtaken_by: Option<HeatWindow>,
}

impl Rollups {
    /// Whether this heat report is one to store and publish; a report that is not due is kept for `rest`.
    pub fn is_due(&mut self, window: &HeatWindow) -> bool {
        let Some(stored) = self.heat.get_mut(&(window.floor, window.from)) else { return true };
        let due = window.closed || window.to.since(stored.at) >= OPEN_HEAT_EVERY;
        stored.overtaken_by = (!due).then(|| window.clone());
        due
    }

    /// Open windows reported since they were last stored, for the end of the run; each is due now.
    pub fn rest(&mut self) -> Vec<Output> {
        let rest = self.heat.values_mut().filter_map(|stored| {
            stored.at = Timestamp::MIN;
            stored.overtaken_by.take()
        });
        rest.map(Output::Heat).collect()
    }

    /// Adds one output; those that have no roll-up change nothing.
    ///
    /// # Errors
    /// Whatever SQLite says; the transaction must then be rolled back.
    pub fn add(&mut self, transaction: &Transaction<'_>, output: &Output, venue: &Venue) -> rusqlite::Result<()> {
        match output {
            Output::People(people) => self.add_people(transaction, people, venue),
            Output::Queue(state) => self.add_queue(transaction, state, venue),
            Output::Heat(window) => self.add_heat(transaction, window, venue),
            Output::Movement(movement) => self.add_movement(transaction, movement, venue),
            _ => Ok(()),
        }
    }

    /// The transaction is on disk.
    pub fn committed(&mut self) {
        self.begun.clear();
    }

    /// The transaction is undone: forgets the numbers it may have handed out and the windows it began.
    pub fn rolled_back(&mut self) {
        self.places.clear();
        self.hour_us = None;
        for key in self.begun.drain(..) {
            self.heat.remove(&key);
        }
    }

    fn place(&mut self, transaction: &Transaction<'_>, kind: &'static str, name: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.places.get(&(kind, name.to_owned())) {
            return Ok(*id);
        }
        transaction
            .prepare_cached("INSERT OR IGNORE INTO place (kind, name) VALUES (?1, ?2)")?
            .execute([kind, name])?;
        let mut find = transaction.prepare_cached("SELECT id FROM place WHERE kind = ?1 AND name = ?2")?;
        let id = find.query_row([kind, name], |row| row.get(0))?;
        self.places.insert((kind, name.to_owned()), id);
        Ok(id)
    }

    /// Sums the hour before, once minutes of a new one come; of a run that ended too early to, at the next run's start.
    fn turn_hour(&mut self, transaction: &Transaction<'_>, at: Timestamp) -> rusqlite::Result<()> {
        let hour_us = hours::start(at.as_micros());
        if self.hour_us != Some(hour_us) {
            hours::sum_before(transaction, hour_us)?;
            self.hour_us = Some(hour_us);
        }
        Ok(())
    }

    fn add_people(&mut self, transaction: &Transaction<'_>, people: &People, venue: &Venue) -> rusqlite::Result<()> {
        let name = people.zone.map_or("", |zone| venue.zone_name(zone));
        let zone = self.place(transaction, "zone", name)?;
        self.turn_hour(transaction, people.at)?;
        let minute_us = people.at.window_start(MINUTE).as_micros();
        let mut upsert = transaction.prepare_cached(
            "INSERT OR IGNORE INTO people_minute VALUES (?1, ?2, 1, ?3, ?3, ?4) ON CONFLICT DO UPDATE SET
             samples = samples + 1, people_sum = people_sum + excluded.people_sum,
             people_max = max(people_max, excluded.people_max), devices_sum = devices_sum + excluded.devices_sum",
        )?;
        upsert.execute(params![minute_us, zone, people.people, people.devices]).map(drop)
    }

    fn add_queue(&mut self, transaction: &Transaction<'_>, state: &QueueState, venue: &Venue) -> rusqlite::Result<()> {
        let queue = self.place(transaction, "queue", &venue.queues[usize::from(state.queue.0)].name)?;
        self.turn_hour(transaction, state.at)?;
        let minute_us = state.at.window_start(MINUTE).as_micros();
        let mut upsert = transaction.prepare_cached(
            "INSERT OR IGNORE INTO queue_minute VALUES (?1, ?2, 1, ?3, ?3, ?4, ?5, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
             samples = samples + 1, length_sum = length_sum + excluded.length_sum,
             length_max = max(length_max, excluded.length_max), wait_samples = wait_samples + excluded.wait_samples,
             wait_sum_s = wait_sum_s + excluded.wait_sum_s, wait_max_s = max(wait_max_s, excluded.wait_max_s),
             chance_samples = chance_samples + excluded.chance_samples, chance_sum = chance_sum + excluded.chance_sum",
        )?;
        let (wait_s, chance) = (state.wait_s, state.p_wait_over_limit_15min);
        let known = |value: Option<f64>| (i64::from(value.is_some()), value.unwrap_or(0.0));
        let ((waits, wait_s), (chances, chance)) = (known(wait_s), known(chance));
        upsert.execute(params![minute_us, queue, state.length, waits, wait_s, chances, chance]).map(drop)
    }

    fn add_movement(
        &mut self,
        transaction: &Transaction<'_>,
        movement: &Movement,
        venue: &Venue,
    ) -> rusqlite::Result<()> {
        let origin = self.place(transaction, "zone", venue.zone_name(movement.origin))?;
        let destination = self.place(transaction, "zone", venue.zone_name(movement.destination))?;
        hours::add_movement(transaction, (origin, destination), movement)
    }

    fn add_heat(&mut self, transaction: &Transaction<'_>, window: &HeatWindow, venue: &Venue) -> rusqlite::Result<()> {
        let floor = self.place(transaction, "floor", &venue.floors[usize::from(window.floor.0)].name)?;
        let key = (window.floor, window.from);
        let stored = match self.heat.entry(key) {
            Entry::Occupied(stored) => stored.into_mut(),
            Entry::Vacant(place) => {
                self.begun.push(key);
                let earlier = take_up(transaction, window, floor)?;
                place.insert(StoredWindow { earlier, at: window.to, overtaken_by: None })
            }
        };
        stored.at = window.to;
        let mut heat = self::stored(window);
        let earlier = StoredHeat { cells: stored.earlier.clone(), ..heat.clone() };
        heat.add(&earlier);
        heat::store(transaction, Level::Window, floor, &heat)?;
        if window.closed {
            heat::roll_up(transaction, floor, window.from.as_micros())?;
        }
        self.forget_old_windows(window.floor);
        Ok(())
    }

    fn forget_old_windows(&mut self, floor: FloorId) {
        let of_floor = (floor, Timestamp::MIN)..=(floor, Timestamp::MAX);
        let surplus = self.heat.range(of_floor.clone()).count().saturating_sub(WINDOWS_MAX);
        let old: Vec<_> = self.heat.range(of_floor).take(surplus).map(|(key, _)| *key).collect();
        for key in old {
            self.heat.remove(&key);
        }
    }
}

/// What an earlier run stored of a window that never closed, if its cells are those of this run. Windows before it
/// will not change any more: their hour and day are summed, should an earlier run have ended before it could.
fn take_up(transaction: &Transaction<'_>, window: &HeatWindow, floor: i64) -> rusqlite::Result<Vec<(u32, u64)>> {
    if let Some(from_us) = heat::before(transaction, floor, window.from.as_micros())? {
        heat::roll_up(transaction, floor, from_us)?;
    }
    let unfinished = heat::unfinished(transaction, floor, window.from.as_micros())?;
    Ok(unfinished
        .filter(|earlier| earlier.has_cells_of(&stored(window)))
        .map_or_else(Vec::new, |earlier| earlier.cells))
}

fn stored(window: &HeatWindow) -> StoredHeat {
    StoredHeat {
        from_us: window.from.as_micros(),
        to_us: window.to.as_micros(),
        closed: window.closed,
        cell_m: window.cell_m,
        columns: window.columns,
        rows: window.rows,
        cells: window.cells.iter().map(|(cell, person_s)| (*cell, u64::from(*person_s))).collect(),
    }
}

/// Drops roll-ups that are no longer kept: minutes that ended before `before_us`, and heat by its own times.
///
/// # Errors
/// Whatever SQLite says.
pub fn prune(transaction: &Transaction<'_>, before_us: i64, now_us: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM people_minute WHERE minute_us < ?1", [before_us])?;
    transaction.execute("DELETE FROM queue_minute WHERE minute_us < ?1", [before_us])?;
    hours::prune(transaction, before_us, now_us)?;
    heat::prune(transaction, now_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, history, query, samples};
    use std::path::Path;

    fn run(path: &Path, outputs: &[Output]) {
        let mut store = Store::open(path).expect("opens");
        let (venue, mut rollups) = (samples::venue(), Rollups::default());
        for output in outputs {
            if matches!(output, Output::Heat(window) if !rollups.is_due(window)) {
                continue;
            }
            let transaction = store.connection.transaction().expect("begins");
            rollups.add(&transaction, output, &venue).expect("adds");
            transaction.commit().expect("commits");
        }
    }

    fn check(runs: &[&[Output]], cells: &[(u32, u64)]) {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        runs.iter().for_each(|outputs| run(&path, outputs));
        let store = Store::open(&path).expect("reopens");
        let heat = query::heat(&store.connection, "ground", 0, i64::MAX, None).expect("reads");
        let found: Vec<(u32, u64)> = heat.iter().flat_map(|window| window.cells.clone()).collect();
        assert_eq!(found, cells);
    }

    #[test]
    fn a_window_is_stored_as_last_reported() {
        check(&[&[samples::heat(0, false, &[(1, 5)]), samples::heat(0, true, &[(1, 9), (7, 2)])]], &[(1, 9), (7, 2)]);
    }

    #[test]
    fn a_restart_in_the_middle_of_a_window_loses_nothing() {
        let before: &[Output] = &[samples::heat(0, false, &[(1, 5), (2, 1)])];
        let after: &[Output] = &[samples::heat(0, false, &[(1, 3)]), samples::heat(0, true, &[(1, 4), (7, 2)])];
        check(&[before, after], &[(1, 9), (2, 1), (7, 2)]);
    }

    #[test]
    fn a_closed_window_seen_again_replaces_the_old_one() {
        let same: &[Output] = &[samples::heat(0, true, &[(1, 5)])];
        check(&[same, same], &[(1, 5)]);
    }

    #[test]
    fn open_windows_are_stored_once_a_minute_and_at_the_end() {
        let mut rollups = Rollups::default();
        let directory = tempfile::tempdir().expect("directory");
        let mut store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let report = |to_s: i64| {
            let Output::Heat(window) = samples::heat(0, false, &[(1, to_s as u32)]) else { panic!("heat") };
            HeatWindow { to: samples::second(to_s), ..window }
        };
        let mut stored = Vec::new();
        for to_s in [10, 20, 69, 70, 80] {
            if rollups.is_due(&report(to_s)) {
                let transaction = store.connection.transaction().expect("begins");
                rollups.add(&transaction, &Output::Heat(report(to_s)), &samples::venue()).expect("adds");
                transaction.commit().expect("commits");
                stored.push(to_s);
            }
        }
        assert_eq!(stored, [10, 70]);
        assert_eq!(rollups.rest(), [Output::Heat(report(80))]);
        assert_eq!(rollups.rest(), []);
    }

    #[test]
    fn minutes_keep_sums_and_maxima_over_a_restart() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        run(&path, &[samples::people(5, Some(0), 4.0), samples::queue(5, 2.0)]);
        run(&path, &[samples::people(59, Some(0), 8.0), samples::queue(59, 6.0), samples::people(60, Some(0), 1.0)]);
        let store = Store::open(&path).expect("reopens");
        let people = history::people(&store.connection, Some("bar"), (0, i64::MAX), 0).expect("reads");
        let told: Vec<_> = people.iter().map(|m| (m.from_us, m.samples, m.people_mean, m.people_max)).collect();
        assert_eq!(told, [(0, 2, 6.0, 8.0), (60_000_000, 1, 1.0, 1.0)]);
        let queue = history::queue(&store.connection, "bar", (0, i64::MAX), 0).expect("reads");
        let told: Vec<_> = queue.iter().map(|m| (m.length_mean, m.length_max, m.wait_mean_s, m.wait_max_s)).collect();
        assert_eq!(told, [(4.0, 6.0, Some(240.0), Some(360.0))]);
    }
}
