//! Tests of publishing against real brokers: mosquitto as a child process, and the embedded one.
//!
//! Each test takes a broker and plays one story. Where mosquitto is not installed its stories are skipped,
//! each by name on the terminal.

use crate::live::Live;
use crate::mqtt::broker::Broker;
use crate::mqtt::client::{self, ClientConfig};
use crate::mqtt::cloudevents::Attributes;
use crate::store::{Store, StoreHandle, samples};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use std::collections::HashMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const MOSQUITTO: &str = "/usr/sbin/mosquitto";
/// Longest a story may wait for one thing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until something holds; says what it was when it never does.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// mosquitto with a directory and a port of its own; it saves its sessions when it is told to end.
struct Mosquitto {
    directory: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Mosquitto {
    fn start(story: &str) -> Option<Self> {
        if !Path::new(MOSQUITTO).exists() {
            // Past the test harness, which hides what passing tests print.
            let _ = writeln!(std::io::stderr(), "SKIPPED {story}: {MOSQUITTO} is not installed");
            return None;
        }
        let directory = tempfile::tempdir().expect("directory");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a port").port();
        let path = directory.path().display();
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {path}/\n\
             max_queued_messages 0\nset_tcp_nodelay true\nuser {user}\n"
        );
        std::fs::write(directory.path().join("mosquitto.conf"), config).expect("written");
        let child = Self::launch(directory.path());
        Some(Self { directory, port, child })
    }

    fn launch(directory: &Path) -> Child {
        let mut command = Command::new(MOSQUITTO);
        command.arg("-c").arg(directory.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("mosquitto starts")
    }

    async fn listening(&self) {
        until("mosquitto to listen", || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()).await;
    }

    /// Ends it as a service manager does.
    fn end(&mut self) {
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()), "mosquitto was told to end");
        self.child.wait().expect("mosquitto ended");
    }

    fn again(&mut self) {
        self.child = Self::launch(self.directory.path());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to the broker that can be cut.
struct Wire {
    port: u16,
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let here = listener.local_addr().expect("address").port();
        let (cuts, cut) = watch::channel(0);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { port: here, cuts, task }
    }

    fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One message as a subscriber gets it.
#[derive(Clone, Debug)]
struct Heard {
    topic: String,
    payload: String,
    retained: bool,
    attributes: Option<Attributes>,
    expiry_s: Option<u32>,
}

/// A client that listens to everything; its session outlives its connections and the broker.
struct Listener {
    heard: Arc<Mutex<Vec<Heard>>>,
    task: JoinHandle<()>,
}

impl Listener {
    async fn new(port: u16, name: &str) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_clean_start(false).set_session_expiry_interval(Some(3_600)).set_max_packet_size(Some(4 << 20));
        let (client, mut events) = AsyncClient::new(options, 10);
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let (subscribed, listening) = watch::channel(false);
        let into = heard.clone();
        client.subscribe("venue/#", QoS::AtLeastOnce).await.expect("queued");
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let properties = publish.properties.unwrap_or_default();
                        into.lock().expect("whole").push(Heard {
                            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                            retained: publish.retain,
                            attributes: Attributes::parse(&properties.user_properties),
                            expiry_s: properties.message_expiry_interval,
                        });
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => drop(subscribed.send(true)),
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                // The client must live as long as its event loop.
                let _ = &client;
            }
        });
        until("the subscription", || *listening.borrow()).await;
        Self { heard, task }
    }

    fn all(&self) -> Vec<Heard> {
        self.heard.lock().expect("whole").clone()
    }

    fn of(&self, topic: &str) -> Vec<Heard> {
        self.all().into_iter().filter(|heard| heard.topic == format!("venue/arena/{topic}")).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A store and a publisher for it.
struct Gateway {
    _directory: tempfile::TempDir,
    store: StoreHandle,
    stop: watch::Sender<bool>,
    publisher: Option<JoinHandle<()>>,
}

impl Gateway {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let store = Store::open(&directory.path().join("venue.db")).expect("opens");
        let venue = Arc::new(samples::venue());
        let (store, _) = StoreHandle::spawn(store, venue.clone(), Arc::new(Live::new(venue)));
        Self { _directory: directory, store, stop: watch::channel(false).0, publisher: None }
    }

    fn publish_to(&mut self, port: u16) {
        let (host, venue, gateway) = ("127.0.0.1".to_owned(), "arena".to_owned(), "hub".to_owned());
        let config = ClientConfig { host, port, user: None, password: None, venue, gateway };
        self.publisher = Some(tokio::spawn(client::run(config, self.store.outbox(), self.stop.subscribe())));
    }

    async fn delivered(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.store.counts().outbox_waiting > 0 {
            assert!(Instant::now() < deadline, "left: {:?}", self.store.counts());
            self.store.flush().await.expect("stored");
        }
    }

    /// Ends it as Ctrl-C does.
    async fn stop(&mut self) {
        let _ = self.stop.send(true);
        let ended = self.publisher.take().expect("publishes");
        tokio::time::timeout(Duration::from_secs(1), ended).await.expect("ends within a second").expect("ends well");
    }

    /// Ends it as `kill -9` does.
    fn die(&mut self) {
        self.publisher.take().expect("publishes").abort();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.store.close();
        if let Some(publisher) = self.publisher.take() {
            publisher.abort();
        }
    }
}

