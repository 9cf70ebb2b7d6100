//! The radio's part of a scenario, and what goes wrong.
//!
//! In: the tables `radio`, `faults`, `silent` and `clock`. Out: numbers in their ranges and receivers by
//! index. It refuses receivers that are not in the floor plan.

use super::tables;
use venue_engine::document::Table;
use venue_engine::venue::{ReceiverId, Venue};

/// How the waves travel.
#[derive(Clone, Debug, PartialEq)]
pub struct Radio {
    /// *n* of the log-distance model.
    pub path_loss_exponent: f64,
    /// Standard deviation of shadowing, dB.
    pub shadowing_sd_db: f64,
    /// Distance at which the correlation of shadowing has fallen to 1/e, metres.
    pub shadowing_correlation_m: f64,
    /// Standard deviation of fading from packet to packet, dB.
    pub fading_sd_db: f64,
    /// Mean difference of the channels 37, 38 and 39, dB (standard deviation per receiver).
    pub channel_sd_db: f64,
    /// Loss with the body wholly between device and receiver, dB.
    pub body_loss_db: f64,
    /// Strength at which half of the packets are heard, dBm.
    pub sensitivity_dbm: f64,
    /// How long a receiver scans one channel before the next, milliseconds.
    pub scan_interval_ms: f64,
    /// Share of the scan interval in which it listens.
    pub scan_duty: f64,
    /// Advertising events a second of devices nobody simulates, heard by every receiver.
    pub other_adverts_per_s: f64,
}

/// What goes wrong between receiver and recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Probability that a report is lost.
    pub drop: f64,
    /// Probability that it comes twice.
    pub duplicate: f64,
    /// Probability that it comes late.
    pub delay: f64,
    /// Mean of the exponential delay, milliseconds.
    pub delay_mean_ms: f64,
    /// Probability that one bit of its payload is flipped.
    pub bit_flip: f64,
    /// Receivers that hear nothing for a time.
    pub silent: Vec<Silent>,
    /// Receivers whose clock is wrong.
    pub clocks: Vec<Clock>,
}

/// A receiver that hears nothing for a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silent {
    /// Which.
    pub receiver: ReceiverId,
    /// From, seconds since the begin.
    pub from_s: f64,
    /// To, seconds since the begin.
    pub to_s: f64,
}

/// A receiver whose clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Which.
    pub receiver: ReceiverId,
    /// How far its clock is ahead at the begin, milliseconds.
    pub offset_ms: f64,
    /// How fast it gains, parts per million.
    pub skew_ppm: f64,
}

pub(super) fn read_radio(root: &Table<'_, '_>, _venue: &Venue) -> Radio {
    let Some(table) = root.table("radio") else { return Radio::default() };
    let default = Radio::default();
    let number = |key, range, value: f64| table.number(key, range).unwrap_or(value);
    let radio = Radio {
        path_loss_exponent: number("path_loss_exponent", 1.0..=6.0, default.path_loss_exponent),
        shadowing_sd_db: number("shadowing_sd_db", 0.0..=15.0, default.shadowing_sd_db),
        shadowing_correlation_m: number("shadowing_correlation_m", 0.5..=20.0, default.shadowing_correlation_m),
        fading_sd_db: number("fading_sd_db", 0.0..=15.0, default.fading_sd_db),
        channel_sd_db: number("channel_sd_db", 0.0..=10.0, default.channel_sd_db),
        body_loss_db: number("body_loss_db", 0.0..=40.0, default.body_loss_db),
        sensitivity_dbm: number("sensitivity_dbm", -120.0..=-40.0, default.sensitivity_dbm),
        // Bluetooth Core 5.4, Vol 4 Part E, 7.8.10: LE_Scan_Interval from 2.5 ms to 10.24 s.
        scan_interval_ms: number("scan_interval_ms", 2.5..=10_240.0, default.scan_interval_ms),
        scan_duty: number("scan_duty", 0.01..=1.0, default.scan_duty),
        other_adverts_per_s: number("other_adverts_per_s", 0.0..=100_000.0, default.other_adverts_per_s),
    };
    table.refuse_unknown_keys();
    radio
}

impl Default for Radio {
    fn default() -> Self {
        Self {
            // Indoors at 2.4 GHz exponents lie between 1.8 and 3 (ITU-R P.1238: power loss coefficients 20 to 30).
            path_loss_exponent: 2.2,
            // 3 to 6 dB within one storey (Rappaport, "Wireless Communications", 2002, chapter 4).
            shadowing_sd_db: 4.0,
            // A few metres indoors (Jalden et al., "Correlation properties of large scale fading based on indoor
            // measurements", WCNC 2007).
            shadowing_correlation_m: 3.0,
            // 4 to 7 dB from packet to packet (MIT Lincoln Laboratory PACT structured data, 2020).
            fading_sd_db: 5.0,
            // Frequency-selective fading differs between the three channels by some dB (Faragher and Harle,
            // IEEE JSAC 33(11), 2015).
            channel_sd_db: 2.0,
            // Peak to trough about 8 dB in a conference room, 20 dB in an anechoic chamber (PACT, 2020).
            body_loss_db: 8.0,
            // Dongles reach -90 to -97 dBm (nRF52832 product specification: -96 dBm at 1 Mbit/s) less a bad antenna.
            sensitivity_dbm: -92.0,
            // BlueZ' passive scan of the kernel (net/bluetooth/hci_core.c): 60 ms.
            scan_interval_ms: 60.0,
            scan_duty: 1.0,
            other_adverts_per_s: 0.0,
        }
    }
}

pub(super) fn read_faults(root: &Table<'_, '_>, venue: &Venue) -> Faults {
    let mut faults = Faults::default();
    if let Some(table) = root.table("faults") {
        let share = |key| table.number(key, 0.0..=1.0).unwrap_or(0.0);
        faults.drop = share("drop");
        faults.duplicate = share("duplicate");
        faults.delay = share("delay");
        faults.bit_flip = share("bit_flip");
        faults.delay_mean_ms = table.number("delay_mean_ms", 0.0..=3.6e6).unwrap_or(500.0);
        table.refuse_unknown_keys();
    }
    faults.silent = tables(root, "silent", |table| {
        let receiver = read_receiver(table, venue);
        let from_s = table.required_number("from_s", 0.0..=1e6);
        let to_s = table.required_number("to_s", 0.0..=1e6);
        Some(Silent { receiver: receiver?, from_s: from_s?, to_s: to_s? })
    });
    faults.clocks = tables(root, "clock", |table| {
        let receiver = read_receiver(table, venue);
        let offset_ms = table.number("offset_ms", -3.6e6..=3.6e6).unwrap_or(0.0);
        let skew_ppm = table.number("skew_ppm", -1_000.0..=1_000.0).unwrap_or(0.0);
        Some(Clock { receiver: receiver?, offset_ms, skew_ppm })
    });
    faults
}

fn read_receiver(table: &Table<'_, '_>, venue: &Venue) -> Option<ReceiverId> {
    let name = table.required_text("receiver")?;
    let receiver = venue.receiver(&name);
    if receiver.is_none() {
        table.fault("receiver", format_args!("no receiver \"{name}\" in the floor plan; name one of it"));
    }
    receiver
}
