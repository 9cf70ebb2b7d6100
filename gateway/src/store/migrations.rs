//! The database's shape, as steps forward.
//!
//! In: a connection to a database of any earlier version. Out: the same database at the newest version.
//! `PRAGMA user_version` counts the steps taken; each step runs in its own transaction together with its
//! number, so a power cut leaves either the old shape or the new one. It refuses databases of a newer
//! program: there are no steps back. A released step is never edited; a change is a new step.

use rusqlite::Connection;

/// Steps in order; the version of a database is how many of them it has seen.
pub const MIGRATIONS: &[&str] = &[FIRST, DECISIONS, TILLS, HEAT_SUMS, LEDGER, HISTORY];

/// The version that has hours and days of heat.
pub const HEAT_SUMS_SINCE: i64 = 4;

/// Hot tables are clustered by time, so that writes go to few pages at the end and a range of time reads
/// straight through; none has a second index in random order (measured: 22 times slower, 50 times the wear).
/// Places are kept by name and numbered here, because numbers in a floor plan change when it is edited.
const FIRST: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE place (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name)
) STRICT;

CREATE TABLE heat_window (
    from_us INTEGER NOT NULL, floor INTEGER NOT NULL, to_us INTEGER NOT NULL, closed INTEGER NOT NULL,
    cell_m REAL NOT NULL, columns INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (from_us, floor)
) STRICT, WITHOUT ROWID;
CREATE TABLE heat_cell (
    from_us INTEGER NOT NULL, floor INTEGER NOT NULL, cell INTEGER NOT NULL, person_s INTEGER NOT NULL,
    PRIMARY KEY (from_us, floor, cell)
) STRICT, WITHOUT ROWID;
CREATE TABLE people_minute (
    minute_us INTEGER NOT NULL, zone INTEGER NOT NULL, samples INTEGER NOT NULL,
    people_sum REAL NOT NULL, people_max REAL NOT NULL, devices_sum REAL NOT NULL,
    PRIMARY KEY (minute_us, zone)
) STRICT, WITHOUT ROWID;
CREATE TABLE queue_minute (
    minute_us INTEGER NOT NULL, queue INTEGER NOT NULL, samples INTEGER NOT NULL,
    length_sum REAL NOT NULL, length_max REAL NOT NULL,
    wait_samples INTEGER NOT NULL, wait_sum_s REAL NOT NULL, wait_max_s REAL NOT NULL,
    PRIMARY KEY (minute_us, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE attendee (
    attendee TEXT PRIMARY KEY, language TEXT NOT NULL, beacon TEXT, joined_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE voucher (
    voucher TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, attendee TEXT NOT NULL, campaign TEXT NOT NULL,
    stand TEXT NOT NULL, text TEXT NOT NULL, percent REAL NOT NULL,
    issued_at_us INTEGER NOT NULL, expires_at_us INTEGER NOT NULL, score REAL NOT NULL, propensity REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('issued', 'redeemed', 'expired')),
    redeemed_at_us INTEGER, till TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX voucher_attendee ON voucher (attendee, issued_at_us);
CREATE INDEX voucher_open ON voucher (expires_at_us) WHERE state = 'issued';
CREATE TABLE redemption_request (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, code TEXT NOT NULL, voucher TEXT NOT NULL,
    outcome TEXT NOT NULL, outcome_at_us INTEGER
) STRICT;
CREATE INDEX redemption_request_voucher ON redemption_request (voucher);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, state INTEGER NOT NULL, retained INTEGER NOT NULL, topic TEXT NOT NULL,
    kind TEXT NOT NULL, at_us INTEGER NOT NULL, expires_at_us INTEGER, payload TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_state ON outbox (topic) WHERE state = 1;
CREATE TABLE outbox_total (
    one INTEGER PRIMARY KEY CHECK (one = 1), next_id INTEGER NOT NULL, waiting INTEGER NOT NULL,
    bytes INTEGER NOT NULL, event_us INTEGER
) STRICT;
INSERT INTO outbox_total VALUES (1, 1, 0, 0, NULL);
";

/// Decisions about offers and what they taught; totals of campaigns that outlive pruning and forgetting.
const DECISIONS: &str = "
CREATE TABLE decision (
    id INTEGER PRIMARY KEY, body TEXT NOT NULL, outcome_at_us INTEGER, redeemed INTEGER, came TEXT
) STRICT;
CREATE TABLE learned (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE campaign_total (
    campaign TEXT PRIMARY KEY, issued INTEGER NOT NULL, redeemed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO campaign_total SELECT campaign, count(*), sum(state = 'redeemed') FROM voucher GROUP BY campaign;
ALTER TABLE voucher ADD COLUMN decision INTEGER;
";

/// Vouchers a till is about to redeem, and vouchers withdrawn with their holders.
const TILLS: &str = "
CREATE TABLE voucher_hold (
    voucher TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, till TEXT NOT NULL, until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revocation (
    voucher TEXT PRIMARY KEY, attendee TEXT NOT NULL, at_us INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_attendee ON revocation (attendee);
";

/// Heat maps get hours and days, and one row a window: at 15 minutes, a row a cell takes ten times the space. Cells
/// of before are packed as pairs (`heat_cells`), because SQL can do no better.
const HEAT_SUMS: &str = "
CREATE TABLE heat (
    level INTEGER NOT NULL, floor INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
    closed INTEGER NOT NULL, cell_m REAL NOT NULL, columns INTEGER NOT NULL, rows INTEGER NOT NULL,
    cells BLOB NOT NULL,
    PRIMARY KEY (level, floor, from_us)
) STRICT, WITHOUT ROWID;
INSERT INTO heat SELECT 0, w.floor, w.from_us, w.to_us, w.closed, w.cell_m, w.columns, w.rows,
    unhex('00' || coalesce((SELECT group_concat(printf('%08X%08X', c.cell, c.person_s), '' ORDER BY c.cell)
        FROM heat_cell AS c WHERE c.from_us = w.from_us AND c.floor = w.floor), ''))
    FROM heat_window AS w;
DROP TABLE heat_cell;
DROP TABLE heat_window;
";

/// Vouchers get a number of their own: the two indexes in random order, by code and by attendee, then hold it in
/// place of the 32 digits of the identity, which halves what a burst of offers writes. Decisions are counted.
const LEDGER: &str = "
CREATE TABLE voucher_numbered (
    number INTEGER PRIMARY KEY, voucher TEXT NOT NULL UNIQUE, code TEXT NOT NULL UNIQUE, attendee TEXT NOT NULL,
    campaign TEXT NOT NULL, stand TEXT NOT NULL, text TEXT NOT NULL, percent REAL NOT NULL,
    issued_at_us INTEGER NOT NULL, expires_at_us INTEGER NOT NULL, score REAL NOT NULL, propensity REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('issued', 'redeemed', 'expired')),
    redeemed_at_us INTEGER, till TEXT, decision INTEGER
) STRICT;
INSERT INTO voucher_numbered (voucher, code, attendee, campaign, stand, text, percent, issued_at_us, expires_at_us,
    score, propensity, state, redeemed_at_us, till, decision)
    SELECT voucher, code, attendee, campaign, stand, text, percent, issued_at_us, expires_at_us, score, propensity,
    state, redeemed_at_us, till, decision FROM voucher ORDER BY issued_at_us, voucher;
DROP TABLE voucher;
ALTER TABLE voucher_numbered RENAME TO voucher;
CREATE INDEX voucher_attendee ON voucher (attendee, issued_at_us);
CREATE INDEX voucher_open ON voucher (expires_at_us) WHERE state = 'issued';
ALTER TABLE outbox_total ADD COLUMN decisions INTEGER NOT NULL DEFAULT 0;
UPDATE outbox_total SET decisions = (SELECT count(*) FROM decision);
CREATE TABLE campaign_version (
    version INTEGER PRIMARY KEY, campaign TEXT NOT NULL, at_us INTEGER NOT NULL, who TEXT NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('added', 'changed', 'removed', 'imported')), body TEXT
) STRICT;
CREATE INDEX campaign_version_campaign ON campaign_version (campaign, version);
";

/// Hours of people and queues, clustered by place, because a season of one place is what a page draws; what queues
/// were forecast to become; and movements, by window and by day.
const HISTORY: &str = "
ALTER TABLE queue_minute ADD COLUMN chance_samples INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue_minute ADD COLUMN chance_sum REAL NOT NULL DEFAULT 0;
CREATE TABLE people_hour (
    zone INTEGER NOT NULL, hour_us INTEGER NOT NULL, samples INTEGER NOT NULL,
    people_sum REAL NOT NULL, people_max REAL NOT NULL, devices_sum REAL NOT NULL,
    PRIMARY KEY (zone, hour_us)
) STRICT, WITHOUT ROWID;
CREATE TABLE queue_hour (
    queue INTEGER NOT NULL, hour_us INTEGER NOT NULL, samples INTEGER NOT NULL,
    length_sum REAL NOT NULL, length_max REAL NOT NULL,
    wait_samples INTEGER NOT NULL, wait_sum_s REAL NOT NULL, wait_max_s REAL NOT NULL,
    chance_samples INTEGER NOT NULL, chance_sum REAL NOT NULL,
    PRIMARY KEY (queue, hour_us)
) STRICT, WITHOUT ROWID;
INSERT INTO people_hour SELECT zone, minute_us - minute_us % 3600000000, sum(samples), sum(people_sum),
    max(people_max), sum(devices_sum) FROM people_minute GROUP BY 1, 2;
INSERT INTO queue_hour SELECT queue, minute_us - minute_us % 3600000000, sum(samples), sum(length_sum),
    max(length_max), sum(wait_samples), sum(wait_sum_s), max(wait_max_s), 0, 0 FROM queue_minute GROUP BY 1, 2;
CREATE TABLE movement (
    from_us INTEGER NOT NULL, origin INTEGER NOT NULL, destination INTEGER NOT NULL,
    people REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, windows INTEGER NOT NULL,
    PRIMARY KEY (from_us, origin, destination)
) STRICT, WITHOUT ROWID;
CREATE TABLE movement_day (
    from_us INTEGER NOT NULL, origin INTEGER NOT NULL, destination INTEGER NOT NULL,
    people REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, windows INTEGER NOT NULL,
    PRIMARY KEY (from_us, origin, destination)
) STRICT, WITHOUT ROWID;
";

/// The version this program writes.
pub fn newest() -> i64 {
    MIGRATIONS.len() as i64
}

/// The version a database has.
///
/// # Errors
/// When the file cannot be read as a database.
pub fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes the steps a database has not seen. The caller has refused newer databases.
///
/// # Errors
/// Whatever SQLite says; the steps before the failing one stay taken.
pub fn forward(connection: &mut Connection) -> rusqlite::Result<()> {
    let seen = usize::try_from(version(connection)?).unwrap_or(0);
    for (index, step) in MIGRATIONS.iter().enumerate().skip(seen) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_of_the_first_version_is_kept() {
        let mut connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(FIRST).expect("the first step");
        connection.pragma_update(None, "user_version", 1).expect("numbered");
        connection
            .execute_batch(
                "INSERT INTO heat_window VALUES (0, 7, 900000000, 1, 2.0, 20, 12), (900000000, 7, 1800000000, 1, 2.0, 20, 12);
                 INSERT INTO heat_cell VALUES (0, 7, 5, 256), (0, 7, 6, 1);",
            )
            .expect("rows of before");
        forward(&mut connection).expect("forward");
        let transaction = connection.transaction().expect("begins");
        crate::store::heat::roll_up_all(&transaction).expect("sums");
        let read = |level| crate::store::heat::range(&transaction, level, 7, 0, i64::MAX, 10).expect("reads");
        use crate::store::heat::Level;
        assert_eq!((read(Level::Window).len(), read(Level::Hour).len(), read(Level::Day).len()), (2, 1, 1));
        assert_eq!(read(Level::Day)[0].cells, [(5, 256), (6, 1)]);
    }

    #[test]
    fn steps_are_taken_once_and_numbered() {
        let mut connection = Connection::open_in_memory().expect("memory");
        assert_eq!(version(&connection).expect("version"), 0);
        forward(&mut connection).expect("first time");
        assert_eq!(version(&connection).expect("version"), newest());
        forward(&mut connection).expect("nothing left to do");
    }
}
