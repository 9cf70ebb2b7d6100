//! The pages' files, embedded in the program.
//!
//! In: a path. Out: the file, compressed where the browser takes it, or "not modified". Each file's path
//! holds one version for all of them, so browsers keep files for good and yet never mix two versions; only
//! the pages themselves are asked for each time. It refuses paths that are not in the table.

use super::reply::{Refusal, accepts_gzip, gzip};
use super::{App, Shared};
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Stands for the version in a page.
const VERSION: &str = "{{version}}";
/// A file under its version never changes: a year, the longest that browsers honour.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A page is asked for each time, and usually not sent again.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// Path and bytes of files below `dashboards/`.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../dashboards/", $path)))),*]
    };
}

/// Every file of the pages.
const FILES: &[(&str, &[u8])] = files![
    "staff/alerts.js",
    "staff/freshness.js",
    "staff/index.html",
    "staff/main.js",
    "staff/people.js",
    "staff/plan.js",
    "staff/queues.js",
    "staff/receivers.js",
    "staff/staff.css",
    "staff/trend.js",
    "staff/vouchers.js",
    "staff/why.js",
    "history/curves.js",
    "history/flow.js",
    "history/history.css",
    "history/index.html",
    "history/main.js",
    "history/maps.js",
    "history/people.js",
    "history/queues.js",
    "history/range.js",
    "attendee/attendee.css",
    "attendee/index.html",
    "attendee/join.js",
    "attendee/leave.js",
    "attendee/main.js",
    "attendee/voucher.js",
    "till/code.js",
    "till/index.html",
    "till/main.js",
    "till/till.css",
    "shared/clock.js",
    "shared/elements.js",
    "shared/favicon.svg",
    "shared/fetched.js",
    "shared/geometry.js",
    "shared/heat.js",
    "shared/i18n/de.js",
    "shared/i18n/en.js",
    "shared/i18n/words.js",
    "shared/shapes.js",
    "shared/store.js",
    "shared/stream.js",
    "shared/tokens.css",
];

/// The API's description.
const DESCRIPTION: (&str, &[u8]) = ("openapi.json", include_bytes!("openapi.json"));

/// A file ready to be sent.
struct Stored {
    bytes: Bytes,
    gzip: Bytes,
    kind: &'static str,
    hash: String,
}

/// All files, ready to be sent.
pub(super) struct Assets {
    version: String,
    files: BTreeMap<&'static str, Stored>,
}

impl Assets {
    /// Prepares all files, once.
    pub(super) fn new() -> Self {
        let version = hash(FILES);
        let all = FILES.iter().chain(std::iter::once(&DESCRIPTION));
        let files = all.map(|(path, bytes)| (*path, Stored::new(path, bytes, &version))).collect();
        Self { version, files }
    }

    fn respond(&self, path: &str, request: &HeaderMap, keep: HeaderValue) -> Response {
        let Some(stored) = self.files.get(path) else {
            return (StatusCode::NOT_FOUND, format!("no file {path}")).into_response();
        };
        let compressed = accepts_gzip(request);
        // Two encodings are two representations, so each has a tag of its own (RFC 9110, 8.8.3.3).
        let tag = if compressed { format!("\"{}-gzip\"", stored.hash) } else { format!("\"{}\"", stored.hash) };
        let known = request.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
        let headers = [
            (header::ETAG, HeaderValue::from_str(&tag).expect("hex digits")),
            (header::CACHE_CONTROL, keep),
            (header::VARY, HeaderValue::from_static("Accept-Encoding")),
        ];
        if known.split(',').any(|one| one.trim() == tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static(stored.kind));
        if compressed {
            let coding = [kind, (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            return (headers, coding, stored.gzip.clone()).into_response();
        }
        (headers, [kind], stored.bytes.clone()).into_response()
    }
}

impl Stored {
    fn new(path: &str, bytes: &[u8], version: &str) -> Self {
        let kind = kind(path);
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) if path.ends_with(".html") => text.replace(VERSION, version).into_bytes(),
            _ => bytes.to_vec(),
        };
        let compressed = gzip(&bytes, Compression::best());
        Self { hash: hash(&[(path, &bytes)]), gzip: compressed.into(), kind, bytes: bytes.into() }
    }
}

