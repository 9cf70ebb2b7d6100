//! H4: HCI packets in a stream of bytes.
//!
//! In: bytes as they come from a serial line or socket, in pieces of any size. Out: whole event packets
//! (code, length, parameters), and command packets to send. Bytes that cannot begin a packet are skipped,
//! counted, until a packet that controllers really send begins: a lost or doubled byte on a serial line
//! costs a packet or two, not the stream. Source: Core 5.4, Vol 4 Part A, 2 (packet types) and Part E, 5.4
//! (packet formats).

const COMMAND: u8 = 0x01;
const ACL_DATA: u8 = 0x02;
const SYNCHRONOUS_DATA: u8 = 0x03;
const EVENT: u8 = 0x04;
const ISOCHRONOUS_DATA: u8 = 0x05;

/// Longest data packet believed: a gateway opens no connections, so none is expected, and the usual
/// controller buffer is below this (ACL 1021 bytes). A longer one is a sign of lost step.
const DATA_LEN_MAX: usize = 1_024;

/// Event codes that may begin a packet while searching, with their shortest and longest parameters:
/// Command Complete, Command Status, Hardware Error, Data Buffer Overflow, LE Meta (Part E, 7.7).
const LANDMARKS: [(u8, u8, u8); 5] = [(0x0e, 3, 255), (0x0f, 4, 4), (0x10, 1, 1), (0x1a, 1, 1), (0x3e, 2, 255)];

/// A command packet.
pub fn command(opcode: u16, parameters: &[u8]) -> Vec<u8> {
    let [low, high] = opcode.to_le_bytes();
    // The commands sent here are all short.
    let mut packet = vec![COMMAND, low, high, parameters.len() as u8];
    packet.extend_from_slice(parameters);
    packet
}

/// Cuts a stream into packets. What waits in it is less than one packet and one push.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    start: usize,
    searching: bool,
    /// Bytes that belonged to no packet.
    pub skipped_bytes: u64,
    /// How often step was lost.
    pub lost_step: u64,
    /// Bytes skipped since the last packet.
    pub skipped_now: usize,
}

/// What the bytes at hand begin with.
enum Start {
    /// Too few to tell.
    Unfinished,
    /// No packet.
    Nothing,
    /// A packet of this length, type byte included, and whether it is an event.
    Packet(usize, bool),
}

impl Framer {
    /// Takes bytes of the stream. Take all events out before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.start));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event: code, length, parameters. `None` until more bytes come.
    pub fn next_event(&mut self) -> Option<&[u8]> {
        loop {
            match start(&self.buffer[self.start..], self.searching) {
                Start::Unfinished => return None,
                Start::Nothing => {
                    self.start += 1;
                    self.skipped_bytes += 1;
                    self.skipped_now += 1;
                    self.lost_step += u64::from(!self.searching);
                    self.searching = true;
                }
                Start::Packet(length, is_event) => {
                    let begin = self.start;
                    self.start += length;
                    self.searching = false;
                    self.skipped_now = 0;
                    if is_event {
                        return self.buffer.get(begin + 1..self.start);
                    }
                }
            }
        }
    }
}

fn start(bytes: &[u8], searching: bool) -> Start {
    let (header, length) = match *bytes {
        [] => return Start::Unfinished,
        [EVENT, code, length, ..] if !searching || is_landmark(code, length) => (3, usize::from(length)),
        [EVENT, _, _, ..] => return Start::Nothing,
        [ACL_DATA, _, _, low, high, ..] if !searching => (5, usize::from(u16::from_le_bytes([low, high]))),
        [SYNCHRONOUS_DATA, _, _, length, ..] if !searching => (4, usize::from(length)),
        // The two upper bits of an isochronous length are reserved.
        [ISOCHRONOUS_DATA, _, _, low, high, ..] if !searching => {
            (5, usize::from(u16::from_le_bytes([low, high]) & 0x3fff))
        }
        [kind, ..] if kind == EVENT || (!searching && begins_packet(kind)) => return Start::Unfinished,
        _ => return Start::Nothing,
    };
    let total = header + length;
    if length > DATA_LEN_MAX {
        return Start::Nothing;
    }
    match bytes.get(total) {
        // What follows cannot be a packet, so the length was wrong: this is none either.
        Some(next) if !begins_packet(*next) => Start::Nothing,
        None if bytes.len() < total => Start::Unfinished,
        _ => Start::Packet(total, bytes[0] == EVENT),
    }
}

