//! A crowd, its beacons and the air, from one seed: advert bytes with the truth beside them.
//!
//! In: a scenario (`scenario`): a floor plan, who comes and where they go, what they carry, how waves travel
//! and what goes wrong. Out: `SimAdvert`s as receivers would report them, and `Truth`. The data's way:
//!
//! ```text
//! people (crowd or recorded: random, paths, route, line) → firmware (frames) → radio (shadowing) → faults
//! → simulation → recording lines and truth lines
//! ```
//!
//! It meets the gateway only in bytes and in the floor plan: frames are encoded here, by other code than
//! decodes them there. It has no clock and no threads; the same seed gives the same bytes. Only the virtual
//! `controller` lives in real time, since a Bluetooth host does.

pub mod controller;
pub mod crowd;
pub mod faults;
pub mod firmware;
pub mod frames;
pub mod line;
pub mod paths;
pub mod people;
pub mod radio;
pub mod random;
pub mod recorded;
pub mod recording;
pub mod route;
pub mod scenario;
pub mod sensors;
pub mod shadowing;
pub mod simulation;
pub mod truth;

pub use simulation::Simulation;
pub use truth::Truth;

/// Names of the built-in scenarios.
pub const SCENARIOS: &[&str] = &["quiet_hour", "doors_open", "lunch_rush", "receiver_down", "rotating_ids", "flood"];

/// One advert as one receiver reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimAdvert {
    /// When, by the receiver's clock, microseconds since 1970-01-01 UTC.
    pub at_us: i64,
    /// Which receiver, in the order of the floor plan.
    pub receiver: u16,
    /// Address as written, most significant byte first.
    pub address: [u8; 6],
    /// Whether the address is a random one.
    pub random: bool,
    /// Received strength.
    pub rssi_dbm: i8,
    /// Channel 37 to 39.
    pub channel: u8,
    /// Bytes of the payload in use.
    pub len: u8,
    /// Advertising data.
    pub payload: [u8; 31],
}

/// The text of a built-in scenario.
pub fn scenario(name: &str) -> Option<&'static str> {
    match name {
        "quiet_hour" => Some(include_str!("../scenarios/quiet_hour.toml")),
        "doors_open" => Some(include_str!("../scenarios/doors_open.toml")),
        "lunch_rush" => Some(include_str!("../scenarios/lunch_rush.toml")),
        "receiver_down" => Some(include_str!("../scenarios/receiver_down.toml")),
        "rotating_ids" => Some(include_str!("../scenarios/rotating_ids.toml")),
        "flood" => Some(include_str!("../scenarios/flood.toml")),
        _ => None,
    }
}

/// The text of a built-in floor plan.
pub fn built_in_file(name: &str) -> Option<&'static str> {
    match name {
        "hall.toml" => Some(include_str!("../scenarios/hall.toml")),
        "arena.toml" => Some(include_str!("../scenarios/arena.toml")),
        _ => None,
    }
}
