//! A bar that shows a person how far something has come.

use std::io::{self, IsTerminal, Write};

/// A bar on standard error, if that is a terminal.
#[derive(Debug)]
pub(super) struct Bar {
    shows: bool,
    done: usize,
    all: usize,
}

impl Bar {
    /// Begins a bar of so many steps.
    pub(super) fn new(all: usize) -> Self {
        Self {
            shows: io::stderr().is_terminal(),
            done: 0,
            all: all.max(1),
        }
    }

    /// Shows that the next step begins.
    pub(super) fn step(&mut self, what: &str) {
        let filled = (self.done * WIDTH / self.all).min(WIDTH);
        let bar = "█".repeat(filled) + &"░".repeat(WIDTH - filled);
        self.done += 1;
        self.show(&format!("\r\x1b[K{bar} {}/{} {what}", self.done, self.all));
    }

    /// Wipes the bar away, so that something can be printed.
    pub(super) fn wipe(&self) {
        self.show("\r\x1b[K");
    }

    fn show(&self, text: &str) {
        if self.shows {
            let mut err = io::stderr();
            // Nobody is there to see it if this fails.
            let _ = write!(err, "{text}").and_then(|()| err.flush());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// How many letters the bar has.
const WIDTH: usize = 30;
