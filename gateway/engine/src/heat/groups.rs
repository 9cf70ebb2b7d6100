//! Group privacy of maps: what few devices did is told for an area, never for a cell.
//!
//! In: values of the cells of a floor, and which devices were seen in each. Out: values with the same total, in
//! which every cell, or the area over which its value was spread evenly, saw at least a group of devices. Areas
//! double in width until they did; at last it is the whole floor. It does not know devices: each leaves a mark in
//! one of 64 places by its key, and marks are counted, so that it errs on the side of telling less. A phone that
//! changes its address within a window leaves two marks, as nobody can know without linking the two.

use crate::identity::DeviceKey;

/// Areas widen until they are so many cells wide: 16 m at the usual 2 m (methods (e)).
const AREA_MAX: usize = 8;

/// Marks of the devices seen in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(u64);

impl Seen {
    /// The mark of one device.
    pub fn of(device: DeviceKey) -> Self {
        // Keys are hashes with even bits; strangers cannot choose them.
        Self(1 << (device.0 % 64))
    }

    /// Adds marks.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// At least so many devices were seen.
    fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// Spreads what fewer than `group_min` devices did over the area around.
pub fn blur(values: &[f64], seen: &[Seen], columns: u16, group_min: u32) -> Vec<f64> {
    let columns = usize::from(columns).max(1);
    let mut told = vec![0.0; values.len()];
    let mut open: Vec<usize> = Vec::new();
    for (cell, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        if seen[cell].count() >= group_min {
            told[cell] = *value;
        } else {
            open.push(cell);
        }
    }
    let mut width = 2;
    while width <= AREA_MAX && !open.is_empty() {
        let area = |cell: &usize| (cell / columns / width, cell % columns / width);
        open.sort_by_key(|cell| (area(cell), *cell));
        let mut left = Vec::new();
        for cells in open.chunk_by(|a, b| area(a) == area(b)) {
            let mut all = Seen::default();
            cells.iter().for_each(|cell| all.join(seen[*cell]));
            if all.count() >= group_min {
                share_out(values, cells, cells, &mut told);
            } else {
                left.extend_from_slice(cells);
            }
        }
        open = left;
        width *= 2;
    }
    let floor: Vec<usize> = (0..values.len()).collect();
    share_out(values, &open, &floor, &mut told);
    told
}

/// Adds the sum over some cells evenly to others.
fn share_out(values: &[f64], from: &[usize], to: &[usize], told: &mut [f64]) {
    let sum: f64 = from.iter().map(|cell| values[*cell]).sum();
    for cell in to {
        told[*cell] += sum / to.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(devices: &[u64]) -> Seen {
        let mut all = Seen::default();
        devices.iter().for_each(|device| all.join(Seen::of(DeviceKey(*device))));
        all
    }

    fn check(cells: &[(f64, &[u64])], group_min: u32, expected: &[f64]) {
        let values: Vec<f64> = cells.iter().map(|(value, _)| *value).collect();
        let devices: Vec<Seen> = cells.iter().map(|(_, devices)| seen(devices)).collect();
        assert_eq!(blur(&values, &devices, 4, group_min), expected);
    }

    #[test]
    fn a_group_is_told_where_it_was() {
        check(&[(8.0, &[1, 2, 3]), (0.0, &[]), (0.0, &[]), (0.0, &[])], 3, &[8.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn few_devices_in_neighbouring_cells_share_their_area() {
        check(&[(8.0, &[1, 2]), (4.0, &[3]), (0.0, &[]), (0.0, &[])], 3, &[6.0, 6.0, 0.0, 0.0]);
    }

    #[test]
    fn one_device_is_somewhere_on_the_floor() {
        check(&[(8.0, &[1]), (0.0, &[]), (0.0, &[]), (0.0, &[])], 2, &[2.0; 4]);
    }
}
