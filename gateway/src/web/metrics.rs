//! Figures for Prometheus, and whether the gateway is well.
//!
//! In: counters of every part, and the figures shown now. Out: `/metrics` in the text format
//! (prometheus.io/docs/instrumenting/exposition_formats) and `/healthz`. Names begin with `venue_gateway_`;
//! everything lost is counted by reason. It names no attendee.

use super::{App, Shared};
use crate::radio::source::{Count, Health};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::fmt::{Display, Write as _};
use std::sync::Arc;

/// Text of one answer; each metric is written with its help before its samples.
struct Exposition(String);

/// Whether the gateway is well: 200 as long as it answers, for a restart would not empty a full disk.
pub(super) async fn health(State(shared): App) -> Json<Value> {
    let pulse = shared.state.live.pulse();
    let held = shared.state.store.counts().events_held;
    let status = if held > 0 { "not-storing" } else { "ok" };
    Json(json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "at_us": pulse.at_us,
        "age_s": pulse.age_s,
    }))
}

/// All figures as Prometheus reads them.
pub(super) async fn text(State(shared): App) -> impl IntoResponse {
    let mut out = Exposition(String::new());
    engine(&mut out, &shared);
    store(&mut out, &shared);
    pages(&mut out, &shared);
    venue(&mut out, &shared);
    radios(&mut out, &shared.state.radios.list());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out.0)
}

fn engine(out: &mut Exposition, shared: &Shared) {
    let figures = shared.state.engine.figures();
    out.gauge("devices_alive", "Devices heard and not yet given up.", figures.devices_alive);
    let ignored: Vec<_> = figures.counters.list().into_iter().filter(|(reason, _)| *reason != "sightings").collect();
    out.counter("sightings_total", "Adverts the engine took.", figures.counters.sightings);
    out.family("ignored_total", "counter", "Input the engine ignored, by reason.", "reason", ignored);
    let lost = [("adverts", figures.adverts_lost), ("events", figures.events_lost)];
    out.family("engine_lost_total", "counter", "Input lost because the engine's queue was full.", "what", lost);
}

fn store(out: &mut Exposition, shared: &Shared) {
    let counts = shared.state.store.counts();
    out.counter("store_commits_total", "Transactions on disk.", counts.commits);
    out.counter("store_failed_commits_total", "Transactions undone.", counts.failed_commits);
    out.counter("store_disk_full_total", "Transactions undone because the disk was full.", counts.disk_full);
    out.gauge("store_events_held", "Events waiting for the disk to take them.", counts.events_held);
    let lost = [
        ("states", counts.states_dropped),
        ("events", counts.events_lost),
        ("requests", counts.requests_refused),
        ("acknowledgements", counts.acknowledgements_dropped),
        ("repeated-offers", counts.offers_repeated),
        ("names", counts.names_refused),
    ];
    out.family("store_lost_total", "counter", "What the store refused or dropped.", "what", lost);
    out.gauge("outbox_messages", "MQTT messages waiting to be delivered.", counts.outbox_waiting);
    out.gauge("outbox_bytes", "Bytes of MQTT messages waiting to be delivered.", counts.outbox_bytes);
    let gone = [("full", counts.outbox_dropped), ("expired", counts.outbox_expired)];
    out.family("outbox_lost_total", "counter", "MQTT messages never delivered, by reason.", "reason", gone);
}

fn pages(out: &mut Exposition, shared: &Shared) {
    let counts = shared.state.live.counts();
    let (staff, attendees) = shared.gates.open();
    let open = [("staff", staff), ("attendee", attendees)];
    out.family("streams", "gauge", "Live streams open now.", "page", open);
    out.counter("live_lines_total", "Lines told to live streams.", counts.lines);
    let lost = [
        ("states-replaced", counts.states_replaced),
        ("fixes-thinned", counts.fixes_thinned),
        ("fixes-beyond-limit", counts.fixes_beyond_limit),
        ("alerts-beyond-limit", counts.alerts_beyond_limit),
        ("readers-behind", counts.readers_behind),
    ];
    out.family("live_lost_total", "counter", "What live streams were not told, by reason.", "reason", lost);
    if let Some(age_s) = shared.state.live.pulse().age_s {
        out.gauge("figures_age_seconds", "Seconds since figures last came from the engine.", age_s);
    }
}