/// State is retained with all its attributes, an offer carries its validity, and a late-comer sees the state.
async fn state_and_offers_arrive(port: u16) {
    let listener = Listener::new(port, "early").await;
    let mut gateway = Gateway::new();
    gateway.publish_to(port);
    gateway.store.outputs(vec![samples::queue(5, 2.0), samples::offer(5, "aa"), samples::people(5, None, 3.0)]);
    gateway.store.flush().await.expect("stored");
    gateway.delivered().await;
    until("the offer", || listener.of("voucher/aa").len() == 1).await;
    let offer = listener.of("attendee/mia/offer");
    assert_eq!((offer.len(), offer[0].retained), (1, false));
    assert!(offer[0].expiry_s.is_some_and(|left_s| (290..=300).contains(&left_s)), "{offer:?}");
    let attributes = offer[0].attributes.clone().expect("all attributes");
    assert_eq!((attributes.kind.as_str(), attributes.at_us), ("offer", 5_000_000));
    assert_eq!(attributes.source, "/venue/arena/gateway/hub");
    assert_eq!(attributes.id, gateway.store.outbox().message_id("hub", 2));

    let late = Listener::new(port, "late").await;
    until("the retained queue", || !late.of("queue/bar/state").is_empty()).await;
    until("the retained status", || !late.of("gateway/hub/status").is_empty()).await;
    let queue = late.of("queue/bar/state");
    assert!(queue[0].retained && queue[0].payload.contains("\"length\":2.0"), "{queue:?}");
    assert_eq!(queue[0].attributes.as_ref().expect("all attributes").kind, "queue");
    assert!(late.of("gateway/hub/status")[0].payload.contains("\"state\":\"online\""));
    assert!(late.of("attendee/mia/offer").is_empty(), "offers are not retained");
}

