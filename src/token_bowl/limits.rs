//! What the platform allows; checked before anything is sent. Lengths are in Unicode code points.

use super::error::ApiError;

/// Checks the text of a message. White space is text.
pub(super) fn check_content(content: &str) -> Result<(), ApiError> {
    match is_within(content, 1, CONTENT) {
        true => Ok(()),
        false => Err(ApiError::validation(BAD_CONTENT)),
    }
}

/// Checks the recipient of a message; none and the empty name are the room.
pub(super) fn check_recipient(name: Option<&str>) -> Result<Option<&str>, ApiError> {
    match name {
        None | Some("") => Ok(None),
        Some(name) => check("to_username", name, 1, NAME).map(|()| Some(name)),
    }
}

/// Checks the length of a text.
pub(super) fn check(field: &str, text: &str, least: usize, most: usize) -> Result<(), ApiError> {
    match is_within(text, least, most) {
        true => Ok(()),
        false if most == usize::MAX => Err(ApiError::validation(format!(
            "{field} must be at least {least} character"
        ))),
        false => Err(ApiError::validation(format!(
            "{field} must be {least}-{most} characters"
        ))),
    }
}

/// Checks a webhook's URL.
pub(super) fn check_webhook(url: &str) -> Result<(), ApiError> {
    check("webhook_url", url, 1, WEBHOOK)?;
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(()),
        false => Err(ApiError::validation(
            "webhook_url must begin with http:// or https://",
        )),
    }
}

fn is_within(text: &str, least: usize, most: usize) -> bool {
    // A character is one to four bytes: mostly nothing has to be counted.
    let bytes = text.len();
    (bytes >= least && bytes <= most) || (least..=most).contains(&text.chars().count())
}

/// What is said of a content that is empty or too long.
pub(super) const BAD_CONTENT: &str = "Content must be 1-10000 characters";
/// What is said before the websocket is connected, and after.
pub(super) const NOT_CONNECTED: &str = "WebSocket not connected. Call connect() first.";
/// The longest text of a message.
const CONTENT: usize = 10_000;
/// The longest name.
pub(super) const NAME: usize = 50;
/// The longest URL.
const WEBHOOK: usize = 2_083;
/// The largest page.
pub(super) const PAGE: u32 = 1_000;
/// The largest websocket message that is accepted, in bytes: a hundred of the longest messages fit.
pub(super) const MAX_FRAME: usize = 16 * 1024 * 1024;
/// The largest answer over HTTP that is accepted, in bytes.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tbc_11_contents_are_counted_in_code_points() {
        for text in ["x", " ", "\n", &"x".repeat(10_000), &"🦊".repeat(10_000)] {
            check_content(text).unwrap();
        }
        for text in ["", &"x".repeat(10_001), &"🦊".repeat(10_001)] {
            let error = check_content(text).unwrap_err();
            assert_eq!(error.to_string(), "Content must be 1-10000 characters");
        }
    }

    #[test]
    fn recipients_and_urls_are_checked() {
        assert_eq!(check_recipient(Some("")).unwrap(), None);
        assert_eq!(check_recipient(Some("bob")).unwrap(), Some("bob"));
        let error = check_recipient(Some(&"b".repeat(51))).unwrap_err();
        assert_eq!(error.to_string(), "to_username must be 1-50 characters");
        check_webhook("https://h/x").unwrap();
        for url in ["", "ftp://h", &format!("https://{}", "x".repeat(2_076))] {
            check_webhook(url).unwrap_err();
        }
    }
}
