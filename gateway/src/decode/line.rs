//! A JSON object on one line, cut into its members without changing a byte of them.
//!
//! In: a line. Out: key, value and whole text of each member. It refuses what is not one JSON object in
//! UTF-8. Parsing into values and writing them again would change numbers; so the parser only judges, and
//! the cuts are made in the text it has approved.

use serde::de::IgnoredAny;

/// The members of an object, in order.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    rest: &'a str,
}

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its key, escapes not resolved.
    pub key: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Both, with what is between them.
    pub text: &'a str,
}

impl<'a> Members<'a> {
    /// The members of the one object in a line.
    ///
    /// # Errors
    /// A sentence, where the line is not one JSON object.
    pub fn of(line: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|error| format!("not a JSON object: not UTF-8, {error}"))?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("not a JSON object: {error}"))?;
        let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        inside.map(|rest| Self { rest }).ok_or_else(|| "not a JSON object: another kind of value".to_owned())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let (text, rest) = split_outside(self.rest, b',').unwrap_or((self.rest, ""));
        self.rest = rest;
        let text = text.trim();
        let (key, value) = split_outside(text, b':')?;
        let key = key.trim().strip_prefix('"')?.strip_suffix('"')?;
        Some(Member { key, value: value.trim(), text })
    }
}

/// Splits at the first `separator` that is in no text, list or object.
fn split_outside(text: &str, separator: u8) -> Option<(&str, &str)> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let place = text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => return depth == 0 && byte == separator,
        }
        false
    })?;
    // A separator is ASCII, so it stands between characters.
    Some((&text[..place], &text[place + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(&str, &str)]) {
        let members = Members::of(line.as_bytes()).expect(line);
        assert_eq!(members.map(|member| (member.key, member.value)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn members_are_cut_where_they_end() {
        check("{}", &[]);
        check(" { } \n", &[]);
        check(r#"{"a":1}"#, &[("a", "1")]);
        check(r#"{ "a" : [1,{"b":2}] , "c" : "x,\"}:y\\" }"#, &[("a", r#"[1,{"b":2}]"#), ("c", r#""x,\"}:y\\""#)]);
        check(r#"{"a,b":1e5,"é":null}"#, &[("a,b", "1e5"), ("é", "null")]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "\r", "x", "[]", "\"{}\"", "{", "{\"a\":}", "{} {}", "{\"a\":1,}", "null"] {
            assert!(Members::of(line.as_bytes()).is_err(), "{line}");
        }
        assert!(Members::of(b"{\"a\":\"\xff\"}").is_err());
        assert!(Members::of("[".repeat(16_000).as_bytes()).is_err());
    }
}
