//! The models: their names, and what else they are called. Pure.

use super::config::{Compat, Settings};
use super::error::MeshError;

/// Models of OpenAI.
pub mod openai {
    /// The one that is best at most things.
    pub const GPT_4O: &str = "gpt-4o";
    /// A fixed version of it.
    pub const GPT_4O_LATEST: &str = "gpt-4o-2024-11-20";
    /// The quickest.
    pub const GPT_4O_MINI: &str = "gpt-4o-mini";
    /// A preview.
    pub const GPT_4_5_PREVIEW: &str = "gpt-4.5-preview";
    /// The default.
    pub const GPT_4: &str = "gpt-4";
    /// A quicker one.
    pub const GPT_4_TURBO: &str = "gpt-4-turbo";
    /// The cheapest.
    pub const GPT_3_5_TURBO: &str = "gpt-3.5-turbo";
    /// One that reasons.
    pub const O1: &str = "o1";
    /// A small one that reasons.
    pub const O1_MINI: &str = "o1-mini";
    /// A newer small one that reasons.
    pub const O3_MINI: &str = "o3-mini";
    /// All of them.
    pub const ALL: &[&str] = &[
        GPT_4O,
        GPT_4O_LATEST,
        GPT_4O_MINI,
        GPT_4_5_PREVIEW,
        GPT_4,
        GPT_4_TURBO,
        GPT_3_5_TURBO,
        O1,
        O1_MINI,
        O3_MINI,
    ];
}

/// Models of Anthropic.
pub mod anthropic {
    /// The one that can show how it thinks.
    pub const CLAUDE_3_7_SONNET: &str = "claude-3-7-sonnet-20250219";
    /// The same: the current one.
    pub const CLAUDE: &str = CLAUDE_3_7_SONNET;
    /// What `claude` means.
    pub const CLAUDE_3_5_SONNET: &str = "claude-3-5-sonnet-20241022";
    /// The quickest and cheapest.
    pub const CLAUDE_3_5_HAIKU: &str = "claude-3-5-haiku-20241022";
    /// The version before.
    pub const CLAUDE_3_5_SONNET_OLD: &str = "claude-3-5-sonnet-20240620";
    /// The default.
    pub const CLAUDE_3_OPUS: &str = "claude-3-opus-20240229";
    /// An older one.
    pub const CLAUDE_3_SONNET: &str = "claude-3-sonnet-20240229";
    /// An older small one.
    pub const CLAUDE_3_HAIKU: &str = "claude-3-haiku-20240307";
    /// An old one.
    pub const CLAUDE_2_1: &str = "claude-2.1";
    /// The oldest.
    pub const CLAUDE_2_0: &str = "claude-2.0";
    /// All of them.
    pub const ALL: &[&str] = &[
        CLAUDE_3_7_SONNET,
        CLAUDE_3_5_SONNET,
        CLAUDE_3_5_HAIKU,
        CLAUDE_3_5_SONNET_OLD,
        CLAUDE_3_OPUS,
        CLAUDE_3_SONNET,
        CLAUDE_3_HAIKU,
        CLAUDE_2_1,
        CLAUDE_2_0,
    ];
}

pub(super) const OPENAI: &str = "openai";
pub(super) const ANTHROPIC: &str = "anthropic";

/// Returns the model that a name means; a name that means none is one itself.
pub(super) fn resolve(name: &str, compat: Compat) -> String {
    let wanted = name.trim().to_lowercase();
    let named = |(_, names): &&(&str, &[&str])| names.contains(&wanted.as_str());
    match (compat, wanted.as_str()) {
        (Compat::Seed, "claude") => anthropic::CLAUDE_3_5_SONNET.to_owned(),
        (Compat::Package, "claude") => anthropic::CLAUDE_3_7_SONNET.to_owned(),
        // The package does not know this one.
        (Compat::Package, "claude-3") => name.to_owned(),
        _ => ALIASES
            .iter()
            .find(named)
            .map_or(name, |(model, _)| model)
            .to_owned(),
    }
}

