//! JSON web tokens, as platforms sign them with a key of their own (HS256).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::entropy::Entropy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs tokens, and knows its own again.
#[derive(Clone)]
pub(crate) struct Signer([u8; 32]);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Draws a key.
    pub(crate) fn draw(entropy: &Entropy) -> Self {
        let mut key = [0; 32];
        for part in key.chunks_exact_mut(8) {
            part.copy_from_slice(&entropy.next_u64().to_be_bytes());
        }
        Self(key)
    }

    /// Makes a token of claims in JSON.
    pub(crate) fn sign(&self, claims: &str) -> String {
        let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&text).finalize().into_bytes());
        format!("{text}.{signature}")
    }

    /// Returns the claims of a token that was signed with this key.
    #[cfg(any(feature = "mezon", feature = "token-bowl"))]
    pub(crate) fn claims(&self, token: &str) -> Option<Vec<u8>> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(text).verify_slice(&signature).ok()?;
        let (_, claims) = text.split_once('.')?;
        URL_SAFE_NO_PAD.decode(claims).ok()
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        // every key length is fine for HMAC, so the empty key is never used
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)
            .unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(text.as_bytes());
        mac
    }
}
