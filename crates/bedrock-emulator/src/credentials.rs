//! The keys that the emulator accepts.
//!
//! The defaults are fixed and public: they open nothing but an emulator, and a fixed key is easier to script against.

use std::fmt;

/// The access key id that an emulator accepts unless told otherwise.
pub(crate) const DEFAULT_ACCESS_KEY_ID: &str = "AKIDEMULATOR";
/// The secret of [`DEFAULT_ACCESS_KEY_ID`].
pub(crate) const DEFAULT_SECRET_ACCESS_KEY: &str = "emulator-secret-that-opens-nothing-else";
/// The `x-api-key` that an emulator accepts on Anthropic's path unless told otherwise.
pub(crate) const DEFAULT_API_KEY: &str = "emulator-api-key-that-opens-nothing-else";

/// One AWS key pair the emulator knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) expired: bool,
}

impl Credentials {
    /// A long-lived key pair.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            expired: false,
        }
    }

    /// The same pair as temporary credentials: requests must carry this session token.
    #[must_use]
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// The same pair after its lifetime: every request signed with it is refused with `ExpiredTokenException`.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self::new(DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &"***")
            .field("session_token", &self.session_token.as_ref().map(|_| "***"))
            .field("expired", &self.expired)
            .finish()
    }
}

/// The `x-api-key` of Anthropic's path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey(pub(crate) String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