const ALIASES: &[(&str, &[&str])] = &[
    (openai::GPT_4, &["gpt4"]),
    (openai::GPT_4O, &["gpt4o", "gpt4omni"]),
    (openai::GPT_4_5_PREVIEW, &["gpt4.5", "gpt45"]),
    (openai::GPT_3_5_TURBO, &["gpt3", "gpt35", "gpt3.5"]),
    (
        anthropic::CLAUDE_3_7_SONNET,
        &[
            "claude37",
            "claude37sonnet",
            "claude37s",
            "claude3.7",
            "claude-37",
            "claude-3-7",
            "claude-3.7",
            "claude-3.7-sonnet",
        ],
    ),
    (
        anthropic::CLAUDE_3_5_SONNET,
        &[
            "claude35",
            "claude35sonnet",
            "claude35s",
            "claude3.5",
            "claude-35",
            "claude-3-5",
            "claude-3.5",
            "claude-3.5-sonnet",
            "claude-3.5-s",
            "claude3.5s",
            "claude3.5-sonnet",
            "claude-3.5-sonnet-latest",
            "claude-3.5-latest",
        ],
    ),
    (
        anthropic::CLAUDE_3_5_HAIKU,
        &[
            "claude35haiku",
            "claude35h",
            "claude3.5haiku",
            "claude-35-haiku",
            "claude-3-5-h",
        ],
    ),
    (
        anthropic::CLAUDE_3_OPUS,
        &[
            "claude-3",
            "claude3opus",
            "claudeopus",
            "claude-3-opus",
            "claude-opus",
        ],
    ),
    (
        anthropic::CLAUDE_3_SONNET,
        &[
            "claude3sonnet",
            "claude3s",
            "claude-3-sonnet",
            "claude-3-s",
            "claude-3.0",
            "claude-sonnet",
        ],
    ),
    (
        anthropic::CLAUDE_3_HAIKU,
        &[
            "claude3haiku",
            "claude3h",
            "claude-3-haiku",
            "claude-3-h",
            "claude-3.0-haiku",
            "claude-haiku",
        ],
    ),
];

/// The models that one client asks if none is named: a change of one client is none of another.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    openai: Option<String>,
    anthropic: Option<String>,
}

impl Defaults {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            openai: settings.openai_override.clone(),
            anthropic: settings.anthropic_override.clone(),
        }
    }

    /// Sets the model that is asked of a provider if none is named.
    pub(super) fn set(&mut self, provider: &str, model: &str) -> Result<(), MeshError> {
        let slot = match provider.trim().to_lowercase().as_str() {
            OPENAI => &mut self.openai,
            ANTHROPIC => &mut self.anthropic,
            _ => {
                let message =
                    format!("unknown provider {provider:?}: known are openai and anthropic");
                return Err(MeshError::validation(message));
            }
        };
        *slot = Some(model.to_owned());
        Ok(())
    }

    fn of_provider(&self, provider: &str, settings: &Settings) -> String {
        let is_anthropic = provider == ANTHROPIC;
        let (own, configured) = match is_anthropic {
            true => (&self.anthropic, &settings.default_anthropic_model),
            false => (&self.openai, &settings.default_openai_model),
        };
        let fitting = || {
            let model = settings.default_model.as_ref()?;
            let of = provider_of(&resolve(model, settings.compat)).unwrap_or(OPENAI);
            ((of == ANTHROPIC) == is_anthropic).then_some(model)
        };
        let built_in = match (is_anthropic, settings.compat) {
            (true, Compat::Seed) => anthropic::CLAUDE_3_OPUS,
            (true, Compat::Package) => anthropic::CLAUDE_3_7_SONNET,
            (false, Compat::Seed) => openai::GPT_4,
            (false, Compat::Package) => openai::GPT_4O,
        };
        let model = own.as_ref().or(configured.as_ref()).or_else(fitting);
        model.map_or_else(
            || built_in.to_owned(),
            |model| resolve(model, settings.compat),
        )
    }
}

/// Returns the provider of a model, if its name tells.
fn provider_of(model: &str) -> Option<&'static str> {
    let model = model.to_lowercase();
    if model.contains("claude") {
        return Some(ANTHROPIC);
    }
    let of_openai = ["gpt", "text-", "davinci", "babbage", "o1", "o3"];
    of_openai
        .iter()
        .any(|part| model.contains(part))
        .then_some(OPENAI)
}

/// Says who is asked, and which of two models, the first of which is of OpenAI.
pub(super) fn one_of(
    (of_openai, of_anthropic): (&str, &str),
    provider: Option<&str>,
    settings: &Settings,
) -> (String, String) {
    let provider = provider.unwrap_or(&settings.default_provider);
    let (provider, model) = match provider.trim().to_lowercase().as_str() {
        ANTHROPIC => (ANTHROPIC, of_anthropic),
        _ => (OPENAI, of_openai),
    };
    (provider.to_owned(), model.to_owned())
}

