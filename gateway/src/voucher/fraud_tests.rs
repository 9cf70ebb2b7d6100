//! Everything somebody may try with vouchers, by the hundred thousand; nothing gets through.
//!
//! In: honest vouchers and ways to cheat, from a seed. Out: a failure where a till takes one it must not, or
//! refuses an honest one with clocks off by half a minute. Most go through a till that is cut off, a sample
//! through the ledger too. `VENUE_FRAUDS` sets how many; CI tries fewer than the million of a full run.

use super::desk::{Answer, Desk};
use super::spent::Spent;
use super::token::tests::key;
use super::token::{GRACE_S, Token};
use crate::store::{RedeemRequest, Redemption, Store, ledger, samples};
use venue_engine::output::{Offer, Output};

/// Tries unless the environment says otherwise: a signature takes some 50 us to make and to check.
const FRAUDS: u64 = 40_000;
const START_S: i64 = 1_763_700_000;

/// Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn token(&mut self) -> Token {
        let voucher = (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes();
        let not_before_s = (START_S + self.below(3_600) as i64) as u32;
        let stand = "bar".to_owned();
        Token { voucher, stand, not_before_s, validity_s: 300, percent_hundredths: 2_000, tills: 1 }
    }
}

fn desk(folder: &tempfile::TempDir, stand: &str, till: u8) -> Desk {
    let spent = Spent::open(&folder.path().join(format!("{stand}-{till}"))).expect("opens");
    Desk { keys: vec![key(1).verifying_key()], stand: stand.into(), till, spent, clock_off_us: 0 }
}

/// One way to cheat: the text shown, and when, in seconds after the voucher begins.
fn cheat(random: &mut Random, spent: &[String]) -> (String, i64) {
    let token = random.token();
    let within = token.not_before_s as i64 + random.below(300) as i64;
    match random.below(8) {
        // Signed by somebody else, with our key's name or not.
        0 => (token.sign(&key(2 + random.below(200) as u8)), within),
        // A character changed.
        1 => {
            let mut text = token.sign(&key(1)).into_bytes();
            let place = 3 + random.below(text.len() as u64 - 3) as usize;
            let other = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[random.below(32) as usize];
            text[place] = if text[place] == other { b'*' } else { other };
            (String::from_utf8(text).expect("ASCII"), within)
        }
        // Cut off, or with something added.
        2 => {
            let mut text = token.sign(&key(1));
            text.truncate(random.below(text.len() as u64) as usize);
            (text, within)
        }
        // The signature of another voucher.
        3 => {
            let (text, other) = (token.sign(&key(1)), random.token().sign(&key(1)));
            (format!("{}{}", &text[..60], &other[60..]), within)
        }
        // Too early, too late.
        4 => (token.sign(&key(1)), token.not_before_s as i64 - GRACE_S - 1 - random.below(9_999) as i64),
        5 => (token.sign(&key(1)), token.expires_s() + GRACE_S + 1 + random.below(9_999) as i64),
        // For another stand.
        6 => (Token { stand: "grill".into(), ..token }.sign(&key(1)), within),
        // Used before.
        _ => (spent[random.below(spent.len() as u64) as usize].clone(), START_S + random.below(3_600) as i64),
    }
}

#[test]
fn no_cheat_is_taken() {
    let folder = tempfile::tempdir().expect("folder");
    let (mut bar, mut random) = (desk(&folder, "bar", 1), Random(1));
    let mut spent = Vec::new();
    for _ in 0..50 {
        let token = random.token();
        let text = token.sign(&key(1));
        let taken = bar.answer(&text, i64::from(token.not_before_s) * 1_000_000);
        assert!(matches!(taken, Answer::Taken(_)), "honest: {taken:?}");
        spent.push(text);
    }
    let frauds = std::env::var("VENUE_FRAUDS").ok().and_then(|count| count.parse().ok()).unwrap_or(FRAUDS);
    for fraud in 0..frauds {
        let (text, at_s) = cheat(&mut random, &spent);
        let answer = bar.answer(&text, at_s * 1_000_000);
        assert!(matches!(answer, Answer::Refused(_)), "fraud {fraud} was taken: {text} at {at_s}: {answer:?}");
    }
    println!("{frauds} frauds, 0 taken");
}

#[test]
fn honest_vouchers_are_taken_with_clocks_off_by_half_a_minute() {
    let (mut random, folder) = (Random(2), tempfile::tempdir().expect("folder"));
    let desk = desk(&folder, "bar", 1);
    let mut refused = 0;
    for _ in 0..20_000 {
        let token = random.token();
        let shown_s = i64::from(token.not_before_s) + random.below(301) as i64;
        let off_s = random.below(61) as i64 - 30;
        refused += u32::from(desk.check(&token, (shown_s + off_s) * 1_000_000).is_err());
    }
    assert_eq!(refused, 0, "under one in a thousand is allowed");
}

/// The same cheats at the board: the ledger sees only vouchers whose token was verified, and codes.
#[test]
fn the_ledger_takes_no_cheat_either() {
    let folder = tempfile::tempdir().expect("folder");
    let mut store = Store::open(&folder.path().join("venue.db")).expect("opens");
    let transaction = store.connection.transaction().expect("begins");
    let Output::Offer(offer) = samples::offer(START_S, "aa") else { panic!("an offer") };
    let mut random = Random(3);
    let mut taken = 0;
    for number in 0..2_000_u64 {
        let token = random.token();
        let code = venue_engine::offers::voucher::code_text(random.next());
        let voucher = token.voucher_hex();
        let offer = Offer { voucher: voucher.as_str().into(), code: code.as_str().into(), ..offer.clone() };
        ledger::issue(&transaction, &offer).expect("issues");
        let at_us = (START_S + random.below(300) as i64) * 1_000_000;
        for attempt in 0..3 {
            let proved = random.below(2) == 0;
            let request = RedeemRequest {
                code: if proved { String::new() } else { code.clone() },
                voucher: proved.then(|| voucher.clone()),
                till: "bar".into(),
                request_id: format!("{number} {attempt}"),
                at_us,
            };
            let (answer, _) = ledger::redeem(&transaction, &request, &samples::venue()).expect("answers");
            taken += usize::from(matches!(answer, Redemption::Redeemed { .. }));
        }
        let guess = venue_engine::offers::voucher::code_text(random.next());
        let (voucher, request_id) = (None, format!("guess {number}"));
        let request = RedeemRequest { code: guess, voucher, till: "bar".into(), request_id, at_us };
        let (answer, _) = ledger::redeem(&transaction, &request, &samples::venue()).expect("answers");
        assert!(matches!(answer, Redemption::Refused(_)), "a guess");
    }
    assert_eq!(taken, 2_000, "each once, of three times shown");
}
