//! Tests of the writer thread: what is on disk and what is told, over restarts and full disks.

use super::*;
use crate::store::RefusalReason;
use crate::store::{history, query, samples};

/// A store in a directory of its own, with its thread.
struct Rig {
    directory: tempfile::TempDir,
    handle: StoreHandle,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let (handle, thread) = Self::start(directory.path(), None);
        Self { directory, handle, thread: Some(thread) }
    }

    /// The same, on a disk with room for so many pages of 4 KB.
    fn with_pages(pages: i64) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let (handle, thread) = Self::start(directory.path(), Some(pages));
        Self { directory, handle, thread: Some(thread) }
    }

    fn start(directory: &Path, pages: Option<i64>) -> (StoreHandle, JoinHandle<()>) {
        let store = Store::open(&directory.join("venue.db")).expect("opens");
        if let Some(pages) = pages {
            store.connection.pragma_update(None, "max_page_count", pages).expect("limits");
        }
        let venue = Arc::new(samples::venue());
        StoreHandle::spawn(store, venue.clone(), Arc::new(Live::new(venue)))
    }

    fn stop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("ends well");
        }
    }

    fn restart(&mut self) {
        self.stop();
        let (handle, thread) = Self::start(self.directory.path(), None);
        (self.handle, self.thread) = (handle, Some(thread));
    }

    fn reader(&self) -> Connection {
        crate::store::open_reader(&self.directory.path().join("venue.db")).expect("opens")
    }

    fn topics(&self) -> Vec<String> {
        let rows = crate::store::outbox::rows_after(&self.reader(), 0).expect("reads");
        rows.into_iter().map(|row| row.topic.trim_start_matches("venue/arena/").to_owned()).collect()
    }

    fn redeem(&self, request_id: &str, at_s: i64) -> Result<Redemption, StoreError> {
        let at_us = samples::second(at_s).as_micros();
        let request = RedeemRequest {
            code: "AA".into(),
            voucher: None,
            till: "bar".into(),
            request_id: request_id.into(),
            at_us,
        };
        self.handle.inbox.ask_blocking(|reply| Request::Redeem(request, reply))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.handle.close();
    }
}

#[test]
fn a_batch_is_on_disk_before_flush_returns_and_survives_a_restart() {
    let mut rig = Rig::new();
    rig.handle.outputs(vec![samples::people(5, None, 4.0), samples::offer(5, "aa"), samples::queue(5, 2.0)]);
    rig.handle.flush_blocking().expect("stored");
    let expected = ["zone/_venue/occupancy", "attendee/mia/offer", "voucher/aa", "queue/bar/state"];
    assert_eq!(rig.topics(), expected);
    let id = rig.handle.outbox().message_id("hub", 1);
    rig.restart();
    assert_eq!(rig.topics(), expected);
    assert_eq!(rig.handle.counts().outbox_waiting, 4);
    assert_eq!(rig.handle.outbox().message_id("hub", 1), id);
    assert_eq!(rig.handle.event_time_us(), 5_000_000);
    let people = history::people(&rig.reader(), None, (0, i64::MAX), 0).expect("reads");
    assert_eq!(people[0].people_mean, 4.0);
}

#[test]
fn sums_equal_the_engine_s_over_restarts_and_the_last_open_window_is_kept() {
    let mut rig = Rig::new();
    rig.handle.outputs(vec![samples::heat(0, false, &[(1, 10)])]);
    // Not due for storing, but the run ends with it.
    rig.handle.outputs(vec![samples::heat(0, false, &[(1, 20), (2, 5)])]);
    rig.restart();
    rig.handle.outputs(vec![samples::heat(0, true, &[(1, 7)]), samples::heat(900, true, &[(3, 1)])]);
    rig.stop();
    let windows = query::heat(&rig.reader(), "ground", 0, i64::MAX, None).expect("reads");
    let cells: Vec<_> = windows.into_iter().map(|window| window.cells).collect();
    assert_eq!(cells, [vec![(1, 27), (2, 5)], vec![(3, 1)]]);
}

