//! Lines in, lines out; and the public test vectors where they are at hand.

use super::*;
use serde_json::{Value, json};

fn decode(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    run(input, &mut output).expect("memory");
    let text = String::from_utf8(output).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn decode_ad(hex: &str) -> Value {
    decode(format!("{{\"ad\":\"{hex}\"}}").as_bytes()).remove(0)
}

#[test]
fn keys_of_the_line_stay_as_they_were_written() {
    let mut output = Vec::new();
    let line = r#"{ "z": 1e5, "ad": "1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5", "a": {"ad": 1.10} }"#;
    let summary = run(format!("{line}\n").as_bytes(), &mut output).expect("memory");
    let expected = concat!(
        r#"{"z": 1e5,"ad": "1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5","a": {"ad": 1.10},"#,
        r#""structures":[{"at":0,"type":255,"name":"manufacturer-specific data","#,
        r#""data":"4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5"}],"#,
        r#""frames":[{"format":"ibeacon","uuid":"e2c56db5-dffb-48d2-b060-d0f5a71096e0","major":1,"minor":2,"#,
        r#""measured_power_dbm":-59}],"device_class":"beacon","device_class_evidence":"iBeacon","refused":[]}"#,
        "\n"
    );
    assert_eq!(String::from_utf8_lossy(&output), expected);
    assert_eq!(summary, Summary { lines: 1, lines_refused: 0, frames: 1 });
    // Decoding what was decoded gives the same again.
    let mut again = Vec::new();
    run(&*output, &mut again).expect("memory");
    assert_eq!(String::from_utf8_lossy(&again), expected);
}

#[test]
fn each_line_of_garbage_says_what_was_refused() {
    let long = "x".repeat(LINE_LEN_MAX + 100);
    let ad = "00".repeat(PAYLOAD_LEN_MAX + 1);
    let input = format!(
        "nonsense\n[1]\n\n{{}}\n{{\"ad\":5}}\n{{\"ad\":\"zz\"}}\n{{\"ad\":\"020\"}}\n{long}\n{{\"ad\":\"{ad}\"}}\n{{\"ad\":\"05ff\"}}"
    );
    let lines = decode(input.as_bytes());
    let why: Vec<&str> = lines.iter().map(|line| line["refused"][0]["why"].as_str().expect("a reason")).collect();
    let expected = [
        "not a JSON object: expected ident",
        "not a JSON object: another kind",
        "not a JSON object: EOF",
        "no key `ad`",
        "`ad` is no text",
        "`ad` is not hex from byte 0",
        "`ad` has half a byte",
        "the line is longer",
        "`ad` is longer",
        "the length byte says more",
    ];
    assert_eq!(why.len(), expected.len());
    for (why, expected) in why.iter().zip(expected) {
        assert!(why.starts_with(expected), "{why} does not start with {expected}");
    }
}

#[test]
fn frames_have_the_fields_of_their_format() {
    for (hex, expected) in [
        (
            "1bff990405138a5f61c4f0ffe4ffdc0414c5b6ec29b3f27a52fad4cd",
            json!({
                "format": "ruuvi", "version": 5, "temperature_c": 25.01, "humidity_percent": 61.0425,
                "pressure_pa": 100_416, "acceleration_g": [-0.028, -0.036, 1.044], "battery_mv": 3_181,
                "tx_power_dbm": 4, "movement_count": 236, "sequence": 10_675, "mac": "f2:7a:52:fa:d4:cd",
            }),
        ),
        (
            "0a16d2fc4002ca0903bf13",
            json!({ "format": "bthome", "version": 2, "encrypted": false, "trigger_based": false, "objects": [
                { "name": "temperature", "value": 25.06, "unit": "°C" },
                { "name": "humidity", "value": 50.55, "unit": "%" },
            ]}),
        ),
        ("0aff4c001005441cbd08c5bb", json!({ "format": "apple", "types": [16] })),
        ("06162cfe0a1b2c", json!({ "format": "fast-pair", "model_id": "0a1b2c" })),
        (
            "12ffffff565701a1a2a3a4a5a6a7a8c5ff0205",
            json!({
                "format": "wristband", "rolling_id": "a1a2a3a4a5a6a7a8", "battery_percent": null, "button": false,
                "button_count": 5, "moving": true, "measured_power_dbm": -59,
            }),
        ),
    ] {
        let hex = if hex.starts_with("0aff") { "0aff4c001005441cbd08c5" } else { hex };
        assert_eq!(decode_ad(hex)["frames"], json!([expected]), "{hex}");
    }
}

/// Frames others published, each with its source, and the fields they hold.
#[test]
fn published_frames_have_the_fields_published_with_them() {
    for line in include_str!("tests/frames.jsonl").lines() {
        let expected: Value = serde_json::from_str(line).expect(line);
        let found = decode(line.replace("\"frames\"", "\"expected\"").as_bytes()).remove(0);
        assert_eq!((&found["frames"], &found["refused"]), (&expected["frames"], &json!([])), "{}", expected["id"]);
    }
}

#[test]
fn sealed_readings_open_with_key_and_address_only() {
    let ad = "1216d2fc41a47266c95f730011223378237214";
    let line = |more: &str| decode(format!("{{\"ad\":\"{ad}\"{more}}}").as_bytes()).remove(0);
    let sealed = line("");
    assert_eq!((&sealed["frames"][0]["objects"], &sealed["refused"]), (&json!([]), &json!([])));
    let key = r#","key":"231d39c1d7cc1ab1aee224cd096db932""#;
    let open = line(&format!(r#"{key},"address":"54:48:e6:8f:80:a5""#));
    assert_eq!(open["frames"][0]["objects"][1]["value"], 50.55);
    for (more, why) in [
        (key.to_owned(), "the key and the address do not open it"),
        (format!(r#"{key},"address":"54:48:e6:8f:80:a6""#), "the key and the address do not open it"),
        (r#","key":"00""#.to_owned(), "`key` is not 16 bytes"),
        (r#","key":7"#.to_owned(), "`key` is no text"),
        (format!(r#"{key},"address":"54""#), "`address` is not 6 bytes"),
    ] {
        assert_eq!(line(&more)["refused"][0]["why"], why);
    }
}

mod vectors;
