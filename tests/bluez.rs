//! `run` with this machine's adapter, which is bluetoothd on a system bus.
//!
//! In: a bus of our own with a bluetoothd that fails when told to. Out: failures where adverts do not come, come
//! without their first, or do not come back within the time promised.

use crate::board::Board;
use std::time::{Duration, Instant};
use venue_tests::peers::{self, Peer, SystemBus};
use venue_tests::{skip, waiting};

/// What a stalled scan has to be back within.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// Python and a bus take their time to start on a busy machine.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// A gateway that listens through bluetoothd.
struct Venue {
    board: Board,
    daemon: Option<Peer>,
    bus: SystemBus,
    python: std::path::PathBuf,
}

impl Venue {
    /// Starts everything, and waits until adverts come; says so where this machine cannot.
    fn start(name: &str, devices: u32, adverts_per_s: u32) -> Option<Self> {
        let python = peers::python().or_else(|| {
            skip(name, peers::ABSENT);
            None
        })?;
        let bus = SystemBus::start().expect("a bus").or_else(|| {
            skip(name, "no dbus-daemon here (apt install dbus)");
            None
        })?;
        let daemon = Peer::bluetoothd(&python, &bus, devices, adverts_per_s).expect("a bluetoothd");
        let board = Board::start_with("[bluetooth]\nreceiver = \"west-1\"\n", &[(SystemBus::VARIABLE, &bus.address)]);
        board.wait(0, 2 * u64::from(adverts_per_s), HEARD_WITHIN);
        Some(Self { board, daemon: Some(daemon), bus, python })
    }

    fn order(&mut self, word: &str) {
        self.daemon.as_mut().expect("it lives").order(word).expect("it listens");
    }

    /// Gives an order and waits until a rung mended what it did.
    fn mended(&mut self, word: &str, rung: &str) {
        let (tried, began) = (self.board.tried(0, rung), Instant::now());
        self.order(word);
        waiting::until(&format!("{rung} after {word}"), BACK_WITHIN, || self.board.tried(0, rung) > tried);
        self.is_back();
        println!("{word}: heard again after {:.1} s", began.elapsed().as_secs_f64());
    }

    fn is_back(&self) {
        let heard = self.board.heard(0);
        self.board.wait(0, heard + 200, BACK_WITHIN);
        assert_eq!(self.board.radio(0)["state"], "listening");
    }
}

#[test]
fn every_device_is_heard_with_its_first_advert() {
    let name = "bluez::every_device_is_heard_with_its_first_advert";
    let Some(venue) = Venue::start(name, 40, 400) else { return };
    waiting::until("all 40 are alive", HEARD_WITHIN, || venue.board.devices_alive() == 40);
    let radio = venue.board.radio(0);
    assert_eq!((&radio["device"], &radio["state"]), (&"bluez".into(), &"listening".into()), "{radio}");
    assert_eq!((&radio["lost"]["behind"], &radio["lost"]["shed"]), (&0.into(), &0.into()), "{radio}");
}

#[test]
fn a_device_that_is_heard_once_is_counted() {
    // So many devices that each is heard once in minutes: what is heard of them are first adverts alone.
    let Some(venue) = Venue::start("bluez::a_device_that_is_heard_once_is_counted", 60_000, 100) else { return };
    let alive = || venue.board.devices_alive() > 300;
    waiting::until("devices heard once are alive", HEARD_WITHIN, alive);
}

#[test]
fn a_scan_that_stalls_is_switched_on_anew() {
    let Some(mut venue) = Venue::start("bluez::a_scan_that_stalls_is_switched_on_anew", 40, 300) else { return };
    venue.mended("quiet", "rescan");
    venue.mended("ended", "rescan");
}

#[test]
fn an_adapter_that_is_deaf_or_off_is_switched_off_and_on() {
    let name = "bluez::an_adapter_that_is_deaf_or_off_is_switched_off_and_on";
    let Some(mut venue) = Venue::start(name, 40, 300) else { return };
    venue.mended("deaf", "reset");
    venue.mended("off", "reset");
}

#[test]
fn the_death_of_bluetoothd_is_noticed_and_its_return_too() {
    let name = "bluez::the_death_of_bluetoothd_is_noticed_and_its_return_too";
    for way in ["die", "hang"] {
        let Some(mut venue) = Venue::start(name, 40, 300) else { return };
        venue.order(way);
        waiting::until("its death is noticed", BACK_WITHIN, || venue.board.radio(0)["state"] == "no-bluetoothd");
        drop(venue.daemon.take());
        venue.daemon = Some(Peer::bluetoothd(&venue.python, &venue.bus, 40, 300).expect("another one"));
        venue.is_back();
        assert!(venue.board.tried(0, "reopen") > 0);
    }
}

#[test]
fn the_death_of_the_bus_is_noticed() {
    let Some(mut venue) = Venue::start("bluez::the_death_of_the_bus_is_noticed", 40, 300) else { return };
    drop(venue.daemon.take());
    let other = SystemBus::start().expect("a bus");
    drop(std::mem::replace(&mut venue.bus, other.expect("as before")));
    waiting::until("its death is noticed", BACK_WITHIN, || venue.board.radio(0)["state"] == "no-bus");
    assert!(venue.board.state()["age_s"].is_number(), "everything else goes on");
}
