//! The Host Controller Interface: what a Bluetooth controller says in its own words.
//!
//! In: HCI packets, from captures. Out: advertising reports.

pub mod report;
