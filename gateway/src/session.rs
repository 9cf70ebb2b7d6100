//! What `run` and `demo` have in common: store, engine, broker, publisher and pages, started in the order
//! that lets each find what it needs, and ended in the order that loses nothing.
//!
//! In: a configuration, a floor plan, a clock. Out: a running gateway. It refuses to start half: a port
//! taken, a database unusable or a broken file is one clear line and an exit code.

use crate::campaigns::Book;
use crate::cli::Failure;
use crate::config::{Config, read_file};
use crate::live::Live;
use crate::model::Model;
use crate::mqtt::hub::{self, HubConfig};
use crate::mqtt::{broker, client};
use crate::radio;
use crate::runtime::{self, Clock, EngineHandle};
use crate::store::{Attendee, Store, StoreHandle};
use crate::voucher::keys::Keys;
use crate::web::{self, WebState};
use anyhow::Context;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration as WallDuration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use venue_engine::engine::Engine;
use venue_engine::event::{Event, Registration, SubjectKind};
use venue_engine::offers::Scorer;
use venue_engine::offers::campaign::{self, Campaign};
use venue_engine::settings::Settings;
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// How long the publisher may go on sending at the end; what is left stays in the outbox.
const DRAIN: WallDuration = WallDuration::from_millis(500);

/// How long publisher, pages and radios may take to say goodbye.
const FAREWELL: WallDuration = WallDuration::from_millis(600);

/// How often the box tells how it is itself.
const HEALTH_EVERY: WallDuration = WallDuration::from_secs(1);

/// Name of the database in the data folder.
pub const DATABASE: &str = "venue.sqlite";

/// What a session starts from.
pub struct Setup {
    /// This board's configuration.
    pub config: Config,
    /// The floor plan.
    pub venue: Arc<Venue>,
    /// The floor plan's file, where it has one: a site map may lie beside it.
    pub plan: Option<PathBuf>,
    /// Event time.
    pub clock: Clock,
    /// Who is registered from the start, beside those in the configuration and in the database.
    pub registrations: Vec<Registration>,
}

/// A running gateway.
pub struct Session {
    engine: EngineHandle,
    engine_thread: JoinHandle<()>,
    store: StoreHandle,
    store_thread: JoinHandle<()>,
    shutdown: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
    pages: std::net::SocketAddr,
    broker: (String, u16),
    radios: radio::source::Sources,
    venue: Arc<Venue>,
    live: Arc<Live>,
}

/// Runs a board until somebody ends it.
///
/// # Errors
/// Where it cannot start, or could not end cleanly.
pub fn run(config: &Config) -> Result<(), Failure> {
    let venue = crate::cli::load_venue(&config.venue)?;
    let setup = Setup {
        config: config.clone(),
        venue: venue.clone(),
        plan: Some(config.venue.clone()),
        clock: Clock::Wall,
        registrations: Vec::new(),
    };
    let mut session = Session::start(setup)?;
    session.listen(config, &venue)?;
    println!("ready {} {}", session.pages_url(), session.broker_url());
    let ended = session.wait(None);
    session.close()?;
    ended
}

/// The campaigns a configuration names, or the built-in ones.
///
/// # Errors
/// One line per fault.
pub fn load_campaigns(config: &Config, venue: &Venue) -> Result<Vec<Campaign>, Failure> {
    let Some(path) = &config.campaigns else { return Ok(campaign::shipped(venue)) };
    read_file(path, |text| campaign::parse(text, venue)).map_err(Failure::Configuration)
}

/// The campaigns as staff left them in the database, or those of the configuration where nobody has edited any.
fn open_campaigns(config: &Config, venue: &Arc<Venue>, store: &StoreHandle) -> Result<Book, Failure> {
    let parse = |text: &str| Book::of_text(text, venue.clone());
    let book = match &config.campaigns {
        None => parse(campaign::SHIPPED).expect("a test reads the shipped file"),
        Some(path) => read_file(path, parse).map_err(Failure::Configuration)?,
    };
    let edited = store.edited_campaigns().map_err(|error| anyhow::anyhow!("{error}"))?;
    edited.into_iter().for_each(|rows| book.restore(rows));
    Ok(book)
}

