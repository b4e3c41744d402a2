//! An answer that is an error, before it is written in a protocol's own shape.
//!
//! It is the common currency of authentication, validation and faults; it does not know why it was refused.

/// An error answer: what goes into status line, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// AWS's exception name (`ThrottlingException`) or Anthropic's error type (`rate_limit_error`).
    pub(crate) name: String,
    pub(crate) message: String,
    /// Seconds for a `retry-after` header.
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: u16, name: &str, message: impl Into<String>) -> Self {
        Self { status, name: name.to_owned(), message: message.into(), retry_after: None }
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}