/// The media type by a file's ending.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn hash(files: &[(&str, &[u8])]) -> String {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn page(shared: &Shared, path: &str, request: &HeaderMap) -> Response {
    shared.assets.respond(path, request, ASK_EACH_TIME)
}

/// The staff page.
pub(super) async fn staff_page(State(shared): App, request: HeaderMap) -> Response {
    page(&shared, "staff/index.html", &request)
}

/// The page of what was.
pub(super) async fn history_page(State(shared): App, request: HeaderMap) -> Response {
    page(&shared, "history/index.html", &request)
}

/// The attendee's page.
pub(super) async fn attendee_page(State(shared): App, request: HeaderMap) -> Response {
    page(&shared, "attendee/index.html", &request)
}

/// The till's page.
pub(super) async fn till_page(State(shared): App, request: HeaderMap) -> Response {
    page(&shared, "till/index.html", &request)
}

/// The API's description.
pub(super) async fn description(State(shared): App, request: HeaderMap) -> Response {
    page(&shared, DESCRIPTION.0, &request)
}

/// A part of a page. One asked for under an older version is sent, but not kept.
pub(super) async fn file(
    State(shared): App,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Refusal> {
    let Path((version, path)) = path?;
    let keep = if version == shared.assets.version { FOR_GOOD } else { ASK_EACH_TIME };
    Ok(shared.assets.respond(&path, &request, keep))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Files of the pages on disk, as paths below `dashboards/`.
    fn on_disk() -> Vec<String> {
        let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
        let mut folders = ["staff", "history", "attendee", "till", "shared"].map(|name| top.join(name)).to_vec();
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder of the pages").flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(&top).expect("below").to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_table_holds_every_file_of_the_pages() {
        let mut table: Vec<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        table.sort();
        assert_eq!(table, on_disk());
    }

    #[test]
    fn no_page_names_another_host() {
        for (path, bytes) in FILES {
            let text = std::str::from_utf8(bytes).expect("text");
            // The name of the SVG vocabulary is a name, not an address.
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http:") && !text.contains("https:"), "{path} names another host");
            assert!(!text.contains("style=\""), "{path} has a style the policy forbids");
        }
    }

    fn text(path: &str) -> &'static str {
        let (_, bytes) = FILES.iter().find(|(known, _)| *known == path).expect("a file of the pages");
        std::str::from_utf8(bytes).expect("text")
    }

    /// Keys of a language: its file has one a line.
    fn keys(path: &str) -> std::collections::BTreeSet<&'static str> {
        text(path).lines().filter_map(|line| line.strip_prefix("  '")?.split_once("':").map(|(key, _)| key)).collect()
    }

    #[test]
    fn both_languages_have_all_words() {
        let (english, german) = (keys("shared/i18n/en.js"), keys("shared/i18n/de.js"));
        assert!(english.len() > 200, "{}", english.len());
        assert_eq!(english, german);
        for (path, bytes) in FILES {
            let text = std::str::from_utf8(bytes).expect("text");
            for mark in ["data-t=\"", "data-t-label=\"", "words.t('"] {
                let asked = text.split(mark).skip(1).filter_map(|rest| rest.split(['"', '\'']).next());
                let missing: Vec<&str> = asked.filter(|key| !english.contains(key)).collect();
                assert!(missing.is_empty(), "{path} asks for words there are not: {missing:?}");
            }
        }
    }

    #[test]
    fn the_live_page_is_small() {
        let assets = Assets::new();
        let sent = |path: &&&str| path.starts_with("staff/") || path.starts_with("shared/");
        let bytes: usize = assets.files.keys().filter(sent).map(|path| assets.files[path].gzip.len()).sum();
        println!("{bytes} bytes compressed");
        // The budget is 1 MB with charts to come; what there is now needs a twentieth.
        assert!(bytes < 50_000, "{bytes}");
    }
}
