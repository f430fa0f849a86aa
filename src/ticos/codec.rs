//! From frames to objects.

use std::borrow::Cow;

use serde_json::Value;

use crate::platform::json::{self, Unreadable};

/// Why a frame is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bad {
    Empty,
    NotJson,
    NotObject,
    TooDeep,
}

impl Bad {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Empty => "an empty frame",
            Self::NotJson => "a frame that is not JSON",
            Self::NotObject => "JSON that is not an object",
            Self::TooDeep => "JSON that is nested too deeply",
        }
    }
}

/// Reads a text frame.
pub(super) fn text(frame: &str) -> Result<Value, Bad> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    if frame.as_bytes().iter().all(blank) {
        return Err(Bad::Empty);
    }
    match parse(frame)? {
        object @ Value::Object(_) => Ok(object),
        _ => Err(Bad::NotObject),
    }
}

/// Reads a binary frame: text in which what is not UTF-8 is replaced, perhaps in single quotes.
pub(super) fn binary(frame: &[u8]) -> Result<Value, Bad> {
    let decoded: Cow<'_, str> = String::from_utf8_lossy(frame);
    text(decoded.trim_matches('\''))
}

/// Parses JSON of a bounded depth.
pub(super) fn parse(json: &str) -> Result<Value, Bad> {
    json::parse(json.as_bytes()).map_err(|error| match error {
        Unreadable::Deep => Bad::TooDeep,
        Unreadable::Wrong(_) => Bad::NotJson,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::platform::json::DEPTH;

    #[test]
    fn what_is_no_object_is_told_apart() {
        for (frame, bad) in [
            ("", Bad::Empty),
            (" \n", Bad::Empty),
            ("{nope", Bad::NotJson),
            ("{} {}", Bad::NotJson),
            ("{\"a\":NaN}", Bad::NotJson),
            ("{\"a\":\"\\ud800\"}", Bad::NotJson),
            ("[1,2]", Bad::NotObject),
            ("\"hello\"", Bad::NotObject),
            ("5", Bad::NotObject),
            ("null", Bad::NotObject),
        ] {
            assert_eq!(text(frame), Err(bad), "{frame}");
        }
        assert_eq!(binary(&[0, 1, 2]), Err(Bad::NotJson));
        assert_eq!(binary(b"''"), Err(Bad::Empty));
    }

    #[test]
    fn depth_is_bounded_and_128_levels_are_fine() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(text(&nested(128)).is_ok());
        assert!(text(&nested(DEPTH - 1)).is_ok());
        assert_eq!(text(&nested(DEPTH)), Err(Bad::TooDeep));
        assert_eq!(text(&nested(1_000_000)), Err(Bad::TooDeep));
        assert_eq!(text(&"[".repeat(5_000_000)), Err(Bad::TooDeep));
        let brackets = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(1_000));
        assert!(text(&brackets).is_ok());
    }

    #[test]
    fn binary_frames_are_mended_and_freed_of_quotes() {
        assert_eq!(
            binary(b"{\"type\":\"response.created\",\"x\":\"\xff\"}"),
            Ok(json!({"type": "response.created", "x": "\u{fffd}"}))
        );
        assert_eq!(binary(b"'{\"a\":1}'"), Ok(json!({"a": 1})));
    }

    #[test]
    fn numbers_survive_and_the_last_of_equal_keys_counts() {
        let frame = r#"{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615,"d":0.1234567890123456789,"e":2.2250738585072014e-308,"f":1.0}"#;
        let value = text(frame).unwrap();
        assert_eq!(value["a"], json!(i64::MAX));
        assert_eq!(value["b"], json!(i64::MIN));
        assert_eq!(value["c"], json!(u64::MAX));
        assert_eq!(value["d"].as_f64(), Some(0.123_456_789_012_345_68));
        assert_eq!(value["e"].as_f64(), Some(f64::MIN_POSITIVE));
        assert_eq!(value["f"].to_string(), "1.0");
        let twice = text(r#"{"type":"response.created","type":"response.done"}"#);
        assert_eq!(twice, Ok(json!({"type": "response.done"})));
    }
}
