//! Literal frames from the specifications and from public test vectors, and every way to break them.

use super::*;
use crate::cipher::Key;

/// Whole advertising data in hex, and the formats it holds. Sources: each format's specification; for
/// telemetry of Minew and Find Hub reelyActive advlib's test vectors, for Kontakt.io developer.kontakt.io.
const EXAMPLES: [(&str, &[&str]); 26] = [
    ("02011a1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5", &["ibeacon"]),
    ("0201060303aafe1716aafe00ec0102030405060708090a0b0c0d0e0f100000", &["eddystone-uid"]),
    ("0d16aafe10ec02676f6f676c6507", &["eddystone-url"]),
    ("0201060303aafe1116aafe20000bb8178000000064000003e8", &["eddystone-tlm"]),
    ("1516aafe2001000102030405060708090a0b1234abcd", &["eddystone-etlm"]),
    ("0d16aafe30ec0102030405060708", &["eddystone-eid"]),
    ("1bff1801beac0102030405060708090a0b0c0d0e0f1011121314c500", &["altbeacon"]),
    ("02010611ff990403291a1ece1efc18f94202ca0b53", &["ruuvi"]),
    ("0201061bff99040512fc5394c37c0004fffc040cac364200cdcbb8334c884f", &["ruuvi"]),
    ("0201060a16d2fc4002ca0903bf13", &["bthome"]),
    ("1816d2fc43a5808fe64854f196c06ffb4900112233f08ecbde", &["bthome"]),
    ("0201060b161c182302ca090303bf13", &["bthome"]),
    ("13161e18fba435e4d3c312fb0011223357d90a99", &["bthome"]),
    ("02011a020a0c0aff4c001005441cbd08c5", &["apple"]),
    ("1eff4c0012191057364dc7fb77866c40c91076603cb37c1f59f923ab3a0300", &["apple", "find-my"]),
    ("14ff4c000100112233445566778899aabbccddeeff", &["apple"]),
    ("03032cfe06162cfe0a1b2c", &["fast-pair"]),
    ("020af40b162cfe0040a1b2c3d41142", &["fast-pair"]),
    ("03036ffd17166ffd00112233445566778899aabbccddeeff40fc0000", &["exposure-notification"]),
    ("1eff06000109200211223344000102030405060708090a0b0c0d0e0f101112", &["microsoft-cdp"]),
    ("1916aafe411b0d83b421ea92034602c6b21119d5b626a3ce4bb0", &["find-hub"]),
    ("1216e1ffa10364ff8000000080aabbccddeeff", &["minew"]),
    ("1bff3906ca006745233123ac6421870000000000000000001234abcd", &["minew"]),
    ("0e166afe05f4250a01414243444546", &["kontakt"]),
    ("0f166afe030601556677886403051e15", &["kontakt"]),
    ("12ffffff565701a1a2a3a4a5a6a7a8c55f0305", &["wristband"]),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |d: u8| char::from(d).to_digit(16).expect("hex") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn name(frame: &Frame<'_>) -> &'static str {
    match frame {
        Frame::IBeacon(_) => "ibeacon",
        Frame::EddystoneUid(_) => "eddystone-uid",
        Frame::EddystoneUrl(_) => "eddystone-url",
        Frame::EddystoneTlm(_) => "eddystone-tlm",
        Frame::EddystoneEtlm(_) => "eddystone-etlm",
        Frame::EddystoneEid(_) => "eddystone-eid",
        Frame::AltBeacon(_) => "altbeacon",
        Frame::Ruuvi(_) => "ruuvi",
        Frame::BtHome(_) => "bthome",
        Frame::Apple(_) => "apple",
        Frame::FindMy(_) => "find-my",
        Frame::FastPair(_) => "fast-pair",
        Frame::Exposure(_) => "exposure-notification",
        Frame::MicrosoftCdp(_) => "microsoft-cdp",
        Frame::FindHub(_) => "find-hub",
        Frame::Minew(_) => "minew",
        Frame::Kontakt(_) => "kontakt",
        Frame::Wristband(_) => "wristband",
    }
}

fn all(payload: &[u8]) -> (Vec<Frame<'_>>, Vec<Refusal>) {
    let (mut frames, mut refused) = (Vec::new(), Vec::new());
    read(payload, |finding| match finding {
        Finding::Frame(frame) => frames.push(frame),
        Finding::Refused(refusal) => refused.push(refusal),
        Finding::Hint(..) => {}
    });
    (frames, refused)
}

/// Reads everything that is read only when asked for.
fn exhaust(payload: &[u8]) {
    for frame in all(payload).0 {
        match frame {
            Frame::EddystoneUrl(url) => drop(url.to_string()),
            Frame::Ruuvi(ruuvi) => drop(format!("{:?}", ruuvi.readings())),
            Frame::BtHome(frame) => drop(format!("{:?}", frame.objects().collect::<Vec<_>>())),
            Frame::Apple(apple) => assert!(apple.messages().count() > 0),
            _ => {}
        }
    }
    hear(payload);
}

#[test]
fn published_frames_are_read() {
    for (hex, formats) in EXAMPLES {
        let payload = bytes(hex);
        let (frames, refused) = all(&payload);
        assert_eq!(frames.iter().map(name).collect::<Vec<_>>(), formats, "{hex}: {refused:?}");
        assert_eq!(refused, [], "{hex}");
    }
}

/// Every truncation and every single flipped bit decodes or is refused; a truncated identity is never told.
#[test]
fn broken_frames_never_panic() {
    for (hex, _) in EXAMPLES {
        let whole = bytes(hex);
        for end in 0..whole.len() {
            exhaust(&whole[..end]);
            assert_eq!(hear(&whole[..end]).id, None, "{hex} cut to {end} bytes");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            exhaust(&flipped);
        }
    }
}

/// The same, with the length of the AD structure mended, so that each format meets its own short data.
#[test]
fn frames_cut_inside_their_structure_never_panic() {
    for (hex, _) in EXAMPLES {
        let whole = bytes(hex);
        let last = structures(&whole).flatten().last().expect("a structure");
        for len in 0..=last.data.len() + 3 {
            let mut data = last.data.to_vec();
            data.resize(len, 0);
            let mut payload = vec![len as u8 + 1, last.kind];
            payload.extend(data);
            exhaust(&payload);
        }
    }
}

#[test]
fn noise_behind_every_known_number_never_panics() {
    let numbers = [0x004c_u16, 0x0006, 0x0499, 0x0639, 0xffff, 0xfeaa, 0xfcd2, 0x181c, 0x181e, 0xfe2c, 0xffe1, 0xfe6a];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..60_000 {
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        let len = usize::from(draw() % 28);
        let mut payload = vec![len as u8 + 3, if round % 2 == 0 { MANUFACTURER_DATA } else { SERVICE_DATA_16 }];
        payload.extend(numbers[round % numbers.len()].to_le_bytes());
        payload.extend((0..len).map(|_| draw() & if round % 3 == 0 { 0xff } else { 0x5f }));
        exhaust(&payload);
    }
}

#[test]
fn power_is_always_at_one_metre() {
    for (example, expected) in [(0, -59), (1, -61), (2, -61), (5, -61), (6, -59)] {
        assert_eq!(hear(&bytes(EXAMPLES[example].0)).measured_power_dbm, Some(expected), "{example}");
    }
    let mut lowest = bytes(EXAMPLES[1].0);
    lowest[12] = 0x80;
    assert_eq!(hear(&lowest).measured_power_dbm, Some(-128));
}

#[test]
fn the_first_identity_is_heard() {
    let url_then_uid = format!("{}1716aafe00e70102030405060708090a0b0c0d0e0f100000", EXAMPLES[2].0);
    let heard = hear(&bytes(&url_then_uid));
    assert_eq!(heard.measured_power_dbm, Some(-66));
    let text = heard.id.map(|id| id.to_string());
    assert_eq!(text.as_deref(), Some("eddystone:0102030405060708090a:0b0c0d0e0f10"));
}

#[test]
fn what_is_not_exactly_the_format_is_not_the_format() {
    for (hex, at, format) in [
        // Type 02 with length 14 hex; one byte short; a message more.
        ("1aff4c000214e2c56db5dffb48d2b060d0f5a71096e000010002c5", 5, "ibeacon"),
        ("19ff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002", 26, "ibeacon"),
        ("1dff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c51001aa", 27, "ibeacon"),
        ("1aff1801beac0102030405060708090a0b0c0d0e0f1011121314c5", 27, "altbeacon"),
        ("0416aafe70", 4, "eddystone"),
        ("0316aafe", 4, "eddystone"),
        ("0616aafe10ec09", 6, "eddystone-url"),
        ("0716aafe10ec0320", 7, "eddystone-url"),
        ("0416aafe10", 5, "eddystone-url"),
        ("1716aafe00ec0102030405060708090a0b0c0d0e0f100001", 23, "eddystone-uid"),
        ("1116aafe20020bb8178000000064000003e8", 5, "eddystone-tlm"),
        ("0516aafe2001", 6, "eddystone-etlm"),
        ("07ff9904030001ff", 8, "ruuvi"),
        ("04ff990408", 4, "ruuvi"),
        ("0616d2fc4002ca", 5, "bthome"),
        ("0716d2fc40feca09", 5, "bthome"),
        ("0516d2fc6001", 4, "bthome"),
        ("04ff4c0010", 4, "apple"),
        ("07ff4c0010050102", 4, "apple"),
        ("05ff", 0, ""),
        ("04162cfe55", 4, "fast-pair"),
        ("07162cfe00400102", 5, "fast-pair"),
        ("04166ffd00", 5, "exposure-notification"),
        ("04ff060001", 5, "microsoft-cdp"),
        ("0516aafe4100", 6, "find-hub"),
        ("0416e1ffff", 4, "minew"),
        ("0f166afeff06010f6404616263646566", 4, "kontakt"),
        ("05166afe0305", 5, "kontakt"),
        ("05ffffff5657", 6, "wristband"),
    ] {
        let payload = bytes(hex);
        let (frames, refused) = all(&payload);
        assert_eq!(frames, [], "{hex}");
        let (place, claimed) = refused.first().map(|refusal| (refusal.at, refusal.format)).expect(hex);
        assert_eq!((place, claimed.unwrap_or_default()), (at, format), "{hex}");
    }
}

#[test]
fn eddystone_telemetry_in_its_units() {
    let payload = bytes(EXAMPLES[3].0);
    let (frames, _) = all(&payload);
    let Frame::EddystoneTlm(tlm) = frames[0] else { panic!("{frames:?}") };
    assert_eq!((tlm.battery_mv, tlm.temperature_c), (Some(3_000), Some(23.5)));
    assert_eq!((tlm.advertisement_count, tlm.uptime_s), (100, 100.0));
    let unknown = eddystone::parse_tlm(&bytes("20000000800000000000000000000000")[..14], 0).expect("a frame");
    assert_eq!((unknown.battery_mv, unknown.temperature_c), (None, None));
}

#[test]
fn urls_expand() {
    for (encoded, expected) in [
        ("10000367657470617265746f07", "https://getpareto.com"),
        ("10e700676f6f676c6507", "http://www.google.com"),
        ("10e7016100620d", "https://www.a.com/b.gov"),
    ] {
        let data = bytes(encoded);
        assert_eq!(eddystone::parse_url(&data, 0).expect(encoded).to_string(), expected);
    }
}

/// Values of docs.ruuvi.com's test vectors: valid, largest, smallest and invalid.
#[test]
fn ruuvi_test_vectors() {
    let v5 = |hex: &str| ruuvi::parse(&bytes(hex), 0).expect(hex).readings();
    let valid = v5("0512fc5394c37c0004fffc040cac364200cdcbb8334c884f");
    assert_eq!((valid.temperature_c, valid.humidity_percent), (Some(24.3), Some(53.49)));
    assert_eq!((valid.pressure_pa, valid.battery_mv, valid.tx_power_dbm), (Some(100_044), Some(2_977), Some(4)));
    assert_eq!(valid.acceleration_g, [Some(0.004), Some(-0.004), Some(1.036)]);
    assert_eq!((valid.movement_count, valid.sequence), (Some(66), Some(205)));
    assert_eq!(valid.mac, Some([0xcb, 0xb8, 0x33, 0x4c, 0x88, 0x4f]));
    let largest = v5("057ffffffefffe7fff7fff7fffffdefefffecbb8334c884f");
    assert_eq!((largest.temperature_c, largest.humidity_percent), (Some(163.835), Some(163.835)));
    assert_eq!((largest.pressure_pa, largest.battery_mv, largest.tx_power_dbm), (Some(115_534), Some(3_646), Some(20)));
    let smallest = v5("058001000000008001800180010000000000cbb8334c884f");
    assert_eq!((smallest.temperature_c, smallest.tx_power_dbm), (Some(-163.835), Some(-40)));
    let invalid = v5("058000ffffffff800080008000ffffffffffffffffffffff");
    assert_eq!((invalid.temperature_c, invalid.humidity_percent, invalid.pressure_pa), (None, None, None));
    assert_eq!((invalid.acceleration_g, invalid.battery_mv, invalid.tx_power_dbm), ([None; 3], None, None));
    assert_eq!((invalid.movement_count, invalid.sequence, invalid.mac), (None, None, None));
    let v3 = v5("03291a1ece1efc18f94202ca0b53");
    assert_eq!((v3.temperature_c, v3.humidity_percent, v3.pressure_pa), (Some(26.3), Some(20.5), Some(102_766)));
    assert_eq!((v3.acceleration_g, v3.battery_mv), ([Some(-1.0), Some(-1.726), Some(0.714)], Some(2_899)));
    assert_eq!(v5("0300ff6300008001800180010000").temperature_c, Some(-127.99));
    assert_eq!(v5("0300ff6400008001800180010000").temperature_c, None);
}

/// `name=value unit` of each object.
fn objects(hex: &str) -> String {
    let payload = bytes(hex);
    let (frames, _) = all(&payload);
    let Some(Frame::BtHome(frame)) = frames.first() else { return "refused".into() };
    let shown = frame.objects().map(|object| format!("{}={:?} {}", object.name, object.value, object.unit));
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn bthome_objects_in_their_units() {
    let v2 = |data: &str| objects(&format!("{:02x}16d2fc{data}", data.len() / 2 + 3));
    assert_eq!(v2("4002ca0903bf13"), "temperature=Number(25.06) °C, humidity=Number(50.55) %");
    assert_eq!(v2("400161"), "battery=Whole(97) %");
    assert_eq!(v2("4058ea"), "temperature=Number(-7.7) °C");
    assert_eq!(v2("405bea0234ea"), "count=Whole(-365690134) ");
    assert_eq!(v2("40624099dfff"), "speed=Number(-2.123456) m/s");
    assert_eq!(v2("403a80"), "button=Event(\"hold_press\") ");
    assert_eq!(v2("403c0103"), "dimmer=Turn(\"rotate_left\", 3) ");
    assert_eq!(v2("402001"), "moisture=Flag(true) ");
    // The length is known though the number has no word.
    assert_eq!(v2("402002"), "moisture=Unknown ");
    assert_eq!(v2("403a77"), "button=Unknown ");
    assert_eq!(v2("403a81"), "button=Event(\"hold_release\") ");
    assert_eq!(v2("403a013afe"), "button=Event(\"press\") , button=Event(\"hold_press\") ");
    assert_eq!(v2("403b0002"), "command=Event(\"toggle\") ");
    assert_eq!(v2("403b010305"), "command=Turn(\"step_up\", 5) ");
    assert_eq!(v2("403b01"), "refused");
    assert_eq!(v2("406507"), "settings_revision=Whole(7) ");
    assert_eq!(v2("40530548656c6c6f"), "text=Text(\"Hello\") ");
    assert_eq!(v2("405302ff"), "refused");
    assert_eq!(v2("40f100010204"), "firmware_version=Version([0, 1, 2, 4]) ");
    assert_eq!(v2("4001610b"), "refused");
    // What precedes an unknown object is kept.
    assert_eq!(v2("400161fe00"), "battery=Whole(97) %");
    let v1 = |data: &str| objects(&format!("{:02x}161c18{data}", data.len() / 2 + 3));
    assert_eq!(v1("040b021b00"), "power=Number(69.14) W");
    assert_eq!(v1("020009020161"), "packet_id=Whole(9) , battery=Whole(97) %");
    assert_eq!(v1("021100"), "opening=Flag(false) ");
    assert_eq!(v1("86a5808fe64854"), "mac=Raw([165, 128, 143, 230, 72, 84]) ");
}

/// The example of bthome.io/encryption, and one of a Shelly door sensor that states its address.
#[test]
fn bthome_opens_with_its_key_only() {
    let open = |hex: &str, key: u128, sent_from| {
        let data = bytes(hex);
        let (frame, _) = bthome::parse_v2(&data, 0).expect("a frame");
        frame.open(Key(key.to_be_bytes()), sent_from)
    };
    let (key, from) = (0x231d_39c1_d7cc_1ab1_aee2_24cd_096d_b932, Some([0x54, 0x48, 0xe6, 0x8f, 0x80, 0xa5]));
    let example = "41a47266c95f730011223378237214";
    assert_eq!(open(example, key, from), Some(bytes("02ca0903bf13")));
    assert_eq!(open(example, key, None), None);
    assert_eq!(open(example, key + 1, from), None);
    let stated = "43a5808fe64854f196c06ffb4900112233f08ecbde";
    assert_eq!(open(stated, key, None), Some(bytes("02ca0903bf13")));
}

#[test]
fn minew_kontakt_and_wristband_fields() {
    let data = bytes("a1016315803200aabbccddeeff");
    let minew = minew::parse_service(&data, 0).expect("a frame");
    assert_eq!(
        (minew.battery_percent, minew.temperature_c, minew.humidity_percent),
        (Some(99), Some(21.5), Some(50.0))
    );
    assert_eq!(minew.mac, Some([0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa]));
    let data = bytes("05f4250a01414243444546");
    let expected = kontakt::Kontakt::Location {
        tx_power_dbm: -12,
        channel: Some(37),
        model: 10,
        moving: true,
        unique_id: b"ABCDEF",
    };
    assert_eq!(kontakt::parse(&data, 0), Ok(expected));
    let data = bytes("030601556677886403051e15");
    let Ok(kontakt::Kontakt::Telemetry(readings)) = kontakt::parse(&data, 0) else { panic!("telemetry") };
    assert_eq!(
        (readings.battery_percent, readings.temperature_c, readings.light_percent),
        (Some(100), Some(21), Some(30))
    );
    let band = wristband::parse(&bytes("565701a1a2a3a4a5a6a7a8c55f0305"), 0).expect("a frame");
    assert_eq!((band.measured_power_dbm, band.battery_percent, band.button_count), (-59, Some(95), 5));
    assert!(band.button && band.moving);
}

#[test]
fn classes_with_their_evidence() {
    for (hex, class) in [
        (EXAMPLES[0].0, DeviceClass::Beacon),
        (EXAMPLES[13].0, DeviceClass::Phone),
        (EXAMPLES[14].0, DeviceClass::Tag),
        (EXAMPLES[16].0, DeviceClass::Audio),
        (EXAMPLES[17].0, DeviceClass::Unknown),
        (EXAMPLES[18].0, DeviceClass::Phone),
        (EXAMPLES[20].0, DeviceClass::Tag),
        ("0319c100", DeviceClass::Watch),
        ("0303b2fc", DeviceClass::Tag),
        ("03030d18", DeviceClass::Watch),
        ("04ff750042", DeviceClass::Phone),
        ("020106", DeviceClass::Unknown),
    ] {
        assert_eq!(hear(&bytes(hex)).class, class, "{hex}");
    }
}
