//! The source tree keeps its own rules.
//!
//! In: every file of the tree that we wrote. Out: a failure with one line per breach, `file:line` first.
//! It refuses long functions and files, files without a page at the top, drawers (`util`), leftover
//! reminders, `unwrap` outside tests, documents without one title, and an engine that is not pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use venue_tests::scan::{self, code_only};
use venue_tests::workspace;

/// A function fits on a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// A file holds one thing, tests included: about 500 lines, with a little grace.
const FILE_LINES_MAX: usize = 550;
/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];
/// Folders that others wrote or a program makes.
const NOT_OURS: &[&str] = &["target", ".git", "node_modules", ".venv", "__pycache__", "vendor", "artefacts"];
/// Names that say nothing about what is inside.
const DRAWERS: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// What the engine may be made of: data formats and a hash; and what those are made of.
const ENGINE_CRATES: &[&str] = &["aes", "serde", "serde_json", "siphasher", "toml"];
const ENGINE_CRATES_BELOW: &[&str] = &[
    "cfg-if",
    "cipher",
    "cpufeatures",
    "crypto-common",
    "equivalent",
    "foldhash",
    "generic-array",
    "hashbrown",
    "indexmap",
    "inout",
    "itoa",
    "memchr",
    "proc-macro2",
    "quote",
    "ryu",
    "serde_core",
    "serde_derive",
    "serde_spanned",
    "syn",
    "toml_datetime",
    "toml_parser",
    "typenum",
    "unicode-ident",
    "version_check",
    "winnow",
    "zmij",
];
/// Parts of the standard library that touch the world.
const ENGINE_BANS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time",
    "SystemTime",
    "Instant::now",
    "println!",
    "eprintln!",
    "RandomState",
];

/// Our files below the tree's top with one of these endings, in order.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("a folder of the tree can be read");
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !NOT_OURS.contains(&name) {
                folders.push(path);
            } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Path below the tree's top, with `/`.
