//! Scripts: what goes wrong, and when.
//!
//! ```toml
//! [[fault]]
//! at = "5s"                 # since the start: a number with ms, s, m or h
//! kind = "disconnect"       # and its fields, as the control API takes them
//! count = 2
//!
//! [[fault]]
//! at = "1m"
//! every = "10m"             # again and again
//! platform = "mezon"        # by default all that know the kind
//! kind = "maintenance"
//! ms = 20000
//! ```

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::SimulatorError;
use super::fault::{Fault, FaultKind};
use super::platform::Platform;
use super::world::{Lines, WorldFault};

/// One fault of a script.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cue {
    /// When, since the start.
    pub at: Duration,
    /// After how long again, for ever.
    pub every: Option<Duration>,
    /// On which platform; `None` means all that know the kind.
    pub platform: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
    line: usize,
}

/// What goes wrong, and when.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use greenroom::simulator::Script;
///
/// let script = Script::parse("[[fault]]\nat = \"1.5s\"\nkind = \"stall\"\n")?;
/// assert_eq!(script.cues()[0].at, Duration::from_millis(1_500));
/// let wrong = Script::parse("[[fault]]\nat = \"soon\"\nkind = \"stall\"\n").unwrap_err();
/// assert!(wrong.to_string().contains("line 2: at"));
/// # Ok::<(), greenroom::simulator::SimulatorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    cues: Vec<Cue>,
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or as [`parse`](Self::parse); trying again does not help.
    pub fn read(path: &Path) -> Result<Self, SimulatorError> {
        let text = std::fs::read_to_string(path).map_err(|source| SimulatorError::Read {
            path: path.display().to_string(),
            source: source.into(),
        })?;
        Self::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Fails with all that is wrong with it, each with its line.
    pub fn parse(text: &str) -> Result<Self, SimulatorError> {
        let mut reader = Reader {
            lines: Lines::of(text),
            faults: Vec::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let fault = reader.lines.fault(error);
            reader.faults.push(fault);
        }
        let mut cues = Vec::new();
        for (key, value) in table.into_inner() {
            match (key.get_ref().as_ref(), value.into_inner()) {
                ("fault", DeValue::Array(rows)) => {
                    cues.extend(rows.into_iter().filter_map(|row| reader.cue(row)));
                }
                ("fault", _) => reader.wrong(&key, "write [[fault]], with double brackets"),
                (name, _) => {
                    let text = format!("unknown key \"{name}\", known is [[fault]]");
                    reader.wrong(&key, text);
                }
            }
        }
        cues.sort_by_key(|cue| cue.at);
        reader.finish()?;
        Ok(Self { cues })
    }

    /// Returns its faults, in the order in which they happen first.
    #[must_use]
    pub fn cues(&self) -> &[Cue] {
        &self.cues
    }

    /// Checks that every fault can happen where it is to happen.
    pub(super) fn check(
        &self,
        platforms: &[(&'static str, Arc<dyn Platform>)],
    ) -> Result<(), SimulatorError> {
        let known: Vec<&str> = platforms.iter().map(|(name, _)| *name).collect();
        let wrong = |cue: &Cue| {
            let name = cue.platform.as_deref()?;
            let found = platforms.iter().find(|(known, _)| *known == name);
            let kind = cue.fault.kind;
            let text = match found {
                Some((_, platform)) if platform.faults().contains(&kind) => return None,
                Some(_) => format!("{name} does not know {kind}"),
                None => format!(
                    "unknown platform \"{name}\", known are {}",
                    known.join(", ")
                ),
            };
            Some(WorldFault {
                line: cue.line,
                text,
            })
        };
        let faults: Vec<_> = self.cues.iter().filter_map(wrong).collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(SimulatorError::Script(faults)),
        }
    }

    /// Lets it happen.
    pub(super) async fn play(self, platforms: Arc<Vec<(&'static str, Arc<dyn Platform>)>>) {
        let start = greenroom_actors::clock::now();
        let mut cues = self.cues;
        while let Some(place) = (0..cues.len()).min_by_key(|place| cues[*place].at) {
            let cue = &mut cues[place];
            tokio::time::sleep_until(start + cue.at).await;
            for (name, platform) in platforms.iter() {
                let here = cue.platform.as_deref().is_none_or(|wanted| wanted == *name);
                if !here || !platform.faults().contains(&cue.fault.kind) {
                    continue;
                }
                if let Err(refusal) = platform.fault(cue.fault.clone()) {
                    tracing::warn!(platform = name, line = cue.line, %refusal, "a fault of the script is refused");
                }
            }
            match cue.every {
                Some(every) => cue.at += every,
                None => {
                    cues.remove(place);
                }
            }
        }
    }
}

struct Reader {
    lines: Lines,
    faults: Vec<WorldFault>,
}

impl Reader {
    fn wrong(&mut self, key: &Spanned<Cow<'_, str>>, text: impl Into<String>) {
        let line = self.lines.line(key.span().start);
        self.faults.push(WorldFault {
            line,
            text: text.into(),
        });
    }

    fn cue(&mut self, row: Spanned<DeValue<'_>>) -> Option<Cue> {
        let line = self.lines.line(row.span().start);
        let DeValue::Table(table) = row.into_inner() else {
            let text = "write [[fault]], with double brackets".to_owned();
            self.faults.push(WorldFault { line, text });
            return None;
        };
        let before = self.faults.len();
        let (mut at, mut every, mut platform) = (None, None, None);
        let (mut body, mut places) = (Map::new(), Vec::new());
        for (key, value) in table {
            let value = match Value::deserialize(value.into_deserializer()) {
                Ok(value) => value,
                Err(error) => {
                    self.wrong(&key, error.message());
                    continue;
                }
            };
            match (key.get_ref().as_ref(), &value) {
                ("at", value) => at = self.duration(&key, value).or(at),
                ("every", value) => {
                    every = self.duration(&key, value);
                    if every == Some(Duration::ZERO) {
                        self.wrong(&key, "every: must be longer than nothing");
                    }
                }
                ("platform", Value::String(name)) => platform = Some(name.clone()),
                ("platform", _) => self.wrong(&key, "platform: must be the name of one"),
                (name, _) => {
                    places.push((name.to_owned(), self.lines.line(key.span().start)));
                    body.insert(name.to_owned(), value);
                }
            }
        }
        let fault = Fault::read(body, &FaultKind::ALL);
        let fault = fault.map_err(|wrong| {
            for (field, text) in wrong {
                let place = places.iter().find(|(name, _)| *name == field);
                let line = place.map_or(line, |(_, line)| *line);
                self.faults.push(WorldFault { line, text });
            }
        });
        if at.is_none() && self.faults.len() == before {
            let text = "at is required, such as \"5s\"".to_owned();
            self.faults.push(WorldFault { line, text });
        }
        Some(Cue {
            at: at?,
            every,
            platform,
            fault: fault.ok()?,
            line,
        })
    }

    fn duration(&mut self, key: &Spanned<Cow<'_, str>>, value: &Value) -> Option<Duration> {
        let found = value.as_str().and_then(duration);
        if found.is_none() {
            let name = key.get_ref();
            let text = format!(
                "{name}: {value} is no duration such as \"250ms\", \"5s\", \"10m\" or \"1h\""
            );
            self.wrong(key, text);
        }
        found
    }

    fn finish(mut self) -> Result<(), SimulatorError> {
        self.faults.sort_by_key(|fault| fault.line);
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(SimulatorError::Script(self.faults)),
        }
    }
}

/// Reads a number with its unit.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = number.parse().ok().filter(|_| plain)?;
    let found = Duration::try_from_secs_f64(number * seconds).ok()?;
    (found <= LONGEST).then_some(found)
}

