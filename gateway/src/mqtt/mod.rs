//! MQTT: what the rest of the world is told.
//!
//! In: committed outbox rows. Out: QoS 1 publications under `venue/{venue}`. `topics` names them,
//! `messages` gives each engine output its topic, payload and rules, `cloudevents` the attributes that go
//! beside the payload, `client` publishes and acknowledges, `broker` is the embedded one for venues
//! without their own. Nothing here decides anything.

pub mod broker;
pub mod client;
pub mod cloudevents;
mod connection;
pub mod hub;
pub mod messages;
pub mod topics;

#[cfg(test)]
mod delivery_tests;
