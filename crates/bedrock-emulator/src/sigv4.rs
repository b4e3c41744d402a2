//! AWS Signature Version 4, from the verifying side.
//!
//! Written from AWS's own page, [Create a signed AWS API request], and proven against AWS's published test vectors. It
//! knows keys and requests; it must not know operations. Refusals carry the exceptions and the sentences of AWS.
//!
//! [Create a signed AWS API request]:
//! https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

mod canonical;
#[cfg(test)]
mod vectors;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::clock::{amz_date, parse_amz_date};
use crate::credentials::Credentials;
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// How far a client's clock may be off before AWS refuses the signature.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";

/// A request as it was received.
pub(crate) struct ReceivedRequest<'a> {
    pub(crate) method: &'a str,
    /// The path as it stood on the request line, still percent-encoded.
    pub(crate) path: &'a str,
    /// What followed the `?`, or nothing.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl ReceivedRequest<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Checks signatures for one service.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) credentials: Vec<Credentials>,
    pub(crate) service: &'static str,
    /// The only region that a credential scope may name; any, if `None`.
    pub(crate) region: Option<String>,
}

impl Verifier {
    /// Accepts the request, or says in AWS's words why not.
    pub(crate) fn verify(&self, request: &ReceivedRequest<'_>, now: Timestamp) -> Result<(), Refusal> {
        let header = request.header("authorization").unwrap_or_default();
        if header.is_empty() {
            return Err(Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
        }
        if header.starts_with("Bearer ") {
            let message = "Authentication failed: Please make sure your API Key is valid.";
            return Err(Refusal::new(403, "AccessDeniedException", message));
        }
        let authorization = Authorization::parse(header)?;
        let key = self.key(&authorization, request)?;
        self.check_scope(&authorization)?;
        if !authorization.signed_headers.split(';').any(|name| name == "host") {
            let message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(invalid(message.to_owned()));
        }
        let date = check_date(&authorization, request, now)?;
        check_payload_hash(request)?;
        let to_sign = string_to_sign(&authorization, date, request);
        let signing_key = signing_key(&key.secret_access_key, &authorization);
        if matches_signature(&signing_key, &to_sign, authorization.signature) { Ok(()) } else { Err(mismatch()) }
    }

    fn key(&self, authorization: &Authorization<'_>, request: &ReceivedRequest<'_>) -> Result<&Credentials, Refusal> {
        let known = self.credentials.iter().find(|known| known.access_key_id == authorization.access_key_id);
        let Some(key) = known else {
            return Err(Refusal::new(403, "UnrecognizedClientException", INVALID_TOKEN));
        };
        if key.session_token.is_some() && key.session_token.as_deref() != request.header("x-amz-security-token") {
            return Err(Refusal::new(403, "UnrecognizedClientException", INVALID_TOKEN));
        }
        if key.expired {
            let message = "The security token included in the request is expired";
            return Err(Refusal::new(403, "ExpiredTokenException", message));
        }
        Ok(key)
    }

    fn check_scope(&self, authorization: &Authorization<'_>) -> Result<(), Refusal> {
        if self.region.as_deref().is_some_and(|region| region != authorization.region) {
            let region = authorization.region;
            return Err(invalid(format!("Credential should be scoped to a valid region, not '{region}'.")));
        }
        if authorization.service != self.service {
            return Err(invalid(format!("Credential should be scoped to correct service: '{}'.", self.service)));
        }
        if authorization.terminator != TERMINATOR {
            let found = authorization.terminator;
            let message =
                format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{found}'.");
            return Err(invalid(message));
        }
        Ok(())
    }
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, Refusal> {
        let Some(fields) = header.strip_prefix(ALGORITHM) else {
            return Err(incomplete(&format!("Unsupported AWS 'algorithm': expected '{ALGORITHM}'.")));
        };
        let field = |name: &str| {
            let named = |field: &'a str| field.trim().split_once('=').filter(|(key, _)| *key == name);
            fields
                .split(',')
                .find_map(named)
                .map(|(_, value)| value)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let (credential, signed_headers, signature) =
            (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
        // The access key id comes first and may hold slashes, so the scope is taken from the end.
        let mut scope = credential.rsplitn(5, '/');
        let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key_id)) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements."));
        };
        Ok(Self { access_key_id, date, region, service, terminator, signed_headers, signature })
    }
}

/// The `x-amz-date` of the request, if it agrees with the scope and with our clock.
fn check_date<'a>(
    authorization: &Authorization<'_>,
    request: &'a ReceivedRequest<'_>,
    now: Timestamp,
) -> Result<&'a str, Refusal> {
    let parsed = request.header("x-amz-date").and_then(|text| Some((text, parse_amz_date(text)?)));
    let Some((date, signed_at)) = parsed else {
        return Err(incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."));
    };
    let day = date.get(..8).unwrap_or_default();
    if day != authorization.date {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', \
             from '{date}'.",
            authorization.date
        )));
    }
    let (earliest, latest) = (now - MAX_SKEW, now + MAX_SKEW);
    let now = amz_date(now);
    if signed_at < earliest {
        let earliest = amz_date(earliest);
        return Err(invalid(format!("Signature expired: {date} is now earlier than {earliest} ({now} - 5 min.)")));
    }
    if signed_at > latest {
        let latest = amz_date(latest);
        return Err(invalid(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 5 min.)"
        )));
    }
    Ok(date)
}

/// A client may state the body's hash; a wrong one is a wrong signature.
fn check_payload_hash(request: &ReceivedRequest<'_>) -> Result<(), Refusal> {
    match request.header("x-amz-content-sha256") {
        Some(stated) if stated != hex(&Sha256::digest(request.body)) => Err(mismatch()),
        Some(_) | None => Ok(()),
    }
}

fn string_to_sign(authorization: &Authorization<'_>, date: &str, request: &ReceivedRequest<'_>) -> String {
    let Authorization { date: day, region, service, terminator, signed_headers, .. } = authorization;
    let canonical = canonical::request(request, signed_headers);
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/{terminator}\n{hash}")
}

/// The key that AWS derives for one day, region and service.
fn signing_key(secret: &str, authorization: &Authorization<'_>) -> Vec<u8> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [authorization.date, authorization.region, authorization.service, authorization.terminator] {
        key = hmac(&key, part).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
    }
    key
}

fn matches_signature(key: &[u8], text: &str, signature: &str) -> bool {
    let (Some(mac), Some(signature)) = (hmac(key, text), unhex(signature)) else { return false };
    mac.verify_slice(&signature).is_ok()
}

/// `None` never happens: HMAC takes a key of any length. The type of the crate does not say so.
fn hmac(key: &[u8], data: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(data.as_bytes());
    Some(mac)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |d| char::from(*d));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// AWS writes signatures in lower case only.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn mismatch() -> Refusal {
    invalid(MISMATCH.to_owned())
}

fn invalid(message: String) -> Refusal {
    Refusal::new(403, "InvalidSignatureException", message)
}

fn incomplete(message: &str) -> Refusal {
    Refusal::new(400, "IncompleteSignatureException", message)
}
