//! Adverts from receiving boards: batches of recording lines over MQTT.
//!
//! In: the zstd-compressed payload a board publishes on `gateway/{gateway}/adverts`. Out: a batch of
//! adverts, or the reason it was refused. Lines with a raw address are refused: a board hashes before it
//! sends (invariant 5). What a batch unpacks to is bounded, so that a small message cannot fill memory.

use super::{AdvertBatch, BATCH_MAX};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use venue_engine::recording::{LINE_LEN_MAX, Source, parse};
use venue_engine::venue::Venue;

/// Most bytes a batch may unpack to: `BATCH_MAX` lines of usual length, with room.
const UNPACKED_MAX: u64 = 4 << 20;

/// Unpacks a batch; what was refused is counted by reason in `refused`.
pub fn unpack(payload: &[u8], venue: &Venue, refused: &mut BTreeMap<&'static str, u64>) -> AdvertBatch {
    let mut batch = AdvertBatch::default();
    let mut refuse = |why| *refused.entry(why).or_default() += 1;
    let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(payload) else {
        refuse("not-zstd");
        return batch;
    };
    let mut input = BufReader::new(decoder.take(UNPACKED_MAX));
    let (mut line, mut bytes) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match input.by_ref().take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => return batch,
            Ok(_) => {}
            Err(_) => {
                refuse("not-zstd");
                return batch;
            }
        }
        match parse(line.trim_ascii_end(), &mut bytes) {
            Err(why) => refuse(why.as_str()),
            Ok(_) if batch.len() >= BATCH_MAX => refuse("batch-too-long"),
            Ok(parsed) => match (parsed.source, venue.receiver(&parsed.receiver)) {
                (Source::Address(_), _) => refuse("raw-address"),
                (_, None) => refuse("unknown-receiver"),
                (source, Some(receiver)) => {
                    batch.push(parsed.at, receiver, source, parsed.rssi_dbm, parsed.payload);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
        [[receiver]]\nname = \"n\"\nx_m = 1\ny_m = 1\n";

    fn check(payload: &[u8]) -> (usize, Vec<(&'static str, u64)>) {
        let venue = Venue::parse(PLAN).expect("plan");
        let mut refused = BTreeMap::new();
        let batch = unpack(payload, &venue, &mut refused);
        (batch.len(), refused.into_iter().collect())
    }

    #[test]
    fn hashed_lines_are_taken_and_everything_else_is_counted() {
        let lines = r#"{"at_us":1,"receiver":"n","address":"~0123456789abcdef","rssi_dbm":-60,"ad":""}
{"at_us":1,"receiver":"n","address":"c0:ff:ee:00:11:22","rssi_dbm":-60,"ad":""}
{"at_us":1,"receiver":"m","address":"~0123456789abcdef","rssi_dbm":-60,"ad":""}
nonsense
"#;
        let packed = zstd::encode_all(lines.as_bytes(), 1).expect("zstd");
        let refused = vec![("not-a-recording-line", 1), ("raw-address", 1), ("unknown-receiver", 1)];
        assert_eq!(check(&packed), (1, refused));
    }

    #[test]
    fn every_truncation_is_refused_or_read_without_panic() {
        let line = r#"{"at_us":1,"receiver":"n","address":"~0123456789abcdef","rssi_dbm":-60,"ad":""}"#;
        let packed = zstd::encode_all(line.as_bytes(), 1).expect("zstd");
        for end in 0..packed.len() {
            check(&packed[..end]);
        }
    }
}
