//! The settings that the platform's own environment variables give.

use url::Url;

use super::config::Settings;
use super::error::PaymanError;
use crate::platform::environment::Variables;

/// Makes settings of what the variables say.
pub(super) fn settings(variables: &Variables) -> Result<Settings, PaymanError> {
    let text = |name| variables.get(name).unwrap_or_default();
    let mut settings = Settings::new(text(CLIENT_ID), text(CLIENT_SECRET));
    let url = variables.get(BASE_URL).map(Url::parse).transpose();
    settings.base_url =
        url.map_err(|error| PaymanError::validation(format!("{BASE_URL}: {error}")))?;
    settings.check().map(|()| settings)
}

const CLIENT_ID: &str = "PAYMAN_CLIENT_ID";
const CLIENT_SECRET: &str = "PAYMAN_CLIENT_SECRET";
const BASE_URL: &str = "PAYMAN_BASE_URL";

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_process_comes_before_the_file() {
        let file = "# ours\nPAYMAN_CLIENT_ID=from-file # the id\nexport PAYMAN_CLIENT_SECRET='a # b'\nPAYMAN_BASE_URL=\"http://127.0.0.1:1/\"\r\n";
        let made = |process: Option<&str>, file: &str| {
            let mut variables = Variables::default();
            if let Some(id) = process {
                variables.set(CLIENT_ID, id);
            }
            variables.add_lines(file);
            settings(&variables)
        };
        let settings = made(None, file).unwrap();
        assert_eq!(settings.client_id, "from-file");
        let secret = settings.client_secret.as_ref().unwrap();
        assert_eq!(secret.expose_secret(), "a # b");
        assert_eq!(settings.server(), "http://127.0.0.1:1");
        assert_eq!(made(Some("mine"), file).unwrap().client_id, "mine");
        assert_eq!(made(Some(""), file).unwrap().client_id, "from-file");
        let wrong = |file: &str| made(None, file).unwrap_err().to_string();
        assert_eq!(wrong(""), "client_id is required");
        assert_eq!(wrong("PAYMAN_CLIENT_ID=x"), "client_secret is required");
        let no_url = "PAYMAN_CLIENT_ID=x\nPAYMAN_CLIENT_SECRET=y\nPAYMAN_BASE_URL=nowhere";
        assert!(wrong(no_url).starts_with("PAYMAN_BASE_URL: "));
    }
}
