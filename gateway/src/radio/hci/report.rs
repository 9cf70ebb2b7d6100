//! LE advertising reports: the HCI events a controller sends for what it heard.
//!
//! In: the parameters of an HCI event packet. Out: one report after the other, legacy and extended, with
//! fragments joined. It refuses, counted, what is not exactly as long as it says. Source: Core 5.4, Vol 4
//! Part E, 7.7.65.2 (LE Advertising Report), 7.7.65.11 (LE Directed Advertising Report) and 7.7.65.13 (LE
//! Extended Advertising Report).

use crate::radio::Phy;
use std::collections::VecDeque;
use venue_engine::advert::{Address, AddressType, PAYLOAD_LEN_MAX};

/// Event code of LE Meta events.
pub const LE_META: u8 = 0x3e;
const ADVERTISING_REPORT: u8 = 0x02;
const DIRECTED_ADVERTISING_REPORT: u8 = 0x0b;
const EXTENDED_ADVERTISING_REPORT: u8 = 0x0d;

const PHY_1M: u8 = 1;
/// SID of a legacy advertisement in an extended report.
const NO_SET: u8 = 0xff;

/// Advertisers whose fragments are being joined at once. A fragment follows within milliseconds, so few are
/// open; when more come the oldest is given up, counted.
const OPEN_MAX: usize = 32;

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The advertiser; `None` for an anonymous advertisement.
    pub address: Option<Address>,
    /// Strength; `None` where the controller had none (+127).
    pub rssi_dbm: Option<i8>,
    /// Whether it is a scan response.
    pub scan_response: bool,
    /// PHY it was found on, and for extended advertising the PHY of its data: 1 is 1M, 2 is 2M, 3 is Coded.
    pub phys: (u8, Option<u8>),
    /// Advertising set of extended advertising (SID).
    pub set: Option<u8>,
    /// Transmit power the controller was told.
    pub tx_power_dbm: Option<i8>,
    /// Advertising data, fragments joined.
    pub payload: Vec<u8>,
}

impl Report {
    /// The PHY of its data, if it is one we know.
    pub fn phy(&self) -> Option<Phy> {
        match self.phys.1.unwrap_or(self.phys.0) {
            1 => Some(Phy::OneM),
            2 => Some(Phy::TwoM),
            3 => Some(Phy::Coded),
            _ => None,
        }
    }
}

/// Joins fragments and reads reports.
#[derive(Debug, Default)]
pub struct Reports {
    open: VecDeque<Fragments>,
    /// Events or reports not as long as they say.
    pub malformed: u64,
    /// Joined advertisements given up: the controller cut them off, or too many were open.
    pub incomplete: u64,
}

#[derive(Debug)]
struct Fragments {
    address: Option<Address>,
    set: u8,
    payload: Vec<u8>,
}

impl Reports {
    /// Reads an HCI event packet (code, length, parameters) and gives its reports to `take`.
    pub fn event(&mut self, packet: &[u8], mut take: impl FnMut(Report)) {
        let Some(([LE_META, length], parameters)) = packet.split_first_chunk::<2>() else { return };
        if parameters.len() != usize::from(*length) {
            self.malformed += 1;
            return;
        }
        match parameters {
            [ADVERTISING_REPORT, count, reports @ ..] => self.legacy(*count, reports, &mut take),
            [DIRECTED_ADVERTISING_REPORT, count, reports @ ..] => self.directed(*count, reports, &mut take),
            [EXTENDED_ADVERTISING_REPORT, count, reports @ ..] => self.extended(*count, reports, &mut take),
            _ => {}
        }
    }

    /// Several reports follow each other, each with its own fields.
    fn legacy(&mut self, count: u8, mut rest: &[u8], take: &mut impl FnMut(Report)) {
        for _ in 0..count {
            let Some((head, after)) = rest.split_first_chunk::<9>() else {
                self.malformed += 1;
                return;
            };
            let [kind, address_type, a0, a1, a2, a3, a4, a5, length] = *head;
            let Some((payload, after)) = after.split_at_checked(usize::from(length)) else {
                self.malformed += 1;
                return;
            };
            let Some((rssi, after)) = after.split_first() else {
                self.malformed += 1;
                return;
            };
            rest = after;
            take(Report {
                address: address(address_type, [a0, a1, a2, a3, a4, a5]),
                rssi_dbm: strength(*rssi),
                scan_response: kind == 4,
                phys: (PHY_1M, None),
                set: None,
                tx_power_dbm: None,
                payload: payload.to_vec(),
            });
        }
    }

    /// Advertisements directed at somebody carry no data; whom they are for does not matter here.
    fn directed(&mut self, count: u8, mut rest: &[u8], take: &mut impl FnMut(Report)) {
        for _ in 0..count {
            let Some((head, after)) = rest.split_first_chunk::<16>() else {
                self.malformed += 1;
                return;
            };
            rest = after;
            take(Report {
                address: address(head[1], [head[2], head[3], head[4], head[5], head[6], head[7]]),
                rssi_dbm: strength(head[15]),
                scan_response: false,
                phys: (PHY_1M, None),
                set: None,
                tx_power_dbm: None,
                payload: Vec::new(),
            });
        }
    }

