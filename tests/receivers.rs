//! `run` as a hub of other makers' receivers: their messages go through a real broker and become devices.
//!
//! In: a configuration that names four receivers, each of another dialect, and messages as their firmware
//! publishes them. Out: failures where a device is not heard, or one of a receiver nobody named is.

use crate::http;
use anyhow::Result;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{Client, MqttOptions};
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::simulation::small_venue;
use venue_tests::waiting;

const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// One phone each, told by the four receivers that are named, and one by a fifth that is not.
const MESSAGES: [(&str, &str); 5] = [
    ("ruuvi/C8:25:2D:8E:9C:2C/51:00:00:00:00:01", r#"{"rssi":-60,"data":"02011a0aff4c001005441cbd08c5"}"#),
    (
        "shellyplus1-a8032ab636ec/events/rpc",
        r#"{"params":{"events":[{"event":"ble.scan_result","data":[2,[["51:00:00:00:00:02",-60,"AgEaCv9MABAFRBy9CMU=",""]]]}]}}"#,
    ),
    (
        "home/OpenMQTTGateway/BTtoMQTT/510000000003",
        r#"{"id":"51:00:00:00:00:03","mac_type":1,"rssi":-60,"manufacturerdata":"4c001005441cbd08c5"}"#,
    ),
    ("espresense/devices/apple:1005:9-24/kitchen", r#"{"mac":"510000000004","id":"apple:1005:9-24","rssi":-60}"#),
    ("espresense/devices/apple:1005:9-24/attic", r#"{"mac":"510000000005","id":"apple:1005:9-24","rssi":-60}"#),
];

fn hub() -> Result<(tempfile::TempDir, Running)> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(small_venue(), folder.path().join("venue.toml"))?;
    let named = [
        ("ruuvi-gateway", "c8:25:2d:8e:9c:2c", "west-1"),
        ("shelly", "shellyplus1-a8032ab636ec", "west-2"),
        ("openmqttgateway", "OpenMQTTGateway", "east-1"),
        ("espresense", "kitchen", "east-2"),
    ];
    let mut text =
        String::from("[gateway]\nname = \"hub\"\n[bluetooth]\nenabled = false\n[mqtt]\nport = 0\n[http]\nport = 0\n");
    for (dialect, gateway, receiver) in named {
        text += &format!("[[receiver]]\ndialect = \"{dialect}\"\ngateway = \"{gateway}\"\nreceiver = \"{receiver}\"\n");
    }
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, text)?;
    let running = Running::start(&["run".as_ref(), "--config".as_ref(), config.as_os_str()])?;
    Ok((folder, running))
}

fn devices_alive(hub: &Running) -> Option<f64> {
    let (_, text) = http::get(&format!("{}/metrics", hub.http)).ok()?;
    let line = text.lines().find(|line| line.contains("devices_alive ") && !line.starts_with('#'))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn four_dialects_become_devices_and_strangers_do_not() {
    let (_folder, hub) = hub().expect("the hub starts");
    let port = hub.mqtt_port.expect("its own broker");
    let (client, mut connection) = Client::new(MqttOptions::new("others", "127.0.0.1", port), 64);
    std::thread::spawn(move || connection.iter().take_while(std::result::Result::is_ok).count());
    waiting::until("four devices", HEARD_WITHIN, || {
        for (topic, message) in MESSAGES {
            client.publish(topic, QoS::AtMostOnce, false, message).expect("publishes");
        }
        devices_alive(&hub).is_some_and(|alive| alive >= 4.0)
    });
    let more = waiting::poll(Duration::from_secs(2), || devices_alive(&hub).filter(|alive| *alive > 4.0));
    assert_eq!(more, None, "the receiver nobody named was heard");
}
