//! AES-128 as beacons and phones use it: one block, and the counter mode with a check that seals readings.
//!
//! In: keys and bytes. Out: a block, or opened bytes. It refuses sealed bytes whose check does not fit. It
//! keeps no key. Sources: FIPS-197; RFC 3610 (CCM) with 12 or 13 bytes of nonce and 4 of check, as BTHome has it.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Block};

/// A 128-bit key. It has no `Display` and its `Debug` hides the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// A key made ready: its schedule takes ten times as long as a block.
#[derive(Clone)]
pub struct Cipher(Aes128);

impl Cipher {
    /// Makes a key ready.
    pub fn new(key: Key) -> Self {
        Self(Aes128::new(&key.0.into()))
    }

    /// One block, most significant byte first.
    pub fn block(&self, plain: [u8; 16]) -> [u8; 16] {
        let mut block = Block::from(plain);
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

/// Bytes a nonce may have, which leaves three or two for the length.
const NONCE_LENS: std::ops::RangeInclusive<usize> = 12..=13;
/// Bytes of the check.
pub const CHECK_LEN: usize = 4;
/// Longest bytes opened: what an advert can hold.
const SEALED_LEN_MAX: usize = 1_650;

/// Opens sealed bytes; `None` where the check does not fit, or there are more than an advert can hold.
/// `associated` is checked with them and may hold up to 14 bytes.
pub fn open(key: Key, nonce: &[u8], associated: &[u8], sealed: &[u8], check: [u8; CHECK_LEN]) -> Option<Vec<u8>> {
    if sealed.len() > SEALED_LEN_MAX || associated.len() > 14 || !NONCE_LENS.contains(&nonce.len()) {
        return None;
    }
    let cipher = Cipher::new(key);
    let stream = |counter: u16| cipher.block(framed(0, nonce, counter));
    let mut plain = sealed.to_vec();
    for (chunk, counter) in plain.chunks_mut(16).zip(1..) {
        chunk.iter_mut().zip(stream(counter)).for_each(|(byte, key)| *byte ^= key);
    }
    let authentic = authenticate(&cipher, nonce, associated, &plain);
    let mask = stream(0);
    let fits = check.iter().zip(authentic).zip(mask).fold(0, |wrong, ((a, b), c)| wrong | (a ^ b ^ c)) == 0;
    fits.then_some(plain)
}

/// The first block of the check and the blocks of the counter have one shape: flags, whose lowest bits are
/// the bytes of the length less one (RFC 3610, 2.2 and 2.3), nonce and a number.
fn framed(flags: u8, nonce: &[u8], number: u16) -> [u8; 16] {
    let mut block = [0; 16];
    block[0] = flags | (14 - nonce.len()) as u8;
    block[1..=nonce.len()].copy_from_slice(nonce);
    block[14..].copy_from_slice(&number.to_be_bytes());
    block
}

/// The chained check over the length, what is associated and the plain bytes.
fn authenticate(cipher: &Cipher, nonce: &[u8], associated: &[u8], plain: &[u8]) -> [u8; 16] {
    // Flags: 40 for associated bytes, (4 - 2) / 2 in bits 3 to 5 for the check.
    let flags = 0x08 | if associated.is_empty() { 0 } else { 0x40 };
    let mut sum = cipher.block(framed(flags, nonce, plain.len() as u16));
    let mut take = |chunk: &[u8]| {
        sum.iter_mut().zip(chunk).for_each(|(sum, byte)| *sum ^= byte);
        sum = cipher.block(sum);
    };
    if !associated.is_empty() {
        let mut block = vec![0, associated.len() as u8];
        block.extend(associated);
        take(&block);
    }
    plain.chunks(16).for_each(take);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS-197, Appendix C.1.
    #[test]
    fn one_block() {
        let key: [u8; 16] = std::array::from_fn(|place| place as u8);
        let plain: [u8; 16] = std::array::from_fn(|place| place as u8 * 0x11);
        let cipher = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
        assert_eq!(Cipher::new(Key(key)).block(plain), cipher);
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let key = Key(*b"0123456789abcdef");
        let (nonce, plain) = ([7; 13], [0x55; 40]);
        let cipher = Cipher::new(key);
        let mut sealed = plain.to_vec();
        for (chunk, counter) in sealed.chunks_mut(16).zip(1..) {
            let stream = cipher.block(framed(0, &nonce, counter));
            chunk.iter_mut().zip(stream).for_each(|(byte, key)| *byte ^= key);
        }
        let sum = authenticate(&cipher, &nonce, b"a", &plain);
        let mask = cipher.block(framed(0, &nonce, 0));
        let check = std::array::from_fn(|place| sum[place] ^ mask[place]);
        assert_eq!(open(key, &nonce, b"a", &sealed, check), Some(plain.to_vec()));
        assert_eq!(open(key, &nonce, b"b", &sealed, check), None);
        assert_eq!(open(key, &nonce, b"", &sealed, check), None);
        assert_eq!(open(key, &[8; 13], b"a", &sealed, check), None);
        sealed[39] ^= 1;
        assert_eq!(open(key, &nonce, b"a", &sealed, check), None);
        assert_eq!(open(key, &nonce, b"a", &[0; SEALED_LEN_MAX + 1], check), None);
    }
}
