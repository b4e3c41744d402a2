//! What an exchange used and cost, and as what it is stored.

use claude::{PicoDollars, Usage};

/// What an exchange used and cost.
#[derive(Debug, Clone)]
pub struct Bill {
    /// Who served it.
    pub provider: &'static str,
    /// The model, as configured.
    pub model: String,
    /// Tokens by class.
    pub usage: Usage,
    /// The cost; `None` where no price is known.
    pub cost: Option<PicoDollars>,
    /// The model's context window, where the catalogue knows it.
    pub context_window: Option<u32>,
}

impl Bill {
    /// As the store counts.
    pub(crate) fn to_stored(&self) -> loom_store::Usage {
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        loom_store::Usage {
            provider: self.provider.to_owned(),
            model: self.model.clone(),
            input_tokens: tokens(self.usage.input_tokens),
            output_tokens: tokens(self.usage.output_tokens),
            cache_write_5m_tokens: tokens(self.usage.cache_write_5m_tokens),
            cache_write_1h_tokens: tokens(self.usage.cache_write_1h_tokens),
            cache_read_tokens: tokens(self.usage.cache_read_tokens),
            cost_pico: self.cost.map(|PicoDollars(pico)| tokens(pico)),
            estimated: self.usage.estimated,
        }
    }
}
