//! Shows a person how far something has come.

use std::cell::Cell;
use std::io::{self, BufRead, IsTerminal, Read, Write};

/// A number on standard error that grows, if that is a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    shows: bool,
    messages: Cell<u64>,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            shows: io::stderr().is_terminal(),
            messages: Cell::new(0),
        }
    }

    /// Counts one message.
    pub(super) fn tick(&self) {
        let messages = self.messages.get() + 1;
        self.messages.set(messages);
        if self.shows && messages.is_multiple_of(STEP) {
            self.show(&format!("\r{} {messages} messages", self.what));
        }
    }

    /// Wipes the number away.
    pub(super) fn finish(&self) {
        if self.shows && self.messages.get() >= STEP {
            self.show("\r\x1b[K");
        }
    }

    fn show(&self, text: &str) {
        let mut err = io::stderr();
        // Nobody is there to see it if this fails.
        let _ = write!(err, "{text}").and_then(|()| err.flush());
    }
}

/// Counts the lines that are read through it.
#[derive(Debug)]
pub(super) struct CountedLines<'a, R> {
    pub(super) lines: R,
    pub(super) progress: &'a Progress,
}

impl<R: Read> Read for CountedLines<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lines.read(buffer)
    }
}

impl<R: BufRead> BufRead for CountedLines<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lines.fill_buf()
    }

    /// Lines are taken one by one, each part of a line ends with its end or with that of the buffer.
    fn consume(&mut self, amount: usize) {
        let buffer = self.lines.fill_buf().unwrap_or_default();
        let ends = buffer.iter().take(amount).filter(|byte| **byte == b'\n');
        for _ in ends {
            self.progress.tick();
        }
        self.lines.consume(amount);
    }
}

const STEP: u64 = 1_000;
