//! Our host against our virtual controller and against peers that misbehave, over TCP on this machine.
//!
//! In: a controller in a thread, with or without faults, or a peer that writes what it likes. Out: failures
//! where adverts do not come, come twice, or do not come back within the time promised.

use super::transport::Device;
use super::*;
use crate::radio::AdvertBatch;
use firmware_sim::Simulation;
use firmware_sim::controller::Controller;
use firmware_sim::controller::serve::{Air, Door, Manners, Place, serve};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use venue_engine::event::Event;
use venue_engine::time::Timestamp;

/// What a stalled source has to be back within.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// Takes batches as an engine would.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<AdvertBatch>>>);

impl AdvertSink for Heard {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_763_700_000_000_000)
    }

    fn adverts(&self, batch: AdvertBatch) -> u64 {
        self.0.lock().expect("no panic").push(batch);
        0
    }
}

impl Heard {
    fn batches(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    fn payloads(&self) -> Vec<Vec<u8>> {
        let batches = self.0.lock().expect("no panic");
        let payload = |event: Event<'_>| match event {
            Event::FromBoard { payload, .. } => payload.to_vec(),
            _ => Vec::new(),
        };
        batches.iter().flat_map(|batch| batch.events().map(payload).collect::<Vec<_>>()).collect()
    }
}

/// A source that listens to a device in a runtime of its own.
struct Source {
    heard: Heard,
    health: Arc<Health>,
    ending: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
}

impl Source {
    fn start(device: &str) -> Self {
        let device: Device = device.parse().expect("a device");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (heard, health) = (Heard::default(), Arc::new(Health::new("north-1", &device.to_string())));
        let (ending, ended) = watch::channel(false);
        runtime.spawn(run(device, ReceiverId(0), heard.clone(), health.clone(), ended));
        Self { heard, health, ending, runtime }
    }

