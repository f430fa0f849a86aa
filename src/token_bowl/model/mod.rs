//! What the server says, as types: the objects of its REST answers, websocket frames and webhooks.

mod answer;
mod message;
mod timestamp;
mod user;

pub use answer::{
    AssignedRole, Conversation, Conversations, Invited, MagicLinkSent, MarkedRead, NewKey, Page,
    Pagination, SocketStatus, SocketsStatus, Typed, Unread, UpdatedLogo, UpdatedWebhook,
};
pub use message::{Message, MessageType};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use user::{Bot, LOGOS, Login, Profile, PublicUser, Registration, Role};