fn venue(out: &mut Exposition, shared: &Shared) {
    let venue = &shared.state.venue;
    let (people, queues) = shared.state.live.figures();
    if let Some(whole) = people.iter().find(|people| people.zone.is_none()) {
        out.gauge("people", "People in the venue.", whole.people);
    }
    let zones = people.iter().filter_map(|people| Some((venue.zone_name(people.zone?), people.people)));
    out.family("zone_people", "gauge", "People in a zone.", "zone", zones);
    let name = |id: venue_engine::venue::QueueId| venue.queues[usize::from(id.0)].name.as_str();
    let lengths = queues.iter().map(|queue| (name(queue.queue), queue.length));
    out.family("queue_length", "gauge", "People waiting in a queue.", "queue", lengths);
    let waits = queues.iter().filter_map(|queue| Some((name(queue.queue), queue.wait_s?)));
    out.family("queue_wait_seconds", "gauge", "Wait of somebody joining a queue now.", "queue", waits);
}

/// Sources by their receiver and device; the adverts lost and the recoveries by reason.
fn radios(out: &mut Exposition, radios: &[Arc<Health>]) {
    let of = |radio: &Health| vec![("receiver", radio.receiver.clone()), ("device", radio.device.clone())];
    let each = |value: fn(&Health) -> f64| radios.iter().map(move |radio| (of(radio), value(radio)));
    let listening = |radio: &Health| f64::from(u8::from(radio.state() == "listening"));
    out.labelled("radio_listening", "gauge", "Whether a source listens.", each(listening));
    let heard = |radio: &Health| radio.count(Count::Adverts) as f64;
    out.labelled("radio_adverts_total", "counter", "Adverts a source heard.", each(heard));
    out.labelled("radio_adverts_per_second", "gauge", "Adverts a source hears of late.", each(Health::adverts_per_s));
    let learnt = "Adverts a source usually hears, by which its silence is judged.";
    out.labelled("radio_learnt_adverts_per_second", "gauge", learnt, each(Health::learnt_per_s));
    let heard_at = radios.iter().filter_map(|radio| Some((of(radio), radio.heard_at_us()? as f64 / 1e6)));
    out.labelled("radio_heard_timestamp_seconds", "gauge", "When a source last heard an advert.", heard_at);
    let mut by = |name, help, label, counts: fn(&Health) -> Vec<(&'static str, u64)>| {
        let samples = radios.iter().flat_map(|radio| {
            counts(radio)
                .into_iter()
                .map(move |(reason, count)| ([of(radio), vec![(label, reason.to_owned())]].concat(), count))
        });
        out.labelled(name, "counter", help, samples);
    };
    by("radio_lost_total", "Adverts of a source lost, by reason.", "reason", |radio| radio.lost().collect());
    by("radio_line_faults_total", "Faults of a source's line.", "kind", |radio| radio.line_faults().collect());
    by("radio_recoveries_total", "What was tried against silence.", "rung", |radio| radio.recoveries().collect());
}

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP venue_gateway_{name} {help}"));
        self.line(format_args!("# TYPE venue_gateway_{name} {kind}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(format_args!("venue_gateway_{name} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(format_args!("venue_gateway_{name} {value}"));
    }

    fn family<'a, V: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'a str, V)>,
    ) {
        self.head(name, kind, help);
        for (value_of_label, value) in samples {
            let quoted = quoted(value_of_label);
            self.line(format_args!("venue_gateway_{name}{{{label}=\"{quoted}\"}} {value}"));
        }
    }

    fn labelled<V: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'static str, String)>, V)>,
    ) {
        self.head(name, kind, help);
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", quoted(value))).collect();
            self.line(format_args!("venue_gateway_{name}{{{}}} {value}", labels.join(",")));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes everything");
    }
}

/// A label's value; the format wants these three escaped.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_help_and_labels_are_escaped() {
        let mut out = Exposition(String::new());
        out.counter("a_total", "Things.", 3);
        out.family("b", "gauge", "Others.", "zone", [("the \"bar\"\\", 1.5)]);
        let expected = "# HELP venue_gateway_a_total Things.\n# TYPE venue_gateway_a_total counter\n\
            venue_gateway_a_total 3\n# HELP venue_gateway_b Others.\n# TYPE venue_gateway_b gauge\n\
            venue_gateway_b{zone=\"the \\\"bar\\\"\\\\\"} 1.5\n";
        assert_eq!(out.0, expected);
    }
}
