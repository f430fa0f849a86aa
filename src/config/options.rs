//! Reads options of somebody's own type by serde. What is wrong with them is told with its path and its place, and never quoted.

use std::collections::BTreeMap;
use std::fmt;

use config::{Value, ValueKind};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::value::unknown;

/// What is wrong with options.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// Where, such as `dice[2].sides`.
    pub(super) path: String,
    /// Where that comes from, as the value knows it; none for what is not there.
    pub(super) origin: Option<String>,
    pub(super) message: String,
}

/// Reads options out of `values`; `others` are keys that somebody else reads, which may have been meant.
pub(super) fn read<O: DeserializeOwned>(
    values: BTreeMap<&str, &Value>,
    others: &[&'static str],
) -> Result<O, Wrong> {
    O::deserialize(Options { values, others })
}

/// All options together.
struct Options<'a> {
    values: BTreeMap<&'a str, &'a Value>,
    others: &'a [&'static str],
}

impl<'de> Deserializer<'de> for Options<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries::new(self.values, &[], self.others))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries::new(self.values, fields, self.others))
    }

    // `()`, and a struct without fields: no options.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.values.first_key_value() {
            None => visitor.visit_unit(),
            Some((key, value)) => Err(Wrong::custom(unknown(key, self.others)).at(key, value)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// One value.
struct Node<'a> {
    value: &'a Value,
    /// Its key, and which keys there may be; for a value that nobody asks for.
    key: &'a str,
    known: &'a [&'static str],
    others: &'a [&'static str],
}

impl<'a> Node<'a> {
    fn alone(value: &'a Value) -> Self {
        Self {
            value,
            key: "",
            known: &[],
            others: &[],
        }
    }

    fn entries(&self, fields: &'static [&'static str]) -> Option<Entries<'a>> {
        let ValueKind::Table(values) = &self.value.kind else {
            return None;
        };
        let values = values.iter().map(|(key, value)| (key.as_str(), value));
        Some(Entries::new(values.collect(), fields, &[]))
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value.kind {
            ValueKind::Nil => Err(Wrong::custom("must not be a date")),
            ValueKind::Boolean(flag) => visitor.visit_bool(*flag),
            ValueKind::I64(number) => visitor.visit_i64(*number),
            ValueKind::U64(number) => visitor.visit_u64(*number),
            ValueKind::I128(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => visitor.visit_i128(*number),
            },
            ValueKind::U128(number) => visitor.visit_u128(*number),
            ValueKind::Float(number) => visitor.visit_f64(*number),
            ValueKind::String(text) => visitor.visit_borrowed_str(text),
            ValueKind::Array(items) => visitor.visit_seq(Items { items, next: 0 }),
            ValueKind::Table(_) => match self.entries(&[]) {
                Some(entries) => visitor.visit_map(entries),
                None => visitor.visit_unit(),
            },
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.entries(fields) {
            Some(entries) => visitor.visit_map(entries),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match (&self.value.kind, self.entries(&[])) {
            (ValueKind::String(text), _) => {
                visitor.visit_enum(IntoDeserializer::<Wrong>::into_deserializer(text.as_str()))
            }
            (_, Some(entries)) => visitor.visit_enum(MapAccessDeserializer::new(entries)),
            _ => self.deserialize_any(visitor),
        }
    }

    /// Nobody asks for it.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
        let known: Vec<_> = self.known.iter().chain(self.others).copied().collect();
        Err(Wrong::custom(unknown(self.key, &known)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier
    }
}

struct Entries<'a> {
    left: std::collections::btree_map::IntoIter<&'a str, &'a Value>,
    next: Option<(&'a str, &'a Value)>,
    fields: &'static [&'static str],
    others: &'a [&'static str],
}

impl<'a> Entries<'a> {
    fn new(
        values: BTreeMap<&'a str, &'a Value>,
        fields: &'static [&'static str],
        others: &'a [&'static str],
    ) -> Self {
        Self {
            left: values.into_iter(),
            next: None,
            fields,
            others,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        self.next = self.left.next();
        let Some((key, value)) = self.next else {
            return Ok(None);
        };
        let read = seed.deserialize(StrDeserializer::<Wrong>::new(key));
        read.map(Some).map_err(|wrong| wrong.of(value))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.next.take() else {
            return Err(Wrong::custom("has a value without a key"));
        };
        let node = Node {
            value,
            key,
            known: self.fields,
            others: self.others,
        };
        seed.deserialize(node).map_err(|wrong| wrong.at(key, value))
    }
}

struct Items<'a> {
    items: &'a [Value],
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(item) = self.items.get(self.next) else {
            return Ok(None);
        };
        let at = format!("[{}]", self.next);
        self.next += 1;
        let read = seed.deserialize(Node::alone(item));
        read.map(Some).map_err(|wrong| wrong.at(&at, item))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

impl Wrong {
    fn custom(message: impl fmt::Display) -> Self {
        de::Error::custom(message)
    }

    /// Notes that it came from this value, unless a closer one is known.
    fn of(mut self, value: &Value) -> Self {
        if self.origin.is_none() {
            self.origin = value.origin().map(str::to_owned);
        }
        self
    }

    /// Notes that it is below `step`.
    fn at(mut self, step: &str, value: &Value) -> Self {
        let dot = match self.path.as_str() {
            "" => "",
            path if path.starts_with('[') => "",
            _ => ".",
        };
        self.path = format!("{step}{dot}{}", self.path);
        self.of(value)
    }
}

impl std::error::Error for Wrong {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            ..Self::default()
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("must be {}, not {}", wanted(expected), name(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => {
                Self::custom(format!("is out of range: must be {}", wanted(expected)))
            }
            _ => Self::custom(format!("must be {}", wanted(expected))),
        }
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::custom(format!(
            "has {length} entries: must be {}",
            wanted(expected)
        ))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            path: field.to_owned(),
            ..Self::custom(unknown(field, expected))
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            path: field.to_owned(),
            ..Self::custom("is required")
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            path: field.to_owned(),
            ..Self::custom("is there twice")
        }
    }
}

/// Says what a type of Rust expects in the words of all other settings.
fn wanted(expected: &dyn de::Expected) -> String {
    let whole = |most: u64| format!("a whole number, 0 to {most}");
    let expected = expected.to_string();
    match expected.as_str() {
        "a boolean" => "true or false".to_owned(),
        "a map" => "a section".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a string" => "text".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "u64" | "u128" | "usize" => "a whole number from 0".to_owned(),
        text if text.starts_with("struct ") => "a section".to_owned(),
        _ => expected,
    }
}

fn name(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Map => "a section",
        Unexpected::Seq => "a list",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        _ => "something else",
    }
}
