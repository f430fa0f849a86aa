//! `greenroom token-bowl messages` and `unread`: calls over HTTP.

use super::tell::{line, text_of};
use super::{ListArgs, SendArgs, Session};
use crate::cli::{Failure, Printer, remark};

/// Says something, and shows what became of it.
pub(super) async fn send(args: &SendArgs, session: &Session<'_>) -> Result<(), Failure> {
    let text = text_of(&args.text)?;
    let api = session.api()?;
    let message = api.send_message(&text, args.to.as_deref()).await?;
    let said = match &message.to_username {
        Some(to) => format!("sent to {to}: {}", message.id),
        None => format!("sent to the room: {}", message.id),
    };
    Printer::report(session.globals).text(&said, &message)?;
    Ok(())
}

/// Lists messages, newest first.
pub(super) async fn list(args: &ListArgs, session: &Session<'_>) -> Result<(), Failure> {
    let api = session.api()?;
    let (limit, offset) = (Some(args.limit), Some(args.offset));
    let page = match args.direct {
        true => api.direct_messages(limit, offset, None).await?,
        false => api.messages(limit, offset, None).await?,
    };
    let printer = Printer::report(session.globals);
    for message in &page.messages {
        printer.row(&line(message), message)?;
    }
    if !printer.is_json() {
        match (page.messages.len() as u64, page.pagination.has_more) {
            (0, _) => remark("there are no messages"),
            (shown, true) => remark(&format!(
                "{shown} of {}; the next ones: --offset {}",
                page.pagination.total,
                args.offset + shown
            )),
            (_, false) => {}
        }
    }
    Ok(())
}

/// Counts what is unread.
pub(super) async fn unread(session: &Session<'_>) -> Result<(), Failure> {
    let unread = session.api()?.unread_count().await?;
    let text = format!(
        "{} unread: {} in the room, {} direct",
        unread.total_unread, unread.unread_room_messages, unread.unread_direct_messages
    );
    Printer::report(session.globals).text(&text, &unread)?;
    Ok(())
}

/// Marks everything as read.
pub(super) async fn mark_read(all: bool, session: &Session<'_>) -> Result<(), Failure> {
    if !all {
        remark("nothing was marked: --all marks all messages as read");
        return Ok(());
    }
    let marked = session.api()?.mark_all_read().await?;
    let text = format!("{} messages marked as read", marked.marked_as_read);
    Printer::report(session.globals).text(&text, &marked)?;
    Ok(())
}
