//! The rim of the venue gateway: everything that touches the world, around the pure `venue-engine`.
//!
//! In the order the data goes: [`radio`] hears, [`runtime`] owns the engine, [`store`] commits, then
//! [`live`] and [`mqtt`] tell, [`web`] shows. [`session`] starts and ends them; [`cli`] has the commands.

pub mod cli;

pub mod config;

pub mod session;

pub mod radio;

pub mod runtime;

pub mod model;

pub mod lines;

pub mod decisions;

pub mod store;

pub mod voucher;

pub mod mqtt;

pub mod live;

pub mod web;

pub mod calibrate;
pub mod campaigns;
pub mod check;
pub mod convert;
pub mod decode;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod evaluate;
pub mod export;
#[cfg(feature = "demo")]
pub mod guests;
#[cfg(feature = "bluetooth")]
pub mod record;
pub mod replay;
pub mod site_map;
pub mod till;
