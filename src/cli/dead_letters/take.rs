//! Taking letters out: to be handled after all, or for good.

use greenroom_actors::router::{Refusal, Selection};
use serde::Serialize;

use super::look::letters;
use super::source::{Replay, Source};
use crate::cli::Failure;

/// `greenroom dead-letters replay`.
pub(super) async fn replay(selection: &Selection, source: &Source) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Marked {
        marked: u64,
    }
    #[derive(Serialize)]
    struct Done<'a> {
        replayed: &'a [u64],
        refused: &'a [Refusal],
    }
    // Nothing to do is no failure of who asked for all.
    let is_all = *selection == Selection::default();
    match source.replay(selection).await? {
        Replay::Marked(0) if !is_all => Err(Failure::failed(source.none(selection))),
        Replay::Marked(marked) => {
            let text = format!(
                "{} will be replayed when the bot starts the next time",
                letters(marked)
            );
            source.printer.text(&text, &Marked { marked })?;
            Ok(())
        }
        Replay::Done { replayed, refused } => {
            let mut text = format!("replayed {}", letters(replayed.len() as u64));
            for Refusal { number, why } in &refused {
                text.push_str(&format!("\nletter {number} was not replayed: {why}"));
            }
            let done = Done {
                replayed: &replayed,
                refused: &refused,
            };
            source.printer.text(&text, &done)?;
            match (refused.len() as u64, replayed.len()) {
                (0, 0) if !is_all => Err(Failure::failed(source.none(selection))),
                (0, _) => Ok(()),
                (number, _) => {
                    let message = format!("{} could not be replayed", letters(number));
                    Err(Failure::failed(message))
                }
            }
        }
    }
}

/// `greenroom dead-letters purge`.
pub(super) async fn purge(selection: &Selection, source: &Source) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        purged: u64,
    }
    let purged = source.purge(selection).await?;
    let text = format!("purged {}", letters(purged));
    source.printer.text(&text, &Line { purged })?;
    match (purged, selection.numbers.is_empty()) {
        (0, false) => Err(Failure::failed(source.none(selection))),
        _ => Ok(()),
    }
}
