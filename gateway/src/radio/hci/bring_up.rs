//! Bringing a controller up to scanning: which command comes next, and what an answer means.
//!
//! In: HCI events and the news that a command went unanswered. Out: the next command, or the end: scanning,
//! or why not. It has no clock and no transport. Extended scanning is tried where the controller claims
//! it, and legacy scanning after a Reset where it is refused: the two sets never mix within one session.
//! Commands that only inform may be refused or go unanswered. Source: Core 5.4, Vol 4 Part E, 7.3, 7.4, 7.8;
//! order and parameters as tried with RootCanal, Bumble and btvirt.

use super::h4;
use std::fmt;

const COMMAND_COMPLETE: u8 = 0x0e;
const COMMAND_STATUS: u8 = 0x0f;

/// Read Local Version Information; also asked to learn whether a silent controller is alive.
pub const READ_LOCAL_VERSION: u16 = 0x1001;

/// Commands that may go unanswered before the controller is given up: a dead one is not asked for everything.
const UNANSWERED_MAX: usize = 2;

/// LE feature bit 12, Extended Advertising, as byte and bit (Vol 6 Part B, 4.6).
const EXTENDED_ADVERTISING: (usize, u8) = (1, 0b1_0000);

/// Which set of scan commands is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// LE Set Extended Scan commands: every PHY and payload of Bluetooth 5.
    Extended,
    /// LE Set Scan commands: 31-byte payloads only.
    Legacy,
}

/// A command the controller did not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The command.
    pub opcode: u16,
    /// Its status (Vol 1 Part F); `None` where no answer came.
    pub status: Option<u8>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "command {:#06x} refused with status {status:#04x}", self.opcode),
            None => write!(f, "command {:#06x} not answered", self.opcode),
        }
    }
}

/// What to do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing yet: the event was not the answer.
    Waiting,
    /// Send `command()` and wait for its answer.
    Send,
    /// The controller scans.
    Scanning(Mode),
    /// It cannot be brought up.
    Failed(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reset,
    Version,
    Commands,
    Address,
    Features,
    EventMask,
    LeEventMask,
    ScanOff,
    Parameters,
    Enable,
}

/// The order after a Reset; `ScanOff` is for a controller that may be scanning.
const FROM_RESET: [Step; 9] = [
    Step::Reset,
    Step::Version,
    Step::Commands,
    Step::Address,
    Step::Features,
    Step::EventMask,
    Step::LeEventMask,
    Step::Parameters,
    Step::Enable,
];

/// The order for scanning anew without a Reset: parameters may only be set while scanning is off.
const FROM_SCANNING: [Step; 3] = [Step::ScanOff, Step::Parameters, Step::Enable];

/// A controller on its way to scanning.
#[derive(Debug)]
pub struct BringUp {
    steps: &'static [Step],
    at: usize,
    mode: Mode,
    /// Extended scanning was refused in this session.
    extended_refused: bool,
    unanswered: usize,
    /// HCI version and manufacturer, once told.
    pub version: Option<(u8, u16)>,
    /// What was not carried out, needed or not. At most twice the number of steps.
    pub refusals: Vec<Refusal>,
}

impl BringUp {
    /// From Reset on.
    pub fn from_reset() -> Self {
        Self::over(&FROM_RESET, Mode::Legacy)
    }

    /// Scanning off and on again.
    pub fn rescan(mode: Mode) -> Self {
        Self::over(&FROM_SCANNING, mode)
    }

    fn over(steps: &'static [Step], mode: Mode) -> Self {
        Self { steps, at: 0, mode, extended_refused: false, unanswered: 0, version: None, refusals: Vec::new() }
    }

    /// The command to send now, as an H4 packet.
    pub fn command(&self) -> Vec<u8> {
        let (opcode, parameters) = self.current();
        h4::command(opcode, parameters)
    }

