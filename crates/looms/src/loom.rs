//! The product's core: one upstream, one store, the turns that run. Every front door stands on it, and it knows none of
//! them.

mod bill;
mod queue;

use std::sync::Arc;
use std::time::Duration;

use claude::{
    Api, Authorization, Catalogue, Client, ClientOptions, Credentials, Endpoint, PicoDollars, Provider, RetryPolicy,
    Usage,
};
use loom_store::{Options, Store, StoreError, Synchronous};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, Config, OnDisconnect};
use crate::error::{Asked, Code, Error};
pub use bill::Bill;
pub(crate) use queue::{Place, SessionQueues};

/// The one agent.
pub const AGENT: &str = "default";

/// The database's file in the data directory.
const DATABASE: &str = "loom.db";

/// Where the emulator's sessions and costs are kept, apart from real ones.
const EMULATOR_DIR: &str = "emulator";

/// The most turns that run or wait at once; each holds a task and, mostly, a connection to upstream.
const MAX_TURNS: usize = 16_384;

/// What becomes of an answer whose caller is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// It is read to its end: it is billed in any case.
    Drain,
    /// It is cut.
    Cancel,
}

/// Everything that turns need.
#[derive(Debug)]
pub struct Loom {
    client: Client,
    catalogue: Catalogue,
    store: Store,
    queues: Arc<SessionQueues>,
    turns: TaskTracker,
    stopping: CancellationToken,
    upstream: Upstream,
}

/// Where the answers come from, as the configuration says.
#[derive(Debug, Clone)]
struct Upstream {
    provider: Provider,
    region: String,
    model: String,
    max_tokens: u32,
    temperature: Option<f64>,
    timeout: Duration,
    on_disconnect: Disconnect,
}

