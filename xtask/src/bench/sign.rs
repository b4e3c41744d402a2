//! A signed request and nothing around it: what any client of Bedrock cannot do without.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use http_body_util::Full;

use super::wire::REGION;
use crate::Result;

/// A POST of `body` to `path` at `host`, signed for Bedrock.
pub(super) fn signed_post(host: &str, path: &str, body: Bytes, keys: &Credentials) -> Result<Request<Full<Bytes>>> {
    let identity = keys.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("bedrock")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = format!("http://{host}{path}");
    let headers = [("host", host), ("content-type", "application/json"), ("x-amzn-bedrock-accept", "application/json")];
    let signable = SignableRequest::new("POST", uri.as_str(), headers.into_iter(), SignableBody::Bytes(&body))?;
    let (instructions, _signature) = sign(signable, &params)?.into_parts();
    let mut request = Request::post(&uri)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header("x-amzn-bedrock-accept", "application/json");
    for (name, value) in instructions.headers() {
        request = request.header(name, HeaderValue::from_str(value)?);
    }
    Ok(request.body(Full::new(body))?)
}

/// The emulator's own keys, which open nothing else.
pub(super) fn emulator_keys(emulator: &bedrock_emulator::Emulator) -> Credentials {
    Credentials::new(emulator.access_key_id(), emulator.secret_access_key(), None, None, "bench")
}
