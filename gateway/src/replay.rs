//! `replay`: a recording through the engine, as fast as it goes.
//!
//! In: a recording, a floor plan, optionally known counts. Out: the engine's outputs as JSON lines in event
//! time. Lines that are none, receivers the floor plan lacks and late adverts are counted and told at the
//! end on standard error, never in the output.

use crate::lines::Line;
use crate::radio::recording_file::Recording;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use venue_engine::engine::Engine;
use venue_engine::event::{Anchor, AnchorKind, Event};
use venue_engine::grid::LAG;
use venue_engine::output::Output;
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// Which outputs to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emit {
    /// Positions of followed devices.
    Fixes,
    /// Zone changes of followed devices.
    Zones,
    /// People per zone.
    People,
    /// Queue states.
    Queues,
    /// Movements between zones.
    Flow,
    /// Offers made.
    Offers,
    /// Stays in zones.
    Dwell,
    /// Heat-map windows.
    Heat,
    /// Alerts.
    Alerts,
    /// Decisions about offers, what became of them and what was learned.
    Decisions,
}

impl Emit {
    /// Reads a list such as `fixes,zones`.
    ///
    /// # Errors
    /// Names the part that is none.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let one = |name: &str| {
            let known = [
                ("fixes", Self::Fixes),
                ("zones", Self::Zones),
                ("people", Self::People),
                ("queues", Self::Queues),
                ("flow", Self::Flow),
                ("offers", Self::Offers),
                ("dwell", Self::Dwell),
                ("heat", Self::Heat),
                ("alerts", Self::Alerts),
                ("decisions", Self::Decisions),
            ];
            let found = known.iter().find(|(known, _)| *known == name).map(|(_, emit)| *emit);
            found.ok_or_else(|| {
                format!("\"{name}\" cannot be emitted; choose from {}", known.map(|(name, _)| name).join(", "))
            })
        };
        text.split(',').map(str::trim).map(one).collect()
    }

    fn of(output: &Output) -> Self {
        match output {
            Output::Fix(_) => Self::Fixes,
            Output::ZoneChange(_) => Self::Zones,
            Output::People(_) => Self::People,
            Output::Queue(_) => Self::Queues,
            Output::Movement(_) => Self::Flow,
            Output::Offer(_) => Self::Offers,
            Output::Dwell(_) => Self::Dwell,
            Output::Heat(_) => Self::Heat,
            Output::Alert(_) => Self::Alerts,
            Output::Decision(_) | Output::Outcome(_) | Output::Learned(_) => Self::Decisions,
        }
    }
}

/// Replays a recording into `out`.
///
/// # Errors
/// Where the input cannot be read or the output not be written.
pub fn run(
    mut recording: Recording,
    mut engine: Engine,
    venue: &Venue,
    anchors: Vec<Anchor>,
    emit: &[Emit],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (mut outputs, mut waiting) = (Vec::new(), Waiting::new());
    let mut unknown_receivers: BTreeMap<String, u64> = BTreeMap::new();
    let mut anchors = anchors.into_iter().peekable();
    recording.for_each(|line| {
        let Some(receiver) = venue.receiver(&line.receiver) else {
            // Bounded: a recording names few receivers; past the bound they share one entry.
            let name = if unknown_receivers.len() < 100 { line.receiver.to_string() } else { "others".to_owned() };
            *unknown_receivers.entry(name).or_default() += 1;
            return Ok(());
        };
        while let Some(anchor) = anchors.next_if(|anchor| anchor.at <= line.at) {
            engine.handle(Event::Anchor(anchor), &mut outputs);
        }
        let (at, source, rssi_dbm) = (line.at, line.source, line.rssi_dbm);
        engine.handle(Event::FromBoard { at, receiver, source, rssi_dbm, payload: line.payload }, &mut outputs);
        write_outputs(waiting.take(&mut outputs), venue, emit, out)
    })?;
    anchors.for_each(|anchor| engine.handle(Event::Anchor(anchor), &mut outputs));
    engine.finish(&mut outputs);
    write_outputs(waiting.take(&mut outputs), venue, emit, out)?;
    write_outputs(waiting.rest(), venue, emit, out)?;
    out.flush()?;
    report(&recording, &engine, &unknown_receivers);
    Ok(())
}

