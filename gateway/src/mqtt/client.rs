//! The publisher: keeps a connection to the broker and empties the outbox over it.
//!
//! In: outbox rows and the order to stop. Out: MQTT 5 publications with QoS 1, each deleted from the outbox
//! when its own acknowledgement has come. It refuses to hold anything itself: a lost connection is
//! forgotten with all it had under way, and the next one starts at the oldest row that is still there.
//! So nothing is lost, order per topic is kept, and what comes twice comes with the same identity.

use crate::mqtt::connection::{Connection, End};
use crate::store::OutboxHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// First pause after a connection that delivered something; doubled with each that did not.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause: a broker that comes back is found within this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where and as whom to publish.
#[derive(Clone)]
pub struct ClientConfig {
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name, if it asks for one.
    pub user: Option<String>,
    /// Password, if it asks for one.
    pub password: Option<String>,
    /// The venue, first level of every topic.
    pub venue: String,
    /// This board, part of its status topic and of every message identity.
    pub gateway: String,
}

impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the password.
        write!(f, "ClientConfig({}:{} as {})", self.host, self.port, self.gateway)
    }
}

/// Publishes until told to stop; then says offline and ends within half a second.
pub async fn run(config: ClientConfig, outbox: OutboxHandle, mut shutdown: watch::Receiver<bool>) {
    let started = Instant::now();
    let mut pause = PAUSE_MIN;
    let mut told = false;
    while !*shutdown.borrow_and_update() {
        let mut connection = match Connection::new(&config, &outbox, started) {
            Ok(connection) => connection,
            Err(bad) => return tracing::error!(%bad, "nothing is published: change the name in the configuration"),
        };
        let End::Lost(reason) = connection.run(&mut shutdown).await else { return };
        if connection.was_online() {
            tracing::warn!(%reason, ?config, "connection to the broker lost; messages wait in the outbox");
            told = false;
        } else if !told {
            tracing::warn!(%reason, ?config, "cannot reach the broker; messages wait in the outbox");
            told = true;
        }
        if connection.has_delivered() {
            pause = PAUSE_MIN;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = shutdown.changed() => if changed.is_err() { return },
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
