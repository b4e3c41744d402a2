//! `--emulator`: a first run without an account. Only ever by that flag, never as a fall-back.

use bedrock_emulator::Emulator;
use claude::Secret;

use crate::config::{AwsKeys, BedrockCredentials, Config, CredentialSource};
use crate::error::{Code, Error};

/// Starts the emulator in this process if the configuration asks for it, and points the configuration at it. The
/// emulator lives as long as what is returned.
///
/// # Errors
/// When no loopback port is free.
pub async fn start(config: &mut Config) -> Result<Option<Emulator>, Error> {
    if !config.emulator {
        return Ok(None);
    }
    let emulator = Emulator::builder()
        .region(config.llm.bedrock_region.clone())
        .recorded_requests(0)
        .start()
        .await
        .map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    config.llm.bedrock_endpoint_url = Some(emulator.url().to_owned());
    config.llm.bedrock_credentials = BedrockCredentials {
        keys: Some(AwsKeys {
            access_key_id: Secret::new(emulator.access_key_id()),
            secret_access_key: Secret::new(emulator.secret_access_key()),
            session_token: None,
            // It was asked for by a flag.
            source: CredentialSource::Flags,
        }),
        hides: Vec::new(),
    };
    config.llm.anthropic_endpoint_url = emulator.url().to_owned();
    config.llm.anthropic_api_key = Some(Secret::new(emulator.anthropic_api_key()));
    Ok(Some(emulator))
}
