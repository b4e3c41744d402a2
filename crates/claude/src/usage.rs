//! Token usage: what an exchange consumed, by the five classes that are billed apart.
//!
//! Knows how the numbers of a stream add up, and nothing of prices.

use serde::{Deserialize, Serialize};

/// Tokens of one exchange. The classes are disjoint: `input_tokens` excludes what was written to or read from the
/// prompt cache, as Anthropic's API counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Prompt tokens that touched no cache.
    pub input_tokens: u64,
    /// Tokens of the answer, thinking included.
    pub output_tokens: u64,
    /// Prompt tokens written to the cache for five minutes.
    pub cache_write_5m_tokens: u64,
    /// Prompt tokens written to the cache for one hour.
    pub cache_write_1h_tokens: u64,
    /// Prompt tokens read from the cache.
    pub cache_read_tokens: u64,
    /// True when the exchange ended before upstream gave its final count, so that `output_tokens` is our estimate.
    pub estimated: bool,
}

impl Usage {
    /// All tokens of the prompt, cached or not: the size that long-context prices go by.
    pub const fn prompt_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_write_5m_tokens)
            .saturating_add(self.cache_write_1h_tokens)
            .saturating_add(self.cache_read_tokens)
    }

    /// Tokens written to the cache, whatever their time to live.
    pub const fn cache_write_tokens(&self) -> u64 {
        self.cache_write_5m_tokens.saturating_add(self.cache_write_1h_tokens)
    }

    /// Every token of the exchange.
    pub const fn total_tokens(&self) -> u64 {
        self.prompt_tokens().saturating_add(self.output_tokens)
    }

    /// Both exchanges together; an estimate if either is one.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_write_5m_tokens: self.cache_write_5m_tokens.saturating_add(other.cache_write_5m_tokens),
            cache_write_1h_tokens: self.cache_write_1h_tokens.saturating_add(other.cache_write_1h_tokens),
            cache_read_tokens: self.cache_read_tokens.saturating_add(other.cache_read_tokens),
            estimated: self.estimated || other.estimated,
        }
    }

    /// Takes over what `update` states; what it leaves out stays. `message_start` gives the input side,
    /// `message_delta` the output side and sometimes the input side again.
    pub fn apply(&mut self, update: &UsageUpdate) {
        if let Some(tokens) = update.input_tokens {
            self.input_tokens = tokens;
        }
        if let Some(tokens) = update.output_tokens {
            self.output_tokens = tokens;
        }
        if let Some(tokens) = update.cache_read_input_tokens {
            self.cache_read_tokens = tokens;
        }
        match (update.cache_creation, update.cache_creation_input_tokens) {
            (Some(split), _) => {
                self.cache_write_5m_tokens = split.ephemeral_5m_input_tokens;
                self.cache_write_1h_tokens = split.ephemeral_1h_input_tokens;
            }
            // Without the split the sum is all there is; a sum that the known split already explains says nothing new.
            (None, Some(sum)) if sum != self.cache_write_tokens() => {
                self.cache_write_5m_tokens = sum;
                self.cache_write_1h_tokens = 0;
            }
            (None, _) => {}
        }
    }

    /// Fills from Bedrock's closing metrics what the Messages events left at nothing; gateways in front of Bedrock are
    /// known to drop the cache counts from the events and keep them here (litellm#34497).
    pub fn fill_from(&mut self, metrics: &InvocationMetrics) {
        let fill = |field: &mut u64, value: Option<u64>| {
            if *field == 0 {
                *field = value.unwrap_or(0);
            }
        };
        fill(&mut self.input_tokens, metrics.input_token_count);
        fill(&mut self.output_tokens, metrics.output_token_count);
        fill(&mut self.cache_read_tokens, metrics.cache_read_input_token_count);
        if self.cache_write_tokens() == 0 {
            self.cache_write_5m_tokens = metrics.cache_write_input_token_count.unwrap_or(0);
        }
    }
}

/// The `usage` object of a Messages answer or event; every field may be absent or null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct UsageUpdate {
    /// Prompt tokens outside the cache.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer so far.
    pub output_tokens: Option<u64>,
    /// Tokens written to the cache, both lifetimes together.
    pub cache_creation_input_tokens: Option<u64>,
    /// Tokens read from the cache.
    pub cache_read_input_tokens: Option<u64>,
    /// The split of the cache writes by lifetime, which decides their price.
    pub cache_creation: Option<CacheCreation>,
}

/// `usage.cache_creation`: cache writes by time to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CacheCreation {
    /// Written for five minutes.
    pub ephemeral_5m_input_tokens: u64,
    /// Written for one hour.
    pub ephemeral_1h_input_tokens: u64,
}

/// `amazon-bedrock-invocationMetrics`, which Bedrock adds to the last chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvocationMetrics {
    /// Prompt tokens outside the cache.
    pub input_token_count: Option<u64>,
    /// Tokens of the answer.
    pub output_token_count: Option<u64>,
    /// Tokens read from the prompt cache.
    pub cache_read_input_token_count: Option<u64>,
    /// Tokens written to the prompt cache.
    pub cache_write_input_token_count: Option<u64>,
    /// Milliseconds from request to last token, by Bedrock's clock.
    pub invocation_latency: Option<u64>,
    /// Milliseconds from request to first byte, by Bedrock's clock.
    pub first_byte_latency: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(json: &str) -> UsageUpdate {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn input_side_from_the_start_and_output_side_from_the_end() {
        let mut usage = Usage::default();
        usage.apply(&update(r#"{"input_tokens":12,"output_tokens":1,"cache_read_input_tokens":7}"#));
        usage.apply(&update(r#"{"output_tokens":20}"#));
        assert_eq!(usage, Usage { input_tokens: 12, output_tokens: 20, cache_read_tokens: 7, ..Usage::default() });
        assert_eq!(usage.total_tokens(), 39);
    }

    #[test]
    fn the_split_of_cache_writes_survives_a_later_sum() {
        let mut usage = Usage::default();
        usage.apply(&update(
            r#"{"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
        ));
        usage.apply(&update(r#"{"cache_creation_input_tokens":30,"output_tokens":null}"#));
        assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), (10, 20));
    }

    #[test]
    fn closing_metrics_only_fill_gaps() {
        let mut usage = Usage { input_tokens: 5, ..Usage::default() };
        usage.fill_from(&InvocationMetrics {
            input_token_count: Some(99),
            output_token_count: Some(20),
            cache_read_input_token_count: Some(3),
            ..InvocationMetrics::default()
        });
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (5, 20, 3));
    }
}
