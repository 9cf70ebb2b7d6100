//! One connection to the broker, from its first packet to its last.
//!
//! In: outbox rows and the broker's acknowledgements. Out: publications, deletions in the outbox, and why
//! it ended. rumqttc 0.25 tells which packet number it gave to a publication (`Outgoing::Publish`), in the
//! order they were handed to it, and which number was acknowledged (`Incoming::PubAck`): that is how each
//! row meets its own acknowledgement. It refuses to reuse a connection: rumqttc's own retransmission is not
//! used, because it forgets its list when the broker has forgotten the session.

use crate::mqtt::client::ClientConfig;
use crate::mqtt::cloudevents::{self, Attributes};
use crate::mqtt::topics::{BadName, Topic};
use crate::store::{OutboxHandle, OutboxRow, StoreError};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, LastWill, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions};
use rumqttc::{NetworkOptions, Outgoing};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

/// Publications under way. The broker may ask for fewer; more gained nothing on loopback (measured: 100 to
/// 1 000 took a run from 40 000 to 70 000 messages/s on mosquitto).
const WINDOW_MAX: u16 = 1_000;
/// How often an idle connection is tried: a broker that vanished without a word is noticed within two.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often the status is renewed.
const STATUS_EVERY: Duration = Duration::from_secs(60);
/// How long the end may take: acknowledgements under way, the offline status, the farewell.
const FAREWELL: Duration = Duration::from_millis(400);
/// Room for topic lengths, properties and headers beside topic and payload of a publication.
const OVERHEAD_BYTES: usize = 512;
/// Largest packet taken from the broker: it sends us acknowledgements only.
const INCOMING_BYTES_MAX: u32 = 64 << 10;

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was told to.
    Stopped,
    /// Anything else, in words.
    Lost(String),
}

/// What was handed to rumqttc.
#[derive(Debug)]
enum Sent {
    Row { id: i64, topic: String },
    Status,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Publishing,
    /// Waiting for what is under way.
    Draining,
    /// The offline status is under way.
    SayingOffline,
    /// The farewell is under way.
    Leaving,
}

/// One connection and what it has under way.
pub(crate) struct Connection<'a> {
    config: &'a ClientConfig,
    outbox: &'a OutboxHandle,
    client: AsyncClient,
    events: Option<EventLoop>,
    flow: Flow,
    started: Instant,
}

impl<'a> Connection<'a> {
    /// Prepares a connection; nothing is sent yet.
    pub(crate) fn new(config: &'a ClientConfig, outbox: &'a OutboxHandle, started: Instant) -> Result<Self, BadName> {
        let status_topic = Topic::GatewayStatus { gateway: &config.gateway }.path(&config.venue)?;
        // One place more than the window, for the farewell.
        let (client, events) = AsyncClient::new(options(config, &status_topic), usize::from(WINDOW_MAX) + 1);
        Ok(Self { config, outbox, client, events: Some(events), flow: Flow::new(status_topic), started })
    }

    /// Whether the broker took the connection.
    pub(crate) fn was_online(&self) -> bool {
        self.flow.online
    }

    /// Whether the broker acknowledged anything.
    pub(crate) fn has_delivered(&self) -> bool {
        self.flow.acknowledged
    }

    /// Publishes until the connection is lost or `shutdown` says so.
    pub(crate) async fn run(&mut self, shutdown: &mut watch::Receiver<bool>) -> End {
        let Some(mut events) = self.events.take() else { return End::Stopped };
        let end = self.converse(&mut events, shutdown).await;
        self.outbox.set_connected(false);
        end
    }

