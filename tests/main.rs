//! End-to-end tests of the venue gateway, one binary; `lib.rs` holds what they share.

mod accuracy;
mod tidy;
mod trajectories;
