//! Messages as each firmware publishes them, and every way to break them.

use super::*;
use venue_engine::beacon::{BeaconId, hear};

/// Topic and message of each dialect, with the receiver's name, address, strength and data expected. Sources:
/// docs.ruuvi.com; aioshelly's tests; docs.openmqttgateway.com and theengs.io; ESPresense's firmware.
const SAMPLES: [(&str, &str, &str, &str, i8, &str); 8] = [
    (
        "ruuvi/C8:25:2D:8E:9C:2C/F4:1F:0C:28:CB:D6",
        r#"{"gw_mac":"C8:25:2D:8E:9C:2C","rssi":-26,"aoa":[],"gwts":"1653565645","ts":"1653565644","data":"0201061BFF99040515AE4C6DC6D7000CFFF803F4ADB6AD697FF41F0C28CBD6","coords":""}"#,
        "C8:25:2D:8E:9C:2C",
        "f41f0c28cbd6",
        -26,
        "0201061bff99040515ae4c6dc6d7000cfff803f4adb6ad697ff41f0c28cbd6",
    ),
    (
        "shellyplus1-a8032ab636ec/events/rpc",
        r#"{"src":"shellyplus1-a8032ab636ec","dst":"shellyplus1-a8032ab636ec/events","method":"NotifyEvent","params":{"ts":1683.5,"events":[{"component":"sys","event":"x"},{"component":"script:1","id":1,"event":"ble.scan_result","data":[2,[["AA:BB:CC:DD:EE:FF",-50,"AQIDBAUGBwgJCg==",""]]],"ts":1683.5}]}}"#,
        "shellyplus1-a8032ab636ec",
        "aabbccddeeff",
        -50,
        "0102030405060708090a",
    ),
    (
        "shelly-gate/events/rpc",
        r#"{"params":{"events":[{"event":"ble.scan_result","data":[1,"aa:bb:cc:dd:ee:ff",-62,"AgEGCxbS/EAAUQFkOgEA",""]}]}}"#,
        "shelly-gate",
        "aabbccddeeff",
        -62,
        "0201060b16d2fc40005101643a0100",
    ),
    (
        "home/OpenMQTTGateway/BTtoMQTT/45E174126E00",
        r#"{"id":"45:E1:74:12:6E:00","mac_type":1,"rssi":-89,"name":"x","manufacturerdata":"4c000215fda50693a4e24fb1afcfc6eb0764782500010002c5"}"#,
        "OpenMQTTGateway",
        "45e174126e00",
        -89,
        "1aff4c000215fda50693a4e24fb1afcfc6eb0764782500010002c5020978",
    ),
    (
        "home/TheengsGateway/BTtoMQTT/A4C138123456",
        r#"{"id":"A4:C1:38:12:34:56","rssi":-63,"servicedata":"40000a01643a01","servicedatauuid":"0xfcd2"}"#,
        "TheengsGateway",
        "a4c138123456",
        -63,
        "0a16d2fc40000a01643a01",
    ),
    (
        "home/OpenMQTTGateway/BTtoMQTT/45E174126E00",
        r#"{"id":"45:E1:74:12:6E:00","rssi":-59,"brand":"GENERIC","model":"iBeacon","model_id":"IBEACON","type":"BCON","mfid":"4c00","uuid":"426c7565436861726d426561636f6e73","major":3838,"minor":-1,"txpower":-59}"#,
        "OpenMQTTGateway",
        "45e174126e00",
        -59,
        "1aff4c000215426c7565436861726d426561636f6e730efeffffc5",
    ),
    (
        "espresense/devices/iBeacon:2c96d71f47569faddd487c93cc9dac2e-0-7/kitchen",
        r#"{"id":"iBeacon:2c96d71f47569faddd487c93cc9dac2e-0-7","rssi@1m":-65,"rssi":-70.6,"mac":"5d5e5f606162","raw":1.53,"distance":1.42,"speed":0.1,"first":"x","last":"y"}"#,
        "kitchen",
        "5d5e5f606162",
        -71,
        "1aff4c0002152c96d71f47569faddd487c93cc9dac2e00000007bf",
    ),
    (
        "espresense/devices/apple:1005:9-24/hall",
        r#"{"id":"apple:1005:9-24","rssi@1m":-65,"rssi":-82,"mac":"6a5e5f606162","distance":9.4}"#,
        "hall",
        "6a5e5f606162",
        -82,
        "",
    ),
];

/// Receiver, address, strength and data of an advert.
type Told = (String, String, Option<i8>, String);

fn read(topic: &str, message: &[u8]) -> (Vec<Told>, Option<&'static str>) {
    let mut told = Vec::new();
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let dialect = Dialect::of_topic(topic).expect(topic);
    let refused = dialect.read(topic, message, |heard| {
        told.push((heard.gateway.to_owned(), text(&heard.address.bytes), heard.rssi_dbm, text(heard.payload)));
    });
    (told, refused.err())
}

