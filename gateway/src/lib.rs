//! The rim of the venue gateway, in the order data flows.
pub mod config;
pub mod lines;
pub mod live;
pub mod model;
pub mod mqtt;
pub mod radio;
pub mod runtime;
pub mod store;
pub mod web;
