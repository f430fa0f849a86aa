//! Words read into a plain struct, by serde.

use std::borrow::Cow;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use serde::de::value::SeqDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

use super::argument::{ArgumentError, Kind, Problem};
use super::duration::parse_duration;
use super::shape::{self, Shape};
use super::words::{Word, Words};
use crate::utterance::{Mention, MentionKind};

/// Reads the arguments of a command.
///
/// An optional argument that is not the last one is left out if what stands in its place does not fit and the rest does without it.
///
/// # Errors
///
/// The first thing that is wrong.
pub(super) fn read<A: DeserializeOwned>(
    shape: &Shape,
    words: &Words<'_>,
) -> Result<A, ArgumentError> {
    let (mut left_out, mut first) = (0, None);
    loop {
        let mut reader = Reader::new(shape, words.clone(), left_out);
        let error = match A::deserialize(&mut reader) {
            Ok(read) => match reader.words.next() {
                None => return Ok(read),
                Some(surplus) => {
                    reader.given = Some(surplus.text);
                    Problem::TooMany.into()
                }
            },
            Err(error) => error,
        };
        let guess = reader.guess(&error);
        let error = first.get_or_insert_with(|| reader.explain(error));
        match guess {
            Some(argument) => left_out |= argument,
            None => return Err(std::mem::take(error)),
        }
    }
}

/// The words of one line, given to the fields of a struct one after another.
struct Reader<'a> {
    words: Words<'a>,
    shape: &'a Shape,
    /// The optional arguments that get no word, as bits.
    left_out: u64,
    /// The optional arguments that got one, as bits.
    taken: u64,
    /// The argument that is read, none outside of the struct.
    argument: Option<usize>,
    /// The word that was read last.
    given: Option<Cow<'a, str>>,
    /// What a mention that is read must mention.
    wanted: MentionKind,
    takes_rest: bool,
}

type Read<T> = Result<T, ArgumentError>;

impl<'a> Reader<'a> {
    fn new(shape: &'a Shape, words: Words<'a>, left_out: u64) -> Self {
        Self {
            words,
            shape,
            left_out,
            taken: 0,
            argument: None,
            given: None,
            wanted: MentionKind::User,
            takes_rest: false,
        }
    }

    /// Returns the optional argument that may be to blame, as a bit.
    fn guess(&self, error: &ArgumentError) -> Option<u64> {
        let suspects = match error.problem {
            Problem::TooMany => 0,
            Problem::Missing(_) => self.taken,
            _ => self.argument.map_or(0, bit) & self.taken,
        };
        let last = bit(self.shape.arguments.len().saturating_sub(1));
        let suspects = suspects & !last;
        (suspects > 0).then(|| 1 << (u64::BITS - 1 - suspects.leading_zeros()))
    }

    /// Adds to an error what is known here.
    fn explain(&self, mut error: ArgumentError) -> ArgumentError {
        let arguments = &self.shape.arguments;
        match &mut error.problem {
            Problem::Missing(what) => {
                let missing = arguments.iter().find(|other| other.name == error.argument);
                *what = missing
                    .map(|missing| missing.kind.to_string())
                    .unwrap_or_default();
                return error;
            }
            Problem::TooMany => {}
            _ => {
                let argument = self.argument.and_then(|index| arguments.get(index));
                error.argument = argument.map_or("", |argument| argument.name).to_owned();
            }
        }
        error.given = self.given.as_deref().map(str::to_owned);
        error
    }

    fn word(&mut self) -> Read<Word<'a>> {
        // Whoever asks has looked: the words have not run out.
        let word = self.words.next().ok_or(Problem::TooMany)?;
        self.given = Some(word.text.clone());
        Ok(word)
    }

    fn number<N: FromStr<Err = ParseIntError>>(&mut self, least: i128, most: u128) -> Read<N> {
        let word = self.word()?.text;
        word.parse().map_err(|error: ParseIntError| {
            let digits = word.strip_prefix('-').unwrap_or_default();
            let is_negative = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            ArgumentError::from(match error.kind() {
                _ if least == 0 && is_negative => Problem::Negative,
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                    Problem::OutOfRange { least, most }
                }
                _ => (&Kind::Number { least, most }).into(),
            })
        })
    }

    fn fraction(&mut self) -> Read<f64> {
        let word = self.word()?.text;
        let is_number = word.contains(|c: char| c.is_ascii_digit());
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) if is_number => Err(Problem::Refused("it is too large".to_owned()).into()),
            _ => Err(Problem::from(&Kind::Fraction).into()),
        }
    }

    fn mention(&mut self) -> Read<Mention> {
        let (word, wanted) = (self.word()?, self.wanted);
        let typed = word
            .text
            .strip_prefix(wanted.sign())
            .filter(|name| !name.is_empty());
        let named = || {
            let name = typed?;
            let known = self
                .words
                .mentioned(name)
                .filter(|known| known.kind == wanted);
            Some(known.cloned().unwrap_or_else(|| Mention {
                kind: wanted,
                name: name.to_owned(),
                ..Mention::default()
            }))
        };
        match word.mention {
            Some(mention) if mention.kind == wanted => Some(mention.clone()),
            Some(_) => None,
            None => named(),
        }
        .ok_or_else(|| Problem::from(&Kind::Mention(wanted)).into())
    }
}

