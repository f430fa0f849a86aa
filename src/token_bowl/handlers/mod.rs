//! The ready-made programs of the platform: writing down what is said, and watching it as several users at once.

mod message_log;
mod monitor;

pub use message_log::{MessageLog, MessageLogLine};
pub use monitor::Monitor;

use std::io::Write;

/// Writes a line for whoever watches the program.
fn show(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Returns the first characters of a text, none of which can drive a terminal.
fn beginning(text: &str, characters: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(characters).map(clean).collect()
}
