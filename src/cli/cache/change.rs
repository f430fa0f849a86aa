//! Taking messages out of the cache.

use std::io::{self, IsTerminal, Write};

use greenroom_actors::cache::{Cache, ChannelInfo};
use serde::Serialize;

use super::look::{messages, unknown};
use super::store::Stores;
use super::{ClearArgs, MessageArgs};
use crate::cli::{Failure, FailureKind};

/// `greenroom cache delete`.
pub(super) async fn delete(args: &MessageArgs, stores: &Stores) -> Result<(), Failure> {
    let deleted = stores.with(&args.channel, async |cache, info| {
        Ok(cache.delete(&info.channel, &args.message).await?)
    });
    match deleted.await? {
        Some(true) => print(stores, 1),
        _ => Err(unknown(args)),
    }
}

/// `greenroom cache clear`.
pub(super) async fn clear(args: &ClearArgs, stores: &Stores) -> Result<(), Failure> {
    let at_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !at_terminal {
        let message = "nothing was deleted: say --yes to delete without being asked";
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let remove = async |cache: &Cache, channels: Vec<ChannelInfo>| {
        let number = channels.iter().map(|info| info.messages).sum();
        if number > 0 && !args.yes {
            ask(number)?;
        }
        let mut deleted = 0;
        for info in channels {
            deleted += cache.clear(&info.channel).await?;
        }
        Ok::<u64, Failure>(deleted)
    };
    let mut deleted = 0;
    match &args.what.channel {
        Some(name) => {
            let cleared = stores.with(name, async |cache, info| remove(cache, vec![info]).await);
            deleted += cleared.await?.unwrap_or_default();
        }
        None => {
            for store in stores.iter() {
                let cleared =
                    store.look(async |cache| remove(cache, cache.channels().await?).await);
                deleted += cleared.await?.unwrap_or_default();
            }
        }
    }
    print(stores, deleted)
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

fn print(stores: &Stores, deleted: u64) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        deleted: u64,
    }
    let text = format!("deleted {}", messages(deleted));
    stores.printer.text(&text, &Line { deleted })?;
    Ok(())
}
