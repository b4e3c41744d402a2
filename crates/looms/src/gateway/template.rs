//! Path templates of HTTP rules, as patterns of the router.
//!
//! Owns the template's grammar as far as it is served: literal segments, `{field}` (or `{field=*}`) for one segment, and a verb
//! at the end (`{field}:verb`). Segments that span slashes (`**`, `{name=a/*}`) are refused. Must not know messages.

use std::fmt::Write;

/// A template whose variables are numbered, so that templates of one shape are one pattern whatever their variables are called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The router's pattern: `/v1/sessions/{v0}:subscribe`.
    pub(super) pattern: String,
    /// The field path of each variable, in order.
    pub(super) variables: Vec<String>,
}

impl Template {
    /// Compiles `template`, or says what is wrong with it.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        if !template.starts_with('/') {
            return Err("a path template starts with `/`".to_owned());
        }
        let mut compiled = Self { pattern: String::new(), variables: Vec::new() };
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (variable, tail) = after.split_once('}').ok_or("a `{` has no `}`")?;
            compiled.literal(before)?;
            compiled.variable(variable)?;
            rest = tail;
        }
        compiled.literal(rest)?;
        Ok(compiled)
    }

    fn literal(&mut self, text: &str) -> Result<(), String> {
        if text.contains(['*', '}']) {
            return Err(format!("`{text}` is no literal: only `{{field}}` segments are served as wildcards"));
        }
        self.pattern.push_str(text);
        Ok(())
    }

    fn variable(&mut self, text: &str) -> Result<(), String> {
        let field = match text.split_once('=') {
            None | Some((_, "*")) => text.trim_end_matches("=*"),
            Some((_, segments)) => return Err(format!("`{segments}` spans several segments, which is not served")),
        };
        if field.is_empty() {
            return Err("a variable has no field".to_owned());
        }
        let _ = write!(self.pattern, "{{v{}}}", self.variables.len());
        self.variables.push(field.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn served_templates_become_patterns() {
        let cases: [(&str, &str, &[&str]); 5] = [
            ("/v1/weave", "/v1/weave", &[]),
            ("/v1/weave:stream", "/v1/weave:stream", &[]),
            ("/v1/sessions/{session_id}", "/v1/sessions/{v0}", &["session_id"]),
            ("/v1/sessions/{session_id=*}:subscribe", "/v1/sessions/{v0}:subscribe", &["session_id"]),
            ("/v1/{a.b}/x/{c}", "/v1/{v0}/x/{v1}", &["a.b", "c"]),
        ];
        for (template, pattern, variables) in cases {
            let compiled = Template::parse(template).unwrap();
            assert_eq!(compiled.pattern, pattern, "{template}");
            assert_eq!(compiled.variables, variables, "{template}");
        }
    }

    #[test]
    fn other_templates_are_refused_with_the_reason() {
        let cases = [
            ("v1/weave", "starts with `/`"),
            ("/v1/{name=a/*}", "`a/*` spans several segments"),
            ("/v1/{name=**}", "`**` spans several segments"),
            ("/v1/*", "`/v1/*` is no literal"),
            ("/v1/{name", "a `{` has no `}`"),
            ("/v1/name}", "`/v1/name}` is no literal"),
            ("/v1/{}", "a variable has no field"),
        ];
        for (template, reason) in cases {
            let error = Template::parse(template).unwrap_err();
            assert!(error.contains(reason), "{template}: {error}");
        }
    }
}
