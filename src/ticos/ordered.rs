//! JSON that keeps the order of its keys, for files that others write too.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// A JSON value in the order of its file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ordered {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Ordered {
    /// Returns the value of `key`, put there as an empty object if it is no object.
    pub(super) fn object_at(&mut self, key: &str) -> &mut Self {
        let empty = || Self::Object(Vec::new());
        if !matches!(self, Self::Object(_)) {
            *self = empty();
        }
        let Self::Object(fields) = self else {
            return self;
        };
        let place = match fields.iter().position(|(name, _)| name == key) {
            Some(place) => place,
            None => {
                fields.push((key.to_owned(), empty()));
                fields.len() - 1
            }
        };
        let value = &mut fields[place].1;
        if !matches!(value, Self::Object(_)) {
            *value = empty();
        }
        value
    }

    /// Sets the value of `key`, in its place.
    pub(super) fn set(&mut self, key: &str, value: Self) {
        if let Self::Object(fields) = self {
            match fields.iter_mut().find(|(name, _)| name == key) {
                Some((_, there)) => *there = value,
                None => fields.push((key.to_owned(), value)),
            }
        }
    }

    /// Writes it with an indent of two spaces and no end of line.
    pub(super) fn pretty(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl From<Ordered> for Value {
    fn from(ordered: Ordered) -> Self {
        match ordered {
            Ordered::Null => Self::Null,
            Ordered::Bool(value) => Self::Bool(value),
            Ordered::Number(value) => Self::Number(value),
            Ordered::Text(value) => Self::String(value),
            Ordered::List(values) => values.into_iter().map(Self::from).collect(),
            Ordered::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| (name, Self::from(value)))
                .collect(),
        }
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => values.serialize(serializer),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
                Ok(Ordered::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
                Ok(Ordered::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Ordered, E> {
                Ok(Ordered::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Ordered, E> {
                Ok(Number::from_f64(value).map_or(Ordered::Null, Ordered::Number))
            }

            fn visit_str<E>(self, value: &str) -> Result<Ordered, E> {
                Ok(Ordered::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Ordered::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut object = Ordered::Object(Vec::new());
                while let Some((name, value)) = map.next_entry::<String, Ordered>()? {
                    object.set(&name, value);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_and_other_keys_are_kept() {
        let text = "{\n  \"z\": 1.0,\n  \"a\": {\n    \"messages\": [],\n    \"n\": 18446744073709551615\n  },\n  \"é\": \"你\"\n}";
        let mut ordered: Ordered = serde_json::from_str(text).unwrap();
        assert_eq!(ordered.pretty().unwrap(), text);
        let messages = ordered.object_at("a").object_at("messages");
        messages.set("nobody", Ordered::List(Vec::new()));
        let written = ordered.pretty().unwrap();
        assert!(
            written.contains("\"messages\": {\n      \"nobody\": []\n    },\n    \"n\""),
            "{written}"
        );
    }
}
