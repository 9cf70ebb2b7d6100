//! SQLite: what must outlive a power cut.
//!
//! In: engine outputs in batches, redemptions, opt-ins. Out: roll-ups for the pages, the voucher ledger,
//! and the outbox that MQTT empties. One thread writes (`writer`), one transaction per batch holds the
//! roll-ups, the ledger and the outbox rows; only after its commit do the pages and MQTT hear of it.
//! It refuses a database that is damaged, newer than this program, or in use by another process.
//!
//! The journal is a write-ahead log with `synchronous=FULL`: each commit is synced. `NORMAL` would be
//! cheaper, but after a power cut it may forget the last commits, and then a voucher already told to an
//! attendee, or redeemed at a till, would be unknown. The price is bounded because outputs are committed
//! in batches, at most ten a second without redemptions; an SD card syncs in 5 to 50 ms.

pub mod books;
pub mod campaigns;
#[cfg(test)]
mod crash_tests;
pub mod decisions;
pub mod heat;
pub mod heat_cells;
pub mod history;
pub mod hours;
pub mod inbox;
pub mod ledger;
pub mod migrations;
pub mod outbox;
pub mod query;
pub mod redemption;
pub mod results;
pub mod rollups;
#[cfg(test)]
pub mod samples;
pub mod settle;
pub mod writer;

pub use inbox::StoreCounts;
pub use ledger::{Attendee, Join, OfferRow};
pub use outbox::{OutboxHandle, OutboxRow};
pub use redemption::{RedeemRequest, Redemption, RefusalReason};
pub use writer::StoreHandle;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// How far back minutes of people and queues, ended vouchers and answered requests are kept, days of event time: a season.
/// At 64 zones and 16 queues the minutes of 92 days take about 0.4 GB.
pub const RETENTION_DAYS: i64 = 92;
/// A larger database is checked at start in its small tables only: a board's eMMC reads 100 MB/s, and
/// nobody waits longer than a few seconds for a restart.
const FULL_CHECK_BYTES_MAX: u64 = 256 << 20;

/// Pages the writer keeps in memory at most, KiB; it takes them as it needs them.
const CACHE_KIB: i64 = 16 << 10;

/// Pages of 4 KiB in the write-ahead log before they are folded into the database.
const LOG_PAGES: i64 = 8 << 10;

/// An open database that nobody else writes.
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Drawn when the database was made; part of every message identity, so that a fresh database,
    /// which counts from one again, never repeats an identity of the old one.
    pub(crate) instance: String,
    pub(crate) totals: outbox::Totals,
    /// Held while the store is open; the system lets go of it when the process ends, however it ends.
    pub(crate) lock: File,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the database file, making it and its directory when they are missing.
    ///
    /// # Errors
    /// Each with what to do: no directory, in use, damaged, newer than this program, disk full.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)
                .map_err(|error| StoreError::Directory { path: directory.into(), reason: error.to_string() })?;
        }
        let lock = lock(path)?;
        let mut connection = Connection::open(path).map_err(|error| StoreError::from_sqlite(path, "open", &error))?;
        prepare(&mut connection, path)?;
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, "read", &error);
        let instance = instance(&connection).map_err(failed)?;
        let totals = outbox::Totals::read(&connection).map_err(failed)?;
        Ok(Self { connection, path: path.into(), instance, totals, lock })
    }
}

/// A connection that can only read, for pages and for the publisher.
///
/// # Errors
/// The database cannot be opened.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(connection)
    });
    opened.map_err(|error| StoreError::from_sqlite(path, "open", &error))
}

