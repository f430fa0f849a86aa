//! Choosing among several.

use serde::Serialize;

use super::component::is_false;

/// One of several to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What stands there.
    pub label: String,
    /// What is sent if it is chosen.
    pub value: String,
    /// The group that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What stands below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it looks, numbered as the styles of buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<u8>,
    /// Whether it cannot be chosen.
    #[serde(rename = "disabled", skip_serializing_if = "is_false")]
    pub is_disabled: bool,
}

impl Choice {
    /// Makes a choice.
    #[must_use]
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            ..Self::default()
        }
    }

    /// Says what stands below it.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// A list of which one is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Select {
    /// What its events name it by.
    #[serde(skip)]
    pub id: String,
    /// What there is to choose.
    pub options: Vec<Choice>,
    /// What is chosen at first.
    #[serde(rename = "valueSelected", skip_serializing_if = "Option::is_none")]
    pub selected: Option<Choice>,
}

impl Select {
    /// Makes an empty list.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// Adds something to choose.
    #[must_use]
    pub fn choice(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push(Choice::new(label, value));
        self
    }

    /// Chooses at first what has this value; nothing if there is none.
    #[must_use]
    pub fn chosen(mut self, value: &str) -> Self {
        let found = self.options.iter().find(|choice| choice.value == value);
        self.selected = found.cloned();
        self
    }
}

/// Several of which one is chosen, or some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Radio {
    /// What its events name it by.
    pub id: String,
    /// What there is to choose.
    pub choices: Vec<Choice>,
    /// How many may be chosen; the platform's default if not given.
    pub max_options: Option<u32>,
}

impl Radio {
    /// Makes one with nothing to choose yet.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// Adds something to choose.
    #[must_use]
    pub fn choice(mut self, choice: Choice) -> Self {
        self.choices.push(choice);
        self
    }

    /// Allows this many to be chosen.
    #[must_use]
    pub fn at_most(mut self, choices: u32) -> Self {
        self.max_options = Some(choices);
        self
    }
}
