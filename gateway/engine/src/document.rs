//! Reading a TOML document strictly, and telling every fault at once.
//!
//! In: the text of `venue.toml`, `gateway.toml` or a campaign file. Out: typed values, and a list of
//! faults, each with its line and what to do. It refuses unknown keys, wrong types and numbers out of
//! range; it goes on after a fault, so that one run of `check` shows all of them.

use std::cell::RefCell;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// After this many faults the rest are not told: nobody reads further, and a garbage file stays cheap.
const FAULTS_MAX: usize = 50;

/// Longest document read, so that a wrong path to a huge file cannot fill memory.
pub const DOCUMENT_LEN_MAX: usize = 4 << 20;

/// How a fault of the syntax begins.
const NOT_TOML: &str = "not TOML: ";

/// One thing wrong in a document, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Line in the document, from 1; 0 where the whole document is meant.
    pub line: usize,
    /// What is wrong and what to do, one sentence each, without a line break.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// A parsed document with the faults found so far.
pub struct Document<'i> {
    root: Spanned<DeTable<'i>>,
    is_toml: bool,
    line_starts: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl<'i> Document<'i> {
    /// Parses `text`; what is not TOML becomes faults and the rest is still read.
    pub fn parse(text: &'i str) -> Self {
        let text = if text.len() > DOCUMENT_LEN_MAX { "" } else { text };
        let (root, errors) = DeTable::parse_recoverable(text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let is_toml = errors.is_empty();
        let document = Self { root, is_toml, line_starts, faults: RefCell::default() };
        for error in errors {
            let line = error.span().map_or(0, |span| document.line_of(span.start));
            document.fault(line, format!("{NOT_TOML}{}", error.message().replace('\n', ", ")));
        }
        document
    }

    /// The top-level table.
    pub fn root(&self) -> Table<'_, 'i> {
        Table { document: self, table: self.root.get_ref(), line: 1, label: String::new(), asked: RefCell::default() }
    }

    /// Notes a fault.
    pub fn fault(&self, line: usize, what: impl Into<String>) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < FAULTS_MAX {
            faults.push(Fault { line, what: what.into() });
        }
    }

    /// The value if nothing was wrong, else all faults in the order of their lines. In a text that is not TOML
    /// only that is told: what is missing or unknown in it follows from there.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        let mut faults = self.faults.into_inner();
        faults.retain(|fault| self.is_toml || fault.what.starts_with(NOT_TOML));
        faults.sort();
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ if faults.is_empty() => Err(vec![Fault { line: 0, what: "nothing to read".into() }]),
            _ => Err(faults),
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }
}

/// One table of a document; remembers which keys were asked for, so that the others can be refused.
pub struct Table<'d, 'i> {
    document: &'d Document<'i>,
    table: &'d DeTable<'i>,
    /// Line of the table's header.
    pub line: usize,
    label: String,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d, 'i> Table<'d, 'i> {
    /// Notes a fault at this table's header, or at `key` where the table has it.
    pub fn fault(&self, key: &str, what: impl fmt::Display) {
        let line = self.table.get(key).map_or(self.line, |value| self.document.line_of(value.span().start));
        self.document.fault(line, format!("{}{what}", self.label));
    }

