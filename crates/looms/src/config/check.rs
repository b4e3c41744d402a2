//! The rules between settings.
//!
//! Owns what no single value can say: the region against the catalogue, the listener against the way callers are known.
//! Knows nothing of sources.

use std::net::IpAddr;

use super::problem::{Origin, Problem};
use super::setting::Value;
use super::{Resolved, Settings};

/// The regions that may be configured, from the catalogue of regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRegions {
    /// What is allowed without further ado, the recommended one first.
    pub usual: Vec<String>,
    /// What `llm.bedrock_allow_any_region` allows.
    pub all: Vec<String>,
}

/// Appends what is wrong between settings. A setting that was refused by itself is absent and not judged again.
pub(super) fn across(settings: &Settings, regions: &KnownRegions, problems: &mut Vec<Problem>) {
    problems.extend(region(settings, regions));
    problems.extend(listener(settings));
    problems.extend(ports(settings));
}

fn region(settings: &Settings, regions: &KnownRegions) -> Option<Problem> {
    let Resolved { value: Value::Text(region), origin } = settings.get("llm.bedrock_region")? else { return None };
    let any = settings.bool("llm.bedrock_allow_any_region")?;
    let allowed = if any { &regions.all } else { &regions.usual };
    // A region that merely lies about in the environment does not matter to a provider that has none.
    let unused = settings.text("llm.provider")? != "bedrock" && is_region_variable(origin);
    if unused || allowed.contains(region) {
        return None;
    }
    let list = |regions: &[String]| regions.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    let hint = if any {
        format!("regions with Claude: {}", list(&regions.all))
    } else {
        format!("choose {}, or set `llm.bedrock_allow_any_region: true`", list(&regions.usual))
    };
    let message = format!("Invalid region '{region}'. Claude is not available in this region.");
    Some(Problem::new(origin.clone(), message).code("invalid_region").hint(hint))
}

fn is_region_variable(origin: &Origin) -> bool {
    matches!(origin, Origin::Variable(name) if name.starts_with("AWS_"))
}

fn listener(settings: &Settings) -> Option<Problem> {
    let Resolved { value: Value::Text(host), origin } = settings.get("server.host")? else { return None };
    if is_loopback(host) || settings.bool("server.allow_unauthenticated")? {
        return None;
    }
    let message = format!(
        "`server.host` is `{host}`, which others can reach, but callers need no key: \
         whoever reaches the port would spend your tokens"
    );
    let hint = "keep 127.0.0.1, or say so in words with `server.allow_unauthenticated: true`";
    Some(Problem::new(origin.clone(), message).hint(hint))
}

/// Whether only this machine can reach a listener on `host`. Of names only `localhost` is certain (RFC 6761 §6.3).
pub(super) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn ports(settings: &Settings) -> Option<Problem> {
    let (grpc, http) = (settings.get("server.port")?, settings.get("server.http_port")?);
    if grpc.value != http.value || grpc.value == Value::Integer(0) {
        return None;
    }
    // The place to look at is the one that somebody chose.
    let origin = if http.origin == Origin::Default { &grpc.origin } else { &http.origin };
    Some(Problem::new(origin.clone(), format!("`server.port` and `server.http_port` are both {}", grpc.value)))
}
