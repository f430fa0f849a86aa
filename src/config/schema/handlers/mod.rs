//! `[[handlers]]`: the handlers that a bot is composed of.

mod command;
mod kind;
mod kinds;
mod limits;
mod own;
mod room;
mod trigger;
mod when;

use serde::Serialize;

pub use command::Command;
pub use kind::HandlerKind;
pub use kinds::Kinds;
pub use limits::Limits;
pub use own::Own;
pub use trigger::Trigger;
pub use when::{Day, When};

use super::{Delivery, Guard};
use crate::config::reader::Section;

/// One handler.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Handler {
    /// What it does, with the options of that kind.
    #[serde(flatten)]
    pub kind: HandlerKind,
    /// The name in logs, metrics and the supervision tree; by default that of the kind, with a number from the second one on.
    pub name: String,
    /// The events it handles; none is named if its kind says so in its code.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Trigger>,
    /// What it is spared.
    #[serde(flatten)]
    pub guard: Guard,
    /// How events are handed to it; what is left out is taken from the section `[delivery]`.
    pub delivery: Delivery,
}

impl Handler {
    /// What every kind has, so that no options of one may have these names.
    fn keys() -> Vec<&'static str> {
        let own = ["kind", "name", "on", "delivery"].into_iter();
        own.chain(Guard::KEYS).collect()
    }

    pub(super) fn read_all(
        sections: Vec<Section<'_>>,
        delivery: &Delivery,
        kinds: &Kinds,
    ) -> Vec<Self> {
        let mut handlers: Vec<Self> = Vec::with_capacity(sections.len());
        for section in sections {
            let handler = Self::read(section, delivery, kinds, &handlers);
            handlers.extend(handler);
        }
        handlers
    }

    /// Returns the section of the platform that it cannot do without, if there is one.
    pub(super) fn needs(&self) -> Option<&'static str> {
        match self.kind {
            HandlerKind::Assistant { .. } => Some("mesh"),
            HandlerKind::Robot { .. } => Some("ticos"),
            HandlerKind::Wallet { .. } => Some("payman"),
            _ => None,
        }
    }

    fn read(
        mut section: Section<'_>,
        delivery: &Delivery,
        kinds: &Kinds,
        others: &[Self],
    ) -> Option<Self> {
        // Which other keys are right depends on the kind: without one, nothing more can be said.
        let named = section.required_name("kind", kinds.names())?;
        let kind = kinds.find(&named)?;
        let options = (kind.read)(&mut section);
        let name = section.filled("name", &free_name(&named, others));
        let on = section.choices::<Trigger>("on");
        if on.is_some() && kind.on.is_empty() {
            section.fault("on", format!("`{named}` knows itself what it handles"));
        }
        for trigger in on.iter().flatten() {
            if !kind.on.is_empty() && !kind.on.contains(trigger) {
                let handled: Vec<_> = kind.on.iter().map(Trigger::name).collect();
                let message = format!(
                    "`{named}` handles {} only, not {}",
                    handled.join(", "),
                    trigger.name()
                );
                section.fault("on", message);
            }
        }
        let guard = Guard::read(&mut section);
        if !kind.listens {
            for key in Guard::KEYS {
                if section.has(key) {
                    section.fault(
                        key,
                        format!("says nothing here: `{named}` listens to nobody"),
                    );
                }
            }
        }
        let delivery = (kind.delivery)(delivery.clone());
        let delivery = Delivery::read(section.section("delivery"), &delivery);
        if name.contains(char::is_control) {
            section.fault("name", "must not have control characters in it");
        }
        if others.iter().any(|other| other.name == name) {
            let message = format!(
                "another handler has the name `{name}` already: give this one a `name` of its own"
            );
            section.fault("name", message);
        }
        section.finish();
        Some(Self {
            kind: options?,
            name,
            on: on.unwrap_or_else(|| kind.on.clone()),
            guard,
            delivery,
        })
    }
}

fn free_name(kind: &str, others: &[Handler]) -> String {
    let same = |name: &str| others.iter().any(|other| other.name == name);
    let mut name = kind.to_owned();
    for number in 2.. {
        if !same(&name) {
            break;
        }
        name = format!("{kind}-{number}");
    }
    name
}
