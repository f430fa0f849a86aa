//! `[[handlers.commands]]`: commands with fixed answers.

use std::time::Duration;

use serde::Serialize;

use crate::config::reader::Section;
use crate::config::schema::{HOUR, millis};

/// One command with a fixed answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Command {
    /// The name, without the prefix; required, one word.
    pub name: String,
    /// Other names; none by default.
    pub aliases: Vec<String>,
    /// What the help says of it; empty by default.
    pub about: String,
    /// The answer, with `{name}` for the person's name and `{args}` for what follows the command; required.
    pub reply: String,
    /// How long one person waits before the next call, in milliseconds; 0, which is the default, for not at all.
    #[serde(rename = "cooldown_ms", serialize_with = "millis")]
    pub cooldown: Duration,
}

impl Command {
    pub(super) fn read_all(sections: Vec<Section<'_>>) -> Vec<Self> {
        let mut names: Vec<String> = Vec::new();
        let read = |section| {
            let command = Self::read(section, &names);
            names.push(command.name.clone());
            names.extend(command.aliases.iter().cloned());
            command
        };
        sections.into_iter().map(read).collect()
    }

    fn read(mut section: Section<'_>, others: &[String]) -> Self {
        let command = Self {
            name: section.filled("name", ""),
            aliases: section.texts("aliases"),
            about: section.text("about", ""),
            reply: section.filled("reply", ""),
            cooldown: section.millis("cooldown_ms", Duration::ZERO, 0..=24 * HOUR),
        };
        let aliases = command.aliases.iter().map(|alias| ("aliases", alias));
        for (key, name) in aliases.chain([("name", &command.name)]) {
            if name.contains(char::is_whitespace) || (key == "aliases" && name.is_empty()) {
                section.fault(key, "must be one word");
            } else if !name.is_empty() && others.contains(name) {
                section.fault(
                    key,
                    format!("another command has the name `{name}` already"),
                );
            }
        }
        for (place, alias) in command.aliases.iter().enumerate() {
            if *alias == command.name || command.aliases[..place].contains(alias) {
                section.fault(
                    "aliases",
                    format!("`{alias}` is a name of this command already"),
                );
            }
        }
        section.finish();
        command
    }
}
