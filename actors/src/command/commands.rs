//! All commands of a bot, as one handler.

use std::fmt;
use std::sync::Arc;

use super::actor::CommandActor;
use super::command::{Command, check_names};
use super::progress::Progress;
use super::reader::is_same;
use super::words::Words;
use super::{Call, Refusal, help};
use crate::event::Event;
use crate::router::{Delivery, Registration};
use crate::similar::similar;
use crate::utterance::{MentionKind, Utterance};

/// The commands that people can call, with a prefix before them.
///
/// They are one ordinary handler: the messages of a channel are handled one after another, an error of a command means another attempt.
/// What a person does wrong is an answer and no error: a wrong argument, a check that does not pass, a cooldown.
///
/// A message without the prefix costs a comparison and no allocation. There is a command `help` unless one is added or it is switched
/// off.
pub struct Commands<T> {
    set: Set<T>,
    delivery: Delivery,
}

/// What the incarnations of the actor share.
pub(super) struct Set<T> {
    prefixes: Vec<String>,
    mentioned: bool,
    ignore_case: bool,
    suggests: bool,
    help: Option<String>,
    pub(super) commands: Vec<Command<T>>,
    words: Option<Box<Say<T>>>,
    pub(super) progress: Progress,
}

type Say<T> = dyn Fn(&Call<T>, &Refusal) -> Option<String> + Send + Sync;

/// What a message calls for.
pub(super) enum Found {
    /// The command at the end of this path, with its arguments from a byte on.
    Command(Vec<usize>, usize),
    /// Help about the command at the end of this path; how far the name goes.
    Help(Vec<usize>, usize),
    /// Nothing: how far the group's path goes, how far the unknown name goes, and what was probably meant.
    Unknown(Vec<usize>, usize, Option<String>),
}

impl<T> fmt::Debug for Commands<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands")
            .field("prefixes", &self.set.prefixes)
            .field("commands", &self.set.commands)
            .finish_non_exhaustive()
    }
}

impl<T: Utterance> Commands<T> {
    /// Begins with the prefix that stands before each command, such as `!`.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            set: Set {
                prefixes: vec![prefix.into()],
                mentioned: false,
                ignore_case: false,
                suggests: false,
                help: Some("help".to_owned()),
                commands: Vec::new(),
                words: None,
                progress: Progress::default(),
            },
            delivery: Delivery::default(),
        }
    }

    /// Adds another prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.set.prefixes.push(prefix.into());
        self
    }

    /// Takes a mention of the bot for a prefix as well: `@bot tip @bob 10`.
    #[must_use]
    pub fn when_mentioned(mut self) -> Self {
        self.set.mentioned = true;
        self
    }

    /// Takes `!TIP` for `!tip`.
    #[must_use]
    pub fn ignore_case(mut self) -> Self {
        self.set.ignore_case = true;
        self
    }

    /// Answers a command that does not exist if there is one with nearly the same name. By default it is left to other handlers.
    #[must_use]
    pub fn suggestions(mut self) -> Self {
        self.set.suggests = true;
        self
    }

    /// Sets the name of the command that explains the others; `help` by default, and `None` for no such command.
    #[must_use]
    pub fn help<'n>(mut self, name: impl Into<Option<&'n str>>) -> Self {
        self.set.help = name.into().map(str::to_owned);
        self
    }

    /// Sets what is said when a command is not carried out, in place of the refusal's own text; `None` for nothing.
    #[must_use]
    pub fn words(
        mut self,
        words: impl Fn(&Call<T>, &Refusal) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.set.words = Some(Box::new(words));
        self
    }

    /// Adds a command.
    #[must_use]
    pub fn command(mut self, command: Command<T>) -> Self {
        self.set.commands.push(command);
        self
    }

    /// Sets how messages are delivered to the commands.
    #[must_use]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Makes the handler of all these commands, with a name for logs and the supervision tree.
    ///
    /// # Errors
    ///
    /// [`CommandFaults`]: everything that is wrong with the commands, such as names that two of them share, or arguments that cannot be
    /// read from words.
    pub fn register(self, name: &str) -> Result<Registration<CommandActor<T>>, CommandFaults> {
        let mut faults = Vec::new();
        if self
            .set
            .prefixes
            .iter()
            .any(|prefix| prefix.trim().is_empty())
        {
            faults.push("a prefix must not be empty".to_owned());
        }
        check_names(&self.set.commands, "", &mut faults);
        let commands = &self.set.commands;
        commands
            .iter()
            .for_each(|command| command.check_all("", &mut faults));
        if !faults.is_empty() {
            return Err(CommandFaults(faults));
        }
        let set = Arc::new(self.set);
        let registration = Registration::new(name, move || CommandActor::new(Arc::clone(&set)));
        Ok(registration.delivery(self.delivery).on::<T>())
    }
}

/// Everything that is wrong with a set of commands, one a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CommandFaults(
    /// What is wrong.
    pub Vec<String>,
);

