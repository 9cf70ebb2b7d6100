//! The pure middle of the venue gateway.
pub mod time;
pub mod document;
pub mod geometry;
pub mod venue;
pub mod settings;
pub mod advert;
pub mod beacon;
pub mod event;
pub mod recording;
pub mod reorder;
pub mod output;
pub mod offers;
