//! The signed text of a voucher, both ways.
//!
//! In: a voucher's facts and the secret key (Ed25519, RFC 8032). Out: text of digits and capitals only, which
//! a QR code holds in its compact alphanumeric mode. Reading gives the facts only after the signature of a
//! known key was checked, strictly (no weak keys, no second form of a signature); it refuses everything else
//! with a reason, without allocating more than the text's length allows.
//!
//! Signed are a purpose and the payload: version 1 (1 byte), key (4), voucher (16), not before (4, seconds
//! since 1970), validity (4, seconds), percent (2, hundredths), tills of the stand (1), its name's length
//! (1), its name. Numbers are big-endian. The text is `VG1` and payload with signature in Crockford's base 32.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;

/// What every token begins with.
pub const PREFIX: &str = "VG1";
/// What a signed time begins with.
pub const TIME_PREFIX: &str = "VT1";
/// A till's clock may be this far off, and a walk to the counter may end this late.
pub const GRACE_S: i64 = 60;
/// Longest token: a stand's name of 64 bytes.
pub const TEXT_LEN_MAX: usize = PREFIX.len() + (FIXED_LEN + STAND_LEN_MAX + SIGNATURE_LEN) * 8 / 5 + 1;

const VERSION: u8 = 1;
const FIXED_LEN: usize = 33;
const STAND_LEN_MAX: usize = venue_engine::venue::NAME_LEN_MAX;
const SIGNATURE_LEN: usize = 64;
/// Signed along, so that no signature for one purpose serves another.
const VOUCHER_PURPOSE: &[u8] = b"venue voucher 1:";
const TIME_PURPOSE: &[u8] = b"venue time 1:";
const TIME_LEN: usize = 12;

/// Crockford's base 32 (crockford.com/base32.html), as the typed codes.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// First four bytes of a public key: enough to pick one of a handful.
pub type KeyId = [u8; 4];

/// The name of a public key within tokens.
pub fn key_id(key: &VerifyingKey) -> KeyId {
    let bytes = key.as_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// The facts of a voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Identity of the voucher, 16 bytes.
    pub voucher: [u8; 16],
    /// The one stand at which it is valid.
    pub stand: String,
    /// Not valid before, seconds since 1970.
    pub not_before_s: u32,
    /// Valid for so many seconds.
    pub validity_s: u32,
    /// Hundredths of a percent off.
    pub percent_hundredths: u16,
    /// Tills of the stand: they share out who may take which voucher when cut off.
    pub tills: u8,
}

/// Why a text is no voucher that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not the text of a token.
    Unreadable,
    /// Of a key that is not known here.
    UnknownKey,
    /// The signature does not belong to it.
    Forged,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "this is not a voucher of this program; scan it again",
            Self::UnknownKey => "this voucher is of another venue, or this till needs the venue's newest key",
            Self::Forged => "this voucher is not genuine",
        })
    }
}

