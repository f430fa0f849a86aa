//! The header `Retry-After`.

use std::time::Duration;

use awc::http::header::{HeaderValue, HttpDate};
use greenroom_actors::clock;

/// Reads a number of seconds, or a date; what is neither is ignored.
pub(crate) fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = text.parse::<HttpDate>().ok()?;
    let date = std::time::SystemTime::from(date);
    Some(date.duration_since(clock::date()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Duration> {
        parse(&HeaderValue::from_str(text).unwrap())
    }

    #[test]
    fn seconds_and_dates_are_read_and_nonsense_is_ignored() {
        assert_eq!(parsed("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            parsed("Wed, 21 Oct 2015 07:28:00 GMT"),
            Some(Duration::ZERO)
        );
        let later = parsed("Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
        assert!(later > Duration::from_secs(1_000_000));
        for nonsense in ["", "-1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(parsed(nonsense), None, "{nonsense}");
        }
    }
}
