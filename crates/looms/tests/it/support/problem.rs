//! An error as a caller reads it, from whichever door.

use std::collections::BTreeMap;

use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::Reply;

/// What an error says, in the one shape that both doors carry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) grpc: Code,
    /// The status of the HTTP response, where there is one.
    pub(crate) http: Option<u16>,
    pub(crate) message: String,
    /// `ErrorInfo.reason`.
    pub(crate) reason: String,
    /// `ErrorInfo.domain`.
    pub(crate) domain: String,
    pub(crate) metadata: BTreeMap<String, String>,
    /// `RetryInfo.retry_delay`, in seconds.
    pub(crate) retry_after: Option<f64>,
}

impl Problem {
    /// A value of `ErrorInfo.metadata`, empty where there is none.
    pub(crate) fn said(&self, key: &str) -> &str {
        self.metadata.get(key).map_or("", String::as_str)
    }

    pub(crate) fn hint(&self) -> &str {
        self.said("hint")
    }

    /// Reads the JSON of `google.rpc.Status`.
    pub(crate) fn of_json(status: &Value) -> Self {
        let detail = |name: &str| {
            let details = status["details"].as_array().into_iter().flatten();
            let of_type = |detail: &&Value| detail["@type"] == format!("type.googleapis.com/google.rpc.{name}");
            details.into_iter().find(of_type).cloned().unwrap_or_default()
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let info = detail("ErrorInfo");
        let metadata = info["metadata"].as_object().into_iter().flatten();
        Self {
            grpc: Code::from_i32(i32::try_from(status["code"].as_i64().unwrap()).unwrap()),
            http: None,
            message: text(&status["message"]),
            reason: text(&info["reason"]),
            domain: text(&info["domain"]),
            metadata: metadata.map(|(key, value)| (key.clone(), text(value))).collect(),
            retry_after: detail("RetryInfo")["retryDelay"]
                .as_str()
                .map(|delay| delay.strip_suffix('s').unwrap().parse().unwrap()),
        }
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let info = status.get_details_error_info().unwrap_or_else(|| panic!("an error without details: {status:?}"));
        let wait = status.get_details_retry_info().and_then(|info| info.retry_delay);
        Self {
            grpc: status.code(),
            http: None,
            message: status.message().to_owned(),
            reason: info.reason,
            domain: info.domain,
            metadata: info.metadata.into_iter().collect(),
            retry_after: wait.map(|wait| wait.as_secs_f64()),
        }
    }
}

impl From<Reply> for Problem {
    fn from(reply: Reply) -> Self {
        Self { http: Some(reply.status.as_u16()), ..Self::of_json(&reply.json()) }
    }
}
