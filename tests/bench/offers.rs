//! One million personalised offers: decided, recorded, published at QoS 1 and delivered.
//!
//! In: how many (`VENUE_OFFERS`, a million), the parts of the gateway as they ship: features, model, policy,
//! ledger, log of decisions, outbox, publisher; mosquitto on the same machine and one subscriber. Out: seconds
//! for deciding alone, with recording, and until the last offer was delivered; and how many were lost or came
//! twice, which must be none. Every person gets an offer of her own, with her own features. It refuses to
//! count anything it did not see arrive. Each offer is two publications, the offer itself and `voucher/…` with
//! `issued`; no voucher ends during a run. Processor seconds stand beside the wall's, those of mosquitto apart:
//! a machine that does other work at the same time stretches the one and not the other.
//!
//! `cargo bench -p venue-gateway --bench offers`

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use venue_engine::offers::{Offers, campaign};
use venue_engine::output::{Output, QueueState};
use venue_engine::time::Timestamp;
use venue_engine::venue::{FloorId, QueueId, Venue};
use venue_gateway::live::Live;
use venue_gateway::model::Model;
use venue_gateway::mqtt::client::{self, ClientConfig};
use venue_gateway::store::{Store, StoreHandle};

/// Attendees of one board; each gets several offers, an hour apart.
const PEOPLE: usize = 90_000;
/// People looked at between two states of the queues.
const BATCH: usize = 1_000;
/// Outputs handed to the store at once; it holds 65 536 and loses what is beyond, so the next wait until
/// these are on disk, while more is decided. The larger, the fewer pages of its indexes are written twice.
const OUTPUTS: usize = 60_000;
/// No offer may take longer than this to arrive after the last one was recorded.
const DELIVERY_MAX: Duration = Duration::from_secs(300);
const START_US: i64 = 1_763_700_000_000_000;
const HOUR_US: i64 = 3_600_000_000;

const VENUE: &str = r#"
name = "arena"
[[floor]]
name = "ground"
width_m = 60
depth_m = 20
[[queue]]
name = "bar east"
area = [[2, 2], [6, 2], [6, 6], [2, 6]]
counter = [[2, 0], [6, 0], [6, 2], [2, 2]]
[[queue]]
name = "bar west"
area = [[32, 2], [36, 2], [36, 6], [32, 6]]
counter = [[32, 0], [36, 0], [36, 2], [32, 2]]
"#;

const CAMPAIGN: &str = r#"[[campaign]]
name = "bench"
percent = 20
text = "{percent} % off at {stand}: {wait_there_min} min there, {wait_here_min} min here."
when_wait_over_s = 60
and_wait_there_under_s = 3000
validity_s = 86400
cap_per_person = 12
cooldown_s = 0
budget_count = 10000000
"#;

fn state(queue: u8, length: f64, wait_s: f64, at: Timestamp) -> QueueState {
    QueueState {
        at,
        queue: QueueId(queue),
        length,
        length_low: length,
        length_high: length,
        wait_s: Some(wait_s),
        wait_low_s: None,
        wait_high_s: None,
        arrivals_per_min: Some(4.0),
        served_per_min: Some(4.0),
        p_wait_over_limit: None,
        p_wait_over_limit_15min: None,
    }
}

