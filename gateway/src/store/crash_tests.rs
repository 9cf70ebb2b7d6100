//! Power cuts at any moment, and many tills at once: nothing acknowledged is lost, nothing is spent twice.
//!
//! In: a second process of this test that issues and redeems and says what was acknowledged, killed at a
//! random moment. Out: a failure where the database it leaves behind does not hold what it said.
//! `VENUE_KILLS` sets how often; CI does it a few times, a full run a hundred.

use crate::live::Live;
use crate::store::{RedeemRequest, Redemption, Store, StoreHandle, samples};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use venue_engine::output::{Offer, Output};

/// Says to the second process where its database is.
const FOLDER: &str = "VENUE_KILLED_FOLDER";
/// Name of the second process's test, as the harness knows it.
const CHILD: &str = "store::crash_tests::the_process_that_is_killed";
const KILLS: u32 = 6;

fn open(folder: &Path) -> (StoreHandle, std::thread::JoinHandle<()>) {
    let venue = Arc::new(samples::venue());
    let store = Store::open(&folder.join("venue.db")).expect("opens");
    StoreHandle::spawn(store, venue.clone(), Arc::new(Live::new(venue)))
}

fn offer(name: &str) -> Output {
    let Output::Offer(offer) = samples::offer(0, name) else { panic!("an offer") };
    Output::Offer(Offer { attendee: format!("guest {name}").into(), ..offer })
}

fn request(code: &str, request_id: &str) -> RedeemRequest {
    let (code, till, request_id) = (code.to_uppercase(), "bar".to_owned(), request_id.to_owned());
    RedeemRequest { code, voucher: None, till, request_id, at_us: 1_000_000 }
}

/// Issues and redeems until it is killed; does nothing unless another test started it.
#[test]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (store, _thread) = open(Path::new(&folder));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let say = |words: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{words}").and_then(|()| out.flush()).expect("heard");
    };
    say(String::new());
    let run = std::process::id();
    for number in 0_u64.. {
        let name = format!("{run}n{number}");
        store.outputs(vec![offer(&name)]);
        store.flush_blocking().expect("stored");
        say(format!("issued {name}"));
        if number % 2 == 0 {
            let answer = runtime.block_on(store.redeem(request(&name, &name))).expect("answered");
            assert!(matches!(answer, Redemption::Redeemed { .. }), "{answer:?}");
            say(format!("redeemed {name}"));
        }
    }
}

/// Starts it, kills it so long after its first word, and gives what it said. Nothing tells the killer what the
/// process is doing, so the kill falls anywhere in a commit.
fn killed(folder: &Path, after: Duration) -> Vec<String> {
    let program = std::env::current_exe().expect("this test");
    let mut child = Command::new(program)
        .args(["--exact", CHILD, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (first_word, heard) = std::sync::mpsc::sync_channel::<()>(1);
    let killer = std::thread::spawn(move || {
        heard.recv().expect("it speaks");
        let moment = Instant::now() + after;
        while Instant::now() < moment {
            std::thread::park_timeout(moment - Instant::now());
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
    });
    let mut said = Vec::new();
    for line in lines.map_while(Result::ok) {
        said.push(line);
        // The killer may have ended already.
        let _ = first_word.try_send(());
    }
    killer.join().expect("killed");
    said
}

#[test]
fn a_kill_at_any_moment_loses_nothing_acknowledged_and_spends_nothing_twice() {
    let kills = std::env::var("VENUE_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().expect("folder");
    let (mut issued, mut redeemed) = (BTreeSet::new(), BTreeSet::new());
    for kill in 0..kills {
        // Odd lengths up to four tenths of a second: some twenty commits on an idle disk.
        for line in killed(folder.path(), Duration::from_micros(50_000 + u64::from(kill) * 79_199 % 350_000)) {
            match line.split_once(' ') {
                Some(("issued", name)) => drop(issued.insert(name.to_owned())),
                Some(("redeemed", name)) => drop(redeemed.insert(name.to_owned())),
                _ => {}
            }
        }
        let store = Store::open(&folder.path().join("venue.db")).expect("sound after a kill");
        let state = |name: &str| {
            let row = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            store.connection.query_row("SELECT state FROM voucher WHERE voucher = ?1", [name], row)
        };
        for name in &issued {
            assert!(state(name).is_ok(), "kill {kill}: {name} was issued and is lost");
        }
        for name in &redeemed {
            assert_eq!(state(name).expect("there"), "redeemed", "kill {kill}: {name}");
        }
        drop(store);
    }
    let (store, thread) = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for name in &redeemed {
        let again = runtime.block_on(store.redeem(request(name, &format!("again {name}")))).expect("answered");
        assert!(matches!(again, Redemption::Refused(_)), "{name} was spent twice");
        let same = runtime.block_on(store.redeem(request(name, name))).expect("answered");
        assert!(matches!(same, Redemption::Redeemed { .. }), "{name}: the same request, the same answer");
    }
    println!("{kills} kills: {} issued, {} redeemed, none lost, none spent twice", issued.len(), redeemed.len());
    assert!(!redeemed.is_empty());
    store.close();
    thread.join().expect("ends");
}

#[test]
fn of_32_tills_at_once_one_redeems() {
    let folder = tempfile::tempdir().expect("folder");
    let (store, thread) = open(folder.path());
    let names: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    store.outputs(names.iter().map(|name| offer(name)).collect());
    store.flush_blocking().expect("stored");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    for name in &names {
        let tills = (0..32).map(|till| {
            let (store, request) = (store.clone(), request(name, &format!("{name} {till}")));
            runtime.spawn(async move { store.redeem(request).await })
        });
        let tills: Vec<_> = tills.collect();
        let answers = tills.into_iter().map(|till| runtime.block_on(till).expect("ran").expect("answered"));
        let redeemed = answers.filter(|answer| matches!(answer, Redemption::Redeemed { .. })).count();
        assert_eq!(redeemed, 1, "{name}");
    }
    let restored = store.restored_offers().expect("reads");
    assert_eq!((restored.spent[0].issued, restored.spent[0].redeemed), (20, 20));
    store.close();
    thread.join().expect("ends");
}
