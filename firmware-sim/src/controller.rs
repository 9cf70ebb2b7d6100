//! A virtual Bluetooth controller: one receiver of the venue as a Bluetooth host would have it.
//!
//! In: H4 command packets of a host, and what the receiver hears. Out: H4 events: answers, and advertising
//! reports while the host lets it scan. It is strict where real controllers are: reports obey both event
//! masks, parameters are refused while scanning, legacy and extended commands do not mix within a session,
//! and unknown commands get status 0x01. It does not advertise, connect or filter duplicates. Source:
//! Core 5.4, Vol 4 Part A (H4) and Part E (commands 7.3, 7.4, 7.8; events 7.7).

pub mod serve;

use crate::SimAdvert;

const COMMAND: u8 = 0x01;
const EVENT: u8 = 0x04;
const COMMAND_COMPLETE: u8 = 0x0e;
const LE_META: u8 = 0x3e;

/// Status codes (Vol 1 Part F, 1.3).
const SUCCESS: u8 = 0x00;
const UNKNOWN_COMMAND: u8 = 0x01;
const DISALLOWED: u8 = 0x0c;
const INVALID_PARAMETERS: u8 = 0x12;

/// Event masks after a Reset: the defaults of 7.3.1 and 7.8.1.
const EVENT_MASK: u64 = 0x0000_1fff_ffff_ffff;
const LE_EVENT_MASK: u64 = 0x1f;
/// Bit of LE Meta in the event mask; bits of legacy and extended reports in the LE event mask.
const LE_META_BIT: u32 = 61;
const LEGACY_BIT: u32 = 1;
const EXTENDED_BIT: u32 = 12;

/// Octet and bit of each command answered, in the Supported Commands bitmap (6.27).
const SUPPORTED: [(usize, u8); 14] = [
    (5, 6),
    (5, 7),
    (14, 3),
    (14, 5),
    (14, 7),
    (15, 1),
    (25, 0),
    (25, 1),
    (25, 2),
    (25, 4),
    (26, 2),
    (26, 3),
    (37, 5),
    (37, 6),
];

/// Which commands switched scanning on, or set it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Legacy,
    Extended,
}

/// The controller.
#[derive(Debug)]
pub struct Controller {
    /// Whether it is one of before Bluetooth 5.
    legacy_only: bool,
    input: Vec<u8>,
    event_mask: u64,
    le_event_mask: u64,
    /// The set of commands this session uses; they do not mix.
    mode: Option<Mode>,
    scanning: bool,
    /// How often scanning was switched on since it was made.
    scans: u64,
}

impl Controller {
    /// A controller that has just been switched on.
    pub fn new(legacy_only: bool) -> Self {
        Self {
            legacy_only,
            input: Vec::new(),
            event_mask: EVENT_MASK,
            le_event_mask: LE_EVENT_MASK,
            mode: None,
            scanning: false,
            scans: 0,
        }
    }

    /// Whether the host lets it scan.
    pub fn is_scanning(&self) -> bool {
        self.scanning
    }

    /// How often scanning was switched on.
    pub fn scans(&self) -> u64 {
        self.scans
    }

    /// Takes bytes of the host, in pieces of any size, and appends the answers.
    pub fn receive(&mut self, bytes: &[u8], answers: &mut Vec<u8>) {
        self.input.extend_from_slice(bytes);
        loop {
            let consumed = match self.input.as_slice() {
                [COMMAND, low, high, length, rest @ ..] if rest.len() >= usize::from(*length) => {
                    let opcode = u16::from_le_bytes([*low, *high]);
                    let parameters = rest[..usize::from(*length)].to_vec();
                    self.carry_out(opcode, &parameters, answers);
                    4 + parameters.len()
                }
                [COMMAND, ..] | [] => return,
                // Hosts send data only on connections, and there are none.
                _ => 1,
            };
            self.input.drain(..consumed);
        }
    }

