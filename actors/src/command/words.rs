//! A text as words: quotes, escapes, mentions.

use std::borrow::Cow;

use crate::utterance::Mention;

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// What it says, without quotes and escapes.
    pub text: Cow<'a, str>,
    /// The mention that it is, if the platform says that it is one.
    pub mention: Option<&'a Mention>,
}

/// Splits a text into words.
///
/// - Whitespace separates words. A mention that the platform knows the place of is one word, whatever its name.
/// - A word in quotes may contain whitespace: `"a b"`, `'a b'`, and the typographic pairs that keyboards of phones make. A quote closes
///   before whitespace or at the end only, so that `'it's fine'` is one word. One that is never closed is an ordinary character.
/// - A backslash takes the quote, the backslash or the space behind it literally. Before anything else it is an ordinary character.
///
/// No text is an error, and none is lost. Nothing is allocated unless there is an escape.
///
/// # Examples
///
/// ```
/// use greenroom_actors::command::Words;
///
/// let words: Vec<_> = Words::new(r#"add "two words" it\ is"#).map(|word| word.text).collect();
/// assert_eq!(words, ["add", "two words", "it is"]);
/// ```
#[derive(Clone, Debug)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
    mentions: &'a [Mention],
    /// Quotes that are known to be closed nowhere in what is left.
    unclosed: Vec<char>,
}

impl<'a> Words<'a> {
    /// Splits a text without mentions.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self::with_mentions(text, 0, &[])
    }

    /// Splits a text from the byte `at` on; the places of mentions are those in the whole text.
    #[must_use]
    pub fn with_mentions(text: &'a str, at: usize, mentions: &'a [Mention]) -> Self {
        Self {
            text,
            at: if text.is_char_boundary(at) {
                at
            } else {
                text.len()
            },
            mentions,
            unclosed: Vec::new(),
        }
    }

    /// Returns all that is left as it was written, without the whitespace around it.
    #[must_use]
    pub fn rest(&self) -> &'a str {
        self.text[self.at..].trim()
    }

    /// Returns where the rest begins in the whole text, in bytes.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.text.len() - self.text[self.at..].trim_start().len()
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    /// Returns a mention by the name that somebody typed for it, for platforms that do not tell places.
    pub(super) fn mentioned(&self, name: &str) -> Option<&'a Mention> {
        self.mentions
            .iter()
            .find(|mention| mention.name.eq_ignore_ascii_case(name))
    }

    fn mention_at(&self, start: usize) -> Option<(&'a Mention, &'a str, usize)> {
        self.mentions.iter().find_map(|mention| {
            let (from, to) = mention.place.filter(|(from, to)| from < to)?;
            let text = self.text.get(from..to).filter(|_| from == start)?;
            Some((mention, text, to))
        })
    }

    fn quoted(&mut self, start: usize) -> Option<Word<'a>> {
        let open = self.text[start..].chars().next()?;
        let closing = closing(open)?;
        if self.unclosed.contains(&open) {
            return None;
        }
        let (text, end, is_closed) = scan(self.text, start + open.len_utf8(), |c, behind| {
            closing.contains(&c) && behind.chars().next().is_none_or(char::is_whitespace)
        });
        if !is_closed {
            self.unclosed.push(open);
            return None;
        }
        self.at = end + self.text[end..].chars().next().map_or(0, char::len_utf8);
        Some(Word {
            text,
            mention: None,
        })
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let start = self.offset();
        if start == self.text.len() {
            self.at = start;
            return None;
        }
        if let Some((mention, text, end)) = self.mention_at(start) {
            // People write "@bob, 10" and "@bot: help".
            let behind = self.text[end..].trim_start_matches([',', ':', ';']);
            self.at = self.text.len() - behind.len();
            return Some(Word {
                text: Cow::Borrowed(text),
                mention: Some(mention),
            });
        }
        if let Some(word) = self.quoted(start) {
            return Some(word);
        }
        let (text, end, _) = scan(self.text, start, |c, _| c.is_whitespace());
        self.at = end;
        Some(Word {
            text,
            mention: None,
        })
    }
}

/// Writes a word so that it is read as that one word again: as it is, or in quotes.
///
/// # Examples
///
/// ```
/// use greenroom_actors::command::{Words, quote};
///
/// assert_eq!(quote("plain"), "plain");
/// assert_eq!(quote("two words"), r#""two words""#);
/// ```
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_whitespace() && c != '\\' && closing(c).is_none();
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        if matches!(c, '\\' | '"') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// Reads up to the character that ends a word, without escapes: what was read, where that ended, and whether that character was there.
fn scan(text: &str, from: usize, ends: impl Fn(char, &str) -> bool) -> (Cow<'_, str>, usize, bool) {
    let mut unescaped: Option<String> = None;
    let mut copied = from;
    let mut end = text.len();
    let mut found = false;
    let mut chars = text[from..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let at = from + at;
        if c == '\\' && chars.next_if(|(_, next)| is_escapable(*next)).is_some() {
            unescaped
                .get_or_insert_default()
                .push_str(&text[copied..at]);
            copied = at + 1;
        } else if ends(c, &text[at + c.len_utf8()..]) {
            (end, found) = (at, true);
            break;
        }
    }
    let word = match unescaped {
        None => Cow::Borrowed(&text[from..end]),
        Some(mut unescaped) => {
            unescaped.push_str(&text[copied..end]);
            Cow::Owned(unescaped)
        }
    };
    (word, end, found)
}

