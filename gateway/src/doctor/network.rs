//! The ports a board opens and the broker it publishes to.
//!
//! In: the configuration. Out: whether the ports are free and the broker takes us. It opens ports for a moment
//! and says hello to a broker under a name of its own, so that a gateway that runs is not disturbed.

use super::Finding;
use crate::config::{Config, Mqtt};
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, ConnectionError, Event, MqttOptions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;
use tokio::time::timeout;

/// How long a broker may take; farther away than this it is no use on an evening.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![port("pages", &config.http_address, config.http_port, "[http] port")];
    findings.push(match config.mqtt.embedded {
        true => port("broker", "127.0.0.1", config.mqtt.port, "[mqtt] port"),
        false => broker(&config.mqtt).await,
    });
    findings
}

fn port(about: &'static str, address: &str, port: u16, key: &str) -> Finding {
    let place = format!("{address}:{port}");
    match TcpListener::bind(&place) {
        Ok(_) if port == 0 => Finding::ok(about, format!("{address}: any free port")),
        Ok(_) => Finding::ok(about, format!("{place} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let mend = format!("if it is not a gateway that runs: `ss -ltnp` tells whose it is, or set {key}");
            Finding::note(about, format!("{place} is taken"), mend)
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let mend = format!("choose a port from 1024 on with {key}");
            Finding::fault(about, format!("{place} is not allowed to this user"), mend)
        }
        Err(error) => {
            Finding::fault(about, format!("{place}: {error}"), "name an address of this machine, as 127.0.0.1")
        }
    }
}

async fn broker(mqtt: &Mqtt) -> Finding {
    let place = format!("{}:{}", mqtt.host, mqtt.port);
    match timeout(ANSWER_WITHIN, hello(mqtt)).await {
        Ok(Ok(())) => Finding::ok("broker", format!("{place} takes us")),
        Ok(Err(ConnectionError::ConnectionRefused(code))) => {
            let mend = "check user and password in [mqtt], and the broker's rules for them";
            Finding::fault("broker", format!("{place} refuses us: {code:?}"), mend)
        }
        Ok(Err(error)) => {
            let mend =
                format!("check [mqtt] host and port, and that a broker runs there: nc -vz {} {}", mqtt.host, mqtt.port);
            Finding::fault("broker", format!("{place} cannot be reached: {error}"), mend)
        }
        Err(_) => {
            let mend = format!("check the network and its firewall: nc -vz {} {}", mqtt.host, mqtt.port);
            Finding::fault("broker", format!("{place} does not answer"), mend)
        }
    }
}

async fn hello(mqtt: &Mqtt) -> Result<(), ConnectionError> {
    let name = format!("venue-gateway-doctor-{}", std::process::id());
    let mut options = MqttOptions::new(name, &mqtt.host, mqtt.port);
    options.set_clean_start(true);
    if let Some(user) = &mqtt.user {
        options.set_credentials(user, mqtt.password.clone().unwrap_or_default());
    }
    let (_client, mut events) = AsyncClient::new(options, 1);
    while !matches!(events.poll().await?, Event::Incoming(Packet::ConnAck(_))) {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    fn check(finding: &Finding, standing: Standing, found: &str) {
        assert_eq!(finding.standing, standing, "{finding}");
        assert!(finding.found.contains(found), "{finding}");
    }

    #[test]
    fn ports_are_free_taken_or_not_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let number = taken.local_addr().expect("bound").port();
        check(&port("pages", "127.0.0.1", number, "[http] port"), Standing::Note, "is taken");
        drop(taken);
        check(&port("pages", "127.0.0.1", number, "[http] port"), Standing::Ok, "is free");
        check(&port("pages", "192.0.2.1", 8_080, "[http] port"), Standing::Fault, "192.0.2.1:8080");
    }

    #[test]
    fn a_broker_that_is_not_there_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port").port();
        let mqtt = Mqtt { embedded: false, port: free, ..Config::shipped().mqtt };
        check(&runtime.block_on(broker(&mqtt)), Standing::Fault, "cannot be reached");
        let ours = crate::mqtt::broker::start(0).expect("a broker");
        check(&runtime.block_on(broker(&Mqtt { port: ours, ..mqtt })), Standing::Ok, "takes us");
    }
}
