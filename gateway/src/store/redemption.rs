//! What a till asks of the ledger and what it is told.
//!
//! In: a code or a verified voucher, the till, the identity of its request. Out: yes with what it is worth,
//! or one of the reasons for no, each with a word for machines and a sentence for people.

use super::settle;

/// A till asks to redeem a code.
#[derive(Clone, Debug)]
pub struct RedeemRequest {
    /// As typed or scanned: case, spaces and dashes do not matter, O is 0, I and L are 1.
    pub code: String,
    /// The voucher of a token whose signature was verified; then the code does not matter.
    pub voucher: Option<String>,
    /// The till's name. Where it is a queue's name, alone or before a `/`, vouchers of other stands are refused.
    pub till: String,
    /// The till's own identity of this request, the same when it is repeated.
    pub request_id: String,
    /// Event time.
    pub at_us: i64,
}

/// What the till is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Redemption {
    /// The voucher is used now.
    Redeemed {
        /// Identity of the voucher.
        voucher: String,
        /// Campaign it comes from.
        campaign: String,
        /// Where it is valid.
        stand: String,
        /// Percent off.
        percent: f64,
        /// Who held it.
        attendee: String,
    },
    /// It is not, and why.
    Refused(RefusalReason),
}

/// Why a code was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// No voucher has this code.
    UnknownCode,
    /// It was used before.
    AlreadyRedeemed {
        /// When, event time.
        at_us: i64,
    },
    /// Its validity is over.
    Expired {
        /// Since when, event time.
        at_us: i64,
    },
    /// It is valid at another stand.
    WrongStand,
    /// Its validity has not begun.
    NotYet {
        /// When it begins, event time.
        at_us: i64,
    },
    /// A token that is none of ours, or was changed.
    NotGenuine,
    /// It was withdrawn.
    Revoked,
    /// Another till is about to redeem it.
    Held,
    /// This request's redemption was taken back.
    RolledBack,
    /// The request's identity was used for another code before.
    RequestReused,
    /// The request is empty or too long somewhere.
    InvalidRequest,
}

impl RefusalReason {
    /// The reason in one word, for machines.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownCode => "unknown-code",
            Self::AlreadyRedeemed { .. } => "already-redeemed",
            Self::Expired { .. } => "expired",
            Self::WrongStand => "wrong-stand",
            Self::NotYet { .. } => "not-yet",
            Self::NotGenuine => "not-genuine",
            Self::Revoked => "revoked",
            Self::Held => "held",
            Self::RolledBack => settle::ROLLED_BACK,
            Self::RequestReused => "request-reused",
            Self::InvalidRequest => "invalid-request",
        }
    }

    /// The reason in a sentence, for till staff.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::UnknownCode => "No voucher has this code. Check it letter by letter.",
            Self::AlreadyRedeemed { .. } => "This voucher has already been used.",
            Self::Expired { .. } => "This voucher is no longer valid.",
            Self::WrongStand => "This voucher is for another stand.",
            Self::NotYet { .. } => "This voucher is not valid yet.",
            Self::NotGenuine => "This is not a genuine voucher of this venue.",
            Self::Revoked => "This voucher was withdrawn.",
            Self::Held => "Another till is just taking this voucher. Try again in a minute.",
            Self::RolledBack => "This redemption was taken back. Start a new one.",
            Self::RequestReused => "This request was already made for another code. Start a new one.",
            Self::InvalidRequest => "The request lacks a code or an identity, or one is too long.",
        }
    }

    pub(super) fn at_us(&self) -> Option<i64> {
        match self {
            Self::AlreadyRedeemed { at_us } | Self::Expired { at_us } | Self::NotYet { at_us } => Some(*at_us),
            _ => None,
        }
    }

    pub(super) fn from_row(word: &str, at_us: Option<i64>) -> Option<Self> {
        let at_us = at_us.unwrap_or_default();
        match word {
            "already-redeemed" => Some(Self::AlreadyRedeemed { at_us }),
            "expired" => Some(Self::Expired { at_us }),
            "wrong-stand" => Some(Self::WrongStand),
            "not-yet" => Some(Self::NotYet { at_us }),
            "revoked" => Some(Self::Revoked),
            "held" => Some(Self::Held),
            settle::ROLLED_BACK => Some(Self::RolledBack),
            _ => None,
        }
    }
}