#[test]
fn an_offer_is_redeemed_once_also_after_a_restart() {
    let mut rig = Rig::new();
    rig.handle.outputs(vec![samples::offer(5, "aa")]);
    let first = rig.redeem("r1", 10).expect("answered");
    assert!(matches!(first, Redemption::Redeemed { .. }), "{first:?}");
    rig.restart();
    assert_eq!(rig.redeem("r1", 11).expect("answered"), first);
    let again = Redemption::Refused(RefusalReason::AlreadyRedeemed { at_us: 10_000_000 });
    assert_eq!(rig.redeem("r2", 12).expect("answered"), again);
    let topics = rig.topics();
    assert_eq!(topics, ["attendee/mia/offer", "voucher/aa", "voucher/aa", "voucher/aa"], "issued, redeemed, refused");
}

#[test]
fn the_same_offer_twice_is_told_once() {
    let rig = Rig::new();
    rig.handle.outputs(vec![samples::offer(5, "aa"), samples::offer(5, "aa")]);
    rig.handle.flush_blocking().expect("stored");
    rig.handle.outputs(vec![samples::offer(5, "aa"), samples::alert(5)]);
    rig.handle.flush_blocking().expect("stored");
    assert_eq!(rig.handle.counts().offers_repeated, 2);
    assert_eq!(rig.topics(), ["attendee/mia/offer", "voucher/aa", "alert/queue-over-limit"]);
}

#[test]
fn vouchers_expire_by_event_time() {
    let rig = Rig::new();
    rig.handle.outputs(vec![samples::offer(5, "aa")]);
    rig.handle.flush_blocking().expect("stored");
    rig.handle.event_time(samples::second(366).as_micros());
    rig.handle.flush_blocking().expect("stored");
    let rows = crate::store::outbox::rows_after(&rig.reader(), 2).expect("reads");
    assert!(rows[0].payload.contains("\"state\":\"expired\""), "{}", rows[0].payload);
    assert_eq!(rows[0].at_us, 305_000_000);
}

#[test]
fn delivered_rows_leave_and_forgotten_people_too() {
    let rig = Rig::new();
    rig.handle.outputs(vec![samples::alert(1), samples::offer(5, "aa"), samples::alert(2)]);
    rig.handle.flush_blocking().expect("stored");
    rig.handle.outbox().delete(1);
    rig.handle.flush_blocking().expect("stored");
    assert!(!crate::store::outbox::holds(&rig.reader(), 1));
    assert!(rig.handle.inbox.ask_blocking(|reply| Request::Forget("mia".into(), reply)).expect("erased"));
    assert_eq!(rig.topics(), ["voucher/aa", "alert/queue-over-limit"]);
    let files = std::fs::read_dir(rig.directory.path()).expect("lists");
    for file in files.map(|entry| entry.expect("entry").path()) {
        let bytes = std::fs::read(&file).expect("reads");
        assert!(!bytes.windows(5).any(|five| five == b"\"mia\""), "{} still names mia", file.display());
    }
}

#[test]
fn a_full_disk_stops_no_live_figure_and_loses_no_event() {
    let rig = Rig::with_pages(45);
    for at_s in 0..200 {
        rig.handle.outputs(vec![samples::alert(at_s)]);
    }
    while rig.handle.flush_blocking().is_ok() {
        rig.handle.outputs((0..20).map(samples::alert).collect());
    }
    let told = rig.handle.inbox.ask_blocking(Request::Flush).expect_err("still full").to_string();
    assert!(told.contains("the disk is full; free some space"), "{told}");
    let full = rig.handle.counts();
    assert!(full.disk_full > 0 && full.events_held > 0 && full.events_lost == 0, "{full:?}");
    let waiting = full.outbox_waiting + full.events_held;
    // Deliveries make room, and the held events follow by themselves.
    for id in 1..=60 {
        rig.handle.outbox().delete(id);
    }
    rig.handle.flush_blocking().expect("room again");
    let after = rig.handle.counts();
    assert_eq!((after.events_held, after.events_lost, after.outbox_waiting), (0, 0, waiting - 60));
}

#[test]
fn after_closing_everything_is_refused_and_nothing_hangs() {
    let mut rig = Rig::new();
    rig.stop();
    rig.handle.outputs(vec![samples::alert(1)]);
    assert_eq!(rig.handle.inbox.ask_blocking(Request::Flush), Err(StoreError::Closed));
    assert_eq!(rig.handle.counts().events_lost, 1);
}