impl Token {
    /// The identity as the ledger writes it.
    pub fn voucher_hex(&self) -> String {
        self.voucher.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The last second at which it is valid, grace left out.
    pub fn expires_s(&self) -> i64 {
        i64::from(self.not_before_s) + i64::from(self.validity_s)
    }

    /// The till, counted from 1, that may take it while cut off; the others may only with the board's word.
    pub fn home_till(&self) -> u8 {
        let number = u64::from_be_bytes(std::array::from_fn(|place| self.voucher[place]));
        (number % u64::from(self.tills.max(1))) as u8 + 1
    }

    /// The signed text.
    pub fn sign(&self, key: &SigningKey) -> String {
        let payload = self.payload(key_id(&key.verifying_key()));
        let signature = key.sign(&[VOUCHER_PURPOSE, &payload].concat());
        text_of(PREFIX, &[&payload[..], &signature.to_bytes()].concat())
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// Why it is no voucher of these keys.
    pub fn verify(text: &str, keys: &[VerifyingKey]) -> Result<Self, TokenError> {
        let bytes = bytes_of(PREFIX, text, TEXT_LEN_MAX).ok_or(TokenError::Unreadable)?;
        let (payload, signature) = bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(TokenError::Unreadable)?;
        let (key, token) = Self::read(payload).ok_or(TokenError::Unreadable)?;
        let mut known = keys.iter().filter(|known| key_id(known) == key).peekable();
        known.peek().ok_or(TokenError::UnknownKey)?;
        let signed = [VOUCHER_PURPOSE, payload].concat();
        let signature = Signature::from_bytes(signature);
        let genuine = known.any(|key| key.verify_strict(&signed, &signature).is_ok());
        if genuine { Ok(token) } else { Err(TokenError::Forged) }
    }

    fn payload(&self, key: KeyId) -> Vec<u8> {
        let stand = &self.stand.as_bytes()[..self.stand.len().min(STAND_LEN_MAX)];
        let mut bytes = vec![VERSION];
        bytes.extend(key);
        bytes.extend(self.voucher);
        bytes.extend(self.not_before_s.to_be_bytes());
        bytes.extend(self.validity_s.to_be_bytes());
        bytes.extend(self.percent_hundredths.to_be_bytes());
        bytes.extend([self.tills, stand.len() as u8]);
        bytes.extend(stand);
        bytes
    }

    fn read(payload: &[u8]) -> Option<(KeyId, Self)> {
        let (fixed, stand) = payload.split_first_chunk::<FIXED_LEN>()?;
        let number = |from: usize| u32::from_be_bytes(std::array::from_fn(|place| fixed[from + place]));
        let stand = std::str::from_utf8(stand).ok().filter(|stand| stand.len() == usize::from(fixed[32]))?;
        let token = Self {
            voucher: std::array::from_fn(|place| fixed[5 + place]),
            stand: stand.to_owned(),
            not_before_s: number(21),
            validity_s: number(25),
            percent_hundredths: u16::from_be_bytes([fixed[29], fixed[30]]),
            tills: fixed[31],
        };
        (fixed[0] == VERSION).then(|| (std::array::from_fn(|place| fixed[1 + place]), token))
    }
}

/// The board's time, signed, for a till whose clock is off.
pub fn sign_time(at_us: i64, key: &SigningKey) -> String {
    let payload = [&key_id(&key.verifying_key())[..], &at_us.to_be_bytes()].concat();
    let signature = key.sign(&[TIME_PURPOSE, &payload].concat());
    text_of(TIME_PREFIX, &[&payload[..], &signature.to_bytes()].concat())
}

/// The time of a signed time.
///
/// # Errors
/// Why it is none of these keys.
pub fn verify_time(text: &str, keys: &[VerifyingKey]) -> Result<i64, TokenError> {
    let bytes = bytes_of(TIME_PREFIX, text, TEXT_LEN_MAX).ok_or(TokenError::Unreadable)?;
    let (payload, signature) = bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(TokenError::Unreadable)?;
    let payload: &[u8; TIME_LEN] = payload.try_into().map_err(|_| TokenError::Unreadable)?;
    let signed = [TIME_PURPOSE, payload].concat();
    let signature = Signature::from_bytes(signature);
    let mut known = keys.iter().filter(|key| key_id(key) == payload[..4]).peekable();
    known.peek().ok_or(TokenError::UnknownKey)?;
    if !known.any(|key| key.verify_strict(&signed, &signature).is_ok()) {
        return Err(TokenError::Forged);
    }
    Ok(i64::from_be_bytes(std::array::from_fn(|place| payload[4 + place])))
}

/// Bytes as a prefix and base 32, five bits a character, the last one filled up with zeros.
fn text_of(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + bytes.len() * 8 / 5 + 1);
    text.push_str(prefix);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
}

/// The bytes of such a text; `None` where it is none, or is not written as `text_of` writes it.
fn bytes_of(prefix: &str, text: &str, len_max: usize) -> Option<Vec<u8>> {
    let characters = text.trim().strip_prefix(prefix).filter(|rest| rest.len() + prefix.len() <= len_max)?;
    let (mut held, mut bits) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(characters.len() * 5 / 8);
    for character in characters.bytes() {
        let value = ALPHABET.iter().position(|known| *known == character)?;
        held = held << 5 | value as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    let rest = held & ((1 << bits) - 1);
    (bits < 5 && rest == 0).then_some(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    pub(crate) fn token(number: u8) -> Token {
        Token {
            voucher: [number; 16],
            stand: "bar".to_owned(),
            not_before_s: 1_763_700_000,
            validity_s: 300,
            percent_hundredths: 2_000,
            tills: 2,
        }
    }

    #[test]
    fn a_signed_voucher_is_read_back_and_fits_a_small_code() {
        let text = token(7).sign(&key(1));
        assert_eq!(Token::verify(&text, &[key(2).verifying_key(), key(1).verifying_key()]), Ok(token(7)));
        assert!(text.len() <= 170 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{text}");
        let long = Token { stand: "ü".repeat(32), ..token(1) };
        let text = long.sign(&key(1));
        assert!(text.len() <= TEXT_LEN_MAX, "{}", text.len());
        assert_eq!(Token::verify(&text, &[key(1).verifying_key()]), Ok(long));
    }

    #[test]
    fn no_changed_character_passes() {
        let text = token(7).sign(&key(1));
        let keys = [key(1).verifying_key()];
        for place in 0..text.len() {
            for other in [b'0', b'Z', b'7'] {
                let mut bytes = text.clone().into_bytes();
                if bytes[place] == other {
                    continue;
                }
                bytes[place] = other;
                let changed = String::from_utf8(bytes).expect("ASCII");
                assert!(Token::verify(&changed, &keys).is_err(), "place {place}: {changed}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        let check = |text: &str, expected: TokenError| {
            assert_eq!(Token::verify(text, &[key(1).verifying_key()]), Err(expected), "{text:.40}");
        };
        let good = token(7).sign(&key(1));
        check("", TokenError::Unreadable);
        check("VG1", TokenError::Unreadable);
        check(&good[..good.len() - 8], TokenError::Unreadable);
        check(&good[..60], TokenError::Unreadable);
        check(&good.to_lowercase(), TokenError::Unreadable);
        check(&format!("{good}0"), TokenError::Unreadable);
        check(&format!("VG1{}", "Ö".repeat(50)), TokenError::Unreadable);
        check(&format!("VG1{}", "0".repeat(100_000)), TokenError::Unreadable);
        check(&token(7).sign(&key(9)), TokenError::UnknownKey);
        check(&sign_time(5, &key(1)), TokenError::Unreadable);
    }

    #[test]
    fn a_signed_time_is_read_back_and_is_no_voucher() {
        let keys = [key(1).verifying_key()];
        let text = sign_time(1_763_700_000_123_456, &key(1));
        assert_eq!(verify_time(&text, &keys), Ok(1_763_700_000_123_456));
        assert_eq!(verify_time(&text, &[key(2).verifying_key()]), Err(TokenError::UnknownKey));
        assert!(verify_time(&text.replace("VT1", "VG1"), &keys).is_err());
        assert!(Token::verify(&text.replace("VT1", "VG1"), &keys).is_err());
        assert!(verify_time(&token(7).sign(&key(1)).replace("VG1", "VT1"), &keys).is_err());
    }

    #[test]
    fn every_voucher_has_one_home_among_the_tills() {
        let homes: Vec<u8> = (0..4).map(|number| Token { tills: 2, ..token(number) }.home_till()).collect();
        assert_eq!(homes, [1, 2, 1, 2]);
        assert_eq!(Token { tills: 0, ..token(9) }.home_till(), 1);
    }
}
