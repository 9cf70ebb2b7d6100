//! Asking the gateway's pages as a program would.
//!
//! In: addresses on this machine. Out: status and JSON, and the lines of the live stream as they come. It
//! refuses to wait longer than a page would.

use anyhow::{Context, Result};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::Agent;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Lines of a live stream kept: minutes of a demo at full speed.
const LINES_MAX: usize = 1_000_000;

fn agent(within: Option<Duration>) -> Agent {
    Agent::config_builder().timeout_global(within).http_status_as_error(false).build().into()
}

/// Gets text.
///
/// # Errors
/// When nobody answers.
pub fn get(url: &str) -> Result<(u16, String)> {
    let mut answer = agent(Some(ANSWER_WITHIN)).get(url).call().with_context(|| url.to_owned())?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// Gets JSON and takes no other status than 200.
///
/// # Errors
/// When nobody answers, or something else.
pub fn get_json(url: &str) -> Result<Value> {
    let (status, text) = get(url)?;
    anyhow::ensure!(status == 200, "{url}: {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{url}: no JSON: {text}"))
}

/// Posts JSON.
///
/// # Errors
/// When nobody answers, or no JSON.
pub fn post_json(url: &str, body: &Value) -> Result<(u16, Value)> {
    let mut answer = agent(Some(ANSWER_WITHIN)).post(url).send_json(body).with_context(|| url.to_owned())?;
    let (status, text) = (answer.status().as_u16(), answer.body_mut().read_to_string()?);
    let json = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).context(text)? };
    Ok((status, json))
}

/// Deletes something; the status.
///
/// # Errors
/// When nobody answers.
pub fn delete(url: &str) -> Result<u16> {
    Ok(agent(Some(ANSWER_WITHIN)).delete(url).call().with_context(|| url.to_owned())?.status().as_u16())
}

/// Everything a live stream has told so far.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Stream {
    /// Listens to server-sent events until the server ends.
    ///
    /// # Errors
    /// When there is no stream.
    pub fn open(url: &str) -> Result<Self> {
        let answer = agent(None).get(url).call().with_context(|| url.to_owned())?;
        anyhow::ensure!(answer.status().as_u16() == 200, "{url}: {}", answer.status());
        let stream = Self::default();
        let lines = stream.lines.clone();
        std::thread::spawn(move || {
            let reader = BufReader::new(answer.into_body().into_reader());
            let events = reader.lines().map_while(std::result::Result::ok);
            let data = events.filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok());
            for value in data.take(LINES_MAX) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(value);
            }
        });
        Ok(stream)
    }

    /// What was told of one kind.
    pub fn told(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line["kind"] == kind).cloned().collect()
    }
}