    /// Opcode and parameters of the current step. Intervals and windows are 10 ms (0x0010 × 0.625 ms), so
    /// that the controller listens all the time; passive; every advert, without the duplicate filter.
    fn current(&self) -> (u16, &'static [u8]) {
        match (self.step(), self.mode) {
            (Step::Reset, _) => (0x0c03, &[]),
            (Step::Version, _) => (READ_LOCAL_VERSION, &[]),
            (Step::Commands, _) => (0x1002, &[]),
            (Step::Address, _) => (0x1009, &[]),
            (Step::Features, _) => (0x2003, &[]),
            // The default mask and bit 61, LE Meta.
            (Step::EventMask, _) => (0x0c01, &[0xff, 0xff, 0xfb, 0xff, 0x07, 0xf8, 0xbf, 0x3d]),
            // The default mask (bit 1: legacy reports) and bit 12, extended reports.
            (Step::LeEventMask, _) => (0x2001, &[0x1f, 0x10, 0, 0, 0, 0, 0, 0]),
            (Step::ScanOff, Mode::Legacy) => (0x200c, &[0, 0]),
            (Step::ScanOff, Mode::Extended) => (0x2042, &[0, 0, 0, 0, 0, 0]),
            (Step::Parameters, Mode::Legacy) => (0x200b, &[0, 0x10, 0, 0x10, 0, 0, 0]),
            // On the 1M PHY, where legacy and most extended advertising begins.
            (Step::Parameters, Mode::Extended) => (0x2041, &[0, 0, 1, 0, 0x10, 0, 0x10, 0]),
            (Step::Enable, Mode::Legacy) => (0x200c, &[1, 0]),
            (Step::Enable, Mode::Extended) => (0x2042, &[1, 0, 0, 0, 0, 0]),
        }
    }

    fn step(&self) -> Step {
        // `advance` never goes beyond the last step.
        self.steps.get(self.at).copied().unwrap_or(Step::Enable)
    }

    /// Takes an event of the controller.
    pub fn event(&mut self, event: &[u8]) -> Progress {
        let (opcode, _) = self.current();
        match answer(event) {
            Some((answered, status, returned)) if answered == opcode => {
                self.unanswered = 0;
                if status == 0 { self.carried_out(returned) } else { self.refused(Some(status)) }
            }
            _ => Progress::Waiting,
        }
    }

    /// The current command was not answered in time.
    pub fn overdue(&mut self) -> Progress {
        self.unanswered += 1;
        self.refused(None)
    }

    fn carried_out(&mut self, returned: &[u8]) -> Progress {
        match (self.step(), returned) {
            (Step::Version, [version, _, _, _, low, high, ..]) => {
                self.version = Some((*version, u16::from_le_bytes([*low, *high])));
            }
            (Step::Features, features) => {
                let (byte, bit) = EXTENDED_ADVERTISING;
                let extended = features.get(byte).is_some_and(|byte| byte & bit != 0) && !self.extended_refused;
                self.mode = if extended { Mode::Extended } else { Mode::Legacy };
            }
            _ => {}
        }
        self.advance()
    }

    fn refused(&mut self, status: Option<u8>) -> Progress {
        let refusal = Refusal { opcode: self.current().0, status };
        self.refusals.push(refusal);
        let needed = matches!(self.step(), Step::Reset | Step::Parameters | Step::Enable);
        if self.unanswered >= UNANSWERED_MAX || (needed && status.is_none()) {
            return Progress::Failed(refusal);
        }
        if !needed {
            return self.advance();
        }
        if self.mode == Mode::Extended && self.steps.len() == FROM_RESET.len() {
            self.extended_refused = true;
            self.mode = Mode::Legacy;
            self.at = 0;
            return Progress::Send;
        }
        Progress::Failed(refusal)
    }

    fn advance(&mut self) -> Progress {
        if self.at + 1 == self.steps.len() {
            return Progress::Scanning(self.mode);
        }
        self.at += 1;
        Progress::Send
    }
}

