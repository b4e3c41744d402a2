//! The routes: every binding of every RPC that has a `google.api.http` rule, and the router that finds one.
//!
//! Owns reading rules from descriptors and matching a method and a path. Must not know what a request means.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::Method;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

use super::error::{BuildError, Rejection};
use super::field::FieldPath;
use super::template::Template;

/// The extension of `google.protobuf.MethodOptions` that holds a rule.
const HTTP_RULE: &str = "google.api.http";

/// The fields of a rule that name a method, and that method.
const METHODS: [(&str, Method); 5] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("patch", Method::PATCH),
];

/// One binding of an RPC.
pub(super) struct Route {
    /// The RPC as gRPC addresses it: `/package.Service/Method`.
    pub(super) rpc: PathAndQuery,
    pub(super) input: MessageDescriptor,
    pub(super) output: MessageDescriptor,
    /// Whether the RPC answers with a stream.
    pub(super) streams: bool,
    /// The fields that the path's variables fill, in order.
    pub(super) variables: Vec<FieldPath>,
    pub(super) body: RequestBody,
    /// The field that is sent instead of the whole response.
    pub(super) response_body: Option<FieldDescriptor>,
}

/// What the HTTP body fills.
pub(super) enum RequestBody {
    /// Nothing: a body is left unread.
    None,
    /// The whole message; the path overrides.
    Whole,
    /// One field, a message.
    Field(FieldDescriptor, MessageDescriptor),
}

impl Route {
    pub(super) fn takes_body(&self) -> bool {
        !matches!(self.body, RequestBody::None)
    }
}

/// A route that was found, with the decoded values of its variables.
pub(super) struct Found<'a> {
    pub(super) route: &'a Route,
    pub(super) captures: Vec<String>,
}

/// Every route, by path pattern and then by method.
pub(super) struct Routes {
    router: matchit::Router<Vec<(Method, Route)>>,
}

impl Routes {
    pub(super) fn new(pool: &DescriptorPool) -> Result<Self, BuildError> {
        let mut patterns: BTreeMap<String, Vec<(Method, Route)>> = BTreeMap::new();
        for rpc in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            for rule in rules(pool, &rpc) {
                let (method, template) = address(&rule).map_err(|reason| refuse(&rpc, "", reason))?;
                let named = format!("{method} {template}");
                let (pattern, route) =
                    compile(&rpc, &rule, &template).map_err(|reason| refuse(&rpc, &named, reason))?;
                let same_path = patterns.entry(pattern).or_default();
                if same_path.iter().any(|(other, _)| *other == method) {
                    return Err(refuse(&rpc, &named, "another rule has the same method and path".to_owned()));
                }
                same_path.push((method, route));
            }
        }
        let mut router = matchit::Router::new();
        for (pattern, routes) in patterns {
            let rpc = routes.first().map(|(_, route)| route.rpc.to_string()).unwrap_or_default();
            router.insert(pattern.clone(), routes).map_err(|error| BuildError::Rule {
                rpc,
                rule: pattern,
                reason: error.to_string(),
            })?;
        }
        Ok(Self { router })
    }

    /// The route of `method` and `path`; HEAD is answered by GET's.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Found<'_>, Rejection> {
        let not_found = || Rejection::NotFound { path: path.to_owned() };
        let matched = self.router.at(path).map_err(|_| not_found())?;
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some((_, route)) = matched.value.iter().find(|(method, _)| method == wanted) else {
            let allow = allow(matched.value);
            return Err(Rejection::MethodNotAllowed { method: method.to_string(), path: path.to_owned(), allow });
        };
        let captures = matched.params.iter().map(|(_, raw)| decode(raw)).collect::<Result<_, _>>()?;
        Ok(Found { route, captures })
    }
}

fn refuse(rpc: &MethodDescriptor, rule: &str, reason: String) -> BuildError {
    BuildError::Rule { rpc: rpc.full_name().to_owned(), rule: rule.to_owned(), reason }
}

fn allow(routes: &[(Method, Route)]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.join(", ")
}

fn decode(raw: &str) -> Result<String, Rejection> {
    let text = percent_decode_str(raw).decode_utf8();
    text.map(Into::into).map_err(|_| Rejection::invalid(format!("`{raw}` in the path is not UTF-8 when decoded")))
}

/// The rule of `rpc` and its additional bindings.
fn rules(pool: &DescriptorPool, rpc: &MethodDescriptor) -> Vec<DynamicMessage> {
    let Some(extension) = pool.get_extension_by_name(HTTP_RULE) else { return Vec::new() };
    let options = rpc.options();
    if !options.has_extension(&extension) {
        return Vec::new();
    }
    let Some(rule) = options.get_extension(&extension).as_message().cloned() else { return Vec::new() };
    let more = rule.get_field_by_name("additional_bindings").map(Cow::into_owned);
    let more = more.as_ref().and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_message).cloned();
    std::iter::once(rule.clone()).chain(more).collect()
}

fn text(rule: &DynamicMessage, field: &str) -> String {
    rule.get_field_by_name(field).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The method and the path template of a rule.
fn address(rule: &DynamicMessage) -> Result<(Method, String), String> {
    if let Some((field, method)) = METHODS.into_iter().find(|(field, _)| rule.has_field_by_name(field)) {
        return Ok((method, text(rule, field)));
    }
    if !rule.has_field_by_name("custom") {
        return Err("it has no method".to_owned());
    }
    let custom = rule.get_field_by_name("custom").map(Cow::into_owned);
    let custom = custom.as_ref().and_then(Value::as_message).ok_or("its method is no message")?;
    let kind = text(custom, "kind");
    match Method::from_bytes(kind.as_bytes()) {
        Ok(method) if kind != "*" => Ok((method, text(custom, "path"))),
        _ => Err(format!("`{kind}` is no HTTP method")),
    }
}

fn compile(rpc: &MethodDescriptor, rule: &DynamicMessage, template: &str) -> Result<(String, Route), String> {
    if rpc.is_client_streaming() {
        return Err("a stream of requests cannot be sent over HTTP".to_owned());
    }
    let template = Template::parse(template)?;
    let (input, output) = (rpc.input(), rpc.output());
    let variables = template.variables.iter().map(|path| variable(&input, path)).collect::<Result<_, _>>()?;
    let rpc_path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
    let route = Route {
        rpc: rpc_path.parse().map_err(|_| format!("`{rpc_path}` is no path"))?,
        streams: rpc.is_server_streaming(),
        variables,
        body: request_body(&input, &text(rule, "body"))?,
        response_body: response_body(&output, &text(rule, "response_body"))?,
        input,
        output,
    };
    Ok((template.pattern, route))
}

fn variable(input: &MessageDescriptor, path: &str) -> Result<FieldPath, String> {
    FieldPath::resolve(input, path).map_err(|reason| format!("variable `{path}`: {reason}"))
}

fn request_body(input: &MessageDescriptor, body: &str) -> Result<RequestBody, String> {
    match body {
        "" => Ok(RequestBody::None),
        "*" => Ok(RequestBody::Whole),
        name => {
            let field = field(input, name)?;
            match field.kind() {
                Kind::Message(message) if !field.is_list() && !field.is_map() => Ok(RequestBody::Field(field, message)),
                _ => Err(format!("body field `{name}` is no message")),
            }
        }
    }
}

fn response_body(output: &MessageDescriptor, name: &str) -> Result<Option<FieldDescriptor>, String> {
    if name.is_empty() { Ok(None) } else { field(output, name).map(Some) }
}

fn field(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, String> {
    message.get_field_by_name(name).ok_or_else(|| format!("`{}` has no field `{name}`", message.full_name()))
}