/// Says who is asked, and which model.
pub(super) fn choose(
    provider: Option<&str>,
    model: Option<&str>,
    settings: &Settings,
    defaults: &Defaults,
) -> (String, String) {
    let given = provider
        .map(|provider| provider.trim().to_lowercase())
        .filter(|provider| !provider.is_empty());
    let usual = || settings.default_provider.trim().to_lowercase();
    let model = model.filter(|model| !model.trim().is_empty());
    let Some(model) = model.map(|model| resolve(model, settings.compat)) else {
        let mut provider = given.unwrap_or_else(usual);
        let model = defaults.of_provider(&provider, settings);
        // A default may be any model, whoever it was set for.
        if model.to_lowercase().contains("claude") {
            provider = ANTHROPIC.to_owned();
        }
        return (provider, model);
    };
    let told = provider_of(&model);
    let provider = match told {
        Some(ANTHROPIC) => ANTHROPIC.to_owned(),
        told => given.or(told.map(str::to_owned)).unwrap_or_else(usual),
    };
    (provider, model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        provider: Option<&str>,
        model: Option<&str>,
        settings: &Settings,
    ) -> (String, String) {
        choose(provider, model, settings, &Defaults::of(settings))
    }

    #[test]
    fn every_name_of_the_table_is_found_in_any_case() {
        for (model, names) in ALIASES {
            for name in *names {
                for form in [(*name).to_owned(), name.to_uppercase(), format!(" {name} ")] {
                    assert_eq!(resolve(&form, Compat::Seed), *model, "{form:?}");
                }
            }
        }
        assert_eq!(
            ALIASES.iter().map(|(_, names)| names.len()).sum::<usize>(),
            51
        );
        assert_eq!(
            resolve("Claude", Compat::Seed),
            "claude-3-5-sonnet-20241022"
        );
        assert_eq!(
            resolve("claude", Compat::Package),
            "claude-3-7-sonnet-20250219"
        );
        assert_eq!(resolve("claude-3", Compat::Package), "claude-3");
        assert_eq!(
            resolve("My-Model", Compat::Seed),
            "My-Model",
            "sent as it is"
        );
    }

    #[test]
    fn the_provider_follows_from_the_model() {
        let settings = Settings::default();
        let anthropic_first = Settings {
            default_provider: "Anthropic".to_owned(),
            ..Settings::default()
        };
        let cases = [
            (None, None, &settings, OPENAI, "gpt-4"),
            (
                Some("anthropic"),
                None,
                &settings,
                ANTHROPIC,
                "claude-3-opus-20240229",
            ),
            (Some("OpenAI"), None, &settings, OPENAI, "gpt-4"),
            (
                Some("openai"),
                Some("claude-37"),
                &settings,
                ANTHROPIC,
                "claude-3-7-sonnet-20250219",
            ),
            (None, Some("gpt-4o"), &anthropic_first, OPENAI, "gpt-4o"),
            (None, Some("other"), &anthropic_first, ANTHROPIC, "other"),
            (
                None,
                None,
                &anthropic_first,
                ANTHROPIC,
                "claude-3-opus-20240229",
            ),
            (Some("mistral"), None, &settings, "mistral", "gpt-4"),
            (
                Some("Mistral"),
                Some("large"),
                &settings,
                "mistral",
                "large",
            ),
        ];
        for (provider, model, settings, expected, name) in cases {
            let expected = (expected.to_owned(), name.to_owned());
            assert_eq!(
                chosen(provider, model, settings),
                expected,
                "{provider:?} {model:?}"
            );
        }
    }

    #[test]
    fn defaults_come_from_the_client_then_the_settings() {
        let mut settings = Settings {
            default_model: Some("claude-3-haiku".to_owned()),
            ..Settings::default()
        };
        let model = |settings: &Settings, provider| chosen(Some(provider), None, settings).1;
        assert_eq!(model(&settings, OPENAI), "gpt-4", "it does not fit");
        assert_eq!(model(&settings, ANTHROPIC), "claude-3-haiku-20240307");
        settings.default_openai_model = Some("gpt4o".to_owned());
        settings.default_anthropic_model = Some("claude".to_owned());
        assert_eq!(model(&settings, OPENAI), "gpt-4o");
        assert_eq!(model(&settings, ANTHROPIC), "claude-3-5-sonnet-20241022");
        settings.openai_override = Some("o1".to_owned());
        assert_eq!(model(&settings, OPENAI), "o1");
        let mut mine = Defaults::of(&settings);
        mine.set("Anthropic", "claude-2.1").unwrap();
        assert_eq!(
            choose(Some(ANTHROPIC), None, &settings, &mine).1,
            "claude-2.1"
        );
        assert!(mine.set("mistral", "x").is_err());
        let package = Settings {
            compat: Compat::Package,
            ..Settings::default()
        };
        assert_eq!(model(&package, OPENAI), "gpt-4o");
        assert_eq!(model(&package, ANTHROPIC), "claude-3-7-sonnet-20250219");
    }
}
