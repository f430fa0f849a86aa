//! All that the program `greenroom` does, with the handlers of this bot: `cargo run -- run`, `check`, `graph`, `sim` and so on.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::main_with(&{{crate}}::kinds())
}