/// The status is offline after a farewell and after a sudden end, for those who listen and those who come later.
async fn the_status_is_true_after_both_kinds_of_end(port: u16) {
    let listener = Listener::new(port, "watcher").await;
    let states = |listener: &Listener| -> Vec<String> {
        listener.of("gateway/hub/status").into_iter().map(|heard| heard.payload).collect()
    };
    let mut gateway = Gateway::new();
    gateway.publish_to(port);
    until("online", || states(&listener).len() == 1).await;
    gateway.stop().await;
    until("offline", || states(&listener).len() == 2).await;
    let farewell = states(&listener)[1].clone();
    assert!(farewell.contains("\"state\":\"offline\"") && farewell.contains("version"), "{farewell}");

    let mut gateway = Gateway::new();
    gateway.publish_to(port);
    until("online again", || states(&listener).len() == 3).await;
    gateway.die();
    until("the last will", || states(&listener).len() == 4).await;
    assert_eq!(states(&listener)[3], r#"{"state":"offline"}"#);
    let late = Listener::new(port, "late").await;
    until("the retained will", || !late.of("gateway/hub/status").is_empty()).await;
    assert_eq!(states(&late), [r#"{"state":"offline"}"#]);
}

/// All alerts came, in order, and what came twice came with the same identity.
fn nothing_is_lost(listener: &Listener, expected: i64) -> usize {
    let heard = listener.of("alert/queue-over-limit");
    let mut by_id: HashMap<String, String> = HashMap::new();
    let mut first = Vec::new();
    for heard in &heard {
        let attributes = heard.attributes.clone().expect("all attributes");
        match by_id.insert(attributes.id, heard.payload.clone()) {
            None => first.push(attributes.at_us / 1_000_000),
            Some(before) => assert_eq!(before, heard.payload, "an identity stands for one message"),
        }
    }
    assert_eq!(first, (0..expected).collect::<Vec<_>>(), "all, in order");
    heard.len() - first.len()
}

/// The wire breaks again and again in mid-stream.
async fn a_breaking_wire_loses_nothing(port: u16) {
    let listener = Listener::new(port, "auditor").await;
    let wire = Wire::to(port).await;
    let mut gateway = Gateway::new();
    gateway.publish_to(wire.port);
    for round in 0..10 {
        until("a new connection", || gateway.store.counts().broker_connections > round as u64).await;
        gateway.store.outputs((round * 300..(round + 1) * 300).map(samples::alert).collect());
        let enough = usize::try_from(round * 300).expect("small") + 50;
        until("the stream", || listener.of("alert/queue-over-limit").len() > enough).await;
        wire.cut();
    }
    gateway.delivered().await;
    until("the end", || listener.of("alert/queue-over-limit").last().is_some_and(|h| h.payload.contains("2999000000")))
        .await;
    nothing_is_lost(&listener, 3_000);
    assert!(gateway.store.counts().broker_connections >= 10, "{:?}", gateway.store.counts());
}

/// What was under way when an offer's time ended is dropped, counted, and never sent.
async fn what_is_over_is_not_sent(port: u16) {
    let listener = Listener::new(port, "witness").await;
    let mut gateway = Gateway::new();
    gateway.store.outputs(vec![samples::offer(5, "aa"), samples::alert(0)]);
    gateway.store.flush().await.expect("stored");
    gateway.store.event_time(samples::second(305).as_micros());
    gateway.publish_to(port);
    gateway.delivered().await;
    until("the alert", || !listener.of("alert/queue-over-limit").is_empty()).await;
    assert!(listener.of("attendee/mia/offer").is_empty());
    assert_eq!(gateway.store.counts().outbox_expired, 1);
}

/// Declares each story once for mosquitto and once for the embedded broker.
macro_rules! stories {
    ($($story:ident),*) => {
        mod on_mosquitto {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let Some(mosquitto) = super::Mosquitto::start(stringify!($story)) else { return };
                mosquitto.listening().await;
                super::$story(mosquitto.port).await;
            })*
        }
        mod on_the_embedded_broker {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                let broker = super::Broker::start(0).expect("starts");
                super::$story(broker.port).await;
            })*
        }
    };
}

stories!(
    state_and_offers_arrive,
    the_status_is_true_after_both_kinds_of_end,
    a_breaking_wire_loses_nothing,
    what_is_over_is_not_sent
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_in_mid_stream_gets_everything() {
    let Some(mut mosquitto) = Mosquitto::start("a_broker_that_restarts_in_mid_stream_gets_everything") else { return };
    mosquitto.listening().await;
    let listener = Listener::new(mosquitto.port, "auditor").await;
    let mut gateway = Gateway::new();
    gateway.publish_to(mosquitto.port);
    for round in 0..3 {
        gateway.store.outputs((round * 2_000..(round + 1) * 2_000).map(samples::alert).collect());
        let enough = usize::try_from(round * 2_000).expect("small") + 200;
        until("the stream", || listener.of("alert/queue-over-limit").len() > enough).await;
        mosquitto.end();
        gateway.store.outputs(vec![samples::queue(round, round as f64)]);
        gateway.store.flush().await.expect("the store does not need the broker");
        mosquitto.again();
    }
    gateway.delivered().await;
    until("the end", || listener.of("alert/queue-over-limit").last().is_some_and(|h| h.payload.contains("5999000000")))
        .await;
    nothing_is_lost(&listener, 6_000);
    assert!(!listener.of("queue/bar/state").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_stopping_waits_for_nobody() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a port").port();
    let mut gateway = Gateway::new();
    gateway.publish_to(port);
    gateway.store.outputs(vec![samples::alert(1)]);
    gateway.store.flush().await.expect("stored");
    gateway.stop().await;
    assert_eq!(gateway.store.counts().outbox_waiting, 1);
}
