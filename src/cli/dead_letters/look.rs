//! Looking: which letters there are, and what is in them.

use greenroom_actors::router::{DeadLetter, Selection};

use super::source::Source;
use crate::cli::terminal::harmless;
use crate::cli::time::utc;
use crate::cli::{Cell, Failure, Tone};

/// `greenroom dead-letters list`.
pub(super) async fn list(selection: &Selection, source: &Source) -> Result<(), Failure> {
    let letters = source.list(selection).await?;
    for letter in &letters {
        let mut reason = letter.reason.to_string();
        if letter.requested {
            reason.push_str(" (to be replayed)");
        }
        let cells = [
            Cell::new(&letter.number.to_string(), Tone::Accent),
            Cell::new(&utc(letter.at), Tone::Faint),
            Cell::new(&letter.handler, Tone::Strong),
            Cell::plain(&letter.event),
            Cell::plain(&letter.channel.to_string()),
            Cell::plain(&reason),
        ];
        source.printer.row(&cells, letter)?;
    }
    if letters.is_empty() {
        source.remark(&source.none(selection));
    }
    Ok(())
}

/// `greenroom dead-letters show`.
pub(super) async fn show(number: u64, source: &Source) -> Result<(), Failure> {
    let letter = source.show(number).await?;
    let fields = describe(&letter);
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let lines: Vec<_> = value.split('\n').map(harmless).collect();
            format!("{name:12}{}", lines.join(&format!("\n{:12}", "")))
        })
        .collect();
    source.printer.text(&lines.join("\n"), &letter)?;
    Ok(())
}

fn describe(letter: &DeadLetter) -> Vec<(&'static str, String)> {
    let payload = match letter.omitted_bytes {
        Some(bytes) => format!("(of {bytes} bytes, too long to be kept)"),
        None => {
            serde_json::to_string_pretty(&letter.payload).unwrap_or_else(|error| error.to_string())
        }
    };
    let mut fields = vec![
        ("letter", letter.number.to_string()),
        ("handler", letter.handler.clone()),
        ("event", format!("{} {}", letter.event, letter.id)),
        ("channel", letter.channel.to_string()),
        ("bot", format!("{} on {}", letter.bot, letter.platform)),
        ("received", utc(letter.received_ms / 1_000)),
        ("given up", utc(letter.at)),
        ("reason", letter.reason.to_string()),
        ("attempts", letter.attempts.to_string()),
        ("replays", letter.replays.to_string()),
        ("trace", format!("{:016x}", letter.trace)),
    ];
    if letter.requested {
        fields.push(("to do", "to be replayed when the bot starts".to_owned()));
    }
    fields.extend(letter.note.clone().map(|note| ("last replay", note)));
    fields.push(("payload", payload));
    fields
}

/// Says how many letters.
pub(super) fn letters(number: u64) -> String {
    match number {
        1 => "1 letter".to_owned(),
        _ => format!("{number} letters"),
    }
}
