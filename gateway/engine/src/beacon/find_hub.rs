//! Google Find Hub: a tag or device that others help to find.
//!
//! In: Eddystone service data of frame type 40 or 41. Out: whether it asks others to warn of unwanted
//! tracking. The identifier is ephemeral and means nothing here. It refuses other lengths. Source: Google,
//! "Find Hub Network Accessory Specification" v1.3, advertised frames.

use crate::advert::Refusal;

/// Frame type of a tag near its owner.
pub const WITH_OWNER: u8 = 0x40;
/// Frame type of a tag in unwanted-tracking-protection mode, away from its owner.
pub const SEPARATED: u8 = 0x41;

/// A decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindHub<'a> {
    /// Away from its owner.
    pub separated: bool,
    /// Ephemeral identifier: 20 bytes, or 32 in an extended advertisement.
    pub eid: &'a [u8],
}

/// Reads the data after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<FindHub<'_>, Refusal> {
    let refuse = |offset, why| Refusal { at: at + offset, format: Some("find-hub"), why };
    let Some((kind @ (&WITH_OWNER | &SEPARATED), rest)) = data.split_first() else {
        return Err(refuse(0, "the frame type is neither 40 nor 41"));
    };
    // The identifier, then one byte of hashed flags that earlier versions left out.
    let eid = match rest.len() {
        20 | 21 => &rest[..20],
        32 | 33 => &rest[..32],
        length => return Err(refuse(1 + length.min(33), "the identifier is neither 20 bytes nor 32")),
    };
    Ok(FindHub { separated: *kind == SEPARATED, eid })
}
