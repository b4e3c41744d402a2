//! The catalogue: which models and regions there are, and what they cost on which route. All of it is data
//! (`data/models.json`, `data/regions.json`), none of it code.

use std::collections::HashMap;

use serde::Deserialize;
use thiserror::Error;

use crate::cost::{Price, Prices};
use crate::endpoint::Provider;

const MODELS: &str = include_str!("../../../data/models.json");
const REGIONS: &str = include_str!("../../../data/regions.json");

/// How AWS names the regions of GovCloud, and the resources in them; what is served there has prices of its own.
const GOV_REGIONS: &str = "us-gov-";
const GOV_ARNS: &str = "arn:aws-us-gov:";

/// Models, regions and prices.
#[derive(Debug)]
pub struct Catalogue {
    models: Vec<Model>,
    by_id: HashMap<String, usize>,
    by_direct_id: HashMap<String, usize>,
    regions: Vec<Region>,
    profile_prefixes: Vec<String>,
    aliases: HashMap<String, String>,
}

/// Catalogue data that cannot be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// The JSON is not of the catalogue's shape.
    #[error("the catalogue's `{file}` cannot be read")]
    Data {
        /// Which file.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A price that is not a whole number of pico-dollars per token.
    #[error("the price {0} per million tokens is not a whole number of pico-dollars per token")]
    Price(f64),
}

/// One model, as Bedrock offers it.
#[derive(Debug, Clone)]
pub struct Model {
    /// Bedrock's base id, or an id of the reference that AWS never issued.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Whether the reference lists this very id.
    pub in_reference: bool,
    /// The id that AWS issued for what this row means; `None` where this is it.
    pub stands_for: Option<String>,
    /// The model to use instead, once this one ends.
    pub successor: Option<String>,
    /// Where it stands between launch and end.
    pub lifecycle: Lifecycle,
    /// Context window, in tokens.
    pub context_window: u32,
    /// The longest answer, in tokens.
    pub max_output_tokens: u32,
    /// Inference-profile prefixes that exist for it (`us`, `global`, …).
    pub profiles: Vec<String>,
    list: Option<Price>,
    geo: Option<Price>,
    gov: Option<Price>,
}

/// A model's life.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lifecycle {
    /// Where it stands.
    pub status: LifecycleStatus,
    /// The day it ends, where known (`YYYY-MM-DD`).
    pub end_of_life: Option<String>,
}

/// Where a model stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStatus {
    /// Offered.
    Active,
    /// Only for accounts that use it already.
    Legacy,
    /// Gone.
    EndOfLife,
}

/// One AWS region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Region {
    /// Its code (`us-west-2`).
    pub code: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The prefix of its own inference profiles; `None` where only `global.` reaches it.
    pub geography: Option<String>,
    /// Whether the reference lists it.
    pub in_reference: bool,
}

impl Catalogue {
    /// The catalogue that is built into this crate.
    ///
    /// # Errors
    /// When the data is damaged; a test of this crate keeps it from being so.
    pub fn embedded() -> Result<Self, CatalogueError> {
        Self::parse(MODELS, REGIONS)
    }

    fn parse(models: &str, regions: &str) -> Result<Self, CatalogueError> {
        let data = |file| move |source| CatalogueError::Data { file, source };
        let models: ModelsFile = serde_json::from_str(models).map_err(data("models.json"))?;
        let regions: RegionsFile = serde_json::from_str(regions).map_err(data("regions.json"))?;
        let mut catalogue = Self {
            models: Vec::with_capacity(models.models.len()),
            by_id: HashMap::new(),
            by_direct_id: HashMap::new(),
            regions: regions.regions,
            profile_prefixes: regions.profile_prefixes,
            aliases: models.aliases,
        };
        for (index, row) in models.models.into_iter().enumerate() {
            catalogue.by_id.insert(row.id.clone(), index);
            for id in &row.direct_ids {
                catalogue.by_direct_id.insert(id.clone(), index);
            }
            catalogue.models.push(row.into_model()?);
        }
        Ok(catalogue)
    }

    /// All models, in the data's order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// All regions, the reference's five first.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The model that an id, a profile's id or an ARN of either means, if the catalogue knows it.
    pub fn model(&self, provider: Provider, id: &str) -> Option<&Model> {
        let index = match provider {
            Provider::Bedrock => self.by_id.get(self.route(id)?.base),
            Provider::Anthropic => self.by_direct_id.get(id),
        };
        self.models.get(*index?)
    }

    /// What the id on the wire costs when it is asked in `region`, which decides where the id says nothing of its place;
    /// `None` when that is not known, which is not the same as nothing.
    pub fn price(&self, provider: Provider, wire_id: &str, region: &str) -> Option<Price> {
        let model = self.model(provider, wire_id)?;
        if provider == Provider::Anthropic {
            return model.list;
        }
        match self.route(wire_id)?.prefix {
            Some("global") => model.list,
            Some("us-gov") => model.gov,
            Some(_) => model.geo,
            None if region.starts_with(GOV_REGIONS) || wire_id.starts_with(GOV_ARNS) => model.gov,
            // The reference prices its own bare ids at list price; any other bare id is served in the region.
            None if model.in_reference => model.list,
            None => model.geo,
        }
    }

