//! A guess at what kind of device sends, and what says so.
//!
//! In: pieces of evidence from frames, service lists and the appearance. Out: the strongest. It claims
//! nothing without evidence.

/// A guess at what kind of device sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A phone, tablet or computer of somebody.
    Phone,
    /// A watch or fitness band.
    Watch,
    /// Earphones, speaker.
    Audio,
    /// A finder tag.
    Tag,
    /// A beacon or sensor.
    Beacon,
    /// Fixed equipment.
    Fixed,
    /// No evidence.
    #[default]
    Unknown,
}

impl DeviceClass {
    /// Its name in lines and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Watch => "watch",
            Self::Audio => "audio",
            Self::Tag => "tag",
            Self::Beacon => "beacon",
            Self::Fixed => "fixed",
            Self::Unknown => "unknown",
        }
    }
}

/// The strongest evidence so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// What it seems to be.
    pub class: DeviceClass,
    /// What says so; empty without evidence.
    pub evidence: &'static str,
}

impl Guess {
    /// Takes one more piece of evidence. Something special beats "phone", which beats nothing: computers and
    /// tablets send what phones send, while nothing else sends what an earphone does.
    pub fn weigh(&mut self, (class, evidence): (DeviceClass, &'static str)) {
        let stronger = match self.class {
            DeviceClass::Unknown => true,
            DeviceClass::Phone => class != DeviceClass::Unknown && class != DeviceClass::Phone,
            _ => false,
        };
        if stronger {
            *self = Self { class, evidence };
        }
    }
}

/// What a listed or used 16-bit service says (Assigned Numbers 3.4 and 3.10).
pub fn of_service(service: u16) -> (DeviceClass, &'static str) {
    match service {
        0x180d => (DeviceClass::Watch, "heart rate service"),
        0x1814 => (DeviceClass::Watch, "running speed service"),
        // "Detecting Unwanted Location Trackers", draft-ietf-dult-accessory-protocol, 3.3.
        0xfcb2 => (DeviceClass::Tag, "unwanted tracking service"),
        0xfeed => (DeviceClass::Tag, "Tile service"),
        0xfd5a => (DeviceClass::Tag, "Samsung SmartTag service"),
        _ => (DeviceClass::Unknown, ""),
    }
}

/// What an appearance says: its category is in the upper ten bits (Assigned Numbers 2.6.2).
pub fn of_appearance(appearance: u16) -> (DeviceClass, &'static str) {
    let class = match appearance >> 6 {
        // Phone, computer.
        0x001 | 0x002 => DeviceClass::Phone,
        // Watch, outdoor sports activity.
        0x003 | 0x051 => DeviceClass::Watch,
        // Tag, keyring.
        0x008 | 0x009 => DeviceClass::Tag,
        // Sensor.
        0x015 => DeviceClass::Beacon,
        // Audio sink, audio source, wearable audio device, hearing aid.
        0x021 | 0x022 | 0x025 | 0x029 => DeviceClass::Audio,
        // Display, light fixtures to window covering, domestic appliance, audio/video equipment, display
        // equipment, signage.
        0x005 | 0x016..=0x020 | 0x024 | 0x027 | 0x028 | 0x02b => DeviceClass::Fixed,
        _ => DeviceClass::Unknown,
    };
    (class, "appearance")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_beats_phone_beats_nothing() {
        let mut guess = Guess::default();
        for (class, evidence, expected) in [
            (DeviceClass::Unknown, "", DeviceClass::Unknown),
            (DeviceClass::Phone, "a", DeviceClass::Phone),
            (DeviceClass::Unknown, "", DeviceClass::Phone),
            (DeviceClass::Audio, "b", DeviceClass::Audio),
            (DeviceClass::Phone, "c", DeviceClass::Audio),
            (DeviceClass::Tag, "d", DeviceClass::Audio),
        ] {
            guess.weigh((class, evidence));
            assert_eq!(guess.class, expected);
        }
        assert_eq!(guess.evidence, "b");
    }

    #[test]
    fn appearances_by_category() {
        assert_eq!(of_appearance(0x00c2).0, DeviceClass::Watch);
        assert_eq!(of_appearance(0x0941).0, DeviceClass::Audio);
        assert_eq!(of_appearance(0), (DeviceClass::Unknown, "appearance"));
    }
}