/// Outputs that wait for earlier ones: fixes come up to `LAG` after the moment they describe. What waits is what the
/// engine says in twice that time.
struct Waiting {
    outputs: Vec<Output>,
    newest: Timestamp,
    settled: Timestamp,
}

impl Waiting {
    fn new() -> Self {
        Self { outputs: Vec::new(), newest: Timestamp::MIN, settled: Timestamp::MIN }
    }

    /// Takes outputs, and gives in the order of event time those that nothing earlier can follow.
    fn take(&mut self, outputs: &mut Vec<Output>) -> Vec<Output> {
        self.newest = outputs.iter().map(Output::at).fold(self.newest, Timestamp::max);
        self.outputs.append(outputs);
        let settled = self.newest - LAG;
        if settled < self.settled + LAG {
            return Vec::new();
        }
        self.settled = settled;
        self.outputs.sort_by_key(Output::at);
        let waiting = self.outputs.split_off(self.outputs.partition_point(|output| output.at() < settled));
        std::mem::replace(&mut self.outputs, waiting)
    }

    /// All that still waits, in order.
    fn rest(mut self) -> Vec<Output> {
        self.outputs.sort_by_key(Output::at);
        self.outputs
    }
}

fn write_outputs(outputs: Vec<Output>, venue: &Venue, emit: &[Emit], out: &mut impl Write) -> anyhow::Result<()> {
    for output in outputs {
        if emit.contains(&Emit::of(&output)) {
            writeln!(out, "{}", Line::new(&output, venue).to_json())?;
        }
    }
    Ok(())
}

fn report(recording: &Recording, engine: &Engine, unknown_receivers: &BTreeMap<String, u64>) {
    eprintln!("{} lines read, {} sightings taken", recording.lines, engine.counters().sightings);
    for (why, count) in &recording.refused {
        eprintln!("{count} lines refused: {why}");
    }
    for (receiver, count) in unknown_receivers {
        eprintln!(
            "{count} adverts of receiver \"{receiver}\", which the floor plan does not have; add it to [[receiver]]"
        );
    }
    for (why, count) in engine.counters().list().into_iter().filter(|(why, count)| *why != "sightings" && *count > 0) {
        eprintln!("{count} ignored: {why}");
    }
}

/// Reads known counts: CSV with the columns `at_us,kind,place,people`, in any order of lines.
///
/// # Errors
/// Names file and line of the first fault.
pub fn read_anchors(path: &Path) -> anyhow::Result<Vec<Anchor>> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let mut lines = text.lines().enumerate();
    let header = lines.next().map(|(_, line)| line.trim());
    if header != Some("at_us,kind,place,people") {
        bail!("{name}:1: the first line must be at_us,kind,place,people");
    }
    let mut anchors = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let anchor = read_anchor(line);
        anchors.push(anchor.with_context(|| {
            format!("{name}:{number}: not a known count; write for example 1763700000000000,head_count,bar,42")
        })?);
    }
    anchors.sort_by_key(|anchor| anchor.at);
    Ok(anchors)
}

fn read_anchor(line: &str) -> Option<Anchor> {
    let mut fields = line.split(',').map(str::trim);
    let mut next = || fields.next();
    let at = Timestamp::from_micros(next()?.parse().ok()?);
    let kind = match next()? {
        "turnstile" => AnchorKind::Turnstile,
        "till" => AnchorKind::Till,
        "head_count" => AnchorKind::HeadCount,
        _ => return None,
    };
    let place: Arc<str> = next()?.into();
    // Some counters write whole numbers with a fraction.
    let people: f64 = next()?.parse().ok()?;
    (0.0..=1e7).contains(&people).then(|| Anchor { at, kind, place, people: people.round() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_outputs() {
        assert_eq!(Emit::parse_list("fixes, zones"), Ok(vec![Emit::Fixes, Emit::Zones]));
        let why = Emit::parse_list("fixes,heads").expect_err("unknown");
        assert!(why.starts_with("\"heads\" cannot be emitted"), "{why}");
    }

    #[test]
    fn anchors_read_and_faults_have_their_line() {
        let anchor = read_anchor("1763700000000000,till,bar,12").expect("an anchor");
        assert_eq!((anchor.kind, anchor.people), (AnchorKind::Till, 12));
        assert_eq!(read_anchor("1,tills,bar,12"), None);
        assert_eq!(read_anchor("1,till,bar"), None);
    }
}