    /// The inference profile to use for `id` in `region`, by the region's own geography; `global.` only in a region
    /// without one.
    pub fn profile_for(&self, id: &str, region: &str) -> Option<String> {
        let base = self.route(id)?.base;
        let base = self.aliases.get(base).map_or(base, String::as_str);
        let model = self.models.get(*self.by_id.get(base)?)?;
        let region = self.regions.iter().find(|known| known.code == region)?;
        let prefix = region.geography.as_deref().unwrap_or("global");
        model.profiles.iter().any(|known| known == prefix).then(|| format!("{prefix}.{base}"))
    }

    /// Takes an id apart into the prefix of its inference profile and the base id. Ids that say nothing of their model
    /// (application profiles, provisioned throughput) give `None`.
    fn route<'a>(&self, id: &'a str) -> Option<Route<'a>> {
        let id = match id.strip_prefix("arn:") {
            Some(arn) => {
                let (resource, name) = arn.rsplit_once('/')?;
                let kind = resource.rsplit(':').next()?;
                matches!(kind, "foundation-model" | "inference-profile").then_some(name)?
            }
            None => id,
        };
        let (prefix, base) = match id.split_once('.') {
            Some((prefix, base)) if self.profile_prefixes.iter().any(|known| known == prefix) => (Some(prefix), base),
            _ => (None, id),
        };
        Some(Route { prefix, base })
    }
}

struct Route<'a> {
    prefix: Option<&'a str>,
    base: &'a str,
}

#[derive(Deserialize)]
struct ModelsFile {
    aliases: HashMap<String, String>,
    models: Vec<ModelRow>,
}

#[derive(Deserialize)]
struct RegionsFile {
    profile_prefixes: Vec<String>,
    regions: Vec<Region>,
}

#[derive(Deserialize)]
struct ModelRow {
    id: String,
    name: String,
    in_reference: bool,
    stands_for: Option<String>,
    successor: Option<String>,
    lifecycle: Lifecycle,
    context_window: u32,
    max_output_tokens: u32,
    profiles: Vec<String>,
    direct_ids: Vec<String>,
    usd_per_mtok: RoutePrices,
}

#[derive(Deserialize)]
struct RoutePrices {
    list: Option<PriceRow>,
    geo: Option<PriceRow>,
    gov: Option<PriceRow>,
}

#[derive(Deserialize)]
struct PriceRow {
    #[serde(flatten)]
    standard: ClassPrices,
    long_context: Option<LongContext>,
}

#[derive(Deserialize)]
struct LongContext {
    above_prompt_tokens: u64,
    #[serde(flatten)]
    prices: ClassPrices,
}

#[derive(Deserialize)]
struct ClassPrices {
    input: f64,
    output: f64,
    cache_write_5m: Option<f64>,
    cache_write_1h: Option<f64>,
    cache_read: Option<f64>,
}

impl ModelRow {
    fn into_model(self) -> Result<Model, CatalogueError> {
        let price = |row: Option<PriceRow>| row.map(PriceRow::into_price).transpose();
        Ok(Model {
            id: self.id,
            name: self.name,
            in_reference: self.in_reference,
            stands_for: self.stands_for,
            successor: self.successor,
            lifecycle: self.lifecycle,
            context_window: self.context_window,
            max_output_tokens: self.max_output_tokens,
            profiles: self.profiles,
            list: price(self.usd_per_mtok.list)?,
            geo: price(self.usd_per_mtok.geo)?,
            gov: price(self.usd_per_mtok.gov)?,
        })
    }
}

impl PriceRow {
    fn into_price(self) -> Result<Price, CatalogueError> {
        let long_context = match self.long_context {
            Some(tier) => Some((tier.above_prompt_tokens, tier.prices.into_prices()?)),
            None => None,
        };
        Ok(Price { standard: self.standard.into_prices()?, long_context })
    }
}

impl ClassPrices {
    fn into_prices(self) -> Result<Prices, CatalogueError> {
        let optional = |usd: Option<f64>| usd.map(pico_per_token).transpose();
        Ok(Prices {
            input: pico_per_token(self.input)?,
            output: pico_per_token(self.output)?,
            cache_write_5m: optional(self.cache_write_5m)?,
            cache_write_1h: optional(self.cache_write_1h)?,
            cache_read: optional(self.cache_read)?,
        })
    }
}

