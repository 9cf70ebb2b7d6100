//! End-to-end tests of the venue gateway, one binary; `lib.rs` holds what they share.

mod accuracy;
mod boards;
mod broker;
mod browser;
mod decode;
mod docs;
mod faults;
mod files;
mod http;
mod limits;
mod offers;
mod publishing;
mod replay;
mod rollups;
mod tidy;
mod trajectories;
mod vouchers;