fn is_escapable(c: char) -> bool {
    c == '\\' || c.is_whitespace() || closing(c).is_some()
}

/// Returns the characters that may close a quote, for every character that can be one.
fn closing(c: char) -> Option<&'static [char]> {
    Some(match c {
        '"' => &['"'],
        '\'' => &['\''],
        '\u{201c}' | '\u{201d}' => &['\u{201d}', '\u{201c}'],
        '\u{201e}' => &['\u{201c}', '\u{201d}'],
        '\u{2018}' | '\u{2019}' => &['\u{2019}', '\u{2018}'],
        '\u{201a}' => &['\u{2018}', '\u{2019}'],
        '\u{ab}' => &['\u{bb}'],
        '\u{bb}' => &['\u{ab}'],
        '\u{2039}' => &['\u{203a}'],
        '\u{203a}' => &['\u{2039}'],
        '\u{300c}' => &['\u{300d}'],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::new(text)
            .map(|word| word.text.into_owned())
            .collect()
    }

    #[test]
    fn texts_become_words() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t\n ", &[]),
            ("a b", &["a", "b"]),
            ("  a\u{a0}b\u{3000}c\n", &["a", "b", "c"]),
            (r#""a b" c"#, &["a b", "c"]),
            ("'a b' c", &["a b", "c"]),
            ("\u{201c}a b\u{201d} c", &["a b", "c"]),
            ("\u{201e}a b\u{201c} c", &["a b", "c"]),
            ("\u{ab}a b\u{bb}", &["a b"]),
            ("\u{300c}a b\u{300d}", &["a b"]),
            (r#""" ''"#, &["", ""]),
            ("'it's fine' now", &["it's fine", "now"]),
            ("don't stop", &["don't", "stop"]),
            ("'tis the season", &["'tis", "the", "season"]),
            (r#""never closed"#, &["\"never", "closed"]),
            (r#"a"b c"d"#, &["a\"b", "c\"d"]),
            (r#""a \"b\" c""#, &["a \"b\" c"]),
            (r#"\"a b\""#, &["\"a", "b\""]),
            (r"one\ word C:\temp \\", &["one word", r"C:\temp", r"\"]),
            (r#""a\\" b"#, &[r"a\", "b"]),
            (r"\", &[r"\"]),
            ("\u{1f44b} \u{e9}t\u{e9}", &["\u{1f44b}", "\u{e9}t\u{e9}"]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_mention_is_one_word_whatever_its_name() {
        let mention = Mention {
            name: "Bob the Builder".to_owned(),
            place: Some((4, 20)),
            ..Mention::default()
        };
        let mentions = [mention];
        let mut read = Words::with_mentions("tip @Bob the Builder, 10", 0, &mentions);
        let seen = [read.next(), read.next(), read.next()];
        let seen = seen.map(|word| word.map(|word| (word.text, word.mention.is_some())));
        let expected = [("tip", false), ("@Bob the Builder", true), ("10", false)];
        assert_eq!(seen, expected.map(|(text, is)| Some((text.into(), is))));
        // A place that is none in this text is as good as no place.
        for place in [(0, 400), (5, 5), (9, 3), (usize::MAX, usize::MAX)] {
            let odd = [Mention {
                place: Some(place),
                ..Mention::default()
            }];
            assert_eq!(Words::with_mentions("a b", 0, &odd).count(), 2);
        }
    }

    #[test]
    fn many_quotes_that_are_never_closed_cost_no_more_than_others() {
        let text = "\"a 'b \u{201c}c ".repeat(50_000);
        assert_eq!(Words::new(&text).count(), 150_000);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_is_lost(text in any::<String>(), at in 0_usize..40, place in any::<(u8, u8)>()) {
            let mentions = [Mention { place: Some((place.0.into(), place.1.into())), ..Mention::default() }];
            let _ = Words::with_mentions(&text, at, &mentions).count();
            let is_plain = |c: &char| c.is_alphanumeric();
            let read: String = words(&text).concat();
            prop_assert_eq!(read.chars().filter(is_plain).collect::<String>(), text.chars().filter(is_plain).collect::<String>());
        }

        #[test]
        fn quoted_words_are_read_as_they_were(list in prop::collection::vec(r#"[a\\"' \n\u{201c}\u{201d}]{0,8}|.{0,8}"#, 0..6)) {
            let line: Vec<_> = list.iter().map(|word| quote(word)).collect();
            prop_assert_eq!(words(&line.join(" ")), list);
        }
    }
}
