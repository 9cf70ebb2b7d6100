//! A real broker and a real client.
//!
//! In: a port of this machine. Out: mosquitto as a process, and everything a subscriber of it hears.

use anyhow::{Context, Result};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{Client, Event, MqttOptions};
use serde_json::Value;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use venue_tests::{programs, waiting};

const UP_WITHIN: Duration = Duration::from_secs(10);
/// Messages kept by a subscriber: minutes of a demo at full speed.
const MESSAGES_MAX: usize = 1_000_000;

/// A mosquitto of our own; dropped with the test.
#[derive(Debug)]
pub struct Mosquitto {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Mosquitto {
    /// Starts a broker without memory.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(program: &Path) -> Result<Self> {
        let port = programs::free_port()?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("mosquitto.conf");
        std::fs::write(&config, format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start mosquitto")?;
        let broker = Self { child, port };
        let up = waiting::poll(UP_WITHIN, || TcpStream::connect(("127.0.0.1", port)).ok());
        up.context("mosquitto does not come up")?;
        Ok(broker)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message as a subscriber got it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Full topic.
    pub topic: String,
    /// Whether the broker had kept it.
    pub retained: bool,
    /// Payload; `Null` where it is not JSON.
    pub json: Value,
    /// Properties that users may set.
    pub user_properties: Vec<(String, String)>,
    /// Seconds it is still valid.
    pub expires_s: Option<u32>,
}

impl Heard {
    fn new(publish: &Publish) -> Self {
        let properties = publish.properties.clone().unwrap_or_default();
        Self {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            retained: publish.retain,
            json: serde_json::from_slice(&publish.payload).unwrap_or(Value::Null),
            user_properties: properties.user_properties,
            expires_s: properties.message_expiry_interval,
        }
    }

    /// A property by name.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.user_properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A client that listens to everything of every venue.
pub struct Subscriber {
    client: Client,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Subscriber {
    /// Subscribes to `venue/#` at a broker of this machine.
    ///
    /// # Errors
    /// When the request cannot be sent.
    pub fn start(name: &str, port: u16) -> Result<Self> {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe("venue/#", QoS::AtLeastOnce)?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let Ok(Event::Incoming(Packet::Publish(publish))) = event else {
                    if event.is_err() {
                        return; // the broker has gone, or the test dropped us
                    }
                    continue;
                };
                let mut heard = hearing.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.len() < MESSAGES_MAX {
                    heard.push(Heard::new(&publish));
                }
            }
        });
        Ok(Self { client, heard })
    }

    /// Everything heard so far below the venue's root, by the end of the topic after `venue/NAME/`.
    pub fn heard(&self, wanted: impl Fn(&str) -> bool) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|message| wanted(below_root(&message.topic))).cloned().collect()
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// Which topics were heard instead.
    pub fn wait(&self, within: Duration, wanted: impl Fn(&str, &Heard) -> bool) -> Result<Heard> {
        let found = waiting::poll(within, || {
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.iter().find(|message| wanted(below_root(&message.topic), message)).cloned()
        });
        found.with_context(|| {
            let mut topics: Vec<String> = self.heard(|_| true).into_iter().map(|message| message.topic).collect();
            topics.sort();
            topics.dedup();
            format!("not heard; there were {topics:?}")
        })
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // Fails when the broker has gone first.
        let _ = self.client.disconnect();
    }
}

/// The topic after `venue/NAME/`.
pub fn below_root(topic: &str) -> &str {
    topic.splitn(3, '/').nth(2).unwrap_or_default()
}
