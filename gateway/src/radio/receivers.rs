//! Adverts from receivers of other makers, over MQTT: one file a dialect.
//!
//! In: topics and JSON as their firmware publishes them. Out: adverts with the name their receiver has in its
//! own dialect. They refuse what is not exactly such a message, and whatever has no address.
//!
//! These receivers know nothing of our epochs, so raw addresses cross the venue's own broker; they end in the
//! engine like those an adapter hears. Adverts are stamped on arrival: of the dialects only one has a clock,
//! and that counts whole seconds. A dialect that does not say whether an address is public means random.

mod espresense;
mod openmqttgateway;
mod ruuvi;
mod shelly;

use crate::radio::AdvertBatch;
use std::collections::BTreeMap;
use std::str::FromStr;
use venue_engine::advert::{Address, AddressType, PAYLOAD_LEN_MAX};
use venue_engine::time::Timestamp;
use venue_engine::venue::Venue;

/// Receivers named in a configuration at most: as many as a venue may have (design limit).
pub const RECEIVERS_MAX: usize = 32;

/// Whose firmware a receiver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// ESPresense: a message a device and room.
    Espresense,
    /// OpenMQTTGateway, and Theengs Gateway, which speaks alike.
    OpenMqttGateway,
    /// Ruuvi Gateway.
    RuuviGateway,
    /// Shelly devices with the Bluetooth gateway script.
    Shelly,
}

/// All dialects.
const DIALECTS: [Dialect; 4] = [Dialect::Espresense, Dialect::OpenMqttGateway, Dialect::RuuviGateway, Dialect::Shelly];

impl Dialect {
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Espresense => "espresense",
            Self::OpenMqttGateway => "openmqttgateway",
            Self::RuuviGateway => "ruuvi-gateway",
            Self::Shelly => "shelly",
        }
    }

    /// The topics its messages come on.
    pub fn filter(self) -> &'static str {
        match self {
            Self::Espresense => espresense::FILTER,
            Self::OpenMqttGateway => openmqttgateway::FILTER,
            Self::RuuviGateway => ruuvi::FILTER,
            Self::Shelly => shelly::FILTER,
        }
    }

    /// The dialect a topic belongs to.
    pub fn of_topic(topic: &str) -> Option<Self> {
        DIALECTS.into_iter().find(|dialect| matches(dialect.filter(), topic))
    }

    /// Reads one message and tells every advert in it.
    ///
    /// # Errors
    /// The reason it was refused. What was told before stands.
    pub fn read(self, topic: &str, message: &[u8], tell: impl FnMut(Heard<'_>)) -> Result<(), &'static str> {
        match self {
            Self::Espresense => espresense::read(topic, message, tell),
            Self::OpenMqttGateway => openmqttgateway::read(topic, message, tell),
            Self::RuuviGateway => ruuvi::read(topic, message, tell),
            Self::Shelly => shelly::read(topic, message, tell),
        }
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = DIALECTS.into_iter().find(|dialect| dialect.as_str() == text);
        known.ok_or_else(|| format!("write one of {}", DIALECTS.map(Self::as_str).join(", ")))
    }
}

/// One advert as such a receiver tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard<'a> {
    /// The receiver's name in its own dialect.
    pub gateway: &'a str,
    /// Who sent it.
    pub address: Address,
    /// Strength, where told.
    pub rssi_dbm: Option<i8>,
    /// Advertising data; empty where the dialect does not tell it.
    pub payload: &'a [u8],
}

/// A receiver of another maker: what it calls itself, and which of the floor plan it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Whose firmware.
    pub dialect: Dialect,
    /// Its name there.
    pub gateway: String,
    /// Its name in the floor plan.
    pub receiver: String,
}

/// Takes a message into a batch, each advert stamped with `at`; what was refused is counted by reason.
pub fn take(
    known: &[Foreign],
    venue: &Venue,
    at: Timestamp,
    (topic, message): (&str, &[u8]),
    refused: &mut BTreeMap<&'static str, u64>,
) -> AdvertBatch {
    let mut batch = AdvertBatch::default();
    let Some(dialect) = Dialect::of_topic(topic) else {
        *refused.entry("not-a-board").or_default() += 1;
        return batch;
    };
    let read = dialect.read(topic, message, |heard| {
        let mut all = known.iter().filter(|foreign| foreign.dialect == dialect);
        let receiver = all.find(|foreign| foreign.gateway.eq_ignore_ascii_case(heard.gateway));
        match receiver.and_then(|foreign| venue.receiver(&foreign.receiver)) {
            Some(receiver) => batch.push_raw(at, receiver, heard.address, heard.rssi_dbm, heard.payload),
            None => *refused.entry("unknown-receiver").or_default() += 1,
        }
    });
    if let Err(why) = read {
        *refused.entry(why).or_default() += 1;
    }
    batch
}

/// Whether a topic fits a filter whose `+` each stand for one level.
fn matches(filter: &str, topic: &str) -> bool {
    let (mut levels, mut wanted) = (topic.split('/'), filter.split('/'));
    loop {
        match (levels.next(), wanted.next()) {
            (None, None) => return true,
            (Some(level), Some(wanted)) if wanted == "+" || wanted == level => {}
            _ => return false,
        }
    }
}

/// An address of twelve hex digits, with or without colons or dashes.
fn address(text: &str, kind: AddressType) -> Option<Address> {
    let digits: String = text.chars().filter(|character| !":-".contains(*character)).take(13).collect();
    Some(Address { bytes: hex(&digits)?.try_into().ok()?, kind })
}

/// Bytes in hex; no more than an advert can hold.
fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    if !odd.is_empty() || pairs.len() > PAYLOAD_LEN_MAX {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((nibble(*high)? << 4 | nibble(*low)?) as u8)).collect()
}

/// A strength as JSON has it: +127 means not available, and what no radio measures is none either.
fn strength(rssi_dbm: Option<f64>) -> Option<i8> {
    rssi_dbm.filter(|rssi_dbm| (-127.0..=20.0).contains(rssi_dbm)).map(|rssi_dbm| rssi_dbm.round() as i8)
}

#[cfg(test)]
mod tests;
