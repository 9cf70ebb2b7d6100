//! Waiting for something to become true, with a deadline instead of a guess.

use std::time::{Duration, Instant};

/// How often a condition is looked at: short beside any deadline, long beside one look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `found` gives something or the time is over.
pub fn poll<T>(within: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Looks until `holds`; panics with `what` when it does not within the time.
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let came = poll(within, || holds().then_some(()));
    assert!(came.is_some(), "{what}: not within {} s", within.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_ends_with_the_value_or_with_the_deadline() {
        let mut looks = 0;
        let counted = poll(Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(counted, Some(3));
        assert_eq!(poll(Duration::from_millis(1), || None::<()>), None);
    }
}