/// The command an event answers, its status, and what it returned: Command Complete and Command Status
/// (7.7.14, 7.7.15). A Command Status of 0 is no answer yet.
pub fn answer(event: &[u8]) -> Option<(u16, u8, &[u8])> {
    match event {
        [COMMAND_COMPLETE, length, rest @ ..] if rest.len() == usize::from(*length) => match rest {
            [_, low, high, status, returned @ ..] => Some((u16::from_le_bytes([*low, *high]), *status, returned)),
            _ => None,
        },
        [COMMAND_STATUS, 4, status, _, low, high] if *status != 0 => {
            Some((u16::from_le_bytes([*low, *high]), *status, &[]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN_COMMAND: u8 = 0x01;
    const DISALLOWED: u8 = 0x0c;

    fn complete(opcode: u16, status: u8, returned: &[u8]) -> Vec<u8> {
        let [low, high] = opcode.to_le_bytes();
        let mut event = vec![COMMAND_COMPLETE, 4 + returned.len() as u8, 1, low, high, status];
        event.extend_from_slice(returned);
        event
    }

    /// Plays a controller that answers each opcode by `status` (`None`: not at all) and claims extended
    /// advertising or not; the opcodes sent, and the end.
    fn check(mut begun: BringUp, extended: bool, status: impl Fn(u16) -> Option<u8>) -> (Vec<u16>, Progress) {
        let mut sent = Vec::new();
        loop {
            let command = begun.command();
            let opcode = u16::from_le_bytes([command[1], command[2]]);
            sent.push(opcode);
            let features = [0, if extended { 0x10 } else { 0 }, 0, 0, 0, 0, 0, 0];
            let progress = match status(opcode) {
                Some(status) => begun.event(&complete(opcode, status, &features)),
                None => begun.overdue(),
            };
            match progress {
                Progress::Send => assert!(sent.len() < 30, "goes round in circles: {sent:04x?}"),
                Progress::Waiting => panic!("its own answer was not taken"),
                end => return (sent, end),
            }
        }
    }

    const READS: [u16; 7] = [0x0c03, 0x1001, 0x1002, 0x1009, 0x2003, 0x0c01, 0x2001];

    fn with(reads: &[u16], scan: &[u16]) -> Vec<u16> {
        [reads, scan].concat()
    }

    #[test]
    fn a_willing_controller_scans_in_its_best_mode() {
        let willing = |_| Some(0);
        let extended = check(BringUp::from_reset(), true, willing);
        assert_eq!(extended, (with(&READS, &[0x2041, 0x2042]), Progress::Scanning(Mode::Extended)));
        let legacy = check(BringUp::from_reset(), false, willing);
        assert_eq!(legacy, (with(&READS, &[0x200b, 0x200c]), Progress::Scanning(Mode::Legacy)));
    }

    #[test]
    fn refused_extended_scanning_falls_back_after_a_reset() {
        for refused in [0x2041, 0x2042] {
            let status = |opcode| Some(if opcode == refused { UNKNOWN_COMMAND } else { 0 });
            let (sent, end) = check(BringUp::from_reset(), true, status);
            assert_eq!(end, Progress::Scanning(Mode::Legacy));
            assert!(sent.ends_with(&with(&READS, &[0x200b, 0x200c])), "{sent:04x?}");
        }
    }

    #[test]
    fn only_reset_and_scanning_are_needed() {
        let needed = [0x0c03, 0x200b, 0x200c, 0x2003];
        let sparse = |opcode| Some(if needed.contains(&opcode) { 0 } else { UNKNOWN_COMMAND });
        assert_eq!(check(BringUp::from_reset(), false, sparse).1, Progress::Scanning(Mode::Legacy));
        for opcode in [0x0c03, 0x200b, 0x200c] {
            let status = |sent| Some(if sent == opcode { DISALLOWED } else { 0 });
            let failed = Progress::Failed(Refusal { opcode, status: Some(DISALLOWED) });
            assert_eq!(check(BringUp::from_reset(), false, status).1, failed);
        }
    }

    #[test]
    fn a_mute_controller_is_given_up_soon_and_a_forgetful_one_is_not() {
        let (sent, end) = check(BringUp::from_reset(), true, |opcode| (opcode == 0x0c03).then_some(0));
        assert_eq!((sent.len(), end), (3, Progress::Failed(Refusal { opcode: 0x1002, status: None })));
        let forgetful = |opcode| (opcode != 0x1002 && opcode != 0x0c01).then_some(0);
        assert_eq!(check(BringUp::from_reset(), true, forgetful).1, Progress::Scanning(Mode::Extended));
    }

    #[test]
    fn scanning_anew_switches_off_first() {
        let (sent, end) = check(BringUp::rescan(Mode::Extended), true, |_| Some(0));
        assert_eq!((sent, end), (vec![0x2042, 0x2041, 0x2042], Progress::Scanning(Mode::Extended)));
    }

    #[test]
    fn other_events_and_truncated_answers_change_nothing() {
        let whole = complete(0x0c03, 0, &[]);
        for end in 0..whole.len() {
            assert_eq!(BringUp::from_reset().event(&whole[..end]), Progress::Waiting, "{end}");
        }
        let others: [&[u8]; 4] =
            [&[0x0e, 3, 1, 0, 0], &complete(0x1001, 0, &[]), &[0x0f, 4, 0, 1, 3, 0x0c], &[0x3e, 0]];
        for other in others {
            assert_eq!(BringUp::from_reset().event(other), Progress::Waiting, "{other:02x?}");
        }
    }
}
