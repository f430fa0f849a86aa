//! The session file: what the agent on the device should know of the conversation so far.

use std::path::Path;

use super::error::TicosError;
use super::files::{self, Files};
use super::ordered::Ordered;
use super::paths::Folders;
use super::store::{Keeper, Message, MessageRole, NOBODY};

/// Writes the last messages into the session file, and into that of the card if there is one.
pub(super) fn write_messages(
    folders: &Folders,
    config: &Files,
    keeper: &Keeper,
) -> Result<(), TicosError> {
    let tail = keeper.tail(config.window());
    let messages = window(&tail);
    replace(&folders.session(), &messages)?;
    match folders.card_session.as_deref().filter(|file| file.exists()) {
        Some(card) => replace(card, &messages),
        None => Ok(()),
    }
}

fn replace(file: &Path, messages: &Ordered) -> Result<(), TicosError> {
    let Some(mut session) = files::session(file)? else {
        tracing::warn!(file = %file.display(), "there is no session file to write messages into");
        return Ok(());
    };
    let place = session.object_at("model").object_at("messages");
    place.set(NOBODY, messages.clone());
    files::write(file, &session)
}

/// Chooses what the agent should know: texts that are known, up to the last one of the assistant.
fn window(tail: &[Message]) -> Ordered {
    let mut known: Vec<&Message> = tail
        .iter()
        .filter(|message| !message.content.is_empty())
        .collect();
    let last = known
        .iter()
        .rposition(|message| message.role == MessageRole::Assistant);
    known.truncate(last.map_or(0, |last| last + 1));
    let text = |text: &str| Ordered::Text(text.to_owned());
    let row = |message: &Message| {
        Ordered::Object(vec![
            ("role".to_owned(), text(message.role.name())),
            ("content".to_owned(), text(&message.content)),
        ])
    };
    Ordered::List(known.into_iter().map(row).collect())
}
