//! `decode`: advertising data in hex to what it says.
//!
//! In: one JSON object a line with `ad`. Out: one line for each, the same object with `structures`, `frames`,
//! `device_class`, `device_class_evidence` and `refused` behind its own keys, which stay as they were written.
//! A line may carry `key`, the 128-bit key of sealed BTHome readings in hex, with `address`, the sender's.
//! It refuses nothing silently: a line that is no such object comes out as an object that says why.

mod line;
mod shape;

use line::Members;
use shape::{List, Object};
use std::io::{self, BufRead, Read, Write};
use venue_engine::advert::{PAYLOAD_LEN_MAX, Refusal, structures};
use venue_engine::beacon::bthome::BtHome;
use venue_engine::beacon::{self, Finding, Frame, Guess};
use venue_engine::cipher::Key;

/// Longest line read: the longest payload in hex, and as much again and more for the other keys. The rest
/// of a longer line is passed over, and the line refused.
const LINE_LEN_MAX: usize = 16 * 1_024;

/// What this command adds; where a line has such keys from an earlier run, they are replaced.
const ADDED: [&str; 5] = ["structures", "frames", "device_class", "device_class_evidence", "refused"];

/// What was read, for whoever wants to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines read; as many were written.
    pub lines: u64,
    /// Lines that were no JSON object with `ad` in hex.
    pub lines_refused: u64,
    /// Frames found.
    pub frames: u64,
}

/// Decodes lines until the input ends.
///
/// # Errors
/// Where the input cannot be read or the output not be written.
pub fn run(mut input: impl BufRead, mut output: impl Write) -> io::Result<Summary> {
    let mut summary = Summary::default();
    let (mut line, mut payload, mut decoded) = (Vec::new(), Vec::new(), String::new());
    loop {
        line.clear();
        if input.by_ref().take(LINE_LEN_MAX as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(summary);
        }
        let cut = line.len() > LINE_LEN_MAX && line.last() != Some(&b'\n');
        if cut {
            skip_line(&mut input)?;
        }
        decoded.clear();
        let read = if cut {
            Err(format!("the line is longer than {LINE_LEN_MAX} bytes"))
        } else {
            decode_line(&line, &mut payload, &mut decoded)
        };
        summary.lines += 1;
        match read {
            Ok(frames) => summary.frames += frames,
            Err(why) => {
                summary.lines_refused += 1;
                refuse_line(&why, &mut decoded);
            }
        }
        decoded.push('\n');
        output.write_all(decoded.as_bytes())?;
    }
}

/// Reads on to the end of a line that is too long, without keeping it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
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

/// Appends the decoded line; the number of frames. Where it fails, `out` may hold an object without its end.
fn decode_line(line: &[u8], payload: &mut Vec<u8>, out: &mut String) -> Result<u64, String> {
    let members = Members::of(line)?;
    out.push('{');
    members.filter(|member| !ADDED.contains(&member.key)).for_each(|member| {
        out.push_str(member.text);
        out.push(',');
    });
    let ad = members.filter(|member| member.key == "ad").last().ok_or("no key `ad` with the advertising data")?;
    read_hex("ad", ad.value, payload)?;
    let opener = Opener::of(members)?;
    Ok(describe(payload, opener, out))
}

/// What opens sealed readings.
#[derive(Clone, Copy)]
struct Opener {
    key: Key,
    sent_from: Option<[u8; 6]>,
}

impl Opener {
    /// From `key` and `address`, where a line has a key.
    fn of(members: Members<'_>) -> Result<Option<Self>, String> {
        let Some(key) = members.filter(|member| member.key == "key").last() else { return Ok(None) };
        let mut bytes = Vec::new();
        read_hex("key", key.value, &mut bytes)?;
        let key = <[u8; 16]>::try_from(&*bytes).map_err(|_| "`key` is not 16 bytes")?;
        let address = members.filter(|member| member.key == "address").last();
        let sent_from = match address {
            Some(address) => {
                read_hex("address", &address.value.replace(':', ""), &mut bytes)?;
                Some(<[u8; 6]>::try_from(&*bytes).map_err(|_| "`address` is not 6 bytes")?)
            }
            None => None,
        };
        Ok(Some(Self { key: Key(key), sent_from }))
    }
}

