//! A reader of Rust source just good enough for the tidy test.
//!
//! In: the text of a `.rs` file. Out: the same text with comments and literals blanked, the functions
//! with their lengths, the ranges that are tests. It refuses to understand more of the language: braces
//! and keywords are enough.

use std::ops::Range;

/// One function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of the `fn` keyword, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace.
    pub length: usize,
    /// Byte of the `fn` keyword.
    pub start: usize,
}

/// Blanks comments, strings and character literals; line breaks and byte positions stay.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    // Whole literals and comments were blanked, so no character was cut in two.
    String::from_utf8_lossy(&out).into_owned()
}

/// End of the comment or literal that starts at `at`; `at` itself when none does.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment_len(rest),
        [b'"', ..] => at + string_len(rest),
        [b'r', b'"' | b'#', ..] if !continues_word(bytes, at) => at + raw_string_len(rest),
        [b'b', b'r', b'"' | b'#', ..] if !continues_word(bytes, at) => at + 1 + raw_string_len(&rest[1..]),
        [b'\'', ..] => at + character_len(rest),
        _ => at,
    }
}

fn continues_word(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| is_word(bytes[before]))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a raw string; 0 for a raw identifier such as `r#type`.
fn raw_string_len(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = &rest[2 + hashes..];
    let found = body.windows(close.len()).position(|window| window == close);
    found.map_or(rest.len(), |at| 2 + hashes + at + close.len())
}

/// Length of a character literal; 0 for a lifetime.
fn character_len(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).position(|byte| *byte == b'\'');
        return close.map_or(rest.len(), |at| at + 4);
    }
    // One character of up to four bytes, then the closing quote; a lifetime has none so near.
    let close = rest.iter().take(6).skip(2).position(|byte| *byte == b'\'');
    match close {
        Some(0) => 3,
        Some(more) if rest[1] >= 0x80 => more + 3,
        _ => 0,
    }
}

/// Every function with a body; `code` has its comments and literals blanked.
pub fn functions(code: &str) -> Vec<Function> {
    let starts = words(code, "fn");
    starts.into_iter().filter_map(|start| function_at(code, start)).collect()
}

fn function_at(code: &str, start: usize) -> Option<Function> {
    let rest = code[start + 2..].trim_start();
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return None; // a function pointer type
    }
    let open = body_start(code, start)?;
    let close = closing_brace(code, open);
    let line = line_of(code, start);
    Some(Function { name, line, length: line_of(code, close) - line + 1, start })
}

/// Where the body opens; `None` for a declaration without one.
fn body_start(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len() - 1
}

/// Ranges of items under `#[cfg(test)]`.
pub fn test_ranges(code: &str) -> Vec<Range<usize>> {
    let marks = code.match_indices("#[cfg(test)]");
    marks.filter_map(|(at, mark)| Some(at..closing_brace(code, body_start(code, at + mark.len())?))).collect()
}

/// The line of a byte, from 1.
pub fn line_of(code: &str, at: usize) -> usize {
    code.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where a whole word stands.
pub fn words(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let whole = |at: usize| {
        let after = bytes.get(at + word.len());
        !continues_word(bytes, at) && !after.is_some_and(|byte| is_word(*byte))
    };
    code.match_indices(word).map(|(at, _)| at).filter(|at| whole(*at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_nothing_else() {
        let check = |text: &str, kept: &str| {
            let code = code_only(text);
            assert_eq!(code.len(), text.len(), "{text}");
            assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), kept, "{text}");
        };
        check("a // fn\nb", "a b");
        check("a /* { /* } */ { */ b", "a b");
        check(r#"x("{\"}") y"#, "x( ) y");
        check("x(r#\"{\" }\"#) y", "x( ) y");
        check("x(br\"{\") y", "x( ) y");
        check("x('{', '\\'', '\\u{7f}', 'ä') y", "x( , , , ) y");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        check("r#type = 'static", "r#type = 'static");
    }

    #[test]
    fn functions_have_names_lines_and_lengths() {
        let code = code_only(
            "fn a() {\n    if x { y('}') }\n}\ntrait T { fn b(&self); }\nfn c(f: fn(u8)) where [u8; 3]: Sized {}\n",
        );
        let found: Vec<(String, usize, usize)> =
            functions(&code).into_iter().map(|f| (f.name, f.line, f.length)).collect();
        assert_eq!(found, [("a".to_owned(), 1, 3), ("c".to_owned(), 5, 1)]);
    }

    #[test]
    fn tests_at_the_foot_are_told_apart() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n";
        let ranges = test_ranges(code);
        let inside = |f: &Function| ranges.iter().any(|range| range.contains(&f.start));
        assert_eq!(functions(code).iter().map(inside).collect::<Vec<_>>(), [false, true]);
    }
}
