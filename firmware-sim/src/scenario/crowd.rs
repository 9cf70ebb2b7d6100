//! The crowd's part of a scenario.
//!
//! In: the tables `crowd`, `arrivals`, `visit`, `service` and `till`. Out: who comes when, where they go and
//! how long things take, with names resolved. It refuses visits to places that are not in the floor plan and
//! a crowd that is both simulated and recorded.

use super::{Fetch, Profile, read_profile, tables};
use venue_engine::document::Table;
use venue_engine::venue::{QueueId, Venue, ZoneId};

/// Most people present at the begin; ten times what one board is designed to hear (chosen).
const PRESENT_MAX: i64 = 100_000;

/// Who comes and what they do.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    /// People inside at the begin.
    pub present: usize,
    /// Probability that a person carries anything that is heard (penetration).
    pub share: f64,
    /// Mean time in the venue, seconds.
    pub stay_mean_s: f64,
    /// Its coefficient of variation.
    pub stay_cv: f64,
    /// Who comes in where.
    pub arrivals: Vec<Arrivals>,
    /// Where people go.
    pub visits: Vec<Visit>,
    /// How each queue serves, in the order of the floor plan.
    pub services: Vec<Service>,
    /// Tills opening and closing.
    pub till_changes: Vec<TillChange>,
    /// Recorded paths that people walk instead, as CSV text.
    pub trajectories: Option<String>,
    /// What is added to recorded positions, metres.
    pub shift_m: [f64; 2],
}

/// People coming in by one entrance.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Index of the entrance in the floor plan.
    pub entrance: usize,
    /// People a minute.
    pub per_min: Profile,
}

/// Something people do.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What.
    pub kind: VisitKind,
    /// How much people want it, against the other visits.
    pub weight: Profile,
}

/// Being in a zone, or queueing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VisitKind {
    /// Standing about in a zone for a gamma-distributed time.
    Zone {
        /// Which.
        zone: ZoneId,
        /// Mean dwell, seconds.
        dwell_mean_s: f64,
        /// Its coefficient of variation.
        dwell_cv: f64,
    },
    /// Getting something at a stand.
    Queue(QueueId),
}

/// How a queue serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Mean service time, seconds, stepping up to the counter included.
    pub mean_s: f64,
    /// Its coefficient of variation; service times are gamma distributed.
    pub cv: f64,
    /// Mean of the exponential patience after which somebody waiting gives up, seconds; 0: nobody does.
    pub patience_s: f64,
    /// People turn away from a line of this length; 0: nobody does.
    pub balk_length: usize,
}

/// A number of open tills from a time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TillChange {
    /// Which queue.
    pub queue: QueueId,
    /// When, seconds since the begin.
    pub at_s: f64,
    /// Open tills from then on.
    pub servers: usize,
}

pub(super) fn read(root: &Table<'_, '_>, venue: &Venue, fetch: Fetch<'_>) -> Option<Crowd> {
    let Some(table) = root.table("crowd") else {
        root.fault("crowd", "no [crowd]; add one");
        return None;
    };
    let mut crowd = read_table(&table, fetch);
    table.refuse_unknown_keys();
    crowd.arrivals = tables(root, "arrivals", |table| read_arrivals(table, venue));
    crowd.visits = tables(root, "visit", |table| read_visit(table, venue));
    crowd.services = read_services(root, venue);
    crowd.till_changes = tables(root, "till", |table| read_till(table, venue));
    check(&table, &crowd);
    Some(crowd)
}

fn read_table(table: &Table<'_, '_>, fetch: Fetch<'_>) -> Crowd {
    let trajectories = table.text("trajectories").and_then(|file| match fetch(&file) {
        Ok(text) => Some(text),
        Err(why) => {
            table.fault("trajectories", why);
            None
        }
    });
    let shift = |key| table.number(key, -1e6..=1e6).unwrap_or(0.0);
    Crowd {
        present: table.integer("present", 0..=PRESENT_MAX).unwrap_or(0) as usize,
        // Versichele et al. 2012 saw 13 % of people by Bluetooth alone; with wristbands handed out more (chosen).
        share: table.number("share", 0.0..=1.0).unwrap_or(0.35),
        stay_mean_s: table.number("stay_mean_s", 1.0..=1e6).unwrap_or(2_700.0),
        stay_cv: table.number("stay_cv", 0.0..=3.0).unwrap_or(0.5),
        shift_m: [shift("shift_x_m"), shift("shift_y_m")],
        trajectories,
        ..Crowd::default()
    }
}

