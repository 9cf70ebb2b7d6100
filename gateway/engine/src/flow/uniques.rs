//! How many different devices were there, without a list of them.
//!
//! In: keys of devices, which are hashes already. Out: their number (HyperLogLog: Flajolet, Fusy, Gandouet and
//! Meunier 2007; small numbers by empty registers, Whang 1990). Keys go in and cannot come out. Only stable keys make
//! sense here: whoever changes address is somebody else each time, so strangers are not put in.

use crate::identity::DeviceKey;

/// Registers: a relative standard deviation of 1.04 / sqrt(1024) = 3.2 %, in a kilobyte a zone.
pub const REGISTERS: usize = 1_024;

/// A sketch of a set of devices.
#[derive(Clone, Debug)]
pub struct Uniques {
    registers: Box<[u8; REGISTERS]>,
}

impl Default for Uniques {
    fn default() -> Self {
        Self { registers: Box::new([0; REGISTERS]) }
    }
}

impl Uniques {
    /// A device was there.
    pub fn add(&mut self, device: DeviceKey) {
        let register = &mut self.registers[device.0 as usize % REGISTERS];
        let rank = ((device.0 / REGISTERS as u64) | (1 << 54)).trailing_zeros() as u8 + 1;
        *register = rank.max(*register);
    }

    /// How many.
    pub fn count(&self) -> f64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| (-f64::from(*rank)).exp2()).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count() as f64;
        if estimate <= 2.5 * registers && empty > 0.0 { registers * (registers / empty).ln() } else { estimate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> DeviceKey {
        let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        DeviceKey(mixed ^ (mixed >> 31))
    }

    #[test]
    fn days_are_counted_within_twice_the_standard_deviation() {
        for size in [50u64, 1_000, 3_000, 30_000] {
            let off = |day: u64| {
                let mut uniques = Uniques::default();
                let keys = (0..size).map(|device| hash((day << 32) | device));
                // Everybody comes twice.
                keys.clone().chain(keys).for_each(|key| uniques.add(key));
                (uniques.count() / size as f64 - 1.0).abs()
            };
            let within = (0..100).filter(|day| off(*day) <= 2.0 * 1.04 / (REGISTERS as f64).sqrt()).count();
            assert!(within >= 93, "{size} devices: {within} of 100 days");
        }
    }

    #[test]
    fn few_are_counted_nearly_exactly() {
        let mut uniques = Uniques::default();
        assert_eq!(uniques.count(), 0.0);
        (0..20).for_each(|device| uniques.add(hash(device)));
        assert!((uniques.count() - 20.0).abs() < 1.5, "{}", uniques.count());
    }
}
