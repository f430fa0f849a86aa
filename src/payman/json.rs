//! JSON that is kept as it was written: amounts and unknown fields reach whoever reads them unchanged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value as its text, without spaces between the tokens. Cloning it copies a pointer.
///
/// Numbers keep all of their digits, objects the order of their keys. It is equal to another one if the texts are. `Debug` shows its
/// length only, since it can hold what a person wrote.
///
/// # Examples
///
/// ```
/// use greenroom::payman::Json;
///
/// let json = Json::parse(r#"{ "amount": 10.00, "to": null }"#)?;
/// assert_eq!(json.text(), r#"{"amount":10.00,"to":null}"#);
/// assert_eq!(json.get("amount").unwrap().text(), "10.00");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// If it is not JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Self::compact(raw)
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON, such as a map whose keys are no texts.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    fn compact(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        if !text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return Ok(Self(raw.to_owned().into()));
        }
        RawValue::from_string(without_spaces(text)).map(|raw| Self(raw.into()))
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Reads the value as a type.
    ///
    /// # Errors
    ///
    /// If it does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }

    /// Returns a field, if the value is an object that has it; of several with one name the last.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Self> {
        self.fields()?.remove(name)
    }

    /// Returns the fields, if the value is an object.
    pub(super) fn fields(&self) -> Option<BTreeMap<String, Self>> {
        if !self.is_object() {
            return None;
        }
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(self.text()).ok()?;
        let owned = |raw: &RawValue| Self(raw.to_owned().into());
        Some(
            fields
                .into_iter()
                .map(|(name, raw)| (name, owned(raw)))
                .collect(),
        )
    }

    /// Returns the items, if the value is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.text()).ok()?;
        let owned = |raw: &RawValue| Self(raw.to_owned().into());
        Some(items.into_iter().map(owned).collect())
    }

    /// Returns the text that the value is, if it is one.
    pub(super) fn string(&self) -> Option<String> {
        self.read().ok()
    }

    pub(super) fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    pub(super) fn is_null(&self) -> bool {
        self.text() == "null"
    }

    pub(super) fn is_true(&self) -> bool {
        self.text() == "true"
    }

    pub(super) fn empty() -> Self {
        // Fails for no text that is JSON, and this is.
        Self::parse("{}").unwrap_or_else(|_| Self(RawValue::NULL.to_owned().into()))
    }
}

/// Takes the spaces out that are between the tokens of a JSON text.
fn without_spaces(text: &str) -> String {
    let (mut compact, mut in_text, mut escaped) = (String::with_capacity(text.len()), false, false);
    for character in text.chars() {
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if matches!(character, ' ' | '\t' | '\r' | '\n') {
            continue;
        } else {
            in_text = character == '"';
        }
        compact.push(character);
    }
    compact
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::compact(&raw).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spaces_go_and_everything_else_stays() {
        for (text, kept) in [
            (
                "{ \"a\" : [ 1.50 , 2e3 ] ,\n\t\"b\": \"x y\\\" z\\\\\" }",
                "{\"a\":[1.50,2e3],\"b\":\"x y\\\" z\\\\\"}",
            ),
            (" null ", "null"),
            ("\"\\\\\" ", "\"\\\\\""),
        ] {
            assert_eq!(Json::parse(text).unwrap().text(), kept);
        }
        for wrong in ["", "{", "{\"a\":}", "1 2"] {
            assert!(Json::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_keep_their_digits_and_keys_their_order() {
        let text = r#"{"b":123456789012345678901234567890.10,"a":1}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert_eq!(
            json.get("b").unwrap().text(),
            "123456789012345678901234567890.10"
        );
        assert_eq!(Json::parse("[1]").unwrap().get("a"), None);
    }

    proptest! {
        #[test]
        fn the_value_is_the_same_without_spaces(keys in prop::collection::vec(".{0,6}", 0..6), texts in prop::collection::vec(".{0,9}", 0..6)) {
            let object: BTreeMap<_, _> = keys.into_iter().zip(texts).collect();
            let pretty = serde_json::to_string_pretty(&object).unwrap();
            let compact = Json::parse(&pretty).unwrap();
            prop_assert_eq!(compact.text(), serde_json::to_string(&object).unwrap());
        }
    }
}
