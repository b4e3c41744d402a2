//! What a turn leaves behind.

use claude::PicoDollars;
use loom_store::{Appended, TurnRecord, Usage};

use super::Bill;
use crate::error::Error;
use crate::loom::Loom;

/// Stores a turn, durably. A session that was deleted in the meantime stays deleted: its owner wanted nothing kept, and
/// the caller still gets the answer.
pub(super) async fn store(loom: &Loom, turn: TurnRecord) -> Result<(), Error> {
    let session = turn.session_id.clone();
    match loom.store().append_turn(turn).await? {
        Appended::Stored { .. } => {}
        Appended::SessionGone => tracing::info!(session, "deleted while its turn ran; the turn is not kept"),
    }
    Ok(())
}

impl Bill {
    /// As the store counts.
    pub(super) fn to_stored(&self) -> Usage {
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Usage {
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
