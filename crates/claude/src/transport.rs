//! One pool of HTTP/1.1 connections, with or without TLS. One exchange a connection at a time: no stream shares the
//! fate of another, and proxies have nothing to trip over.
//!
//! Knows nothing of what is sent over it.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::BoxError;
use tower::timeout::Timeout;
use tower::util::BoxCloneSyncService;

use crate::error::{Error, ErrorKind, Unavailability};

/// NAT gateways and VPC endpoints drop connections that are idle for 350 s without a word; probing every 45 s keeps a
/// long thinking pause alive.
const TCP_KEEPALIVE: Duration = Duration::from_secs(45);

/// An idle connection is closed well before anything in between would drop it (aws-sdk-rust#1417).
const POOL_IDLE: Duration = Duration::from_secs(60);

/// Enough for a handshake across the world, little enough to fail over within a caller's patience. AWS's own clients
/// take 3.1 s, and 5 s through a proxy.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a connection, name look-up and TLS handshake included, within [`CONNECT_TIMEOUT`].
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
}

impl Transport {
    /// A pool of its own. The system's root certificates are read only if `tls` is wanted: they take some milliseconds
    /// and a megabyte.
    pub(crate) fn new(tls: bool) -> Result<Self, Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(TCP_KEEPALIVE));
        let connector = HttpsConnectorBuilder::new();
        let connector = if tls {
            connector.with_native_roots().map_err(|error| {
                Error::new(ErrorKind::Internal, format!("the system's root certificates cannot be read: {error}"))
            })?
        } else {
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| Error::new(ErrorKind::Internal, format!("TLS cannot be set up: {error}")))?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            connector.with_tls_config(config)
        };
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(Connector::new(Timeout::new(connector, CONNECT_TIMEOUT)));
        Ok(Self { client })
    }

    /// Sends a request and waits for the head of the response. The caller sets the deadline.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Error> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        self.client.request(request).await.map_err(|error| {
            let cause = root_cause(&error);
            if error.is_connect() {
                let message = format!("cannot connect to `{host}`: {cause}");
                Error::new(ErrorKind::Unavailable(Unavailability::Unreachable), message)
            } else {
                let message = format!("the connection to `{host}` was lost before an answer came: {cause}");
                Error::new(ErrorKind::Unavailable(Unavailability::ConnectionLost), message)
            }
        })
    }
}

/// The innermost cause, which is the one that names the trouble («connection refused»).
pub(crate) fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
