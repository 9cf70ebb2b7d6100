//! Vouchers that prove themselves: signed tokens for the QR code, the board's keys, a till's own books.
//!
//! In: vouchers of the ledger. Out: tokens that anybody with the public key can check and nobody without the
//! secret one can make. `token` is the shape, `keys` the file of keys, `desk` a till that is cut off.

pub mod desk;
pub mod keys;
pub mod picture;
pub mod spent;
pub mod token;

#[cfg(test)]
mod fraud_tests;
