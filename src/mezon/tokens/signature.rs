//! The key with which transfers are signed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::error::TransferError;

/// A key for the time of one session. It is never shown, and never leaves the process.
pub(super) struct Keys(Ed25519KeyPair);

impl Keys {
    /// Draws a new key. Its randomness is the system's and not the bot's own stream, whose seed may be known to others.
    pub(super) fn draw() -> Result<Self, TransferError> {
        let mut seed = [0; 32];
        let drawn = SystemRandom::new().fill(&mut seed);
        drawn.map_err(|_| TransferError::Invalid("the system has no randomness".to_owned()))?;
        Self::from_seed(&seed)
    }

    fn from_seed(seed: &[u8; 32]) -> Result<Self, TransferError> {
        let keys = Ed25519KeyPair::from_seed_unchecked(seed);
        keys.map(Self)
            .map_err(|error| TransferError::Invalid(format!("no key can be made: {error}")))
    }

    pub(super) fn public(&self) -> String {
        bs58::encode(self.0.public_key()).into_string()
    }

    /// Signs a text; the signature comes with the public key.
    pub(super) fn sign(&self, text: &str) -> String {
        let signature = BASE64_STANDARD.encode(self.0.sign(text.as_bytes()));
        let public = BASE64_STANDARD.encode(self.0.public_key());
        // Base64 has nothing that JSON would escape.
        let envelope = format!(r#"{{"PubKey": "{public}", "Sig": "{signature}"}}"#);
        bs58::encode(envelope).into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        let seed = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let keys = Keys::from_seed(&seed).unwrap();
        assert_eq!(keys.public(), "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF");
        let text = "0|9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73|JCQrK24N9rjnzhH9v47vJwX5ENeokD2YysmeA4xm9ZMJ|10000000|hi|1|\
                    {\"type\": \"transfer_token\", \"UserSenderId\": \"1000000000000000001\", \"UserSenderUsername\": \"\", \
                    \"UserReceiverId\": \"4000000000000000001\"}";
        let expected = "3XSLEfi16UEKENYVvnuLSvHgxgwsxPWV2ujYzc2uvMZWHXzQsEEkL3wEVPGRWHpfxxGFgZ5FywKnNbraud3m7tuzZ4sp3yN22E36L8iniVgG1SjzwavMjGttr5iPYKAH2cG3T8CgR53mJX7hRE7RhKg2byDJUiFf6KT18R79NpPgggVpNPXwLwAWPXNdcYhTnFkHqfQL2iQxhDFkoLKSqXA";
        assert_eq!(keys.sign(text), expected);
        assert_ne!(
            Keys::draw().unwrap().public(),
            Keys::draw().unwrap().public()
        );
    }
}
