//! What an offer of a campaign costs beyond its voucher: the price of a budget that must last.
//!
//! In: vouchers given out, minute by minute, and how many an hour are allowed. Out: a price in the value of
//! offers, subtracted before the choice, so that when a campaign spends too fast the weaker offers go
//! first. The price is that of the control loop of deployed voucher systems (a dual variable raised while
//! more is spent than allowed); the hard limit stands in `eligible`, whatever the price.

use crate::time::{Duration, Timestamp};

/// How often the price moves.
const EVERY: Duration = Duration::from_mins(1);
/// Minutes in which a price doubles while twice the allowed is spent.
const DOUBLING_MIN: f64 = 10.0;
/// Largest overspend that counts, in multiples of what is allowed: one burst must not price a campaign out.
const OVER_MAX: f64 = 4.0;
/// A price begins at this share of an offer's best value, so that there is something to double.
const SEED: f64 = 0.02;
/// No price above ten times an offer's best value: it must come down again within the hour.
const PRICE_MAX: f64 = 10.0;
/// A stock or cap is near when this share of it is promised.
const NEAR: f64 = 0.8;

/// The price of one campaign's budget.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    price: f64,
    minute: Option<Timestamp>,
    spent: u32,
    hour: Option<Timestamp>,
    in_hour: u64,
}

impl Price {
    /// A price as it stood before a restart.
    pub fn restored(price: f64) -> Self {
        Self { price: if price.is_finite() { price.clamp(0.0, PRICE_MAX) } else { 0.0 }, ..Self::default() }
    }

    /// The price now, in shares of an offer's best value.
    pub fn now(&self) -> f64 {
        self.price
    }

    /// Notes a voucher given out.
    pub fn spend(&mut self, at: Timestamp) {
        self.spent += 1;
        let hour = at.window_start(HOUR);
        self.in_hour = if self.hour == Some(hour) { self.in_hour + 1 } else { 1 };
        self.hour = Some(hour);
    }

    /// Notes vouchers given out within the current hour before a restart.
    pub fn spent_before(&mut self, at: Timestamp, count: u64) {
        (self.hour, self.in_hour) = (Some(at.window_start(HOUR)), count);
    }

    /// Vouchers given out in the clock hour of a moment.
    pub fn in_hour(&self, at: Timestamp) -> u64 {
        if self.hour == Some(at.window_start(HOUR)) { self.in_hour } else { 0 }
    }

    /// Moves the price for every minute that has ended, of a budget that allows so many an hour.
    pub fn pass_time(&mut self, at: Timestamp, per_hour: u64) {
        let minute = at.window_start(EVERY);
        let Some(before) = self.minute.replace(minute) else { return };
        let minutes = minute.since(before).as_secs_f64() / 60.0;
        if minutes < 1.0 {
            return;
        }
        let allowed = per_hour as f64 / 60.0 * minutes;
        let over = ((f64::from(self.spent) - allowed) / allowed).clamp(-1.0, OVER_MAX);
        // Long silence brings the price down as that many minutes of it would.
        let grown = (self.price + SEED) * (over * minutes.min(60.0) / DOUBLING_MIN).exp2();
        self.price = (grown - SEED).clamp(0.0, PRICE_MAX);
        self.spent = 0;
    }
}

/// A clock hour.
const HOUR: Duration = Duration::from_mins(60);

/// The price of the last pieces of a stock, in shares of an offer's best value: 0 until it is near its
/// end, 1 for the last one.
pub fn near_end(promised: u64, stock: Option<u64>) -> f64 {
    let Some(stock) = stock.filter(|stock| *stock > 0) else { return 0.0 };
    ((promised as f64 / stock as f64 - NEAR) / (1.0 - NEAR)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    #[test]
    fn a_price_doubles_in_ten_minutes_of_twice_the_allowed_and_goes_again() {
        let mut price = Price::default();
        let mut run = |from: i64, until: i64, a_minute: u32| {
            for minute in from..until {
                price.pass_time(at(minute), 60);
                (0..a_minute).for_each(|_| price.spend(at(minute)));
            }
            price.now()
        };
        let after_ten = run(0, 11, 2);
        assert!((after_ten - SEED).abs() < 1e-9, "{after_ten}");
        let after_forty = run(11, 41, 2);
        assert!((after_forty + SEED - 16.0 * SEED).abs() < 1e-9, "{after_forty}");
        assert_eq!(run(41, 100, 0), 0.0);
    }

    #[test]
    fn the_hour_is_counted_by_the_clock() {
        let mut price = Price::default();
        (0..5).for_each(|_| price.spend(at(59)));
        assert_eq!((price.in_hour(at(59)), price.in_hour(at(60))), (5, 0));
        price.spend(at(61));
        assert_eq!(price.in_hour(at(119)), 1);
    }

    #[test]
    fn only_the_end_of_a_stock_has_a_price() {
        assert_eq!((near_end(5, None), near_end(5, Some(10)), near_end(8, Some(10))), (0.0, 0.0, 0.0));
        assert!((near_end(9, Some(10)) - 0.5).abs() < 1e-9);
        assert_eq!(near_end(10, Some(10)), 1.0);
    }
}
