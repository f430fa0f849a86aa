//! Which names a project may have.

/// A name for a package, its library and its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BotName(String);

impl BotName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_word) {
            let message = "it must begin with a letter from a to z, and have only such letters, digits, `-` and `_` in it";
            return Err(message.to_owned());
        }
        if name.len() > LONGEST {
            return Err(format!("it may have {LONGEST} characters at most"));
        }
        let library = name.replace('-', "_");
        if KEYWORDS.contains(&library.as_str()) {
            return Err("it is a word of Rust".to_owned());
        }
        if TAKEN.contains(&library.as_str()) {
            return Err("it is the name of something that the bot needs".to_owned());
        }
        Ok(Self(name.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as Rust has it.
    pub(super) fn library(&self) -> String {
        self.0.replace('-', "_")
    }
}

/// As the public registry has it.
const LONGEST: usize = 64;

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates of the language, those that the project depends on, and folders in which cargo builds.
const TAKEN: &[&str] = &[
    "actix",
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "greenroom",
    "incremental",
    "proc_macro",
    "serde",
    "std",
    "test",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_packages() {
        for name in ["a", "stage-door", "bot_2", &"x".repeat(64)] {
            let parsed = BotName::parse(name);
            assert_eq!(parsed.map(|parsed| parsed.0).as_deref(), Ok(name));
        }
        for (name, why) in [
            ("", "begin with a letter"),
            ("2bots", "begin with a letter"),
            ("-bot", "begin with a letter"),
            ("_bot", "begin with a letter"),
            ("Bot", "begin with a letter"),
            ("my bot", "only such letters"),
            ("../bot", "begin with a letter"),
            ("b/ot", "only such letters"),
            ("bot\n", "only such letters"),
            ("h\u{e4}h", "only such letters"),
            (&"x".repeat(65), "64 characters"),
            ("async", "word of Rust"),
            ("actix", "needs"),
            ("greenroom", "needs"),
            ("test", "needs"),
        ] {
            let refused = BotName::parse(name).unwrap_err();
            assert!(refused.contains(why), "{name}: {refused}");
        }
        assert_eq!(
            BotName::parse("stage-door").unwrap().library(),
            "stage_door"
        );
    }
}
