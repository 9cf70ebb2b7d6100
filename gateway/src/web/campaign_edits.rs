//! Editing campaigns.
//!
//! In: a campaign as JSON, or all of them as a file. Out: the campaign with its version, the file, or who changed
//! what. A change is on disk before it is answered and before the engine hears of it. It refuses faults with the
//! key of each, a version that is no longer the newest, and a second campaign of one name.

use super::App;
use super::Shared;
use super::history::read;
use super::reply::{self, Refusal};
use crate::campaigns::{self, Edit, Entry, Problem};
use crate::runtime::OwnedEvent;
use crate::store::{campaigns as versions, decisions};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, StringRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Longest file taken: a thousand campaigns in six languages.
pub(super) const FILE_BYTES_MAX: usize = 2 << 20;
/// Who changes something, in her own words: nobody signs in yet.
const WHO: &str = "x-staff-name";
/// Longest name of her.
const WHO_LEN_MAX: usize = 64;
/// How often the engine's queue is tried, and the pause between: two seconds in all.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

type Body = Result<Json<Map<String, Value>>, JsonRejection>;
type Name = Result<Path<String>, PathRejection>;

/// One campaign.
pub(super) async fn one(State(shared): App, name: Name, request: HeaderMap) -> Result<Response, Refusal> {
    let Path(name) = name?;
    let entries = shared.state.campaigns.entries();
    let entry = entries.iter().find(|entry| *entry.campaign.name == *name).ok_or_else(|| unknown(&name, &entries))?;
    Ok(reply::value(&request, &entry_json(entry)))
}

/// Every version of a campaign, newest first.
pub(super) async fn history(State(shared): App, name: Name, request: HeaderMap) -> Result<Response, Refusal> {
    let Path(name) = name?;
    let asked = name.clone();
    let found = read(&shared, move |connection| versions::versions(connection, &asked)).await?;
    let told = found.into_iter().map(|(version, it)| {
        let body = it.body.and_then(|body| serde_json::from_str::<Value>(&body).ok());
        json!({"version": version, "at_us": it.at_us, "who": it.who, "change": it.change, "campaign": body})
    });
    Ok(reply::value(&request, &json!({"name": name, "versions": told.collect::<Vec<Value>>()})))
}

/// A new campaign.
pub(super) async fn add(State(shared): App, request: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let Json(body) = body?;
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    change(&shared, &request, &name, Edit::Put(body, true)).await
}

/// A campaign, new or not.
pub(super) async fn put(State(shared): App, name: Name, request: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let (Path(name), Json(mut body)) = (name?, body?);
    let inside = body.entry("name").or_insert_with(|| Value::from(name.as_str()));
    if *inside != *name {
        let error = format!("the campaign is named {inside}, the address says \"{name}\"");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, error, "leave `name` out, or write the same"));
    }
    change(&shared, &request, &name, Edit::Put(body, false)).await
}

/// The end of a campaign; vouchers of it stay valid.
pub(super) async fn remove(State(shared): App, name: Name, request: HeaderMap) -> Result<Response, Refusal> {
    let Path(name) = name?;
    change(&shared, &request, &name, Edit::Remove(name.clone())).await
}

/// All campaigns as a file.
pub(super) async fn export(State(shared): App) -> Response {
    let text = campaigns::to_toml(&shared.state.campaigns.entries());
    ([(header::CONTENT_TYPE, "application/toml")], text).into_response()
}

/// All campaigns out of a file.
pub(super) async fn import(
    State(shared): App,
    request: HeaderMap,
    text: Result<String, StringRejection>,
) -> Result<Response, Refusal> {
    let mend = "send the file as UTF-8 text, at most 2 MiB";
    let text = text.map_err(|rejection| Refusal::new(rejection.status(), rejection.body_text(), mend))?;
    change(&shared, &request, "", Edit::Import(text)).await
}

/// Plans an edit, stores it, tells the engine, answers.
async fn change(shared: &Arc<Shared>, request: &HeaderMap, name: &str, edit: Edit) -> Result<Response, Refusal> {
    let book = &shared.state.campaigns;
    let _turn = book.editing.lock().await;
    let known = book.entries();
    let before = known.iter().find(|entry| *entry.campaign.name == *name);
    check_version(request, before)?;
    let is_new = before.is_none();
    let plan = match book.plan(edit, shared.state.engine.now().as_micros(), &who(request)) {
        Ok(plan) => plan,
        Err(Problem::Unknown) => return Err(unknown(name, &known)),
        Err(Problem::Exists) => {
            let error = format!("there is a campaign \"{name}\" already");
            return Err(Refusal::new(StatusCode::CONFLICT, error, "PUT to its address to change it"));
        }
        Err(Problem::Faults(faults)) => return Ok(refused(&faults)),
    };
    let changed = plan.changes.len();
    let given = shared.state.store.change_campaigns(plan.changes.clone()).await?;
    book.set(plan.numbered(&given));
    tell_engine(shared).await?;
    let entries = book.entries();
    let entry = entries.iter().find(|entry| *entry.campaign.name == *name);
    Ok(match entry {
        Some(entry) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(entry_json(entry))).into_response()
        }
        None => Json(json!({"campaigns": entries.len(), "changes": changed})).into_response(),
    })
}

/// `If-Match` with a version lets a change through only where that is the newest: two people edit.
fn check_version(request: &HeaderMap, before: Option<&Entry>) -> Result<(), Refusal> {
    let Some(asked) = request.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    let newest = before.and_then(|entry| entry.version).map_or_else(|| "0".to_owned(), |version| version.to_string());
    if asked.trim_matches('"') == newest {
        return Ok(());
    }
    let error = format!("the newest version is {newest}, not {asked}");
    Err(Refusal::new(StatusCode::PRECONDITION_FAILED, error, "read the campaign again and make the change in that"))
}

fn who(request: &HeaderMap) -> String {
    let told = request.get(WHO).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    told.chars().filter(|character| !character.is_control()).take(WHO_LEN_MAX).collect()
}

async fn tell_engine(shared: &Arc<Shared>) -> Result<(), Refusal> {
    let spent = read(shared, decisions::spent).await?;
    for _ in 0..TRIES {
        let (campaigns, spent) = (shared.state.campaigns.campaigns(), spent.clone());
        if shared.state.engine.send(OwnedEvent::Campaigns { campaigns, spent }) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let mend = "send the same again in a minute, or restart the gateway";
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the change is stored, but the engine has too much to do", mend))
}

fn refused(faults: &[(String, String)]) -> Response {
    let told = faults.iter().map(|(key, what)| json!({"key": key, "error": what}));
    let body = json!({
        "error": format!("{} faults in what was sent", faults.len()),
        "mend": "change each as `faults` says; nothing was stored",
        "faults": told.collect::<Vec<Value>>(),
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

fn unknown(name: &str, known: &[Entry]) -> Refusal {
    let names: Vec<&str> = known.iter().map(|entry| &*entry.campaign.name).collect();
    Refusal::unknown("campaign", name, &names)
}

fn entry_json(entry: &Entry) -> Value {
    json!({"version": entry.version, "campaign": entry.body})
}