/// Why the store cannot do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The directory is missing and cannot be made.
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Another process has the database open.
    Locked {
        /// Which database.
        path: PathBuf,
    },
    /// The file is not a sound database.
    Corrupt {
        /// Which database.
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// The database was written by a newer program.
    Newer {
        /// Which database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// No space is left; nothing stored was damaged.
    DiskFull {
        /// Which database.
        path: PathBuf,
    },
    /// Anything else that SQLite or the system refused.
    Failed {
        /// Which database.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        reason: String,
    },
    /// Too many requests wait; ask again in a second.
    Busy,
    /// The store has been closed.
    Closed,
    /// The request itself cannot be stored.
    Refused(String),
}

impl StoreError {
    /// What an SQLite error means for people.
    pub(crate) fn from_sqlite(path: &Path, doing: &'static str, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            _ => Self::Failed { path, doing, reason },
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut at = |path: &Path, told: fmt::Arguments<'_>| write!(f, "{}: {told}", path.display());
        match self {
            Self::Directory { path, reason } => {
                at(path, format_args!("cannot make this directory ({reason}); make it, or give a writable one"))
            }
            Self::Locked { path } => {
                at(path, format_args!("in use by another process; stop it, or give this gateway its own directory"))
            }
            Self::Corrupt { path, reason } => {
                let mend = "move it and its -wal file away and start again, a new one will be made";
                at(path, format_args!("not a sound database ({reason}); {mend}"))
            }
            Self::Newer { path, found, known } => {
                let mend = "run the newer program, or give another directory";
                at(path, format_args!("has version {found}, this program knows up to {known}; {mend}"))
            }
            Self::DiskFull { path } => {
                at(path, format_args!("the disk is full; free some space, the gateway goes on by itself"))
            }
            Self::Failed { path, doing, reason } => at(path, format_args!("cannot {doing} the database: {reason}")),
            Self::Busy => f.write_str("the store has too much to do; try again in a second"),
            Self::Closed => f.write_str("the store is closed; the gateway is stopping"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for StoreError {}

/// Takes the lock file beside the database. Not SQLite's own exclusive mode, because pages read through a
/// second connection.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull { path: path.into() },
        _ => StoreError::Failed { path: lock_path.clone(), doing: "lock", reason: error.to_string() },
    };
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.into() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |doing| move |error: rusqlite::Error| StoreError::from_sqlite(path, doing, &error);
    set_pragmas(connection).map_err(failed("open"))?;
    let found = migrations::version(connection).map_err(failed("read"))?;
    if found > migrations::newest() {
        return Err(StoreError::Newer { path: path.into(), found, known: migrations::newest() });
    }
    check_integrity(connection, path)?;
    migrations::forward(connection).map_err(failed("update"))?;
    if (1..migrations::HEAT_SUMS_SINCE).contains(&found) {
        sum_heat(connection).map_err(failed("update"))?;
    }
    Ok(())
}

fn sum_heat(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    heat::roll_up_all(&transaction)?;
    transaction.commit()
}

fn set_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The hot pages of a burst of offers: with the 2 MB of the default each is read and written many times over.
    connection.pragma_update(None, "cache_size", CACHE_KIB.saturating_neg())?;
    // Erased people must not survive in free space of pages that are written anyway.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    // Pages that a burst changes again and again go to the database once for several transactions.
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // After a burst the log shrinks back to this many bytes.
    connection.pragma_update(None, "journal_size_limit", 16 << 20)
}

fn check_integrity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let size_bytes = std::fs::metadata(path).map_or(0, |found| found.len());
    let small = ["meta", "place", "attendee", "voucher", "redemption_request"];
    let all = ["1"];
    let parts: &[&str] = if size_bytes <= FULL_CHECK_BYTES_MAX { &all } else { &small };
    for part in parts {
        let verdict = connection.query_row(&format!("PRAGMA quick_check({part})"), [], |row| row.get::<_, String>(0));
        match verdict {
            Ok(verdict) if verdict == "ok" => {}
            Ok(reason) => return Err(StoreError::Corrupt { path: path.into(), reason }),
            Err(error) => return Err(StoreError::from_sqlite(path, "check", &error)),
        }
    }
    Ok(())
}

fn instance(connection: &Connection) -> rusqlite::Result<String> {
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('instance', lower(hex(randomblob(6))))", [])?;
    connection.query_row("SELECT value FROM meta WHERE key = 'instance'", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        Store::open(path).expect_err("refused").to_string().replace(&path.display().to_string(), "DB")
    }

    #[test]
    fn an_identity_outlives_reopening_and_differs_between_databases() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("new/deep/venue.db");
        let first = Store::open(&path).expect("made with its directories").instance;
        assert_eq!(first, Store::open(&path).expect("reopened").instance);
        assert_ne!(first, Store::open(&directory.path().join("other.db")).expect("made").instance);
    }

    #[test]
    fn a_second_opener_is_told_who_is_in_the_way() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        let _open = Store::open(&path).expect("first");
        assert_eq!(refusal(&path), "DB: in use by another process; stop it, or give this gateway its own directory");
    }

    #[test]
    fn what_is_not_a_database_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        let text = "this is a letter, not a database. ".repeat(100);
        std::fs::write(&path, &text).expect("written");
        assert!(refusal(&path).starts_with("DB: not a sound database"), "{}", refusal(&path));
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), text);
    }

    #[test]
    fn a_damaged_page_is_found_at_start() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        drop(Store::open(&path).expect("made"));
        let mut bytes = std::fs::read(&path).expect("read");
        let end = bytes.len();
        bytes[4096..end].fill(0xa5);
        std::fs::write(&path, bytes).expect("damaged");
        assert!(refusal(&path).contains("not a sound database"), "{}", refusal(&path));
    }

    #[test]
    fn a_newer_database_is_not_touched() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("venue.db");
        let store = Store::open(&path).expect("made");
        store.connection.pragma_update(None, "user_version", 99).expect("set");
        drop(store);
        assert_eq!(
            refusal(&path),
            format!(
                "DB: has version 99, this program knows up to {}; run the newer program, or give another directory",
                migrations::newest()
            )
        );
    }

    #[test]
    fn a_file_in_the_directory_s_place_is_named() {
        let directory = tempfile::tempdir().expect("directory");
        std::fs::write(directory.path().join("file"), "x").expect("written");
        let told = Store::open(&directory.path().join("file/venue.db")).expect_err("refused").to_string();
        assert!(told.contains("file: cannot make this directory"), "{told}");
    }
}
