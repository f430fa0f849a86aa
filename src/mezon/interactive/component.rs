//! Buttons and the other parts of a row.

use serde::Serialize;
use serde_json::{Value, json};

use super::choice::{Radio, Select};
use super::object;
use crate::chat;

/// Something that people can press, choose or fill in. What they do comes as an event with its id.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Component {
    /// A picture that moves.
    Animation(Animation),
    /// A button; pressing it is the event `message_button_clicked`.
    Button(Button),
    /// A date.
    DatePicker(DatePicker),
    /// A grid, as an object of the platform's own.
    Grid(Grid),
    /// A text.
    Input(Input),
    /// One or some of several.
    Radio(Radio),
    /// One of a list; choosing is the event `dropdown_box_selected`.
    Select(Select),
}

impl Component {
    /// Returns the component's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Animation(one) => &one.id,
            Self::Button(one) => &one.id,
            Self::DatePicker(one) => &one.id,
            Self::Grid(one) => &one.id,
            Self::Input(one) => &one.id,
            Self::Radio(one) => &one.id,
            Self::Select(one) => &one.id,
        }
    }

    /// Returns the component as the platform has it.
    #[must_use]
    pub fn json(&self) -> Value {
        let (kind, inner) = match self {
            Self::Button(one) => (1, object(one).into()),
            Self::Select(one) => (2, object(one).into()),
            Self::Input(one) => (3, with_id(&one.id, object(one).into())),
            Self::DatePicker(one) => (4, with_id(&one.id, object(one).into())),
            Self::Radio(one) => (5, json!(one.choices)),
            Self::Animation(one) => (6, object(one).into()),
            Self::Grid(one) => (7, one.grid.clone()),
        };
        let mut json = json!({"id": self.id(), "type": kind, "component": inner});
        if let Self::Radio(Radio {
            max_options: Some(most),
            ..
        }) = self
        {
            json["max_options"] = (*most).into();
        }
        json
    }
}

/// What is filled in has an id of its own inside.
fn with_id(id: &str, mut inner: Value) -> Value {
    inner["id"] = format!("{id}-component").into();
    inner
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    /// What its events name it by.
    #[serde(skip)]
    pub id: String,
    /// What stands on it.
    pub label: String,
    /// How it looks.
    pub style: ButtonStyle,
    /// Where it leads, if it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it cannot be pressed.
    #[serde(rename = "disable", skip_serializing_if = "is_false")]
    pub is_disabled: bool,
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonStyle {
    /// What most will press.
    Primary = 1,
    /// What is beside it.
    Secondary = 2,
    /// What is good.
    Success = 3,
    /// What cannot be taken back.
    Danger = 4,
    /// What leads elsewhere.
    Link = 5,
}

impl Serialize for ButtonStyle {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(*self as u8)
    }
}

impl Button {
    /// Makes a button.
    #[must_use]
    pub fn new(id: impl Into<String>, label: impl Into<String>, style: ButtonStyle) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
            style,
            url: None,
            is_disabled: false,
        }
    }

    /// Makes the button that most will press.
    #[must_use]
    pub fn primary(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(id, label, ButtonStyle::Primary)
    }

    /// Makes a button that is beside another.
    #[must_use]
    pub fn secondary(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(id, label, ButtonStyle::Secondary)
    }

    /// Makes a button for something good.
    #[must_use]
    pub fn success(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(id, label, ButtonStyle::Success)
    }

    /// Makes a button for what cannot be taken back.
    #[must_use]
    pub fn danger(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(id, label, ButtonStyle::Danger)
    }

    /// Makes a button that leads elsewhere.
    #[must_use]
    pub fn link(id: impl Into<String>, label: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            ..Self::new(id, label, ButtonStyle::Link)
        }
    }

    /// Makes it one that cannot be pressed.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.is_disabled = true;
        self
    }
}

impl From<chat::Button> for Button {
    fn from(button: chat::Button) -> Self {
        let style = match button.style {
            chat::ButtonStyle::Danger => ButtonStyle::Danger,
            chat::ButtonStyle::Primary => ButtonStyle::Primary,
            chat::ButtonStyle::Secondary => ButtonStyle::Secondary,
            chat::ButtonStyle::Success => ButtonStyle::Success,
        };
        Self::new(button.id, button.label, style)
    }
}

