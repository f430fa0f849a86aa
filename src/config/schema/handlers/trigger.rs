//! `on`: the events that a handler is put on.

use serde::Serialize;

use crate::config::value::Choice;

/// The events that a ready-made handler can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trigger {
    /// Somebody pressed a button of a message.
    Button,
    /// Somebody joined.
    MemberJoined,
    /// Somebody left.
    MemberLeft,
    /// Somebody said something.
    Message,
    /// Somebody took back a message.
    MessageDeleted,
    /// Somebody changed a message.
    MessageEdited,
    /// Somebody reacted to a message.
    Reaction,
}

impl Trigger {
    pub(super) fn name(&self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, one)| one == self)
            .map_or("", |(name, _)| name)
    }
}

impl Choice for Trigger {
    const ALL: &'static [(&'static str, Self)] = &[
        ("button", Self::Button),
        ("member_joined", Self::MemberJoined),
        ("member_left", Self::MemberLeft),
        ("message", Self::Message),
        ("message_deleted", Self::MessageDeleted),
        ("message_edited", Self::MessageEdited),
        ("reaction", Self::Reaction),
    ];
}
