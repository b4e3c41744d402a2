//! The emulator as a value: built, asked for its address and keys, scripted, read back, stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::credentials::{ApiKey, Credentials, DEFAULT_API_KEY};
use crate::exchange::State;
use crate::fault::Fault;
use crate::recording::{RECORDED_REQUESTS, RecordedRequest, Recorder};
use crate::reply::Reply;
use crate::script::{Behaviour, Script};
use crate::server;
use crate::sigv4::Verifier;

/// The service name in the credential scope of Bedrock's runtime.
const SERVICE: &str = "bedrock";
/// The region of an emulator that was not given one.
const DEFAULT_REGION: &str = "us-west-2";

/// The emulator could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct StartError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

/// Settings of an [`Emulator`] to be.
#[derive(Debug)]
pub struct Builder {
    address: SocketAddr,
    region: String,
    any_region: bool,
    credentials: Vec<Credentials>,
    api_key: ApiKey,
    recorded_requests: usize,
}

impl Builder {
    /// Listens here instead of on a free port of 127.0.0.1.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Is in this region instead of `us-west-2`: signatures scoped to another are refused.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Takes signatures scoped to any region.
    #[must_use]
    pub fn any_region(mut self) -> Self {
        self.any_region = true;
        self
    }

    /// Knows these keys instead of the default ones.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = vec![credentials];
        self
    }

    /// Knows these keys too.
    #[must_use]
    pub fn also_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }

    /// Takes this `x-api-key` on Anthropic's path instead of the default one.
    #[must_use]
    pub fn api_key(mut self, api_key: impl Into<String>) -> Self {
        self.api_key = ApiKey(api_key.into());
        self
    }

    /// Keeps this many requests instead of [`RECORDED_REQUESTS`]; 0 keeps none and still counts.
    #[must_use]
    pub fn recorded_requests(mut self, limit: usize) -> Self {
        self.recorded_requests = limit;
        self
    }

    /// Listens and serves, on the current tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] if the address cannot be listened on.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let fail = |source| StartError { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let key = self.credentials.first().cloned().unwrap_or_default();
        let state = Arc::new(State {
            script: Script::default(),
            recorder: Arc::new(Recorder::new(self.recorded_requests)),
            clock: Clock::default(),
            verifier: Verifier {
                credentials: self.credentials,
                service: SERVICE,
                region: (!self.any_region).then(|| self.region.clone()),
            },
            api_key: self.api_key,
            region: self.region,
        });
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server::serve(listener, Arc::clone(&state), stop.clone()));
        Ok(Emulator { state, address, url: format!("http://{address}"), key, stop, serving })
    }
}

/// A running emulator. It stops, cutting what is open, when it is dropped.
#[derive(Debug)]
pub struct Emulator {
    state: Arc<State>,
    address: SocketAddr,
    url: String,
    key: Credentials,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Settings to start one with.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            region: DEFAULT_REGION.to_owned(),
            any_region: false,
            credentials: vec![Credentials::default()],
            api_key: ApiKey(DEFAULT_API_KEY.to_owned()),
            recorded_requests: RECORDED_REQUESTS,
        }
    }

    /// Starts one with the usual settings.
    ///
    /// # Errors
    /// [`StartError`] if no port of 127.0.0.1 can be listened on.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint URL for clients, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The access key id it knows; the first if there are several.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.key.access_key_id
    }

    /// The secret of [`Emulator::access_key_id`].
    #[must_use]
    pub fn secret_access_key(&self) -> &str {
        &self.key.secret_access_key
    }

    /// The session token that goes with [`Emulator::access_key_id`], if one must.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.key.session_token.as_deref()
    }

    /// The region it is in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.state.region
    }

    /// The `x-api-key` it takes on Anthropic's path.
    #[must_use]
    pub fn anthropic_api_key(&self) -> &str {
        &self.state.api_key.0
    }

    /// Answers every request with this, once the queue is empty.
    pub fn reply(&self, reply: Reply) {
        self.always(reply);
    }

    /// Does this with every request, once the queue is empty.
    pub fn always(&self, behaviour: impl Into<Behaviour>) {
        self.state.script.afterwards(behaviour.into());
    }

    /// Does this with one request, after those already queued. Requests that are refused by themselves (signature,
    /// body) take nothing from the queue.
    pub fn enqueue(&self, behaviour: impl Into<Behaviour>) {
        self.state.script.enqueue(behaviour.into(), 1);
    }

    /// Fails so many requests, after those already queued.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.state.script.enqueue(fault.into(), times);
    }

    /// Forgets queue and default: it answers as itself again.
    pub fn unscript(&self) {
        self.state.script.clear();
    }

    /// Sets its clock so many seconds ahead of the system's (negative: behind). Signatures more than five minutes off
    /// are refused, and `Date` headers show the set time.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state.clock.set_offset(seconds);
    }

    /// How many requests arrived, kept or not.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.state.recorder.count()
    }

    /// The latest requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.recorder.requests()
    }

    /// Waits until no exchange is open, and says whether that came before the deadline: then every
    /// [`RecordedRequest::outcome`] is final.
    pub async fn idle_within(&self, deadline: Duration) -> bool {
        tokio::time::timeout(deadline, self.state.recorder.idle()).await.is_ok()
    }

    /// Stops it and waits until its port is free and its connections are closed.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // It fails only if the runtime is going down, and then it is stopped as well.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
