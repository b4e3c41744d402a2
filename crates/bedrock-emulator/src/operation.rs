//! Which operation a request line asks for.
//!
//! Knows paths and nothing of bodies. Model ids arrive percent-encoded (`%3A` for `:`, `%2F` inside ARNs) and are
//! decoded here; the signature is checked on the path as it was received.

use http::Method;
use percent_encoding::percent_decode_str;

/// Whose words and shapes an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `bedrock-runtime`: signatures, event-stream frames, exceptions.
    Bedrock,
    /// `api.anthropic.com`: an API key, server-sent events, typed errors.
    Anthropic,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `InvokeModel`.
    Invoke { model_id: String },
    /// `InvokeModelWithResponseStream`.
    InvokeStream { model_id: String },
    /// Anthropic's `/v1/messages`; the model and `stream` stand in its body.
    Messages,
    /// Nothing that is served here, in the words of whom it was meant for.
    Unknown(Protocol),
}

impl Operation {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        if path == "/v1/messages" && method == Method::POST {
            return Self::Messages;
        }
        if path.starts_with("/v1/") {
            return Self::Unknown(Protocol::Anthropic);
        }
        if method != Method::POST {
            return Self::Unknown(Protocol::Bedrock);
        }
        Self::of_model_path(path).unwrap_or(Self::Unknown(Protocol::Bedrock))
    }

    /// `/model/{modelId}/{verb}`. An ARN sent with plain slashes still routes: the verb is the last segment.
    fn of_model_path(path: &str) -> Option<Self> {
        let (encoded_id, verb) = path.strip_prefix("/model/")?.rsplit_once('/')?;
        let model_id = percent_decode_str(encoded_id).decode_utf8().ok()?.into_owned();
        match verb {
            "invoke" => Some(Self::Invoke { model_id }),
            "invoke-with-response-stream" => Some(Self::InvokeStream { model_id }),
            _ => None,
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Invoke { .. } | Self::InvokeStream { .. } => Protocol::Bedrock,
            Self::Messages => Protocol::Anthropic,
            Self::Unknown(protocol) => *protocol,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_route_with_encoded_ids_and_arns() {
        let arn = "arn:aws:bedrock:us-west-2:111122223333:application-inference-profile/abc123";
        let cases = [
            ("/model/a%3A0/invoke", Operation::Invoke { model_id: "a:0".into() }),
            ("/model/a:0/invoke-with-response-stream", Operation::InvokeStream { model_id: "a:0".into() }),
            (
                "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A111122223333%3Aapplication-inference-profile%2Fabc123/invoke",
                Operation::Invoke { model_id: arn.into() },
            ),
            ("/v1/messages", Operation::Messages),
            ("/v1/complete", Operation::Unknown(Protocol::Anthropic)),
            ("/model/a/converse", Operation::Unknown(Protocol::Bedrock)),
            ("/model/%FF/invoke", Operation::Unknown(Protocol::Bedrock)),
            ("/", Operation::Unknown(Protocol::Bedrock)),
        ];
        for (path, expected) in cases {
            assert_eq!(Operation::of(&Method::POST, path), expected, "{path}");
        }
        assert_eq!(Operation::of(&Method::GET, "/model/a/invoke"), Operation::Unknown(Protocol::Bedrock));
    }
}
