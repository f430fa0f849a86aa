//! Query strings, with the oddities of the published clients.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::simulator::decode;

/// The parameters of a request.
///
/// Accepts pairs, also with a `?` or `&` too many, and the one percent-encoded JSON object that Python 1.4.1 sends in
/// place of pairs, nulls included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Reads the part of a request target behind the question mark.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('?');
        object(text)
            .or_else(|| object(&decode(text)))
            .unwrap_or_else(|| Self::pairs(text))
    }

    /// Returns the last value of a parameter that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let values = self.0.get(name)?;
        values
            .iter()
            .rev()
            .map(String::as_str)
            .find(|value| !value.is_empty())
    }

    /// Returns all values of a parameter, those in one comma-separated text as well.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.0.get(name).into_iter().flatten();
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Returns a number; `Err` holds what is not one.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("{name}: \"{text}\" is not a number"))
            })
            .transpose()
    }

    fn pairs(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if !name.is_empty() {
                let values = query.0.entry(name.into_owned()).or_default();
                values.push(value.into_owned());
            }
        }
        query
    }
}

fn object(text: &str) -> Option<Query> {
    let text = decode(text);
    if !text.starts_with('{') {
        return None;
    }
    let Value::Object(object) = serde_json::from_str(text.trim_end_matches('=')).ok()? else {
        return None;
    };
    let mut query = Query::default();
    for (name, value) in object {
        let values = match value {
            Value::Null => continue,
            Value::Array(values) => values.iter().map(text_of).collect(),
            value => vec![text_of(&value)],
        };
        query.0.insert(name, values);
    }
    Some(query)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_what_the_clients_leave_at_the_end() {
        for text in [
            "clan_id=2&type=3",
            "clan_id=2&type=3&",
            "?clan_id=2&type=3?",
        ] {
            let query = Query::parse(text);
            assert_eq!(query.text("clan_id"), Some("2"), "{text}");
            assert_eq!(query.text("limit"), None);
        }
        assert_eq!(Query::parse("?"), Query::default());
        assert_eq!(Query::parse("type=3&").number("type"), Ok(Some(3)));
        assert!(Query::parse("type=x").number::<i32>("type").is_err());
        assert_eq!(
            Query::parse("usernames=a%20b&usernames=c&ids=").list("usernames"),
            ["a b", "c"]
        );
    }

    #[test]
    fn one_percent_encoded_json_object() {
        let text =
            "%7B%22lang%22%3A%20%22en%22%2C%20%22limit%22%3A%20null%2C%20%22type%22%3A%203%7D";
        for text in [
            text.to_owned(),
            format!("{text}="),
            text.replace('%', "%25"),
        ] {
            let query = Query::parse(&text);
            assert_eq!(query.text("lang"), Some("en"), "{text}");
            assert_eq!(query.number("type"), Ok(Some(3)));
            assert_eq!(query.text("limit"), None);
        }
    }

    #[test]
    fn nothing_panics_on_broken_escapes() {
        for text in ["%", "%7", "%zz", "%é", "%7B%22", "{", "%ff%ff"] {
            let _ = Query::parse(text);
        }
        assert_eq!(decode("a%20b%2"), "a b%2");
    }
}
