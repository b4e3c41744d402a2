//! The two axes of an upstream: where a request goes and how it is authorised ([`Endpoint`]), and how it is framed
//! ([`Api`]). Bedrock's own Messages path is then a third pairing and no new code.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use crate::credentials::{Credentials, Secret};

/// What AWS's clients leave as it is in a path segment; everything else in a model id is percent-encoded, the `:` and
/// the `/` of ARNs included.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where requests go and how they are authorised.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// A path that stands before the API's own, for proxies; empty or starting with `/` and not ending with one.
    pub(crate) prefix: String,
    pub(crate) authorization: Authorization,
}

/// How a request proves who sends it.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// AWS Signature Version 4 for service `bedrock`.
    SigV4 {
        /// The region of the signature's scope.
        region: String,
        /// Whose keys sign.
        credentials: Credentials,
    },
    /// Anthropic's `x-api-key`.
    ApiKey(
        /// The key; `None` makes every request fail as [`crate::CredentialFault::Absent`].
        Option<Secret>,
    ),
}

/// How a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/model/{id}/invoke…`: the model in the path, answers as an AWS event stream.
    Invoke,
    /// `/v1/messages`: the model in the body, answers as server-sent events.
    Messages,
}

/// Who serves the model and sends the bill; decides the price list and the name in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// AWS Bedrock.
    Bedrock,
    /// Anthropic's own API.
    Anthropic,
}

impl Provider {
    /// The provider's name in configuration and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock",
            Self::Anthropic => "anthropic",
        }
    }
}

/// A URL that cannot be an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{url}` cannot be an endpoint: {reason}")]
pub struct InvalidEndpoint {
    url: String,
    reason: &'static str,
}

impl Endpoint {
    /// An endpoint at `url` (`https://host[:port][/prefix]`).
    ///
    /// # Errors
    /// When `url` is not absolute http or https, or has a query.
    pub fn new(url: &str, authorization: Authorization) -> Result<Self, InvalidEndpoint> {
        // A URL may hold a password, and an error is shown.
        let shown = url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("***@{host}"));
        let invalid = |reason| InvalidEndpoint { url: shown.clone(), reason };
        let uri: Uri = url.parse().map_err(|_| invalid("it is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or_else(|| invalid("it has no scheme; begin with https://"))?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(invalid("only http and https are spoken"));
        }
        let authority = parts.authority.ok_or_else(|| invalid("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it holds a user name; credentials have settings of their own"));
        }
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(invalid("it has a query"));
        }
        let prefix = path.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        Ok(Self { scheme, authority, prefix, authorization })
    }

    /// The public endpoint of Bedrock's runtime in a region.
    ///
    /// # Errors
    /// When `region` cannot be part of a host name.
    pub fn bedrock(region: &str, credentials: Credentials) -> Result<Self, InvalidEndpoint> {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self::new(
            &format!("https://bedrock-runtime.{region}.{suffix}"),
            Authorization::SigV4 { region: region.to_owned(), credentials },
        )
    }

    /// True when connections are encrypted.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The host, with its port where one is named.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Host and port to connect to.
    pub fn host_and_port(&self) -> (&str, u16) {
        let default = if self.is_https() { 443 } else { 80 };
        (self.authority.host().trim_matches(['[', ']']), self.authority.port_u16().unwrap_or(default))
    }

    pub(crate) fn uri(&self, path: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
    }

    /// What the `Host` header says, and what is signed: with its port unless that is the scheme's own.
    pub(crate) fn host_header(&self) -> &str {
        let default = if self.is_https() { 443 } else { 80 };
        match self.authority.port_u16() {
            Some(port) if port == default => self.authority.host(),
            _ => self.authority.as_str(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl Api {
    /// The path of an exchange with `model`.
    pub(crate) fn path(self, model: &str, streamed: bool) -> String {
        match (self, streamed) {
            (Self::Invoke, true) => {
                format!("/model/{}/invoke-with-response-stream", utf8_percent_encode(model, SEGMENT))
            }
            (Self::Invoke, false) => format!("/model/{}/invoke", utf8_percent_encode(model, SEGMENT)),
            (Self::Messages, _) => "/v1/messages".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::new(url, Authorization::ApiKey(None))
    }

    #[test]
    fn ids_and_arns_are_encoded_as_aws_clients_do() {
        assert_eq!(
            Api::Invoke.path("arn:aws:bedrock:us-west-2:1:inference-profile/us.a-b_c.d:0", true),
            "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Ainference-profile%2Fus.a-b_c.d%3A0/invoke-with-response-stream"
        );
        assert_eq!(Api::Messages.path("claude", false), "/v1/messages");
    }

    #[test]
    fn a_prefix_stands_before_the_path_and_a_default_port_is_not_signed() {
        let proxy = endpoint("https://proxy:443/bedrock/").unwrap();
        assert_eq!(proxy.uri("/v1/messages").unwrap(), "https://proxy:443/bedrock/v1/messages");
        assert_eq!(proxy.host_header(), "proxy");
        assert_eq!(endpoint("http://localhost:4566").unwrap().host_header(), "localhost:4566");
        assert_eq!(endpoint("http://[::1]:80").unwrap().host_and_port(), ("::1", 80));
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_refused_with_its_reason() {
        for (url, reason) in [
            ("localhost:8080", "it has no scheme; begin with https://"),
            ("ftp://host", "only http and https are spoken"),
            ("https://user:pw@host", "it holds a user name; credentials have settings of their own"),
            ("https://host/?q=1", "it has a query"),
            ("", "it is not a URL"),
            ("http://a b", "it is not a URL"),
        ] {
            assert_eq!(endpoint(url).unwrap_err().reason, reason, "{url}");
        }
    }
}
