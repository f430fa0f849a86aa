//! Writing a text part by part: what is marked, mentioned or linked in it is placed as the platform counts.

use greenroom_actors::event::Id;
use greenroom_proto::mezon::api;
use serde_json::{Value, json};

use super::content::Content;
use super::outgoing::NewMessage;

/// A text with marks, mentions and links, whose places it keeps (in UTF-16 units, the end exclusive).
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{NewMessage, Text};
///
/// let text = Text::new().plain("Hello ").user(42, "@alice").plain(", read ").bold("this").plain(": ").link("https://docs.invalid");
/// let message = NewMessage::from(text);
/// assert_eq!(message.content.text(), "Hello @alice, read this: https://docs.invalid");
/// assert_eq!((message.mentions[0].s, message.mentions[0].e), (6, 12));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    text: String,
    units: usize,
    content: Content,
    mentions: Vec<api::MessageMention>,
}

/// How a part of a text is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// Bold.
    Bold,
    /// Code within a line.
    Code,
    /// A link to a video.
    Video,
    /// Code in lines of its own.
    Pre,
    /// Between single marks, as code is written in Markdown.
    Single,
    /// Between triple marks, as code is written in Markdown.
    Triple,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Bold => "b",
            Self::Code => "c",
            Self::Video => "lk_yt",
            Self::Pre => "pre",
            Self::Single => "s",
            Self::Triple => "t",
        }
    }
}

impl Text {
    /// Begins an empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text as it is.
    #[must_use]
    pub fn plain(mut self, text: impl AsRef<str>) -> Self {
        self.add(text.as_ref());
        self
    }

    /// Adds text that is marked.
    #[must_use]
    pub fn marked(self, mark: Mark, text: impl AsRef<str>) -> Self {
        self.placed("mk", text.as_ref(), json!({"type": mark.name()}))
    }

    /// Adds bold text.
    #[must_use]
    pub fn bold(self, text: impl AsRef<str>) -> Self {
        self.marked(Mark::Bold, text)
    }

    /// Adds code within a line.
    #[must_use]
    pub fn code(self, text: impl AsRef<str>) -> Self {
        self.marked(Mark::Code, text)
    }

    /// Adds code in lines of its own.
    #[must_use]
    pub fn pre(self, text: impl AsRef<str>) -> Self {
        self.marked(Mark::Pre, text)
    }

    /// Adds a link.
    #[must_use]
    pub fn link(self, url: impl AsRef<str>) -> Self {
        self.placed("lk", url.as_ref(), json!({}))
    }

    /// Adds a link to a voice room.
    #[must_use]
    pub fn voice_link(self, url: impl AsRef<str>) -> Self {
        self.placed("vk", url.as_ref(), json!({}))
    }

    /// Adds an emoji of the platform, such as 4 and `:ok:`.
    #[must_use]
    pub fn emoji(self, id: impl Into<Id>, name: impl AsRef<str>) -> Self {
        self.placed(
            "ej",
            name.as_ref(),
            json!({"emojiid": id.into().to_string()}),
        )
    }

    /// Adds a link to a channel, such as `#general`.
    #[must_use]
    pub fn hashtag(self, channel: impl Into<Id>, name: impl AsRef<str>) -> Self {
        let channel = channel.into().to_string();
        self.placed("hg", name.as_ref(), json!({"channelid": channel}))
    }

    /// Mentions a user, such as `@alice`.
    #[must_use]
    pub fn user(mut self, user: i64, name: impl AsRef<str>) -> Self {
        let (s, e) = self.add(name.as_ref());
        self.mentions.push(api::MessageMention {
            user_id: user,
            username: name.as_ref().trim_start_matches('@').to_owned(),
            s: place(s),
            e: place(e),
            ..Default::default()
        });
        self
    }

    /// Mentions a role, such as `@crew`.
    #[must_use]
    pub fn role(mut self, role: i64, name: impl AsRef<str>) -> Self {
        let (s, e) = self.add(name.as_ref());
        self.mentions.push(api::MessageMention {
            role_id: role,
            rolename: name.as_ref().trim_start_matches('@').to_owned(),
            s: place(s),
            e: place(e),
            ..Default::default()
        });
        self
    }

    /// Ends the text: its content, for rows and embeds, and its mentions.
    #[must_use]
    pub fn finish(self) -> (Content, Vec<api::MessageMention>) {
        (self.content.with("t", self.text.into()), self.mentions)
    }

    /// Adds text and returns where it begins and ends.
    fn add(&mut self, text: &str) -> (usize, usize) {
        let start = self.units;
        self.text.push_str(text);
        self.units += text.encode_utf16().count();
        (start, self.units)
    }

    fn placed(mut self, list: &str, text: &str, mut item: Value) -> Self {
        let (start, end) = self.add(text);
        (item["s"], item["e"]) = (start.into(), end.into());
        self.content = self.content.pushed(list, item);
        self
    }
}

impl From<Text> for NewMessage {
    fn from(text: Text) -> Self {
        let (content, mentions) = text.finish();
        Self {
            content,
            mentions,
            ..Self::default()
        }
    }
}

/// Whoever writes this much is refused for the length.
fn place(units: usize) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_the_platform_does() {
        let text = Text::new()
            .plain("\u{1F44B} ")
            .bold("b")
            .emoji(4, ":ok:")
            .hashtag(7, "#general")
            .link("https://l.invalid")
            .marked(Mark::Triple, "x")
            .role(6, "@crew");
        let (content, mentions) = text.finish();
        let expected = json!({
            "t": "\u{1F44B} b:ok:#generalhttps://l.invalidx@crew",
            "mk": [{"type": "b", "s": 3, "e": 4}, {"type": "t", "s": 33, "e": 34}],
            "ej": [{"emojiid": "4", "s": 4, "e": 8}],
            "hg": [{"channelid": "7", "s": 8, "e": 16}],
            "lk": [{"s": 16, "e": 33}],
        });
        assert_eq!(content.into_value(), expected);
        assert_eq!(
            (mentions[0].role_id, mentions[0].s, mentions[0].e),
            (6, 34, 39)
        );
        assert_eq!(mentions[0].rolename, "crew");
    }
}
