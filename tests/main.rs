//! End-to-end tests of the venue gateway, one binary; `lib.rs` holds what they share.

mod accuracy;
mod bluetooth_peers;
mod bluetoothd;
mod bluez;
mod board;
mod boards;
mod broker;
mod browser;
mod calibration;
mod decode;
mod docs;
mod doctor;
mod faults;
mod files;
mod hci;
mod http;
mod limits;
mod offers;
mod publishing;
mod replay;
mod rollups;
mod tidy;
mod trajectories;
mod vouchers;
