//! Reading the value of a key: from a file, from standard input, or from a person whose typing is not shown.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use secrecy::SecretString;

use super::input::read;
use crate::cli::{Failure, FailureKind};

/// Where the value comes from. It is no argument, since other users of the machine can read those.
#[derive(Args, Clone, Debug)]
pub(super) struct SecretArgs {
    /// Read the value from this file; by default from standard input, which at a terminal does not show it
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
}

/// Reads the value of the key `name`, without the line feed at its end.
pub(super) fn value(args: &SecretArgs, name: &str) -> Result<SecretString, Failure> {
    let text = match &args.value_file {
        Some(path) => {
            let name = path.display();
            let file = File::open(path).map_err(|error| {
                Failure::new(FailureKind::Usage, format!("cannot read {name}: {error}"))
            })?;
            read(file, &name.to_string())?
        }
        None if io::stdin().is_terminal() => typed(name)?,
        None => read(io::stdin(), "standard input")?,
    };
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).into())
}

fn typed(name: &str) -> Result<String, Failure> {
    let mut asked = io::stderr();
    // Nobody is left to tell if this fails.
    let _ = write!(asked, "Value of {name}: ").and_then(|()| asked.flush());
    let is_hidden = echo(false);
    let mut text = String::new();
    let read = io::stdin().read_line(&mut text);
    if is_hidden {
        echo(true);
        let _ = writeln!(asked);
    }
    read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

/// Says whether the terminal shows what is typed from now on.
fn echo(on: bool) -> bool {
    let set = Command::new("stty")
        .arg(if on { "echo" } else { "-echo" })
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    set.is_ok_and(|status| status.success())
}
