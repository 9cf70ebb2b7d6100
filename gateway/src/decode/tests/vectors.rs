//! Public test vectors of others' decoders, where the folder with measured data is at hand.
//!
//! In: `vectors/*.jsonl` of that folder, bytes and what a peer decodes from them. Out: failures where this
//! decoder disagrees on a format it claims to know. Peers' other formats are not judged.

use super::decode_ad;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The vectors of one file, or none with a printed line.
fn vectors(name: &str) -> Vec<Value> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in a tree");
    let beside = tree.parent().map(|parent| parent.join("shared").join("data"));
    let folder = std::env::var_os("VENUE_DATA").map(PathBuf::from).or(beside).unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(folder.join("vectors").join(name)) else {
        println!("skipped: no vectors/{name}; name the folder with measured data in VENUE_DATA");
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("hex");
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex")).collect()
}

/// One AD structure of manufacturer or service data behind its number.
fn wrapped(kind: u8, number: u16, data: &[u8]) -> String {
    let [low, high] = number.to_le_bytes();
    let mut ad = vec![data.len() as u8 + 3, kind, low, high];
    ad.extend(data);
    ad.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The frames of one format.
fn frames(line: &Value, format: &str) -> Vec<Value> {
    let frames = line["frames"].as_array().into_iter().flatten();
    frames.filter(|frame| frame["format"] == format).cloned().collect()
}

fn same(found: &Value, expected: &Value) -> bool {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        _ => found == expected,
    }
}

#[test]
fn ruuvi() {
    for vector in vectors("ruuvi.jsonl") {
        let company = vector["company"].as_u64().expect("a company") as u16;
        let line = decode_ad(&wrapped(0xff, company, &bytes(&vector["hex"])));
        let (frame, expected) = (&frames(&line, "ruuvi")[0], &vector["expected"]);
        for (key, theirs) in [
            ("temperature_c", "temperature_c"),
            ("humidity_percent", "humidity_pct"),
            ("pressure_pa", "pressure_pa"),
            ("battery_mv", "battery_mv"),
            ("tx_power_dbm", "tx_power"),
            ("movement_count", "movement"),
            ("sequence", "sequence"),
            ("mac", "mac"),
        ] {
            assert!(same(&frame[key], &expected[theirs]), "{} {key}: {}", vector["id"], frame[key]);
        }
        for axis in 0..3 {
            let milli = frame["acceleration_g"][axis].as_f64().map(|gravity| gravity * 1000.0);
            assert_eq!(milli, expected["acc_mg"][axis].as_f64(), "{}", vector["id"]);
        }
    }
}

#[test]
fn altbeacon_and_eddystone() {
    for vector in vectors("ad_altbeacon_eddystone.jsonl") {
        let line = decode_ad(vector["hex"].as_str().expect("hex"));
        if let Some(rejected) = vector["expect_reject"].as_str() {
            assert_eq!(frames(&line, rejected), [] as [Value; 0], "{}", vector["id"]);
            continue;
        }
        let expected = &vector["expected"];
        let frame = &frames(&line, expected["format"].as_str().expect("a format"))[0];
        if expected["format"] == "altbeacon" {
            let id = expected["id1"].as_str().expect("an id").replace('-', "");
            assert_eq!(frame["id"], format!("{id}{:04x}{:04x}", expected["id2"].as_u64().unwrap_or(0), 2));
            assert_eq!(frame["measured_power_dbm"], expected["tx_power"]);
            assert_eq!((&frame["company"], &frame["reserved"]), (&expected["company"], &expected["mfg_reserved"]));
        } else {
            let at_zero = expected["tx_power_0m"].as_i64().expect("a power");
            assert_eq!(frame["measured_power_dbm"], at_zero - 41);
            assert_eq!((&frame["namespace"], &frame["instance"]), (&expected["namespace"], &expected["instance"]));
        }
    }
}

#[test]
fn bthome_of_its_own_library() {
    for vector in vectors("service_data_bthome.jsonl") {
        let service = u16::from_str_radix(vector["uuid16"].as_str().expect("a service"), 16).expect("hex");
        let line = decode_ad(&wrapped(0x16, service, &bytes(&vector["hex"])));
        let expected = vector["expected"].as_array().expect("a list");
        let found = frames(&line, "bthome");
        if vector.get("key").is_some() {
            assert_eq!((&found[0]["encrypted"], &found[0]["objects"]), (&true.into(), &Value::Array(vec![])));
            continue;
        }
        let objects: Vec<Value> =
            found.iter().flat_map(|frame| frame["objects"].as_array().cloned()).flatten().collect();
        assert_eq!(objects.len(), expected.len(), "{}: {line}", vector["id"]);
        for (object, expected) in objects.iter().zip(expected) {
            let wanted = if expected["type"] == "event" { &expected["event_type"] } else { &expected["value"] };
            // Theirs is a Python date of the same second.
            let wanted = if expected["key"] == "timestamp" { &Value::from(1_684_093_277) } else { wanted };
            assert!(same(&object["value"], wanted), "{}: {object}", vector["id"]);
        }
    }
}

