//! The platform's own environment variables.

use secrecy::SecretString;

use super::config::{Settings, TokenStore};
use super::error::MeshError;

/// Replaces in the settings what the variables say; an empty one says nothing.
pub(super) fn apply(
    mut settings: Settings,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, MeshError> {
    let get = |name: &str| {
        variable(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let secret = |name: &str| get(name).map(SecretString::from);
    if let Some(url) = get("MESH_API_URL") {
        settings.server_url = url;
    }
    // Without one of these three the server is asked for all of them.
    if let (Some(domain), Some(id), Some(audience)) = (
        get("AUTH0_DOMAIN"),
        get("AUTH0_CLIENT_ID"),
        get("AUTH0_AUDIENCE"),
    ) {
        settings.auth0_domain = Some(domain);
        settings.client_id = Some(id);
        settings.audience = Some(audience);
        settings.client_secret = secret("AUTH0_CLIENT_SECRET").or(settings.client_secret);
    }
    settings.auth_token = secret("MESH_AUTH_TOKEN").or(settings.auth_token);
    settings.callback_uri = get("AUTH0_CALLBACK_URI").or(settings.callback_uri);
    settings.default_openai_model = get("DEFAULT_OPENAI_MODEL").or(settings.default_openai_model);
    settings.default_anthropic_model =
        get("DEFAULT_ANTHROPIC_MODEL").or(settings.default_anthropic_model);
    settings.default_model = get("DEFAULT_MODEL").or(settings.default_model);
    settings.openai_override = get("DEFAULT_OPENAI_MODEL_OVERRIDE").or(settings.openai_override);
    settings.anthropic_override =
        get("DEFAULT_ANTHROPIC_MODEL_OVERRIDE").or(settings.anthropic_override);
    settings.openai_api_key = secret("OPENAI_API_KEY").or(settings.openai_api_key);
    settings.anthropic_api_key = secret("ANTHROPIC_API_KEY").or(settings.anthropic_api_key);
    if let Some(provider) = get("DEFAULT_PROVIDER") {
        settings.default_provider = provider;
    }
    if let Some(port) = get("AUTH0_CALLBACK_PORT") {
        settings.callback_port = Some(number("AUTH0_CALLBACK_PORT", &port)?);
    }
    if let Some(budget) = get("DEFAULT_THINKING_BUDGET") {
        settings.thinking_budget = number("DEFAULT_THINKING_BUDGET", &budget)?;
    }
    if let Some(most) = get("DEFAULT_THINKING_MAX_TOKENS") {
        settings.thinking_max_tokens = number("DEFAULT_THINKING_MAX_TOKENS", &most)?;
    }
    for (name, flag) in [
        ("DEBUG", &mut settings.debug),
        ("AUTO_REFRESH", &mut settings.auto_refresh),
        ("THINKING_ENABLED", &mut settings.thinking_enabled),
    ] {
        if let Some(text) = get(name) {
            *flag = is_true(&text);
        }
    }
    // For these it is enough to be set.
    settings.auto_auth |= get("MESH_AUTO_AUTH").is_some();
    settings.headless |= get("HEADLESS").is_some() || get("CI").is_some();
    if let Some(store) = get("MESH_TOKEN_STORE") {
        settings.token_store = match store.to_lowercase().as_str() {
            "file" => TokenStore::File,
            "keyring" => TokenStore::Keyring,
            "memory" => TokenStore::Memory,
            _ => {
                return Err(MeshError::validation(
                    "MESH_TOKEN_STORE must be one of file, keyring and memory",
                ));
            }
        };
    }
    Ok(settings)
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, MeshError> {
    text.parse().map_err(|_| {
        MeshError::validation(format!(
            "{name} must be a whole number that fits, not {text:?}"
        ))
    })
}

fn is_true(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "y")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Settings, MeshError> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::default().with_env(find)
    }

    /// MESH-11: every row of the table.
    #[test]
    fn each_variable_sets_its_setting() {
        let settings = with(&[
            ("MESH_API_URL", "http://mesh.test/"),
            ("AUTH0_DOMAIN", "d"),
            ("AUTH0_CLIENT_ID", "i"),
            ("AUTH0_CLIENT_SECRET", "s"),
            ("AUTH0_AUDIENCE", "a"),
            ("AUTH0_CALLBACK_PORT", "8000"),
            ("AUTH0_CALLBACK_URI", "http://localhost:1/callback"),
            ("MESH_AUTH_TOKEN", "t"),
            ("DEBUG", "Yes"),
            ("AUTO_REFRESH", "no"),
            ("DEFAULT_PROVIDER", "anthropic"),
            ("DEFAULT_OPENAI_MODEL", "o1"),
            ("DEFAULT_ANTHROPIC_MODEL", "claude"),
            ("DEFAULT_MODEL", "m"),
            ("DEFAULT_OPENAI_MODEL_OVERRIDE", "oo"),
            ("DEFAULT_ANTHROPIC_MODEL_OVERRIDE", "ao"),
            ("OPENAI_API_KEY", "ok"),
            ("ANTHROPIC_API_KEY", "ak"),
            ("THINKING_ENABLED", "Y"),
            ("DEFAULT_THINKING_BUDGET", "2000"),
            ("DEFAULT_THINKING_MAX_TOKENS", "9000"),
            ("MESH_AUTO_AUTH", "1"),
            ("HEADLESS", "1"),
            ("MESH_TOKEN_STORE", "memory"),
        ])
        .unwrap();
        assert_eq!(settings.server(), "http://mesh.test");
        assert_eq!(settings.auth0_domain.as_deref(), Some("d"));
        assert_eq!(settings.client_id.as_deref(), Some("i"));
        assert_eq!(
            settings.client_secret.as_ref().unwrap().expose_secret(),
            "s"
        );
        assert_eq!(settings.audience.as_deref(), Some("a"));
        assert_eq!(settings.callback_port, Some(8_000));
        assert_eq!(
            settings.callback_uri.as_deref(),
            Some("http://localhost:1/callback")
        );
        assert_eq!(settings.auth_token.as_ref().unwrap().expose_secret(), "t");
        assert!(settings.debug && !settings.auto_refresh && settings.thinking_enabled);
        assert_eq!(settings.default_provider, "anthropic");
        assert_eq!(settings.default_openai_model.as_deref(), Some("o1"));
        assert_eq!(settings.default_anthropic_model.as_deref(), Some("claude"));
        assert_eq!(settings.default_model.as_deref(), Some("m"));
        assert_eq!(settings.openai_override.as_deref(), Some("oo"));
        assert_eq!(settings.anthropic_override.as_deref(), Some("ao"));
        assert_eq!(
            settings.openai_api_key.as_ref().unwrap().expose_secret(),
            "ok"
        );
        assert_eq!(
            settings.anthropic_api_key.as_ref().unwrap().expose_secret(),
            "ak"
        );
        assert_eq!(
            (settings.thinking_budget, settings.thinking_max_tokens),
            (2_000, 9_000)
        );
        assert!(settings.auto_auth && settings.headless);
        assert_eq!(settings.token_store, TokenStore::Memory);
    }

    #[test]
    fn half_of_a_tenant_is_none_and_empty_is_unset() {
        let settings = with(&[
            ("AUTH0_DOMAIN", "d"),
            ("AUTH0_CLIENT_ID", "i"),
            ("DEBUG", ""),
            ("CI", ""),
        ])
        .unwrap();
        assert!(settings.auth0_domain.is_none() && settings.client_id.is_none());
        assert!(!settings.debug && settings.auto_refresh && !settings.headless);
        let tenant = with(&[
            ("AUTH0_DOMAIN", "d"),
            ("AUTH0_CLIENT_ID", "i"),
            ("AUTH0_AUDIENCE", "a"),
        ])
        .unwrap();
        assert!(tenant.audience.is_some() && tenant.client_secret.is_none());
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        for (name, value) in [
            ("AUTH0_CALLBACK_PORT", "70000"),
            ("DEFAULT_THINKING_BUDGET", "many"),
            ("MESH_TOKEN_STORE", "disk"),
        ] {
            let error = with(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
