//! Every MQTT topic of the gateway, both ways.
//!
//! In: a meaning with its names, or a topic string from the wire. Out: the topic string, or the meaning.
//! It refuses names that MQTT would read as structure (`/`, `+`, `#`, control characters), empty ones and
//! ones longer than a name may be, so that nobody's name can reach another topic.

use std::fmt;
use venue_engine::venue::NAME_LEN_MAX;

/// The level that stands for the whole venue where a zone is expected.
pub const WHOLE_VENUE: &str = "_venue";

/// A topic below `venue/{venue}`, with its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// `gateway/{gateway}/status`: retained, last will.
    GatewayStatus {
        /// The board.
        gateway: &'a str,
    },
    /// `gateway/{gateway}/adverts`: recording lines from a receiving board to the hub.
    GatewayAdverts {
        /// The board.
        gateway: &'a str,
    },
    /// `zone/{zone}/occupancy`: retained; no zone is the whole venue.
    ZoneOccupancy {
        /// The zone, `None` for the venue.
        zone: Option<&'a str>,
    },
    /// `queue/{queue}/state`: retained.
    QueueState {
        /// The queue.
        queue: &'a str,
    },
    /// `flow/movements`.
    Movements,
    /// `heat/{floor}`.
    Heat {
        /// The floor.
        floor: &'a str,
    },
    /// `attendee/{attendee}/offer`.
    AttendeeOffer {
        /// The attendee.
        attendee: &'a str,
    },
    /// `voucher/{voucher}`.
    Voucher {
        /// The voucher's identity.
        voucher: &'a str,
    },
    /// `entry/{ticket}`.
    Entry {
        /// The ticket.
        ticket: &'a str,
    },
    /// `alert/{kind}`.
    Alert {
        /// The kind of alert.
        kind: &'a str,
    },
}

/// A name that may not be a topic level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} cannot be part of a topic; use 1 to {NAME_LEN_MAX} bytes without / + # or control characters",
            self.0
        )
    }
}

impl std::error::Error for BadName {}

impl<'a> Topic<'a> {
    /// The full topic under a venue's root.
    ///
    /// # Errors
    /// A name that may not be a topic level.
    pub fn path(&self, venue: &str) -> Result<String, BadName> {
        let level = checked;
        let rest = match *self {
            Self::GatewayStatus { gateway } => format!("gateway/{}/status", level(gateway)?),
            Self::GatewayAdverts { gateway } => format!("gateway/{}/adverts", level(gateway)?),
            Self::ZoneOccupancy { zone } => format!("zone/{}/occupancy", level(zone.unwrap_or(WHOLE_VENUE))?),
            Self::QueueState { queue } => format!("queue/{}/state", level(queue)?),
            Self::Movements => "flow/movements".to_owned(),
            Self::Heat { floor } => format!("heat/{}", level(floor)?),
            Self::AttendeeOffer { attendee } => format!("attendee/{}/offer", level(attendee)?),
            Self::Voucher { voucher } => format!("voucher/{}", level(voucher)?),
            Self::Entry { ticket } => format!("entry/{}", level(ticket)?),
            Self::Alert { kind } => format!("alert/{}", level(kind)?),
        };
        Ok(format!("venue/{}/{rest}", level(venue)?))
    }

    /// The venue and meaning of a full topic; `None` for anything that is not one of ours.
    pub fn parse(path: &'a str) -> Option<(&'a str, Self)> {
        let mut levels = [""; 5];
        let mut count = 0;
        for level in path.split('/') {
            *levels.get_mut(count)? = checked(level).ok()?;
            count += 1;
        }
        let topic = match levels[..count] {
            ["venue", _, "gateway", gateway, "status"] => Self::GatewayStatus { gateway },
            ["venue", _, "gateway", gateway, "adverts"] => Self::GatewayAdverts { gateway },
            ["venue", _, "zone", WHOLE_VENUE, "occupancy"] => Self::ZoneOccupancy { zone: None },
            ["venue", _, "zone", zone, "occupancy"] => Self::ZoneOccupancy { zone: Some(zone) },
            ["venue", _, "queue", queue, "state"] => Self::QueueState { queue },
            ["venue", _, "flow", "movements"] => Self::Movements,
            ["venue", _, "heat", floor] => Self::Heat { floor },
            ["venue", _, "attendee", attendee, "offer"] => Self::AttendeeOffer { attendee },
            ["venue", _, "voucher", voucher] => Self::Voucher { voucher },
            ["venue", _, "entry", ticket] => Self::Entry { ticket },
            ["venue", _, "alert", kind] => Self::Alert { kind },
            _ => return None,
        };
        Some((levels[1], topic))
    }
}

/// A name as a topic level, or why not.
///
/// # Errors
/// The name, when MQTT would not read it as one level.
pub fn checked(name: &str) -> Result<&str, BadName> {
    let fits = (1..=NAME_LEN_MAX).contains(&name.len());
    let plain = !name.chars().any(|c| c.is_control() || "/+#".contains(c));
    if fits && plain { Ok(name) } else { Err(BadName(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(topic: Topic<'_>, path: &str) {
        assert_eq!(topic.path("arena").as_deref(), Ok(path));
        assert_eq!(Topic::parse(path), Some(("arena", topic)));
    }

    #[test]
    fn every_topic_goes_both_ways() {
        check(Topic::GatewayStatus { gateway: "hub" }, "venue/arena/gateway/hub/status");
        check(Topic::GatewayAdverts { gateway: "north" }, "venue/arena/gateway/north/adverts");
        check(Topic::ZoneOccupancy { zone: Some("bar") }, "venue/arena/zone/bar/occupancy");
        check(Topic::ZoneOccupancy { zone: None }, "venue/arena/zone/_venue/occupancy");
        check(Topic::QueueState { queue: "bar" }, "venue/arena/queue/bar/state");
        check(Topic::Movements, "venue/arena/flow/movements");
        check(Topic::Heat { floor: "ground" }, "venue/arena/heat/ground");
        check(Topic::AttendeeOffer { attendee: "mia" }, "venue/arena/attendee/mia/offer");
        check(Topic::Voucher { voucher: "00ff" }, "venue/arena/voucher/00ff");
        check(Topic::Entry { ticket: "t1" }, "venue/arena/entry/t1");
        check(Topic::Alert { kind: "queue-over-limit" }, "venue/arena/alert/queue-over-limit");
    }

    #[test]
    fn names_cannot_become_structure() {
        for bad in ["", "a/b", "+", "#", "a\u{0}", &"x".repeat(65)] {
            assert!(Topic::AttendeeOffer { attendee: bad }.path("arena").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn foreign_topics_are_not_ours() {
        for foreign in ["", "venue", "venue/arena", "venue/arena/zone/bar", "other/arena/heat/x", "venue/a/heat/x/y/z"]
        {
            assert_eq!(Topic::parse(foreign), None, "{foreign:?}");
        }
    }
}