impl Loom {
    /// Opens the store and makes the client. Connects to nothing: an upstream that does not answer is each request's
    /// own trouble.
    ///
    /// # Errors
    /// When the store cannot be opened or the configuration names an impossible endpoint.
    pub async fn open(config: &Config, retry: RetryPolicy) -> Result<Arc<Self>, Error> {
        let unusable = |error: &dyn std::error::Error| Error::new(Code::Internal, error.to_string());
        let catalogue = Catalogue::embedded().map_err(|error| unusable(&error))?;
        let options = ClientOptions { stream_idle: config.llm.stream_idle, retry };
        let (endpoint, api) = endpoint(config).map_err(|error| unusable(&error))?;
        let client = Client::new(endpoint, api, options).map_err(|error| unusable(&error))?;
        let store = Store::open(Options {
            path: database(config),
            synchronous: match config.storage.sqlite_synchronous {
                config::Synchronous::Full => Synchronous::Full,
                config::Synchronous::Normal => Synchronous::Normal,
            },
        })
        .await?;
        Ok(Arc::new(Self {
            upstream: Upstream::new(config, client.provider()),
            client,
            catalogue,
            store,
            queues: Arc::default(),
            turns: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }))
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The upstream's client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The model that turns use, as configured.
    pub fn model(&self) -> &str {
        &self.upstream.model
    }

    /// How long a turn may take unless its caller says otherwise.
    pub const fn timeout(&self) -> Duration {
        self.upstream.timeout
    }

    /// Waits for running turns until `patience` is over, then cuts the rest and closes the store. Returns how many were
    /// cut.
    pub async fn stop(&self, patience: Duration) -> usize {
        /// What a turn that is cut needs to store what it has.
        const LAST_WORDS: Duration = Duration::from_secs(5);
        self.turns.close();
        let mut cut = 0;
        if timeout(patience, self.turns.wait()).await.is_err() {
            cut = self.turns.len();
            self.stopping.cancel();
            if timeout(LAST_WORDS, self.turns.wait()).await.is_err() {
                tracing::warn!(turns = self.turns.len(), "turns did not end when they were cut");
            }
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store did not close cleanly");
        }
        cut
    }

    pub(crate) fn admit(&self) -> Result<(), Error> {
        if self.turns.is_closed() {
            return Err(Error::new(Code::ServiceUnavailable, "the server is stopping")
                .with_hint("ask another replica, or try again in a moment"));
        }
        if self.turns.len() >= MAX_TURNS {
            return Err(Error::new(Code::Overloaded, format!("{MAX_TURNS} turns are running"))
                .with_retry_after(Duration::from_secs(1)));
        }
        Ok(())
    }

    pub(crate) const fn turns(&self) -> &TaskTracker {
        &self.turns
    }

    pub(crate) const fn queues(&self) -> &Arc<SessionQueues> {
        &self.queues
    }

    pub(crate) const fn on_disconnect(&self) -> Disconnect {
        self.upstream.on_disconnect
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    pub(crate) const fn sampling(&self) -> (u32, Option<f64>) {
        (self.upstream.max_tokens, self.upstream.temperature)
    }

    /// What `usage` costs on the model's route.
    pub(crate) fn bill(&self, model: &str, usage: Usage) -> Bill {
        let provider = self.upstream.provider;
        let cost = self.catalogue.price(provider, model, &self.upstream.region).and_then(|price| price.cost(&usage));
        let context_window = self.catalogue.model(provider, model).map(|model| model.context_window);
        Bill { provider: provider.as_str(), model: model.to_owned(), usage, cost, context_window }
    }

    /// The names that an error's remedy has to mention.
    pub(crate) fn asked(&self, model: &str) -> Asked {
        let Upstream { provider, region, .. } = &self.upstream;
        let known = self.catalogue.model(*provider, model);
        let profile = match provider {
            Provider::Bedrock => self.catalogue.profile_for(model, region),
            Provider::Anthropic => None,
        };
        Asked {
            provider: *provider,
            region: region.clone(),
            model: model.to_owned(),
            profile: profile.filter(|profile| profile != model),
            successor: known.and_then(|known| known.successor.clone()),
        }
    }

    /// A cost that was stored.
    pub(crate) fn stored_cost(pico: i64) -> PicoDollars {
        PicoDollars(u64::try_from(pico).unwrap_or_default())
    }
}

impl Upstream {
    fn new(config: &Config, provider: Provider) -> Self {
        let llm = &config.llm;
        let (region, model) = match provider {
            Provider::Bedrock => (llm.bedrock_region.clone(), llm.bedrock_model_id.clone()),
            Provider::Anthropic => (String::new(), llm.anthropic_model.clone()),
        };
        let on_disconnect = match (llm.on_disconnect, provider) {
            (OnDisconnect::Drain, _) | (OnDisconnect::Auto, Provider::Bedrock) => Disconnect::Drain,
            (OnDisconnect::Cancel, _) | (OnDisconnect::Auto, Provider::Anthropic) => Disconnect::Cancel,
        };
        Self {
            provider,
            region,
            model,
            max_tokens: llm.max_tokens,
            // The default is every model's own, and the newest refuse to be told it.
            temperature: config.settings.is_explicit("llm.temperature").then_some(llm.temperature),
            timeout: llm.timeout,
            on_disconnect,
        }
    }
}

/// What the store answered; its failures are the operator's to mend, so they are logged where they are met.
pub(crate) fn stored<T>(answer: Result<T, StoreError>) -> Result<T, Error> {
    answer.map_err(|failure| {
        let error = Error::from(failure);
        if error.code() == Code::Internal {
            tracing::error!(hint = error.hint(), "The store failed: {}", error.message());
        }
        error
    })
}

/// The database of this configuration; the emulator has one of its own.
fn database(config: &Config) -> std::path::PathBuf {
    match config.emulator {
        true => config.data_dir.join(EMULATOR_DIR).join(DATABASE),
        false => config.data_dir.join(DATABASE),
    }
}

/// The two axes of the upstream, from the configuration.
fn endpoint(config: &Config) -> Result<(Endpoint, Api), claude::InvalidEndpoint> {
    let llm = &config.llm;
    match llm.provider {
        config::Provider::Bedrock => {
            let credentials = match &llm.bedrock_credentials.keys {
                Some(keys) => Credentials::fixed(&claude::AwsKeys {
                    access_key_id: keys.access_key_id.expose().to_owned(),
                    secret_access_key: keys.secret_access_key.clone(),
                    session_token: keys.session_token.clone(),
                }),
                None => Credentials::absent("IAM role, profile, environment, keyring"),
            };
            let endpoint = match &llm.bedrock_endpoint_url {
                Some(url) => {
                    let region = llm.bedrock_region.clone();
                    Endpoint::new(url, Authorization::SigV4 { region, credentials })?
                }
                None => Endpoint::bedrock(&llm.bedrock_region, credentials)?,
            };
            Ok((endpoint, Api::Invoke))
        }
        config::Provider::Anthropic => {
            let key = llm.anthropic_api_key.clone();
            Ok((Endpoint::new(&llm.anthropic_endpoint_url, Authorization::ApiKey(key))?, Api::Messages))
        }
    }
}
