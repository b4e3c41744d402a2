//! The canonical request: one spelling for all the ways in which the same HTTP request can be written.
//!
//! Bedrock, like every service but S3, encodes the path once more than it stands on the wire: the `%3A` of a model id
//! is signed as `%253A`.

use std::fmt::Write as _;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::{ReceivedRequest, hex};

/// The canonical request over the headers that the client says it signed, in the client's order.
pub(super) fn request(request: &ReceivedRequest<'_>, signed_headers: &str) -> String {
    let mut canonical = String::with_capacity(512);
    canonical.push_str(request.method);
    canonical.push('\n');
    canonical.push_str(&encode(&normalized_path(request.path), b"/"));
    canonical.push('\n');
    canonical.push_str(&query(request.query));
    canonical.push('\n');
    for name in signed_headers.split(';') {
        canonical.push_str(name);
        canonical.push(':');
        push_header_values(&mut canonical, request.headers, name);
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(signed_headers);
    canonical.push('\n');
    canonical.push_str(&hex(&Sha256::digest(request.body)));
    canonical
}

/// The path without empty, `.` and `..` segments (RFC 3986, section 5.2.4).
fn normalized_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            kept => segments.push(kept),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// Percent-encodes every byte but RFC 3986's unreserved ones and those in `kept`.
fn encode(text: &str, kept: &[u8]) -> String {
    encode_bytes(text.as_bytes(), kept)
}

fn encode_bytes(bytes: &[u8], kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The query with names and values encoded once, sorted by name, then by value.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let recode = |text: &str| encode_bytes(&percent_decode_str(text).collect::<Vec<u8>>(), b"");
            (recode(name), recode(value))
        })
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// All values of a header, trimmed, inner runs of spaces made one, joined by commas.
fn push_header_values(canonical: &mut String, headers: &HeaderMap, name: &str) {
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            canonical.push(',');
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        for (at, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
            if at > 0 {
                canonical.push(' ');
            }
            canonical.push_str(word);
        }
    }
}
