//! Money: exact cost in integer pico-dollars.
//!
//! A pico-dollar is 10⁻¹² dollars, so a price of one dollar per million tokens is 10⁶ pico-dollars per token and every
//! list price is a whole number. Floating point appears only where a caller asks for dollars.

use std::fmt;
use std::ops::{Add, AddAssign};

use crate::usage::Usage;

/// An amount of money, in 10⁻¹² US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PicoDollars(pub u64);

impl PicoDollars {
    /// In dollars; the nearest `f64`, since both parts of the quotient are exact below 9,007 dollars.
    #[expect(clippy::cast_precision_loss, reason = "dollars are for display; sums are made in whole pico-dollars")]
    pub fn to_usd(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Add for PicoDollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for PicoDollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for PicoDollars {
    /// `$0.000336`: all digits that are there, at least two decimals.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, fraction) = (self.0 / 1_000_000_000_000, self.0 % 1_000_000_000_000);
        let digits = format!("{fraction:012}");
        let kept = digits.trim_end_matches('0');
        write!(formatter, "${dollars}.{kept:0<2}")
    }
}

/// Pico-dollars per token, by class. `None` is a price that nobody published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Prompt tokens outside the cache.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Writing to the cache for five minutes.
    pub cache_write_5m: Option<u64>,
    /// Writing to the cache for one hour.
    pub cache_write_1h: Option<u64>,
    /// Reading from the cache.
    pub cache_read: Option<u64>,
}

/// What a model costs on one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For prompts up to the threshold of the long-context tier, or all.
    pub standard: Prices,
    /// Above this many prompt tokens the whole request is charged at these prices.
    pub long_context: Option<(u64, Prices)>,
}

impl Price {
    /// What `usage` costs; `None` if it used a class that has no published price, for a wrong sum is worse than none.
    pub fn cost(&self, usage: &Usage) -> Option<PicoDollars> {
        let prices = match &self.long_context {
            Some((threshold, prices)) if usage.prompt_tokens() > *threshold => prices,
            _ => &self.standard,
        };
        let classes = [
            (usage.input_tokens, Some(prices.input)),
            (usage.output_tokens, Some(prices.output)),
            (usage.cache_write_5m_tokens, prices.cache_write_5m),
            (usage.cache_write_1h_tokens, prices.cache_write_1h),
            (usage.cache_read_tokens, prices.cache_read),
        ];
        let mut total = PicoDollars::default();
        for (tokens, price) in classes {
            if tokens > 0 {
                total += PicoDollars(tokens.saturating_mul(price?));
            }
        }
        Some(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONNET: Price = Price {
        standard: Prices {
            input: 3_000_000,
            output: 15_000_000,
            cache_write_5m: Some(3_750_000),
            cache_write_1h: None,
            cache_read: Some(300_000),
        },
        long_context: Some((
            1000,
            Prices {
                input: 6_000_000,
                output: 22_500_000,
                cache_write_5m: None,
                cache_write_1h: None,
                cache_read: None,
            },
        )),
    };

    #[test]
    fn the_references_example_is_exact() {
        let usage = Usage { input_tokens: 12, output_tokens: 20, ..Usage::default() };
        let cost = SONNET.cost(&usage).unwrap();
        assert_eq!(cost, PicoDollars(336_000_000));
        assert_eq!(cost.to_usd().to_string(), "0.000336");
        assert_eq!(cost.to_string(), "$0.000336");
    }

    #[test]
    fn classes_are_priced_apart_and_an_unpriced_one_makes_the_sum_unknown() {
        let cached = Usage { cache_write_5m_tokens: 2, cache_read_tokens: 10, ..Usage::default() };
        assert_eq!(SONNET.cost(&cached), Some(PicoDollars(10_500_000)));
        assert_eq!(SONNET.cost(&Usage { cache_write_1h_tokens: 1, ..cached }), None);
    }

    #[test]
    fn the_long_context_tier_takes_the_whole_request_above_its_threshold() {
        let at = Usage { input_tokens: 600, cache_read_tokens: 400, ..Usage::default() };
        assert_eq!(SONNET.cost(&at), Some(PicoDollars(600 * 3_000_000 + 400 * 300_000)));
        let above = Usage { input_tokens: 1001, output_tokens: 1, ..Usage::default() };
        assert_eq!(SONNET.cost(&above), Some(PicoDollars(1001 * 6_000_000 + 22_500_000)));
    }

    #[test]
    fn amounts_are_shown_with_all_their_digits() {
        for (pico, shown) in
            [(0, "$0.00"), (1, "$0.000000000001"), (1_500_000_000_000, "$1.50"), (16_500_000_000, "$0.0165")]
        {
            assert_eq!(PicoDollars(pico).to_string(), shown);
        }
    }
}
