//! The bare proxy: takes a request, signs it, and passes the answer on undecoded. The least that can stand between a
//! caller and Bedrock, so that what the server does beyond it shows.
//!
//! Its connections upstream are set as the server's are, its allocator is the same.

use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::process::announce;
use super::sign::signed_post;
use crate::Result;

/// The server's settings of its connections upstream (`crates/claude/src/transport.rs`).
const TCP_KEEPALIVE: Duration = Duration::from_secs(45);
const POOL_IDLE: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Flags of `cargo xtask bench proxy`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Host and port of the upstream
    #[arg(long)]
    pub(super) upstream: String,
}

type Pool = Client<HttpConnector, Full<Bytes>>;

pub(super) async fn run(args: &Args) -> Result {
    let pool = pool();
    let keys = Credentials::new("AKIDBENCH", "a-secret-that-nobody-checks", None, None, "bench");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (pool, upstream, keys) = (pool.clone(), args.upstream.clone(), keys.clone());
        let service = service_fn(move |request| {
            let (pool, upstream, keys) = (pool.clone(), upstream.clone(), keys.clone());
            async move { pass(request, &pool, &upstream, &keys).await }
        });
        // An error has closed the caller's connection, which is how the load generator learns of it.
        tokio::spawn(http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service));
    }
}

fn pool() -> Pool {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_KEEPALIVE));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(POOL_IDLE).build(connector)
}

async fn pass(
    request: Request<Incoming>,
    pool: &Pool,
    upstream: &str,
    keys: &Credentials,
) -> Result<Response<Incoming>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    Ok(pool.request(signed_post(upstream, &path, body, keys)?).await?)
}
