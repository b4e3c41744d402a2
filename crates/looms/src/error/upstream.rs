//! From what `claude` says happened to what a caller is told: total matches, one remedy a kind. The sentences are the
//! reference's own where it gives one.

use std::time::Duration;

use claude::{CredentialFault, Denial, ErrorKind, MissingModel, Provider, Throttle, Unavailability, Waiting};

use super::{Code, Error};

/// A throttle without a stated wait: Bedrock's quotas refill by the minute, and it never says when (bedrock ai-dial
/// adapter #371). A tenth of that is when trying again begins to make sense.
const THROTTLE_WAIT: Duration = Duration::from_secs(6);

/// What was asked of upstream: the names that a remedy has to mention.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who was asked.
    pub provider: Provider,
    /// In which region; empty for direct Anthropic.
    pub region: String,
    /// For which model, as configured.
    pub model: String,
    /// The inference profile that the catalogue knows for this model in this region.
    pub profile: Option<String>,
    /// The model to use instead of one that has ended.
    pub successor: Option<String>,
}

impl Asked {
    /// The error to show for an exchange that failed.
    pub fn error(&self, error: claude::Error) -> Error {
        let mut shown = Error::new(code(error.kind), self.sentence(&error)).with_hint(self.hint(error.kind));
        shown.0.retryable = error.kind.is_retryable();
        shown.0.attempts = error.attempts;
        shown.0.retry_after = error.retry_after.or_else(|| wait(error.kind));
        shown.0.upstream = error.upstream.map(|upstream| (self.provider, *upstream));
        shown
    }

    fn sentence(&self, error: &claude::Error) -> String {
        let Self { region, model, provider, .. } = self;
        let place = if *provider == Provider::Bedrock { format!(" in region {region}") } else { String::new() };
        match error.kind {
            ErrorKind::ModelNotFound(MissingModel::Unknown) => {
                format!("Could not find foundation model identifier {model}{place}")
            }
            ErrorKind::ModelNotFound(MissingModel::NeedsProfile) => {
                format!("model `{model}` can only be called through an inference profile{place}")
            }
            ErrorKind::ModelNotFound(MissingModel::EndOfLife) => format!("model `{model}` has reached its end of life"),
            ErrorKind::ModelNotFound(MissingModel::Legacy) => {
                format!("model `{model}` is legacy, and this account has not used it lately")
            }
            ErrorKind::ModelNotFound(MissingModel::UseCaseForm) => {
                format!("model `{model}` is not open to this account until Anthropic's use-case form is filed")
            }
            ErrorKind::Throttled(Throttle::Rate) => format!("Rate exceeded for model {model}{place}"),
            ErrorKind::Throttled(Throttle::Daily) => {
                format!("the daily token quota for model {model}{place} is used up")
            }
            ErrorKind::AccessDenied(_)
            | ErrorKind::Credentials(_)
            | ErrorKind::Throttled(Throttle::Quota)
            | ErrorKind::Unavailable(_)
            | ErrorKind::Timeout(_)
            | ErrorKind::InvalidRequest
            | ErrorKind::ContextTooLong
            | ErrorKind::ModelFailed
            | ErrorKind::StreamInterrupted
            | ErrorKind::Unexpected
            | ErrorKind::Internal => error.message.clone(),
        }
    }

    fn hint(&self, kind: ErrorKind) -> String {
        let (whose, service, endpoint) = match self.provider {
            Provider::Bedrock => ("AWS", "Bedrock", "`llm.bedrock_endpoint_url` (or the region)"),
            Provider::Anthropic => ("Anthropic", "Anthropic's API", "`llm.anthropic_endpoint_url`"),
        };
        match kind {
            ErrorKind::AccessDenied(denial) => self.denied(denial),
            ErrorKind::ModelNotFound(missing) => self.missing(missing),
            ErrorKind::Credentials(fault) => self.credentials(fault),
            ErrorKind::Throttled(throttle) => self.throttled(throttle).to_owned(),
            ErrorKind::Unavailable(Unavailability::Unreachable) => {
                format!("check {endpoint}, the network route and the port")
            }
            ErrorKind::Unavailable(Unavailability::Capacity | Unavailability::NotReady) => {
                "upstream is busy: try again in a moment".to_owned()
            }
            ErrorKind::Unavailable(Unavailability::ConnectionLost) | ErrorKind::StreamInterrupted => {
                "try again; if it stays, look at what stands between this server and upstream".to_owned()
            }
            ErrorKind::Timeout(Waiting::NextEvent) => {
                "raise `llm.stream_idle_seconds` if the model thinks for longer than that".to_owned()
            }
            ErrorKind::Timeout(Waiting::Content) => "try again; the model gave signs of life and no answer".to_owned(),
            ErrorKind::Timeout(Waiting::Answer | Waiting::Model) => {
                "raise `llm.timeout_seconds`, ask for less with `llm.max_tokens`, or use a faster model".to_owned()
            }
            ErrorKind::InvalidRequest => "upstream's message says which field it does not accept".to_owned(),
            ErrorKind::ContextTooLong => "start a new session, or send less text".to_owned(),
            ErrorKind::Unexpected => format!("check {endpoint}: what answers there is not {service}"),
            ErrorKind::ModelFailed | ErrorKind::Internal => {
                format!("try again; if it stays, give {whose} the request id")
            }
        }
    }

