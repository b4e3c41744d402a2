//! Rules that cannot be served are refused when the gateway is built, by name.

use crate::echo;

#[test]
fn rules_that_cannot_be_served_are_refused() {
    let rpc = |rule: &str| format!("rpc Call(Probe) returns (Probe) {{ option (google.api.http) = {{ {rule} }}; }}");
    let cases = [
        (
            rpc(r#"get: "/a/{name=b/*}""#),
            "http rule `GET /a/{name=b/*}` of `probe.Echo.Call`: `b/*` spans several segments",
        ),
        (rpc(r#"get: "/a/{nmae}""#), "variable `nmae`: `probe.Probe` has no field `nmae`"),
        (rpc(r#"get: "/a/{inner}""#), "variable `inner`: it is a message"),
        (rpc(r#"get: "/a/{labels}""#), "variable `labels`: `labels` cannot be given as text"),
        (rpc(r#"post: "/a" body: "name""#), "body field `name` is no message"),
        (rpc(r#"post: "/a" body: "inners""#), "body field `inners` is no message"),
        (rpc(r#"post: "/a" body: "nmae""#), "`probe.Probe` has no field `nmae`"),
        (rpc(r#"get: "/a" response_body: "nmae""#), "`probe.Probe` has no field `nmae`"),
        (rpc(r#"custom { kind: "*" path: "/a" }"#), "`*` is no HTTP method"),
        (rpc(r#"body: "*""#), "it has no method"),
        (rpc(r#"get: "/a/{name}-{left}""#), "Only one parameter is allowed per path segment"),
        (
            rpc(r#"get: "/a/{name}" additional_bindings { get: "/a/{left}" }"#),
            "`GET /a/{left}` of `probe.Echo.Call`: another rule has the same method and path",
        ),
        (
            r#"rpc Call(stream Probe) returns (Probe) { option (google.api.http) = { get: "/a" }; }"#.to_owned(),
            "a stream of requests cannot be sent over HTTP",
        ),
    ];
    for (rule, reason) in cases {
        let error = echo::build(&rule).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{rule}: {error}");
    }
}
