//! What is really so, as the simulator knows it.
//!
//! In: the crowd's state. Out: statements and their JSON lines (`position`, `people`, `queue`, `wait`).
//! Queue length counts people waiting, not those being served. A wait is told when it ends and carries the
//! moment of joining; people who give up have none. Statements are otherwise in order of time.

use std::io::Write;
use std::sync::Arc;
use venue_engine::venue::{FloorId, QueueId, Venue, ZoneId};

/// One true statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// Where a followed person is.
    Position {
        /// When.
        at_us: i64,
        /// Attendee name.
        who: Arc<str>,
        /// Metres on the floor.
        x_m: f64,
        /// Metres on the floor.
        y_m: f64,
        /// Its floor.
        floor: FloorId,
    },
    /// How many people are in a zone.
    People {
        /// When.
        at_us: i64,
        /// Which; `None` for the whole venue.
        zone: Option<ZoneId>,
        /// How many.
        people: usize,
    },
    /// How many people wait in a queue, those being served left out.
    Queue {
        /// When.
        at_us: i64,
        /// Which.
        queue: QueueId,
        /// How many.
        length: usize,
    },
    /// How long somebody waited from joining to being called.
    Wait {
        /// When the person joined.
        at_us: i64,
        /// Which queue.
        queue: QueueId,
        /// Attendee name, or `person-` and a number.
        who: Arc<str>,
        /// Seconds.
        wait_s: f64,
    },
}

/// Appends one statement as a JSON line.
pub fn write_line(truth: &Truth, venue: &Venue, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match truth {
        Truth::Position { at_us, who, x_m, y_m, floor } => {
            let floor = json(&venue.floors[usize::from(floor.0)].name);
            let who = json(who);
            writeln!(
                out,
                r#"{{"kind":"position","at_us":{at_us},"who":{who},"x_m":{x_m:.2},"y_m":{y_m:.2},"floor":{floor}}}"#
            )
        }
        Truth::People { at_us, zone, people } => {
            let zone = zone.map_or("null".to_owned(), |zone| json(venue.zone_name(zone)));
            writeln!(out, r#"{{"kind":"people","at_us":{at_us},"zone":{zone},"people":{people}}}"#)
        }
        Truth::Queue { at_us, queue, length } => {
            let queue = json(&venue.queues[usize::from(queue.0)].name);
            writeln!(out, r#"{{"kind":"queue","at_us":{at_us},"queue":{queue},"length":{length}}}"#)
        }
        Truth::Wait { at_us, queue, who, wait_s } => {
            let queue = json(&venue.queues[usize::from(queue.0)].name);
            let who = json(who);
            writeln!(out, r#"{{"kind":"wait","at_us":{at_us},"queue":{queue},"who":{who},"wait_s":{wait_s:.1}}}"#)
        }
    };
}

/// A text as JSON.
pub fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_design_says() {
        let venue = Venue::parse(crate::built_in_file("hall.toml").expect("built in")).expect("a good plan");
        let check = |truth: Truth, wanted: &str| {
            let mut out = Vec::new();
            write_line(&truth, &venue, &mut out);
            assert_eq!(String::from_utf8(out).expect("text").trim_end(), wanted);
        };
        let who: Arc<str> = "attendee-0001".into();
        check(
            Truth::Position { at_us: 5, who: who.clone(), x_m: 1.234, y_m: 2.0, floor: FloorId(0) },
            r#"{"kind":"position","at_us":5,"who":"attendee-0001","x_m":1.23,"y_m":2.00,"floor":"ground"}"#,
        );
        check(
            Truth::People { at_us: 5, zone: None, people: 7 },
            r#"{"kind":"people","at_us":5,"zone":null,"people":7}"#,
        );
        check(
            Truth::Queue { at_us: 5, queue: QueueId(0), length: 3 },
            r#"{"kind":"queue","at_us":5,"queue":"bar-north","length":3}"#,
        );
        check(
            Truth::Wait { at_us: 5, queue: QueueId(0), who, wait_s: 61.26 },
            r#"{"kind":"wait","at_us":5,"queue":"bar-north","who":"attendee-0001","wait_s":61.3}"#,
        );
    }
}