/// Dollars per million tokens are, times a million, pico-dollars per token.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole, positive and small")]
fn pico_per_token(usd_per_mtok: f64) -> Result<u64, CatalogueError> {
    let pico = usd_per_mtok * 1e6;
    if (pico - pico.round()).abs() > 1e-3 || !(0.0..1e12).contains(&pico) {
        return Err(CatalogueError::Price(usd_per_mtok));
    }
    Ok(pico.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

    fn input_price(id: &str, region: &str) -> Option<u64> {
        let catalogue = Catalogue::embedded().unwrap();
        catalogue.price(Provider::Bedrock, id, region).map(|price| price.standard.input)
    }

    #[test]
    fn cost_follows_the_route_of_the_id_on_the_wire() {
        for (id, price) in [
            (SONNET.to_owned(), Some(3_000_000)),
            (format!("global.{SONNET}"), Some(3_000_000)),
            (format!("us.{SONNET}"), Some(3_300_000)),
            (format!("us-gov.{SONNET}"), Some(3_600_000)),
            (format!("arn:aws:bedrock:us-west-2:123456789012:inference-profile/eu.{SONNET}"), Some(3_300_000)),
            ("arn:aws:bedrock:eu-west-2::foundation-model/anthropic.claude-sonnet-4-6".to_owned(), Some(3_300_000)),
            ("arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc".to_owned(), None),
            ("arn:aws:bedrock".to_owned(), None),
            ("anthropic.claude-haiku-4-5-20250128-v1:0".to_owned(), Some(250_000)),
            ("anthropic.claude-haiku-4-5-20251001-v1:0".to_owned(), Some(1_100_000)),
            ("anthropic.claude-9".to_owned(), None),
        ] {
            assert_eq!(input_price(&id, "us-west-2"), price, "{id}");
        }
    }

    #[test]
    fn what_is_served_in_govcloud_costs_what_govcloud_costs() {
        let bare = "anthropic.claude-opus-5";
        let arn = |place: &str| format!("arn:{place}::foundation-model/{bare}");
        for (id, region, price) in [
            (bare.to_owned(), "us-gov-west-1", 6_000_000),
            (bare.to_owned(), "us-gov-east-1", 6_000_000),
            (bare.to_owned(), "us-east-1", 5_500_000),
            (SONNET.to_owned(), "us-gov-west-1", 3_600_000),
            (SONNET.to_owned(), "us-west-2", 3_000_000),
            (arn("aws-us-gov:bedrock:us-gov-west-1"), "us-gov-west-1", 6_000_000),
            (arn("aws-us-gov:bedrock:us-gov-west-1"), "", 6_000_000),
            (arn("aws:bedrock:us-west-2"), "us-west-2", 5_500_000),
            (format!("us-gov.{bare}"), "us-gov-west-1", 6_000_000),
        ] {
            assert_eq!(input_price(&id, region), Some(price), "{id} in {region}");
        }
        for region in Catalogue::embedded().unwrap().regions() {
            let gov = region.geography.as_deref() == Some("us-gov");
            assert_eq!(region.code.starts_with(GOV_REGIONS), gov, "{}", region.code);
        }
    }

    #[test]
    fn the_references_ids_have_the_references_prices() {
        let catalogue = Catalogue::embedded().unwrap();
        let listed: Vec<&Model> = catalogue.models().iter().filter(|model| model.in_reference).collect();
        assert_eq!(listed.len(), 7);
        for (id, input, output) in [
            (SONNET, 3_000_000, 15_000_000),
            ("anthropic.claude-haiku-4-5-20250128-v1:0", 250_000, 1_250_000),
            ("anthropic.claude-opus-4-1-20250514-v1:0", 15_000_000, 75_000_000),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", 3_000_000, 15_000_000),
        ] {
            let price = catalogue.price(Provider::Bedrock, id, "us-west-2").unwrap().standard;
            assert_eq!((price.input, price.output), (input, output), "{id}");
        }
    }

    #[test]
    fn anthropics_own_ids_cost_list_price() {
        let catalogue = Catalogue::embedded().unwrap();
        for id in ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5"] {
            assert_eq!(catalogue.price(Provider::Anthropic, id, "").unwrap().standard.input, 3_000_000);
        }
        assert_eq!(catalogue.price(Provider::Anthropic, SONNET, ""), None);
    }

    #[test]
    fn a_profile_is_of_the_regions_own_geography() {
        let catalogue = Catalogue::embedded().unwrap();
        for (id, region, profile) in [
            (SONNET, "us-west-2", Some("us.anthropic.claude-sonnet-4-5-20250929-v1:0")),
            (SONNET, "eu-central-1", Some("eu.anthropic.claude-sonnet-4-5-20250929-v1:0")),
            (SONNET, "ap-southeast-1", Some("global.anthropic.claude-sonnet-4-5-20250929-v1:0")),
            (
                "anthropic.claude-haiku-4-5-20250128-v1:0",
                "ap-northeast-1",
                Some("jp.anthropic.claude-haiku-4-5-20251001-v1:0"),
            ),
            ("anthropic.claude-opus-4-1-20250514-v1:0", "eu-central-1", None),
            (SONNET, "moon-1", None),
        ] {
            assert_eq!(catalogue.profile_for(id, region).as_deref(), profile, "{id} in {region}");
        }
    }
}
