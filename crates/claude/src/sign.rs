//! SigV4: puts AWS's signature on a request. The arithmetic is AWS's own crate's.
//!
//! A body is hashed once and its hash kept over attempts. A clock that AWS finds wrong is corrected here.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use sha2::{Digest, Sha256};

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};

/// The service name in the signature's scope; the host says `bedrock-runtime`, the scope does not.
const SERVICE: &str = "bedrock";

/// A correction below this is no explanation for a refused signature: AWS allows five minutes.
const MIN_SKEW_SECONDS: i64 = 60;

static DATES: DateTimeParser = DateTimeParser::new();

/// A request's body and its hash.
#[derive(Debug, Clone)]
pub(crate) struct HashedBody {
    pub(crate) bytes: Bytes,
    sha256: String,
}

impl HashedBody {
    pub(crate) fn new(bytes: Bytes) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            for nibble in [byte >> 4, byte & 15] {
                sha256.push(char::from_digit(u32::from(nibble), 16).unwrap_or_default());
            }
        }
        Self { bytes, sha256 }
    }
}

/// How far our clock is behind AWS's, in seconds.
#[derive(Debug, Default)]
pub(crate) struct ClockSkew(AtomicI64);

impl ClockSkew {
    fn now(&self) -> SystemTime {
        let seconds = self.0.load(Ordering::Relaxed);
        let offset = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        if seconds < 0 { now - offset } else { now + offset }
    }

    /// Learns from the `Date` of a refusal. True when that changes what we would sign.
    pub(crate) fn learn(&self, headers: &HeaderMap) -> bool {
        let date = headers.get(http::header::DATE).and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(|date| DATES.parse_timestamp(date).ok()) else { return false };
        let skew = theirs.as_second().saturating_sub(Timestamp::now().as_second());
        let changed = skew.abs_diff(self.0.load(Ordering::Relaxed)) >= MIN_SKEW_SECONDS.unsigned_abs();
        if changed {
            self.0.store(skew, Ordering::Relaxed);
            tracing::warn!(seconds = skew, "this machine's clock is off; signing with AWS's");
        }
        changed
    }
}

/// Signs `request`, whose headers are complete.
pub(crate) async fn sign_request(
    request: &mut Request<Full<Bytes>>,
    body: &HashedBody,
    region: &str,
    credentials: &Credentials,
    skew: &ClockSkew,
) -> Result<(), Error> {
    let internal = |what: &dyn std::fmt::Display| {
        Error::new(ErrorKind::InvalidRequest, format!("the request cannot be signed: {what}"))
    };
    let identity = credentials.resolve().await?.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(skew.now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| internal(&error))?
        .into();
    let uri = request.uri().to_string();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    let payload = SignableBody::Precomputed(body.sha256.clone());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, payload);
    let output = signable.and_then(|signable| sign(signable, &params)).map_err(|error| internal(&error))?;
    let (instructions, _signature) = output.into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| internal(&error))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| internal(&format_args!("the value of `{name}` cannot be a header")))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_lowercase_hex() {
        assert_eq!(
            HashedBody::new(Bytes::new()).sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_date_far_from_ours_is_learned_once() {
        let skew = ClockSkew::default();
        let mut headers = HeaderMap::new();
        assert!(!skew.learn(&headers));
        headers.insert(http::header::DATE, HeaderValue::from_static("Fri, 01 Jan 2100 00:00:00 GMT"));
        assert!(skew.learn(&headers));
        assert!(!skew.learn(&headers));
        assert!(skew.now() > SystemTime::now() + Duration::from_secs(3600));
    }
}