/// Which frame we find where advlib's module finds something, and nothing where it rejects.
#[test]
fn advlib() {
    for vector in vectors("advlib_ble.jsonl") {
        let module = vector["module"].as_str().expect("a module");
        let manufacturer = vector["kind"] == "manufacturer_data";
        let (kind, number, formats): (u8, u16, &[&str]) = match (module, manufacturer) {
            ("bthome", false) => (0x16, 0xfcd2, &["bthome"]),
            ("eddystone", false) => (0x16, 0xfeaa, &["eddystone-url", "eddystone-uid", "eddystone-tlm", "find-hub"]),
            ("exposurenotification", false) => (0x16, 0xfd6f, &["exposure-notification"]),
            ("minew", false) => (0x16, 0xffe1, &["minew"]),
            ("minew", true) => (0xff, 0x0639, &["minew"]),
            _ => continue,
        };
        let line = decode_ad(&wrapped(kind, number, &bytes(&vector["hex"])));
        let found: Vec<Value> = formats.iter().flat_map(|format| frames(&line, format)).collect();
        let expected = usize::from(!vector["expected"].is_null());
        assert_eq!(found.len(), expected, "{}: {line}", vector["id"]);
        if let (Some(frame), Some(percent)) = (found.first(), vector["expected"]["batteryPercentage"].as_f64()) {
            let ours = frame.get("battery_percent").or_else(|| frame["objects"][0].get("value"));
            assert_eq!(ours.and_then(Value::as_f64), Some(percent), "{}: {line}", vector["id"]);
        }
        if let (Some(frame), Some(celsius)) = (found.first(), vector["expected"]["temperature"].as_f64()) {
            let ours = frame.get("temperature_c").or_else(|| frame["objects"][0].get("value")).and_then(Value::as_f64);
            assert!(ours.is_some_and(|ours| (ours - celsius).abs() < 1e-9), "{}: {line}", vector["id"]);
        }
    }
}

/// The advertising data of an HCI LE advertising report, legacy (02) or extended (0d), with one report.
fn advertising_data(event: &[u8]) -> &[u8] {
    let length_at = if event[3] == 0x0d { 28 } else { 13 };
    &event[length_at + 1..][..usize::from(event[length_at])]
}

#[test]
fn ble_monitor() {
    for vector in vectors("hci_events_ble_monitor.jsonl") {
        let (event, expected) = (bytes(&vector["hex"]), &vector["expected"]);
        let ad: String = advertising_data(&event).iter().map(|byte| format!("{byte:02x}")).collect();
        let line = decode_ad(&ad);
        let firmware = expected["firmware"].as_str().unwrap_or_default();
        match firmware {
            "iBeacon" => {
                let frame = &frames(&line, "ibeacon")[0];
                let uuid = frame["uuid"].as_str().map(|uuid| uuid.replace('-', ""));
                assert_eq!(uuid.as_deref(), expected["uuid"].as_str());
                assert_eq!((&frame["major"], &frame["minor"]), (&expected["major"], &expected["minor"]));
                assert_eq!(frame["measured_power_dbm"], expected["measured power"]);
            }
            "AltBeacon" => {
                let frame = &frames(&line, "altbeacon")[0];
                let id = frame["id"].as_str().expect("an id");
                assert_eq!(Some(&id[..32]), expected["uuid"].as_str());
                assert_eq!(frame["measured_power_dbm"], expected["measured power"]);
            }
            "Ruuvitag V5" => {
                let frame = &frames(&line, "ruuvi")[0];
                assert!(same(&frame["temperature_c"], &expected["temperature"]), "{line}");
                assert_eq!((&frame["sequence"], &frame["battery_mv"]), (&expected["packet"], &3_181.into()));
            }
            _ if firmware.starts_with("BTHome") => bthome_values(&vector, &frames(&line, "bthome")[0]),
            _ => assert_eq!(frames(&line, "bthome"), [] as [Value; 0], "{}", vector["id"]),
        }
    }
}

/// Every number ble_monitor gives is among the objects.
fn bthome_values(vector: &Value, frame: &Value) {
    let expected = vector["expected"].as_object().expect("an object");
    if frame["encrypted"] == true {
        assert!(vector.get("key").is_some() && frame["objects"] == Value::Array(vec![]));
        return;
    }
    let values: Vec<f64> = frame["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|object| [&object["value"], &object["steps"]])
        .filter_map(|value| value.as_f64().or_else(|| value.as_bool().map(|flag| f64::from(u8::from(flag)))))
        .collect();
    for (key, value) in expected.iter().filter(|(key, _)| *key != "rssi") {
        let Some(value) = value.as_f64() else { continue };
        assert!(values.iter().any(|found| (found - value).abs() < 1e-9), "{} {key}: {frame}", vector["id"]);
    }
}
