//! Clocks that drift, stop and start, and strangers' beacons.

use super::*;

const KEY: Key = Key(*b"an identity key.");
const SUBJECT: DeviceKey = DeviceKey(7);
const START_S: i64 = 1_763_700_000;
const EXPONENT: u8 = 9;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn resolver(offset_s: i64) -> Resolver {
    let mut resolver = Resolver::default();
    assert!(resolver.register(EidKey { key: KEY, exponent: EXPONENT, offset_s }, SUBJECT));
    resolver
}

fn heard(resolver: &mut Resolver, clock_s: i64, at_s: i64) -> Option<DeviceKey> {
    resolver.resolve(eid(KEY, EXPONENT, clock_s as u32), at(at_s))
}

/// The identifiers of two times agree exactly where the window does; the other half of a block is not shown.
#[test]
fn an_identifier_lasts_for_its_window() {
    let window = eid(KEY, EXPONENT, 1_024);
    assert_eq!(eid(KEY, EXPONENT, 1_535), window);
    assert_ne!(eid(KEY, EXPONENT, 1_536), window);
    assert_ne!(eid(KEY, EXPONENT + 1, 1_024), window);
    assert_ne!(eid(Key([0; 16]), EXPONENT, 1_024), window);
    // The upper half of the clock goes through the temporary key.
    assert_ne!(eid(KEY, EXPONENT, 1_024 + 0x1_0000), window);
}

/// Test vectors of RadiusNetworks' ephemeral_calc (spec/encryptor_spec.rb): the clock at 0 and at 2 000 s.
#[test]
fn published_identifiers() {
    let key = Key(0x0102_0304_0506_0708_090a_1112_1314_1516_u128.to_be_bytes());
    assert_eq!(eid(key, 10, 0), 0xa9b7_6a71_c5f8_9290_u64.to_be_bytes());
    assert_eq!(eid(key, 10, 2_000), 0x4144_413e_45fe_fa58_u64.to_be_bytes());
}

#[test]
fn the_window_before_and_the_next_are_accepted_at_once() {
    for off_s in [-512, 0, 512] {
        assert_eq!(heard(&mut resolver(0), START_S + off_s, START_S), Some(SUBJECT), "{off_s}");
    }
    assert_eq!(heard(&mut resolver(0), START_S + 3 * 512, START_S), None);
    // A beacon whose clock began when it was made.
    assert_eq!(heard(&mut resolver(-1_000_000), START_S - 1_000_000, START_S), Some(SUBJECT));
}

#[test]
fn a_clock_that_drifts_is_followed_for_weeks() {
    // 140 millionths fast: after 60 days it is 725 s ahead, more than a window.
    let mut resolver = resolver(0);
    for hour in 0..60 * 24 {
        let at_s = START_S + hour * 3_600;
        let clock_s = at_s + (hour as f64 * 3_600.0 * 140e-6) as i64;
        assert_eq!(heard(&mut resolver, clock_s, at_s), Some(SUBJECT), "hour {hour}");
    }
    let slot = resolver.slots.values().next().expect("a slot");
    assert!((slot.offset_s - 725.0).abs() < 256.0, "{}", slot.offset_s);
    assert_eq!((resolver.index.len(), resolver.due.len()), (3, 1));
}

#[test]
fn after_a_power_loss_the_day_before_is_searched() {
    let mut resolver = resolver(0);
    assert_eq!(heard(&mut resolver, START_S, START_S), Some(SUBJECT));
    // Off for an hour, then 20 hours behind.
    let (back_s, behind_s) = (START_S + 3_600, 20 * 3_600);
    assert_eq!(heard(&mut resolver, back_s - behind_s, back_s), Some(SUBJECT));
    // From then on it is in the index, so that nothing is searched.
    let blocks = resolver.blocks;
    assert_eq!(heard(&mut resolver, back_s - behind_s + 600, back_s + 600), Some(SUBJECT));
    assert!(resolver.blocks <= blocks && resolver.index.len() == 3);
}

#[test]
fn a_beacon_that_is_heard_is_not_searched_for_elsewhere() {
    let mut resolver = resolver(0);
    heard(&mut resolver, START_S, START_S);
    assert_eq!(heard(&mut resolver, START_S - 40_000, START_S + 10), None);
}

#[test]
fn strangers_are_searched_for_once_and_within_the_budget() {
    let mut resolver = Resolver::default();
    for number in 0..2_000_u32 {
        let mut key = [0; 16];
        key[..4].copy_from_slice(&number.to_be_bytes());
        assert!(resolver.register(EidKey { key: Key(key), exponent: EXPONENT, offset_s: 0 }, SUBJECT));
    }
    assert!(!resolver.register(EidKey { key: KEY, exponent: 16, offset_s: 0 }, SUBJECT));
    // 2 000 keys of 170 windows each are more than a minute's budget, and less than two.
    for minute in 0..3 {
        assert_eq!(resolver.resolve([1; 8], at(START_S + minute * 60)), None);
    }
    assert_eq!(resolver.shed, 3);
    assert!(resolver.blocks < SEARCH_BLOCKS_PER_MINUTE + 200);
    let mut few = Resolver::default();
    few.register(EidKey { key: KEY, exponent: EXPONENT, offset_s: 0 }, SUBJECT);
    few.resolve([1; 8], at(START_S));
    let blocks = few.blocks;
    few.resolve([1; 8], at(START_S));
    assert_eq!((few.blocks, few.strangers.len()), (blocks, 1));
    few.forget(SUBJECT);
    assert!(few.is_empty() && few.index.is_empty() && few.due.is_empty());
}

#[test]
fn absurd_clocks_and_times_are_nobodys() {
    for offset_s in [i64::MAX, i64::MIN, 1 << 40] {
        assert!(!Resolver::default().register(EidKey { key: KEY, exponent: 0, offset_s }, SUBJECT));
    }
    for (offset_s, at_s) in [(0, 0), (-START_S * 2, START_S), (0, i64::MAX / 1_000_000), (u32::MAX.into(), START_S)] {
        let mut resolver = resolver(offset_s);
        assert_eq!(resolver.resolve([1; 8], at(at_s)), None);
        assert_eq!(resolver.resolve([2; 8], at(at_s + 600)), None);
    }
}
