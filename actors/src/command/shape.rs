//! What arguments a struct asks for, found out by letting it read from a source that only watches.

use serde::de::DeserializeOwned;

use super::argument::{ArgumentError, Kind, Problem};
use super::probe::{Keys, Probe, Seen, Watch};
use crate::utterance::MentionKind;

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_optional: bool,
}

/// The arguments of a command, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) arguments: Vec<Argument>,
}

impl Shape {
    /// Looks at the fields of a type.
    ///
    /// # Errors
    ///
    /// Everything that keeps it from being read from words.
    pub(super) fn of<A: DeserializeOwned>() -> Result<Self, Vec<String>> {
        let watch = Watch::default();
        let probe = |keys: Keys| {
            A::deserialize(Probe {
                keys,
                watch: &watch,
            })
            .err()
        };
        probe(Keys::default());
        if let Some(fault) = watch.take().fault {
            return Err(vec![fault]);
        }
        let fields = watch.fields.take();
        if fields.len() > MOST_ARGUMENTS {
            return Err(vec![format!("more than {MOST_ARGUMENTS} arguments")]);
        }
        let (mut arguments, mut faults) = (Vec::new(), Vec::new());
        for (index, name) in fields.iter().copied().enumerate() {
            let mut seen = Seen::default();
            let mut variant = 0;
            loop {
                probe(Keys::only(index, variant));
                let more = watch.take();
                seen.fault = seen.fault.or(more.fault);
                seen.kind = more.kind;
                seen.is_optional = more.is_optional;
                variant += 1;
                match &seen.kind {
                    Some(Kind::Choice(variants)) if variant < variants.len() => {}
                    _ => break,
                }
            }
            // With all before it and nothing else, it is the first that can be missed.
            let before = probe(Keys::before(index));
            watch.take();
            let is_required = match before {
                None => false,
                Some(ArgumentError {
                    argument,
                    problem: Problem::Missing(_),
                    ..
                }) => argument == name,
                // One before it does not take what it is given here: then only an `Option` is known to be optional.
                Some(_) => !seen.is_optional,
            };
            match (seen.kind, seen.fault) {
                (Some(kind), None) => arguments.push(Argument {
                    name,
                    is_optional: matches!(kind, Kind::Many(_)) || !is_required,
                    kind,
                }),
                (_, fault) => {
                    let fault = fault.unwrap_or_else(|| NESTED.to_owned());
                    faults.push(format!("`{name}`: {fault}"));
                }
            }
        }
        if let Some(error) = probe(Keys::before(fields.len()))
            && let Problem::Refused(why) = error.problem
            && why.starts_with("duplicate field")
        {
            faults.push(format!("{why}: arguments have no second names"));
        }
        let greedy = |it: &&Argument| matches!(it.kind, Kind::Rest | Kind::Many(_));
        let before_last = arguments.split_last().map_or(&[][..], |(_, others)| others);
        if let Some(greedy) = before_last.iter().find(greedy) {
            let name = greedy.name;
            faults.push(format!(
                "`{name}` takes all that is left, so nothing can follow it"
            ));
        }
        match faults.is_empty() {
            true => Ok(Self { arguments }),
            false => Err(faults),
        }
    }
}

impl Kind {
    /// Returns what a newtype stands for, if it is one of ours.
    pub(super) fn of_newtype(name: &str) -> Option<Self> {
        match name {
            "greenroom::ChannelMention" => Some(Self::Mention(MentionKind::Channel)),
            "greenroom::Rest" => Some(Self::Rest),
            "greenroom::RoleMention" => Some(Self::Mention(MentionKind::Role)),
            _ => None,
        }
    }

    /// Returns what a struct stands for, if it is read from one word.
    pub(super) fn of_struct(name: &str, fields: &[&str]) -> Option<Self> {
        match (name, fields) {
            ("greenroom::Mention", _) => Some(Self::Mention(MentionKind::User)),
            ("Duration", ["secs", "nanos"]) => Some(Self::Duration),
            _ => None,
        }
    }
}

/// Said of what cannot be read from one word.
pub(super) const NESTED: &str =
    "an argument must be one value; structs, tuples and maps cannot be nested";
/// A command has no more arguments than this.
pub(super) const MOST_ARGUMENTS: usize = 63;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::argument::Rest;
    use super::*;
    use crate::utterance::Mention;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    enum Choice {
        Plain,
        Fields(u8),
    }

    macro_rules! faults {
        ($($field:ident: $type:ty),*) => {{
            #[derive(Deserialize)]
            #[expect(dead_code, reason = "only its shape counts")]
            struct Arguments {
                $($field: $type),*
            }
            Shape::of::<Arguments>().err().unwrap_or_default()
        }};
    }

    #[test]
    fn the_shape_of_a_struct_is_found_out() {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape counts")]
        struct Tip {
            who: Mention,
            #[serde(rename = "tokens")]
            amount: std::num::NonZeroU8,
            #[serde(default)]
            loud: bool,
            host: std::net::IpAddr,
            note: Option<Rest>,
        }
        let shape = Shape::of::<Tip>().unwrap();
        let seen = shape.arguments.iter();
        let seen: Vec<_> = seen
            .map(|it| (it.name, it.kind.to_string(), it.is_optional))
            .collect();
        let expected = [
            ("who", "somebody, such as `@bob`", false),
            ("tokens", "a whole number from 0 to 255", false),
            ("loud", "`yes` or `no`", true),
            ("host", "a word, or a text in quotes", false),
            ("note", "a text", true),
        ];
        assert_eq!(
            seen,
            expected.map(|(name, kind, is)| (name, kind.to_owned(), is))
        );
        assert_eq!(Shape::of::<()>(), Ok(Shape::default()));
    }

    #[test]
    fn what_cannot_be_read_from_words_is_said_at_once() {
        let nested = |name: &str| vec![format!("`{name}`: {NESTED}")];
        assert_eq!(faults!(pair: (u8, u8)), nested("pair"));
        assert_eq!(faults!(map: BTreeMap<String, u8>), nested("map"));
        assert_eq!(faults!(unit: ()), nested("unit"));
        assert_eq!(
            faults!(inner: std::time::SystemTime, good: u8),
            nested("inner")
        );
        assert_eq!(
            faults!(choice: Choice),
            ["`choice`: the choice `Fields` has fields"]
        );
        assert_eq!(
            faults!(lists: Vec<Vec<u8>>),
            ["`lists`: a list of lists cannot be given in words"]
        );
        let greedy = ["`all` takes all that is left, so nothing can follow it"];
        assert_eq!(faults!(all: Rest, more: u8), greedy);
        assert_eq!(faults!(all: Vec<u8>, more: u8), greedy);
        assert_eq!(faults!(good: u8), [""; 0]);
        assert!(Shape::of::<u8>().unwrap_err()[0].contains("must be a struct"));
        assert!(Shape::of::<Rest>().unwrap_err()[0].contains("must be a struct"));
        assert!(Shape::of::<Mention>().unwrap_err()[0].contains("must be a struct"));
    }

    #[test]
    fn second_names_and_flattened_structs_are_refused() {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape counts")]
        struct Aliased {
            #[serde(alias = "b")]
            a: u8,
        }
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape counts")]
        struct Flat {
            #[serde(flatten)]
            aliased: Aliased,
        }
        assert!(Shape::of::<Aliased>().unwrap_err()[0].contains("no second names"));
        assert!(Shape::of::<Flat>().unwrap_err()[0].contains("without `flatten`"));
    }
}
