//! Simulators and scores of queues and counts, with ground truth.
//!
//! In: a scenario and a seed. Out: what a venue would observe, what was true, and what the estimators and
//! the named baselines made of it. The generators follow the reference simulations of the estimation
//! methods (steady queue, rush with a wrong profile, rotating addresses), with seeds of their own.

#![allow(dead_code, reason = "each program uses its part")]

pub mod addresses;
pub mod foretold;
pub mod herd;
pub mod known;
pub mod lessons;
pub mod line;
pub mod movements;
pub mod random;
pub mod scores;
pub mod watch;
