//! The floor plan and the state of the moment, as JSON.
//!
//! In: the validated venue, the live state. Out: `/api/v1/venue` and `/api/v1/state`. Lengths are metres,
//! origin at one corner, y up, as in `venue.toml`.

use super::{App, reply};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use venue_engine::venue::{FloorId, Venue};

/// The floor plan.
pub(super) async fn plan_json(State(shared): App, request: HeaderMap) -> Response {
    reply::json_text(&request, shared.plan.clone())
}

/// Everything shown now.
pub(super) async fn state_json(State(shared): App, request: HeaderMap) -> Response {
    reply::json_text(&request, shared.state.live.snapshot_json())
}

/// The floor plan as JSON, with names for references.
pub(super) fn plan(venue: &Venue) -> Value {
    let floor = |id: FloorId| venue.floors[usize::from(id.0)].name.as_str();
    let floors = venue.floors.iter().map(|f| json!({"name": f.name, "width_m": f.width_m, "depth_m": f.depth_m}));
    let zones = venue.zones.iter().map(|z| json!({"name": z.name, "floor": floor(z.floor), "polygon": z.polygon}));
    let walls = venue.walls.iter().map(|w| json!({"floor": floor(w.floor), "points": w.points, "loss_db": w.loss_db}));
    let receivers = venue
        .receivers
        .iter()
        .map(|r| json!({"name": r.name, "floor": floor(r.floor), "x_m": r.x_m, "y_m": r.y_m, "z_m": r.z_m}));
    let entrances =
        venue.entrances.iter().map(|e| json!({"name": e.name, "floor": floor(e.floor), "x_m": e.x_m, "y_m": e.y_m}));
    let queues = venue.queues.iter().map(|q| {
        json!({
            "name": q.name, "floor": floor(q.floor), "area": q.area, "counter": q.counter,
            "servers": q.servers, "wait_limit_s": q.wait_limit_s,
        })
    });
    json!({
        "name": venue.name,
        "floors": floors.collect::<Vec<_>>(),
        "zones": zones.collect::<Vec<_>>(),
        "walls": walls.collect::<Vec<_>>(),
        "receivers": receivers.collect::<Vec<_>>(),
        "entrances": entrances.collect::<Vec<_>>(),
        "queues": queues.collect::<Vec<_>>(),
    })
}
