//! Campaigns: what is offered, where, to whom and how often.
//!
//! In: the text of a campaign file and the venue it is for. Out: validated campaigns, whose stands exist
//! and whose words can be rendered. It refuses unknown keys, numbers out of range, stands the venue lacks
//! and conditions that can never hold, telling every fault with its line.

use super::choice::SecretHash;
use super::message::{LANGUAGES, Message, Template};
use crate::document::{Document, Fault, Table};
use crate::time::{Duration, Timestamp};
use crate::venue::{NAME_LEN_MAX, QueueId, Venue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Campaigns of one venue; each costs a check per person at a queue and report.
pub const CAMPAIGNS_MAX: usize = 1_000;
/// Vouchers one person can get in 24 hours, over all campaigns: more is spam, and her history stays small.
pub const OFFERS_PER_PERSON_MAX: usize = 12;
/// Largest amount of money a campaign may name.
const MONEY_MAX: f64 = 1e9;
/// What a minute of waiting is worth where a campaign does not say: 9 an hour, a little under what surveys
/// of travellers find for time in a vehicle; an assumption that only weighs waiting against margins.
const MINUTE_VALUE: f64 = 0.15;
/// Windows of the day a campaign may name.
const HOURS_MAX: usize = 8;

/// The campaign file that ships, and what runs where none is given.
pub const SHIPPED: &str = include_str!("../../../campaigns.toml");

/// One queue, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Written `"*"`.
    Any,
    /// The queue of that name.
    Queue(QueueId),
}

impl Place {
    /// Whether a queue is meant.
    pub fn includes(self, queue: QueueId) -> bool {
        self == Self::Any || self == Self::Queue(queue)
    }
}

/// A part of every day, minutes since midnight UTC; may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from_min: i64,
    until_min: i64,
}

impl Hours {
    /// Whether a moment lies within; the end does not.
    pub fn contains(self, at: Timestamp) -> bool {
        let minute = at.as_micros().div_euclid(60_000_000).rem_euclid(DAY_MIN);
        if self.from_min < self.until_min {
            (self.from_min..self.until_min).contains(&minute)
        } else {
            minute >= self.from_min || minute < self.until_min
        }
    }
}

/// A validated campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Unique name.
    pub name: Arc<str>,
    /// Where its vouchers are valid.
    pub stand: Place,
    /// Where the attendee must be waiting.
    pub here: Place,
    /// Benefit, percent off.
    pub percent: f64,
    /// Words for the attendee.
    pub message: Message,
    /// The wait here must be longer, seconds.
    pub when_wait_over_s: f64,
    /// The wait there must be shorter, those under way counted, seconds.
    pub and_wait_there_under_s: f64,
    /// She must save at least this by going, seconds: a dead band, so that people are not sent to and fro.
    pub wait_gain_s_min: f64,
    /// How long a voucher is valid.
    pub validity: Duration,
    /// Vouchers of this campaign for one person in 24 hours.
    pub cap_per_person: usize,
    /// Pause between two of them.
    pub cooldown: Duration,
    /// Vouchers given out in all.
    pub budget_count: u64,
    /// Vouchers given out in one clock hour; `None` for no such limit.
    pub budget_per_hour: Option<u64>,
    /// What all redemptions together may cost, in the venue's money; `None` for no such limit.
    pub budget_spend: Option<f64>,
    /// What one redemption costs, in the same money.
    pub cost: f64,
    /// What one redemption earns, its cost taken off, in the same money.
    pub margin: f64,
    /// What a minute of somebody's waiting is worth, in the same money.
    pub minute_value: f64,
    /// Redemptions there are goods for; `None` where there is enough.
    pub stock_count: Option<u64>,
    /// When it runs; empty for always.
    pub hours_utc: Vec<Hours>,
    /// Length of the blocks of time in which it runs and rests by lot, to see what steering does to waits;
    /// `None` for no such blocks.
    pub switchback: Option<Duration>,
}

impl Campaign {
    /// Whether the schedule lets it run at a moment.
    pub fn runs_at(&self, at: Timestamp) -> bool {
        let on = self.switchback.is_none_or(|block| is_on_block(at, block));
        on && (self.hours_utc.is_empty() || self.hours_utc.iter().any(|hours| hours.contains(at)))
    }
}

/// Whether steering is on in the block of time around a moment. Of each two blocks that follow each other
/// one is on, by the toss of a coin that nobody can influence: both halves of the evening are in both.
pub fn is_on_block(at: Timestamp, block: Duration) -> bool {
    let number = at.as_micros().div_euclid(block.as_micros().max(1));
    let coin = SecretHash::new(0, "switchback").of(&number.div_euclid(2).to_le_bytes()) & 1 == 0;
    (number.rem_euclid(2) == 0) == coin
}

