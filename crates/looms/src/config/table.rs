//! The table of settings: the one place that says which settings exist.
//!
//! Validation, environment look-up, flags, suggestions and the reference page are all read off it. Keys, types, ranges
//! and defaults of the first nine are fixed by the product's interface. Knows nothing of how it is read.

use super::setting::{Kind, Setting};
use super::{LogFormat, OnDisconnect, Provider, Synchronous};

/// Names of [`tracing::Level`], as `logging.level` takes them.
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// A TCP port; 0 lets the system choose one.
const PORT: Kind = Kind::Integer { min: 0, max: 65_535 };

/// Every setting, in the order of the reference page. A flag is the key's last part with dashes, but for the few that
/// would not say what they are about (`--log-level`) and those with a fixed name of their own (`--bedrock-access-key`).
pub const SETTINGS: &[Setting] = &[
    Setting::new("llm.provider", Kind::OneOf(Provider::NAMES), "who serves the model")
        .default("bedrock")
        .flag("llm-provider")
        .live(),
    Setting::new(
        "llm.bedrock_region",
        Kind::Text,
        "AWS region: `us-west-2`, `us-east-1`, `eu-central-1`, `ap-northeast-1` or `ap-southeast-1`, \
         unless `llm.bedrock_allow_any_region` is set",
    )
    .default("us-west-2")
    .flag("bedrock-region")
    .fallback_variables(&["AWS_REGION", "AWS_DEFAULT_REGION"])
    .live(),
    Setting::new("llm.bedrock_model_id", Kind::Text, "model id, inference profile id or ARN for Bedrock")
        .default("anthropic.claude-sonnet-4-5-20250929-v1:0")
        .flag("bedrock-model-id")
        .live(),
    Setting::new("llm.bedrock_access_key_id", Kind::Text, "AWS access key id; better left to AWS's own sources")
        .flag("bedrock-access-key")
        .variables(&["AWS_ACCESS_KEY_ID"])
        .secret()
        .live(),
    Setting::new("llm.bedrock_secret_access_key", Kind::Text, "AWS secret access key, beside its id")
        .flag("bedrock-secret-key")
        .variables(&["AWS_SECRET_ACCESS_KEY"])
        .secret()
        .live(),
    Setting::new("llm.bedrock_session_token", Kind::Text, "AWS session token of a temporary key pair")
        .flag("bedrock-session-token")
        .variables(&["AWS_SESSION_TOKEN"])
        .secret()
        .live(),
    Setting::new("llm.temperature", Kind::Float { min: 0.0, max: 1.0 }, "how freely the model chooses its words")
        .default("1.0")
        .flag("temperature")
        .live(),
    Setting::new("llm.max_tokens", Kind::Integer { min: 1, max: 200_000 }, "the longest answer, in tokens")
        .default("4096")
        .flag("max-tokens")
        .live(),
    Setting::new(
        "llm.timeout_seconds",
        Kind::Seconds { min: 1, max: 600 },
        "bound for a whole unary call, and for the first event of a stream",
    )
    .default("60")
    .flag("timeout-seconds")
    .live(),
    Setting::new(
        "llm.stream_idle_seconds",
        Kind::Seconds { min: 1, max: 3600 },
        "bound between two events of a stream; a thinking model may pause for minutes",
    )
    .default("180")
    .flag("stream-idle-seconds")
    .live(),
    Setting::new(
        "llm.on_disconnect",
        Kind::OneOf(OnDisconnect::NAMES),
        "what becomes of an answer whose caller went away: `drain` it within bounds, `cancel` it, or `auto`: \
         drain on Bedrock, which bills it anyway, cancel elsewhere",
    )
    .default("auto")
    .flag("on-disconnect")
    .live(),
    Setting::new("llm.bedrock_allow_any_region", Kind::Bool, "allow every region that the catalogue knows")
        .default("false")
        .flag("bedrock-allow-any-region")
        .live(),
    Setting::new("llm.bedrock_endpoint_url", Kind::Url, "another endpoint than AWS's public one: PrivateLink, a proxy")
        .flag("bedrock-endpoint-url")
        .variables(&["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"])
        .live(),
    Setting::new("llm.anthropic_model", Kind::Text, "model id for Anthropic's own API")
        .default("claude-sonnet-4-5-20250929")
        .flag("anthropic-model")
        .live(),
    Setting::new("llm.anthropic_endpoint_url", Kind::Url, "where Anthropic's API is")
        .variables(&["ANTHROPIC_BASE_URL"])
        .default("https://api.anthropic.com")
        .flag("anthropic-endpoint-url")
        .live(),
    Setting::new("llm.anthropic_api_key", Kind::Text, "key for Anthropic's own API")
        .variables(&["ANTHROPIC_API_KEY"])
        .secret()
        .live(),
    Setting::new("server.host", Kind::Host, "the address to listen on").default("127.0.0.1").flag("host"),
    Setting::new("server.port", PORT, "port for gRPC; 0 lets the system choose").default("50051").flag("port"),
    Setting::new("server.http_port", PORT, "port for HTTP; 0 lets the system choose").default("8080").flag("http-port"),
    Setting::new(
        "server.allow_unauthenticated",
        Kind::Bool,
        "listen beyond loopback although callers need no key: whoever reaches the port spends your tokens",
    )
    .default("false")
    .flag("allow-unauthenticated"),
    Setting::new(
        "server.allowed_hosts",
        Kind::Hosts,
        "names in `Host` that an unauthenticated listener answers to, beside loopback and its own address",
    )
    .default("")
    .flag("allowed-hosts")
    .live(),
    Setting::new("server.cors.allowed_origins", Kind::Origins, "web pages whose scripts may call the server")
        .default("")
        .flag("allowed-origins")
        .live(),
    Setting::new(
        "server.shutdown_seconds",
        Kind::Seconds { min: 0, max: 3600 },
        "how long running turns may still take once the server was told to stop",
    )
    .default("30")
    .flag("shutdown-seconds")
    .live(),
    Setting::new(
        "storage.sqlite.synchronous",
        Kind::OneOf(Synchronous::NAMES),
        "`full`: what was acknowledged survives a power cut; `normal`: it survives a crash of the process",
    )
    .default("full"),
    Setting::new("logging.level", Kind::OneOf(LEVELS), "the least important line that is logged")
        .default("info")
        .flag("log-level")
        .live(),
    Setting::new("logging.format", Kind::OneOf(LogFormat::NAMES), "shape of the log's lines")
        .default("text")
        .flag("log-format"),
];