/// Decides until so many offers were made, and gives each batch of outputs away.
fn decide(count: usize, mut take: impl FnMut(Vec<Output>)) {
    let venue = Arc::new(Venue::parse(VENUE).expect("a floor plan"));
    let campaigns = campaign::parse(CAMPAIGN, &venue).expect("a campaign");
    let model = Model::shipped().expect("the shipped model");
    let mut offers = Offers::new(venue, 7, campaigns, Some(Box::new(model)));
    let people: Vec<Arc<str>> = (0..PEOPLE).map(|person| format!("guest-{person}").into()).collect();
    let (mut made, mut batch) = (0, Vec::with_capacity(OUTPUTS + 4));
    for round in 0_i64.. {
        for (number, who) in people.iter().enumerate() {
            let at = Timestamp::from_micros(START_US + round * HOUR_US + number as i64 * 1_000);
            if number % BATCH == 0 {
                offers.set_queue(&state(0, 40.0, 1_200.0, at));
                offers.set_queue(&state(1, 1.0, 20.0, at));
            }
            // Everybody stands somewhere else in the line.
            let position = [2.0 + 4.0 * (number % 97) as f64 / 97.0, 2.0 + 4.0 * (number % 89) as f64 / 89.0];
            let before = batch.len();
            offers.consider(at, who, position, FloorId(0), None, &mut batch);
            let voucher = batch[before..].iter().find_map(|output| match output {
                Output::Offer(offer) => Some(offer.voucher.clone()),
                _ => None,
            });
            if let Some(voucher) = voucher {
                // Used at once, so that nobody is counted as under way; the till is not part of this measure.
                offers.redeemed(at, &voucher, &mut batch);
                made += 1;
            }
            if batch.len() >= OUTPUTS || made == count {
                take(std::mem::take(&mut batch));
            }
            if made == count {
                return;
            }
        }
    }
}

/// Processor seconds of a process so far, all its threads: fields 14 and 15 of its `stat`, hundredths.
fn processor_s(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Wall and processor seconds since a moment.
struct Since(Instant, f64);

impl Since {
    fn now() -> Self {
        Self(Instant::now(), processor_s("self"))
    }

    fn told(&self) -> String {
        let (wall_s, processor_s) = (self.0.elapsed().as_secs_f64(), processor_s("self") - self.1);
        format!("{wall_s:.2} s ({processor_s:.2} s of processor)")
    }
}

struct Mosquitto(Child, u16);

impl Mosquitto {
    fn start(folder: &std::path::Path) -> Option<Self> {
        let names = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
        let program = names.into_iter().find(|name| std::path::Path::new(name).exists())?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let config = folder.join("mosquitto.conf");
        // A subscriber that is a moment behind must lose nothing: no bound on its queue.
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n\
             max_inflight_messages 1000\n"
        );
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let broker = Self(command.spawn().expect("starts"), port);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto comes up");
            std::thread::yield_now();
        }
        Some(broker)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the subscriber has seen.
#[derive(Default)]
struct Heard {
    offers: AtomicU64,
    twice: AtomicU64,
    ready: AtomicU64,
}

async fn subscribe(port: u16, heard: Arc<Heard>) {
    let mut options = MqttOptions::new("bench", "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(60)).set_receive_maximum(Some(1_000));
    let (client, mut events) = AsyncClient::new(options, 1_000);
    client.subscribe("venue/arena/attendee/+/offer", QoS::AtLeastOnce).await.expect("subscribes");
    let mut seen: HashSet<u128> = HashSet::new();
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::SubAck(_))) => heard.ready.store(1, Ordering::Release),
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                let fresh = voucher(&publish.payload).is_some_and(|voucher| seen.insert(voucher));
                let counter = if fresh { &heard.offers } else { &heard.twice };
                counter.fetch_add(1, Ordering::AcqRel);
            }
            Ok(_) => {}
            Err(error) => panic!("the subscriber lost its broker: {error}"),
        }
    }
}

