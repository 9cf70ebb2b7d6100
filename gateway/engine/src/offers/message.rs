//! Words of an offer, in the attendee's language.
//!
//! In: templates with slots such as `{percent}`, and the values of one offer. Out: the text she reads.
//! Refuses a template with an unknown slot, a brace left open, a control character or too much text; so
//! that nothing can go wrong once a campaign runs. A language without a template gets the plain text.

use std::fmt::Write as _;
use std::sync::Arc;

/// Longest template, bytes: what a phone's lock screen shows.
pub const TEMPLATE_LEN_MAX: usize = 200;

/// Languages a campaign can be written in: the official ones of the EU and its neighbours, plus the most
/// spoken elsewhere (ISO 639-1). A list, so that a slip in a campaign file is told.
pub const LANGUAGES: [&str; 40] = [
    "ar", "bg", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fi", "fr", "ga", "he", "hi", "hr", "hu",
    "is", "it", "ja", "ko", "lt", "lv", "mt", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr",
    "uk", "zh",
];

/// What a template may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Percent,
    Stand,
    Here,
    WaitHereMin,
    WaitThereMin,
    SavedMin,
    ValidMin,
}

/// Names of the slots, as written between braces.
const SLOTS: [(&str, Slot); 7] = [
    ("percent", Slot::Percent),
    ("stand", Slot::Stand),
    ("here", Slot::Here),
    ("wait_here_min", Slot::WaitHereMin),
    ("wait_there_min", Slot::WaitThereMin),
    ("saved_min", Slot::SavedMin),
    ("valid_min", Slot::ValidMin),
];

/// The values of one offer.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// Percent off.
    pub percent: f64,
    /// Name of the stand at which the voucher is valid.
    pub stand: &'a str,
    /// Name of the queue she waits in.
    pub here: &'a str,
    /// Wait where she is, seconds.
    pub wait_here_s: f64,
    /// Wait at the stand, seconds.
    pub wait_there_s: f64,
    /// How long the voucher is valid, seconds.
    pub validity_s: f64,
}

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Slot(Slot),
}

/// The words of a campaign in all its languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// For everybody whose language is missing.
    pub plain: Template,
    /// By language code.
    pub translations: Vec<(&'static str, Template)>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// One sentence: what is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEMPLATE_LEN_MAX {
            return Err(format!("the text is {} bytes long; use at most {TEMPLATE_LEN_MAX}", text.len()));
        }
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err("the text is empty or has a control character; write one line of words".into());
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find(['{', '}']) {
            let (words, slot_on) = rest.split_at(open);
            let Some((name, after)) = slot_on.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                return Err("a brace stands alone; write slots like {percent}".into());
            };
            parts.push(Part::Words(words.to_owned()));
            parts.push(Part::Slot(slot(name)?));
            rest = after;
        }
        parts.push(Part::Words(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The words with the values in their slots.
    pub fn render(&self, values: &Values<'_>) -> String {
        let mut text = String::with_capacity(TEMPLATE_LEN_MAX);
        for part in &self.0 {
            match part {
                Part::Words(words) => text.push_str(words),
                Part::Slot(slot) => push_value(&mut text, *slot, values),
            }
        }
        text
    }
}

impl Message {
    /// The text in a language (`de`, `de-CH`), or the plain one where there is none.
    pub fn render(&self, language: Option<&str>, values: &Values<'_>) -> Arc<str> {
        let primary = language.and_then(known_language);
        let translated = self.translations.iter().find(|(known, _)| Some(*known) == primary);
        translated.map_or(&self.plain, |(_, template)| template).render(values).into()
    }
}

/// The code of a language tag's primary part, if a campaign can be written in it.
pub fn known_language(tag: &str) -> Option<&'static str> {
    let primary = tag.split(['-', '_']).next()?;
    LANGUAGES.iter().copied().find(|known| known.eq_ignore_ascii_case(primary))
}

fn slot(name: &str) -> Result<Slot, String> {
    let known = SLOTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, slot)| *slot).ok_or_else(|| {
        let names: Vec<&str> = SLOTS.iter().map(|(known, _)| *known).collect();
        format!("unknown slot {{{name}}}; known slots: {}", names.join(", "))
    })
}

fn push_value(text: &mut String, slot: Slot, values: &Values<'_>) {
    let minutes = |seconds: f64| (seconds / 60.0).round().max(0.0);
    let number = match slot {
        Slot::Stand => return text.push_str(values.stand),
        Slot::Here => return text.push_str(values.here),
        Slot::Percent => values.percent,
        Slot::WaitHereMin => minutes(values.wait_here_s),
        Slot::WaitThereMin => minutes(values.wait_there_s),
        Slot::SavedMin => minutes(values.wait_here_s - values.wait_there_s),
        Slot::ValidMin => minutes(values.validity_s),
    };
    write!(text, "{number}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> = Values {
        percent: 20.0,
        stand: "bar west",
        here: "bar east",
        wait_here_s: 412.0,
        wait_there_s: 80.0,
        validity_s: 300.0,
    };

    #[test]
    fn slots_are_filled_and_faults_are_told() {
        let check = |text: &str, expected: &str| {
            let rendered = Template::parse(text).map_or_else(|fault| fault, |template| template.render(&VALUES));
            assert_eq!(rendered, expected, "{text:?}");
        };
        check("{percent} % off at {stand}", "20 % off at bar west");
        check("{wait_there_min} not {wait_here_min} min, {saved_min} saved", "1 not 7 min, 6 saved");
        check("{here}{valid_min}", "bar east5");
        check("plain", "plain");
        check(
            "{percnt}",
            "unknown slot {percnt}; known slots: percent, stand, here, wait_here_min, wait_there_min, saved_min, valid_min",
        );
        check("20 % {", "a brace stands alone; write slots like {percent}");
        check("20 % } off", "a brace stands alone; write slots like {percent}");
        check("a\nb", "the text is empty or has a control character; write one line of words");
        check("  ", "the text is empty or has a control character; write one line of words");
        check(&"x".repeat(201), "the text is 201 bytes long; use at most 200");
    }

    #[test]
    fn an_unknown_language_gets_the_plain_text() {
        let template = |text| Template::parse(text).expect("good");
        let message = Message { plain: template("off"), translations: vec![("de", template("günstiger"))] };
        let check =
            |language, expected: &str| assert_eq!(&*message.render(language, &VALUES), expected, "{language:?}");
        check(None, "off");
        check(Some("de"), "günstiger");
        check(Some("DE-ch"), "günstiger");
        check(Some("fr"), "off");
        check(Some("xx"), "off");
        check(Some(""), "off");
        check(Some("deutsch"), "off");
    }

    #[test]
    fn a_value_that_looks_like_a_slot_stays_words() {
        let values = Values { stand: "{percent}", ..VALUES };
        assert_eq!(Template::parse("{stand}").expect("good").render(&values), "{percent}");
    }
}
