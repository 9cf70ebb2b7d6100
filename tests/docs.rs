//! What exists is in the documents.
//!
//! In: commands and options as the programs print them, configuration keys as shipped, topics of the
//! MQTT table, routes of the API. Out: a failure with every word that no document mentions.

use venue_tests::programs;
use venue_tests::workspace;

/// Topics below the root; names in braces are written so in the documents.
const TOPICS: [&str; 10] = [
    "gateway/{gateway}/status",
    "gateway/{gateway}/adverts",
    "zone/{zone}/occupancy",
    "queue/{queue}/state",
    "flow/movements",
    "heat/{floor}",
    "attendee/{attendee}/offer",
    "voucher/{voucher}",
    "entry/{ticket}",
    "alert/{kind}",
];

/// README, everything under `docs`, and the commented configuration.
fn documents() -> String {
    let top = workspace();
    let mut paths = vec![top.join("README.md"), top.join("gateway/gateway.toml")];
    let docs = std::fs::read_dir(top.join("docs")).into_iter().flatten().flatten();
    paths.extend(docs.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

fn check(what: &str, wanted: impl IntoIterator<Item = String>) {
    check_any(what, wanted.into_iter().map(|word| [word.clone(), word]));
}

/// Each of two spellings will do.
fn check_any(what: &str, wanted: impl IntoIterator<Item = [String; 2]>) {
    let documents = documents();
    let is_missing = |spellings: &[String; 2]| !spellings.iter().any(|spelling| documents.contains(spelling.as_str()));
    let missing: Vec<String> = wanted.into_iter().filter(is_missing).map(|[word, _]| word).collect();
    assert!(missing.is_empty(), "no document mentions these {what}: {missing:#?}");
}

/// Commands of a program: the indented first words below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Long options in a help text.
fn options(help: &str) -> Vec<String> {
    let words = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = words.flat_map(str::split_whitespace).filter(|word| word.starts_with("--"));
    let names = words.map(|word| word.trim_end_matches([',', ';']).to_owned());
    names.filter(|name| name != "--help" && name != "--version").collect()
}

#[test]
fn every_command_and_option_is_documented() {
    for (name, program) in [("venue-gateway", programs::gateway()), ("firmware-sim", programs::simulator())] {
        let help = |arguments: &[&str]| {
            let mut command = std::process::Command::new(&program);
            programs::run(command.args(arguments), b"", programs::PATIENCE).expect("prints help").text()
        };
        let commands = commands(&help(&["--help"]));
        assert!(!commands.is_empty(), "{name} has commands");
        check_any("commands", commands.iter().map(|command| [format!("{name} {command}"), format!("`{command}")]));
        for command in &commands {
            check(&format!("options of {name} {command}"), options(&help(&[command, "--help"])));
        }
    }
}

#[test]
fn every_configuration_key_has_a_sentence() {
    let shipped = std::fs::read_to_string(workspace().join("gateway/gateway.toml")).expect("the shipped file reads");
    let lines: Vec<&str> = shipped.lines().collect();
    let is_key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let bare: Vec<&&str> =
        lines.windows(2).filter(|pair| is_key(pair[1]) && !pair[0].starts_with("# ")).map(|pair| &pair[1]).collect();
    assert!(bare.is_empty(), "a comment stands above each key: {bare:?}");
}

#[test]
fn every_topic_is_documented() {
    check("topics", TOPICS.map(str::to_owned));
}

#[test]
fn every_key_of_a_floor_plan_is_documented() {
    let keys = "width_m depth_m plan polygon points loss_db x_m y_m z_m area counter servers wait_limit_s";
    check("floor plan keys", keys.split(' ').map(str::to_owned));
}

#[test]
fn every_route_is_documented() {
    let demo = venue_tests::demo::Running::start(&["demo", "--port", "0"]).expect("the demo starts");
    let api = crate::http::get_json(&format!("{}/api/openapi.json", demo.http)).expect("a description");
    let paths = api["paths"].as_object().expect("paths");
    assert!(paths.len() > 5, "{paths:?}");
    check("routes", paths.keys().cloned());
}