/// Ends an object that says why a line was refused.
fn refuse_line(why: &str, out: &mut String) {
    if out.is_empty() {
        out.push('{');
    } else {
        out.push_str("\"structures\":[],\"frames\":[],\"device_class\":\"unknown\",\"device_class_evidence\":null,");
    }
    out.push_str("\"refused\":[{\"at\":0,\"why\":");
    shape::quote(why, out);
    out.push_str("}]}");
}

/// Appends the keys this command adds, and the end of the object.
fn describe(payload: &[u8], opener: Option<Opener>, out: &mut String) -> u64 {
    out.push_str("\"structures\":");
    let mut list = List::open(out);
    structures(payload).flatten().for_each(|structure| shape::structure(&structure, list.object()));
    list.close();
    let (mut frames, mut guess, mut refused) = (0, Guess::default(), Vec::new());
    out.push_str(",\"frames\":");
    let mut list = List::open(out);
    beacon::read(payload, |finding| match finding {
        Finding::Frame(frame) => {
            frames += 1;
            guess.weigh(frame.class());
            match (frame, opener) {
                (Frame::BtHome(sealed), Some(opener)) if sealed.encrypted => {
                    refused.extend(write_opened(sealed, opener, list.object()));
                }
                _ => shape::frame(&frame, list.object()),
            }
        }
        Finding::Hint(class, evidence) => guess.weigh((class, evidence)),
        Finding::Refused(refusal) => refused.push(refusal),
    });
    list.close();
    out.push_str(",\"device_class\":");
    shape::quote(guess.class.as_str(), out);
    out.push_str(",\"device_class_evidence\":");
    match guess.evidence {
        "" => out.push_str("null"),
        evidence => shape::quote(evidence, out),
    }
    out.push_str(",\"refused\":");
    let mut list = List::open(out);
    refused.iter().for_each(|refusal| refusal_shape(refusal, list.object()));
    list.close();
    out.push('}');
    frames
}

/// Writes sealed readings as what they hold, or as sealed; what was wrong, if anything.
fn write_opened(sealed: BtHome<'_>, opener: Opener, object: Object<'_>) -> Option<Refusal> {
    let refuse = |why| Some(Refusal { at: 0, format: Some("bthome"), why });
    let Some(plain) = sealed.open(opener.key, opener.sent_from) else {
        shape::frame(&Frame::BtHome(sealed), object);
        return refuse("the key and the address do not open it");
    };
    match sealed.with_objects(&plain) {
        Ok((frame, rest)) => {
            shape::frame(&Frame::BtHome(frame), object);
            rest
        }
        Err(refusal) => {
            shape::frame(&Frame::BtHome(sealed), object);
            refuse(refusal.why)
        }
    }
}

fn refusal_shape(refusal: &Refusal, mut object: Object<'_>) {
    object.number("at", refusal.at);
    if let Some(format) = refusal.format {
        object.text("format", format);
    }
    object.text("why", refusal.why);
    object.close();
}

/// The bytes of a JSON text of hex digits, quotes and all.
fn read_hex(key: &str, value: &str, payload: &mut Vec<u8>) -> Result<(), String> {
    let digits = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let digits = digits.ok_or_else(|| format!("`{key}` is no text"))?.as_bytes();
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.len() > PAYLOAD_LEN_MAX {
        return Err(format!("`{key}` is longer than {PAYLOAD_LEN_MAX} bytes"));
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    payload.clear();
    for pair in pairs {
        let (high, low) = (nibble(pair[0]), nibble(pair[1]));
        let (Some(high), Some(low)) = (high, low) else {
            return Err(format!("`{key}` is not hex from byte {} on", payload.len()));
        };
        payload.push(high << 4 | low);
    }
    if odd.is_empty() { Ok(()) } else { Err(format!("`{key}` has half a byte at its end")) }
}

#[cfg(test)]
mod tests;
