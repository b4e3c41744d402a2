//! Who we are towards upstream: AWS keys behind one type, and secrets that cannot be printed.
//!
//! Knows nothing of where a configuration keeps them.

use std::fmt;

use crate::error::{CredentialFault, Error, ErrorKind};

/// A value that never shows: `Debug` prints `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that must have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// An AWS key pair, with the session token that temporary ones carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// The access key id; not a secret, and shown in AWS's own logs.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret>,
}

/// Where the keys of a request come from. Asked once per attempt, so that a source can refresh them.
#[derive(Debug, Clone)]
pub struct Credentials(Source);

#[derive(Debug, Clone)]
enum Source {
    Fixed(aws_credential_types::Credentials),
    Absent { tried: String },
}

impl Credentials {
    /// Keys that stay as they are.
    pub fn fixed(keys: &AwsKeys) -> Self {
        Self(Source::Fixed(aws_credential_types::Credentials::new(
            keys.access_key_id.clone(),
            keys.secret_access_key.expose(),
            keys.session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "looms",
        )))
    }

    /// No keys at all: every request fails with a sentence that lists what was `tried`.
    pub fn absent(tried: impl Into<String>) -> Self {
        Self(Source::Absent { tried: tried.into() })
    }

    /// The keys for the next attempt.
    ///
    /// # Errors
    /// [`CredentialFault::Absent`] when there are none.
    pub(crate) async fn resolve(&self) -> Result<aws_credential_types::Credentials, Error> {
        match &self.0 {
            Source::Fixed(keys) => Ok(keys.clone()),
            Source::Absent { tried } => Err(Error::new(
                ErrorKind::Credentials(CredentialFault::Absent),
                format!("failed to load AWS credentials from any source ({tried})"),
            )),
        }
    }
}