fn begins_packet(kind: u8) -> bool {
    (ACL_DATA..=ISOCHRONOUS_DATA).contains(&kind)
}

fn is_landmark(code: u8, length: u8) -> bool {
    LANDMARKS.iter().any(|(known, shortest, longest)| code == *known && (*shortest..=*longest).contains(&length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Command Complete of Reset, and an LE Meta event of five bytes.
    const COMPLETE: [u8; 7] = [4, 0x0e, 4, 1, 3, 0x0c, 0];
    const META: [u8; 8] = [4, 0x3e, 5, 2, 0, 9, 9, 9];

    /// Events of a stream given in pieces, and what was skipped.
    fn check(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, u64, u64) {
        let mut framer = Framer::default();
        let mut events = Vec::new();
        for piece in pieces {
            framer.push(piece);
            while let Some(event) = framer.next_event() {
                events.push(event.to_vec());
            }
        }
        (events, framer.skipped_bytes, framer.lost_step)
    }

    fn both() -> Vec<Vec<u8>> {
        vec![COMPLETE[1..].to_vec(), META[1..].to_vec()]
    }

    #[test]
    fn packets_come_whole_however_the_stream_is_cut() {
        let stream = [&COMPLETE[..], &META].concat();
        for cut in 0..=stream.len() {
            assert_eq!(check(&[&stream[..cut], &stream[cut..]]), (both(), 0, 0), "{cut}");
        }
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(check(&single), (both(), 0, 0));
    }

    #[test]
    fn packets_of_other_kinds_are_passed_over() {
        let others: [&[u8]; 3] = [&[2, 1, 0, 2, 0, 4, 4], &[3, 1, 0, 1, 4], &[5, 1, 0, 1, 0x40, 4]];
        for other in others {
            assert_eq!(check(&[&COMPLETE, other, &META]), (both(), 0, 0), "{other:?}");
        }
    }

    #[test]
    fn garbage_before_a_packet_is_skipped() {
        let garbage = [0x00, 0xff, 0x04, 0x99, 0x00, 0x55, 0x01];
        let stream = [&garbage[..], &COMPLETE, &META].concat();
        assert_eq!(check(&[&stream]), (both(), garbage.len() as u64, 1));
    }

    #[test]
    fn a_lost_byte_costs_one_packet_and_no_ghost() {
        let stream = [&META[..7], &COMPLETE, &META].concat();
        let (events, skipped, lost) = check(&[&stream]);
        assert_eq!((events, lost), (both(), 1));
        assert_eq!(skipped, 7);
    }

    #[test]
    fn an_impossible_length_does_not_swallow_the_stream() {
        let stream = [&[2, 0, 0, 0xff, 0xff][..], &COMPLETE, &META].concat();
        assert_eq!(check(&[&stream]).0, both());
    }

    #[test]
    fn any_bytes_at_all_are_survived() {
        // A small generator: the point is variety, not quality (Numerical Recipes' constants).
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..200_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Every other byte from the few that begin packets.
                if state & 0x100 == 0 { (state >> 24) as u8 } else { [4, 0x3e, 0x0e, 2][(state >> 30) as usize] }
            })
            .collect();
        let mut pieces: Vec<&[u8]> = noise.chunks(97).collect();
        // Longer than any packet could be that the noise began.
        let rest = [0_u8; 2_000];
        pieces.extend([&rest[..], &COMPLETE, &META]);
        let (events, ..) = check(&pieces);
        assert!(events.ends_with(&both()));
    }
}
