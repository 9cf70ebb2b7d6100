//! `run` as a hub: adverts come from another board, figures go out.
//!
//! In: a configuration without adapters, and a simulated recording that a board would have heard, published
//! live with hashed addresses. Out: failures where nobody is counted, or raw addresses are taken.

use crate::broker::Subscriber;
use crate::http;
use anyhow::Result;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{Client, MqttOptions};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use venue_tests::demo::Running;
use venue_tests::simulation::{Simulated, small_venue};
use venue_tests::waiting;

/// The part of the recording that is played: by then the hall is busy.
const FROM_US: i64 = 200_000_000;
/// Devices count after some reports; a report comes every second here.
const COUNTED_WITHIN: Duration = Duration::from_secs(40);

/// The hub and the folder it lives in.
fn hub() -> Result<(tempfile::TempDir, Running)> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(small_venue(), folder.path().join("venue.toml"))?;
    let config = folder.path().join("gateway.toml");
    std::fs::write(
        &config,
        "[gateway]\nname = \"hub\"\n[bluetooth]\nenabled = false\n[engine]\nreport_every_s = 1\n[mqtt]\nport = 0\n[http]\nport = 0\n",
    )?;
    let running = Running::start(&["run".as_ref(), "--config".as_ref(), config.as_os_str()])?;
    Ok((folder, running))
}

/// A board that plays a recording as if it heard it now.
struct Board {
    client: Client,
    /// Time since the begin of the part, and the line.
    lines: Vec<(Duration, Value)>,
    next: usize,
    began: Instant,
    /// Whether addresses are hashed before they are sent.
    hashes: bool,
}

impl Board {
    fn start(port: u16, hashes: bool) -> Result<Self> {
        let (client, mut connection) = Client::new(MqttOptions::new("board-1", "127.0.0.1", port), 64);
        std::thread::spawn(move || connection.iter().take_while(std::result::Result::is_ok).count());
        let lines: Vec<Value> =
            Simulated::small(41)?.lines()?.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
        let begin_us = lines[0]["at_us"].as_i64().unwrap_or_default() + FROM_US;
        let since = |line: &Value| u64::try_from(line["at_us"].as_i64().unwrap_or_default() - begin_us).ok();
        let lines = lines.into_iter().filter_map(|line| Some((Duration::from_micros(since(&line)?), line))).collect();
        Ok(Self { client, lines, next: 0, began: Instant::now(), hashes })
    }

    /// Publishes what was heard up to now.
    fn play(&mut self) -> Result<()> {
        let mut text = String::new();
        while let Some((_, line)) = self.lines.get(self.next).filter(|(since, _)| *since <= self.began.elapsed()) {
            text.push_str(&sent(line, self.hashes)?.to_string());
            text.push('\n');
            self.next += 1;
        }
        if !text.is_empty() {
            let batch = zstd::encode_all(text.as_bytes(), 1)?;
            self.client.publish("venue/small/gateway/board-1/adverts", QoS::AtLeastOnce, false, batch)?;
        }
        Ok(())
    }
}

/// A line as a board sends it now.
#[expect(clippy::disallowed_methods, reason = "a board stamps what it hears with the wall's clock")]
fn sent(line: &Value, hashes: bool) -> Result<Value> {
    let mut line = line.clone();
    line["at_us"] = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?.into();
    if hashes {
        // Any function of the address will do here; the hub takes it as it is.
        let address: String = line["address"].as_str().unwrap_or_default().replace(':', "");
        line["address"] = format!("~{address:0>16}").into();
        line.as_object_mut().and_then(|line| line.remove("address_type"));
    }
    Ok(line)
}

fn people(demo: &Running) -> f64 {
    let state = http::get_json(&format!("{}/api/v1/state", demo.http)).unwrap_or_default();
    state["venue"]["people"].as_f64().unwrap_or_default()
}

#[test]
fn adverts_of_another_board_become_people() {
    let (_folder, mut hub) = hub().expect("the hub starts");
    let port = hub.mqtt_port.expect("its own broker");
    let subscriber = Subscriber::start("watcher", port).expect("subscribes");
    let mut board = Board::start(port, true).expect("a board");
    waiting::until("some people", COUNTED_WITHIN, || {
        board.play().expect("publishes");
        people(&hub) >= 5.0
    });
    let state = http::get_json(&format!("{}/api/v1/state", hub.http)).expect("a state");
    let boards = &state["health"]["radios"][0];
    assert!(boards["receiver"] == "boards" && boards["adverts"].as_u64() > Some(0), "{boards}");
    let is_occupancy = |topic: &str| topic.starts_with("zone/") && topic.ends_with("/occupancy");
    let somebody = subscriber.wait(COUNTED_WITHIN, |topic, message| {
        is_occupancy(topic) && message.json["people"].as_f64().is_some_and(|people| people > 0.0)
    });
    somebody.expect("people over MQTT");
    let (status, took) = hub.end("TERM", Duration::from_secs(20)).expect("ends");
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
}

#[test]
fn raw_addresses_of_another_board_are_refused() {
    let (_folder, hub) = hub().expect("the hub starts");
    let mut board = Board::start(hub.mqtt_port.expect("its own broker"), false).expect("a board");
    let counted = waiting::poll(Duration::from_secs(6), || {
        board.play().expect("publishes");
        (people(&hub) > 0.0).then_some(())
    });
    assert_eq!(counted, None, "somebody was counted from raw addresses");
}
