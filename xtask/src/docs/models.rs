//! The page of the models, from the catalogue that is built into `claude`.
//!
//! Prices are asked of the catalogue by the id on the wire, as a turn's cost is, so the page cannot say something else.

use std::collections::HashMap;
use std::fs;

use claude::{Catalogue, LifecycleStatus, Model, PicoDollars, Price, Prices, Provider};
use serde::Deserialize;

use crate::{Result, root};

const INTRODUCTION: &str = "\
# Models

<!-- Generated from data/models.json by `cargo xtask docs`. Do not edit. -->
";

const MODELS: &str = "
A model that is not listed passes through; its cost is then unknown, not zero. *Profiles* are the prefixes of its \
inference profiles: `us` means `us.<id>`. Context and longest answer are in tokens.

| Id | Name | Context | Longest answer | Status | Profiles |
|---|---|---|---|---|---|
";

const ALIASES: &str = "
## Ids that AWS never issued

They are in circulation all the same; each stands for an id that AWS did issue.

| Id | Stands for |
|---|---|
";

const PRICES: &str = "
## Prices

US dollars per million tokens, by the route that the id on the wire takes: the bare id, or a profile. A dash is a price \
that nobody published: what used it has no cost, rather than a wrong one. Anthropic's own API costs as much as \
`global`. Where a row stands *above* a number of prompt tokens, a longer prompt has its whole request charged at it.

| Id | Route | Above | Input | Output | Cache write, 5 min | Cache write, 1 h | Cache read |
|---|---|---|---|---|---|---|---|
";

/// Any region outside GovCloud, where a bare id costs as `us-gov`.
const REGION: &str = "us-west-2";

pub(super) fn page() -> Result<String> {
    let catalogue = Catalogue::embedded()?;
    let data: Data = serde_json::from_str(&fs::read_to_string(root().join("data/models.json"))?)?;
    let models: String = catalogue.models().iter().map(model_row).collect();
    let prices: String = catalogue.models().iter().flat_map(|model| price_rows(&catalogue, model)).collect();
    let as_of = format!("\nAs of {}.\n", data.as_of);
    Ok([INTRODUCTION, &as_of, MODELS, &models, ALIASES, &aliases(data.aliases), PRICES, &prices].concat())
}

/// What the page needs of the data beside the catalogue.
#[derive(Deserialize)]
struct Data {
    as_of: String,
    aliases: HashMap<String, String>,
}

fn aliases(aliases: HashMap<String, String>) -> String {
    let mut aliases: Vec<_> = aliases.into_iter().collect();
    aliases.sort();
    aliases.iter().map(|(id, real)| format!("| `{id}` | `{real}` |\n")).collect()
}

fn model_row(model: &Model) -> String {
    let profiles: Vec<String> = model.profiles.iter().map(|prefix| format!("`{prefix}`")).collect();
    let profiles = if profiles.is_empty() { "none".to_owned() } else { profiles.join(", ") };
    format!(
        "| `{}` | {} | {} | {} | {} | {profiles} |\n",
        model.id,
        model.name,
        grouped(model.context_window.into()),
        grouped(model.max_output_tokens.into()),
        status(model),
    )
}

fn status(model: &Model) -> String {
    let (status, ends) = match model.lifecycle.status {
        LifecycleStatus::Active => ("active", "ends"),
        LifecycleStatus::Legacy => ("legacy", "ends"),
        LifecycleStatus::EndOfLife => ("gone", "ended"),
    };
    let end = model.lifecycle.end_of_life.as_ref().map(|day| format!(", {ends} {day}")).unwrap_or_default();
    let successor = model.successor.as_ref().map(|id| format!("; use `{id}`")).unwrap_or_default();
    format!("{status}{end}{successor}")
}

/// The bare id and each profile, priced as they would be on the wire; routes of one price share their rows.
fn price_rows(catalogue: &Catalogue, model: &Model) -> Vec<String> {
    let price = |wire_id: &str| catalogue.price(Provider::Bedrock, wire_id, REGION);
    let mut routes: Vec<(Option<Price>, String)> = vec![(price(&model.id), "bare id".to_owned())];
    for prefix in &model.profiles {
        let price = price(&format!("{prefix}.{}", model.id));
        match routes.iter_mut().find(|(known, _)| *known == price) {
            Some((_, names)) => names.push_str(&format!(", `{prefix}`")),
            None => routes.push((price, format!("`{prefix}`"))),
        }
    }
    let mut rows = Vec::new();
    for (price, names) in routes {
        let route = format!("| `{}` | {names} |", model.id);
        rows.push(format!("{route} | {}\n", classes(price.map(|price| price.standard).as_ref())));
        if let Some((above, prices)) = price.and_then(|price| price.long_context) {
            rows.push(format!("{route} {} | {}\n", grouped(above), classes(Some(&prices))));
        }
    }
    rows
}

fn classes(prices: Option<&Prices>) -> String {
    let classes = [
        prices.map(|prices| prices.input),
        prices.map(|prices| prices.output),
        prices.and_then(|prices| prices.cache_write_5m),
        prices.and_then(|prices| prices.cache_write_1h),
        prices.and_then(|prices| prices.cache_read),
    ];
    classes.map(|price| format!("{} |", per_million(price))).join(" ")
}

fn per_million(pico_per_token: Option<u64>) -> String {
    let price = |pico: u64| PicoDollars(pico.saturating_mul(1_000_000)).to_string();
    pico_per_token.map_or_else(|| "—".to_owned(), price)
}

/// `200,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (64_000, "64,000"), (1_000_000, "1,000,000")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_price_is_that_of_the_route() {
        let page = page().unwrap();
        let sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0";
        for row in [
            format!("| `{sonnet}` | bare id, `global` | | $3.00 | $15.00 | $3.75 | $6.00 | $0.30 |\n"),
            format!("| `{sonnet}` | `us`, `eu`, `jp`, `au` | | $3.30 | $16.50 | $4.125 | $6.60 | $0.33 |\n"),
            format!("| `{sonnet}` | `us`, `eu`, `jp`, `au` | 200,000 | $6.60 | $24.75 | $8.25 | $13.20 | $0.66 |\n"),
            format!("| `{sonnet}` | `us-gov` | | $3.60 | $18.00 | $4.50 | $7.20 | $0.36 |\n"),
        ] {
            assert!(page.contains(&row), "{row}\n{page}");
        }
    }

    #[test]
    fn an_unknown_price_is_a_dash() {
        assert_eq!(per_million(None), "—");
        assert_eq!(per_million(Some(250_000)), "$0.25");
    }
}
