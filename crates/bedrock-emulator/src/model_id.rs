//! What a model id may look like, and what is derived from it.
//!
//! Any Claude id or Bedrock ARN of the right shape is served: which models exist, and which need a profile, is not
//! known here.

/// The longest model id that Bedrock takes (bedrock-runtime service model, `InvokeModelIdentifier`).
const MAX_MODEL_ID_BYTES: usize = 2048;

/// The account that resource names in refusals belong to.
const ACCOUNT: &str = "111122223333";

/// Resource kinds of an ARN that `InvokeModel` takes (bedrock-runtime service model, `InvokeModelIdentifier`).
const ARN_KINDS: &[&str] = &[
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "default-prompt-router",
    "prompt-router",
    "prompt",
];

/// Whether Bedrock could know this id: a Claude id, with or without a geography before it, or an ARN.
pub(crate) fn is_well_formed(id: &str) -> bool {
    if id.len() > MAX_MODEL_ID_BYTES {
        return false;
    }
    if id.starts_with("arn:") { is_model_arn(id) } else { is_claude_id(id) }
}

fn is_claude_id(id: &str) -> bool {
    let Some((geography, model)) = id.split_once("anthropic.") else { return false };
    let prefix_fits = geography.is_empty()
        || geography
            .strip_suffix('.')
            .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    prefix_fits
        && model.starts_with("claude-")
        && model.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b))
}

fn is_model_arn(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("bedrock"), Some(region), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((kind, name)) = resource.split_once('/') else { return false };
    partition.starts_with("aws")
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && (account.is_empty() || (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())))
        && ARN_KINDS.contains(&kind)
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:/_".contains(&b))
}

/// The `model` of an answer: as Claude names itself, without provider, geography and version suffix.
pub(crate) fn model_name(id: &str) -> &str {
    let id = id.rsplit('/').next().unwrap_or(id);
    let name = id.split_once("anthropic.").map_or(id, |(_, name)| name);
    match name.rsplit_once("-v") {
        Some((name, version)) if version.bytes().all(|b| b.is_ascii_digit() || b == b':') => name,
        _ => name,
    }
}

/// The resource that a denial names for this id.
pub(crate) fn resource_arn(id: &str, region: &str) -> String {
    if id.starts_with("arn:") {
        id.to_owned()
    } else if id.starts_with("anthropic.") {
        format!("arn:aws:bedrock:{region}::foundation-model/{id}")
    } else {
        format!("arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{id}")
    }
}

/// Who is denied: the one caller this emulator knows.
pub(crate) fn caller_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/emulator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_arns_are_told_from_nonsense() {
        let good = [
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-6",
            "us-gov.anthropic.claude-opus-4-8",
            "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-6",
            "arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:inference-profile/us-gov.anthropic.claude-opus-4-8",
            "arn:aws:bedrock:eu-west-1:111122223333:application-inference-profile/a1b2c3",
        ];
        let bad = [
            "",
            "claude",
            "gpt-4",
            "Anthropic.claude-sonnet-4-6",
            "anthropic.claude sonnet",
            "anthropic.titan",
            ".anthropic.claude-x",
            "arn:aws:s3:::bucket/key",
            "arn:aws:bedrock:us-west-2:1:inference-profile/x",
        ];
        assert_eq!(good.map(is_well_formed), [true; 6]);
        assert_eq!(bad.map(is_well_formed), [false; 9]);
        assert!(!is_well_formed(&format!("anthropic.claude-{}", "x".repeat(MAX_MODEL_ID_BYTES))));
    }

    #[test]
    fn an_answer_names_the_model_as_claude_does() {
        assert_eq!(model_name("us.anthropic.claude-sonnet-4-5-20250929-v1:0"), "claude-sonnet-4-5-20250929");
        assert_eq!(model_name("anthropic.claude-opus-4-6-v1"), "claude-opus-4-6");
        assert_eq!(model_name("anthropic.claude-sonnet-4-6"), "claude-sonnet-4-6");
        assert_eq!(model_name("claude-haiku-4-5"), "claude-haiku-4-5");
    }
}