    /// Waits until so many adverts have come since `since`.
    fn wait(&self, since: u64, adverts: u64, within: Duration) -> u64 {
        let deadline = Instant::now() + within;
        while self.health.count(Count::Adverts) < since + adverts {
            assert!(Instant::now() < deadline, "waited in vain: {}", self.health.to_json());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
        self.health.count(Count::Adverts)
    }

    fn end(self) {
        let _ = self.ending.send(true);
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// Our controller in a thread.
struct Peer {
    name: String,
    ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Peer {
    fn start(place: Place, manners: Manners, flood_per_s: Option<f64>) -> Self {
        let mut door = Door::open(&place).expect("opens");
        let name = door.name();
        let ending = Arc::new(AtomicBool::new(false));
        let told = ending.clone();
        let thread = std::thread::spawn(move || {
            let simulation = Simulation::new(firmware_sim::scenario("lunch_rush").expect("built in"), 1).expect("good");
            let receiver = simulation.venue().receivers[0].name.clone();
            let mut air = Air::new(simulation, &receiver, 60.0, flood_per_s).expect("a receiver");
            serve(&mut door, &mut air, manners, &told).expect("serves");
        });
        Self { name, ending, thread }
    }

    fn tcp(manners: Manners) -> Self {
        Self::start(Place::Tcp("127.0.0.1:0".into()), manners, Some(500.0))
    }

    fn end(self) {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}

/// Adverts come from our controller at a place, in few batches and without a byte out of place.
fn check(place: Place, legacy_only: bool) {
    let peer = Peer::start(place, Manners { legacy_only, ..Manners::default() }, Some(2_000.0));
    let source = Source::start(&peer.name);
    let adverts = source.wait(0, 1_000, BACK_WITHIN);
    assert_eq!(source.health.state(), "listening");
    let batches = source.heard.batches() as u64;
    assert!(batches * 5 < adverts, "{adverts} adverts in {batches} batches");
    for count in [Count::Malformed, Count::SkippedBytes, Count::Resets, Count::Reopens] {
        assert_eq!(source.health.count(count), 0, "{}", source.health.to_json());
    }
    // Every frame of the scenario carries manufacturer data or begins with flags.
    assert!(source.heard.payloads().iter().all(|payload| payload.len() > 4 && payload[0] < 31));
    source.end();
    peer.end();
}

#[test]
fn our_controller_is_heard_over_tcp_legacy_and_extended() {
    check(Place::Tcp("127.0.0.1:0".into()), false);
    check(Place::Tcp("127.0.0.1:0".into()), true);
}

#[test]
fn our_controller_is_heard_over_a_unix_socket_and_a_pty() {
    let folder = tempfile::tempdir().expect("a folder");
    check(Place::Unix(folder.path().join("hci.sock")), false);
    check(Place::Pty(Some(folder.path().join("ttyHCI0"))), false);
}

#[test]
fn a_stalled_scan_is_switched_on_anew() {
    let quiet = Manners { quiet_after: Some(Duration::from_secs(2)), ..Manners::default() };
    let peer = Peer::tcp(quiet);
    let source = Source::start(&peer.name);
    let heard = source.wait(0, 500, BACK_WITHIN);
    source.wait(heard, 800, BACK_WITHIN);
    assert!(source.health.count(Count::Rescans) >= 1, "{}", source.health.to_json());
    assert_eq!(source.health.count(Count::Resets), 0, "{}", source.health.to_json());
    source.end();
    peer.end();
}

#[test]
fn a_dead_controller_is_opened_anew() {
    let dead = Manners { dead_after: Some(Duration::from_secs(2)), ..Manners::default() };
    let peer = Peer::tcp(dead);
    let source = Source::start(&peer.name);
    let heard = source.wait(0, 500, BACK_WITHIN);
    let began = Instant::now();
    source.wait(heard, 800, BACK_WITHIN);
    println!("back after {:.1} s", began.elapsed().as_secs_f64());
    assert!(source.health.count(Count::Reopens) >= 1, "{}", source.health.to_json());
    source.end();
    peer.end();
}

#[test]
fn a_controller_that_comes_later_or_again_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::Unix(folder.path().join("hci.sock"));
    let source = Source::start(&format!("unix:{}", folder.path().join("hci.sock").display()));
    let mut heard = 0;
    for _ in 0..2 {
        let peer = Peer::start(place.clone(), Manners::default(), Some(500.0));
        heard = source.wait(heard, 100, BACK_WITHIN);
        peer.end();
        std::fs::remove_file(folder.path().join("hci.sock")).expect("its socket");
        heard = heard.max(source.health.count(Count::Adverts));
    }
    source.end();
}

/// Answers one host through our controller's logic, and lets `write` send what it likes once it scans.
fn misbehave(write: impl Fn(&Controller, &mut TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let name = format!("tcp:{}", listener.local_addr().expect("bound"));
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a host");
        let (mut controller, mut chunk, mut answers) = (Controller::new(false), [0; 256], Vec::new());
        while !controller.is_scanning() {
            let length = stream.read(&mut chunk).expect("commands");
            controller.receive(&chunk[..length], &mut answers);
            stream.write_all(&answers).expect("answers");
            answers.clear();
        }
        write(&controller, &mut stream);
        // The host ends the connection when its test is over.
        while stream.read(&mut chunk).is_ok_and(|length| length > 0) {}
    });
    (name, thread)
}

fn report(controller: &Controller, last: u8) -> Vec<u8> {
    let mut advert = firmware_sim::SimAdvert { random: true, rssi_dbm: -60, len: 8, ..Default::default() };
    advert.payload[..8].copy_from_slice(&[7, 0xff, 0xff, 0xff, 1, 2, 3, last]);
    let mut report = Vec::new();
    assert!(controller.hear(&advert, &mut report));
    report
}

#[test]
fn garbage_between_reports_makes_no_ghosts_and_does_not_stop_the_stream() {
    let (name, thread) = misbehave(|controller, stream| {
        for round in 0..200_u8 {
            let mut bytes = report(controller, round);
            match round % 4 {
                0 => bytes.extend([0xff, 0x00, 0x3e, round]),
                1 => bytes.truncate(bytes.len() - usize::from(round % 7)),
                2 => bytes.insert(usize::from(round) % bytes.len(), 0xaa),
                _ => {}
            }
            stream.write_all(&bytes).expect("written");
        }
    });
    let source = Source::start(&name);
    source.wait(0, 50, BACK_WITHIN);
    assert!(source.health.count(Count::LostStep) > 10, "{}", source.health.to_json());
    source.end();
    thread.join().expect("no panic");
}

#[test]
fn every_truncation_of_a_report_is_survived() {
    let (name, thread) = misbehave(|controller, stream| {
        let whole = report(controller, 9);
        for end in 0..=whole.len() {
            stream.write_all(&whole[..end]).expect("written");
            stream.write_all(&report(controller, 1)).expect("written");
            stream.write_all(&report(controller, 2)).expect("written");
        }
        for _ in 0..30 {
            stream.write_all(&report(controller, 3)).expect("written");
        }
    });
    let source = Source::start(&name);
    let deadline = Instant::now() + BACK_WITHIN;
    while source.heard.payloads().iter().filter(|payload| payload.last() == Some(&3)).count() < 29 {
        assert!(Instant::now() < deadline, "{}", source.health.to_json());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    source.end();
    thread.join().expect("no panic");
}

#[test]
fn a_flood_of_nonsense_is_answered_with_a_reset() {
    let (name, thread) = misbehave(|_, stream| {
        // The host goes away in between, which is what is asked for.
        let _ = stream.write_all(&[0x55; 64 * 1_024]);
    });
    let source = Source::start(&name);
    let deadline = Instant::now() + BACK_WITHIN;
    while source.health.count(Count::Resets) == 0 {
        assert!(Instant::now() < deadline, "{}", source.health.to_json());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    source.end();
    thread.join().expect("no panic");
}
