//! The campaigns that run, as staff edit them.
//!
//! In: a campaign as JSON with the keys of the campaign file, or a whole file. Out: the campaigns for the engine,
//! the changes for the database, and the same campaigns as JSON or as a file. Both shapes go through the one
//! strict parser of the engine. It refuses what that refuses, telling every fault with its key or line.

use crate::store::campaigns::CampaignChange;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use venue_engine::document::Fault;
use venue_engine::offers::campaign::{self, Campaign};
use venue_engine::venue::Venue;

/// Written where the configuration's campaigns become the first versions.
const CONFIGURATION: &str = "configuration";

/// A campaign with its shape outside.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its version; `None` where it comes from the configuration.
    pub version: Option<i64>,
    /// For the engine.
    pub campaign: Campaign,
    /// With the keys of the campaign file.
    pub body: Map<String, Value>,
}

/// What staff want changed.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A campaign is to be this; `true` where it must be new.
    Put(Map<String, Value>, bool),
    /// A campaign is to end.
    Remove(String),
    /// All campaigns are to be those of this file.
    Import(String),
}

/// Why an edit is not possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No campaign has this name.
    Unknown,
    /// One has it already.
    Exists,
    /// Each fault with the key or line it is about.
    Faults(Vec<(String, String)>),
}

/// What an edit comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The campaigns afterwards, by name.
    pub entries: Vec<Entry>,
    /// What the database is to be told.
    pub changes: Vec<CampaignChange>,
}

/// All campaigns of a running gateway.
#[derive(Debug)]
pub struct Book {
    venue: Arc<Venue>,
    entries: Mutex<Arc<Vec<Entry>>>,
    /// Held over an edit: one at a time.
    pub editing: tokio::sync::Mutex<()>,
}

impl Book {
    /// The campaigns of a file that the configuration names, or of the built-in one.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn of_text(text: &str, venue: Arc<Venue>) -> Result<Self, Vec<Fault>> {
        let entries = read(text, &venue)?;
        Ok(Self { venue, entries: Mutex::new(Arc::new(entries)), editing: tokio::sync::Mutex::default() })
    }

    /// Goes on with what staff left in the database. A campaign that no longer fits the floor plan is told and
    /// left out until somebody mends it.
    pub fn restore(&self, rows: Vec<(i64, String)>) {
        let entry = |(version, body): (i64, String)| {
            let body: Map<String, Value> = serde_json::from_str(&body).ok()?;
            match parse_one(&body, &self.venue) {
                Ok(campaign) => Some(Entry { version: Some(version), campaign, body }),
                Err(faults) => {
                    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
                    tracing::error!(name, ?faults, "a campaign no longer fits the floor plan; edit it");
                    None
                }
            }
        };
        self.set(rows.into_iter().filter_map(entry).collect());
    }

    /// The campaigns now.
    pub fn entries(&self) -> Arc<Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same for the engine.
    pub fn campaigns(&self) -> Vec<Campaign> {
        self.entries().iter().map(|entry| entry.campaign.clone()).collect()
    }

    /// Replaces them all.
    pub fn set(&self, entries: Vec<Entry>) {
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
    }

    /// What an edit comes to; nothing is changed yet. The first one turns the configuration's campaigns into
    /// versions, so that from then on the database alone holds.
    ///
    /// # Errors
    /// Why it is not possible.
    pub fn plan(&self, edit: Edit, at_us: i64, who: &str) -> Result<Plan, Problem> {
        let before = self.entries();
        let (wanted, how) = match edit {
            Edit::Put(body, new) => (self.with(&before, body, new)?, None),
            Edit::Remove(name) => (without(&before, &name)?, None),
            Edit::Import(text) => (self.import(&text)?, Some("imported")),
        };
        let row = |who: &str, change: &str, name: &str, body: Option<&Map<String, Value>>| CampaignChange {
            campaign: name.to_owned(),
            at_us,
            who: who.to_owned(),
            change: change.to_owned(),
            body: body.map(|body| Value::Object(body.clone()).to_string()),
        };
        let unversioned = before.iter().filter(|entry| entry.version.is_none());
        let mut changes: Vec<CampaignChange> =
            unversioned.map(|it| row(CONFIGURATION, "imported", &it.campaign.name, Some(&it.body))).collect();
        for entry in &wanted {
            let name = &entry.campaign.name;
            match before.iter().find(|old| old.campaign.name == *name) {
                Some(old) if old.body == entry.body => {}
                Some(_) => changes.push(row(who, how.unwrap_or("changed"), name, Some(&entry.body))),
                None => changes.push(row(who, how.unwrap_or("added"), name, Some(&entry.body))),
            }
        }
        let gone = before.iter().filter(|old| !wanted.iter().any(|entry| entry.campaign.name == old.campaign.name));
        changes.extend(gone.map(|old| row(who, "removed", &old.campaign.name, None)));
        let mut entries = wanted;
        for entry in &mut entries {
            let old = before.iter().find(|old| old.campaign.name == entry.campaign.name);
            entry.version = old.and_then(|old| old.version);
        }
        entries.sort_by(|a, b| a.campaign.name.cmp(&b.campaign.name));
        Ok(Plan { entries, changes })
    }

    fn import(&self, text: &str) -> Result<Vec<Entry>, Problem> {
        let entries = read(text, &self.venue).map_err(at_lines)?;
        if entries.is_empty() {
            let told = "the file has no campaign; to end them all, delete each";
            return Err(Problem::Faults(vec![("campaign".to_owned(), told.to_owned())]));
        }
        Ok(entries)
    }

    fn with(&self, before: &[Entry], mut body: Map<String, Value>, new: bool) -> Result<Vec<Entry>, Problem> {
        // A file knows no null.
        body.retain(|_, value| !value.is_null());
        let campaign = parse_one(&body, &self.venue).map_err(Problem::Faults)?;
        let known = before.iter().any(|entry| entry.campaign.name == campaign.name);
        if new && known {
            return Err(Problem::Exists);
        }
        if !known && before.len() >= campaign::CAMPAIGNS_MAX {
            let told = format!("at most {} campaigns are possible; remove one", campaign::CAMPAIGNS_MAX);
            return Err(Problem::Faults(vec![("name".to_owned(), told)]));
        }
        let mut entries: Vec<Entry> =
            before.iter().filter(|entry| entry.campaign.name != campaign.name).cloned().collect();
        entries.push(Entry { version: None, campaign, body });
        Ok(entries)
    }
}