fn read_arrivals(table: &Table<'_, '_>, venue: &Venue) -> Option<Arrivals> {
    let name = table.required_text("entrance");
    let per_min = read_profile(table, "per_min", 0.0);
    let name = name?;
    let found = venue.entrances.iter().position(|entrance| entrance.name == name);
    if found.is_none() {
        table.fault("entrance", format_args!("no entrance \"{name}\" in the floor plan; name one of it"));
    }
    Some(Arrivals { entrance: found?, per_min: per_min? })
}

fn read_visit(table: &Table<'_, '_>, venue: &Venue) -> Option<Visit> {
    let weight = read_profile(table, "weight", 1.0);
    let (zone, queue) = (table.text("zone"), table.text("queue"));
    let dwell_mean_s = table.number("dwell_mean_s", 1.0..=1e6).unwrap_or(240.0);
    let dwell_cv = table.number("dwell_cv", 0.0..=3.0).unwrap_or(0.8);
    let kind = match (zone, queue) {
        (Some(name), None) => {
            let zone = venue.zone(&name);
            if zone.is_none() {
                table.fault("zone", format_args!("no zone \"{name}\" in the floor plan; name one of it"));
            }
            VisitKind::Zone { zone: zone?, dwell_mean_s, dwell_cv }
        }
        (None, Some(name)) => VisitKind::Queue(resolve_queue(table, venue, &name)?),
        _ => {
            table.fault("zone", "a visit needs either `zone` or `queue`");
            return None;
        }
    };
    Some(Visit { kind, weight: weight? })
}

fn read_services(root: &Table<'_, '_>, venue: &Venue) -> Vec<Service> {
    let given = tables(root, "service", |table| read_service(table, venue));
    // A till serves in about 40 s where nothing else is said (chosen; fast-food counters take 30 to 90 s).
    let default = Service { mean_s: 40.0, cv: 0.6, patience_s: 0.0, balk_length: 0 };
    let of = |queue: usize| given.iter().rfind(|(id, _)| usize::from(id.0) == queue).map_or(default, |(_, s)| *s);
    (0..venue.queues.len()).map(of).collect()
}

fn read_service(table: &Table<'_, '_>, venue: &Venue) -> Option<(QueueId, Service)> {
    let name = table.required_text("queue");
    let service = Service {
        mean_s: table.number("mean_s", 1.0..=3_600.0).unwrap_or(40.0),
        cv: table.number("cv", 0.0..=3.0).unwrap_or(0.6),
        patience_s: table.number("patience_s", 0.0..=86_400.0).unwrap_or(0.0),
        balk_length: table.integer("balk_length", 0..=10_000).unwrap_or(0) as usize,
    };
    Some((resolve_queue(table, venue, &name?)?, service))
}

fn read_till(table: &Table<'_, '_>, venue: &Venue) -> Option<TillChange> {
    let name = table.required_text("queue");
    let at_s = table.required_number("at_s", 0.0..=1e6);
    let servers = table.integer("servers", 0..=64);
    if !table.has("servers") {
        table.fault("servers", "`servers` is missing; add the number of open tills");
    }
    Some(TillChange { queue: resolve_queue(table, venue, &name?)?, at_s: at_s?, servers: servers? as usize })
}

fn resolve_queue(table: &Table<'_, '_>, venue: &Venue, name: &str) -> Option<QueueId> {
    let queue = venue.queue(name);
    if queue.is_none() {
        table.fault("queue", format_args!("no queue \"{name}\" in the floor plan; name one of it"));
    }
    queue
}

fn check(table: &Table<'_, '_>, crowd: &Crowd) {
    let simulated = crowd.present > 0 || !crowd.arrivals.is_empty();
    if crowd.trajectories.is_some() && (simulated || !crowd.visits.is_empty()) {
        table.fault("trajectories", "recorded people walk alone; leave out `present`, [[arrivals]] and [[visit]]");
    }
    let has_zone = crowd.visits.iter().any(|visit| matches!(visit.kind, VisitKind::Zone { .. }));
    if simulated && !has_zone {
        table.fault("crowd", "people have nowhere to be; add a [[visit]] with a `zone`");
    }
}