/// Reads and validates a campaign file for a venue.
///
/// # Errors
/// Every fault found, in the order of their lines.
pub fn parse(text: &str, venue: &Venue) -> Result<Vec<Campaign>, Vec<Fault>> {
    let document = Document::parse(text);
    let campaigns = read_campaigns(&document.root(), venue);
    document.finish(Some(campaigns))
}

/// The campaigns that ship, for a venue. They name no stand, so they fit every one.
pub fn shipped(venue: &Venue) -> Vec<Campaign> {
    parse(SHIPPED, venue).expect("a test reads the shipped file")
}

/// Minutes of a day.
const DAY_MIN: i64 = 1_440;

/// Longest time any key takes, seconds.
const DAY_S: f64 = 86_400.0;

fn read_campaigns(root: &Table<'_, '_>, venue: &Venue) -> Vec<Campaign> {
    let tables = root.tables("campaign");
    if tables.len() > CAMPAIGNS_MAX {
        root.fault("campaign", format_args!("{} campaigns; at most {CAMPAIGNS_MAX} are possible", tables.len()));
        return Vec::new();
    }
    let mut lines: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut campaigns = Vec::with_capacity(tables.len());
    for table in tables {
        if let Some(campaign) = read_campaign(&table, venue) {
            match lines.insert(Arc::clone(&campaign.name), table.line) {
                None => campaigns.push(campaign),
                Some(line) => {
                    table.fault("name", format_args!("name already used at line {line}; give each campaign its own"))
                }
            }
        }
        table.refuse_unknown_keys();
    }
    root.refuse_unknown_keys();
    campaigns
}

fn read_campaign(table: &Table<'_, '_>, venue: &Venue) -> Option<Campaign> {
    let name = read_name(table);
    let stand = read_place(table, "stand", venue);
    let here = read_place(table, "here", venue);
    let percent = table.required_number("percent", 1.0..=100.0);
    let message = read_message(table);
    let when_wait_over_s = table.required_number("when_wait_over_s", 0.0..=DAY_S);
    let and_wait_there_under_s = table.required_number("and_wait_there_under_s", 1.0..=DAY_S);
    let wait_gain_s_min = table.number("wait_gain_s_min", 0.0..=DAY_S).unwrap_or(60.0);
    let validity_s = table.number("validity_s", 30.0..=DAY_S).unwrap_or(300.0);
    let cap_per_person = table.integer("cap_per_person", 1..=OFFERS_PER_PERSON_MAX as i64).unwrap_or(2) as usize;
    let cooldown_s = table.number("cooldown_s", 0.0..=DAY_S).unwrap_or(900.0);
    let budget_count = table.integer("budget_count", 1..=10_000_000).unwrap_or(1_000) as u64;
    let budget_per_hour = table.integer("budget_per_hour", 1..=10_000_000).map(|count| count as u64);
    let budget_spend = table.number("budget_spend", 0.0..=MONEY_MAX);
    let cost = table.number("cost", 0.0..=MONEY_MAX).unwrap_or(0.0);
    let margin = table.number("margin", 0.0..=MONEY_MAX).unwrap_or(0.0);
    let minute_value = table.number("minute_value", 0.0..=MONEY_MAX).unwrap_or(MINUTE_VALUE);
    let stock_count = table.integer("stock_count", 0..=10_000_000).map(|count| count as u64);
    let hours_utc = read_hours(table);
    let switchback_min = table.number("switchback_min", 5.0..=1_440.0);
    refuse_contradictions(table, stand, here, and_wait_there_under_s, validity_s);
    Some(Campaign {
        name: name?.into(),
        stand: stand?,
        here: here?,
        percent: percent?,
        message: message?,
        when_wait_over_s: when_wait_over_s?,
        and_wait_there_under_s: and_wait_there_under_s?,
        wait_gain_s_min,
        validity: Duration::from_secs_f64(validity_s),
        cap_per_person,
        cooldown: Duration::from_secs_f64(cooldown_s),
        budget_count,
        budget_per_hour,
        budget_spend,
        cost,
        margin,
        minute_value,
        stock_count,
        hours_utc: hours_utc?,
        switchback: switchback_min.map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
    })
}

