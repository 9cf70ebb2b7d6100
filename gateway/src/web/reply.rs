//! Answers: JSON, compressed where that pays, and refusals that say how to mend them.
//!
//! In: a value, or what went wrong. Out: a response. A refusal is `{"error": …, "mend": …}` with the status
//! that fits. It refuses to tell the outside where files lie or what SQLite said: that goes to the log.

use crate::store::StoreError;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::json;
use std::io::Write as _;

/// Smaller answers fit one network packet anyway.
const COMPRESS_FROM_BYTES: usize = 1_200;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
    pub(super) mend: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { status, error: error.into(), mend: mend.into() }
    }

    pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let mend =
            if known.is_empty() { "there is none".to_owned() } else { format!("known are: {}", known.join(", ")) };
        Self::new(StatusCode::NOT_FOUND, format!("no {what} \"{name}\""), mend)
    }

    pub(super) fn busy(error: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, "try again in a second")
    }

    fn not_understood(status: StatusCode, error: String) -> Self {
        Self::new(status, error, "send what /api/openapi.json describes for this route")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "mend": self.mend}).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::not_understood(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::not_understood(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::not_understood(rejection.status(), rejection.body_text())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(why) => {
                let (error, mend) = why.split_once("; ").unwrap_or((&why, "change it and send it again"));
                Self::new(StatusCode::BAD_REQUEST, error, mend)
            }
            StoreError::Busy => Self::busy("the store has too much to do"),
            StoreError::Closed => Self::busy("the gateway is stopping"),
            StoreError::DiskFull { .. } => {
                let mend = "free some space on the gateway's disk; it goes on by itself";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway's disk is full", mend)
            }
            other => {
                tracing::error!(error = %other, "a request could not be answered from the store");
                let mend = "try again in a second; if it lasts, the gateway's log says more";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store cannot answer now", mend)
            }
        }
    }
}

/// A value as JSON, status 200.
pub(super) fn value(request: &HeaderMap, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_text(request, text),
        Err(error) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), "report this fault").into_response()
        }
    }
}

/// JSON text, status 200, compressed where the browser reads that and it pays.
pub(super) fn json_text(request: &HeaderMap, text: String) -> Response {
    let kind = (header::CONTENT_TYPE, "application/json");
    let vary = (header::VARY, "Accept-Encoding");
    if text.len() < COMPRESS_FROM_BYTES || !accepts_gzip(request) {
        return ([kind, vary], text).into_response();
    }
    let compressed = gzip(text.as_bytes(), Compression::fast());
    ([kind, vary, (header::CONTENT_ENCODING, "gzip")], compressed).into_response()
}

/// Whether a request takes gzip (RFC 9110, 12.5.3): named or `*`, and not with weight zero.
pub(super) fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING);
    accepted.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
        matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "*") && !refused
    })
}

/// Compressed bytes.
pub(super) fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_wanted() {
        let check = |accepted: &'static str, expected: bool| {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, accepted.parse().expect("a header"));
            assert_eq!(accepts_gzip(&request), expected, "{accepted}");
        };
        check("gzip, deflate, br", true);
        check("br;q=1.0, GZIP;q=0.8", true);
        check("*", true);
        check("gzip;q=0", false);
        check("gzip; q=0.0", false);
        check("br", false);
        check("", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn no_path_of_the_machine_is_told() {
        let error = StoreError::Failed { path: "/var/lib/venue.db".into(), doing: "read", reason: "disk I/O".into() };
        let refusal = Refusal::from(error);
        assert!(!format!("{refusal:?}").contains("/var"), "{refusal:?}");
        let refusal = Refusal::from(StoreError::Refused("the name is too long; shorten it".into()));
        assert_eq!((refusal.error.as_str(), refusal.mend.as_str()), ("the name is too long", "shorten it"));
    }
}
