//! Which AWS key pair is in use, of those that the configuration itself can name.
//!
//! Owns the rule that a pair and its session token come from one source, and that half a pair is an error, never a
//! reason to go on as somebody else. Knows nothing of profiles, roles or the secrets store, and makes no call.

use std::fmt;

use super::layers::{Candidate, Layer, Layers};
use super::problem::Problem;
use super::resolved::{Resolved, Settings};
use super::setting::{Setting, Value};
use super::table;
use claude::Secret;

const ACCESS_KEY_ID: &str = "llm.bedrock_access_key_id";
const SECRET_ACCESS_KEY: &str = "llm.bedrock_secret_access_key";
const SESSION_TOKEN: &str = "llm.bedrock_session_token";

/// A key pair, with the session token of its own source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeys {
    /// The id. No secret by itself, but masked all the same.
    pub access_key_id: Secret,
    /// The key that signs.
    pub secret_access_key: Secret,
    /// Present with temporary credentials.
    pub session_token: Option<Secret>,
    /// Where all of it came from.
    pub source: CredentialSource,
}

/// A source of key pairs, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// `--bedrock-access-key` and its companions.
    Flags,
    /// `LOOM_LLM_BEDROCK_ACCESS_KEY_ID` and its companions.
    LoomEnvironment,
    /// `AWS_ACCESS_KEY_ID` and its companions.
    AwsEnvironment,
    /// The configuration file.
    File,
}

impl CredentialSource {
    const ALL: [Self; 4] = [Self::Flags, Self::LoomEnvironment, Self::AwsEnvironment, Self::File];

    fn layer(self) -> Layer {
        match self {
            Self::Flags => Layer::Flag,
            Self::LoomEnvironment => Layer::LoomVariable,
            Self::AwsEnvironment => Layer::SharedVariable,
            Self::File => Layer::File,
        }
    }

    /// The name of a setting in this source.
    fn spelling(self, setting: &Setting) -> String {
        match self {
            Self::Flags => setting.flag.map(|flag| format!("--{flag}")).unwrap_or_default(),
            Self::LoomEnvironment => setting.loom_variable(),
            Self::AwsEnvironment => setting.variables.first().map(ToString::to_string).unwrap_or_default(),
            Self::File => setting.key.to_owned(),
        }
    }
}

/// The word for the log line.
impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flags => "flags",
            Self::LoomEnvironment => "environment (LOOM_…)",
            Self::AwsEnvironment => "environment (AWS_…)",
            Self::File => "looms.yaml",
        })
    }
}

/// The key pair in use, and the pairs that it hides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BedrockCredentials {
    /// `None` where no source has a pair: the ambient sources are next.
    pub keys: Option<AwsKeys>,
    /// Weaker sources that have a pair, too; for the log line.
    pub hides: Vec<CredentialSource>,
}

impl BedrockCredentials {
    /// Makes the settings by key say the same: three values of one source, not each the strongest of its own.
    pub(super) fn settle(&self, layers: &Layers, settings: &mut Settings) {
        for key in [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN] {
            settings.0.remove(key);
            let row = table::setting(key).zip(self.keys.as_ref());
            let chosen = row.and_then(|(setting, keys)| Some((setting, layers.get(key, keys.source.layer())?)));
            if let Some((setting, Candidate { origin, value: Some(value), .. })) = chosen {
                settings.0.insert(setting.key, Resolved { value: value.clone(), origin: origin.clone() });
            }
        }
    }
}

/// Chooses the strongest source that has anything. `used` says whether a pair will be needed at all: where it is not,
/// AWS's own variables may hold what they will.
pub(super) fn choose(layers: &Layers, used: bool, problems: &mut Vec<Problem>) -> BedrockCredentials {
    let mut chosen = BedrockCredentials::default();
    for source in CredentialSource::ALL {
        let get = |key| layers.get(key, source.layer());
        match (get(ACCESS_KEY_ID), get(SECRET_ACCESS_KEY), get(SESSION_TOKEN)) {
            (None, None, None) => {}
            (Some(_), Some(_), _) if chosen.keys.is_some() => chosen.hides.push(source),
            (Some(id), Some(secret), token) => chosen.keys = keys(id, secret, token, source),
            // AWS's tools ignore a token that was left behind alone, and what is hidden or unused does no harm.
            (None, None, Some(_)) if source == CredentialSource::AwsEnvironment => {}
            _ if source == CredentialSource::AwsEnvironment && (chosen.keys.is_some() || !used) => {}
            (id, secret, token) => problems.extend(half(source, id, secret, token)),
        }
    }
    chosen
}

/// `None` where a value was refused: the configuration will not be used.
fn keys(id: &Candidate, secret: &Candidate, token: Option<&Candidate>, source: CredentialSource) -> Option<AwsKeys> {
    let text = |candidate: &Candidate| match &candidate.value {
        Some(Value::Secret(secret)) => Some(secret.clone()),
        _ => None,
    };
    Some(AwsKeys {
        access_key_id: text(id)?,
        secret_access_key: text(secret)?,
        session_token: token.and_then(text),
        source,
    })
}

fn half(
    source: CredentialSource,
    id: Option<&Candidate>,
    secret: Option<&Candidate>,
    token: Option<&Candidate>,
) -> Option<Problem> {
    let name = |key| table::setting(key).map(|setting| source.spelling(setting)).unwrap_or_default();
    let (present, message) = match (id, secret, token) {
        (Some(id), _, _) => (id, format!("half a key pair: `{}` is missing beside it", name(SECRET_ACCESS_KEY))),
        (_, Some(secret), _) => (secret, format!("half a key pair: `{}` is missing beside it", name(ACCESS_KEY_ID))),
        (_, _, token) => {
            let (id, secret) = (name(ACCESS_KEY_ID), name(SECRET_ACCESS_KEY));
            (token?, format!("a session token without its key pair: `{id}` and `{secret}` are missing beside it"))
        }
    };
    let hint = "a pair and its session token have to come from one source";
    Some(Problem::new(present.origin.clone(), message).hint(hint))
}
