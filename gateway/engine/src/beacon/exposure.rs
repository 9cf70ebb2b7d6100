//! Exposure Notification: a phone that took part in contact tracing.
//!
//! In: service data of FD6F. Out: the rolling identifier and its encrypted metadata, neither of which means
//! anything here. It refuses any other length. Source: Apple and Google, "Exposure Notification Bluetooth
//! Specification" v1.2.

use crate::advert::Refusal;

/// Service UUID of Exposure Notification.
pub const SERVICE: u16 = 0xfd6f;

/// A decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Rolling proximity identifier.
    pub identifier: [u8; 16],
    /// Associated encrypted metadata.
    pub metadata: [u8; 4],
}

/// Reads the data after the service UUID, which begins at byte `at` of the payload.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn parse(data: &[u8], at: usize) -> Result<Exposure, Refusal> {
    match <[u8; 20]>::try_from(data) {
        Ok([identifier @ .., m0, m1, m2, m3]) => Ok(Exposure { identifier, metadata: [m0, m1, m2, m3] }),
        Err(_) => {
            Err(Refusal { at: at + data.len().min(20), format: Some("exposure-notification"), why: "not 20 bytes" })
        }
    }
}