/// A text to fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// What its events name it by.
    #[serde(skip)]
    pub id: String,
    /// What stands there before anything is filled in.
    pub placeholder: String,
    /// What is filled in at first.
    #[serde(rename = "defaultValue", skip_serializing_if = "String::is_empty")]
    pub default_value: String,
    /// The kind of text, such as `text`, `number` or `password`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it has several lines.
    #[serde(rename = "textarea", skip_serializing_if = "is_false")]
    pub is_long: bool,
}

impl Input {
    /// Makes a text of one line.
    #[must_use]
    pub fn new(id: impl Into<String>, placeholder: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            placeholder: placeholder.into(),
            default_value: String::new(),
            kind: "text".to_owned(),
            is_long: false,
        }
    }
}

/// A date to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatePicker {
    /// What its events name it by.
    #[serde(skip)]
    pub id: String,
    /// The date at first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

impl DatePicker {
    /// Makes one with no date at first.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            value: String::new(),
        }
    }
}

/// A picture whose parts are shown one after another, such as the reels of a slot machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Animation {
    /// What its events name it by.
    #[serde(skip)]
    pub id: String,
    /// Where the picture is.
    pub url_image: String,
    /// Where the places of its parts are.
    pub url_position: String,
    /// The parts to show: a list of names for each place.
    pub pool: Vec<Vec<String>>,
    /// How often they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// How long one round takes, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
}

/// A grid: what is in it is the platform's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What its events name it by.
    pub id: String,
    /// The grid as the platform has it.
    pub grid: Value,
}

macro_rules! components {
    ($($name:ident),*) => {
        $(impl From<$name> for Component {
            fn from(one: $name) -> Self {
                Self::$name(one)
            }
        })*
    };
}

components!(Animation, Button, DatePicker, Grid, Input, Radio, Select);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::super::Choice;
    use super::*;

    #[test]
    fn components_are_written_as_the_platform_has_them() {
        let select = Select::new("s").choice("Red", "r").chosen("r");
        let radio = Radio::new("r").choice(Choice::new("One", "1").described("the first"));
        let cases: [(Component, Value); 9] = [
            (
                Button::primary("b", "Go").into(),
                json!({"id": "b", "type": 1, "component": {"label": "Go", "style": 1}}),
            ),
            (
                Button::link("l", "Docs", "https://docs.invalid")
                    .disabled()
                    .into(),
                json!({"id": "l", "type": 1, "component": {"label": "Docs", "style": 5, "url": "https://docs.invalid", "disable": true}}),
            ),
            (
                select.into(),
                json!({"id": "s", "type": 2, "component": {"options": [{"label": "Red", "value": "r"}], "valueSelected": {"label": "Red", "value": "r"}}}),
            ),
            (
                Input::new("i", "Your name").into(),
                json!({"id": "i", "type": 3, "component": {"id": "i-component", "placeholder": "Your name", "type": "text"}}),
            ),
            (
                DatePicker::new("d").into(),
                json!({"id": "d", "type": 4, "component": {"id": "d-component"}}),
            ),
            (
                radio.clone().into(),
                json!({"id": "r", "type": 5, "component": [{"label": "One", "value": "1", "description": "the first"}]}),
            ),
            (
                radio.at_most(2).into(),
                json!({"id": "r", "type": 5, "max_options": 2, "component": [{"label": "One", "value": "1", "description": "the first"}]}),
            ),
            (
                Animation {
                    id: "a".to_owned(),
                    url_image: "i.png".to_owned(),
                    url_position: "p.json".to_owned(),
                    pool: vec![vec!["1".to_owned(), "2".to_owned()]],
                    repeat: Some(3),
                    duration: None,
                }
                .into(),
                json!({"id": "a", "type": 6, "component": {"url_image": "i.png", "url_position": "p.json", "pool": [["1", "2"]], "repeat": 3}}),
            ),
            (
                Grid {
                    id: "g".to_owned(),
                    grid: json!({"rows": 3}),
                }
                .into(),
                json!({"id": "g", "type": 7, "component": {"rows": 3}}),
            ),
        ];
        for (component, expected) in cases {
            assert_eq!(component.json(), expected);
        }
    }
}
