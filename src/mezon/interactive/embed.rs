//! A framed part of a message, with fields, pictures and what can be filled in.

use serde::Serialize;
use serde_json::{Value, json};

use super::component::Component;
use super::object;

/// A framed part of a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Embed {
    /// The colour of its edge, such as `#2ecc71`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the title leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<EmbedAuthor>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the small picture beside it is.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_url")]
    pub thumbnail: Option<String>,
    /// Its fields.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_fields")]
    pub fields: Vec<EmbedField>,
    /// The picture in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<EmbedImage>,
    /// When it was made, as ISO 8601, such as `2026-01-31T12:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// What stands at its foot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<EmbedFooter>,
}

/// Whose an embed is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EmbedAuthor {
    /// The name.
    pub name: String,
    /// Where their picture is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// Where the name leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A field of an embed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EmbedField {
    /// Something to fill in or to choose.
    Input {
        /// What stands above it.
        name: String,
        /// What stands below that.
        value: String,
        /// What there is to fill in.
        input: Box<Component>,
    },
    /// Something to read.
    Text {
        /// What stands above it.
        name: String,
        /// The text.
        value: String,
        /// Whether others may stand beside it.
        is_inline: bool,
    },
}

/// The picture in an embed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmbedImage {
    /// Where it is.
    pub url: String,
    /// Its width, such as `400px`, or `auto`.
    pub width: String,
    /// Its height, such as `300px`, or `auto`.
    pub height: String,
}

/// The foot of an embed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EmbedFooter {
    /// The text.
    pub text: String,
    /// Where its picture is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

impl Embed {
    /// Makes an empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the colour of its edge, such as `#2ecc71`.
    #[must_use]
    pub fn color(mut self, color: impl Into<String>) -> Self {
        self.color = Some(color.into());
        self
    }

    /// Sets its title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets where the title leads.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Says whose it is.
    #[must_use]
    pub fn author(mut self, author: EmbedAuthor) -> Self {
        self.author = Some(author);
        self
    }

    /// Sets its text.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets where the small picture beside it is.
    #[must_use]
    pub fn thumbnail(mut self, url: impl Into<String>) -> Self {
        self.thumbnail = Some(url.into());
        self
    }

    /// Adds a field to read.
    #[must_use]
    pub fn field(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        is_inline: bool,
    ) -> Self {
        self.fields.push(EmbedField::Text {
            name: name.into(),
            value: value.into(),
            is_inline,
        });
        self
    }

    /// Adds a field to fill in.
    #[must_use]
    pub fn input(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
        input: impl Into<Component>,
    ) -> Self {
        self.fields.push(EmbedField::Input {
            name: name.into(),
            value: value.into(),
            input: Box::new(input.into()),
        });
        self
    }

    /// Sets the picture in it, as large as it is.
    #[must_use]
    pub fn image(mut self, url: impl Into<String>) -> Self {
        self.image = Some(EmbedImage {
            url: url.into(),
            width: "auto".to_owned(),
            height: "auto".to_owned(),
        });
        self
    }

    /// Sets when it was made, as ISO 8601.
    #[must_use]
    pub fn timestamp(mut self, at: impl Into<String>) -> Self {
        self.timestamp = Some(at.into());
        self
    }

    /// Sets what stands at its foot.
    #[must_use]
    pub fn footer(mut self, text: impl Into<String>) -> Self {
        self.footer = Some(EmbedFooter {
            text: text.into(),
            icon_url: None,
        });
        self
    }

    /// Returns the embed as the platform has it.
    #[must_use]
    pub fn json(&self) -> Value {
        object(self).into()
    }
}

impl From<Embed> for Value {
    fn from(embed: Embed) -> Self {
        embed.json()
    }
}

impl EmbedField {
    fn json(&self) -> Value {
        match self {
            Self::Input { name, value, input } => {
                json!({"name": name, "value": value, "inputs": input.json()})
            }
            Self::Text {
                name,
                value,
                is_inline,
            } => json!({"name": name, "value": value, "inline": is_inline}),
        }
    }
}

fn as_url<S: serde::Serializer>(url: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    json!({ "url": url }).serialize(to)
}

fn as_fields<S: serde::Serializer>(fields: &[EmbedField], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(fields.iter().map(EmbedField::json))
}

#[cfg(test)]
mod tests {
    use super::super::{Input, Radio};
    use super::*;

    #[test]
    fn an_embed_has_all_that_the_platform_knows() {
        let embed = Embed::new()
            .color("#2ecc71")
            .title("T")
            .url("https://t.invalid")
            .author(EmbedAuthor {
                name: "A".to_owned(),
                ..EmbedAuthor::default()
            })
            .description("D")
            .thumbnail("https://cdn.invalid/t.png")
            .field("n", "v", true)
            .input("name", "who are you?", Input::new("who", "name"))
            .input("size", "", Radio::new("size").at_most(1))
            .image("https://cdn.invalid/i.png")
            .timestamp("2026-01-31T12:00:00Z")
            .footer("F");
        let expected = json!({
            "color": "#2ecc71", "title": "T", "url": "https://t.invalid", "author": {"name": "A"}, "description": "D",
            "thumbnail": {"url": "https://cdn.invalid/t.png"},
            "fields": [
                {"name": "n", "value": "v", "inline": true},
                {"name": "name", "value": "who are you?", "inputs": {"id": "who", "type": 3,
                    "component": {"id": "who-component", "placeholder": "name", "type": "text"}}},
                {"name": "size", "value": "", "inputs": {"id": "size", "type": 5, "component": [], "max_options": 1}},
            ],
            "image": {"url": "https://cdn.invalid/i.png", "width": "auto", "height": "auto"},
            "timestamp": "2026-01-31T12:00:00Z", "footer": {"text": "F"},
        });
        assert_eq!(embed.json(), expected);
        assert_eq!(Embed::new().json(), json!({}));
    }
}
