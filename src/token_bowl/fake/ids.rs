//! The ids of the server: UUIDs, drawn from the seed.

use std::fmt;

use greenroom_actors::entropy::Entropy;

/// The id of a user, a message or a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u128);

impl Id {
    /// Draws one of the random kind.
    pub(super) fn draw(entropy: &Entropy) -> Self {
        let random = u128::from(entropy.next_u64()) << 64 | u128::from(entropy.next_u64());
        let version = random & !(0xf << 76) | 4 << 76;
        Self(version & !(0b11 << 62) | 0b10 << 62)
    }

    /// Reads one as leniently as the server: with or without hyphens, in braces, as a URN.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches("urn:").trim_start_matches("uuid:");
        let digits = text.trim_matches(['{', '}']).replace('-', "");
        let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(&digits, 16)
            .ok()
            .filter(|_| is_hex)
            .map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let (a, rest) = hex.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

/// Draws a key: 64 hexadecimal digits.
pub(super) fn draw_key(entropy: &Entropy) -> String {
    (0..4)
        .map(|_| format!("{:016x}", entropy.next_u64()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_uuids_and_read_in_every_form() {
        let entropy = Entropy::seeded(1);
        for _ in 0..100 {
            let id = Id::draw(&entropy);
            let text = id.to_string();
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
            for form in [
                text.clone(),
                text.replace('-', ""),
                text.to_uppercase(),
                format!("{{{text}}}"),
                format!("urn:uuid:{text}"),
            ] {
                assert_eq!(Id::parse(&form), Some(id), "{form}");
            }
        }
        for text in ["", "bob", "1234", &"é".repeat(16), &"+".repeat(32)] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
        assert_eq!(draw_key(&entropy).len(), 64);
    }
}
