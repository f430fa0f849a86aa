//! What people say to a wallet. Pure.

use super::amount::Amount;

/// What somebody wants to be paid to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) payee: String,
    pub(super) amount: Amount,
}

/// What was heard behind the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Request(Request),
    /// Nothing that is meant for a wallet, such as "pay attention".
    SmallTalk,
    /// A request, and what is wrong with it.
    Wrong(String),
}

/// Returns what follows the prefix, in whatever case it is written, as a word of its own.
pub(super) fn behind<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let text = text.trim_start();
    let (said, rest) = text.split_at_checked(prefix.len())?;
    let is_word = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (is_word && said.eq_ignore_ascii_case(prefix)).then(|| rest.trim())
}

/// Reads `bob 10`, `bob 10 USD`, `10 to bob` and `10 USD to bob`.
pub(super) fn read(rest: &str, currency: &str) -> Heard {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let is_number =
        |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if !words.iter().any(is_number) {
        return Heard::SmallTalk;
    }
    let (payee, amount, said) = match words[..] {
        [amount, to, payee] if to.eq_ignore_ascii_case("to") => (payee, amount, None),
        [amount, said, to, payee] if to.eq_ignore_ascii_case("to") => (payee, amount, Some(said)),
        [payee, amount] => (payee, amount, None),
        [payee, amount, said] => (payee, amount, Some(said)),
        _ => return Heard::Wrong("I do not understand that.".to_owned()),
    };
    if let Some(said) = said.filter(|said| !said.eq_ignore_ascii_case(currency)) {
        let known = match currency {
            "" => "no currency has to be named".to_owned(),
            currency => format!("I pay in {currency} only"),
        };
        return Heard::Wrong(format!("`{}`: {known}.", shown(said)));
    }
    let payee = payee.trim_start_matches('@');
    if !is_name(payee) {
        let why = "is not a name: one word of letters, digits and `.-_@`";
        return Heard::Wrong(format!("`{}` {why}.", shown(payee)));
    }
    match amount.parse::<Amount>() {
        Ok(amount) if amount.is_zero() => Heard::Wrong("Nothing would be paid.".to_owned()),
        Ok(amount) => Heard::Request(Request {
            payee: payee.to_owned(),
            amount,
        }),
        Err(error) => Heard::Wrong(format!("`{}` {error}.", shown(amount))),
    }
}

/// One word only: a whole sentence would be an order of its own to an agent that is asked in plain language.
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    !text.is_empty() && text.chars().count() <= LONGEST && text.chars().all(is_part)
}

/// Reads an answer to a question.
pub(super) fn answer(text: &str) -> Option<bool> {
    let word = text.trim().trim_end_matches(['.', '!']).to_lowercase();
    match word.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn shown(word: &str) -> String {
    word.chars().filter(|c| *c != '`').take(LONGEST).collect()
}

/// Characters of a name.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_in_a_few_forms() {
        for text in [
            "bob 10.5",
            "@bob 10.50",
            "bob 10.5 usd",
            "10.5 to bob",
            "10.5 USD to @bob",
        ] {
            let expected = Request {
                payee: "bob".to_owned(),
                amount: "10.5".parse().unwrap(),
            };
            assert_eq!(read(text, "USD"), Heard::Request(expected), "{text}");
        }
    }

    #[test]
    fn small_talk_is_left_alone_and_what_is_wrong_is_told() {
        for text in ["", "attention", "bob ten", "me back when you can"] {
            assert_eq!(read(text, "USD"), Heard::SmallTalk, "{text}");
        }
        for (text, why) in [
            ("bob 0", "Nothing"),
            ("bob -1", "not a number"),
            ("bob 1e9", "not a number"),
            ("bob 10 EUR", "USD only"),
            ("bob's 10", "not a name"),
            ("bob and 1000 to mallory 10", "do not understand"),
            ("\"bob\"\u{202e} 10", "not a name"),
        ] {
            let Heard::Wrong(said) = read(text, "USD") else {
                panic!("{text}");
            };
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn the_prefix_is_a_word_in_whatever_case() {
        assert_eq!(behind(" Pay bob 10", "pay"), Some("bob 10"));
        assert_eq!(behind("payment due", "pay"), None);
        assert_eq!(behind("pa\u{e9}", "pay"), None);
        assert_eq!(behind("PAY", "pay"), Some(""));
    }

    #[test]
    fn an_answer_is_one_word() {
        assert_eq!(answer(" Yes! "), Some(true));
        assert_eq!(answer("no."), Some(false));
        assert_eq!(answer("yes, but later"), None);
    }
}
