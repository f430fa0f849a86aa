//! The program `greenroom`.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::main()
}