impl Plan {
    /// The entries with the versions the database gave to the changes.
    pub fn numbered(self, versions: &[i64]) -> Vec<Entry> {
        let numbered = |mut entry: Entry| {
            let newest = self.changes.iter().zip(versions).rfind(|(change, _)| change.campaign == *entry.campaign.name);
            entry.version = newest.map_or(entry.version, |(_, version)| Some(*version));
            entry
        };
        self.entries.into_iter().map(numbered).collect()
    }
}

/// Campaigns as a file.
pub fn to_toml(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&table(&entry.body).0);
        text.push('\n');
    }
    text
}

fn without(before: &[Entry], name: &str) -> Result<Vec<Entry>, Problem> {
    let left: Vec<Entry> = before.iter().filter(|entry| &*entry.campaign.name != name).cloned().collect();
    if left.len() == before.len() { Err(Problem::Unknown) } else { Ok(left) }
}

fn at_lines(faults: Vec<Fault>) -> Problem {
    Problem::Faults(faults.into_iter().map(|fault| (format!("line {}", fault.line), fault.what)).collect())
}

/// A whole file, each campaign with its JSON.
fn read(text: &str, venue: &Venue) -> Result<Vec<Entry>, Vec<Fault>> {
    let campaigns = campaign::parse(text, venue)?;
    let whole: Value = toml::from_str(text).map_err(|error| vec![Fault { line: 0, what: error.to_string() }])?;
    let bodies = whole["campaign"].as_array().cloned().unwrap_or_default();
    let entry = |(campaign, body): (Campaign, Value)| match body {
        Value::Object(body) => Some(Entry { version: None, campaign, body }),
        _ => None,
    };
    Ok(campaigns.into_iter().zip(bodies).filter_map(entry).collect())
}

/// One campaign out of JSON, by way of the file's own parser, so that there is one set of rules.
fn parse_one(body: &Map<String, Value>, venue: &Venue) -> Result<Campaign, Vec<(String, String)>> {
    let nested = body.iter().filter(|(key, value)| {
        let texts = value.as_object().is_some_and(|texts| texts.values().all(Value::is_string));
        let list = value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        (value.is_object() || value.is_array()) && !list && !(texts && *key == "translations")
    });
    let nested: Vec<_> = nested.map(|(key, _)| (key.clone(), "must be a plain value, or texts only".into())).collect();
    if !nested.is_empty() {
        return Err(nested);
    }
    let (text, keys) = table(body);
    let key = |line: usize| keys.get(line.wrapping_sub(1)).cloned().unwrap_or_default();
    let parsed = campaign::parse(&text, venue)
        .map_err(|faults| faults.into_iter().map(|fault| (key(fault.line), fault.what)).collect::<Vec<_>>())?;
    parsed.into_iter().next().ok_or_else(|| vec![(String::new(), "there is no campaign".to_owned())])
}

/// A campaign as a table of the file, and the key of each line. JSON's texts, numbers and lists of texts are TOML's.
fn table(body: &Map<String, Value>) -> (String, Vec<String>) {
    let (mut text, mut keys) = ("[[campaign]]\n".to_owned(), vec!["name".to_owned()]);
    let plain = body.iter().filter(|(_, value)| !value.is_object() && !value.is_null());
    for (key, value) in plain {
        writeln!(text, "{} = {value}", Value::from(key.as_str())).expect("a String takes everything");
        keys.push(key.clone());
    }
    for (name, texts) in body.iter().filter_map(|(key, value)| Some((key, value.as_object()?))) {
        writeln!(text, "[campaign.{}]", Value::from(name.as_str())).expect("a String takes everything");
        keys.push(name.clone());
        for (key, value) in texts {
            writeln!(text, "{} = {value}", Value::from(key.as_str())).expect("a String takes everything");
            keys.push(format!("{name}.{key}"));
        }
    }
    (text, keys)
}

#[cfg(test)]
#[path = "campaigns_tests.rs"]
mod tests;