    const fn throttled(&self, throttle: Throttle) -> &'static str {
        match (self.provider, throttle) {
            (Provider::Anthropic, _) => "wait and try again; the Claude console shows the organisation's limits",
            (Provider::Bedrock, Throttle::Rate) => {
                "wait and try again; a lower `llm.max_tokens` reserves less of the quota; Service Quotas → Bedrock raises it"
            }
            (Provider::Bedrock, Throttle::Daily) => {
                "the quota refills over the day; Service Quotas → Bedrock raises it, a new account asks AWS support"
            }
            (Provider::Bedrock, Throttle::Quota) => "Service Quotas → Bedrock shows and raises the quota",
        }
    }

    fn denied(&self, denial: Denial) -> String {
        match (self.provider, denial) {
            (Provider::Anthropic, _) => "check the API key's workspace, its permissions and the account's balance".to_owned(),
            (Provider::Bedrock, Denial::Policy | Denial::Streaming) => format!(
                "allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on \
                 arn:aws:bedrock:*::foundation-model/anthropic.claude-* and \
                 arn:aws:bedrock:{}:*:inference-profile/*; a service control policy may deny it too",
                self.region
            ),
            (Provider::Bedrock, Denial::Marketplace) => {
                "allow aws-marketplace:Subscribe, aws-marketplace:Unsubscribe and aws-marketplace:ViewSubscriptions, then \
                 wait two minutes"
                    .to_owned()
            }
            (Provider::Bedrock, Denial::SubscriptionPending) => "try again in 15 minutes".to_owned(),
            (Provider::Bedrock, Denial::Model) => {
                "AWS console → Bedrock → model catalogue: open the model once and file Anthropic's use-case form".to_owned()
            }
        }
    }

    fn missing(&self, missing: MissingModel) -> String {
        let setting = match self.provider {
            Provider::Bedrock => "llm.bedrock_model_id",
            Provider::Anthropic => "llm.anthropic_model",
        };
        let use_profile = self.profile.as_ref().map(|profile| format!("set `{setting}` to `{profile}`"));
        match missing {
            MissingModel::NeedsProfile | MissingModel::Unknown => use_profile.unwrap_or_else(|| {
                format!("check `{setting}` letter by letter, and that the model is offered in this region")
            }),
            MissingModel::EndOfLife | MissingModel::Legacy => match &self.successor {
                Some(successor) => format!("set `{setting}` to its successor, `{successor}`"),
                None => format!("set `{setting}` to a current model"),
            },
            MissingModel::UseCaseForm => {
                "AWS console → Bedrock → model catalogue → the model → submit use case details; once per account"
                    .to_owned()
            }
        }
    }

    fn credentials(&self, fault: CredentialFault) -> String {
        match (self.provider, fault) {
            (Provider::Anthropic, CredentialFault::Absent) => "set ANTHROPIC_API_KEY".to_owned(),
            (Provider::Anthropic, _) => "check ANTHROPIC_API_KEY".to_owned(),
            (Provider::Bedrock, CredentialFault::Absent) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or try without an account: --emulator".to_owned()
            }
            (Provider::Bedrock, CredentialFault::Unrecognized) => {
                "AWS does not know the access key id: check it with `aws sts get-caller-identity`; temporary keys need \
                 AWS_SESSION_TOKEN as well"
                    .to_owned()
            }
            (Provider::Bedrock, CredentialFault::BadSignature) => {
                "the secret access key does not belong to the access key id".to_owned()
            }
            (Provider::Bedrock, CredentialFault::ClockSkew) => "set this machine's clock (NTP)".to_owned(),
            (Provider::Bedrock, CredentialFault::Expired) => "fetch new temporary credentials".to_owned(),
            (Provider::Bedrock, CredentialFault::BadApiKey) => {
                "check the Bedrock API key; a short-term key works only in the region that made it".to_owned()
            }
        }
    }
}

const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::AccessDenied(_) => Code::AccessDenied,
        ErrorKind::ModelNotFound(_) => Code::ModelNotFound,
        ErrorKind::Credentials(_) => Code::CredentialsNotLoaded,
        ErrorKind::Throttled(_) => Code::Throttling,
        ErrorKind::Unavailable(_) | ErrorKind::Unexpected => Code::ServiceUnavailable,
        ErrorKind::Timeout(_) => Code::Timeout,
        ErrorKind::InvalidRequest => Code::InvalidRequest,
        ErrorKind::ContextTooLong => Code::ContextTooLong,
        ErrorKind::ModelFailed => Code::ModelError,
        ErrorKind::StreamInterrupted => Code::StreamInterrupted,
        ErrorKind::Internal => Code::Internal,
    }
}

const fn wait(kind: ErrorKind) -> Option<Duration> {
    match kind {
        ErrorKind::Throttled(Throttle::Rate) => Some(THROTTLE_WAIT),
        ErrorKind::AccessDenied(Denial::SubscriptionPending) => Some(Duration::from_secs(900)),
        _ => None,
    }
}