/// The model a configuration names, or the built-in one. One that cannot be used is told and left out:
/// offers then go by rules alone, and the engine raises an alert.
pub fn load_model(config: &Config) -> Option<Box<dyn Scorer>> {
    let loaded = match &config.model {
        None => Model::shipped(),
        Some(path) => Model::from_file(path),
    };
    match loaded {
        Ok(model) => Some(Box::new(model)),
        Err(error) => {
            tracing::error!("offers go by rules alone: {error}");
            None
        }
    }
}

impl Session {
    /// Starts everything but the radios.
    ///
    /// # Errors
    /// Where a port is taken or the database cannot be used.
    pub fn start(setup: Setup) -> Result<Self, Failure> {
        let Setup { config, venue, plan, clock, registrations } = setup;
        let address = format!("{}:{}", config.http_address, config.http_port);
        let listener = TcpListener::bind(&address).with_context(|| {
            format!("the pages cannot listen on {address}; choose another port, or end the program that has it")
        })?;
        let pages = listener.local_addr()?;
        let database = config.data.join(DATABASE);
        let opened = Store::open(&database).map_err(|error| anyhow::anyhow!("{error}"))?;
        let live = Arc::new(Live::new(venue.clone()));
        let (store, store_thread) = StoreHandle::spawn(opened, venue.clone(), live.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let joined = runtime.block_on(store.attendees()).map_err(|error| anyhow::anyhow!("{error}"))?;
        let languages: Vec<_> = joined.iter().map(language_of).collect();
        let joined = joined.into_iter().filter_map(registration_of);
        let campaigns = Arc::new(open_campaigns(&config, &venue, &store)?);
        let mut engine = new_engine(&config, &venue, campaigns.campaigns(), joined.chain(registrations))?;
        if let Some(plan) = &plan {
            crate::cli::use_map(&mut engine, plan, &venue)?;
        }
        engine.restore_offers(store.restored_offers().map_err(|error| anyhow::anyhow!("{error}"))?);
        languages.into_iter().for_each(|language| engine.handle(language, &mut Vec::new()));
        let clock = clock.not_before(Timestamp::from_micros(store.event_time_us()));
        let (engine, engine_thread) = runtime::spawn(engine, clock, store.clone())?;
        let radios = radio::source::Sources::default();
        let (shutdown, ending) = watch::channel(false);
        let broker = start_broker(&config)?;
        let publisher = publisher_of(&config, &broker, &venue);
        let keys = Arc::new(open_keys(&config.data)?);
        let state = WebState {
            venue: venue.clone(),
            live: live.clone(),
            store: store.clone(),
            database,
            engine: engine.clone(),
            radios: radios.clone(),
            keys,
            campaigns,
        };
        let _entered = runtime.enter();
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let tasks = vec![
            runtime.spawn(client::run(publisher, store.outbox(), ending.clone())),
            runtime.spawn(tell_health(
                state.live.clone(),
                engine.clone(),
                store.clone(),
                radios.clone(),
                ending.clone(),
            )),
            runtime.spawn(web::serve(listener, state, ending)),
        ];
        drop(_entered);
        Ok(Self {
            engine,
            engine_thread,
            store,
            store_thread,
            shutdown,
            tasks,
            runtime,
            pages,
            broker,
            radios,
            venue,
            live,
        })
    }

    /// Starts the radios a configuration names.
    ///
    /// # Errors
    /// Where the floor plan lacks the receiver an adapter stands for.
    pub fn listen(&mut self, config: &Config, venue: &Arc<Venue>) -> Result<(), Failure> {
        #[cfg(feature = "bluetooth")]
        if config.bluetooth.enabled {
            let name = &config.bluetooth.receiver;
            let receiver = venue.receiver(name).ok_or_else(|| {
                Failure::Configuration(format!(
                    "{}: no receiver \"{name}\", which [bluetooth] names; add it or set enabled = false",
                    config.venue.display()
                ))
            })?;
            let health = self.radios.add(name, radio::adapters::DEVICE);
            let (engine, ending) = (self.engine.for_source(), self.shutdown.subscribe());
            let source = radio::adapters::run(receiver, engine, health, ending);
            self.tasks.push(self.runtime.spawn(source));
        }
        for hci in &config.hci {
            let receiver = venue.receiver(&hci.receiver).ok_or_else(|| {
                let (plan, name) = (config.venue.display(), &hci.receiver);
                Failure::Configuration(format!("{plan}: no receiver \"{name}\", which [[hci]] names; add it"))
            })?;
            let health = self.radios.add(&hci.receiver, &hci.device.to_string());
            let (device, ending) = (hci.device.clone(), self.shutdown.subscribe());
            let source = radio::hci::run(device, receiver, self.engine.for_source(), health, ending);
            self.tasks.push(self.runtime.spawn(source));
        }
        if config.mqtt.hub {
            let (host, port) = self.broker.clone();
            let hub = HubConfig {
                host,
                port,
                mqtt: config.mqtt.clone(),
                gateway: config.gateway.clone(),
                foreign: config.foreign.clone(),
            };
            let engine = self.engine.counted(self.radios.add(radio::source::BOARDS, "mqtt"));
            let ear = hub::run(hub, venue.clone(), engine, self.shutdown.subscribe());
            self.tasks.push(self.runtime.spawn(ear));
        }
        Ok(())
    }

    /// Where events for the engine go.
    pub fn engine(&self) -> &EngineHandle {
        &self.engine
    }

    /// The simulated crowd's side of the offers; `watched` acts by herself only.
    #[cfg(feature = "demo")]
    pub fn guests(&self, watched: Option<String>) -> crate::guests::Guests {
        let (news, runtime) = (self.live.subscribe_news(), self.runtime.handle().clone());
        crate::guests::Guests::new(self.venue.clone(), news, self.store.clone(), self.engine.clone(), runtime, watched)
    }

    /// Address of the pages.
    pub fn pages_url(&self) -> String {
        format!("http://{}", self.pages)
    }

    /// Address of the broker.
    pub fn broker_url(&self) -> String {
        format!("mqtt://{}:{}", self.broker.0, self.broker.1)
    }

    /// Port of the broker.
    pub fn broker_port(&self) -> u16 {
        self.broker.1
    }

    /// Waits for the end: a signal, or the time given.
    ///
    /// # Errors
    /// Where signals cannot be heard.
    pub fn wait(&self, at_most: Option<WallDuration>) -> Result<(), Failure> {
        let over = async {
            match at_most {
                Some(length) => tokio::time::sleep(length).await,
                None => std::future::pending().await,
            }
        };
        self.runtime.block_on(async {
            let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
                _ = terminated.recv() => Ok(()),
                () = over => Ok(()),
            }
        })
    }