fn read_name(table: &Table<'_, '_>) -> Option<String> {
    let name = table.required_text("name")?;
    if name.len() > NAME_LEN_MAX || name.chars().any(char::is_control) {
        table.fault(
            "name",
            format_args!("the name is too long or has a control character; use at most {NAME_LEN_MAX} bytes"),
        );
        return None;
    }
    Some(name)
}

fn read_place(table: &Table<'_, '_>, key: &'static str, venue: &Venue) -> Option<Place> {
    let name = table.text(key);
    match name.as_deref() {
        None if table.has(key) => None,
        None | Some("*") => Some(Place::Any),
        Some(name) => {
            let found = venue.queue(name);
            if found.is_none() {
                let known: Vec<&str> = venue.queues.iter().map(|queue| queue.name.as_str()).collect();
                table.fault(key, format_args!("no queue \"{name}\"; known queues: *, {}", known.join(", ")));
            }
            found.map(Place::Queue)
        }
    }
}

fn read_message(table: &Table<'_, '_>) -> Option<Message> {
    let plain = table.required_text("text").and_then(|text| read_template(table, "text", &text));
    let mut translations = Vec::new();
    if let Some(texts) = table.table("translations") {
        for language in LANGUAGES {
            let template = texts.text(language).and_then(|text| read_template(&texts, language, &text));
            translations.extend(template.map(|template| (language, template)));
        }
        texts.refuse_unknown_keys();
    }
    Some(Message { plain: plain?, translations })
}

fn read_template(table: &Table<'_, '_>, key: &str, text: &str) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(what) => {
            table.fault(key, format_args!("`{key}`: {what}"));
            None
        }
    }
}

fn read_hours(table: &Table<'_, '_>) -> Option<Vec<Hours>> {
    let texts = table.texts("hours_utc").unwrap_or_default();
    let hours: Option<Vec<Hours>> = texts.iter().map(|text| hours_of(text)).collect();
    if hours.is_none() || texts.len() > HOURS_MAX {
        table.fault(
            "hours_utc",
            format_args!("write at most {HOURS_MAX} windows like \"10:30-14:00\" with two different ends"),
        );
        return None;
    }
    hours
}

fn hours_of(text: &str) -> Option<Hours> {
    let (from, until) = text.split_once('-')?;
    let (from_min, until_min) = (minute_of_day(from)?, minute_of_day(until)?);
    (from_min != until_min).then_some(Hours { from_min, until_min })
}

/// Minutes since midnight of `hh:mm`; `24:00` ends a day.
fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= DAY_MIN).then_some(hour * 60 + minute)
}

