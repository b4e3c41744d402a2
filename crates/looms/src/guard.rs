//! Who may talk to an unauthenticated listener: nobody whom a browser was tricked into being.
//!
//! A page in a browser reaches loopback, so `Host` has to be a name of ours (DNS rebinding) and `Origin`, where there is
//! one, has to be allowed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{Response, Uri};
use tonic::Status;

use crate::error::{Code, Error};
use crate::gateway::Gateway;
use crate::listen::LocalAddress;

/// How a refusal looks on this door.
#[derive(Clone)]
pub enum Refusal {
    /// A gRPC status without a message.
    Grpc,
    /// `google.rpc.Status` as JSON, as the gateway writes it.
    Http(Gateway),
}

/// The names that a listener answers to.
#[derive(Clone)]
pub struct Guard(Arc<Names>);

struct Names {
    /// The address that is listened on, as it is configured.
    own: String,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    refusal: Refusal,
}

impl Guard {
    /// A guard for a listener on `host`. `allowed_hosts` may carry ports, `allowed_origins` are whole origins; both in
    /// lower case.
    pub fn new(host: &str, allowed_hosts: &[String], allowed_origins: &[String], refusal: Refusal) -> Self {
        Self(Arc::new(Names {
            own: host.to_ascii_lowercase(),
            allowed_hosts: allowed_hosts.to_vec(),
            allowed_origins: allowed_origins.to_vec(),
            refusal,
        }))
    }
}

/// The outermost layer of a door.
pub async fn check(State(Guard(names)): State<Guard>, request: Request, next: Next) -> Response<Body> {
    match names.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => names.refusal.response(error.into()),
    }
}

impl Refusal {
    fn response(&self, status: Status) -> Response<Body> {
        match self {
            Self::Grpc => status.into_http(),
            Self::Http(gateway) => gateway.refuse(&status),
        }
    }
}

impl Names {
    fn check(&self, request: &Request) -> Result<(), Error> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let host = match request.uri().authority() {
            Some(authority) => authority.as_str().to_ascii_lowercase(),
            None => header(HOST).unwrap_or_default().to_ascii_lowercase(),
        };
        let local = request.extensions().get().map(|LocalAddress(address)| *address);
        if !self.knows_host(&host, local) {
            return Err(Error::new(
                Code::Forbidden,
                format!("this server does not answer to the host `{}`", shown(&host)),
            )
            .with_hint("use localhost, or add the name to `server.allowed_hosts`"));
        }
        let Some(origin) = header(ORIGIN).map(str::to_ascii_lowercase) else { return Ok(()) };
        let own = origin.parse::<Uri>().ok().and_then(|origin| Some(origin.authority()?.as_str() == host));
        if own == Some(true) || self.allowed_origins.contains(&origin) {
            return Ok(());
        }
        Err(Error::new(Code::Forbidden, format!("pages of the origin `{}` may not call this server", shown(&origin)))
            .with_hint("add the origin to `server.cors.allowed_origins`"))
    }

    /// `local` is where the connection came to; who listens on `0.0.0.0` is called by an address that no setting names.
    fn knows_host(&self, host: &str, local: Option<IpAddr>) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let bare = name.trim_matches(['[', ']']);
        let address = bare.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let own_address = address.is_some_and(|address| address.is_loopback() || Some(address) == local);
        let own_name = bare == "localhost" || bare == self.own;
        own_address || own_name || self.allowed_hosts.iter().any(|allowed| allowed == name || allowed == host)
    }
}

/// What a stranger sent, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            own: "10.0.0.7".to_owned(),
            allowed_hosts: vec!["loom.example.com".to_owned(), "other:8443".to_owned()],
            allowed_origins: vec!["https://app.example.com".to_owned()],
            refusal: Refusal::Grpc,
        }
    }

    fn verdict(host: &str, origin: Option<&str>) -> bool {
        let mut request = http::Request::builder().uri("/v1/weave").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        names().check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn only_our_own_names_are_answered_to() {
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.8.8.8", "[::1]:8080", "10.0.0.7:8080"] {
            assert!(verdict(host, None), "{host}");
        }
        for host in ["loom.example.com", "loom.example.com:443", "other:8443"] {
            assert!(verdict(host, None), "{host}");
        }
        for host in ["evil.example.com", "", "localhost.evil.com", "other:1", "10.0.0.8", "[::2]"] {
            assert!(!verdict(host, None), "{host}");
        }
    }

    #[test]
    fn the_address_that_a_connection_came_to_is_our_own() {
        let verdict = |host: &str, local: &str| {
            let mut request = http::Request::builder().header(HOST, host).body(Body::empty()).unwrap();
            request.extensions_mut().insert(LocalAddress(local.parse().unwrap()));
            Names { own: "0.0.0.0".to_owned(), ..names() }.check(&request).is_ok()
        };
        for (host, local) in
            [("192.168.0.5:8080", "192.168.0.5"), ("192.168.0.5", "192.168.0.5"), ("[fd00::5]:1", "fd00::5")]
        {
            assert!(verdict(host, local), "{host}");
        }
        for (host, local) in
            [("192.168.0.6", "192.168.0.5"), ("[fd00::6]", "fd00::5"), ("evil.example.com", "192.168.0.5")]
        {
            assert!(!verdict(host, local), "{host}");
        }
    }

    #[test]
    fn foreign_pages_are_refused() {
        assert!(verdict("localhost:8080", Some("http://localhost:8080")));
        assert!(verdict("localhost:8080", Some("https://app.example.com")));
        assert!(!verdict("localhost:8080", Some("http://localhost:3000")));
        assert!(!verdict("localhost:8080", Some("https://evil.example.com")));
        assert!(!verdict("localhost:8080", Some("null")));
    }
}