    async fn converse(&mut self, events: &mut EventLoop, shutdown: &mut watch::Receiver<bool>) -> End {
        let mut status = interval_at(Instant::now() + STATUS_EVERY, STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = None;
        loop {
            // rumqttc's poll may lose a packet when it is dropped half way, so each is kept until it ends.
            let mut poll = std::pin::pin!(events.poll());
            let event = loop {
                let publishing = self.flow.online && self.flow.phase == Phase::Publishing;
                let late = deadline.unwrap_or_else(Instant::now);
                tokio::select! {
                    event = &mut poll => break event,
                    () = self.outbox.committed() => self.flow.drained = false,
                    _ = status.tick(), if publishing => self.say("online"),
                    _ = shutdown.changed(), if deadline.is_none() => {
                        deadline = Some(Instant::now() + FAREWELL);
                        self.flow.phase = Phase::Draining;
                    }
                    () = sleep_until(late), if deadline.is_some() => return End::Stopped,
                }
                if let Err(error) = self.proceed().await {
                    return End::Lost(error.to_string());
                }
                if deadline.is_some() && !self.flow.online {
                    return End::Stopped;
                }
            };
            match event.map_err(|error| error.to_string()).and_then(|event| self.notice(event)) {
                Ok(true) => return End::Stopped,
                Ok(false) => {}
                Err(reason) => return End::Lost(reason),
            }
            if let Err(error) = self.proceed().await {
                return End::Lost(error.to_string());
            }
        }
    }

    /// Does what the phase allows now.
    async fn proceed(&mut self) -> Result<(), StoreError> {
        match self.flow.phase {
            Phase::Publishing => return self.feed().await,
            Phase::Draining if self.flow.idle() => {
                self.say("offline");
                self.flow.phase = Phase::SayingOffline;
            }
            Phase::SayingOffline if self.flow.idle() => {
                // The channel has one place more than the window.
                let _ = self.client.try_disconnect();
                self.flow.phase = Phase::Leaving;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in what rumqttc tells; true when the farewell is out.
    fn notice(&mut self, event: Event) -> Result<bool, String> {
        match event {
            Event::Incoming(Incoming::ConnAck(welcome)) => self.welcome(&welcome),
            Event::Outgoing(Outgoing::Publish(number)) => self.flow.number(number),
            Event::Outgoing(Outgoing::Disconnect) => return Ok(true),
            Event::Incoming(Incoming::PubAck(acknowledged)) => {
                self.acknowledged(acknowledged.pkid, acknowledged.reason)?;
            }
            _ => {}
        }
        Ok(false)
    }

    fn welcome(&mut self, welcome: &ConnAck) {
        let limits = welcome.properties.as_ref();
        if let Some(window) = limits.and_then(|limits| limits.receive_max) {
            self.flow.window = usize::from(window.clamp(1, WINDOW_MAX));
        }
        self.flow.packet_bytes_max = limits.and_then(|limits| limits.max_packet_size).unwrap_or(u32::MAX);
        self.flow.online = true;
        self.outbox.set_connected(true);
        self.say("online");
        tracing::info!(config = ?self.config, window = self.flow.window, "connected to the broker");
    }

    /// A row's own acknowledgement deletes it; a refusal is counted.
    fn acknowledged(&mut self, number: u16, reason: PubAckReason) -> Result<(), String> {
        let Some(sent) = self.flow.under_way.remove(&number) else { return Ok(()) };
        self.flow.acknowledged = true;
        let Sent::Row { id, topic } = sent else { return Ok(()) };
        match reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => self.outbox.delete(id),
            PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid => {
                tracing::error!(topic, ?reason, "the broker will never take this message; it is dropped");
                self.outbox.refuse(id);
            }
            PubAckReason::NotAuthorized => self.park(topic),
            passing => return Err(format!("the broker took no message on {topic} ({passing:?})")),
        }
        Ok(())
    }

    /// The broker's rights forbid a topic: its rows wait for the next connection, others go on.
    fn park(&mut self, topic: String) {
        if !self.flow.parked.contains(&topic) {
            tracing::warn!(topic, "the broker forbids this topic; give the gateway's user the right to publish there");
        }
        if self.flow.parked.len() < usize::from(WINDOW_MAX) {
            self.flow.parked.insert(topic);
        }
    }

    /// Hands rows to rumqttc while the window has room.
    async fn feed(&mut self) -> Result<(), StoreError> {
        if !self.flow.online {
            return Ok(());
        }
        if !self.flow.settled {
            // What the last connection got acknowledged must not be read again.
            self.outbox
                .settle()
                .await
                .or_else(|error| if error == StoreError::Closed { Err(error) } else { Ok(()) })?;
            self.flow.settled = true;
        }
        while self.flow.has_room() {
            if self.flow.ahead.is_empty() && !self.flow.drained {
                self.flow.ahead = self.outbox.rows_after(self.flow.last_read).await?.into();
                self.flow.drained = self.flow.ahead.is_empty();
            }
            let Some(row) = self.flow.ahead.pop_front() else { break };
            self.flow.last_read = row.id;
            self.publish(row);
        }
        Ok(())
    }

    fn publish(&mut self, row: OutboxRow) {
        if self.flow.parked.contains(&row.topic) {
            return;
        }
        if row.topic.len() + row.payload.len() + OVERHEAD_BYTES > self.flow.packet_bytes_max as usize {
            tracing::error!(topic = row.topic, bytes = row.payload.len(), "larger than the broker takes; dropped");
            return self.outbox.refuse(row.id);
        }
        let message_expiry_interval = match row.expires_at_us {
            None => None,
            Some(expires_at_us) => match remaining_s(expires_at_us, self.outbox.event_time_us()) {
                None => return self.outbox.expire(row.id),
                left_s => left_s,
            },
        };
        let attributes = Attributes {
            id: self.outbox.message_id(&self.config.gateway, row.id),
            source: cloudevents::source(&self.config.venue, &self.config.gateway),
            kind: row.kind,
            at_us: row.at_us,
        };
        let properties = PublishProperties { message_expiry_interval, ..properties(&attributes) };
        let sent = Sent::Row { id: row.id, topic: row.topic.clone() };
        self.send(sent, row.topic, row.retained, row.payload, properties);
    }

    /// Publishes the status, with what an integrator watches.
    fn say(&mut self, state: &str) {
        let uptime_s = self.started.elapsed().as_secs();
        let waiting = self.outbox.waiting();
        let version = env!("CARGO_PKG_VERSION");
        let payload = serde_json::json!({
            "state": state, "version": version, "uptime_s": uptime_s, "outbox_waiting": waiting
        });
        let at_us = self.outbox.event_time_us();
        let attributes = Attributes {
            id: format!("{}-status-{at_us}-{uptime_s}", self.config.gateway),
            source: cloudevents::source(&self.config.venue, &self.config.gateway),
            kind: "status".to_owned(),
            at_us,
        };
        let topic = self.flow.status_topic.clone();
        self.send(Sent::Status, topic, true, payload.to_string(), properties(&attributes));
    }

    fn send(&mut self, sent: Sent, topic: String, retain: bool, payload: String, properties: PublishProperties) {
        // The channel is as long as the window, and topics are checked before they enter the outbox; a row
        // that does not go now goes with the next connection.
        let done = self.client.try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties);
        if done.is_ok() {
            self.flow.handed_over.push_back(sent);
        }
    }
}

/// What one connection has under way.
struct Flow {
    status_topic: String,
    /// The broker has said welcome.
    online: bool,
    /// It has acknowledged something.
    acknowledged: bool,
    phase: Phase,
    /// Deletions of earlier connections are on disk.
    settled: bool,
    window: usize,
    packet_bytes_max: u32,
    /// Handed to rumqttc, not numbered yet; with `under_way` at most `window`, and the status.
    handed_over: VecDeque<Sent>,
    /// By packet number.
    under_way: HashMap<u16, Sent>,
    /// Read ahead, one batch.
    ahead: VecDeque<OutboxRow>,
    last_read: i64,
    /// Nothing was found at the last look.
    drained: bool,
    /// Topics the broker forbids; at most `WINDOW_MAX`.
    parked: BTreeSet<String>,
}

impl Flow {
    fn new(status_topic: String) -> Self {
        Self {
            status_topic,
            online: false,
            acknowledged: false,
            phase: Phase::Publishing,
            settled: false,
            window: usize::from(WINDOW_MAX),
            packet_bytes_max: u32::MAX,
            handed_over: VecDeque::new(),
            under_way: HashMap::new(),
            ahead: VecDeque::new(),
            last_read: 0,
            drained: false,
            parked: BTreeSet::new(),
        }
    }

    /// rumqttc numbers publications in the order it was handed them.
    fn number(&mut self, number: u16) {
        if let Some(sent) = self.handed_over.pop_front() {
            self.under_way.insert(number, sent);
        }
    }

    fn has_room(&self) -> bool {
        self.handed_over.len() + self.under_way.len() < self.window
    }

    fn idle(&self) -> bool {
        self.handed_over.is_empty() && self.under_way.is_empty()
    }
}

fn options(config: &ClientConfig, status_topic: &str) -> MqttOptions {
    let client = format!("venue-gateway-{}", config.gateway);
    let mut options = MqttOptions::new(client, &config.host, config.port);
    let will = LastWill::new(status_topic, r#"{"state":"offline"}"#, QoS::AtLeastOnce, true, None);
    let mut network = NetworkOptions::new();
    // Without it every thousandth message waits 40 ms for a delayed acknowledgement of TCP.
    network.set_tcp_nodelay(true);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_start(true)
        .set_last_will(will)
        .set_network_options(network)
        .set_outgoing_inflight_upper_limit(WINDOW_MAX)
        .set_max_packet_size(Some(INCOMING_BYTES_MAX));
    if let Some(user) = &config.user {
        options.set_credentials(user, config.password.as_deref().unwrap_or_default());
    }
    options
}

fn properties(attributes: &Attributes) -> PublishProperties {
    PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some(cloudevents::CONTENT_TYPE.to_owned()),
        user_properties: attributes.properties(),
        ..PublishProperties::default()
    }
}

/// What is left of a validity, in whole seconds rounded up; `None` when it is over.
fn remaining_s(expires_at_us: i64, now_us: i64) -> Option<u32> {
    let left_us = expires_at_us.saturating_sub(now_us);
    (left_us > 0).then(|| u32::try_from((left_us - 1) / 1_000_000 + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_is_rounded_up_and_ends() {
        for (expires_at_us, left_s) in
            [(i64::MIN, None), (10, None), (11, Some(1)), (1_000_010, Some(1)), (1_000_011, Some(2))]
        {
            assert_eq!(remaining_s(expires_at_us, 10), left_s, "{expires_at_us}");
        }
        assert_eq!(remaining_s(i64::MAX, i64::MIN), Some(u32::MAX));
    }

    #[test]
    fn numbers_meet_rows_in_the_order_they_were_handed_over() {
        let mut flow = Flow::new(String::new());
        for id in 1..=3 {
            flow.handed_over.push_back(Sent::Row { id, topic: String::new() });
        }
        for number in [7, 9, 8] {
            flow.number(number);
        }
        let row = |number| match flow.under_way.get(&number) {
            Some(Sent::Row { id, .. }) => *id,
            other => panic!("{other:?}"),
        };
        assert_eq!([row(7), row(9), row(8)], [1, 2, 3]);
        assert!(flow.handed_over.is_empty());
    }
}
