//! The configuration: flags, environment and `looms.yaml` in, one validated [`Config`] out.
//!
//! Owns every setting ([`SETTINGS`]), their precedence and all checks of them; the environment is read here and
//! nowhere else. Reading ([`RawConfig::read`]) and judging ([`validate`]) are two steps, so that the second needs no
//! disk and no process. Knows nothing of servers, sessions or transports: plain values leave it.

mod build;
mod check;
mod choice;
mod credentials;
mod environment;
mod flags;
mod layers;
mod page;
mod parse;
mod problem;
mod raw;
mod resolved;
mod setting;
mod table;
mod yaml;

use std::path::PathBuf;
use std::time::Duration;

pub use self::check::KnownRegions;
pub use self::choice::{LogFormat, OnDisconnect, Provider, Synchronous};
pub use self::credentials::{AwsKeys, BedrockCredentials, CredentialSource};
pub use self::environment::Environment;
pub use self::flags::{Flags, flags};
pub use self::page::settings_page;
pub use self::problem::{ConfigError, Origin, Problem};
pub use self::raw::{ConfigFile, RawConfig};
pub use self::resolved::{Resolved, Settings};
pub use self::setting::{Kind, Setting, Value};
pub use self::table::{SETTINGS, setting};
use claude::Secret;

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The model and how it is reached.
    pub llm: LlmConfig,
    /// The listeners.
    pub server: ServerConfig,
    /// Where sessions are kept.
    pub storage: StorageConfig,
    /// The log.
    pub logging: LoggingConfig,
    /// `LOOM_DATA_DIR`, or `.loom` in the home directory.
    pub data_dir: PathBuf,
    /// Whether `--emulator` was given.
    pub emulator: bool,
    /// What is odd but no error, each a sentence for the log.
    pub warnings: Vec<String>,
    /// Every setting's value with where it came from.
    pub settings: Settings,
}

/// Settings under `llm`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the setting of its name; the table documents it")]
pub struct LlmConfig {
    pub provider: Provider,
    pub bedrock_region: String,
    pub bedrock_model_id: String,
    pub bedrock_allow_any_region: bool,
    /// Without a slash at its end.
    pub bedrock_endpoint_url: Option<String>,
    /// The access key, its secret and its session token, from one source.
    pub bedrock_credentials: BedrockCredentials,
    pub anthropic_model: String,
    /// Without a slash at its end.
    pub anthropic_endpoint_url: String,
    pub anthropic_api_key: Option<Secret>,
    /// 0.0 is a value like any other; whether it was chosen, [`Settings::is_explicit`] tells.
    pub temperature: f64,
    pub max_tokens: u32,
    /// `llm.timeout_seconds`.
    pub timeout: Duration,
    /// `llm.stream_idle_seconds`.
    pub stream_idle: Duration,
    pub on_disconnect: OnDisconnect,
}

/// Settings under `server`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the setting of its name; the table documents it")]
pub struct ServerConfig {
    /// An IP address, IPv6 without brackets, or a host name.
    pub host: String,
    /// For gRPC.
    pub port: u16,
    pub http_port: u16,
    pub allow_unauthenticated: bool,
    /// In lower case, IPv6 in brackets, some with a port.
    pub allowed_hosts: Vec<String>,
    /// `server.cors.allowed_origins`, in lower case.
    pub allowed_origins: Vec<String>,
    /// `server.shutdown_seconds`.
    pub shutdown: Duration,
}

impl ServerConfig {
    /// Whether only this machine can reach the listeners.
    pub fn is_loopback(&self) -> bool {
        check::is_loopback(&self.host)
    }
}

/// Settings under `storage`.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// `storage.sqlite.synchronous`.
    pub sqlite_synchronous: Synchronous,
}

/// Settings under `logging`.
#[derive(Clone, Debug)]
pub struct LoggingConfig {
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// Shape of the lines.
    pub format: LogFormat,
}

/// Reads and judges the configuration.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn load(flags: Flags, environment: Environment, regions: &KnownRegions) -> Result<Config, ConfigError> {
    validate(RawConfig::read(flags, environment), regions)
}

/// Judges what was read.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn validate(raw: RawConfig, regions: &KnownRegions) -> Result<Config, ConfigError> {
    let RawConfig { flags, environment, data_dir, file, mut problems } = raw;
    let entries = file.map(|file| yaml::read(&file.name, &file.text, &mut problems)).unwrap_or_default();
    let layers = layers::Layers::collect(&flags, &environment, &entries, &mut problems);
    let mut settings = layers.settle();
    check::across(&settings, regions, &mut problems);
    let keys_used = !flags.emulator && settings.text("llm.provider") == Some("bedrock");
    let credentials = credentials::choose(&layers, keys_used, &mut problems);
    credentials.settle(&layers, &mut settings);
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let mut warnings = environment.typos();
    warnings.extend(exposures(&layers));
    let emulator = flags.emulator;
    build::groups(&settings, credentials)
        .map(|(llm, server, storage, logging)| Config {
            llm,
            server,
            storage,
            logging,
            data_dir,
            emulator,
            warnings,
            settings,
        })
        // Every setting without a problem has a value of its kind, or a default; a test goes through the table.
        .ok_or_else(|| ConfigError::new(vec![Problem::new(Origin::Default, "the table of settings has a gap")]))
}

/// Secrets in places that others can read.
fn exposures(layers: &layers::Layers) -> Vec<String> {
    let mut warnings = Vec::new();
    let flags = layers.exposed(layers::Layer::Flag);
    if !flags.is_empty() {
        warnings.push(format!(
            "{}: a key given as a flag shows in the process list; use the environment or an IAM role instead",
            flags.join(", ")
        ));
    }
    let lines = layers.exposed(layers::Layer::File);
    if !lines.is_empty() {
        warnings.push(format!(
            "{}: a key in plain text, for everyone who can read the file; use the environment or an IAM role instead",
            lines.join(", ")
        ));
    }
    warnings
}

/// A text of the user's, fit for a message: in backticks, without control characters, and not too long.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let short: String = text.chars().take(MAX_CHARS).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", printable(&short))
}

/// Control characters as escapes: what is quoted must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect()
}
