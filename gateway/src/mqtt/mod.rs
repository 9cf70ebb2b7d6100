//! MQTT: what the rest of the world is told.
//!
//! In: committed outbox rows. Out: QoS 1 publications under `venue/{venue}`. `topics` names them,
//! `messages` gives each engine output its topic, payload and rules, `client` publishes and acknowledges,
//! `broker` is the embedded one for venues without their own. Nothing here decides anything.

pub mod messages;
pub mod topics;
