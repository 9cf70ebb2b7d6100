//! The watchdog of a source: when silence is no longer an empty room, and what is tried next.
//!
//! In: how many adverts came when, and troubles of the transport. Out: whether to ask the controller if it
//! is alive, whether it is too silent, and the next rung of the ladder. It has no clock. Silence is judged
//! by the source's own learnt rate: a hall of phones is suspicious after two seconds, a store room with one
//! tag is not.

use super::hci::bring_up::Refusal;
use std::fmt;
use std::time::{Duration, Instant};

/// How fast the rate is learnt anew: fast enough for doors opening, slow enough not to follow a gap.
const LEARNING_S: f64 = 30.0;
/// Counts are taken into the rate this often.
const WINDOW: Duration = Duration::from_secs(1);
/// Adverts before a rate is believed.
const EVIDENCE_MIN: u64 = 20;
/// Silence of this many mean gaps is suspicious. Were adverts independent, a gap would be as long once in
/// e^10 = 22 000; a false alarm costs a rescan, some 10 ms of deafness.
const GAPS_MAX: f64 = 10.0;
/// Silence shorter than this is never suspicious: controllers pause to calibrate, hosts to schedule.
const SILENCE_MIN: Duration = Duration::from_secs(2);
/// Silence longer than this is tried out at any rate, and with none learnt.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A controller silent for this long is asked whether it is alive.
pub const ASK_AFTER: Duration = Duration::from_secs(3);

/// Pauses before a device is opened anew: short at first, since a restarted controller is soon back, and
/// never so long that fifteen seconds pass before one that came back is found.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];

/// How long to wait before a device is opened anew after so many attempts in vain.
pub fn pause(vain: usize) -> Duration {
    PAUSES[vain.min(PAUSES.len() - 1)]
}

/// Why a source does not listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The device cannot be opened.
    CannotOpen,
    /// The other side closed, or the line failed.
    Closed,
    /// A question was not answered.
    NoAnswer,
    /// The controller refused to scan.
    Refused(Refusal),
    /// The controller reported a hardware error.
    HardwareError,
    /// The stream makes no sense.
    Garbled,
    /// It answers, but hears nothing.
    Silent,
    /// There is no system bus, or it died.
    NoBus,
    /// bluetoothd does not run, or does not answer.
    NoDaemon,
    /// This user may not talk to bluetoothd.
    NotAllowed,
    /// The machine has no adapter.
    NoAdapter,
    /// The adapter is switched off and cannot be switched on.
    AdapterOff,
    /// Scanning ended, or does not begin.
    ScanEnded,
}

impl Trouble {
    /// Reason code.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CannotOpen => "cannot-open",
            Self::Closed => "closed",
            Self::NoAnswer => "no-answer",
            Self::Refused(_) => "refused",
            Self::HardwareError => "hardware-error",
            Self::Garbled => "garbled",
            Self::Silent => "silent",
            Self::NoBus => "no-bus",
            Self::NoDaemon => "no-bluetoothd",
            Self::NotAllowed => "not-allowed",
            Self::NoAdapter => "no-adapter",
            Self::AdapterOff => "adapter-off",
            Self::ScanEnded => "scan-ended",
        }
    }

    /// The lowest rung that can mend it.
    fn rung_min(self) -> Rung {
        match self {
            Self::Silent | Self::ScanEnded => Rung::Rescan,
            Self::NoAnswer | Self::Refused(_) | Self::HardwareError | Self::Garbled | Self::AdapterOff => Rung::Reset,
            Self::CannotOpen | Self::Closed => Rung::Reopen,
            Self::NoBus | Self::NoDaemon | Self::NotAllowed | Self::NoAdapter => Rung::Reopen,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotOpen => {
                f.write_str("the device cannot be opened; is it plugged in, and may this user open it?")
            }
            Self::Closed => f.write_str("the connection to the controller ended"),
            Self::NoAnswer => f.write_str("the controller does not answer; check baud rate and flow control"),
            Self::Refused(refusal) => write!(f, "the controller does not scan: {refusal}"),
            Self::HardwareError => f.write_str("the controller reports a hardware error"),
            Self::Garbled => f.write_str("what comes is no HCI; check baud rate and flow control"),
            Self::Silent => f.write_str("the controller answers but hears nothing any more"),
            Self::NoBus => f.write_str("no D-Bus system bus; is dbus installed and running?"),
            Self::NoDaemon => f.write_str("bluetoothd does not answer; try: systemctl restart bluetooth"),
            Self::NotAllowed => f.write_str("bluetoothd refuses this user; try: usermod -aG bluetooth $(id -un)"),
            Self::NoAdapter => f.write_str("no Bluetooth adapter; plug one in, or set [bluetooth] enabled = false"),
            Self::AdapterOff => f.write_str("the adapter is off; try: rfkill unblock bluetooth"),
            Self::ScanEnded => f.write_str("scanning ended; another program may have stopped it"),
        }
    }
}

