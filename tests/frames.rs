//! What the simulator encodes, the engine decodes: two readings of each format's own page.
//!
//! In: every frame of sensors, tags and beacons with its fields. Out: failures where a field comes back
//! another, or where a frame that was cut is still taken for one.

use firmware_sim::frames::{self, Payload, Telemetry, WristbandState};
use firmware_sim::random::{Purpose, Random};
use firmware_sim::sensors::{self, Ruuvi};
use venue_engine::advert::structures;
use venue_engine::beacon::{self, DeviceClass, Finding, Frame, bthome, fast_pair, kontakt};

const MAC: [u8; 6] = [0xac, 0x23, 0x3f, 0x01, 0x02, 0x03];
const TAG: Ruuvi = Ruuvi {
    temperature_c: -12.345,
    humidity_percent: 53.5,
    pressure_pa: 100_044,
    acceleration_mg: [4, -1_000, 1_036],
    battery_mv: 2_977,
    tx_power_dbm: 4,
    movement_count: 66,
    sequence: 205,
    mac: MAC,
};

/// Checks each frame of a payload with `check` and returns how many there are.
fn frames_of(payload: &[u8], mut check: impl FnMut(&Frame<'_>)) -> usize {
    let mut count = 0;
    beacon::read(payload, |finding| {
        if let Finding::Frame(frame) = finding {
            count += 1;
            check(&frame);
        }
    });
    count
}

fn one(payload: &Payload, check: impl FnMut(&Frame<'_>)) {
    assert!(frames_of(payload.as_slice(), check) >= 1, "{:02x?}", payload.as_slice());
}

fn all() -> Vec<Payload> {
    let mut random = Random::new(7, Purpose::Firmware);
    let telemetry = Telemetry { battery_mv: 3_000, temperature_c: 23.5, advertisement_count: 7, uptime_s: 8.5 };
    let state = WristbandState { rolling_id: [3; 8], measured_power_dbm: -59, battery_percent: 90, moving: true };
    vec![
        frames::ibeacon(&[1; 16], 2, 3, -59),
        frames::eddystone_uid(&[1; 10], &[2; 6], -61.0),
        frames::eddystone_url("https://example.com/x", -61.0).expect("a short address"),
        frames::eddystone_tlm(&telemetry),
        frames::altbeacon(0x0118, &[5; 20], -60, 7),
        frames::apple_nearby(&mut random),
        frames::fast_pair(&mut random),
        frames::microsoft(&mut random),
        frames::wristband(&state),
        sensors::ruuvi_5(&TAG),
        sensors::ruuvi_3(&TAG),
        sensors::bthome(9, 97, -3.21, 50.55),
        sensors::eddystone_eid(&[6; 8], -20),
        sensors::eddystone_etlm(&[1; 12], 2, 3),
        sensors::find_my(0x10, &[9; 24]),
        sensors::find_hub(true, &[8; 20], 1),
        sensors::exposure(&[4; 16], &[5; 4]),
        sensors::minew(99, 21.5, 50.0, MAC),
        sensors::kontakt(-12, 37, 10, true, b"ABCDEF"),
    ]
}

#[test]
fn sensors_come_back_as_they_were() {
    one(&sensors::ruuvi_5(&TAG), |frame| {
        let Frame::Ruuvi(frame) = frame else { panic!("{frame:?}") };
        let read = frame.readings();
        assert_eq!((read.temperature_c, read.humidity_percent), (Some(-12.345), Some(53.5)));
        assert_eq!((read.pressure_pa, read.battery_mv, read.tx_power_dbm), (Some(100_044), Some(2_977), Some(4)));
        assert_eq!(read.acceleration_g, [Some(0.004), Some(-1.0), Some(1.036)]);
        assert_eq!((read.movement_count, read.sequence, read.mac), (Some(66), Some(205), Some(MAC)));
    });
    one(&sensors::ruuvi_3(&TAG), |frame| {
        let Frame::Ruuvi(frame) = frame else { panic!("{frame:?}") };
        let read = frame.readings();
        // Format 3 knows hundredths of a degree.
        assert!(read.temperature_c.is_some_and(|celsius| (celsius + 12.345).abs() <= 0.005 + 1e-9));
        assert_eq!((read.humidity_percent, read.battery_mv), (Some(53.5), Some(2_977)));
    });
    one(&sensors::bthome(9, 97, -3.21, 50.55), |frame| {
        let Frame::BtHome(frame) = frame else { panic!("{frame:?}") };
        let values: Vec<_> = frame.objects().map(|object| object.value).collect();
        let (whole, number) = (bthome::Value::Whole, bthome::Value::Number);
        assert_eq!(values, [whole(9), whole(97), number(-3.21), number(50.55)]);
    });
    one(&sensors::minew(99, 21.5, 50.0, MAC), |frame| {
        let Frame::Minew(frame) = frame else { panic!("{frame:?}") };
        assert_eq!((frame.battery_percent, frame.temperature_c), (Some(99), Some(21.5)));
        assert_eq!((frame.humidity_percent, frame.mac), (Some(50.0), Some(MAC)));
    });
}

#[test]
fn tags_and_beacons_come_back_as_they_were() {
    one(&sensors::eddystone_eid(&[6; 8], -20), |frame| {
        let Frame::EddystoneEid(frame) = frame else { panic!("{frame:?}") };
        assert_eq!((frame.eid, frame.measured_power_dbm), ([6; 8], -61));
    });
    one(&sensors::eddystone_etlm(&[1; 12], 2, 3), |frame| {
        let Frame::EddystoneEtlm(frame) = frame else { panic!("{frame:?}") };
        assert_eq!((frame.telemetry, frame.salt, frame.check), ([1; 12], 2, 3));
    });
    one(&sensors::find_my(0x10, &[9; 24]), |frame| match frame {
        Frame::FindMy(frame) => assert!(frame.separated && frame.class().0 == DeviceClass::Tag),
        Frame::Apple(frame) => assert_eq!(frame.messages().map(|(kind, _)| kind).collect::<Vec<_>>(), [0x12]),
        other => panic!("{other:?}"),
    });
    one(&sensors::find_hub(true, &[8; 20], 1), |frame| {
        let Frame::FindHub(frame) = frame else { panic!("{frame:?}") };
        assert_eq!((frame.separated, frame.eid), (true, &[8; 20][..]));
    });
    one(&sensors::exposure(&[4; 16], &[5; 4]), |frame| {
        let Frame::Exposure(frame) = frame else { panic!("{frame:?}") };
        assert_eq!((frame.identifier, frame.metadata), ([4; 16], [5; 4]));
    });
    one(&sensors::kontakt(-12, 37, 10, true, b"ABCDEF"), |frame| {
        let (tx_power_dbm, channel, model, moving, unique_id) = (-12, Some(37), 10, true, &b"ABCDEF"[..]);
        let expected = kontakt::Kontakt::Location { tx_power_dbm, channel, model, moving, unique_id };
        assert_eq!(*frame, Frame::Kontakt(expected));
    });
}

/// Formats whose own lengths vary, so that less of one may be another of the same.
fn varies(frame: &Frame<'_>) -> bool {
    let account = matches!(frame, Frame::FastPair(fast_pair::FastPair::Model(_) | fast_pair::FastPair::Account(_)));
    account || matches!(frame, Frame::EddystoneUrl(_) | Frame::BtHome(_) | Frame::Kontakt(_))
}

/// Cut at the end, and cut inside its structure with the length mended: nothing is a frame of a fixed length.
#[test]
fn what_was_cut_is_no_frame() {
    for payload in all() {
        let whole = payload.as_slice();
        assert!(frames_of(whole, |_| {}) >= 1);
        let last = structures(whole).flatten().last().expect("a structure");
        for end in 0..whole.len() {
            frames_of(&whole[..end], |frame| panic!("{frame:?} in {:02x?}", &whole[..end]));
        }
        for length in 0..last.data.len() {
            let mut mended = vec![length as u8 + 1, last.kind];
            mended.extend(&last.data[..length]);
            // Eddystone-UID without its two reserved bytes and Find Hub without its flags are frames too.
            let shorter = |frame: &Frame<'_>| match frame {
                Frame::EddystoneUid(_) => length == 20,
                Frame::FindHub(_) => length == 23,
                _ => false,
            };
            frames_of(&mended, |frame| assert!(varies(frame) || shorter(frame), "{frame:?} in {mended:02x?}"));
        }
    }
}