fn shown(path: &Path) -> String {
    let top = workspace();
    path.strip_prefix(&top).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// Reads every `.rs` file and lets `judge` append its breaches.
fn check_sources(rule: &str, mut judge: impl FnMut(&str, &str, &mut Vec<String>)) {
    let mut breaches = Vec::new();
    for path in files(&[".rs"]) {
        judge(&shown(&path), &read(&path), &mut breaches);
    }
    assert!(breaches.is_empty(), "{rule}:\n{}", breaches.join("\n"));
}

/// Whether a whole file is a test: a folder of tests, or a module of them beside what it tests.
fn is_test_file(name: &str) -> bool {
    let folders = ["tests/", "benches/"];
    let in_folder = folders.iter().any(|folder| name.starts_with(folder) || name.contains(&format!("/{folder}")));
    in_folder || name.ends_with("/tests.rs") || name.ends_with("_tests.rs")
}

#[test]
fn every_source_file_opens_with_its_page() {
    check_sources("a file opens with `//!`: what comes in, what goes out, what it refuses", |name, text, breaches| {
        if !text.starts_with("//!") {
            breaches.push(format!("{name}:1"));
        }
    });
}

#[test]
fn functions_fit_on_a_screen() {
    check_sources("functions have at most 70 lines", |name, text, breaches| {
        let code = code_only(text);
        let tests = scan::test_ranges(&code);
        for function in scan::functions(&code) {
            let in_test = tests.iter().any(|range| range.contains(&function.start));
            if function.length > FUNCTION_LINES_MAX && !in_test && !name.ends_with("tests.rs") {
                breaches.push(format!("{name}:{} {} has {} lines", function.line, function.name, function.length));
            }
        }
    });
}

#[test]
fn files_hold_one_thing() {
    check_sources("files have about 500 lines", |name, text, breaches| {
        let lines = text.lines().count();
        if lines > 500 {
            println!("{name}: {lines} lines");
        }
        if lines > FILE_LINES_MAX && !LONG_FILES.iter().any(|(long, _)| *long == name) {
            breaches.push(format!("{name}: {lines} lines"));
        }
    });
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    check_sources(
        "`.unwrap()` has no place outside tests: handle it, or `expect` with why it holds",
        |name, text, breaches| {
            let code = code_only(text);
            let tests = scan::test_ranges(&code);
            for (at, _) in code.match_indices(".unwrap()") {
                if !is_test_file(name) && !tests.iter().any(|range| range.contains(&at)) {
                    breaches.push(format!("{name}:{}", scan::line_of(&code, at)));
                }
            }
        },
    );
}

#[test]
fn files_are_named_after_what_they_hold() {
    let is_drawer = |path: &PathBuf| {
        let stem = |part: &std::ffi::OsStr| part.to_string_lossy().split('.').next().unwrap_or_default().to_lowercase();
        path.strip_prefix(workspace()).unwrap_or(path).iter().any(|part| DRAWERS.contains(&stem(part).as_str()))
    };
    let endings = [".rs", ".js", ".mjs", ".css", ".html", ".py", ".sh", ".toml"];
    let drawers: Vec<String> = files(&endings).into_iter().filter(is_drawer).map(|path| shown(&path)).collect();
    assert!(drawers.is_empty(), "name these after what they hold: {drawers:?}");
}

#[test]
fn no_reminders_are_left() {
    // Put together here so that this file does not break its own rule.
    let reminders = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
    ];
    let endings = [".rs", ".js", ".mjs", ".css", ".html", ".py", ".sh", ".toml", ".md"];
    let mut left = Vec::new();
    for path in files(&endings) {
        for (number, line) in read(&path).lines().enumerate() {
            if reminders.iter().any(|reminder| !scan::words(line, reminder).is_empty()) {
                left.push(format!("{}:{} {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert!(left.is_empty(), "finish these or cut them:\n{}", left.join("\n"));
}

#[test]
fn documents_have_one_title() {
    let mut wrong = Vec::new();
    for path in files(&[".md"]) {
        let text = read(&path);
        let outside_code = text.split("```").step_by(2).flat_map(str::lines);
        let titles = outside_code.filter(|line| line.starts_with("# ")).count();
        if titles != 1 {
            wrong.push(format!("{}: {titles} titles", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "a document has exactly one `# ` title:\n{}", wrong.join("\n"));
}

#[test]
fn the_engine_depends_on_nothing_that_touches_the_world() {
    let manifest: toml::Table =
        toml::from_str(&read(&workspace().join("gateway/engine/Cargo.toml"))).expect("a manifest");
    let direct = manifest["dependencies"].as_table().expect("a table of dependencies");
    let direct: Vec<&str> = direct.keys().map(String::as_str).filter(|name| !ENGINE_CRATES.contains(name)).collect();
    assert!(direct.is_empty(), "venue-engine may depend on {ENGINE_CRATES:?} alone, not on {direct:?}");

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args([
        "tree",
        "-p",
        "venue-engine",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--locked",
    ]);
    let tree = cargo.output().expect("cargo runs");
    assert!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let below: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let known =
        |name: &&str| ENGINE_CRATES.contains(name) || ENGINE_CRATES_BELOW.contains(name) || *name == "venue-engine";
    let unknown: Vec<&str> = below.into_iter().filter(|name| !name.is_empty() && !known(name)).collect();
    assert!(unknown.is_empty(), "look at what these do, then list them in ENGINE_CRATES_BELOW: {unknown:?}");
}

#[test]
fn the_engine_calls_nothing_that_touches_the_world() {
    check_sources("venue-engine is pure: no clock, files, sockets, threads, output", |name, text, breaches| {
        if !name.starts_with("gateway/engine/src/") {
            return;
        }
        let code = code_only(text);
        let tests = scan::test_ranges(&code);
        for ban in ENGINE_BANS {
            for (at, _) in code.match_indices(ban).filter(|(at, _)| !tests.iter().any(|range| range.contains(at))) {
                breaches.push(format!("{name}:{} {ban}", scan::line_of(&code, at)));
            }
        }
    });
}