const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_in_the_order_of_time() {
        let text = "[[fault]]\nat = \"1h\"\nkind = \"close\"\ncode = 4000\n[[fault]]\nat = \"250ms\"\nevery = \"2m\"\nplatform = \"mezon\"\nkind = \"http\"\nstatus = 429\nbody = {a = 1}\n";
        let script = Script::parse(text).unwrap();
        let [first, second] = script.cues() else {
            panic!("{script:?}")
        };
        assert_eq!(first.at, Duration::from_millis(250));
        assert_eq!(first.every, Some(Duration::from_secs(120)));
        assert_eq!(first.fault.body, Some(serde_json::json!({"a": 1})));
        assert_eq!(second.at, Duration::from_secs(3_600));
        assert_eq!(second.fault, Fault::new(FaultKind::Close).code(4_000));
    }

    #[test]
    fn every_fault_of_a_script_is_told_with_its_line() {
        let text = "speed = 1\n[[fault]]\nat = \"later\"\nkind = \"close\"\n[[fault]]\nkind = \"fire\"\n[[fault]]\nat = \"1s\"\nkind = \"http\"\nstatus = 9\ncolour = 1\n[[fault]]\nkind = \"stall\"\n[[fault]]\nat = \"-1s\"\nevery = \"0s\"\nkind = \"stall\"\n";
        let SimulatorError::Script(faults) = Script::parse(text).unwrap_err() else {
            unreachable!()
        };
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.line, fault.text.as_str()))
            .collect();
        let parts = [
            (1, "unknown key \"speed\""),
            (3, "at: \"later\" is no duration"),
            (6, "unknown kind \"fire\", known are clog"),
            (10, "status: 9 is no whole number"),
            (11, "colour: there is no such field"),
            (12, "at is required"),
            (15, "at: \"-1s\" is no duration"),
            (16, "every: must be longer"),
        ];
        assert_eq!(found.len(), parts.len(), "{found:?}");
        for ((line, text), (expected, part)) in found.into_iter().zip(parts) {
            assert!(line == expected && text.contains(part), "{line}: {text}");
        }
        let broken = Script::parse("[[fault]]\nat = = 1\n")
            .unwrap_err()
            .to_string();
        assert!(broken.starts_with("script file: line 2:"), "{broken}");
        assert!(Script::parse("[fault]\nat = \"1s\"\n").is_err());
        assert_eq!(Script::parse("").unwrap(), Script::default());
    }
}
