//! The commitments of keys. Pure.
//!
//! The server calls this "ZKP"; it is a hash commitment with a challenge, and no zero-knowledge proof. The nullifier goes over the wire
//! with each verification, and with the commitment it lets anyone who has seen both try guesses of the value, offline and as fast as a
//! machine can hash. So it protects values that nobody can guess, such as generated keys, and no passwords.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// What a key and its value come to.
pub(super) struct Committed {
    /// Says of name and value that both are known; as good as a weak value itself.
    pub(super) nullifier: SecretString,
    /// What the server keeps: 64 hexadecimal digits.
    pub(super) commitment: String,
}

/// Commits to a value.
pub(super) fn commit(name: &str, value: &SecretString) -> Committed {
    let value = value.expose_secret();
    let nullifier = hash(&[name, ":", value]);
    let commitment = hash(&[value, ":", &nullifier]);
    Committed {
        nullifier: nullifier.into(),
        commitment,
    }
}

/// Answers a challenge.
pub(super) fn prove(committed: &Committed, challenge: &str) -> SecretString {
    let nullifier = committed.nullifier.expose_secret();
    hash(&[nullifier, challenge, &committed.commitment]).into()
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
pub(super) const CHALLENGE: &str = "0123456789abcdef0123456789abcdef";
/// Name, value, and the nullifier, commitment and proof of them, with [`CHALLENGE`].
#[cfg(test)]
pub(super) const VECTORS: [(&str, &str, &str, &str, &str); 4] = [
    (
        "api_key",
        "secret_value",
        "24d40bbc28c4facd442a31ac8862109a6e748d5b64d5e3ca2ed19cc6d4a5317e",
        "6772012b12bd75e769181b5521024120d343e031159d1d91e52ce8d14d9d4d94",
        "3b642a6db08601d51e43ece785259c95081b2eca316e516241dbb8b58690ebe6",
    ),
    (
        "openai_key",
        "sk-abcdef123456",
        "eee6cc3fe490dc112a00dbb248afd8a82df90873ff1587494aa77221088ebbcc",
        "6f2a8cefb4af67a159402859eb946356ca63c9be04e0c65085383c0a2326841d",
        "ba589cf5bb0136b218b0295c2ed78e6b41318a45037de7eeeb3b2a6bec2a48f9",
    ),
    (
        "k",
        "",
        "de26157cf0d7354523ab81fd0b6a0af38528a97764fd5ed1a3016afe6f5d558c",
        "e1e4ccce330f2593c0366962dd790728af40a37e7cc74a65e80b6bcc91ba4b40",
        "0a620e86ead393e1abd8a78bcb0a22d9f5e797a3d9306007d5863b8121ea7b25",
    ),
    (
        "cl\u{e9}:1",
        "p\u{e5}ss:w\u{f6}rd\u{2192}\u{2713}",
        "edb4b1d28b8fa727c54687ff3733c8b02fc5b57a3ee03816c67dab284f39904c",
        "cd75c53a5660f6823c5c62e48c9871deda9b45cd1ce0aa18f24ca927404f4639",
        "f051fdfc46cc37594df70da509c2a169af4c01fc39b0fbc45bd01827e0f1f262",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commitments_and_proofs_are_those_of_the_vectors() {
        for (name, value, nullifier, commitment, proof) in VECTORS {
            let committed = commit(name, &value.into());
            assert_eq!(committed.nullifier.expose_secret(), nullifier, "{name}");
            assert_eq!(committed.commitment, commitment, "{name}");
            assert_eq!(
                prove(&committed, CHALLENGE).expose_secret(),
                proof,
                "{name}"
            );
        }
    }

    /// D-24: the peer's second implementation joins the proof with colons.
    #[test]
    fn the_parts_of_a_proof_are_joined_without_colons() {
        let committed = commit("api_key", &"secret_value".into());
        let (nullifier, commitment) = (committed.nullifier.expose_secret(), &committed.commitment);
        let wrong = hash(&[nullifier, ":", CHALLENGE, ":", commitment]);
        assert_eq!(
            wrong,
            "d2d7341b0684cef01075fbffebb7e417a7ae03386152987c48c9e3a2293eac6d"
        );
        assert_ne!(prove(&committed, CHALLENGE).expose_secret(), wrong);
        let recorded = prove(&committed, "97b38a5a5fa255374d3f0afbb2bc3410");
        assert_eq!(
            recorded.expose_secret(),
            "af5615fff6df9428fc67c8d9cee57896052f48f99e86082a1f4d6ef713a8b8c7"
        );
    }
}
