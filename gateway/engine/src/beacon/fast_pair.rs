//! Google Fast Pair: accessories that can be paired, or that tell their owner's phone they are near.
//!
//! In: service data of FE2C. Out: the model while discoverable, else the account data, which says nothing
//! to others. It refuses account data whose fields do not fill it exactly. Source: Google, "Fast Pair",
//! provider advertising payload.

use crate::advert::Refusal;

/// Service UUID of Fast Pair.
pub const SERVICE: u16 = 0xfe2c;

/// A decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastPair<'a> {
    /// Ready to be paired: 24-bit model identifier.
    Model([u8; 3]),
    /// Paired: version and flags, then fields of length, type and value.
    Account(&'a [u8]),
}

/// Reads the data after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<FastPair<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("fast-pair"), why };
    if let Ok(model) = <[u8; 3]>::try_from(data) {
        return Ok(FastPair::Model(model));
    }
    let Some((0, fields)) = data.split_first().map(|(version, fields)| (*version, fields)) else {
        return Err(refuse(0, "neither a model of 3 bytes nor account data of version 0"));
    };
    let mut rest = fields;
    while let Some((head, after)) = rest.split_first() {
        // Length in the upper half, type in the lower.
        match after.get(usize::from(head >> 4)..) {
            Some(next) => rest = next,
            None => return Err(refuse(data.len() - rest.len(), "a field is longer than the data")),
        }
    }
    if fields.is_empty() { Err(refuse(1, "no account data")) } else { Ok(FastPair::Account(data)) }
}
