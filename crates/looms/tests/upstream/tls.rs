//! Encrypted connections that must not come about.

use std::net::SocketAddr;
use std::sync::Arc;

use claude::{Api, Authorization, Client, Endpoint, Error, ErrorKind, Secret, Unavailability};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::{Upstream, quick};

/// What a client says of an upstream at `https://address`; `None` on a machine without root certificates, where there
/// is no client that could say anything.
async fn refused(address: SocketAddr) -> Option<Error> {
    let authorization = Authorization::ApiKey(Some(Secret::new("key")));
    let endpoint = Endpoint::new(&format!("https://{address}"), authorization).unwrap();
    match Client::new(endpoint, Api::Messages, quick()) {
        Ok(client) => Some(client.stream(&Upstream::Anthropic.call()).await.unwrap_err()),
        Err(error) => {
            assert!(error.message.contains("root certificates"), "{error}");
            None
        }
    }
}

fn assert_unreachable(error: &Error, address: SocketAddr) {
    assert_eq!((error.kind, error.attempts), (ErrorKind::Unavailable(Unavailability::Unreachable), 3), "{error}");
    assert!(error.message.starts_with(&format!("cannot connect to `{address}`: ")), "{error}");
}

#[tokio::test]
async fn a_plain_port_behind_an_https_url_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    if let Some(error) = refused(address).await {
        assert_unreachable(&error, address);
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_refused_by_name() {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            assert!(acceptor.accept(socket).await.is_err(), "the client took a certificate that nobody vouches for");
        }
    });
    if let Some(error) = refused(address).await {
        assert_unreachable(&error, address);
        assert!(error.message.contains("UnknownIssuer"), "{error}");
    }
}
