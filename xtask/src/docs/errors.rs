//! The page of the error codes, from the product's one table.

use looms::error::Code;

const INTRODUCTION: &str = "\
# Errors

<!-- Generated from crates/looms/src/error.rs by `cargo xtask docs`. Do not edit. -->

Every failure has one of these codes, on every door. On gRPC the code is `ErrorInfo.reason` in the status's details; on \
HTTP the body is the same status as JSON (`google.rpc.Status`); on a terminal it is the first word after `Error:`. \
A hint and, where AWS spoke, its exception and request id come with it.

*Retry* says whether the same request may succeed later. It is the rule of the code: a single error may know better and \
says so itself, with the time to wait where that is known.

| Code | HTTP | gRPC | Retry | Meaning |
|---|---|---|---|---|
";

const NOTES: &str = "
`invalid_request` is 413 on HTTP where a body is too large, `unsupported` is 405 for a method and 415 for a content type.
";

pub(super) fn page() -> String {
    let rows: String = Code::ALL.into_iter().map(row).collect();
    format!("{INTRODUCTION}{rows}{NOTES}")
}

fn row(code: Code) -> String {
    let row = code.row();
    let retry = if code.is_retryable() { "yes" } else { "no" };
    format!("| `{}` | {} | `{}` | {retry} | {} |\n", row.text, row.http.as_u16(), grpc_name(row.grpc), code.meaning())
}

/// The name as gRPC's documentation writes it: `ResourceExhausted` is `RESOURCE_EXHAUSTED`.
fn grpc_name(code: tonic::Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_every_door_answers() {
        let throttling = row(Code::Throttling);
        assert!(throttling.starts_with("| `throttling` | 429 | `RESOURCE_EXHAUSTED` | yes | "), "{throttling}");
        assert!(throttling.ends_with(". |\n") && !throttling.contains("\n\n"), "{throttling}");
    }

    #[test]
    fn every_code_has_its_row() {
        let page = page();
        for code in Code::ALL {
            assert!(page.contains(&format!("\n| `{}` |", code.row().text)), "{code:?}");
        }
    }
}
