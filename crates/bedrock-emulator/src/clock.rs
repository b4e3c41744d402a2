//! What time the emulator believes it is, and how AWS writes a time.
//!
//! The clock can be set ahead or behind while the emulator runs, so that a test can see what a client with a wrong
//! clock sees. It knows nothing of signatures.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How AWS writes a time in `x-amz-date`.
const AMZ_DATE: &str = "%Y%m%dT%H%M%SZ";

/// The system's clock, moved by a settable offset.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_seconds: AtomicI64,
}

impl Clock {
    /// Sets how many seconds this clock runs ahead of the system's (negative: behind it).
    pub(crate) fn set_offset(&self, seconds: i64) {
        self.offset_seconds.store(seconds, Ordering::Relaxed);
    }

    /// The time now. An offset that would leave the calendar is ignored.
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        let offset = SignedDuration::from_secs(self.offset_seconds.load(Ordering::Relaxed));
        now.checked_add(offset).unwrap_or(now)
    }

    /// The value of the `Date` header now.
    pub(crate) fn http_date(&self) -> String {
        DateTimePrinter::new().timestamp_to_rfc9110_string(&self.now()).unwrap_or_default()
    }
}

/// Reads an `x-amz-date`, such as `20150830T123600Z`.
pub(crate) fn parse_amz_date(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime(AMZ_DATE, text).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// Writes a time as AWS does in `x-amz-date`.
pub(crate) fn amz_date(time: Timestamp) -> String {
    time.strftime(AMZ_DATE).to_string()
}
