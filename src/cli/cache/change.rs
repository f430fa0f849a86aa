//! Taking messages out of the cache.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::look::{messages, unknown};
use super::store::{Store, find};
use super::{ClearArgs, MessageArgs};
use crate::cli::{Failure, FailureKind};

/// `greenroom cache delete`.
pub(super) async fn delete(args: &MessageArgs, store: &Store) -> Result<(), Failure> {
    let deleted = store.look(async |cache| {
        Ok(match find(cache, &args.channel).await? {
            Some(info) => cache.delete(&info.channel, &args.message).await?,
            None => false,
        })
    });
    match deleted.await? {
        Some(true) => print(store, 1),
        _ => Err(unknown(args)),
    }
}

/// `greenroom cache clear`.
pub(super) async fn clear(args: &ClearArgs, store: &Store) -> Result<(), Failure> {
    let at_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !at_terminal {
        let message = "nothing was deleted: say --yes to delete without being asked";
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let cleared = store.look(async |cache| {
        let channels = match &args.what.channel {
            Some(name) => Vec::from_iter(find(cache, name).await?),
            None => cache.channels().await?,
        };
        let number = channels.iter().map(|info| info.messages).sum();
        if number > 0 && !args.yes {
            ask(number)?;
        }
        let mut deleted = 0;
        for info in channels {
            deleted += cache.clear(&info.channel).await?;
        }
        Ok(deleted)
    });
    let deleted = cleared.await?.unwrap_or_default();
    print(store, deleted)
}

/// Asks the person at the terminal.
///
/// # Errors
///
/// The person does not want it.
fn ask(number: u64) -> Result<(), Failure> {
    let mut err = io::stderr();
    write!(err, "Delete {}? [y/N] ", messages(number))?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was deleted")),
    }
}

fn print(store: &Store, deleted: u64) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        deleted: u64,
    }
    let text = format!("deleted {}", messages(deleted));
    store.printer.text(&text, &Line { deleted })?;
    Ok(())
}