fn bit(argument: usize) -> u64 {
    1 << argument.min(shape::MOST_ARGUMENTS)
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $number:ty,)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            visitor.$visit(self.number::<$number>(<$number>::MIN as i128, <$number>::MAX as u128)?)
        }
    )*};
}

macro_rules! refused {
    ($($deserialize:ident($($unused:ty),*))*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, $(_: $unused,)* _: V) -> Read<V::Value> {
            Err(serde::de::Error::custom(shape::NESTED))
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = ArgumentError;

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    refused! {
        deserialize_byte_buf()
        deserialize_bytes()
        deserialize_map()
        deserialize_tuple(usize)
        deserialize_tuple_struct(&'static str, usize)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let word = self.word()?.text;
        let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        match (
            is(&["yes", "true", "on", "1"]),
            is(&["no", "false", "off", "0"]),
        ) {
            (true, _) => visitor.visit_bool(true),
            (_, true) => visitor.visit_bool(false),
            _ => Err(Problem::from(&Kind::Flag).into()),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_f64(self.fraction()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let word = self.word()?.text;
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => visitor.visit_char(c),
            _ => Err(Problem::from(&Kind::Character).into()),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if std::mem::take(&mut self.takes_rest) {
            let rest = self.words.take_rest();
            self.given = Some(Cow::Borrowed(rest));
            return visitor.visit_str(rest);
        }
        visitor.visit_str(&self.word()?.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        match Kind::of_newtype(name) {
            Some(Kind::Mention(kind)) => self.wanted = kind,
            Some(_) => self.takes_rest = true,
            None => {}
        }
        let read = visitor.visit_newtype_struct(&mut *self);
        self.wanted = MentionKind::User;
        read
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(Items(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        if self.argument.is_none() {
            return visitor.visit_map(Fields {
                reader: self,
                names: fields,
                next: 0,
            });
        }
        match Kind::of_struct(name, fields) {
            Some(Kind::Mention(_)) => {
                let mention = serde_json::to_value(self.mention()?);
                let read = mention.and_then(|it| it.deserialize_struct(name, fields, visitor));
                read.map_err(serde::de::Error::custom)
            }
            Some(_) => {
                let word = self.word()?.text;
                let duration =
                    parse_duration(&word).ok_or_else(|| Problem::from(&Kind::Duration))?;
                let parts = [duration.as_secs(), duration.subsec_nanos().into()];
                visitor.visit_seq(SeqDeserializer::new(parts.into_iter()))
            }
            None => Err(serde::de::Error::custom(shape::NESTED)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let word = self.word()?.text;
        let exact = variants.iter().find(|name| **name == word);
        let folded = || variants.iter().find(|name| is_same(name, &word));
        match exact.or_else(folded) {
            Some(name) => visitor.visit_enum((*name).into_deserializer()),
            None => Err(Problem::from(&Kind::Choice(variants)).into()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.word()?;
        visitor.visit_unit()
    }
}

/// Compares two names; case does not count, nor which hyphen is in them.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        let folded: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        folded.into_iter().map(|c| if c == '_' { '-' } else { c })
    };
    plain(a).eq(plain(b))
}

struct Fields<'r, 'a> {
    reader: &'r mut Reader<'a>,
    names: &'static [&'static str],
    next: usize,
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = ArgumentError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        let reader = &mut *self.reader;
        while let Some(name) = self.names.get(self.next) {
            let (index, argument) = (self.next, reader.shape.arguments.get(self.next));
            self.next += 1;
            let takes_none = argument.is_some_and(|it| matches!(it.kind, Kind::Many(_)));
            let is_over = reader.words.rest().is_empty() && !takes_none;
            if is_over || reader.left_out & bit(index) > 0 {
                continue;
            }
            reader.argument = Some(index);
            if argument.is_some_and(|argument| argument.is_optional) {
                reader.taken |= bit(index);
            }
            return seed.deserialize((*name).into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        seed.deserialize(&mut *self.reader)
    }
}

struct Items<'r, 'a>(&'r mut Reader<'a>);

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = ArgumentError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        match self.0.words.rest().is_empty() {
            true => Ok(None),
            false => seed.deserialize(&mut *self.0).map(Some),
        }
    }
}
