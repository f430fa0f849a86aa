//! Keeping secrets out of what is shown.

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

/// Takes secrets out of a text, also as a URL or JSON writes them.
pub(crate) fn redacted(mut text: String, secrets: &[SecretString]) -> String {
    for secret in secrets {
        let plain = secret.expose_secret();
        // What is as short as that could be part of any word.
        if plain.len() < SHORTEST_SECRET {
            continue;
        }
        let in_url: String = byte_serialize(plain.as_bytes()).collect();
        let in_json = serde_json::to_string(plain).unwrap_or_default();
        // Only the quotes around it: those inside belong to the secret.
        let in_json = in_json.get(1..in_json.len().saturating_sub(1));
        for form in [plain, &in_url, in_json.unwrap_or_default()] {
            if !form.is_empty() && text.contains(form) {
                text = text.replace(form, "[redacted]");
            }
        }
    }
    text
}

const SHORTEST_SECRET: usize = 4;