/// The row of a key.
pub fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Whether `path` names a section: `llm`, `server.cors`.
pub(super) fn is_section(path: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The key or section that a mistyped path most likely meant; `None` where nothing is near.
///
/// A path whose last part is right (`bedrock_region` at the top of the file) means the key that ends like it. Otherwise
/// a quarter of the letters may be wrong: more would suggest keys that have nothing to do with what was written.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let last_part = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let written_last = path.rsplit('.').next().unwrap_or(path);
    if let Some(setting) = SETTINGS.iter().find(|setting| last_part(setting.key) == written_last) {
        return Some(setting.key);
    }
    let sections = SETTINGS.iter().flat_map(|setting| {
        setting.key.match_indices('.').filter_map(|(dot, _)| setting.key.get(..dot)).collect::<Vec<_>>()
    });
    SETTINGS
        .iter()
        .map(|setting| setting.key)
        .chain(sections)
        .map(|key| (strsim::damerau_levenshtein(path, key), key))
        .filter(|(distance, key)| *distance <= (key.chars().count() / 4).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Flags that are not the key's last part with dashes.
    const NAMED_FLAGS: &[&str] =
        &["llm-provider", "bedrock-access-key", "bedrock-secret-key", "log-level", "log-format"];

    #[test]
    fn every_default_is_a_valid_value() {
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                assert!(setting.kind.parse_text(default).is_ok(), "{}", setting.key);
            }
        }
    }

    #[test]
    fn names_are_unique_and_follow_the_rule() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        let variables: BTreeSet<_> = SETTINGS.iter().map(Setting::loom_variable).collect();
        let flags: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.flag).collect();
        assert_eq!((keys.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
        assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len());
        for setting in SETTINGS {
            let by_rule = setting.key.rsplit('.').next().unwrap().replace('_', "-");
            match setting.flag {
                Some(flag) => assert!(flag == by_rule || NAMED_FLAGS.contains(&flag), "{}", setting.key),
                None => assert!(setting.secret || setting.section() == "storage", "{}", setting.key),
            }
        }
    }

    #[test]
    fn a_typo_finds_its_key_and_nonsense_finds_none() {
        for (written, meant) in [
            ("llm.bedrock_regoin", Some("llm.bedrock_region")),
            ("bedrock_region", Some("llm.bedrock_region")),
            ("server.allowed_origins", Some("server.cors.allowed_origins")),
            ("lmm", Some("llm")),
            ("loging.level", Some("logging.level")),
            ("server.cros", Some("server.cors")),
            ("llm.bedrock_profile", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }
}