    fn extended(&mut self, count: u8, mut rest: &[u8], take: &mut impl FnMut(Report)) {
        for _ in 0..count {
            let Some((head, after)) = rest.split_first_chunk::<24>() else {
                self.malformed += 1;
                return;
            };
            let Some((payload, after)) = after.split_at_checked(usize::from(head[23])) else {
                self.malformed += 1;
                return;
            };
            rest = after;
            let kind = u16::from_le_bytes([head[0], head[1]]);
            let sender = address(head[2], [head[3], head[4], head[5], head[6], head[7], head[8]]);
            let (set, rssi_dbm, scan_response) = (head[11], strength(head[13]), kind & 0b1000 != 0);
            if let Some(payload) = self.join(sender, set, kind, payload) {
                let phys = (head[9], Some(head[10]).filter(|phy| *phy != 0));
                let (set, tx_power_dbm) = (Some(set).filter(|set| *set != NO_SET), strength(head[12]));
                take(Report { address: sender, rssi_dbm, scan_response, phys, set, tx_power_dbm, payload });
            }
        }
    }

    /// Joins a fragment to what came before; the whole payload once it is complete. Bits 5 and 6 of the
    /// event type: 0 complete, 1 more to come, 2 cut off.
    fn join(&mut self, sender: Option<Address>, set: u8, kind: u16, payload: &[u8]) -> Option<Vec<u8>> {
        let known = self.open.iter().position(|open| open.address == sender && open.set == set);
        let status = (kind >> 5) & 0b11;
        if status == 0 && known.is_none() {
            return Some(payload.to_vec());
        }
        let mut joined = known.and_then(|index| self.open.remove(index)).map(|open| open.payload).unwrap_or_default();
        joined.extend_from_slice(payload);
        if status > 1 || joined.len() > PAYLOAD_LEN_MAX {
            self.incomplete += 1;
            return None;
        }
        if status == 0 {
            return Some(joined);
        }
        if self.open.len() >= OPEN_MAX {
            self.open.pop_front();
            self.incomplete += 1;
        }
        self.open.push_back(Fragments { address: sender, set, payload: joined });
        None
    }
}

/// Types 0 and 2 are public (2: resolved to a public identity), 1 and 3 random, FF hex anonymous.
fn address(kind: u8, little_endian: [u8; 6]) -> Option<Address> {
    let mut bytes = little_endian;
    bytes.reverse();
    match kind {
        0 | 2 => Some(Address { bytes, kind: AddressType::Public }),
        1 | 3 => Some(Address { bytes, kind: AddressType::Random }),
        _ => None,
    }
}

fn strength(byte: u8) -> Option<i8> {
    Some(byte as i8).filter(|rssi_dbm| *rssi_dbm != 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads events given in hex; each report as text.
    fn check(events: &[&str]) -> (Vec<String>, u64, u64) {
        let mut reports = Reports::default();
        let mut out = Vec::new();
        for event in events {
            let bytes: Vec<u8> =
                (0..event.len() / 2).filter_map(|i| u8::from_str_radix(&event[2 * i..2 * i + 2], 16).ok()).collect();
            reports.event(&bytes, |report| {
                let first = report.address.map(|address| address.bytes[0]);
                out.push(format!("{first:02x?} {:?} {:02x?}", report.rssi_dbm, report.payload));
            });
        }
        (out, reports.malformed, reports.incomplete)
    }

    #[test]
    fn several_legacy_reports_in_one_event() {
        let event = "3e1c0202000166554433221103020106c50401aabbccddeeff03020a0b7f";
        let (reports, malformed, _) = check(&[event]);
        assert_eq!(reports, ["Some(11) Some(-59) [02, 01, 06]", "Some(ff) None [02, 0a, 0b]"]);
        assert_eq!(malformed, 0);
    }

    #[test]
    fn directed_and_anonymous_reports_have_their_own_shape() {
        let directed = "3e120b01010166554433221101aabbccddeeffc4";
        assert_eq!(check(&[directed]), (vec!["Some(11) Some(-60) []".to_owned()], 0, 0));
        let anonymous = "3e1d0d010000ff0000000000000100057fc400000000000000000003020106";
        assert_eq!(check(&[anonymous]), (vec!["None Some(-60) [02, 01, 06]".to_owned()], 0, 0));
    }

    /// An extended report of one set: event type, payload.
    fn extended(kind: &str, payload: &str) -> String {
        let length = 26 + payload.len() / 2;
        format!(
            "3e{length:02x}0d01{kind}01665544332211010005 7fc0 0000 00000000000000{:02x}{payload}",
            payload.len() / 2
        )
        .replace(' ', "")
    }

    #[test]
    fn fragments_are_joined_and_cut_off_ones_are_counted() {
        let (first, last) = (extended("2000", "0201"), extended("0000", "06"));
        assert_eq!(check(&[&first, &last]).0, ["Some(11) Some(-64) [02, 01, 06]"]);
        let (reports, _, incomplete) = check(&[&first, &extended("4000", "06")]);
        assert_eq!((reports.len(), incomplete), (0, 1));
    }

    #[test]
    fn phy_set_and_transmit_power_are_kept() {
        let event = [0x3e, 0x1a, 0x0d, 1, 0, 0, 1, 6, 5, 4, 3, 2, 1, 1, 3, 7, 0xf4, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut told = None;
        Reports::default().event(&event, |report| told = Some(report));
        let report = told.expect("a report");
        assert_eq!((report.phys, report.set, report.tx_power_dbm), ((1, Some(3)), Some(7), Some(-12)));
        assert_eq!(report.phy(), Some(Phy::Coded));
    }

    #[test]
    fn every_truncation_is_counted_and_never_panics() {
        let event = extended("1300", "020106");
        for end in (4..event.len()).step_by(2) {
            let (reports, malformed, _) = check(&[&event[..end]]);
            assert_eq!((reports.len(), malformed), (0, 1), "{end}");
        }
    }
}
