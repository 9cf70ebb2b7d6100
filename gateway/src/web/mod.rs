//! The pages and their API.
//!
//! In: requests from browsers, tills and integrators. Out: the embedded pages, JSON, and the live stream.
//! It refuses, in JSON with a way to mend it, whatever is too large, unknown or not understood, and lets no
//! page load anything from elsewhere. Everything shown comes from the live state and the database; this
//! module decides nothing.

mod anchors;
mod assets;
mod attendees;
mod campaign_edits;
mod campaigns;
mod connections;
mod history;
mod metrics;
mod reply;
mod routes;
mod settle;
mod stream;
mod tables;
mod till;
mod venue;
mod vouchers;
mod why;

use crate::campaigns::Book;
use crate::live::Live;
use crate::radio::source::Sources;
use crate::runtime::EngineHandle;
use crate::store::StoreHandle;
use crate::voucher::keys::Keys;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use venue_engine::venue::Venue;

/// How often state that waited for company is told.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// What the pages are made from.
#[derive(Clone)]
pub struct WebState {
    /// The floor plan.
    pub venue: Arc<Venue>,
    /// What is shown now.
    pub live: Arc<Live>,
    /// Redemptions, opt-ins and offers.
    pub store: StoreHandle,
    /// The database, for history.
    pub database: PathBuf,
    /// Where opt-ins, known counts and redemptions go.
    pub engine: EngineHandle,
    /// How the sources of adverts are.
    pub radios: Sources,
    /// Keys of vouchers.
    pub keys: Arc<Keys>,
    /// Campaigns that run.
    pub campaigns: Arc<Book>,
}

/// What handlers share.
struct Shared {
    state: WebState,
    /// The floor plan's JSON never changes while the program runs.
    plan: String,
    assets: assets::Assets,
    readers: history::Readers,
    /// Known counts taken since the start.
    noted: anchors::Noted,
    gates: stream::Gates,
    shutdown: watch::Receiver<bool>,
}

/// What a handler gets.
type App = axum::extract::State<Arc<Shared>>;

/// Serves the pages until `shutdown` says so. Streams end at once, requests under way are answered.
pub async fn serve(listener: TcpListener, state: WebState, shutdown: watch::Receiver<bool>) {
    let live = state.live.clone();
    let shared = Arc::new(Shared {
        plan: venue::plan(&state.venue).to_string(),
        assets: assets::Assets::new(),
        readers: history::Readers::new(state.database.clone()),
        noted: anchors::Noted::default(),
        gates: stream::Gates::default(),
        shutdown: shutdown.clone(),
        state,
    });
    let served = axum::serve(connections::Bounded::new(listener), routes::router(shared))
        .with_graceful_shutdown(ended(shutdown.clone()));
    let (served, ()) = tokio::join!(served, flush(live, shutdown));
    if let Err(error) = served {
        tracing::error!(%error, "the pages are no longer served");
    }
}

async fn ended(mut shutdown: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = shutdown.wait_for(|ended| *ended).await;
}

async fn flush(live: Arc<Live>, shutdown: watch::Receiver<bool>) {
    let mut ended = std::pin::pin!(ended(shutdown));
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = ticks.tick() => live.flush(),
        }
    }
}

#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod tests;
