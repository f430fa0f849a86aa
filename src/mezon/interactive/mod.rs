//! What people can press, choose and fill in: [components](Component) in rows, and [embeds](Embed).

mod choice;
mod component;
mod embed;

pub use choice::{Choice, Radio, Select};
pub use component::{Animation, Button, ButtonStyle, Component, DatePicker, Grid, Input};
pub use embed::{Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedImage};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::content::Content;

impl Content {
    /// Adds a row of buttons or other components below the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::mezon::{Button, Content};
    ///
    /// let content = Content::from("Really?").row([Button::danger("yes", "Yes"), Button::secondary("no", "No")]);
    /// assert_eq!(content.fields()["components"][0]["components"][1]["id"], "no");
    /// ```
    #[must_use]
    pub fn row<C: Into<Component>>(self, components: impl IntoIterator<Item = C>) -> Self {
        let row: Vec<_> = components
            .into_iter()
            .map(|one| one.into().json())
            .collect();
        self.pushed("components", json!({ "components": row }))
    }

    /// Adds an embed below the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use greenroom::mezon::{Content, Embed};
    ///
    /// let content = Content::from("Today").embed(Embed::new().title("Weather").field("Wind", "none", true));
    /// assert_eq!(content.fields()["embed"][0]["fields"][0]["inline"], true);
    /// ```
    #[must_use]
    pub fn embed(self, embed: Embed) -> Self {
        self.pushed("embed", embed.into())
    }
}

/// Writes an object without the fields that are absent.
fn object(value: &impl Serialize) -> Map<String, Value> {
    // Texts, numbers and lists of them: they can always be written.
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
