//! The forms of answers in which releases of the real server differ.

use serde::Deserialize;

/// Which form each answer has; the defaults are those of the newest server.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Forms {
    pub(super) list_keys: KeyNames,
    pub(super) get_key: KeyMember,
    pub(super) profile: Profile,
    pub(super) errors: Errors,
    pub(super) usage: Usage,
    pub(super) completions: Completions,
    pub(super) anthropic: Anthropic,
    pub(super) reads: Reads,
}

macro_rules! forms {
    ($($(#[$doc:meta])* $Name:ident: $($Form:ident = $text:literal),+;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
            pub(super) enum $Name {
                #[default]
                $(#[serde(rename = $text)] $Form,)+
            }
        )*
    };
}

forms! {
    /// How `content` comes from Anthropic when there is no thinking.
    Anthropic: Blocks = "blocks", Text = "text";
    /// Where the last chat endpoint has its text.
    Completions: Message = "message", Text = "text";
    /// What the member `error` is.
    Errors: Text = "text", Object = "object";
    /// The member of a key's value.
    KeyMember: KeyValue = "keyValue", Key = "key";
    /// Whether names of keys come with the id of their user before them.
    KeyNames: Plain = "plain", Prefixed = "prefixed";
    /// Where the profile is in its answer.
    Profile: Member = "profile", Root = "root";
    /// Where a chat reads its message: wherever it is, or in one member only.
    Reads: Any = "any", Message = "message", Prompt = "prompt", Messages = "messages";
    /// The list of what was used.
    Usage: Data = "data", Old = "usage";
}

impl Usage {
    /// Returns the member with the list.
    pub(super) fn member(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Old => "usage",
        }
    }
}
