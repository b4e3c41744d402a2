//! HTTP headers on their way to gRPC metadata, and the request id.
//!
//! Owns which headers a service sees. Must not know what any of them means to it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

/// The header that names a request, in both directions and in the metadata.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken from a caller: it stands in every log line of the request.
const REQUEST_ID_MAX: usize = 128;

/// Headers that concern this connection or this HTTP message alone (RFC 9110, section 7.6.1, and the content fields), and
/// credentials that a browser attaches by itself. Everything else a service sees, as a gRPC caller could send it.
const KEPT_BACK: [HeaderName; 19] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::COOKIE,
];

/// The one header of gRPC's own that a caller may set: its deadline. The others describe the framing, which is ours here.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The caller's request id where it is fit to print, else a new one; afterwards `headers` has it too.
pub(super) fn settle_request_id(headers: &mut HeaderMap) -> HeaderValue {
    let id = match headers.get(REQUEST_ID) {
        Some(given) if is_printable_id(given.as_bytes()) => given.clone(),
        _ => HeaderValue::try_from(Uuid::now_v7().simple().to_string()).unwrap_or(HeaderValue::from_static("unknown")),
    };
    headers.insert(REQUEST_ID, id.clone());
    id
}

fn is_printable_id(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:~+/=@".contains(byte);
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.iter().all(allowed)
}

/// The metadata of the gRPC call.
pub(super) fn metadata(mut headers: HeaderMap) -> MetadataMap {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let of_connection: Vec<String> =
        named.flat_map(|list| list.split(',')).map(|name| name.trim().to_owned()).collect();
    let of_grpc: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("grpc-") && *name != GRPC_TIMEOUT).cloned().collect();
    for name in KEPT_BACK.iter().chain(&of_grpc) {
        headers.remove(name);
    }
    for name in of_connection.iter().filter(|name| !name.eq_ignore_ascii_case(REQUEST_ID.as_str())) {
        headers.remove(name.as_str());
    }
    MetadataMap::from_headers(headers)
}
