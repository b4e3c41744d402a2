//! From values by key to the typed groups of [`super::Config`].
//!
//! Owns the pairing of keys with fields, nothing else: every value that arrives here is valid.

use super::{
    BedrockCredentials, LlmConfig, LogFormat, LoggingConfig, OnDisconnect, Provider, ServerConfig, Settings,
    StorageConfig, Synchronous,
};

pub(super) type Groups = (LlmConfig, ServerConfig, StorageConfig, LoggingConfig);

/// `None` where a setting without a default has no value although its field needs one.
pub(super) fn groups(settings: &Settings, bedrock_credentials: BedrockCredentials) -> Option<Groups> {
    let text = |key| settings.text(key).map(str::to_owned);
    let port = |key| settings.integer(key).and_then(|port| u16::try_from(port).ok());
    let llm = LlmConfig {
        provider: Provider::from_name(settings.text("llm.provider")?)?,
        bedrock_region: text("llm.bedrock_region")?,
        bedrock_model_id: text("llm.bedrock_model_id")?,
        bedrock_allow_any_region: settings.bool("llm.bedrock_allow_any_region")?,
        bedrock_endpoint_url: text("llm.bedrock_endpoint_url"),
        bedrock_credentials,
        anthropic_model: text("llm.anthropic_model")?,
        anthropic_endpoint_url: text("llm.anthropic_endpoint_url")?,
        anthropic_api_key: settings.secret("llm.anthropic_api_key"),
        temperature: settings.float("llm.temperature")?,
        max_tokens: settings.integer("llm.max_tokens")?,
        timeout: settings.seconds("llm.timeout_seconds")?,
        stream_idle: settings.seconds("llm.stream_idle_seconds")?,
        on_disconnect: OnDisconnect::from_name(settings.text("llm.on_disconnect")?)?,
    };
    let server = ServerConfig {
        host: text("server.host")?,
        port: port("server.port")?,
        http_port: port("server.http_port")?,
        allow_unauthenticated: settings.bool("server.allow_unauthenticated")?,
        allowed_hosts: settings.list("server.allowed_hosts")?,
        allowed_origins: settings.list("server.cors.allowed_origins")?,
        shutdown: settings.seconds("server.shutdown_seconds")?,
    };
    let storage =
        StorageConfig { sqlite_synchronous: Synchronous::from_name(settings.text("storage.sqlite.synchronous")?)? };
    let logging = LoggingConfig {
        level: settings.text("logging.level")?.parse().ok()?,
        format: LogFormat::from_name(settings.text("logging.format")?)?,
    };
    Some((llm, server, storage, logging))
}
