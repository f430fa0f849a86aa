//! Text that grows: an agent that hears more of a sentence sends it again as a new item.

/// Says whether the later text extends the earlier one, or the other way round, so that the earlier row is not needed any more.
pub(super) fn is_same_utterance(earlier: &str, later: &str) -> bool {
    if earlier.is_empty() || later.is_empty() {
        return false;
    }
    let (earlier, later) = (trimmed(earlier), trimmed(later));
    earlier != later && (later.starts_with(earlier) || earlier.starts_with(later))
}

/// Takes one mark away from the end.
fn trimmed(text: &str) -> &str {
    text.strip_suffix(['。', '，', ',', '.', '?', '!', '？', '！'])
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_told_from_other_texts() {
        for (earlier, later, same) in [
            ("你好。", "你好吗", true),
            ("你好", "你好，世界。", true),
            ("hello there.", "hello", true),
            ("hello", "hello", false),
            ("hello.", "hello!", false),
            ("hello..", "hello.", true),
            ("", "hello", false),
            ("hello", "", false),
            ("hello", "help", false),
        ] {
            assert_eq!(is_same_utterance(earlier, later), same, "{earlier} {later}");
        }
    }
}