    /// Ends everything: the engine tells what it held back, the store commits it, the publisher sends what
    /// it can within a second, and the rest waits in the outbox for the next start.
    ///
    /// # Errors
    /// Where a thread panicked.
    pub fn close(self) -> anyhow::Result<()> {
        let Self { engine, engine_thread, store, store_thread, shutdown, tasks, runtime, .. } = self;
        engine.stop();
        engine_thread.join().map_err(|_| anyhow::anyhow!("the engine thread panicked"))?;
        // What could not be stored now has been logged by the store.
        let _ = store.flush_blocking();
        let outbox = store.outbox();
        runtime.block_on(async {
            let sent = async {
                while outbox.waiting() > 0 {
                    tokio::time::sleep(WallDuration::from_millis(10)).await;
                }
            };
            // Running out of time loses nothing: the rows stay in the outbox.
            let _ = tokio::time::timeout(DRAIN, sent).await;
            let _ = shutdown.send(true);
            let _ = tokio::time::timeout(FAREWELL, futures_util::future::join_all(tasks)).await;
        });
        runtime.shutdown_background();
        store.close();
        store_thread.join().map_err(|_| anyhow::anyhow!("the store thread panicked"))
    }
}

/// Where and as whom to publish.
fn publisher_of(config: &Config, (host, port): &(String, u16), venue: &Venue) -> client::ClientConfig {
    client::ClientConfig {
        host: host.clone(),
        port: *port,
        user: config.mqtt.user.clone(),
        password: config.mqtt.password.clone(),
        venue: venue.name.clone(),
        gateway: config.gateway.clone(),
    }
}

