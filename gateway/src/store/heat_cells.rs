//! Cells of a heat map as bytes.
//!
//! In: pairs of cell and person-seconds, by cell. Out: bytes, and back. Runs of neighbouring cells, each value as its
//! difference from the one before, in as many bytes as it needs: neighbours are alike, and most of a floor is empty.
//! It refuses bytes it has not written.

/// Cells one after the other: four bytes of index and four of seconds each, the larger end first. Databases from
/// before there were runs have it.
const PAIRS: u8 = 0;

/// Runs: cells skipped, cells that follow, and their values.
const RUNS: u8 = 1;

/// Packs cells, in the order of their index.
pub fn encode(cells: &[(u32, u64)]) -> Vec<u8> {
    let mut bytes = vec![RUNS];
    let mut next = 0;
    for run in cells.chunk_by(|a, b| b.0 == a.0.wrapping_add(1)) {
        number(&mut bytes, u64::from(run[0].0 - next));
        number(&mut bytes, run.len() as u64);
        let mut before = 0;
        for (cell, value) in run {
            let change = value.wrapping_sub(before) as i64;
            number(&mut bytes, ((change << 1) ^ (change >> 63)) as u64);
            (before, next) = (*value, cell.wrapping_add(1));
        }
    }
    bytes
}

/// Unpacks cells; `None` for bytes that are none.
pub fn decode(bytes: &[u8]) -> Option<Vec<(u32, u64)>> {
    let (kind, mut rest) = bytes.split_first()?;
    if *kind == PAIRS {
        return pairs(rest);
    }
    let mut cells = Vec::new();
    let mut next = 0u32;
    while !rest.is_empty() {
        let skipped = u32::try_from(take(&mut rest)?).ok()?;
        next = next.checked_add(skipped)?;
        let count = take(&mut rest)?;
        // Each cell takes a byte at least, so no claim makes this longer than the bytes are.
        if *kind != RUNS || count > rest.len() as u64 {
            return None;
        }
        let mut value = 0u64;
        for _ in 0..count {
            let change = take(&mut rest)?;
            value = value.wrapping_add(((change >> 1) as i64 ^ -((change & 1) as i64)) as u64);
            cells.push((next, value));
            next = next.checked_add(1)?;
        }
    }
    Some(cells)
}

fn pairs(bytes: &[u8]) -> Option<Vec<(u32, u64)>> {
    let word = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    bytes.chunks(8).map(|pair| Some((word(pair.get(..4)?)?, u64::from(word(pair.get(4..)?)?)))).collect()
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow (LEB128).
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: &[(u32, u64)]) {
        assert_eq!(decode(&encode(cells)).as_deref(), Some(cells));
    }

    #[test]
    fn what_was_packed_comes_back() {
        check(&[]);
        check(&[(0, 1)]);
        check(&[(7, 900), (8, 899), (9, 0), (4_000_000, u64::MAX), (4_000_001, 3)]);
        let smooth: Vec<(u32, u64)> = (100..300).map(|cell| (cell, 500 + u64::from(cell % 9))).collect();
        check(&smooth);
        assert!(encode(&smooth).len() < 210, "{}", encode(&smooth).len());
    }

    #[test]
    fn pairs_of_older_databases_are_read() {
        assert_eq!(decode(&[0, 0, 0, 0, 5, 0, 0, 1, 0]), Some(vec![(5, 256)]));
        assert_eq!(decode(&[0]), Some(Vec::new()));
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&[][..], &[9, 0, 1, 1], &[0, 1], &[1, 0, 200], &[1, 255], &[1, 0, 255, 255, 255, 255, 15, 1]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
