//! The log: on stderr, as text that people read or as JSON that machines do.

use std::fmt;
use std::io;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogFormat, LoggingConfig};

/// Starts the log of this process; a second call changes nothing.
pub fn init(config: &LoggingConfig) {
    let level = LevelFilter::from_level(config.level);
    // What we are built on speaks only where something is wrong, unless everything is asked for.
    let others = if config.level == Level::TRACE { level } else { level.min(LevelFilter::WARN) };
    let mut targets = Targets::new().with_default(others);
    for ours in ["looms", "claude", "loom_store", "bedrock_emulator"] {
        targets = targets.with_target(ours, level);
    }
    let registry = tracing_subscriber::registry().with(targets);
    // A second subscriber cannot be set; the first one stays.
    let _already = match config.format {
        LogFormat::Json => registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(io::stderr))
            .try_init(),
        LogFormat::Text => {
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).event_format(Plain);
            registry.with(layer.with_writer(io::stderr)).try_init()
        }
    };
}

/// `INFO  gRPC server listening on :50051 address=127.0.0.1:50051`: the sentence first, fields after it, no time (the
/// service manager stamps it).
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(out, "{:<5} ", event.metadata().level().as_str())?;
        context.field_format().format_fields(out.by_ref(), event)?;
        if let Some(scope) = context.event_scope() {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                    && !fields.is_empty()
                {
                    write!(out, " {fields}")?;
                }
            }
        }
        writeln!(out)
    }
}
