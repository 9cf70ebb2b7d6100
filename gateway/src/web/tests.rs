//! The pages' server over a real socket, with a real store and engine beside it.

use super::*;
use crate::runtime::{self, Clock};
use crate::store::{Store, samples};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use venue_engine::engine::Engine;
use venue_engine::output::Output;
use venue_engine::settings::Settings;

/// A served gateway that ends when it is dropped.
pub(super) struct Served {
    address: SocketAddr,
    state: WebState,
    shutdown: watch::Sender<bool>,
    _runtime: tokio::runtime::Runtime,
    threads: Vec<std::thread::JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Served {
    pub(super) fn start() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let database = directory.path().join("venue.db");
        let venue = Arc::new(samples::venue());
        let live = Arc::new(Live::new(venue.clone()));
        let opened = Store::open(&database).expect("opens");
        let (store, store_thread) = StoreHandle::spawn(opened, venue.clone(), live.clone());
        let engine = Engine::new(venue.clone(), Settings::default(), None, Vec::new());
        let (engine, engine_thread) = runtime::spawn(engine, Clock::Wall, store.clone()).expect("a thread");
        let keys = Arc::new(crate::voucher::keys::Keys::of([1; 32]));
        let campaigns = crate::campaigns::Book::of_text(venue_engine::offers::campaign::SHIPPED, venue.clone());
        let campaigns = Arc::new(campaigns.expect("the shipped file"));
        let state = WebState { venue, live, store, database, engine, radios: Sources::default(), keys, campaigns };
        let (shutdown, ending) = watch::channel(false);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(serve(listener, state.clone(), ending));
        let threads = vec![engine_thread, store_thread];
        Self { address, state, shutdown, _runtime: runtime, threads, _directory: directory }
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    }

    pub(super) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut all = Vec::new();
        self.request(method, path, headers, body).read_to_end(&mut all).expect("answered");
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: all[end + 4..].to_vec() }
    }

    pub(super) fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "", "").json()
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, "", &body.to_string()).json()
    }

    /// Stores outputs as the engine would and waits until they are told.
    pub(super) fn tell(&self, outputs: Vec<Output>) {
        self.state.store.outputs(outputs);
        self.state.store.flush_blocking().expect("stored");
    }

    pub(super) fn now_s(&self) -> i64 {
        self.state.engine.now().as_micros() / 1_000_000
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.send_replace(true);
        self.state.engine.stop();
        self.state.store.close();
        self.threads.drain(..).for_each(|thread| thread.join().expect("ends cleanly"));
    }
}

impl Answer {
    fn json(self) -> (u16, Value) {
        let value = serde_json::from_slice(&self.body);
        (self.status, value.unwrap_or_else(|_| panic!("JSON, not {}", String::from_utf8_lossy(&self.body))))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        line.split_once(": ").map(|(_, value)| value)
    }
}

/// Reads a stream until a line begins with `start`.
fn read_until(lines: &mut impl Iterator<Item = std::io::Result<String>>, start: &str) -> String {
    lines.map(|line| line.expect("the stream goes on")).find(|line| line.starts_with(start)).expect("the line comes")
}

#[test]
fn every_route_is_described_and_every_description_answers() {
    let described: Value = serde_json::from_str(include_str!("openapi.json")).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    let names: BTreeSet<String> = paths.keys().cloned().collect();
    let routes: BTreeSet<String> = routes::table().iter().map(|(path, _)| path.replace("{*", "{")).collect();
    assert_eq!(names, routes);

    let served = Served::start();
    for (path, methods) in paths {
        let path = path.replace("{version}", "1").replace("{path}", "shared/tokens.css").replace("{queue}", "bar");
        let path = path.replace("{attendee}", "mia").replace("{campaign}", "short-queue");
        for method in ["get", "post", "delete", "put"] {
            // Streams do not end; their own test reads them.
            if path.ends_with("/live") && method == "get" {
                assert!(methods.get(method).is_some());
                continue;
            }
            let status = served.ask(&method.to_uppercase(), &path, "", "").status;
            assert_eq!(status == 405, methods.get(method).is_none(), "{method} {path}: {status}");
            assert_ne!(status, 404, "{method} {path}");
        }
    }
}

