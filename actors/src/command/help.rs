//! Help, written from the commands themselves.

use std::fmt::Write as _;

use super::argument::Kind;
use super::command::{Command, Cooldown};
use super::duration::spoken;
use super::shape::Argument;
use crate::utterance::Scope;

/// Returns how a command is used: `!tip <who> <amount> [note]`. `path` is the prefix with the names of the groups.
pub(super) fn usage<T>(path: &str, command: &Command<T>) -> String {
    let mut usage = format!("{path}{}", command.names.first().map_or("", String::as_str));
    if command.action.is_none() {
        let names = command.commands.iter().filter(|command| !command.is_hidden);
        let names: Vec<_> = names.filter_map(|command| command.names.first()).collect();
        let names: Vec<_> = names.into_iter().map(String::as_str).collect();
        let _ = write!(usage, " <{}>", names.join("|"));
    }
    for argument in &command.shape.arguments {
        let _ = write!(usage, " {}", slot(argument));
    }
    usage
}

fn slot(argument: &Argument) -> String {
    let name = argument.name;
    let dots = match argument.kind {
        Kind::Many(_) | Kind::Rest => " ...",
        _ => "",
    };
    match argument.is_optional {
        true => format!("[{name}{dots}]"),
        false => format!("<{name}{dots}>"),
    }
}

/// Returns one line for each command, and how to learn more.
pub(super) fn list<T>(prefix: &str, help: &str, commands: &[Command<T>]) -> Vec<String> {
    let shown = commands.iter().filter(|command| !command.is_hidden);
    let lines = shown.map(|command| line(prefix, command));
    let more = format!("`{prefix}{help} <command>` says more about one of them.");
    lines.chain([more]).collect()
}

fn line<T>(path: &str, command: &Command<T>) -> String {
    let usage = usage(path, command);
    match command.about.lines().next() {
        Some(about) => format!("`{usage}`: {about}"),
        None => format!("`{usage}`"),
    }
}

/// Returns all that is known of a command; `path` is the prefix with the names of the groups.
pub(super) fn page<T>(path: &str, command: &Command<T>) -> Vec<String> {
    let mut lines = vec![format!("`{}`", usage(path, command))];
    lines.extend(command.about.lines().map(str::to_owned));
    for argument in &command.shape.arguments {
        let described = command
            .described
            .iter()
            .find(|(name, _)| *name == argument.name);
        let about = described.map_or(String::new(), |(_, about)| format!("{about}: "));
        let (name, kind) = (argument.name, &argument.kind);
        let optional = if argument.is_optional {
            ", optional"
        } else {
            ""
        };
        lines.push(format!("- `{name}`{optional}: {about}{kind}"));
    }
    let inner = format!(
        "{path}{} ",
        command.names.first().map_or("", String::as_str)
    );
    let shown = command.commands.iter().filter(|command| !command.is_hidden);
    lines.extend(shown.map(|command| format!("- {}", line(&inner, command))));
    if let Some((_, aliases @ [_, ..])) = command.names.split_first() {
        lines.push(format!("Other names: `{}`", aliases.join("`, `")));
    }
    lines.extend(command.cooldowns.iter().map(pace));
    for example in &command.examples {
        lines.push(format!("For example: `{example}`"));
    }
    lines
}

fn pace(cooldown: &Cooldown) -> String {
    let times = match cooldown.uses {
        1 => "Once".to_owned(),
        uses => format!("{uses} times"),
    };
    let who = match cooldown.scope {
        Scope::Channel => " in each channel",
        Scope::Everybody => " for everybody together",
        Scope::User => " for each user",
        Scope::UserInChannel => " for each user in a channel",
    };
    format!("{times} in {}{who}", spoken(cooldown.period))
}

/// Joins lines to messages that every platform takes.
pub(super) fn messages(lines: Vec<String>) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in lines {
        match messages.last_mut() {
            Some(message) if message.len() + line.len() < LONGEST => {
                message.push('\n');
                message.push_str(&line);
            }
            _ => messages.push(line),
        }
    }
    messages
}

/// Bytes of one message of help.
const LONGEST: usize = 1_800;
