//! The verifier against AWS's published Signature Version 4 test suite, whose requests and signatures stand here.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::{ReceivedRequest, Verifier};
use crate::clock::parse_amz_date;
use crate::credentials::Credentials;
use crate::refusal::Refusal;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
const FORM_HASH: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";

struct Vector {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed_headers: &'static str,
    signature: &'static str,
}

const VANILLA: Vector = Vector {
    name: "get-vanilla",
    method: "GET",
    path: "/",
    query: "",
    headers: &[],
    body: "",
    signed_headers: "host;x-amz-date",
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
};

const VECTORS: &[Vector] = &[
    VANILLA,
    Vector {
        name: "get-vanilla-query-order-key-case",
        query: "Param2=value2&Param1=value1",
        signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ..VANILLA
    },
    Vector {
        name: "get-header-value-trim",
        headers: &[("my-header1", "value1"), ("my-header2", " \"a   b   c\"")],
        signed_headers: "host;my-header1;my-header2;x-amz-date",
        signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ..VANILLA
    },
    Vector {
        name: "get-header-key-duplicate",
        headers: &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        signed_headers: "host;my-header1;x-amz-date",
        signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ..VANILLA
    },
    Vector {
        name: "get-vanilla-with-session-token",
        headers: &[("x-amz-security-token", TOKEN)],
        signed_headers: "host;x-amz-date;x-amz-security-token",
        signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ..VANILLA
    },
    Vector { name: "get-relative-normalized", path: "/example/..", ..VANILLA },
    Vector {
        name: "get-slash-pointless-dot-normalized",
        path: "/./example",
        signature: "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        ..VANILLA
    },
    Vector {
        name: "get-utf8",
        path: "/ሴ",
        signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ..VANILLA
    },
    Vector {
        name: "post-x-www-form-urlencoded",
        method: "POST",
        headers: &[
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-amz-content-sha256", FORM_HASH),
        ],
        body: "Param1=value1",
        signed_headers: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ..VANILLA
    },
];

fn verify(vector: &Vector, change: impl FnOnce(&mut HeaderMap)) -> Result<(), Refusal> {
    verify_at(vector, "20150830T123600Z", change)
}

fn verify_at(vector: &Vector, now: &str, change: impl FnOnce(&mut HeaderMap)) -> Result<(), Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("example.amazonaws.com"));
    headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
    for (name, value) in vector.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, \
         Signature={}",
        vector.signed_headers, vector.signature
    );
    headers.insert("authorization", HeaderValue::try_from(authorization).unwrap());
    change(&mut headers);
    let request = ReceivedRequest {
        method: vector.method,
        path: vector.path,
        query: vector.query,
        headers: &headers,
        body: vector.body.as_bytes(),
    };
    let verifier = Verifier {
        credentials: vec![Credentials::new("AKIDEXAMPLE", SECRET)],
        service: "service",
        region: Some("us-east-1".into()),
    };
    let now: Timestamp = parse_amz_date(now).unwrap();
    verifier.verify(&request, now)
}

#[test]
fn published_signatures_pass() {
    for vector in VECTORS {
        assert_eq!(verify(vector, |_| {}), Ok(()), "{}", vector.name);
    }
}

#[test]
fn anything_changed_after_signing_is_refused() {
    let changed = [
        Vector { method: "POST", ..VANILLA },
        Vector { path: "/x", ..VANILLA },
        Vector { query: "a=b", ..VANILLA },
        Vector { body: "x", ..VANILLA },
        Vector { signed_headers: "host", ..VANILLA },
        Vector { signature: "5fa00fa3", ..VANILLA },
        Vector { signature: "not hexadecimal", ..VANILLA },
    ];
    for vector in changed {
        let refusal = verify(&vector, |_| {}).unwrap_err();
        assert_eq!((refusal.status, refusal.name.as_str()), (403, "InvalidSignatureException"));
        assert!(refusal.message.starts_with("The request signature we calculated does not match"), "{refusal:?}");
    }
    let refusal = verify(&VANILLA, |headers| {
        headers.insert("x-amz-content-sha256", HeaderValue::from_static(FORM_HASH));
    });
    assert_eq!(refusal.unwrap_err().name, "InvalidSignatureException");
}

#[test]
fn a_clock_off_by_more_than_five_minutes_is_told_in_awss_words() {
    assert_eq!(verify_at(&VANILLA, "20150830T124100Z", |_| {}), Ok(()));
    assert_eq!(verify_at(&VANILLA, "20150830T123100Z", |_| {}), Ok(()));
    assert_eq!(
        verify_at(&VANILLA, "20150830T124101Z", |_| {}).unwrap_err().message,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    assert_eq!(
        verify_at(&VANILLA, "20150830T123059Z", |_| {}).unwrap_err().message,
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn every_malformed_authorization_is_refused_and_none_panics() {
    let cases = [
        ("", "MissingAuthenticationTokenException"),
        ("Bearer abc", "AccessDeniedException"),
        ("Basic abc", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 ", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=00", "IncompleteSignatureException"),
        (
            "AWS4-HMAC-SHA256 Credential=NOBODY/20150830/us-east-1/service/aws4_request,SignedHeaders=host,Signature=0",
            "UnrecognizedClientException",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-1/service/aws4_request,SignedHeaders=host,Signature=0",
            "InvalidSignatureException",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,SignedHeaders=x,Signature=0",
            "InvalidSignatureException",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150831/us-east-1/service/aws4_request,SignedHeaders=h,Signature=0",
            "InvalidSignatureException",
        ),
    ];
    for (header, name) in cases {
        let refusal = verify(&VANILLA, |headers| {
            headers.insert("authorization", HeaderValue::from_static(header));
        });
        assert_eq!(refusal.unwrap_err().name, name, "{header}");
    }
    let refusal = verify(&VANILLA, |headers| {
        headers.remove("x-amz-date");
    });
    assert_eq!(refusal.unwrap_err().name, "IncompleteSignatureException");
}
