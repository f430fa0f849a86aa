//! One command: its name, its arguments, what it does, and for whom.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::argument::ArgumentError;
use super::shape::Shape;
use super::{Call, Check, reader};
use crate::clock;
use crate::event::Event;
use crate::limiter;
use crate::router::Outcome;
use crate::utterance::{Scope, Utterance};

/// A command that people can call.
///
/// Its arguments are a plain struct that serde can read: each field takes a word, in order.
///
/// | field | reads |
/// |---|---|
/// | `String` | a word, or a text in quotes |
/// | [`Rest`](super::Rest), last | all that is left, as it was written |
/// | whole numbers, `f64`, `bool`, `char` | `10`, `-3`, `2.5`; `yes`, `no`, `on`, `off`, `true`, `false` |
/// | an enum of plain variants | one of their names; case does not count |
/// | `Duration` | `90s`, `10m`, `1h30m`, `2d` |
/// | [`Mention`](crate::utterance::Mention), [`ChannelMention`](super::ChannelMention), [`RoleMention`](super::RoleMention) | `@bob`, `#general`, `@crew` |
/// | `Option<T>`, or with `#[serde(default)]` | the same, or nothing |
/// | `Vec<T>`, last | any number of words |
/// | any other type that is read from a text | a word |
///
/// Nested structs, tuples, maps and enums with fields cannot be read from words; [`Commands::register`](super::Commands::register)
/// says so. A command without arguments takes `()`.
pub struct Command<T> {
    pub(super) names: Vec<String>,
    pub(super) about: String,
    pub(super) described: Vec<(String, String)>,
    pub(super) examples: Vec<String>,
    pub(super) is_hidden: bool,
    pub(super) checks: Vec<Check<T>>,
    pub(super) cooldowns: Vec<Cooldown>,
    pub(super) commands: Vec<Self>,
    pub(super) action: Option<Action<T>>,
    pub(super) shape: Shape,
    pub(super) faults: Vec<String>,
}

/// Reads the arguments, and returns what is left to do.
pub(super) type Action<T> = Box<
    dyn Fn(&Call<T>, &Shape) -> Result<LocalBoxFuture<'static, Outcome>, ArgumentError>
        + Send
        + Sync,
>;

/// How often a command may be called.
pub(super) struct Cooldown {
    pub(super) scope: Scope,
    pub(super) uses: usize,
    pub(super) period: Duration,
    state: Mutex<limiter::Cooldown<Vec<u8>>>,
}

impl Cooldown {
    /// Takes one call.
    ///
    /// # Errors
    ///
    /// How long the next one has to wait.
    pub(super) fn admit<T: Utterance>(&self, event: &Event<T>) -> Result<(), Duration> {
        let now = clock::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = state.admit(self.scope.key(event), now);
        admitted.map_err(|free| free.saturating_duration_since(now))
    }
}

impl<T> fmt::Debug for Command<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("names", &self.names)
            .field("commands", &self.commands)
            .finish_non_exhaustive()
    }
}

impl<T: Utterance> Command<T> {
    /// Makes a command that runs `handle`. An error of it is that of the handler: the message is tried again, unless something was
    /// said already.
    #[must_use]
    pub fn new<A, F>(name: &str, handle: F) -> Self
    where
        A: DeserializeOwned + 'static,
        F: AsyncFn(Call<T>, A) -> Outcome + Send + Sync + 'static,
    {
        let mut command = Self::group(name);
        match Shape::of::<A>() {
            Ok(shape) => command.shape = shape,
            Err(faults) => command.faults = faults,
        }
        let handle = Arc::new(handle);
        command.action = Some(Box::new(move |call, shape| {
            let arguments = reader::read(shape, &call.words())?;
            let (handle, call) = (Arc::clone(&handle), call.clone());
            Ok(Box::pin(async move { handle(call, arguments).await }))
        }));
        command
    }

    /// Makes a command that only has commands of its own: `!queue add`.
    #[must_use]
    pub fn group(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            about: String::new(),
            described: Vec::new(),
            examples: Vec::new(),
            is_hidden: false,
            checks: Vec::new(),
            cooldowns: Vec::new(),
            commands: Vec::new(),
            action: None,
            shape: Shape::default(),
            faults: Vec::new(),
        }
    }

    /// Adds a command to a group. The group's checks and cooldowns hold for it as well.
    #[must_use]
    pub fn command(mut self, command: Self) -> Self {
        self.commands.push(command);
        self
    }

    /// Adds another name.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Says in the help what the command does.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// Says in the help what an argument is.
    #[must_use]
    pub fn argument(mut self, name: &str, about: impl Into<String>) -> Self {
        self.described.push((name.to_owned(), about.into()));
        self
    }

    /// Adds an example to the help, such as `!tip @bob 10`.
    #[must_use]
    pub fn example(mut self, example: impl Into<String>) -> Self {
        self.examples.push(example.into());
        self
    }

    /// Leaves the command out of the list of all commands.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    /// Adds a check; all must pass, in the order they are added.
    #[must_use]
    pub fn check(mut self, check: Check<T>) -> Self {
        self.checks.push(check);
        self
    }

    /// Lets each user call the command once in any window of `period`.
    #[must_use]
    pub fn cooldown(self, period: Duration) -> Self {
        self.cooldown_per(Scope::User, 1, period)
    }

    /// Lets those who share a `scope` call the command `uses` times in any window of `period`. Calls with wrong arguments do not count,
    /// and neither do further attempts. It is kept in memory, and survives a restart of the actor.
    #[must_use]
    pub fn cooldown_per(mut self, scope: Scope, uses: usize, period: Duration) -> Self {
        self.cooldowns.push(Cooldown {
            scope,
            uses: uses.max(1),
            period,
            state: Mutex::new(limiter::Cooldown::new(period).uses(uses)),
        });
        self
    }

    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Collects what is wrong with the command and those below it.
    pub(super) fn check_all(&self, path: &str, faults: &mut Vec<String>) {
        let path = format!("{path}{}", self.name());
        let mut fault = |text: String| faults.push(format!("command `{path}`: {text}"));
        for name in &self.names {
            if name.is_empty() || name.contains(char::is_whitespace) {
                fault(format!("`{name}` is no name: it must be one word"));
            }
        }
        self.faults.iter().for_each(|text| fault(text.clone()));
        if self.action.is_none() && self.commands.is_empty() {
            fault("the group has no commands".to_owned());
        }
        for (name, _) in &self.described {
            let is_known = self.shape.arguments.iter().any(|known| known.name == name);
            if !is_known && self.faults.is_empty() {
                fault(format!("there is no argument `{name}` to describe"));
            }
        }
        check_names(&self.commands, &path, faults);
        let path = format!("{path} ");
        self.commands
            .iter()
            .for_each(|command| command.check_all(&path, faults));
    }
}

/// Reports names that two commands share.
pub(super) fn check_names<T>(commands: &[Command<T>], path: &str, faults: &mut Vec<String>) {
    let mut names: Vec<_> = commands.iter().flat_map(|command| &command.names).collect();
    names.sort_unstable();
    for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
        let place = if path.is_empty() { "" } else { " in " };
        faults.push(format!("two commands are named `{}`{place}{path}", pair[0]));
    }
}