    /// Whether the table has a key at all, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A text, or `None` where the key is absent.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => self.wrong_type(key, "a text in quotes", other),
        }
    }

    /// A text that must be there and must not be empty.
    pub fn required_text(&self, key: &'static str) -> Option<String> {
        let text = self.required(key, Self::text)?;
        if text.trim().is_empty() {
            self.fault(key, format_args!("`{key}` is empty; give it a name"));
            return None;
        }
        Some(text)
    }

    /// A number within `range`, whole or with a fraction.
    pub fn number(&self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let number = match number_of(self.value(key)?.get_ref()) {
            Ok(number) => number,
            Err(other) => return self.wrong_type(key, "a number", other),
        };
        if !range.contains(&number) {
            self.fault(key, format_args!("`{key}` is {number}; it must be from {} to {}", range.start(), range.end()));
            return None;
        }
        Some(number)
    }

    /// A number that must be there.
    pub fn required_number(&self, key: &'static str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        self.required(key, |table, key| table.number(key, range))
    }

    /// A whole number within `range`.
    pub fn integer(&self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.value(key)?.get_ref();
        let DeValue::Integer(digits) = value else { return self.wrong_type(key, "a whole number", value) };
        match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let (low, high) = (range.start(), range.end());
                self.fault(key, format_args!("`{key}` is {}; it must be from {low} to {high}", digits.as_str()));
                None
            }
        }
    }

    /// True or false.
    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => self.wrong_type(key, "true or false", other),
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.value(key)?.get_ref();
        let items = value.as_array().map(|items| items.iter().map(|item| item.get_ref().as_str().map(String::from)));
        match items.and_then(Iterator::collect) {
            Some(texts) => Some(texts),
            None => self.wrong_type(key, "a list of texts", value),
        }
    }

    /// A list of points `[[x, y], …]` with at least `points_min` of them, in metres.
    pub fn points(&self, key: &'static str, points_min: usize) -> Option<Vec<[f64; 2]>> {
        let value = self.required(key, |table, key| table.value(key))?.get_ref();
        let points: Option<Vec<[f64; 2]>> = value.as_array().and_then(|items| items.iter().map(point_of).collect());
        match points {
            Some(points) if points.len() >= points_min => Some(points),
            Some(points) => {
                let found = points.len();
                self.fault(key, format_args!("`{key}` has {found} points; it needs at least {points_min}"));
                None
            }
            None => self.wrong_type(key, "a list of points like [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]]", value),
        }
    }

    /// A table under a key, or `None` where it is absent. Faults in it are told with `label` in front.
    pub fn table(&self, key: &'static str) -> Option<Table<'d, 'i>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(self.child(table, value.span().start, format!("[{key}]: "))),
            other => self.wrong_type(key, "a table", other),
        }
    }

    /// The tables of an array of tables `[[key]]`; empty where there are none.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'d, 'i>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.fault(key, format_args!("`{key}` must be written as [[{key}]]"));
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let name = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or("without a name");
                    tables.push(self.child(table, item.span().start, format!("{key} \"{name}\": ")));
                }
                _ => self.fault(key, format_args!("each `{key}` must be a table [[{key}]]")),
            }
        }
        tables
    }

    /// Refuses the keys nobody asked for. Call it last.
    pub fn refuse_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let line = self.document.line_of(key.span().start);
            let hint = match nearest(name, &asked) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known keys: {}", asked.join(", ")),
            };
            self.document.fault(line, format!("{}unknown key `{name}`; {hint}", self.label));
        }
    }

    fn child(&self, table: &'d DeTable<'i>, offset: usize, label: String) -> Table<'d, 'i> {
        let line = self.document.line_of(offset);
        Table { document: self.document, table, line, label, asked: RefCell::default() }
    }

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'i>>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    fn required<T>(&self, key: &'static str, read: impl FnOnce(&Self, &'static str) -> Option<T>) -> Option<T> {
        if !self.table.contains_key(key) {
            self.asked.borrow_mut().push(key);
            self.fault(key, format_args!("`{key}` is missing; add it"));
            return None;
        }
        read(self, key)
    }

    fn wrong_type<T>(&self, key: &str, wanted: &str, found: &DeValue<'_>) -> Option<T> {
        let found = found.type_str();
        self.fault(key, format_args!("`{key}` is {found}; write {wanted}"));
        None
    }
}

fn number_of<'a, 'i>(value: &'a DeValue<'i>) -> Result<f64, &'a DeValue<'i>> {
    let parsed = match value {
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok().map(|n| n as f64),
        DeValue::Float(digits) => digits.as_str().parse().ok(),
        _ => None,
    };
    parsed.filter(|number: &f64| number.is_finite()).ok_or(value)
}

fn point_of(value: &Spanned<DeValue<'_>>) -> Option<[f64; 2]> {
    let [x, y] = value.get_ref().as_array()?.get(..)? else { return None };
    Some([number_of(x.get_ref()).ok()?, number_of(y.get_ref()).ok()?])
}

/// The known key at most two edits away, for a spelling hint.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().map(|key| (edits(name, key), *key)).filter(|(edits, _)| *edits <= 2).min().map(|(_, key)| key)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(40).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(40).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let document = Document::parse(text);
        let root = document.root();
        root.required_text("name");
        root.number("width_m", 1.0..=100.0);
        root.refuse_unknown_keys();
        document.finish(Some(())).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_document_has_no_faults() {
        assert_eq!(faults("name = \"a\"\nwidth_m = 4"), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        assert_eq!(
            faults("width_m = 400\nwith_m = 3\nzzzzzz = 1"),
            [
                "1: `name` is missing; add it",
                "1: `width_m` is 400; it must be from 1 to 100",
                "2: unknown key `with_m`; did you mean `width_m`?",
                "3: unknown key `zzzzzz`; known keys: name, width_m",
            ]
        );
    }

    #[test]
    fn text_that_is_not_toml_is_a_fault_and_not_a_panic() {
        assert!(faults("name = \nwidth_m = 4").iter().any(|fault| fault.starts_with("1: not TOML")));
    }
}