/// What to try, from the gentlest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Scanning off and on.
    Rescan,
    /// Reset and bring-up.
    Reset,
    /// Close, open, bring-up.
    Reopen,
    /// All was tried: tell somebody, and go on trying.
    Report,
}

/// What silence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Ask the controller whether it is alive.
    Ask,
    /// Too long.
    Silent,
}

/// Learns the rate of one source and judges its silence.
#[derive(Debug)]
pub struct Watchdog {
    adverts_per_s: f64,
    learnt_s: f64,
    evidence: u64,
    window_began: Instant,
    window_adverts: u64,
    heard_at: Instant,
    asked_at: Option<Instant>,
    next: Rung,
    /// All was tried and told; nothing was heard since.
    reported: bool,
}

impl Watchdog {
    /// Of a source that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            adverts_per_s: 0.0,
            learnt_s: 0.0,
            evidence: 0,
            window_began: now,
            window_adverts: 0,
            heard_at: now,
            asked_at: None,
            next: Rung::Rescan,
            reported: false,
        }
    }

    /// Takes adverts heard now.
    pub fn heard(&mut self, now: Instant, adverts: u64) {
        self.next = Rung::Rescan;
        self.reported = false;
        self.heard_at = now;
        self.asked_at = None;
        self.evidence += adverts;
        self.window_adverts += adverts;
        let window = now.saturating_duration_since(self.window_began);
        if window >= WINDOW {
            self.learn(window.as_secs_f64());
            self.window_began = now;
        }
    }

    /// The mean so far until it covers the learning time, then a moving one.
    fn learn(&mut self, window_s: f64) {
        self.learnt_s += window_s;
        let moving = 1.0 - (-window_s / LEARNING_S).exp();
        let weight = moving.max(window_s / self.learnt_s);
        self.adverts_per_s += weight * (self.window_adverts as f64 / window_s - self.adverts_per_s);
        self.window_adverts = 0;
    }

    /// Mean rate learnt.
    pub fn adverts_per_s(&self) -> f64 {
        self.adverts_per_s
    }

    /// How long this source may be silent.
    pub fn patience(&self) -> Duration {
        if self.evidence < EVIDENCE_MIN || self.adverts_per_s <= 0.0 {
            return SILENCE_MAX;
        }
        let gaps_s = (GAPS_MAX / self.adverts_per_s).min(SILENCE_MAX.as_secs_f64());
        Duration::from_secs_f64(gaps_s).max(SILENCE_MIN)
    }

    /// What the silence up to now says.
    pub fn verdict(&self, now: Instant) -> Verdict {
        let silence = now.saturating_duration_since(self.heard_at);
        if silence >= self.patience() {
            return Verdict::Silent;
        }
        let asked = self.asked_at.unwrap_or(self.heard_at);
        if now.saturating_duration_since(asked) >= ASK_AFTER { Verdict::Ask } else { Verdict::Fine }
    }

    /// Notes that the controller was asked, or has shown otherwise that it is alive.
    pub fn asked(&mut self, now: Instant) {
        self.asked_at = Some(now);
    }

    /// The rung to try for a trouble; the next time it is a higher one, until adverts come. After the last
    /// nothing is known any more, perhaps the room is empty: the ladder begins anew, patiently.
    pub fn climb(&mut self, trouble: Trouble) -> Rung {
        let rung = self.next.max(trouble.rung_min());
        self.next = match rung {
            Rung::Rescan => Rung::Reset,
            Rung::Reset => Rung::Reopen,
            Rung::Reopen => Rung::Report,
            Rung::Report => Rung::Rescan,
        };
        if rung == Rung::Report {
            (self.adverts_per_s, self.learnt_s, self.evidence) = (0.0, 0.0, 0);
            self.reported = true;
        }
        rung
    }

    /// Whether all was tried and told, and nothing was heard since: what follows is no news.
    pub fn is_reported(&self) -> bool {
        self.reported
    }

    /// Scanning has begun, anew or at last: silence counts from now, and the gap is not learnt.
    pub fn scanning(&mut self, now: Instant) {
        self.heard_at = now;
        self.window_began = now;
        self.window_adverts = 0;
        self.asked_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    /// A watchdog that heard `adverts_per_s` evenly for `for_s`, and the moment of the last.
    fn after(adverts_per_s: f64, for_s: f64) -> (Watchdog, Instant) {
        let began = Instant::now();
        let mut dog = Watchdog::new(began);
        let count = (adverts_per_s * for_s) as u32;
        let mut last = began;
        for advert in 1..=count {
            last = began + seconds(f64::from(advert) / adverts_per_s);
            dog.heard(last, 1);
        }
        (dog, last)
    }

    fn check_patience(adverts_per_s: f64, for_s: f64, wanted_s: f64) {
        let (dog, last) = after(adverts_per_s, for_s);
        let patience_s = dog.patience().as_secs_f64();
        assert!((patience_s / wanted_s - 1.0).abs() < 0.15, "{adverts_per_s}/s: {patience_s} s, {wanted_s} s wanted");
        assert_ne!(dog.verdict(last + seconds(wanted_s * 0.8)), Verdict::Silent);
        assert_eq!(dog.verdict(last + seconds(wanted_s * 1.2)), Verdict::Silent);
    }

    #[test]
    fn silence_is_judged_by_the_rate_of_the_source_itself() {
        check_patience(200.0, 10.0, 2.0);
        check_patience(2.0, 60.0, 5.0);
        check_patience(0.5, 120.0, 20.0);
        check_patience(0.01, 5_000.0, 60.0);
    }

    #[test]
    fn a_few_adverts_are_no_rate() {
        check_patience(10.0, 1.5, 60.0);
    }

    #[test]
    fn a_silent_controller_is_asked_now_and_then() {
        let (mut dog, last) = after(1.0, 60.0);
        assert_eq!(dog.verdict(last + seconds(2.5)), Verdict::Fine);
        assert_eq!(dog.verdict(last + seconds(3.1)), Verdict::Ask);
        dog.asked(last + seconds(3.1));
        assert_eq!(dog.verdict(last + seconds(5.0)), Verdict::Fine);
        assert_eq!(dog.verdict(last + seconds(6.2)), Verdict::Ask);
    }

    #[test]
    fn a_changed_rate_is_learnt() {
        let (mut dog, mut at) = after(100.0, 60.0);
        for _ in 0..120 {
            at += seconds(1.0);
            dog.heard(at, 1);
        }
        assert!(dog.adverts_per_s() < 3.0, "{}", dog.adverts_per_s());
    }

    #[test]
    fn the_ladder_is_climbed_until_something_is_heard() {
        let (mut dog, last) = after(100.0, 10.0);
        let mut at = last;
        let mut climb = |dog: &mut Watchdog, trouble| {
            at += seconds(3.0);
            let rung = dog.climb(trouble);
            dog.scanning(at);
            rung
        };
        let rungs: Vec<Rung> = (0..4).map(|_| climb(&mut dog, Trouble::Silent)).collect();
        assert_eq!(rungs, [Rung::Rescan, Rung::Reset, Rung::Reopen, Rung::Report]);
        assert!(dog.is_reported());
        assert_eq!(dog.patience(), SILENCE_MAX);
        assert_eq!(climb(&mut dog, Trouble::Silent), Rung::Rescan);
        dog.heard(last, 1);
        assert!(!dog.is_reported());
        assert_eq!(climb(&mut dog, Trouble::Silent), Rung::Rescan);
    }

    #[test]
    fn no_rung_is_tried_that_cannot_mend_the_trouble() {
        let (mut dog, _) = after(100.0, 10.0);
        assert_eq!(dog.climb(Trouble::NoAnswer), Rung::Reset);
        assert_eq!(dog.climb(Trouble::Silent), Rung::Reopen);
        let (mut dog, _) = after(100.0, 10.0);
        assert_eq!(dog.climb(Trouble::Closed), Rung::Reopen);
        assert_eq!(dog.climb(Trouble::CannotOpen), Rung::Report);
    }
}
