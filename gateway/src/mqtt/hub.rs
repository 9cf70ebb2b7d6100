//! The hub's ear: adverts that receiving boards publish for this venue.
//!
//! In: batches on `gateway/{gateway}/adverts`, and what receivers of other makers publish. Out: adverts for the engine; what was refused is counted by
//! reason. It takes QoS 1 and acknowledges on arrival: adverts are worth little later, and a board keeps
//! its own buffer. It refuses its own board's topic, which is not an echo chamber.

use crate::config::Mqtt;
use crate::mqtt::topics::Topic;
use crate::radio::boards;
use crate::radio::receivers::{self, Dialect, Foreign};
use crate::runtime::EngineHandle;
use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use venue_engine::venue::Venue;

/// Largest batch taken: `BATCH_MAX` lines at their longest compress far below this.
const PACKET_BYTES_MAX: u32 = 1 << 20;
/// Pause after a lost connection.
const PAUSE: Duration = Duration::from_secs(2);
/// How often an idle connection is tried.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Where to listen, and as whom.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Account at the broker, and more; the address above is what counts.
    pub mqtt: Mqtt,
    /// This board.
    pub gateway: String,
    /// Receivers of other makers whose adverts are taken as well.
    pub foreign: Vec<Foreign>,
}

/// Listens until told to stop, connecting anew as often as it must.
pub async fn run(config: HubConfig, venue: Arc<Venue>, engine: EngineHandle, mut ending: watch::Receiver<bool>) {
    let mut refused = BTreeMap::new();
    loop {
        tokio::select! {
            why = listen(&config, &venue, &engine, &mut refused) => {
                tracing::warn!(%why, "not hearing other boards; trying again");
            }
            _ = ending.wait_for(|ending| *ending) => break,
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = ending.wait_for(|ending| *ending) => break,
        }
    }
    for (why, count) in refused {
        tracing::info!(%why, count, "adverts of other boards refused");
    }
}

/// One connection; returns why it ended.
async fn listen(
    config: &HubConfig,
    venue: &Venue,
    engine: &EngineHandle,
    refused: &mut BTreeMap<&'static str, u64>,
) -> String {
    // `+` is no name, so the topic of all boards is written here and parsed like every other below.
    let topic = format!("venue/{}/gateway/+/adverts", venue.name);
    let (client, mut events) = AsyncClient::new(options(config), 16);
    // The queue has room for it: nothing was sent before.
    if let Err(error) = client.subscribe(topic, QoS::AtLeastOnce).await {
        return error.to_string();
    }
    let dialects: BTreeSet<Dialect> = config.foreign.iter().map(|foreign| foreign.dialect).collect();
    for dialect in &dialects {
        if let Err(error) = client.subscribe(dialect.filter(), QoS::AtMostOnce).await {
            return error.to_string();
        }
    }
    loop {
        match next(&mut events).await {
            Ok(Some((topic, payload))) => match Topic::parse(&topic) {
                Some((_, Topic::GatewayAdverts { gateway })) if gateway != config.gateway => {
                    engine.adverts(boards::unpack(&payload, venue, refused));
                }
                // Our own topics are nobody's dialect.
                Some(_) => *refused.entry("not-a-board").or_default() += 1,
                None => {
                    let heard = (topic.as_str(), payload.as_slice());
                    engine.adverts(receivers::take(&config.foreign, venue, engine.now(), heard, refused));
                }
            },
            Ok(None) => {}
            Err(why) => return why,
        }
    }
}

async fn next(events: &mut EventLoop) -> Result<Option<(String, Vec<u8>)>, String> {
    match events.poll().await {
        // A retained message is about another time.
        Ok(Event::Incoming(Packet::Publish(publish))) if !publish.retain => {
            let topic = String::from_utf8_lossy(&publish.topic).into_owned();
            Ok(Some((topic, publish.payload.to_vec())))
        }
        Ok(_) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn options(config: &HubConfig) -> MqttOptions {
    let mut options = MqttOptions::new(format!("venue-gateway-{}-hub", config.gateway), &config.host, config.port);
    options.set_keep_alive(KEEP_ALIVE).set_clean_start(true).set_max_packet_size(Some(PACKET_BYTES_MAX));
    if let Some(user) = &config.mqtt.user {
        options.set_credentials(user, config.mqtt.password.clone().unwrap_or_default());
    }
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    options
}
