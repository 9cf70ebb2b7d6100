//! Fuzzing of what the rim parses: HCI events, captures, messages of other makers' receivers, batches of
//! boards, lines of `decode`, and the configuration.
//!
//! In: `[TARGET|all] [EXECUTIONS] [SEED]`. Out: a line a target, and exit code 1 where one panicked or told
//! something that cannot be.

#[path = "../engine/examples/fuzz_engine/mutation.rs"]
mod mutation;

use mutation::{Target, of_hex, of_text};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use venue_engine::advert::PAYLOAD_LEN_MAX;
use venue_engine::venue::Venue;
use venue_gateway::config::Config;
use venue_gateway::radio::hci::bring_up::{BringUp, Progress};
use venue_gateway::radio::hci::h4::Framer;
use venue_gateway::radio::hci::report::Reports;
use venue_gateway::radio::receivers::Dialect;
use venue_gateway::radio::{boards, capture};

const HCI: &str = include_str!("../../tests/corpus/hci.hex");
const CAPTURES: &str = include_str!("../../tests/corpus/captures.hex");
const RECORDINGS: &str = include_str!("../../tests/corpus/recordings.txt");
const MESSAGES: &str = include_str!("../../tests/corpus/receivers.txt");
const CONFIGURATIONS: &str = include_str!("../../tests/corpus/configurations.txt");

/// Each dialect by the topic its messages come on.
const DIALECTS: [(&str, &str); 4] = [
    ("espresense", "espresense/devices/iBeacon:2c96d71f47569faddd487c93cc9dac2e-0-7/kitchen"),
    ("openmqttgateway", "home/OpenMQTTGateway/BTtoMQTT/45E174126E00"),
    ("ruuvi-gateway", "ruuvi/C8:25:2D:8E:9C:2C/F4:1F:0C:28:CB:D6"),
    ("shelly", "shellyplus1-a8032ab636ec/events/rpc"),
];

const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
    [[receiver]]\nname = \"n\"\nx_m = 1\ny_m = 1\n";

fn main() -> ExitCode {
    let captures = of_hex(CAPTURES);
    let (btsnoop, pcap): (Vec<_>, Vec<_>) = captures.into_iter().partition(|file| file.starts_with(b"btsnoop"));
    let venue = Venue::parse(PLAN).expect("plan");
    let (mut reports, mut streamed, mut framer) = (Reports::default(), Reports::default(), Framer::default());
    // Events with their packet type, each with the next, as a serial line brings them.
    let pairs = of_hex(HCI).windows(2).map(|pair| [&[4][..], &pair[0], &[4], &pair[1]].concat()).collect();
    let batches = of_text(RECORDINGS).into_iter().map(|line| zstd::encode_all(&*line, 1).expect("memory")).collect();
    let mut targets = vec![
        Target { name: "hci", corpus: of_hex(HCI), run: Box::new(move |packet| hci(&mut reports, packet)) },
        Target {
            name: "hci-stream",
            corpus: pairs,
            run: Box::new(move |bytes| stream(&mut framer, &mut streamed, bytes)),
        },
        Target { name: "hci-bring-up", corpus: dialogues(), run: Box::new(bring_up) },
        Target { name: "btsnoop", corpus: btsnoop, run: Box::new(captured) },
        Target { name: "pcap", corpus: pcap, run: Box::new(captured) },
        Target { name: "boards", corpus: batches, run: Box::new(move |batch| board(&venue, batch)) },
        Target { name: "decode", corpus: of_text(RECORDINGS), run: Box::new(decode) },
        Target { name: "config", corpus: of_text(CONFIGURATIONS), run: Box::new(config) },
    ];
    for (name, topic) in DIALECTS {
        let messages = MESSAGES.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let corpus = messages.map(|message| message.as_bytes().to_vec()).collect();
        targets.push(Target { name, corpus, run: Box::new(move |message| dialect(topic, message)) });
    }
    if mutation::run(targets) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn hci(reports: &mut Reports, packet: &[u8]) {
    reports.event(packet, |report| assert!(report.payload.len() <= PAYLOAD_LEN_MAX));
}

fn stream(framer: &mut Framer, reports: &mut Reports, bytes: &[u8]) {
    framer.push(bytes);
    while let Some(event) = framer.next_event() {
        hci(reports, event);
    }
}

/// What controllers answer from Reset to scanning: one with extended advertising, one without, one that says it
/// has it and refuses it.
fn dialogues() -> Vec<Vec<u8>> {
    let dialogue = |features: u8, refuses_extended: bool| {
        let (mut controller, mut answers) = (BringUp::from_reset(), Vec::new());
        loop {
            let opcode = [controller.command()[1], controller.command()[2]];
            let refused = refuses_extended && opcode == [0x41, 0x20];
            // Command Complete: one packet allowed, opcode, status, what was asked for.
            let returned = [0, features, 0, 0, 5, 0, 0, 0];
            let event = [&[0x0e, 12, 1], &opcode[..], &[if refused { 0x11 } else { 0 }], &returned].concat();
            answers.extend([&[4], &event[..]].concat());
            if let Progress::Scanning(_) | Progress::Failed(_) = controller.event(&event) {
                return answers;
            }
        }
    };
    vec![dialogue(0x10, false), dialogue(0, false), dialogue(0x10, true)]
}

fn bring_up(answers: &[u8]) {
    let (mut framer, mut controller) = (Framer::default(), BringUp::from_reset());
    let mut sent = 0;
    framer.push(answers);
    while let Some(event) = framer.next_event() {
        match controller.event(event) {
            Progress::Waiting => {}
            Progress::Send => sent += 1,
            Progress::Scanning(_) | Progress::Failed(_) => break,
        }
        assert!((4..=259).contains(&controller.command().len()));
        // From Reset to scanning, at most twice.
        assert!(sent < 18 && controller.refusals.len() <= 18, "{sent}");
    }
}

fn captured(file: &[u8]) {
    let read = capture::read(file, |advert| {
        assert!(advert.payload.len() <= file.len().max(PAYLOAD_LEN_MAX));
        Ok(())
    });
    drop(black_box(read));
}

fn board(venue: &Venue, batch: &[u8]) {
    black_box(boards::unpack(batch, venue, &mut BTreeMap::new()));
}

fn decode(line: &[u8]) {
    let mut output = Vec::new();
    venue_gateway::decode::run(line, &mut output).expect("memory takes it");
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // What came in is kept as it was written, also numbers no program can hold: valid, but no value.
        serde_json::from_slice::<serde::de::IgnoredAny>(line).expect("every line is JSON");
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(line) {
            assert!(value["refused"].is_array() && (value["frames"].is_array() || value["frames"].is_null()));
        }
    }
}

fn config(text: &[u8]) {
    if let Ok(text) = std::str::from_utf8(text) {
        drop(black_box(Config::parse(text)));
    }
}

fn dialect(topic: &str, message: &[u8]) {
    let dialect = Dialect::of_topic(topic).expect("a topic of a dialect");
    let read = dialect.read(topic, message, |heard| assert!(heard.payload.len() <= 2 * PAYLOAD_LEN_MAX));
    assert!(read.is_ok_and(|()| true) || read.is_err_and(|why| !why.is_empty()));
}