    fn carry_out(&mut self, opcode: u16, parameters: &[u8], answers: &mut Vec<u8>) {
        let (status, returned) = match opcode {
            0x0c03 => {
                *self =
                    Self { scans: self.scans, input: std::mem::take(&mut self.input), ..Self::new(self.legacy_only) };
                (SUCCESS, Vec::new())
            }
            0x0c01 => (set_mask(&mut self.event_mask, parameters), Vec::new()),
            0x2001 => (set_mask(&mut self.le_event_mask, parameters), Vec::new()),
            0x2005 => (if parameters.len() == 6 { SUCCESS } else { INVALID_PARAMETERS }, Vec::new()),
            0x200b => (self.set_up(Mode::Legacy, parameters.len() == 7), Vec::new()),
            0x200c => (self.switch(Mode::Legacy, parameters, 2), Vec::new()),
            0x2041 if !self.legacy_only => (self.set_up(Mode::Extended, parameters.len() >= 8), Vec::new()),
            0x2042 if !self.legacy_only => (self.switch(Mode::Extended, parameters, 6), Vec::new()),
            opcode => match self.told(opcode) {
                Some(told) => (SUCCESS, told),
                None => (UNKNOWN_COMMAND, Vec::new()),
            },
        };
        let [low, high] = opcode.to_le_bytes();
        answers.extend([EVENT, COMMAND_COMPLETE, 4 + returned.len() as u8, 1, low, high, status]);
        answers.extend(returned);
    }

    /// What a command that only asks is told.
    fn told(&self, opcode: u16) -> Option<Vec<u8>> {
        let told = match opcode {
            // Read Local Version: Bluetooth 5.2 (0x0b), manufacturer 0xffff for none.
            0x1001 => vec![0x0b, 0, 0, 0x0b, 0xff, 0xff, 0, 0],
            0x1002 => self.supported_commands(),
            // Read Local Supported Features: LE, and no BR/EDR (Vol 2 Part C, 3.3: bits 38 and 37).
            0x1003 => vec![0, 0, 0, 0, 0x60, 0, 0, 0],
            // Read Buffer Size: no connections, yet hosts insist on a buffer of 27 bytes or more.
            0x1005 => vec![27, 0, 0, 1, 0, 0, 0],
            // A static address of nobody.
            0x1009 => vec![0x01, 0x00, 0x51, 0x3a, 0xee, 0xc0],
            0x2002 => vec![27, 0, 1],
            // LE Read Local Supported Features: extended advertising is bit 12.
            0x2003 => vec![0, if self.legacy_only { 0 } else { 0x10 }, 0, 0, 0, 0, 0, 0],
            _ => return None,
        };
        Some(told)
    }

    fn supported_commands(&self) -> Vec<u8> {
        let mut bitmap = vec![0; 64];
        for (octet, bit) in SUPPORTED.into_iter().filter(|(octet, _)| *octet < 37 || !self.legacy_only) {
            bitmap[octet] |= 1 << bit;
        }
        bitmap
    }

    fn set_up(&mut self, mode: Mode, well_formed: bool) -> u8 {
        if self.scanning || self.mode.is_some_and(|used| used != mode) {
            return DISALLOWED;
        }
        if !well_formed {
            return INVALID_PARAMETERS;
        }
        self.mode = Some(mode);
        SUCCESS
    }

    fn switch(&mut self, mode: Mode, parameters: &[u8], length: usize) -> u8 {
        if self.mode.is_some_and(|used| used != mode) {
            return DISALLOWED;
        }
        match parameters.first() {
            Some(on @ (0 | 1)) if parameters.len() == length => {
                self.mode = Some(mode);
                self.scanning = *on == 1;
                self.scans += u64::from(self.scanning);
                SUCCESS
            }
            _ => INVALID_PARAMETERS,
        }
    }

    /// Hears an advert; appends a report where the host lets it. Returns whether it did.
    pub fn hear(&self, advert: &SimAdvert, reports: &mut Vec<u8>) -> bool {
        let mode = self.mode.unwrap_or(Mode::Legacy);
        let bit = if mode == Mode::Legacy { LEGACY_BIT } else { EXTENDED_BIT };
        let wanted = self.event_mask >> LE_META_BIT & 1 == 1 && self.le_event_mask >> bit & 1 == 1;
        if !self.scanning || !wanted {
            return false;
        }
        let payload = &advert.payload[..usize::from(advert.len).min(advert.payload.len())];
        let mut address = advert.address;
        address.reverse();
        match mode {
            Mode::Legacy => report_legacy(advert, address, payload, reports),
            Mode::Extended => report_extended(advert, address, payload, reports),
        }
        true
    }
}

fn set_mask(mask: &mut u64, parameters: &[u8]) -> u8 {
    let Ok(bytes) = <[u8; 8]>::try_from(parameters) else { return INVALID_PARAMETERS };
    *mask = u64::from_le_bytes(bytes);
    SUCCESS
}

/// LE Advertising Report of an ADV_NONCONN_IND (7.7.65.2).
fn report_legacy(advert: &SimAdvert, address: [u8; 6], payload: &[u8], reports: &mut Vec<u8>) {
    reports.extend([EVENT, LE_META, 12 + payload.len() as u8, 0x02, 1, 3, u8::from(advert.random)]);
    reports.extend(address);
    reports.push(payload.len() as u8);
    reports.extend(payload);
    reports.push(advert.rssi_dbm as u8);
}

