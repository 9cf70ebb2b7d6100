//! The pure middle of the venue gateway: adverts in; people, queues and offers out.
//!
//! Nothing here touches the world: no clock, file, socket, thread or log; the crate's dependency list
//! proves it. [`engine::Engine`] takes one [`event::Event`], appends all its [`output::Output`]s, and takes
//! the next. Time is the event's own, so a recording replays to the same outputs. Layers in the order the
//! data meets them:
//!
//! - [`time`], [`geometry`], [`document`], [`venue`], [`settings`]: what everything stands on. The floor
//!   plan is validated once; after that no name or polygon can be wrong.
//! - [`recording`], [`advert`], [`beacon`]: bytes from the air, parsed once. They refuse what is not exactly
//!   what its format says, and never panic.
//! - [`cipher`]: the one block cipher of beacons and phones.
//! - [`identity`]: raw addresses end here. What goes on carries a keyed hash or a registered name.
//! - [`reorder`]: late things are put in their place, or counted as too late.
//! - [`devices`], [`locate`]: who is alive, and where; [`radio_map`], [`grid`]: where the followed ones are.
//! - [`live_count`], [`penetration`], [`spread`]: how many devices, how many people each stands for, and where.
//! - [`people`], [`queue`], [`flow`], [`heat`]: what that means for a venue, always with an interval.
//! - [`offers`]: who is offered what; the model proposes, the rules dispose.
//! - [`alerts`], [`counters`]: what staff must act on, and what was ignored.
//! - [`engine`]: the loop that reads like the list above.

pub mod time;

pub mod geometry;

pub mod document;

pub mod venue;

pub mod settings;

pub mod event;
pub mod output;

pub mod recording;

pub mod advert;

pub mod beacon;

pub mod cipher;

pub mod identity;

pub mod reorder;

pub mod devices;

pub mod locate;

pub mod radio_map;

pub mod grid;

pub mod calibrate;

pub mod follow;

pub mod spread;

pub mod people;

pub mod queue;

pub mod arrivals;

pub mod gap;

pub mod forecast;

pub mod penetration;

pub mod live_count;

pub mod flow;

pub mod heat;

pub mod offers;

pub mod alerts;

pub mod counters;

pub mod engine;
