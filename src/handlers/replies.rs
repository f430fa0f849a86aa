//! Commands that always say the same.

use std::time::Duration;

use crate::prelude::*;

/// A command with a fixed answer, for bots without code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedReply {
    /// The name, without the prefix.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// What the help says of it.
    pub about: String,
    /// The answer; `{name}` becomes the name of the person, `{args}` what follows the command.
    pub reply: String,
    /// How long one person waits before the next call; none if it is zero.
    pub cooldown: Duration,
}

impl FixedReply {
    /// Adds the command to others.
    #[must_use]
    pub fn add_to(self, commands: Commands) -> Commands {
        #[derive(serde::Deserialize)]
        struct Anything {
            args: Option<Rest>,
        }

        let reply = self.reply;
        let command = Command::new(&self.name, async move |call: Call, anything: Anything| {
            let args = anything.args.map(|rest| rest.0).unwrap_or_default();
            let text = filled(&reply, &call.author.display, &args);
            call.reply(text).await?;
            Ok(())
        });
        let command = self
            .aliases
            .iter()
            .fold(command, |command, alias| command.alias(alias));
        let command = command.about(self.about);
        commands.command(match self.cooldown.is_zero() {
            true => command,
            false => command.cooldown(self.cooldown),
        })
    }
}

/// Puts the name of a person, and what the person said, into a text.
pub(super) fn filled(text: &str, name: &str, args: &str) -> String {
    let shortened = |value: &str| value.chars().take(LONGEST).collect::<String>();
    let (name, args) = (shortened(name), shortened(args));
    fill(text, &[("{name}", &name), ("{args}", &args)])
}

/// Puts values into a text, each in place of its slot; what a value contains is left as it is.
pub(super) fn fill(text: &str, slots: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at(at);
        filled.push_str(before);
        let slot = slots
            .iter()
            .find_map(|(slot, value)| Some((value, behind.strip_prefix(slot)?)));
        rest = match slot {
            Some((value, behind)) => {
                filled.push_str(value);
                behind
            }
            None => {
                filled.push('{');
                &behind[1..]
            }
        };
    }
    filled.push_str(rest);
    filled
}

/// Characters of one value.
const LONGEST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once_and_as_they_are() {
        let cases = [
            ("Be kind, {name}!", "Be kind, Alice!"),
            ("{name}: {args}.", "Alice: {name} {args}."),
            ("{ {nam} {name {}", "{ {nam} {name {}"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text, "Alice", "{name} {args}"), expected);
        }
        assert_eq!(
            filled("{args}", "", &"\u{e9}".repeat(2_000))
                .chars()
                .count(),
            1_000
        );
    }
}
