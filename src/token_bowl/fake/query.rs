//! What a query must look like, and the list of what is wrong with it, in the server's words.

use serde_json::{Value, json};

use super::failure::Failure;
use super::form::invalid;
use crate::simulator::Request;

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<Value>,
}

impl Query {
    pub(super) fn of(request: &Request) -> Self {
        let query = request
            .target
            .split_once('?')
            .map_or("", |(_, query)| query);
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self {
            pairs: pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            faults: Vec::new(),
        }
    }

    /// Returns the last value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut pairs = self.pairs.iter().rev();
        let found = pairs.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Reads a number.
    pub(super) fn number(&mut self, name: &str, default: i64) -> i64 {
        let Some(text) = self.text(name).map(str::to_owned) else {
            return default;
        };
        match integer(&text) {
            Some(number) => number,
            None => {
                self.fault(
                    name,
                    "int_parsing",
                    "Input should be a valid integer, unable to parse string as an integer",
                    &text,
                    None,
                );
                default
            }
        }
    }

    /// Reads a number that has bounds.
    pub(super) fn bounded(&mut self, name: &str, default: i64, least: i64, most: i64) -> i64 {
        let number = self.number(name, default);
        let given = self.text(name).unwrap_or_default().to_owned();
        if number < least {
            let text = format!("Input should be greater than or equal to {least}");
            let context = json!({"ge": least});
            self.fault(name, "greater_than_equal", &text, &given, Some(context));
        } else if number > most {
            let text = format!("Input should be less than or equal to {most}");
            let context = json!({"le": most});
            self.fault(name, "less_than_equal", &text, &given, Some(context));
        }
        number
    }

    fn fault(&mut self, name: &str, kind: &str, text: &str, input: &str, context: Option<Value>) {
        let mut fault = json!({
            "type": kind,
            "loc": ["query", name],
            "msg": text,
            "input": input,
        });
        if let Some(context) = context {
            fault["ctx"] = context;
        }
        self.faults.push(fault);
    }

    /// Ends the reading.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(invalid(self.faults.clone())),
        }
    }
}

/// Reads a whole number as leniently as the server: with blanks around it, and with zeros behind a point.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (whole, zeros) = text.split_once('.').unwrap_or((text, ""));
    let is_whole = zeros.bytes().all(|digit| digit == b'0');
    let number: i128 = whole.parse().ok().filter(|_| is_whole)?;
    Some(i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_leniently() {
        for (text, number) in [
            ("5", Some(5)),
            (" 5 ", Some(5)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("5.00", Some(5)),
            ("99999999999999999999", Some(i64::MAX)),
            ("", None),
            ("5.5", None),
            ("five", None),
            ("5 5", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }
}
