//! Identity and code of a voucher.
//!
//! In: a secret seed, the moment and the number of vouchers made before. Out: an identity (32 hex digits: the
//! millisecond in 48 bits, then 80 bits of hash; told over MQTT and shown to nobody) and a code (50 bits, 10
//! characters of Crockford's base 32, typed at the till). Neither can be computed from the other without the seed. Refuses codes
//! that are not ten such characters; whether a code was ever given out is for the ledger to say.

use super::choice::SecretHash;
use crate::time::Timestamp;
use std::fmt::Write as _;

/// Characters of a code. 32^10 codes against at most 100 000 vouchers alive: a guess is right once in ten billion.
pub const CODE_LEN: usize = 10;

/// Crockford's base 32 (crockford.com/base32.html): no I, L, O and U, so nothing looks like 1 or 0 or an oath.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Bits of an identity that say when it was made.
const MOMENT_BITS: u32 = 48;

/// Bits of one character.
const CHARACTER_BITS: u32 = 5;

/// The identity of one voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherNames {
    /// 32 hex digits.
    pub voucher: String,
    /// Ten characters without separators.
    pub code: String,
}

/// Makes the names of vouchers, each only once.
#[derive(Debug)]
pub struct VoucherMaker {
    identity: SecretHash,
    code: SecretHash,
    made: u64,
}

impl VoucherMaker {
    /// A maker whose vouchers nobody without `seed` can foretell.
    pub fn new(seed: u64) -> Self {
        Self {
            identity: SecretHash::new(seed, "voucher identity"),
            code: SecretHash::new(seed, "voucher code"),
            made: 0,
        }
    }

    /// Names for the next voucher. The moment is hashed along with the counter, so that a maker that
    /// starts again with the same seed does not repeat the names it gave before. It also leads the identity, so
    /// that a ledger ordered by identity grows at its end.
    pub fn next(&mut self, at: Timestamp) -> VoucherNames {
        self.made += 1;
        let counter = [self.made.to_le_bytes(), at.as_micros().to_le_bytes()].concat();
        let mut voucher = String::with_capacity(32);
        let millisecond = at.as_micros().div_euclid(1_000) & ((1 << MOMENT_BITS) - 1);
        let number = (millisecond as u128) << (128 - MOMENT_BITS) | self.identity.of(&counter) >> MOMENT_BITS;
        write!(voucher, "{number:032x}").expect("a String takes everything");
        VoucherNames { voucher, code: code_text(self.code.of(&counter) as u64) }
    }
}

/// The code of a number; only its lowest 50 bits count.
pub fn code_text(number: u64) -> String {
    let character = |place: u32| ALPHABET[(number >> (place * CHARACTER_BITS) & 31) as usize] as char;
    (0..CODE_LEN as u32).rev().map(character).collect()
}

/// The number of a code as a person typed it, or `None` where it is not a code. Lower case, dashes and
/// spaces are fine; I and L are read as 1, O as 0.
pub fn code_number(typed: &str) -> Option<u64> {
    let (mut number, mut count) = (0_u64, 0);
    for character in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let upper = match character.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| char::from(*known) == upper)?;
        // Past the length nothing can become a code any more, however long the text goes on.
        if count == CODE_LEN {
            return None;
        }
        number = number << CHARACTER_BITS | value as u64;
        count += 1;
    }
    (count == CODE_LEN).then_some(number)
}

/// The one way of writing a code that a person typed, or `None` where it is not a code.
pub fn normalise_code(typed: &str) -> Option<String> {
    code_number(typed).map(code_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let check = |typed: &str, expected: Option<&str>| {
            assert_eq!(normalise_code(typed).as_deref(), expected, "{typed:?}");
        };
        check("0123456789", Some("0123456789"));
        check("ABCDE-FGHJK", Some("ABCDEFGHJK"));
        check(" abcde fghjk ", Some("ABCDEFGHJK"));
        check("IiLl1-OoO00", Some("1111100000"));
        check("ABCDEFGHJ", None);
        check("ABCDEFGHJKM", None);
        check("ABCDEFGHJU", None);
        check("ABCDEFGHJ*", None);
        check("ÄBCDEFGHJK", None);
        check("", None);
        check(&"1".repeat(100_000), None);
    }

    #[test]
    fn the_ends_of_the_range_have_their_codes() {
        assert_eq!(code_text(0), "0000000000");
        assert_eq!(code_text((1 << 50) - 1), "ZZZZZZZZZZ");
        assert_eq!(code_text(u64::MAX), "ZZZZZZZZZZ");
        assert_eq!(code_number("0000000010"), Some(32));
    }

    #[test]
    fn names_are_shaped_right_never_repeat_and_differ_by_seed_and_by_moment() {
        let at = Timestamp::from_micros(1_763_700_000_000_000);
        let mut maker = VoucherMaker::new(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10_000 {
            let names = maker.next(at);
            assert!(names.voucher.len() == 32 && names.voucher.bytes().all(|b| b.is_ascii_hexdigit()));
            assert_eq!(normalise_code(&names.code).as_ref(), Some(&names.code));
            assert!(seen.insert(names.voucher) && seen.insert(names.code));
        }
        let first = |seed, at| VoucherMaker::new(seed).next(at);
        assert_eq!(first(7, at), first(7, at));
        assert_ne!(first(7, at), first(8, at));
        assert_ne!(first(7, at), first(7, at + crate::time::Duration::from_micros(1)));
    }

    proptest! {
        #[test]
        fn every_number_survives_the_way_there_and_back(number in 0_u64..1 << 50) {
            prop_assert_eq!(code_number(&code_text(number)), Some(number));
        }

        #[test]
        fn no_text_panics_and_what_is_read_is_stable(typed in "\\PC{0,24}") {
            if let Some(code) = normalise_code(&typed) {
                prop_assert_eq!(normalise_code(&code), Some(code));
            }
        }
    }
}
