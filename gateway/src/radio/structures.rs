//! Advertising data put together again from what a system hands out in parts.
//!
//! In: manufacturer data by company, service data by UUID. Out: AD structures as they were sent, as far as the
//! parts tell (Core Specification Supplement, Part A, 1.4 and 1.11). What does not fit a structure's length byte
//! is left out.

/// Types (Bluetooth Assigned Numbers 2.3): manufacturer-specific data, service data by 16, 32 and 128 bits.
const MANUFACTURER: u8 = 0xff;
const SERVICE_DATA_16: u8 = 0x16;
const SERVICE_DATA_32: u8 = 0x20;
const SERVICE_DATA_128: u8 = 0x21;

/// Appends manufacturer data of a company.
pub fn push_manufacturer(payload: &mut Vec<u8>, company: u16, data: &[u8]) {
    push(payload, MANUFACTURER, &company.to_le_bytes(), data);
}

/// Appends service data, with its UUID as short as it can be said.
pub fn push_service(payload: &mut Vec<u8>, uuid: u128, data: &[u8]) {
    match short_uuid(uuid).map(|short| (u16::try_from(short), short)) {
        Some((Ok(short), _)) => push(payload, SERVICE_DATA_16, &short.to_le_bytes(), data),
        Some((Err(_), short)) => push(payload, SERVICE_DATA_32, &short.to_le_bytes(), data),
        None => push(payload, SERVICE_DATA_128, &uuid.to_le_bytes(), data),
    }
}

fn push(payload: &mut Vec<u8>, kind: u8, number: &[u8], data: &[u8]) {
    let Ok(length) = u8::try_from(1 + number.len() + data.len()) else { return };
    payload.extend([length, kind]);
    payload.extend(number);
    payload.extend(data);
}

/// The short form of a UUID on the Bluetooth base (Core 5.4, Vol 3 Part B, 2.5.1).
fn short_uuid(uuid: u128) -> Option<u32> {
    const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;
    (uuid & (u128::MAX >> 32) == BASE).then_some((uuid >> 96) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_put_together_as_they_are_sent() {
        let mut payload = Vec::new();
        push_manufacturer(&mut payload, 0x004c, &[2, 21]);
        push_service(&mut payload, 0x0000_feaa_0000_1000_8000_0080_5f9b_34fb, &[0x20]);
        assert_eq!(payload, [5, 0xff, 0x4c, 0, 2, 21, 4, 0x16, 0xaa, 0xfe, 0x20]);
        payload.clear();
        push_service(&mut payload, 0x1234_feaa_0000_1000_8000_0080_5f9b_34fb, &[]);
        assert_eq!(payload, [5, 0x20, 0xaa, 0xfe, 0x34, 0x12]);
        payload.clear();
        push_service(&mut payload, 7, &[1]);
        assert_eq!((payload.len(), payload[..3].to_vec(), payload[18]), (19, vec![18, 0x21, 7], 1));
        push_manufacturer(&mut payload, 1, &[0; 300]);
        assert_eq!(payload.len(), 19, "what no structure holds is left out");
    }
}