/// The keys of vouchers of a data folder, made at the first start.
///
/// # Errors
/// The file cannot be used, with what to do.
pub fn open_keys(folder: &std::path::Path) -> anyhow::Result<Keys> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(Keys::open(folder, || secret)?)
}

fn new_engine(
    config: &Config,
    venue: &Arc<Venue>,
    campaigns: Vec<Campaign>,
    registrations: impl Iterator<Item = Registration>,
) -> Result<Engine, Failure> {
    let seed = getrandom::u64().map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let settings = Settings { seed, ..config.settings.clone() };
    let mut engine = Engine::new(venue.clone(), settings, load_model(config), campaigns);
    let at = Timestamp::from_micros(0);
    let configured = config.subjects.iter().map(|subject| Registration {
        at,
        who: subject.who.clone(),
        kind: subject.kind,
        beacon: subject.beacon,
    });
    let mut outputs = Vec::new();
    for registration in configured.chain(registrations) {
        engine.handle(Event::Register(registration), &mut outputs);
    }
    Ok(engine)
}

fn language_of(attendee: &Attendee) -> Event<'static> {
    Event::Language { who: attendee.attendee.as_str().into(), language: attendee.language.as_str().into() }
}

/// An attendee of the database whose beacon is known; one without gets no position and no offers.
fn registration_of(attendee: Attendee) -> Option<Registration> {
    let beacon = attendee.beacon?.parse().ok()?;
    let at = Timestamp::from_micros(attendee.joined_at_us);
    Some(Registration { at, who: attendee.attendee.into(), kind: SubjectKind::Attendee, beacon })
}

/// Tells the pages, until the end, how the box itself is.
async fn tell_health(
    live: Arc<Live>,
    engine: EngineHandle,
    store: StoreHandle,
    radios: radio::source::Sources,
    mut ending: watch::Receiver<bool>,
) {
    loop {
        radios.sample(HEALTH_EVERY);
        let (figures, counts) = (engine.figures(), store.counts());
        live.set_health(serde_json::json!({
            "devices_alive": figures.devices_alive,
            "adverts_taken": figures.counters.sightings,
            "adverts_lost": figures.adverts_lost,
            "outbox_waiting": store.outbox().waiting(),
            "broker_connected": counts.broker_connected,
            "radios": radios.to_json(),
        }));
        tokio::select! {
            () = tokio::time::sleep(HEALTH_EVERY) => {}
            _ = ending.wait_for(|ending| *ending) => return,
        }
    }
}

fn start_broker(config: &Config) -> anyhow::Result<(String, u16)> {
    if !config.mqtt.embedded {
        return Ok((config.mqtt.host.clone(), config.mqtt.port));
    }
    let port = broker::start(config.mqtt.port).with_context(|| {
        format!("the broker cannot listen on 127.0.0.1:{}; choose another port with [mqtt] port", config.mqtt.port)
    })?;
    Ok(("127.0.0.1".to_owned(), port))
}
