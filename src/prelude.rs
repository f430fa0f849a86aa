//! What every bot imports.

pub use greenroom_actors::command::{ChannelMention, Rest, RoleMention};
pub use greenroom_actors::connection::{Connected, Disconnected, Reconnecting};
pub use greenroom_actors::dialogue::{DialogueDropped, DialogueExpired, Next};
pub use greenroom_actors::event::{ChannelKey, Event, Id};
pub use greenroom_actors::router::{HandlerError, HandlerFailed, Order, Outcome, Registration};
pub use greenroom_actors::supervisor::{
    ChildSpec, Exit, Restart, Restarted, Strategy, Supervised, Supervisor,
};

pub use crate::bot::{Bot, BotError};
pub use crate::chat::{
    Call, ChatMessage, Check, Command, Commands, Dialogue, DialogueRef, Mention, Reply, Speak,
};
#[cfg(feature = "mezon")]
pub use crate::mezon::Mezon;