impl<T: Utterance> Set<T> {
    /// Returns where the name of a command begins, if the message has a prefix.
    pub(super) fn name_at(&self, event: &Event<T>) -> Option<usize> {
        let text = event.text();
        let trimmed = text.trim_start();
        let start = text.len() - trimmed.len();
        let behind = |prefix: &String| {
            let rest = trimmed.strip_prefix(prefix.as_str())?;
            match prefix.ends_with(char::is_whitespace) {
                true => Some(rest.trim_start()),
                false => Some(rest).filter(|rest| !rest.starts_with(char::is_whitespace)),
            }
        };
        if let Some(rest) = self.prefixes.iter().find_map(behind) {
            return Some(text.len() - rest.len());
        }
        if !self.mentioned || event.mentions().is_empty() {
            return None;
        }
        let mut words = Words::with_mentions(text, start, event.mentions());
        let mention = words.next()?;
        let is_me = |is: &crate::utterance::Mention| is.is_me && is.kind == MentionKind::User;
        let by_name = || words.mentioned(mention.text.strip_prefix('@')?);
        let me = mention.mention.or_else(by_name).is_some_and(is_me);
        me.then(|| words.offset())
    }

    /// Finds what a message with a prefix calls for; `None` if it is nobody's business here.
    pub(super) fn find(&self, text: &str, name_at: usize) -> Option<Found> {
        let (mut path, mut at) = (Vec::new(), name_at);
        let mut commands = &self.commands;
        loop {
            let (name, end) = next_name(text, at);
            let found = self.named(commands, name);
            if let Some(index) = found {
                path.push(index);
                (commands, at) = (&commands[index].commands, end);
                continue;
            }
            let is_help = self
                .help
                .as_deref()
                .is_some_and(|help| self.is_named(help, name));
            match self.at(&path) {
                None if is_help => return Some(self.find_help(text, end)),
                None => {
                    let meant = self.suggests.then(|| nearest(commands, name)).flatten()?;
                    return Some(Found::Unknown(path, end, Some(meant)));
                }
                Some(command) if command.action.is_some() => return Some(Found::Command(path, at)),
                Some(_) if name.is_empty() => return Some(Found::Help(path, at)),
                Some(_) => return Some(Found::Unknown(path, end, nearest(commands, name))),
            }
        }
    }

    fn find_help(&self, text: &str, mut at: usize) -> Found {
        let (mut path, mut commands) = (Vec::new(), &self.commands);
        loop {
            let (name, end) = next_name(text, at);
            let plain = self
                .prefixes
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix.as_str()));
            match self.named(commands, plain.unwrap_or(name)) {
                Some(index) => {
                    path.push(index);
                    (commands, at) = (&commands[index].commands, end);
                }
                None if name.is_empty() => return Found::Help(path, at),
                None => return Found::Unknown(path, end, nearest(commands, name)),
            }
        }
    }

    fn named(&self, commands: &[Command<T>], name: &str) -> Option<usize> {
        let is = |command: &Command<T>| command.names.iter().any(|own| self.is_named(own, name));
        commands.iter().position(is)
    }

    fn is_named(&self, own: &str, name: &str) -> bool {
        own == name || (self.ignore_case && is_same(own, name))
    }

    /// Returns the command at the end of a path.
    pub(super) fn at(&self, path: &[usize]) -> Option<&Command<T>> {
        self.along(path).last()
    }

    /// Returns the commands along a path.
    pub(super) fn along<'s>(&'s self, path: &[usize]) -> impl Iterator<Item = &'s Command<T>> {
        path.iter().scan(&self.commands, |commands, index| {
            let command = commands.get(*index)?;
            *commands = &command.commands;
            Some(command)
        })
    }

    /// Returns the prefix with the names of the groups above the end of a path.
    pub(super) fn above(&self, prefix: &str, path: &[usize]) -> String {
        let groups = &path[..path.len().saturating_sub(1)];
        let names = self.along(groups).map(|group| format!("{} ", group.name()));
        [prefix.to_owned()].into_iter().chain(names).collect()
    }

    /// Writes help about the command at the end of a path, or about all of them.
    pub(super) fn explain(&self, prefix: &str, path: &[usize]) -> Vec<String> {
        let name = self.help.as_deref().unwrap_or_default();
        help::messages(match self.at(path) {
            Some(command) => help::page(&self.above(prefix, path), command),
            None => help::list(prefix, name, &self.commands),
        })
    }

    /// Returns how the command at the end of a path is used.
    pub(super) fn usage(&self, prefix: &str, path: &[usize]) -> Option<String> {
        let command = self.at(path)?;
        Some(help::usage(&self.above(prefix, path), command))
    }

    /// Returns what is said about a refusal.
    pub(super) fn say(&self, call: &Call<T>, refusal: &Refusal) -> Option<String> {
        match &self.words {
            Some(words) => words(call, refusal),
            None => Some(refusal.to_string()),
        }
    }
}

/// Returns the word at a byte, and where it ends.
fn next_name(text: &str, at: usize) -> (&str, usize) {
    let behind = text.get(at..).unwrap_or_default();
    let rest = behind.trim_start();
    let name = rest.split(char::is_whitespace).next().unwrap_or_default();
    (name, text.len() - rest.len() + name.len())
}

fn nearest<T>(commands: &[Command<T>], name: &str) -> Option<String> {
    let shown = commands.iter().filter(|command| !command.is_hidden);
    let names = shown.flat_map(|command| command.names.iter().map(String::as_str));
    similar(name, names).map(str::to_owned)
}
