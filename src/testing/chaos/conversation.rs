//! What users say while things go wrong.

use crate::testing::platform::TestPlatform;
use crate::testing::stage::Stage;

/// Something that users say, each time with another number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    before: String,
    is_marked: bool,
}

impl Line {
    /// A number only.
    #[must_use]
    pub fn plain() -> Self {
        Self::command("")
    }

    /// A number after these words, such as a command.
    #[must_use]
    pub fn command(words: &str) -> Self {
        Self {
            before: words.trim().to_owned(),
            is_marked: true,
        }
    }

    /// These words only, without a number.
    #[must_use]
    pub fn only(words: &str) -> Self {
        Self {
            is_marked: false,
            ..Self::command(words)
        }
    }

    fn text(&self, number: u64) -> String {
        match self.before.as_str() {
            before if !self.is_marked => before.to_owned(),
            "" => token(number),
            before => format!("{before} {}", token(number)),
        }
    }
}

/// Returns what marks the message of this number, in what users say and in what the bot says of it.
fn token(number: u64) -> String {
    format!("#{number:06}")
}

/// Finds the mark of a message in a text.
pub(super) fn token_in(text: &str) -> Option<&str> {
    let from = text.find('#')?;
    let token = text.get(from..from + 7)?;
    token[1..]
        .chars()
        .all(|c| c.is_ascii_digit())
        .then_some(token)
}

/// Users who speak by turns, on all platforms.
#[derive(Debug)]
pub(super) struct Conversation {
    platforms: Vec<(&'static str, TestPlatform)>,
    lines: Vec<Line>,
    turn: usize,
    said: u64,
}

impl Conversation {
    pub(super) fn new(stage: &Stage, names: &[String], lines: &[Line]) -> Self {
        let mut platforms = stage.platforms();
        // Nobody speaks where no bot can be.
        platforms.retain(|(_, platform)| !platform.talks().is_empty());
        if !names.is_empty() {
            for name in names {
                // Panics for names that there are not.
                let _ = stage.platform(name);
            }
            platforms.retain(|(name, _)| names.iter().any(|wanted| wanted == name));
        }
        Self {
            platforms,
            lines: lines.to_vec(),
            turn: 0,
            said: 0,
        }
    }

    pub(super) fn platforms(&self) -> Vec<TestPlatform> {
        let platforms = self.platforms.iter();
        platforms.map(|(_, platform)| platform.clone()).collect()
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.platforms.iter().map(|(name, _)| *name).collect()
    }

    /// Lets somebody speak on each platform.
    pub(super) fn next(&mut self) {
        let line = &self.lines[self.turn % self.lines.len()];
        let place = self.turn / self.lines.len();
        self.turn += 1;
        for (_, platform) in &self.platforms {
            let talks = platform.talks();
            let (from, channel) = talks[place % talks.len()];
            platform.say(from, channel, &line.text(self.said));
            self.said += 1;
        }
    }

    /// Returns how many messages were said.
    pub(super) fn said(&self) -> u64 {
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_what_is_said_of_them() {
        assert_eq!(Line::plain().text(7), "#000007");
        assert_eq!(Line::command("!echo").text(12), "!echo #000012");
        assert_eq!(token_in("re #000012!"), Some("#000012"));
        for text in ["Pong!", "#12", "# 000012", "#00001x", "ä#"] {
            assert_eq!(token_in(text), None, "{text}");
        }
    }
}