#[test]
fn each_dialects_messages_become_adverts() {
    for (topic, message, gateway, address, rssi_dbm, payload) in SAMPLES {
        let expected = (gateway.to_owned(), address.to_owned(), Some(rssi_dbm), payload.to_owned());
        assert_eq!(read(topic, message.as_bytes()), (vec![expected], None), "{topic}");
    }
}

#[test]
fn what_was_put_together_again_states_the_identity_it_had() {
    let (told, _) = read(SAMPLES[6].0, SAMPLES[6].1.as_bytes());
    let heard = hear(&hex(&told[0].3).expect("hex"));
    let uuid = 0x2c96_d71f_4756_9fad_dd48_7c93_cc9d_ac2e_u128.to_be_bytes();
    assert_eq!(heard.id, Some(BeaconId::IBeacon { uuid, major: 0, minor: 7 }));
    assert_eq!(heard.measured_power_dbm, Some(-65));
}

/// Cut anywhere, with any byte changed: refused or read, and nothing longer than an advert.
#[test]
fn broken_messages_never_panic() {
    for (topic, message, ..) in SAMPLES {
        for end in 0..message.len() {
            let (_, refused) = read(topic, &message.as_bytes()[..end]);
            assert!(refused.is_some_and(|why| why.ends_with("json")), "{topic} cut to {end}");
        }
        for place in 0..message.len() {
            let mut changed = message.as_bytes().to_vec();
            changed[place] = changed[place].wrapping_add(1);
            let (told, _) = read(topic, &changed);
            assert!(told.iter().all(|(.., payload)| payload.len() <= 2 * PAYLOAD_LEN_MAX));
        }
    }
}

#[test]
fn what_is_no_advert_is_refused_with_its_reason() {
    for (topic, message, why) in [
        ("ruuvi/gw/AA:BB:CC:DD:EE", r#"{"data":"00"}"#, "ruuvi-gateway-address"),
        ("ruuvi/gw/AA:BB:CC:DD:EE:FF:00", r#"{"data":"00"}"#, "ruuvi-gateway-address"),
        ("ruuvi/gw/AA:BB:CC:DD:EE:FF", r#"{"rssi":-1}"#, "ruuvi-gateway-data"),
        ("ruuvi/gw/AA:BB:CC:DD:EE:FF", r#"{"data":"0"}"#, "ruuvi-gateway-data"),
        ("s/events/rpc", r#"{"params":{"events":[{"event":"ble.scan_result","data":[3,[]]}]}}"#, "shelly-version"),
        ("s/events/rpc", r#"{"params":{"events":[{"event":"ble.scan_result","data":[2,[1]]}]}}"#, "shelly-result"),
        (
            "s/events/rpc",
            r#"{"params":{"events":[{"event":"ble.scan_result","data":[1,"x",1,""]}]}}"#,
            "shelly-address",
        ),
        (
            "s/events/rpc",
            r#"{"params":{"events":[{"event":"ble.scan_result","data":[1,"aabbccddeeff",1,"A"]}]}}"#,
            "shelly-data",
        ),
        ("h/g/BTtoMQTT/x", r#"{"rssi":-1}"#, "openmqttgateway-address"),
        ("h/g/BTtoMQTT/x", r#"{"id":"aabbccddeeff","manufacturerdata":"0"}"#, "openmqttgateway-data"),
        ("espresense/devices/x/y", r#"{"id":"x","rssi":-1}"#, "espresense-address"),
    ] {
        assert_eq!(read(topic, message.as_bytes()), (Vec::new(), Some(why)), "{topic} {message}");
    }
    assert_eq!(read("ruuvi/gw/gw_status", b"{}"), (Vec::new(), None));
    assert_eq!(read("s/events/rpc", b"{\"params\":{}}"), (Vec::new(), None));
    assert_eq!(Dialect::of_topic("ruuvi/gw"), None);
    assert_eq!(Dialect::of_topic("home/g/LORAtoMQTT/x"), None);
}

#[test]
fn adverts_go_to_the_receiver_their_gateway_is() {
    let plan = "name = \"v\"\n[[floor]]\nname = \"g\"\nwidth_m = 5\ndepth_m = 4\n\
        [[receiver]]\nname = \"n\"\nx_m = 1\ny_m = 1\n";
    let venue = Venue::parse(plan).expect("plan");
    let (dialect, gateway, receiver) = (Dialect::RuuviGateway, "c8:25:2d:8e:9c:2c".to_owned(), "n".to_owned());
    let known = [Foreign { dialect, gateway, receiver }];
    let mut refused = BTreeMap::new();
    let mut take_one = |sample: usize| {
        let (topic, message, ..) = SAMPLES[sample];
        take(&known, &venue, Timestamp::from_micros(1), (topic, message.as_bytes()), &mut refused).len()
    };
    assert_eq!((take_one(0), take_one(1)), (1, 0));
    assert_eq!(refused, BTreeMap::from([("unknown-receiver", 1)]));
}

#[test]
fn dialects_are_named_as_they_are_written() {
    for dialect in DIALECTS {
        assert_eq!(dialect.as_str().parse(), Ok(dialect));
    }
    assert!("tasmota".parse::<Dialect>().is_err());
}
