//! The embedded broker, for venues without their own: rumqttd on the loopback, MQTT 5 only.
//!
//! In: a port. Out: a broker that listens, on a thread of its own that ends with the process or with the
//! value. It refuses nothing to local clients and is not reachable from elsewhere; a venue that needs
//! users, encryption or a broker that keeps its messages over a restart names an external one.
//!
//! Known limits of rumqttd 0.20: it refuses a keep-alive of 0; it keeps nothing on disk (our outbox does);
//! a subscriber gets at most 100 retained messages on subscribing (its in-flight limit); a subscriber that
//! falls a whole log behind loses messages that were acknowledged to the publisher; it does not set
//! TCP_NODELAY, so single messages can take 40 ms.

use rumqttd::protocol::v5::V5;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Bytes of one segment of a subscription's log. Measured: segments of 1 MB lose up to 29 % of a flat-out
/// run although every message is acknowledged; four of 10 MB lost none.
const SEGMENT_BYTES: usize = 10 << 20;
/// Segments of a subscription's log: with the size above, up to 40 MB per subscription filter.
const SEGMENTS: usize = 4;
/// Clients at once: displays, integrations and boards of one venue.
const CONNECTIONS_MAX: usize = 256;
/// Largest payload: the heat map of a floor of 1 000 m by 1 000 m has 250 000 cells of up to 14 bytes.
const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// Packets taken from one client before others have their turn.
const CLIENT_PACKETS: usize = 200;
/// Packets given to one client before others have their turn.
const ROUTER_PACKETS: u64 = 200;
/// How long a new connection may take to introduce itself.
const CONNECT_MS: u16 = 5_000;
/// How long the broker may take to listen.
const START: Duration = Duration::from_secs(5);

/// A running broker; it ends with this value.
#[derive(Debug)]
pub struct Broker {
    /// Where it listens on the loopback.
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a broker that lives as long as the process; port 0 picks a free one. Returns the port.
///
/// # Errors
/// The port is taken, or the system starts no thread.
pub fn start(port: u16) -> io::Result<u16> {
    let mut broker = Broker::start(port)?;
    // The thread only serves sockets: it holds nothing that must be saved and ends with the process.
    (broker.stop, broker.thread) = (None, None);
    Ok(broker.port)
}

impl Broker {
    /// Starts a broker; port 0 picks a free one.
    ///
    /// # Errors
    /// The port is taken, or the system starts no thread.
    pub fn start(port: u16) -> io::Result<Self> {
        // rumqttd binds by number and tells nobody when that fails, so the port is tried here first.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (report, ended) = mpsc::sync_channel(1);
        let work = move || {
            // Nobody listens any more when the start has succeeded.
            drop(report.send(serve(address, stopped)));
        };
        let thread = std::thread::Builder::new().name("broker".to_owned()).spawn(work)?;
        wait_until_listening(address, &ended)?;
        Ok(Self { port: address.port(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            // Either fails only when the thread has ended by itself.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// Serves until told to stop, for ever when nobody is left to tell; every connection ends with the runtime.
fn serve(address: SocketAddr, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = Router::new(0, router_config()).spawn();
    let mut server = Server::new(server_settings(address), router, V5);
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = server.start(LinkType::Remote) => ended.map_err(|error| io::Error::other(error.to_string())),
            Ok(()) = stopped => Ok(()),
        }
    });
    runtime.shutdown_background();
    ended
}

fn wait_until_listening(address: SocketAddr, ended: &mpsc::Receiver<io::Result<()>>) -> io::Result<()> {
    let deadline = Instant::now() + START;
    loop {
        if TcpStream::connect_timeout(&address, START).is_ok() {
            return Ok(());
        }
        if let Ok(result) = ended.recv_timeout(Duration::from_millis(2)) {
            return result.and(Err(io::Error::other("the broker ended at its start")));
        }
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the broker does not listen after 5 s"));
        }
    }
}

fn router_config() -> RouterConfig {
    RouterConfig {
        max_connections: CONNECTIONS_MAX,
        max_outgoing_packet_count: ROUTER_PACKETS,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    }
}

fn server_settings(listen: SocketAddr) -> ServerSettings {
    let connections = ConnectionSettings {
        connection_timeout_ms: CONNECT_MS,
        max_payload_size: PAYLOAD_BYTES_MAX,
        max_inflight_count: CLIENT_PACKETS,
        auth: None,
        external_auth: None,
        dynamic_filters: false,
    };
    ServerSettings { name: "broker".to_owned(), listen, tls: None, next_connection_delay_ms: 0, connections }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_stops_and_can_have_its_port_again() {
        let broker = Broker::start(0).expect("starts");
        let port = broker.port;
        assert_eq!(Broker::start(port).expect_err("taken").kind(), io::ErrorKind::AddrInUse);
        let started = Instant::now();
        drop(broker);
        assert!(started.elapsed() < Duration::from_secs(1), "stopping waits for nobody");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert_eq!(Broker::start(port).expect("starts again").port, port);
    }
}
