//! Errors on a terminal: the sentence, what AWS said, and what to do.

use std::fmt;

use super::Error;

/// `Error: <code>: <sentence>`, then `(aws: …)` or `(anthropic: …)` where upstream spoke, then `hint: …`.
#[derive(Debug)]
pub struct Terminal<'a>(pub &'a Error);

impl fmt::Display for Terminal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Error: {}", self.0)?;
        if let Some(upstream) = self.0.upstream() {
            write!(formatter, "\n({}: {upstream})", self.0.speaker())?;
        }
        if let Some(hint) = self.0.hint() {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}