#[test]
fn references_of_the_description_resolve() {
    let text = include_str!("openapi.json");
    let described: Value = serde_json::from_str(text).expect("JSON");
    for rest in text.split("\"#/components/schemas/").skip(1) {
        let name = rest.split('"').next().expect("a name");
        assert!(described["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn pages_come_once_and_load_nothing_from_elsewhere() {
    let served = Served::start();
    for path in ["/", "/history", "/me?attendee=mia", "/till"] {
        let page = served.ask("GET", path, "", "");
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        let tag = page.header("etag").expect("a tag");
        let again = served.ask("GET", path, &format!("If-None-Match: {tag}\r\n"), "");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        let text = String::from_utf8(page.body).expect("text");
        assert!(!text.contains("{{version}}"), "{path}");
        for part in text.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().expect("quoted")) {
            let part = served.ask("GET", &format!("/assets/{part}"), "Accept-Encoding: gzip\r\n", "");
            assert_eq!((part.status, part.header("content-encoding")), (200, Some("gzip")), "{}", part.head);
            assert!(part.header("cache-control").is_some_and(|keep| keep.contains("immutable")));
        }
    }
}

#[test]
fn figures_on_disk_are_the_figures_shown() {
    let served = Served::start();
    let at_s = served.now_s();
    served.tell(vec![
        samples::people(at_s, None, 9.0),
        samples::queue(at_s, 4.0),
        samples::heat(at_s - 60, true, &[(3, 7)]),
    ]);
    let (status, state) = served.get("/api/v1/state");
    assert_eq!((status, &state["venue"]["people"], &state["queues"][0]["length"]), (200, &json!(9.0), &json!(4.0)));
    let (status, history) = served.get("/api/v1/queues/bar/history");
    assert_eq!((status, &history["minutes"][0]["length_mean"]), (200, &json!(4.0)));
    let (status, heat) = served.get("/api/v1/heat?floor=ground");
    assert_eq!((status, &heat["windows"][0]["cells"]), (200, &json!([[3, 7]])));
    let (_, plan) = served.get("/api/v1/venue");
    assert_eq!((&plan["name"], &plan["queues"][0]["name"]), (&json!("arena"), &json!("bar")));
    let metrics = String::from_utf8(served.ask("GET", "/metrics", "", "").body).expect("text");
    assert!(metrics.contains("\nvenue_gateway_queue_length{queue=\"bar\"} 4\n"), "{metrics}");
    assert_eq!(served.get("/healthz").1["status"], "ok");
}

#[test]
fn a_voucher_is_good_once_and_its_holder_sees_it() {
    let served = Served::start();
    served.tell(vec![samples::offer(served.now_s(), "ab")]);
    let (_, mine) = served.get("/api/v1/attendees/mia/offers");
    assert_eq!((&mine["offers"][0]["code"], &mine["offers"][0]["state"]), (&json!("AB"), &json!("issued")));
    assert_eq!(served.get("/api/v1/attendees/joe/offers").1["offers"], json!([]));

    let redeem =
        |id: &str| served.post("/api/v1/vouchers/redeem", &json!({"code": "a b", "till": "bar", "request_id": id}));
    let (status, first) = redeem("1");
    assert_eq!((status, &first["state"], &first["percent"]), (200, &json!("redeemed"), &json!(20.0)));
    assert!(!first.to_string().contains("mia"));
    assert_eq!(redeem("1"), (200, first), "the same request gets the same answer");
    let (status, second) = redeem("2");
    assert_eq!((status, &second["reason"]), (409, &json!("already-redeemed")));
    assert_eq!(served.get("/api/v1/attendees/mia/offers").1["offers"][0]["state"], "redeemed");
    assert_eq!(served.get("/api/v1/state").1["offers"][0]["state"], "redeemed");
}

#[test]
fn joining_and_leaving() {
    let served = Served::start();
    let beacon = "ibeacon:f7826da6-4fa2-4e98-8024-bc5b71e0893e:1:2";
    let (status, _) = served.post("/api/v1/attendees", &json!({"attendee": "joe", "language": "de", "beacon": beacon}));
    assert_eq!(status, 201);
    served.tell(vec![samples::offer(served.now_s(), "cd")]);
    let (status, told) = served.ask("DELETE", "/api/v1/attendees/mia", "", "").json();
    assert_eq!((status, &told["had_rows"]), (200, &json!(true)));
    assert_eq!(served.get("/api/v1/attendees/mia/offers").1["offers"], json!([]));
    assert_eq!(served.get("/api/v1/state").1["offers"], json!([]));
}

#[test]
fn each_refusal_says_how_to_mend_it() {
    let served = Served::start();
    let check = |(status, refusal): (u16, Value), expected: u16, error: &str| {
        assert_eq!(status, expected, "{refusal}");
        assert!(refusal["error"].as_str().is_some_and(|told| told.contains(error)), "{refusal}");
        assert!(refusal["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{refusal}");
    };
    check(served.get("/api/v1/nothing"), 404, "nothing at /api/v1/nothing");
    check(served.ask("PUT", "/api/v1/venue", "", "").json(), 405, "does not take PUT");
    check(served.get("/api/v1/heat?floor=roof"), 404, "no floor \"roof\"");
    check(served.get("/api/v1/heat?flor=roof"), 400, "unknown field");
    check(served.get("/api/v1/queues/cloakroom/history"), 404, "no queue");
    check(served.get("/api/v1/queues/bar/history?from_us=5&to_us=3"), 400, "after");
    check(served.get("/api/v1/queues/%ff/history"), 400, "");
    check(served.post("/api/v1/attendees", &json!({"attendee": "a/b"})), 400, "cannot be part of a topic");
    check(served.post("/api/v1/attendees", &json!({"attendee": "a", "beacon": "x"})), 400, "no beacon");
    check(served.post("/api/v1/anchors", &json!({"kind": "till", "place": "roof", "people": 3})), 404, "no queue");
    check(served.post("/api/v1/anchors", &json!({"kind": "head_count", "people": 300_000})), 400, "more than");
    check(served.post("/api/v1/anchors", &json!({"kind": "guess", "people": 3})), 422, "unknown variant");
    check(served.post("/api/v1/vouchers/redeem", &json!({"code": "x".repeat(20_000)})), 413, "");
    check(served.ask("POST", "/api/v1/anchors", "Content-Type: text/plain\r\n", "").json(), 415, "");
    let anchor = json!({"kind": "head_count", "place": "bar", "people": 12});
    assert_eq!(served.post("/api/v1/anchors", &anchor).0, 202);
}

#[test]
fn the_stream_begins_with_everything_and_goes_on_with_lines() {
    let served = Served::start();
    served.tell(vec![samples::queue(served.now_s(), 4.0)]);
    let mut lines = BufReader::new(served.request("GET", "/api/v1/live", "", "")).lines();
    read_until(&mut lines, "event: state");
    let state = read_until(&mut lines, "data: ");
    assert!(state.contains(r#""queue":"bar","length":4.0"#), "{state}");
    served.state.live.set_health(json!({"radios": [{"receiver": "north", "state": "silent"}]}));
    read_until(&mut lines, "event: pulse");
    read_until(&mut lines, "event: health");
    assert!(read_until(&mut lines, "data: ").contains(r#""state":"silent""#));
    served.tell(vec![samples::alert(served.now_s())]);
    assert!(read_until(&mut lines, r#"data: {"kind":"alert""#).contains("queue-over-limit"));
    served.shutdown.send_replace(true);
    assert!(lines.all(|line| line.is_ok()), "the stream ends cleanly at shutdown");
}

#[test]
fn an_attendee_hears_of_her_own_offers_only() {
    let served = Served::start();
    let mut lines = BufReader::new(served.request("GET", "/api/v1/attendees/mia/live", "", "")).lines();
    read_until(&mut lines, "event: offers");
    let Output::Offer(offer) = samples::offer(served.now_s(), "ef") else { panic!("an offer") };
    let others = venue_engine::output::Offer { attendee: "joe".into(), ..offer };
    served.tell(vec![Output::Offer(others), samples::alert(served.now_s())]);
    served.tell(vec![samples::offer(served.now_s(), "gh")]);
    read_until(&mut lines, "event: offers");
    served.shutdown.send_replace(true);
    let more = lines.map_while(Result::ok).filter(|line| line.starts_with("event: offers")).count();
    assert_eq!(more, 0, "the other's offer was not told");
}

#[test]
fn what_a_campaign_has_brought_is_told() {
    let served = Served::start();
    served.tell(vec![samples::decision(served.now_s()), samples::offer(served.now_s(), "ab")]);
    let (status, told) = served.get("/api/v1/campaigns");
    assert_eq!(status, 200, "{told}");
    let campaign = &told["campaigns"][0];
    assert_eq!((&campaign["campaign"], &campaign["issued"]), (&json!("short-queue"), &json!(1)), "{told}");
    assert_eq!((&campaign["redeemed"], &campaign["uplift"]), (&json!(0), &Value::Null), "{told}");
}

#[test]
fn campaigns_are_edited_and_every_version_is_remembered() {
    let served = Served::start();
    let ask = |method: &str, path: &str, headers: &str, body: &Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        served
            .ask(method, &format!("/api/v1/campaigns{path}"), &format!("X-Staff-Name: ada\r\n{headers}"), &body)
            .json()
    };
    let campaign = |percent: i64| {
        json!({"name": "happy hour", "percent": percent, "text": "{percent} % off", "when_wait_over_s": 180,
               "and_wait_there_under_s": 120, "stand": "bar"})
    };
    let (status, first) = ask("POST", "", "", &campaign(30));
    assert_eq!((status, &first["version"], &first["campaign"]["percent"]), (201, &json!(2), &json!(30)), "{first}");
    assert_eq!(ask("POST", "", "", &campaign(31)).0, 409);
    let (status, faults) = ask("PUT", "/happy%20hour", "", &campaign(300));
    assert_eq!((status, &faults["faults"][0]["key"]), (422, &json!("percent")), "{faults}");
    assert_eq!(ask("PUT", "/other", "", &campaign(30)).0, 400, "two names");
    assert_eq!(ask("PUT", "/happy%20hour", "If-Match: \"1\"\r\n", &campaign(40)).0, 412);
    let (status, second) = ask("PUT", "/happy%20hour", "If-Match: \"2\"\r\n", &campaign(40));
    assert_eq!((status, &second["version"]), (200, &json!(3)), "{second}");

    let file = String::from_utf8(served.ask("GET", "/api/v1/campaigns.toml", "", "").body).expect("text");
    assert!(file.contains("\"percent\" = 40") && file.contains("short-queue"), "{file}");
    assert_eq!(ask("DELETE", "/happy%20hour", "", &Value::Null).0, 200);
    assert_eq!(ask("DELETE", "/happy%20hour", "", &Value::Null).0, 404);
    assert_eq!(ask("GET", "/happy%20hour", "", &Value::Null).0, 404);
    let (status, told) = served.ask("PUT", "/api/v1/campaigns.toml", "", &file).json();
    assert_eq!((status, &told["campaigns"], &told["changes"]), (200, &json!(2), &json!(1)), "{told}");
    let (status, told) = served.ask("PUT", "/api/v1/campaigns.toml", "", "[[campaign]]\nx = 1\n").json();
    assert_eq!((status, &told["faults"][0]["key"]), (422, &json!("line 1")), "{told}");

    let (_, told) = ask("GET", "/happy%20hour/versions", "", &Value::Null);
    let versions = told["versions"].as_array().expect("versions").iter();
    let versions: Vec<String> =
        versions.map(|it| format!("{} {} {}", it["version"], it["change"], it["who"])).collect();
    let wanted = [r#"5 "imported" "unknown""#, r#"4 "removed" "ada""#, r#"3 "changed" "ada""#, r#"2 "added" "ada""#];
    assert_eq!(versions, wanted, "{told}");
    let stored = served.state.store.edited_campaigns().expect("reads").expect("edited");
    assert_eq!(stored.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [5, 1]);
}

#[test]
fn a_scanned_voucher_is_shown_held_redeemed_and_taken_back() {
    let served = Served::start();
    let voucher = "0123456789abcdef0123456789abcdef";
    served.tell(vec![samples::offer(served.now_s(), voucher)]);
    let (_, mine) = served.get("/api/v1/attendees/mia/offers");
    let token = mine["offers"][0]["token"].as_str().expect("a token").to_owned();
    let picture = served.ask("GET", &format!("/api/v1/attendees/mia/vouchers/{voucher}/qr.svg"), "", "");
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/svg+xml")));
    assert_eq!(served.ask("GET", &format!("/api/v1/attendees/joe/vouchers/{voucher}/qr.svg"), "", "").status, 410);

    let ask = |what: &str, code: &str, request: &str| {
        let body = json!({"code": code, "till": "bar", "request_id": request});
        let (status, told) = served.post(&format!("/api/v1/vouchers/{what}"), &body);
        (status, told["state"].as_str().unwrap_or_default().to_owned() + told["reason"].as_str().unwrap_or_default())
    };
    let no = |reason: &str| (409, format!("refused{reason}"));
    let changed = format!("{}{}", &token[..40], token[41..].to_owned() + "0");
    assert_eq!(ask("redeem", &changed, "r0"), no("not-genuine"));
    assert_eq!(ask("redeem", &format!("#{voucher}"), "r0"), no("unknown-code"));
    assert_eq!(ask("hold", &token, "r1"), (200, "held".to_owned()));
    assert_eq!(ask("redeem", &token, "r2"), no("held"));
    assert_eq!(ask("redeem", &token, "r1"), (200, "redeemed".to_owned()));
    assert_eq!(ask("redeem", &token, "r1"), (200, "redeemed".to_owned()));
    let back = served.post("/api/v1/vouchers/rollback", &json!({"request_id": "r1"}));
    assert_eq!((back.0, &back.1["state"]), (200, &json!("rolled-back")));
    let at_us = served.now_s() * 1_000_000;
    let bring = |till: &str| {
        served.post("/api/v1/vouchers/spent", &json!({"till": till, "spent": [{"token": token, "at_us": at_us}]})).1
    };
    assert_eq!(bring("bar/1")["redeemed"], json!([voucher]));
    assert_eq!(bring("bar/1")["known"], json!(1));
    assert_eq!(bring("bar/2")["revoked"], json!([voucher]));
    assert_eq!(ask("redeem", &token, "r3"), no("already-redeemed"));
    let keys = served.get("/api/v1/vouchers/keys").1["keys"].as_str().expect("keys").to_owned();
    let keys = crate::voucher::keys::read_public(std::path::Path::new("keys"), &keys).expect("reads");
    let time = served.get("/api/v1/time").1;
    let signed = crate::voucher::token::verify_time(time["token"].as_str().expect("a token"), &keys);
    assert_eq!(json!(signed.expect("genuine")), time["at_us"]);
}

#[test]
fn streams_take_a_place_and_give_it_back() {
    let served = Served::start();
    let streams: Vec<TcpStream> = (0..3)
        .map(|_| {
            let stream = served.request("GET", "/api/v1/live", "", "");
            read_until(&mut BufReader::new(stream.try_clone().expect("cloned")).lines(), "event: state");
            stream
        })
        .collect();
    let metrics = String::from_utf8(served.ask("GET", "/metrics", "", "").body).expect("text");
    assert!(metrics.contains("venue_gateway_streams{page=\"staff\"} 3\n"), "{metrics}");
    drop(streams);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !served.ask("GET", "/metrics", "", "").body.windows(9).any(|w| w == b"staff\"} 0") {
        assert!(std::time::Instant::now() < deadline, "places are given back");
    }
}