fn refuse_contradictions(
    table: &Table<'_, '_>,
    stand: Option<Place>,
    here: Option<Place>,
    there_s: Option<f64>,
    validity_s: f64,
) {
    if let (Some(Place::Queue(stand)), Some(Place::Queue(here))) = (stand, here)
        && stand == here
    {
        table.fault("here", "`here` and `stand` are the same queue; nobody has to be sent where she is");
    }
    if let Some(there_s) = there_s
        && there_s >= validity_s
    {
        table.fault(
            "and_wait_there_under_s",
            format_args!(
                "a wait of {there_s} s there outlasts a voucher of {validity_s} s; lower the one or raise the other"
            ),
        );
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two stands 30 m apart, each in a zone of its own, and a third in the zone of the first.
    pub(crate) const VENUE: &str = r#"
name = "hall"
[[floor]]
name = "ground"
width_m = 60
depth_m = 20
[[zone]]
name = "east"
polygon = [[0, 0], [20, 0], [20, 20], [0, 20]]
[[zone]]
name = "west"
polygon = [[30, 0], [60, 0], [60, 20], [30, 20]]
[[queue]]
name = "bar east"
area = [[2, 2], [6, 2], [6, 6], [2, 6]]
counter = [[2, 0], [6, 0], [6, 2], [2, 2]]
[[queue]]
name = "bar west"
area = [[32, 2], [36, 2], [36, 6], [32, 6]]
counter = [[32, 0], [36, 0], [36, 2], [32, 2]]
servers = 2
[[queue]]
name = "merch"
area = [[12, 12], [16, 12], [16, 16], [12, 16]]
counter = [[12, 16], [16, 16], [16, 18], [12, 18]]
"#;

    pub(crate) fn venue() -> Venue {
        Venue::parse(VENUE).expect("good")
    }

    const GOOD: &str = r#"[[campaign]]
name = "a"
stand = "bar west"
percent = 20
text = "{percent} % off"
when_wait_over_s = 180
and_wait_there_under_s = 120
hours_utc = ["10:00-14:00"]
"#;

    fn check(text: &str, expected: &[&str]) {
        let faults = parse(text, &venue()).err().unwrap_or_default();
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, expected, "{text}");
    }

    #[test]
    fn the_shipped_campaign_is_the_seed_of_the_product() {
        let campaigns = shipped(&venue());
        let [campaign] = campaigns.as_slice() else { panic!("one campaign: {campaigns:?}") };
        assert_eq!((campaign.percent, campaign.validity), (20.0, Duration::from_secs(300)));
        assert_eq!((campaign.stand, campaign.here), (Place::Any, Place::Any));
        assert_eq!(campaign.message.translations.len(), 5);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let campaigns = parse(GOOD, &venue()).expect("good");
        let campaign = &campaigns[0];
        assert_eq!((campaign.stand, campaign.here), (Place::Queue(QueueId(1)), Place::Any));
        assert_eq!((campaign.cap_per_person, campaign.budget_count, campaign.stock_count), (2, 1_000, None));
        assert_eq!((campaign.cooldown, campaign.validity), (Duration::from_secs(900), Duration::from_secs(300)));
        check("", &[]);
    }

    #[test]
    fn each_fault_is_told_with_its_line_and_mend() {
        check(
            &GOOD.replace("bar west", "bar north"),
            &["3: campaign \"a\": no queue \"bar north\"; known queues: *, bar east, bar west, merch"],
        );
        check(
            &GOOD.replace("{percent} % off", "{per} off"),
            &[
                "5: campaign \"a\": `text`: unknown slot {per}; known slots: percent, stand, here, wait_here_min, wait_there_min, saved_min, valid_min",
            ],
        );
        check(
            &GOOD.replace("there_under_s = 120", "there_under_s = 300"),
            &["7: campaign \"a\": a wait of 300 s there outlasts a voucher of 300 s; lower the one or raise the other"],
        );
        check(
            &GOOD.replace("percent = 20", "percent = 0\nbudget = 5"),
            &[
                "4: campaign \"a\": `percent` is 0; it must be from 1 to 100",
                "5: campaign \"a\": unknown key `budget`; known keys: name, stand, here, percent, text, translations, when_wait_over_s, and_wait_there_under_s, wait_gain_s_min, validity_s, cap_per_person, cooldown_s, budget_count, budget_per_hour, budget_spend, cost, margin, minute_value, stock_count, hours_utc, switchback_min",
            ],
        );
        check(
            &GOOD.replace("10:00-14:00", "10:00-10:00"),
            &["8: campaign \"a\": write at most 8 windows like \"10:30-14:00\" with two different ends"],
        );
        check(
            &format!("{GOOD}here = \"bar west\""),
            &["9: campaign \"a\": `here` and `stand` are the same queue; nobody has to be sent where she is"],
        );
        check(
            &format!("{GOOD}{GOOD}"),
            &["10: campaign \"a\": name already used at line 1; give each campaign its own"],
        );
        check(
            &format!("{GOOD}[campaign.translations]\ndee = \"a\"\nde = \"{{\""),
            &[
                "10: [translations]: unknown key `dee`; did you mean `de`?",
                "11: [translations]: `de`: a brace stands alone; write slots like {percent}",
            ],
        );
    }

    #[test]
    fn of_two_blocks_in_a_row_one_is_on_and_both_orders_occur() {
        let block = Duration::from_mins(30);
        let on = |number: i64| is_on_block(Timestamp::from_micros(number * block.as_micros() + 5), block);
        assert!((0..200).all(|pair| on(2 * pair) != on(2 * pair + 1)));
        let first = (0..200).filter(|pair| on(2 * pair)).count();
        assert!((60..140).contains(&first), "{first}");
    }

    #[test]
    fn hours_span_midnight_and_exclude_their_end() {
        let check = |text: &str, minute: i64, expected: bool| {
            let hours = hours_of(text).expect("good");
            let at = Timestamp::from_micros((20_000 * DAY_MIN + minute) * 60_000_000);
            assert_eq!(hours.contains(at), expected, "{text} {minute}");
        };
        check("10:30-14:00", 10 * 60 + 30, true);
        check("10:30-14:00", 14 * 60, false);
        check("22:00-02:00", 23 * 60, true);
        check("22:00-02:00", 60, true);
        check("22:00-02:00", 12 * 60, false);
        check("00:00-24:00", 1_439, true);
        for bad in ["", "10-12", "10:00-25:00", "1:00-2:00", "+1:00-02:00", "10:60-11:00"] {
            assert_eq!(hours_of(bad), None, "{bad}");
        }
    }
}
