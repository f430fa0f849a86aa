//! How much room a text takes, in cells of a monospaced font.

/// Returns how many cells `text` takes: East Asian letters and pictures take two, marks upon other letters none.
pub(super) fn cells(text: &str) -> usize {
    text.chars().map(cells_of).sum()
}

/// Shortens `text` to so many cells, with an ellipsis if something is missing.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if cells(text) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += cells_of(c);
        if taken > most {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// Writes `text` on one line, without characters that would end it, move a cursor or turn the reading direction.
pub(super) fn one_line(text: &str) -> String {
    let harms = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            // No letters, and not allowed in XML.
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let plain: String = text
        .chars()
        .map(|c| if harms(c) { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cells_of(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f000..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_count_twice_and_marks_not_at_all() {
        assert_eq!(cells("abc"), 3);
        assert_eq!(cells("投票"), 4);
        assert_eq!(cells("e\u{301}"), 1);
        assert_eq!(cells("🎭"), 2);
    }

    #[test]
    fn a_short_text_stays_and_a_long_one_fits() {
        assert_eq!(shortened("votes", 5), "votes");
        assert_eq!(shortened("voters", 5), "vote…");
        assert_eq!(shortened("投票投票", 5), "投票…");
        assert_eq!(one_line("a\nb\u{202e}\u{0}  c "), "a b c");
    }
}
