//! Recordings on disk: JSON Lines, plain, zstd or gzip.
//!
//! In: a path or standard input. Out: one line after the other, with the lines that are none counted by
//! reason. A capture is read as a recording of one receiver's. Compression is told by the first bytes, not by the name. A line longer than any advert is
//! skipped without being held.

use super::capture;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use venue_engine::recording::{LINE_LEN_MAX, Line, Refusal, parse};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The receiver a capture's adverts are given unless another is named.
const CAPTURED_BY: &str = "receiver-1";

/// Lines of a recording, with what was refused.
pub struct Recording {
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    payload: Vec<u8>,
    /// The receiver a capture's adverts are given.
    captured_by: String,
    /// Lines read, empty ones not counted.
    pub lines: u64,
    /// Lines refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Recording {
    /// Opens a recording; `-` is standard input.
    ///
    /// # Errors
    /// Where the file cannot be opened or its compression not be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Self::new(Box::new(std::io::stdin()));
        }
        let file = File::open(path).with_context(|| format!("{}: cannot be opened; check the path", path.display()))?;
        Self::new(Box::new(file)).with_context(|| format!("{}: cannot be read", path.display()))
    }

    /// Reads from bytes, compressed or not.
    ///
    /// # Errors
    /// Where the first bytes cannot be read.
    pub fn new(input: Box<dyn Read + Send>) -> anyhow::Result<Self> {
        let input = decompressed(input)?;
        Ok(Self {
            input,
            line: Vec::new(),
            payload: Vec::new(),
            captured_by: CAPTURED_BY.to_owned(),
            lines: 0,
            refused: BTreeMap::new(),
        })
    }

    /// Names the receiver that a capture's adverts are given; lines of a recording name their own.
    pub fn captured_by(self, receiver: &str) -> Self {
        Self { captured_by: receiver.to_owned(), ..self }
    }

    /// Gives every line that is one to `take`, in order.
    ///
    /// # Errors
    /// Where the file cannot be read further, for example because a compressed one was cut off, and what
    /// `take` fails with.
    pub fn for_each(&mut self, mut take: impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let start = self.input.fill_buf().context("the recording cannot be read")?;
        if capture::is_capture(start) {
            return self.each_captured(take);
        }
        while self.read_line().context("the recording cannot be read further")? {
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            self.lines += 1;
            match parse(&self.line, &mut self.payload) {
                Ok(line) => take(line)?,
                Err(refusal) => *self.refused.entry(refusal.as_str()).or_default() += 1,
            }
        }
        Ok(())
    }

    /// The adverts of a capture; what was passed over is counted with the lines refused.
    fn each_captured(&mut self, mut take: impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let (mut lines, receiver) = (0, std::mem::take(&mut self.captured_by));
        let counts = capture::read(&mut self.input, |advert| {
            lines += 1;
            take(advert.line(&receiver))
        })?;
        self.lines += lines;
        self.refused.extend(counts.into_iter().filter(|(what, _)| !matches!(*what, "adverts" | "packets")));
        Ok(())
    }

    /// Reads up to the next line break; false at the end. A line too long is cut, so that it is refused.
    fn read_line(&mut self) -> std::io::Result<bool> {
        self.line.clear();
        let mut any = false;
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            let room = (LINE_LEN_MAX + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&chunk[..taken.min(room)]);
            self.input.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Names of all refusals a recording can count, for documents and metrics.
pub const REFUSALS: [Refusal; 5] =
    [Refusal::TooLong, Refusal::NotALine, Refusal::BadAddress, Refusal::BadPayload, Refusal::BadRssi];

/// The bytes of a file with zstd or gzip taken off, told by the first bytes.
///
/// # Errors
/// Where the first bytes cannot be read.
pub fn decompressed(input: Box<dyn Read + Send>) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let start = input.fill_buf()?;
    Ok(if start.starts_with(&ZSTD_MAGIC) {
        Box::new(BufReader::with_capacity(1 << 16, zstd::stream::read::Decoder::with_buffer(input)?))
    } else if start.starts_with(&GZIP_MAGIC) {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(input)))
    } else {
        Box::new(input)
    })
}

/// A recording being written, zstd-compressed where its name ends in `.zst`.
///
/// # Errors
/// Where the file cannot be created.
pub fn create(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    let file = File::create(path).with_context(|| format!("{}: cannot be created", path.display()))?;
    if path.extension().is_some_and(|extension| extension == "zst") {
        return Ok(Box::new(zstd::stream::write::Encoder::new(file, 3)?.auto_finish()));
    }
    Ok(Box::new(std::io::BufWriter::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"at_us":1,"receiver":"n","address":"c0:ff:ee:00:11:22","rssi_dbm":-60,"ad":"02"}"#;

    fn read(bytes: Vec<u8>) -> (Vec<i64>, BTreeMap<&'static str, u64>) {
        let mut recording = Recording::new(Box::new(std::io::Cursor::new(bytes))).expect("readable");
        let mut times = Vec::new();
        recording
            .for_each(|line| {
                times.push(line.at.as_micros());
                Ok(())
            })
            .expect("readable");
        (times, recording.refused)
    }

    #[test]
    fn good_lines_come_out_and_bad_ones_are_counted() {
        let text = format!("{GOOD}\n\nnonsense\n{}\n{GOOD}", "x".repeat(LINE_LEN_MAX + 10));
        let (times, refused) = read(text.into_bytes());
        assert_eq!(times, [1, 1]);
        assert_eq!(refused.into_iter().collect::<Vec<_>>(), [("line-too-long", 1), ("not-a-recording-line", 1)]);
    }

    /// A recording written as a capture reads as it was, but for its receivers.
    #[test]
    fn a_capture_is_a_recording_of_one_receiver() {
        let mut file = Vec::new();
        let mut writer = capture::BtsnoopWriter::new(&mut file).expect("memory");
        let mut told = Recording::new(Box::new(std::io::Cursor::new(GOOD.as_bytes()))).expect("readable");
        told.for_each(|line| {
            let venue_engine::recording::Source::Address(address) = line.source else { return Ok(()) };
            let (at, rssi_dbm, payload) = (line.at, line.rssi_dbm, line.payload);
            Ok(writer.write(&capture::CapturedAdvert {
                at,
                address,
                rssi_dbm,
                channel: None,
                scan_response: false,
                payload,
            })?)
        })
        .expect("written");
        writer.finish().expect("memory");
        let mut recording = Recording::new(Box::new(std::io::Cursor::new(file))).expect("readable").captured_by("hall");
        let mut seen = Vec::new();
        recording
            .for_each(|line| {
                seen.push((line.at.as_micros(), line.receiver.to_string(), line.rssi_dbm, line.payload.to_vec()));
                Ok(())
            })
            .expect("readable");
        assert_eq!(seen, [(1, "hall".to_owned(), Some(-60), vec![2])]);
        assert_eq!((recording.lines, recording.refused.len()), (1, 0));
    }

    #[test]
    fn compression_is_told_by_content() {
        let compressed = zstd::encode_all(GOOD.as_bytes(), 1).expect("zstd");
        assert_eq!(read(compressed).0, [1]);
    }
}
