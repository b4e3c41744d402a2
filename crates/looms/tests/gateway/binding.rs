//! Where a request message's fields come from: path, query, body; and what of the response goes back.

use http::StatusCode;
use serde_json::json;

use crate::echo;
use crate::support::send;

#[tokio::test]
async fn every_place_fills_the_fields_it_should() {
    let gateway = echo::gateway();
    let cases = [
        // The path: decoded, nested, with a verb, in an additional binding.
        ("GET /p/a%20b%2Fc+d", "", json!({"name": "a b/c+d"})),
        ("GET /p/abc/x/7", "", json!({"inner": {"id": "abc"}, "count": 7})),
        ("GET /p/abc:verb", "", json!({"name": "abc"})),
        ("GET /p/a:b:verb", "", json!({"name": "a:b"})),
        ("GET /p/a:b", "", json!({"name": "a:b"})),
        ("GET /p/abc%3Averb", "", json!({"name": "abc:verb"})),
        ("DELETE /p/abc", "", json!({"left": "abc"})),
        (
            "POST /p/abc:act",
            r#"{"count": 1, "next": {"count": 2}}"#,
            json!({"count": 1, "next": {"name": "abc", "count": 2}}),
        ),
        ("POST /p/abc:act", r#"{"next": {"name": "x"}}"#, json!({"next": {"name": "abc"}})),
        ("PURGE /q?name=x", "", json!({"name": "x"})),
        // The query: every type, both spellings, repeated, nested.
        ("GET /q", "", json!({})),
        ("GET /q?", "", json!({})),
        ("GET /q?name=a+b%26&&count=-7", "", json!({"name": "a b&", "count": -7})),
        ("GET /q?big_number=9007199254740993", "", json!({"bigNumber": "9007199254740993"})),
        ("GET /q?bigNumber=5", "", json!({"bigNumber": "5"})),
        ("GET /q?flag=true&ratio=0.5", "", json!({"flag": true, "ratio": 0.5})),
        ("GET /q?flag=false&count=0&name=", "", json!({})),
        ("GET /q?color=COLOR_RED", "", json!({"color": "COLOR_RED"})),
        ("GET /q?color=2", "", json!({"color": "COLOR_BLUE"})),
        ("GET /q?tags=x&name=n&tags=y", "", json!({"name": "n", "tags": ["x", "y"]})),
        ("GET /q?colors=COLOR_RED&colors=2", "", json!({"colors": ["COLOR_RED", "COLOR_BLUE"]})),
        ("GET /q?inner.id=a&inner.sizeLimit=3", "", json!({"inner": {"id": "a", "sizeLimit": 3}})),
        ("GET /q?next.next.name=deep", "", json!({"next": {"next": {"name": "deep"}}})),
        ("GET /q?at=2026-01-02T03:04:05Z&wait=1.5s", "", json!({"at": "2026-01-02T03:04:05Z", "wait": "1.500s"})),
        ("GET /q?raw=aGk=&boxed=0&maybe=0", "", json!({"raw": "aGk=", "boxed": 0, "maybe": 0})),
        ("GET /q?left=x", "", json!({"left": "x"})),
        ("GET /p/n?count=3", "", json!({"name": "n", "count": 3})),
        // The body: whole, one field, absent.
        ("POST /w", r#"{"bigNumber": 5, "big_number": "6", "name": null}"#, json!({"bigNumber": "6"})),
        ("POST /w", r#"{"labels": {"a": "b"}, "count": 1e1}"#, json!({"labels": {"a": "b"}, "count": 10})),
        ("POST /w", "", json!({})),
        ("PUT /f/n?count=2", r#"{"id": "i"}"#, json!({"name": "n", "count": 2, "inner": {"id": "i"}})),
        ("PUT /f/n", "", json!({"name": "n"})),
        // A part of the response.
        ("POST /part/inner", r#"{"inner": {"id": "i"}, "count": 1}"#, json!({"id": "i"})),
        ("POST /part/inner", "", json!(null)),
        ("POST /part/tags", r#"{"tags": ["x"]}"#, json!(["x"])),
        ("POST /part/tags", "", json!([])),
        ("POST /part/count", "", json!(0)),
    ];
    for (line, body, expected) in cases {
        let reply = send(&gateway, line, body).await;
        assert_eq!((reply.status, reply.json()), (StatusCode::OK, expected), "{line} {body}");
        assert_eq!(reply.header("content-type"), "application/json", "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_bound_is_named() {
    let gateway = echo::gateway();
    let cases = [
        ("GET /q?nmae=x", "", "query parameter `nmae`: `probe.Probe` has no field `nmae`"),
        ("GET /q?inner.x=1", "", "query parameter `inner.x`: `probe.Inner` has no field `x`"),
        ("GET /q?count=abc", "", "query parameter `count`: not a valid int32: invalid digit"),
        ("GET /q?count=3000000000", "", "query parameter `count`: not a valid int32: number too large"),
        ("GET /q?flag=yes", "", "query parameter `flag`: not a valid bool"),
        ("GET /q?color=COLOR_GREEN", "", "query parameter `color`: not a valid probe.Color: unrecognized enum value"),
        ("GET /q?at=yesterday", "", "query parameter `at`: not a valid google.protobuf.Timestamp"),
        ("GET /q?count=1&count=2", "", "query parameter `count`: it is given more than once"),
        ("GET /q?big_number=1&bigNumber=2", "", "query parameter `bigNumber`: it is given under two names"),
        ("GET /q?left=1&right=2", "", "query parameter `right`: it excludes `left`, which is given too"),
        ("GET /q?inner=x", "", "query parameter `inner`: it is a message: name one of its fields"),
        ("GET /q?name.x=1", "", "query parameter `name.x`: `name` has no fields of its own"),
        ("GET /q?labels=x", "", "query parameter `labels`: `labels` cannot be given as text"),
        ("GET /q?object=x", "", "query parameter `object`: it is a message"),
        ("GET /q?inners.id=x", "", "query parameter `inners.id`: `inners` has no fields of its own"),
        ("GET /q?name=%ff", "", "`%ff` in the query is not UTF-8"),
        ("GET /p/%ff", "", "`%ff` in the path is not UTF-8"),
        ("GET /p/a/x/b", "", "`b` in the path, for the field `count`: not a valid int32"),
        ("GET /p/a?name=b", "", "query parameter `name`: this field is given in the path"),
        ("POST /w?name=b", "{}", "query parameter `name`: the fields of this request are given in its body"),
        ("PUT /f/a?inner.id=b", "{}", "query parameter `inner.id`: this field is given in the body"),
        ("POST /w", "{\n \"nmae\": 1}", "unrecognized field name 'nmae' at line 2 column 7"),
        ("POST /w", r#"{"name": "#, "EOF while parsing a value at line 1 column 9"),
        ("POST /w", "{} {}", "trailing characters at line 1 column 4"),
        ("POST /w", "null", "is no `probe.Probe` in JSON: invalid type: null"),
        ("POST /w", r#"{"count": 1.5}"#, "expected integer value at line 1 column 13"),
        ("POST /w", r#"{"left": "a", "right": "b"}"#, "multiple fields provided for oneof"),
        ("PUT /f/a", r#"{"x": 1}"#, "is no `probe.Inner` in JSON: unrecognized field name 'x'"),
    ];
    for (line, body, message) in cases {
        let reply = send(&gateway, line, body).await;
        let error = reply.json();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{line} {body}");
        assert!(error["message"].as_str().unwrap().contains(message), "{line} {body}: {error}");
        assert_eq!(error["details"][0]["reason"], "invalid_request", "{line} {body}");
    }
}

#[tokio::test]
async fn recursive_messages_are_not_followed_without_end() {
    let gateway = echo::gateway();
    let deep = |parts: usize| format!("GET /q?{}name=x", "next.".repeat(parts));
    assert_eq!(send(&gateway, &deep(15), "").await.status, StatusCode::OK);
    assert_eq!(send(&gateway, &deep(16), "").await.status, StatusCode::BAD_REQUEST);
    let body = format!("{}{}", r#"{"next":"#.repeat(10_000), "}".repeat(10_000));
    assert_eq!(send(&gateway, "POST /w", &body).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn hints_list_what_there_is() {
    let gateway = echo::gateway();
    let hint =
        |reply: crate::support::Reply| reply.json()["details"][0]["metadata"]["hint"].as_str().unwrap().to_owned();
    let parameters = hint(send(&gateway, "GET /p/n?x=1", "").await);
    assert!(parameters.starts_with("the parameters here are: `count`, `big_number`"), "{parameters}");
    let fields = hint(send(&gateway, "PUT /f/n", r#"{"x": 1}"#).await);
    assert_eq!(fields, "the fields of `probe.Inner` are: `id`, `sizeLimit`");
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_told_apart() {
    let gateway = echo::gateway();
    let cases = [
        ("GET /", 404, ""),
        ("GET /nowhere", 404, ""),
        ("GET /p/", 404, ""),
        ("GET /p/a/b", 404, ""),
        ("GET /q/", 404, ""),
        ("GET /probe.Echo/Unbound", 404, ""),
        ("POST /q", 405, "GET, HEAD, PURGE"),
        ("GET /w", 405, "POST"),
        ("GET /p/a:act", 405, "POST"),
        ("OPTIONS /p/a", 405, "DELETE, GET, HEAD"),
    ];
    for (line, status, allow) in cases {
        let reply = send(&gateway, line, "").await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (status, allow), "{line}");
        let reason = if status == 404 { "not_found" } else { "unsupported" };
        assert_eq!(reply.json()["details"][0]["reason"], reason, "{line}");
    }
}

#[tokio::test]
async fn a_stream_sends_the_part_that_its_rule_names() {
    let reply = send(&echo::gateway(), "GET /parts?name=x&count=1", "").await;
    assert_eq!(reply.text(), "data: \"x\"\n\n");
}