/// LE Extended Advertising Report of a legacy ADV_NONCONN_IND (7.7.65.13): event type 0x0010, 1M PHY, no set,
/// transmit power unknown.
fn report_extended(advert: &SimAdvert, address: [u8; 6], payload: &[u8], reports: &mut Vec<u8>) {
    reports.extend([EVENT, LE_META, 26 + payload.len() as u8, 0x0d, 1, 0x10, 0, u8::from(advert.random)]);
    reports.extend(address);
    reports.extend([1, 0, 0xff, 0x7f, advert.rssi_dbm as u8]);
    // No periodic advertising, not directed at anybody.
    reports.extend([0; 9]);
    reports.push(payload.len() as u8);
    reports.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advert() -> SimAdvert {
        let mut payload = [0; 31];
        payload[..3].copy_from_slice(&[2, 1, 6]);
        SimAdvert {
            address: [0xc0, 1, 2, 3, 4, 5],
            random: true,
            rssi_dbm: -60,
            len: 3,
            payload,
            ..SimAdvert::default()
        }
    }

    /// Sends commands given in hex; the statuses answered.
    fn send(controller: &mut Controller, commands: &[&str]) -> Vec<u8> {
        let mut statuses = Vec::new();
        for command in commands {
            let digits = |at: usize| u8::from_str_radix(&command[at..at + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..command.len()).step_by(2).map(digits).collect();
            let mut answers = Vec::new();
            controller.receive(&bytes, &mut answers);
            assert_eq!(answers[..2], [EVENT, COMMAND_COMPLETE]);
            assert_eq!(answers[4..6], bytes[1..3]);
            statuses.push(answers[6]);
        }
        statuses
    }

    const RESET: &str = "01030c00";
    const MASK: &str = "01010c08fffffbff07f8bf3d";
    const LE_MASK: &str = "010120081f10000000000000";
    const LEGACY: [&str; 2] = ["010b200700100010000000", "010c20020100"];
    const EXTENDED: [&str; 2] = ["014120080000010010001000", "01422006010000000000"];

    #[test]
    fn reports_follow_the_mode_and_the_masks() {
        for (scan, subevent, length) in [(LEGACY, 0x02, 18), (EXTENDED, 0x0d, 32)] {
            let mut controller = Controller::new(false);
            let mut reports = Vec::new();
            send(&mut controller, &[RESET, scan[0], scan[1]]);
            assert!(!controller.hear(&advert(), &mut reports), "the mask of LE Meta is off after a Reset");
            send(&mut controller, &[MASK, LE_MASK]);
            assert!(controller.hear(&advert(), &mut reports));
            assert_eq!((reports.len(), reports[3]), (length, subevent));
            assert_eq!(usize::from(reports[2]) + 3, length);
        }
    }

    #[test]
    fn the_two_sets_do_not_mix_and_parameters_wait_for_the_end_of_a_scan() {
        let mut controller = Controller::new(false);
        let [parameters, enable] = LEGACY;
        let sent = [parameters, enable, parameters, EXTENDED[0], EXTENDED[1], RESET, EXTENDED[0], EXTENDED[1]];
        let wanted = [SUCCESS, SUCCESS, DISALLOWED, DISALLOWED, DISALLOWED, SUCCESS, SUCCESS, SUCCESS];
        assert_eq!(send(&mut controller, &sent), wanted);
    }

    #[test]
    fn an_old_controller_knows_no_extended_scanning() {
        let mut controller = Controller::new(true);
        assert_eq!(send(&mut controller, &EXTENDED), [UNKNOWN_COMMAND, UNKNOWN_COMMAND]);
        let mut answers = Vec::new();
        controller.receive(&[1, 3, 0x20, 0], &mut answers);
        assert_eq!(answers[7..], [0; 8]);
    }

    #[test]
    fn unknown_and_malformed_commands_are_answered() {
        let mut controller = Controller::new(false);
        let wanted = [UNKNOWN_COMMAND, INVALID_PARAMETERS, INVALID_PARAMETERS];
        assert_eq!(send(&mut controller, &["010d0400", "01010c00", "010c200105"]), wanted);
    }

    #[test]
    fn commands_come_whole_however_they_are_cut() {
        let (mut controller, mut answers) = (Controller::new(false), Vec::new());
        for byte in [0xff, 1, 3, 0x0c, 0, 1, 1, 0x10, 0] {
            controller.receive(&[byte], &mut answers);
        }
        assert_eq!(answers.len(), 7 + 15);
    }
}
