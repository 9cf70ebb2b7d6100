//! A till that is cut off: says yes or no to a voucher with public keys and a file of its own.
//!
//! In: the text of a QR code and the till's clock. Out: yes, once, or no with a reason. It takes only
//! vouchers of its stand whose home it is: another till of the stand that is cut off as well takes none of
//! them, so no voucher is taken twice, whoever is cut off from whom. Its clock follows the board's, signed,
//! when it is shown one.

use super::spent::Spent;
use super::token::{GRACE_S, TIME_PREFIX, Token, TokenError, verify_time};
use ed25519_dalek::VerifyingKey;

/// A till.
#[derive(Debug)]
pub struct Desk {
    /// Public keys of the venue.
    pub keys: Vec<VerifyingKey>,
    /// Its stand.
    pub stand: String,
    /// Its number at the stand, from 1.
    pub till: u8,
    /// What it has taken.
    pub spent: Spent,
    /// The board's time less the till's own, microseconds.
    pub clock_off_us: i64,
}

/// What the till says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The voucher is taken.
    Taken(Token),
    /// It is not.
    Refused(Refusal),
    /// The text was the board's time; the till's clock was off by so much, microseconds.
    ClockSet(i64),
}

/// Why a voucher is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not genuine, or not readable.
    Token(TokenError),
    /// Valid at another stand, the one named.
    WrongStand(String),
    /// Not valid yet.
    NotYet,
    /// Not valid any more.
    Expired,
    /// Taken here before.
    AlreadyRedeemed,
    /// Another till's while this one is cut off: its number.
    NotHome(u8),
    /// It cannot be stored as taken.
    Storage(String),
}

impl Refusal {
    /// The reason in one word, as the board says it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Token(_) => "not-genuine",
            Self::WrongStand(_) => "wrong-stand",
            Self::NotYet => "not-yet",
            Self::Expired => "expired",
            Self::AlreadyRedeemed => "already-redeemed",
            Self::NotHome(_) => "not-home",
            Self::Storage(_) => "storage",
        }
    }

    /// The reason in a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Token(error) => error.to_string(),
            Self::WrongStand(stand) => format!("This voucher is for {stand}."),
            Self::NotYet => "This voucher is not valid yet.".to_owned(),
            Self::Expired => "This voucher is no longer valid.".to_owned(),
            Self::AlreadyRedeemed => "This voucher has already been used.".to_owned(),
            Self::NotHome(till) => format!("Without the board only till {till} of this stand can take this voucher."),
            Self::Storage(why) => format!("This voucher cannot be noted as used, so it was not taken: {why}"),
        }
    }
}

impl Desk {
    /// Answers a text, with the till's own clock.
    pub fn answer(&mut self, text: &str, clock_us: i64) -> Answer {
        if text.starts_with(TIME_PREFIX) {
            return match verify_time(text, &self.keys) {
                Ok(board_us) => {
                    self.clock_off_us = board_us.saturating_sub(clock_us);
                    Answer::ClockSet(self.clock_off_us)
                }
                Err(error) => Answer::Refused(Refusal::Token(error)),
            };
        }
        match self.take(text, clock_us.saturating_add(self.clock_off_us)) {
            Ok(token) => Answer::Taken(token),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn take(&mut self, text: &str, now_us: i64) -> Result<Token, Refusal> {
        let token = Token::verify(text, &self.keys).map_err(Refusal::Token)?;
        self.check(&token, now_us)?;
        let stored = self.spent.take(token.voucher, now_us, text.trim());
        stored.map_err(|error| Refusal::Storage(error.to_string()))?;
        Ok(token)
    }

    pub(super) fn check(&self, token: &Token, now_us: i64) -> Result<(), Refusal> {
        let now_s = now_us.div_euclid(1_000_000);
        if token.stand != self.stand {
            return Err(Refusal::WrongStand(token.stand.clone()));
        }
        if self.spent.at_us(&token.voucher).is_some() {
            return Err(Refusal::AlreadyRedeemed);
        }
        if now_s < i64::from(token.not_before_s) - GRACE_S {
            return Err(Refusal::NotYet);
        }
        if now_s > token.expires_s() + GRACE_S {
            return Err(Refusal::Expired);
        }
        let home = token.home_till();
        if home == self.till { Ok(()) } else { Err(Refusal::NotHome(home)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::sign_time;
    use super::super::token::tests::{key, token};
    use super::*;

    const START_S: i64 = 1_763_700_000;

    fn desk(folder: &tempfile::TempDir, till: u8) -> Desk {
        let spent = Spent::open(&folder.path().join(format!("spent-{till}"))).expect("opens");
        Desk { keys: vec![key(1).verifying_key()], stand: "bar".into(), till, spent, clock_off_us: 0 }
    }

    #[test]
    fn a_till_takes_its_own_vouchers_once_and_in_time() {
        let folder = tempfile::tempdir().expect("folder");
        let mut first = desk(&folder, 1);
        let mut check = |token: &Token, seconds: i64, expected: &str| {
            let answer = first.answer(&token.sign(&key(1)), (START_S + seconds) * 1_000_000);
            let told = match answer {
                Answer::Taken(_) => "taken",
                Answer::Refused(reason) => reason.as_str(),
                Answer::ClockSet(_) => "clock",
            };
            assert_eq!(told, expected, "{token:?} at {seconds}");
        };
        check(&token(0), -61, "not-yet");
        check(&token(0), 361, "expired");
        check(&token(0), 10, "taken");
        check(&token(0), 20, "already-redeemed");
        check(&token(1), 10, "not-home");
        check(&token(2), 360, "taken");
        check(&Token { stand: "grill".into(), ..token(4) }, 10, "wrong-stand");
        let forged = token(6).sign(&key(8));
        assert!(matches!(first.answer(&forged, START_S * 1_000_000), Answer::Refused(Refusal::Token(_))));
    }

    #[test]
    fn two_tills_that_are_both_cut_off_never_take_the_same_voucher() {
        let folder = tempfile::tempdir().expect("folder");
        let mut desks = [desk(&folder, 1), desk(&folder, 2)];
        for number in 0..50 {
            let text = token(number).sign(&key(1));
            let taken = desks.iter_mut().filter_map(|desk| match desk.answer(&text, START_S * 1_000_000) {
                Answer::Taken(_) => Some(()),
                _ => None,
            });
            assert_eq!(taken.count(), 1, "{number}");
        }
    }

    #[test]
    fn a_clock_that_is_off_follows_the_board() {
        let folder = tempfile::tempdir().expect("folder");
        let mut desk = desk(&folder, 1);
        let slow_us = (START_S - 900) * 1_000_000;
        let text = token(0).sign(&key(1));
        assert_eq!(desk.answer(&text, slow_us), Answer::Refused(Refusal::NotYet));
        let time = sign_time(START_S * 1_000_000, &key(1));
        assert_eq!(desk.answer(&time, slow_us), Answer::ClockSet(900_000_000));
        assert!(matches!(desk.answer(&text, slow_us), Answer::Taken(_)));
        let foreign = sign_time(0, &key(3));
        assert!(matches!(desk.answer(&foreign, slow_us), Answer::Refused(_)));
    }
}
