//! What commands print on standard output: readable lines for a person, JSON lines for a program.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::Globals;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// At a terminal, unless the variable `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Returns true if what is written to `stream` should be coloured.
    #[must_use]
    pub fn applies_to(self, stream: &impl IsTerminal) -> bool {
        let wanted = || {
            let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
            !is_set("NO_COLOR") && !dumb
        };
        match self {
            Self::Auto => stream.is_terminal() && wanted(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What a piece of text says by its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tone {
    /// A name to find again.
    Accent,
    /// Something went wrong.
    Bad,
    /// Of less interest.
    Faint,
    /// Something went well.
    Good,
    /// Nothing special.
    #[default]
    Plain,
    /// Of more interest.
    Strong,
    /// Something needs attention.
    Warning,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Accent => "36",
            Self::Bad => "1;31",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Plain => "0",
            Self::Strong => "1",
            Self::Warning => "33",
        }
    }
}

/// Colours `text` if `colored`.
pub(super) fn paint(text: &str, tone: Tone, colored: bool) -> Cow<'_, str> {
    match (colored, tone) {
        (false, _) | (true, Tone::Plain) => Cow::Borrowed(text),
        (true, tone) => Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", tone.code())),
    }
}

/// One column of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Creates a column in `tone`; control characters are written out, since the text may come from anybody.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self {
            text: harmless(text).into_owned(),
            tone,
        }
    }

    /// Creates a column of plain text.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Prints results on standard output.
#[derive(Debug)]
pub struct Printer {
    json: bool,
    colored: bool,
    /// The width of each column so far: columns grow and never shrink, so that lines stay aligned.
    widths: RefCell<Vec<usize>>,
}

impl Printer {
    /// Creates a printer for a report: readable unless `--json` is given.
    #[must_use]
    pub fn report(globals: &Globals) -> Self {
        Self::new(globals.json, globals.color.applies_to(&io::stdout()))
    }

    /// Creates a printer for a stream of events: readable at a terminal, JSON lines with `--json` and into a pipe or a file.
    #[must_use]
    pub fn stream(globals: &Globals) -> Self {
        let json = globals.json || !io::stdout().is_terminal();
        Self::new(json, globals.color.applies_to(&io::stdout()))
    }

    fn new(json: bool, colored: bool) -> Self {
        Self {
            json,
            colored,
            widths: RefCell::default(),
        }
    }

    /// Returns true if JSON lines are printed, so that what is only for a person can be left out.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints one line of aligned columns, or `object` as one line of JSON.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written, for example because its reader has gone.
    pub fn row(&self, cells: &[Cell], object: &impl Serialize) -> io::Result<()> {
        match self.json {
            true => self.object(object),
            false => write_line(&self.align(cells)),
        }
    }

    /// Prints one line of aligned columns for a person.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn cells(&self, cells: &[Cell]) -> io::Result<()> {
        write_line(&self.align(cells))
    }

    /// Prints a text for a person, or `object` as one line of JSON.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn text(&self, text: &str, object: &impl Serialize) -> io::Result<()> {
        match self.json {
            true => self.object(object),
            false => write_line(text),
        }
    }

    /// Prints a text as it is, whoever reads it.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn plain(&self, text: &str) -> io::Result<()> {
        write_line(text)
    }

    /// Prints `object` as one line of JSON, whoever reads it.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn object(&self, object: &impl Serialize) -> io::Result<()> {
        write_line(&serde_json::to_string(object)?)
    }

    fn align(&self, cells: &[Cell]) -> String {
        let mut widths = self.widths.borrow_mut();
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            line.push_str(&paint(&cell.text, cell.tone, self.colored));
            if index + 1 == cells.len() {
                break;
            }
            let length = cell.text.chars().count();
            if widths.len() <= index {
                widths.push(0);
            }
            widths[index] = widths[index].max(length.min(WIDEST));
            let gap = widths[index].saturating_sub(length) + 2;
            line.extend(std::iter::repeat_n(' ', gap));
        }
        line
    }
}

/// Writes out the characters of `text` that would move the cursor, change colours or turn the reading direction.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harms = |c: char| c.is_control() || turns(c);
    if !text.contains(harms) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if harms(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn write_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Tells a person something that is no result.
pub(super) fn remark(text: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "{text}");
}

/// How far a column may grow; longer texts push the rest of their own line only.
const WIDEST: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_aligned_and_only_grow() {
        let printer = Printer::new(false, false);
        let line = |a, b| printer.align(&[Cell::plain(a), Cell::plain(b), Cell::plain("end")]);
        assert_eq!(line("mezon", "a"), "mezon  a  end");
        assert_eq!(line("mesh", "abc"), "mesh   abc  end");
        assert_eq!(line("token_bowl", "a"), "token_bowl  a    end");
        assert_eq!(line("x", "a"), "x           a    end");
        let long = "y".repeat(WIDEST + 5);
        assert_eq!(line(&long, "a"), format!("{long}  a    end"));
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let printer = Printer::new(false, true);
        let line = printer.align(&[Cell::new("ok", Tone::Good), Cell::plain("end")]);
        assert_eq!(line, "\x1b[32mok\x1b[0m  end");
    }

    #[test]
    fn what_people_say_cannot_drive_the_terminal() {
        for (said, shown) in [
            ("line\nline", "line\\nline"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{202e}txt", "\\u{202e}txt"),
            ("häh? 🎭", "häh? 🎭"),
        ] {
            assert_eq!(Cell::plain(said).text, shown);
        }
    }

    #[test]
    fn colours_are_for_terminals() {
        let (file, always, never) = (tempfile::tempfile().unwrap(), Color::Always, Color::Never);
        assert!(!Color::Auto.applies_to(&file));
        assert!(always.applies_to(&file));
        assert!(!never.applies_to(&file));
    }
}