/// The voucher's identity, which follows its name in the JSON.
fn voucher(payload: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(payload).ok()?;
    let (_, rest) = text.split_once("\"voucher\":\"")?;
    u128::from_str_radix(rest.get(..32)?, 16).ok()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + DELIVERY_MAX;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn open(folder: &std::path::Path) -> (StoreHandle, std::thread::JoinHandle<()>) {
    let venue = Arc::new(Venue::parse(VENUE).expect("a floor plan"));
    let store = Store::open(&folder.join("venue.sqlite")).expect("opens");
    StoreHandle::spawn(store, venue.clone(), Arc::new(Live::new(venue)))
}

/// Hands batches over, each when the one before is on disk, so that nothing is dropped.
fn record(count: usize, store: &StoreHandle) {
    decide(count, |outputs| {
        store.flush_blocking().expect("stored");
        store.outputs(outputs);
    });
    store.flush_blocking().expect("stored");
}

/// Mean time of a decision among fifty campaigns, microseconds.
fn among_fifty() -> f64 {
    let venue = Arc::new(Venue::parse(VENUE).expect("a floor plan"));
    let named = |number: usize| CAMPAIGN.replace("\"bench\"", &format!("\"bench {number}\""));
    let text: String = (0..50).map(named).collect();
    let campaigns = campaign::parse(&text, &venue).expect("campaigns");
    let model = Model::shipped().expect("the shipped model");
    let mut offers = Offers::new(venue, 7, campaigns, Some(Box::new(model)));
    let at = Timestamp::from_micros(START_US);
    offers.set_queue(&state(0, 40.0, 1_200.0, at));
    offers.set_queue(&state(1, 1.0, 0.02, at));
    let people: Vec<Arc<str>> = (0..20_000).map(|person| format!("guest-{person}").into()).collect();
    let (mut outputs, mut among, mut spent) = (Vec::new(), 0, Duration::ZERO);
    for who in &people {
        outputs.clear();
        let begun = Instant::now();
        offers.consider(at, who, [4.0, 4.0], FloorId(0), None, &mut outputs);
        spent += begun.elapsed();
        for output in std::mem::take(&mut outputs) {
            match output {
                Output::Decision(decision) => among += decision.arms.len(),
                Output::Offer(offer) => offers.redeemed(at, &offer.voucher, &mut outputs),
                _ => {}
            }
        }
    }
    assert!(among > 45 * people.len(), "nearly every one a decision among fifty: {among} offers weighed");
    spent.as_secs_f64() * 1e6 / people.len() as f64
}

fn main() {
    println!("a decision among 50 campaigns: {:.1} us", among_fifty());
    let count = std::env::var("VENUE_OFFERS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let begun = Since::now();
    decide(count, drop);
    println!("{count} offers decided: {}", begun.told());

    let folder = tempfile::tempdir().expect("a folder");
    let (store, thread) = open(folder.path());
    let begun = Since::now();
    record(count, &store);
    println!("decided and recorded: {}", begun.told());
    assert_eq!(store.counts().events_lost, 0, "nothing was dropped");
    store.close();
    thread.join().expect("ends");

    let folder = tempfile::tempdir().expect("a folder");
    let Some(broker) = Mosquitto::start(folder.path()) else {
        return println!("SKIPPED: publishing, mosquitto is not installed");
    };
    let (store, thread) = open(folder.path());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let heard = Arc::<Heard>::default();
    runtime.spawn(subscribe(broker.1, heard.clone()));
    wait_for("the subscriber is there", || heard.ready.load(Ordering::Acquire) == 1);
    let (host, venue, gateway) = ("127.0.0.1".to_owned(), "arena".to_owned(), "bench".to_owned());
    let config = ClientConfig { host, port: broker.1, user: None, password: None, venue, gateway };
    let (_shutdown, ending) = watch::channel(false);
    runtime.spawn(client::run(config, store.outbox(), ending));
    let begun = Since::now();
    record(count, &store);
    let recorded = begun.told();
    wait_for("every offer arrives", || heard.offers.load(Ordering::Acquire) == count as u64);
    let (delivered, mosquitto_s) = (begun.told(), processor_s(&broker.0.id().to_string()));
    let twice = heard.twice.load(Ordering::Acquire);
    println!(
        "decided, recorded, published at QoS 1, delivered: {delivered}, mosquitto {mosquitto_s:.2} s of processor"
    );
    println!("of that the last was recorded after {recorded}");
    println!("lost 0, twice {twice}, events lost {}", store.counts().events_lost);
    assert_eq!((twice, store.counts().events_lost), (0, 0));
    runtime.shutdown_background();
    store.close();
    thread.join().expect("ends");
}
