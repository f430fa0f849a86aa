//! What a bridge says: who has said what, in a way that calls nobody.

use crate::chat::ChatMessage;
use crate::handlers::replies::fill;

/// Puts a message into the words of the other rooms; `text` is its text now. `calls_names` says that whoever is named there is called.
pub(super) fn line(
    template: &str,
    message: &ChatMessage,
    text: &str,
    platform: &str,
    calls_names: bool,
) -> String {
    let files = message.attachments.iter().map(|file| file.url.as_str());
    let text: Vec<_> = std::iter::once(text)
        .filter(|text| !text.is_empty())
        .chain(files)
        .collect();
    let text = quiet(&text.join("\n"));
    let name: String = message.author.display.chars().take(LONGEST_NAME).collect();
    let name = name.replace(char::is_control, " ");
    let name = match calls_names {
        true => broken(&name),
        false => name,
    };
    fill(
        template,
        &[
            ("{name}", &name),
            ("{text}", &text),
            ("{platform}", platform),
        ],
    )
}

/// Puts something invisible behind the sign of each mention and behind its first letter, so that it is none.
fn quiet(text: &str) -> String {
    let mut quiet = String::with_capacity(text.len());
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        quiet.push(letter);
        // What is in an address is left as it is.
        let begins = letter == '@' && !before.is_alphanumeric() && before != '/';
        if begins && letters.peek().is_some_and(|next| next.is_alphanumeric()) {
            quiet.push(INVISIBLE);
            if let Some(first) = letters.next() {
                quiet.push(first);
                quiet.push(INVISIBLE);
                before = first;
                continue;
            }
        }
        before = letter;
    }
    quiet
}

/// Puts something invisible behind the first letter of a name, so that it is not found.
fn broken(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => format!("{first}{INVISIBLE}{}", letters.as_str()),
        None => String::new(),
    }
}

/// Cuts a text into pieces that fit: at a line, or at a word, if there is one in the second half of a piece.
pub(super) fn pieces(text: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let longest = longest(rest, &fits);
        let end = match rest.len() - longest {
            0 => longest,
            _ => {
                let (head, half) = (&rest[..longest], longest / 2);
                let cut = head.rfind('\n').filter(|at| *at >= half);
                let cut = cut.or_else(|| head.rfind(' ').filter(|at| *at >= half));
                cut.map_or(longest, |at| at + 1)
            }
        };
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece.trim_end().to_owned());
        rest = behind;
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Returns the length of the longest beginning that fits: a letter at least.
fn longest(text: &str, fits: impl Fn(&str) -> bool) -> usize {
    if fits(text) {
        return text.len();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let number = ends.partition_point(|end| fits(&text[..*end]));
    let first = ends.first().copied().unwrap_or(text.len());
    ends.get(number.saturating_sub(1)).copied().unwrap_or(first)
}

const INVISIBLE: char = '\u{200b}';
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Author, File};

    fn said(text: &str) -> ChatMessage {
        ChatMessage {
            author: Author {
                display: "Al\nice".to_owned(),
                ..Author::default()
            },
            text: text.to_owned(),
            ..ChatMessage::default()
        }
    }

    #[test]
    fn a_line_says_who_and_what_and_calls_nobody() {
        let mut message = said("hi @bob, {name}! a@b.c https://x.y/@bob @ @everyone");
        let told = |message: &ChatMessage, names| {
            line("{name}: {text}", message, &message.text, "mezon", names)
        };
        assert_eq!(
            told(&message, false),
            "Al ice: hi @\u{200b}b\u{200b}ob, {name}! a@b.c https://x.y/@bob @ @\u{200b}e\u{200b}veryone"
        );
        assert!(told(&message, true).starts_with("A\u{200b}l ice: "));
        message.text.clear();
        message.attachments.push(File {
            name: "a.png".to_owned(),
            url: "https://x.y/a.png".to_owned(),
        });
        assert_eq!(told(&message, false), "Al ice: https://x.y/a.png");
    }

    #[test]
    fn what_is_too_long_is_cut_at_words_and_nothing_is_lost() {
        let fits = |most: usize| move |text: &str| text.chars().count() <= most;
        assert_eq!(pieces("one two three", fits(100)), ["one two three"]);
        assert_eq!(pieces("one two three", fits(8)), ["one two", "three"]);
        assert_eq!(pieces("one\ntwo three", fits(6)), ["one", "two", "three"]);
        assert_eq!(
            pieces("\u{e9}\u{e9}\u{e9}", fits(2)),
            ["\u{e9}\u{e9}", "\u{e9}"]
        );
        assert_eq!(
            pieces("abc", |_| false),
            ["a", "b", "c"],
            "it ends in any case"
        );
        assert!(pieces("", fits(1)).is_empty());
    }
}
