//! `decode`: advertising data in hex to what it says.
//!
//! In: one JSON object a line with `ad`. Out: the same object, one a line, with `structures`, `frames`,
//! `device_class` and `refused` added. It refuses nothing silently: a line that is no such object comes out
//! as an object that says so.

use serde_json::{Map, Value, json};
use std::io::{BufRead, Read, Write};
use venue_engine::advert::{PAYLOAD_LEN_MAX, Refusal, structures};
use venue_engine::beacon::{self, Frame, hex};

/// Longest line read: the longest payload in hex, and as much again for the other keys.
const LINE_LEN_MAX: usize = 4 * PAYLOAD_LEN_MAX + 4_096;

/// Decodes lines until the input ends.
///
/// # Errors
/// Where the input cannot be read or the output not be written.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let cut = line.len() > LINE_LEN_MAX && line.last() != Some(&b'\n');
        if cut {
            skip_line(&mut input)?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let decoded = if cut { refused_line("the line is too long", None) } else { decode_line(line.trim_ascii()) };
        serde_json::to_writer(&mut output, &decoded)?;
        output.write_all(b"\n")?;
    }
}

/// Reads on to the end of a line that is too long, without keeping it.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |end| end + 1);
        let over = end.is_some() || chunk.is_empty();
        input.consume(taken);
        if over {
            return Ok(());
        }
    }
}

fn decode_line(line: &[u8]) -> Map<String, Value> {
    let mut object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return refused_line("not a JSON object", None),
        Err(error) => return refused_line(&format!("not JSON: {error}"), None),
    };
    let Some(text) = object.get("ad").and_then(Value::as_str) else {
        return refused_line("no text `ad` with the advertising data in hex", Some(object));
    };
    let payload = match read_hex(text) {
        Ok(payload) => payload,
        Err(why) => return refused_line(&why, Some(object)),
    };
    let mut refused = Vec::new();
    let frames: Vec<Value> = beacon::frames(&payload, &mut refused).iter().map(frame_json).collect();
    let structures: Vec<Value> = structures(&payload)
        .flatten()
        .map(|structure| json!({ "at": structure.at, "type": structure.kind, "data": hex(structure.data) }))
        .collect();
    object.insert("structures".into(), structures.into());
    object.insert("frames".into(), frames.into());
    object.insert("device_class".into(), beacon::hear(&payload).class.as_str().into());
    object.insert("refused".into(), refused.iter().map(refusal_json).collect());
    object
}

fn read_hex(text: &str) -> Result<Vec<u8>, String> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() > PAYLOAD_LEN_MAX {
        return Err(format!("`ad` is longer than {PAYLOAD_LEN_MAX} bytes"));
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let byte = |[high, low]: &[u8; 2]| Some(nibble(*high)? << 4 | nibble(*low)?);
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).ok_or_else(|| "`ad` is not hex".to_owned())
}

fn refused_line(why: &str, object: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut object = object.unwrap_or_default();
    object.insert("structures".into(), json!([]));
    object.insert("frames".into(), json!([]));
    object.insert("device_class".into(), "unknown".into());
    object.insert("refused".into(), json!([{ "at": 0, "format": null, "why": why }]));
    object
}

fn refusal_json(refusal: &Refusal) -> Value {
    json!({ "at": refusal.at, "format": refusal.format, "why": refusal.why })
}

fn frame_json(frame: &Frame<'_>) -> Value {
    match frame {
        Frame::IBeacon(frame) => json!({
            "format": "ibeacon",
            "uuid": beacon::uuid_text(&frame.uuid),
            "major": frame.major,
            "minor": frame.minor,
            "measured_power_dbm": frame.measured_power_dbm,
        }),
        Frame::EddystoneUid(frame) => json!({
            "format": "eddystone-uid",
            "namespace": hex(&frame.namespace),
            "instance": hex(&frame.instance),
            "measured_power_dbm": frame.measured_power_dbm,
        }),
        Frame::EddystoneUrl(frame) => json!({
            "format": "eddystone-url",
            "url": frame.url,
            "measured_power_dbm": frame.measured_power_dbm,
        }),
        Frame::EddystoneTlm(frame) => json!({
            "format": "eddystone-tlm",
            "battery_mv": frame.battery_mv,
            "temperature_c": frame.temperature_c,
            "advertisement_count": frame.advertisement_count,
            "uptime_s": frame.uptime_s,
        }),
        Frame::EddystoneEtlm => json!({ "format": "eddystone-etlm" }),
        Frame::EddystoneEid(frame) => json!({
            "format": "eddystone-eid",
            "eid": hex(&frame.eid),
            "measured_power_dbm": frame.measured_power_dbm,
        }),
        Frame::AltBeacon(frame) => json!({
            "format": "altbeacon",
            "company": frame.company,
            "id": hex(&frame.id),
            "measured_power_dbm": frame.measured_power_dbm,
            "reserved": frame.reserved,
        }),
        Frame::Apple { types } => json!({ "format": "apple", "types": types }),
        Frame::Known(format, data) => json!({ "format": format, "data": hex(data) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str) -> Vec<String> {
        let mut output = Vec::new();
        run(input.as_bytes(), &mut output).expect("memory");
        String::from_utf8(output).expect("text").lines().map(String::from).collect()
    }

    #[test]
    fn keys_of_the_line_stay_and_what_was_found_follows() {
        let lines = check(r#"{"id":7,"ad":"1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5"}"#);
        assert!(lines[0].starts_with(r#"{"id":7,"ad":"#), "{}", lines[0]);
        let frame = r#""frames":[{"format":"ibeacon","uuid":"e2c56db5-dffb-48d2-b060-d0f5a71096e0","major":1,"minor":2,"measured_power_dbm":-59}],"device_class":"beacon","refused":[]"#;
        assert!(lines[0].contains(frame), "{}", lines[0]);
    }

    #[test]
    fn each_line_of_garbage_says_what_was_refused() {
        let long = "x".repeat(LINE_LEN_MAX + 100);
        let lines = check(&format!("nonsense\n[1]\n{{}}\n{{\"ad\":\"zz\"}}\n{long}\n{{\"ad\":\"05ff\"}}\n"));
        let why: Vec<String> = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["refused"][0]["why"].to_string())
            .collect();
        assert_eq!(why.len(), 6);
        assert!(why[0].contains("not JSON") && why[1].contains("not a JSON object"));
        assert!(why[2].contains("no text `ad`") && why[3].contains("not hex"));
        assert!(why[4].contains("too long") && why[5].contains("length byte"));
    }
}
