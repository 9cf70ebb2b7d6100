//! CloudEvents 1.0 attributes, as they travel beside a payload in MQTT 5 user properties (binary mode).
//!
//! In: identity, source, kind and event time of a message. Out: user properties, and back. It refuses
//! properties that lack a required attribute, or state a time that is none. Source: CloudEvents MQTT
//! protocol binding 1.0.2, section 3.1.

/// Content type of every payload.
pub const CONTENT_TYPE: &str = "application/json";
/// What stands before the kind in the `type` attribute.
const TYPE_PREFIX: &str = "venue-gateway.";

/// The attributes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The same whenever the same message is sent; consumers drop repeats by it.
    pub id: String,
    /// Which board of which venue tells.
    pub source: String,
    /// What it is: `occupancy`, `queue`, `offer` and so on.
    pub kind: String,
    /// Event time.
    pub at_us: i64,
}

impl Attributes {
    /// As user properties.
    pub fn properties(&self) -> Vec<(String, String)> {
        let property = |name: &str, value: String| (name.to_owned(), value);
        vec![
            property("specversion", "1.0".to_owned()),
            property("id", self.id.clone()),
            property("source", self.source.clone()),
            property("type", format!("{TYPE_PREFIX}{}", self.kind)),
            property("time", rfc3339(self.at_us)),
        ]
    }

    /// From user properties; `None` where an attribute is missing or wrong.
    pub fn parse(properties: &[(String, String)]) -> Option<Self> {
        let find = |name: &str| properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if find("specversion")? != "1.0" {
            return None;
        }
        let kind = find("type")?.strip_prefix(TYPE_PREFIX)?.to_owned();
        let (id, source) = (find("id")?.to_owned(), find("source")?.to_owned());
        Some(Self { id, source, kind, at_us: micros(find("time")?)? })
    }
}

/// The `source` of a board.
pub fn source(venue: &str, gateway: &str) -> String {
    format!("/venue/{}/gateway/{}", escaped(venue), escaped(gateway))
}

/// A name as part of a URI reference (RFC 3986 section 2.3: all but unreserved characters are escaped).
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Microseconds since 1970 as RFC 3339 in UTC.
fn rfc3339(at_us: i64) -> String {
    let (seconds, micros) = (at_us.div_euclid(1_000_000), at_us.rem_euclid(1_000_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The inverse of `rfc3339`, for exactly its form.
fn micros(text: &str) -> Option<i64> {
    let form = text.len() == 27 && text.is_ascii() && text.ends_with('Z') && text.get(10..11) == Some("T");
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second, micros) = (part(11, 13)?, part(14, 16)?, part(17, 19)?, part(20, 26)?);
    let days = days(year, month, day);
    let at_us = ((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000) + micros;
    (form && rfc3339(at_us) == text).then_some(at_us)
}

/// Year, month and day of a day counted from 1970 (H. Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`: eras of 400 years, years that start in March).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of `civil` (`days_from_civil` of the same source).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_both_ways() {
        let attributes = Attributes {
            id: "hub-00ff-7".into(),
            source: source("old arena", "hub"),
            kind: "queue".into(),
            at_us: 1_763_700_000_123_456,
        };
        let properties = attributes.properties();
        let told: Vec<String> = properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            told.join(" "),
            "specversion=1.0 id=hub-00ff-7 source=/venue/old%20arena/gateway/hub type=venue-gateway.queue \
             time=2025-11-21T04:40:00.123456Z"
        );
        assert_eq!(Attributes::parse(&properties), Some(attributes));
        for missing in 0..properties.len() {
            let mut fewer = properties.clone();
            fewer.remove(missing);
            assert_eq!(Attributes::parse(&fewer), None);
        }
    }

    #[test]
    fn times_go_both_ways_over_leap_days_and_before_1970() {
        for (at_us, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(at_us), text);
            assert_eq!(micros(text), Some(at_us));
        }
        for bad in ["", "2025-11-21", "2025-13-21T04:40:00.123456Z", "2025-02-30T00:00:00.000000Z", "\u{e9}"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }
}
