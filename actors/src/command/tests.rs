//! How words become arguments.

use std::time::Duration;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::reader::read;
use super::shape::Shape;
use super::{ChannelMention, Rest, Words, quote};
use crate::utterance::{Mention, MentionKind};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Size {
    Small,
    ExtraLarge,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Tip {
    who: Mention,
    amount: u64,
    note: Option<Rest>,
}

fn of<A: DeserializeOwned>(text: &str, mentions: &[Mention]) -> Result<A, String> {
    let shape = Shape::of::<A>().map_err(|faults| faults.join("\n"))?;
    let words = Words::with_mentions(text, 0, mentions);
    read(&shape, &words).map_err(|error| error.to_string())
}

fn one<V: DeserializeOwned>(text: &str) -> Result<V, String> {
    #[derive(Deserialize)]
    struct One<V> {
        value: V,
    }
    of::<One<V>>(text, &[]).map(|one| one.value)
}

#[test]
fn a_tip_is_read() {
    let bob = Mention {
        id: 7.into(),
        name: "bob".to_owned(),
        place: Some((0, 4)),
        ..Mention::default()
    };
    let placeless = Mention {
        place: None,
        ..bob.clone()
    };
    for mention in [bob, placeless] {
        let read = of::<Tip>(
            "@bob 10  for \"the\"  soup ",
            std::slice::from_ref(&mention),
        );
        let note = Some(Rest("for \"the\"  soup".to_owned()));
        let expected = Tip {
            who: mention,
            amount: 10,
            note,
        };
        assert_eq!(read, Ok(expected));
    }
    let read = of::<Tip>("@bob 10", &[]).unwrap();
    assert_eq!(
        (read.who.name.as_str(), read.who.id.is_none(), read.note),
        ("bob", true, None)
    );
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let channel = Mention {
        kind: MentionKind::Channel,
        place: Some((0, 4)),
        ..Mention::default()
    };
    for (text, expected) in [
        ("", "`who` is missing: it must be somebody, such as `@bob`"),
        (
            "@bob",
            "`amount` is missing: it must be a whole number of 0 or more",
        ),
        (
            "bob 10",
            "`who` must be somebody, such as `@bob`, not `bob`",
        ),
        ("@ 10", "`who` must be somebody, such as `@bob`, not `@`"),
        (
            "@bob ten",
            "`amount` must be a whole number of 0 or more, not `ten`",
        ),
        (
            "@bob 1.5",
            "`amount` must be a whole number of 0 or more, not `1.5`",
        ),
        (
            "@bob \"\"",
            "`amount` must be a whole number of 0 or more, not ``",
        ),
        ("@bob -5", "`amount` must not be negative, and `-5` is"),
        (
            "@bob 18446744073709551616",
            "`amount` must be from 0 to 18446744073709551615, not `18446744073709551616`",
        ),
        (
            "@bob `x\n`",
            "`amount` must be a whole number of 0 or more, not `'x`",
        ),
    ] {
        assert_eq!(of::<Tip>(text, &[]), Err(expected.to_owned()), "{text}");
    }
    let wrong = of::<Tip>("#gen 10", &[channel]);
    assert_eq!(
        wrong,
        Err("`who` must be somebody, such as `@bob`, not `#gen`".to_owned())
    );
    let long = of::<Tip>(&format!("@bob {}", "x".repeat(1_000)), &[]).unwrap_err();
    assert!(long.chars().count() < 150, "{long}");
}

#[test]
fn every_kind_of_argument_is_read_and_refused() {
    assert_eq!(one::<i8>("-128"), Ok(-128));
    let range = "`value` must be from -128 to 127, not `-129`";
    assert_eq!(one::<i8>("-129"), Err(range.to_owned()));
    assert_eq!(
        one::<u8>("x"),
        Err("`value` must be a whole number from 0 to 255, not `x`".to_owned())
    );
    assert_eq!(one::<u128>(&u128::MAX.to_string()), Ok(u128::MAX));
    assert_eq!(one::<i128>(&i128::MIN.to_string()), Ok(i128::MIN));
    assert_eq!(one::<f64>("-2.5e3"), Ok(-2_500.0));
    assert_eq!(one::<f32>("2.5"), Ok(2.5));
    assert_eq!(
        one::<f64>("1e999"),
        Err("`value` cannot be `1e999`: it is too large".to_owned())
    );
    for odd in ["nan", "inf", "x"] {
        assert_eq!(
            one::<f64>(odd),
            Err(format!("`value` must be a number, not `{odd}`"))
        );
    }
    for (text, flag) in [
        ("yes", true),
        ("ON", true),
        ("1", true),
        ("no", false),
        ("False", false),
    ] {
        assert_eq!(one::<bool>(text), Ok(flag), "{text}");
    }
    assert_eq!(
        one::<bool>("maybe"),
        Err("`value` must be `yes` or `no`, not `maybe`".to_owned())
    );
    assert_eq!(one::<char>("\u{e9}"), Ok('\u{e9}'));
    assert_eq!(
        one::<char>("ab"),
        Err("`value` must be one character, not `ab`".to_owned())
    );
    assert_eq!(one::<Size>("Extra_Large"), Ok(Size::ExtraLarge));
    let choice = "`value` must be `small` or `extra-large`, not `big`";
    assert_eq!(one::<Size>("big"), Err(choice.to_owned()));
    assert_eq!(one::<Duration>("1h30m"), Ok(Duration::from_secs(5_400)));
    let time = "`value` must be a time such as `10m` or `1h30m`, not `10`";
    assert_eq!(one::<Duration>("10"), Err(time.to_owned()));
    assert_eq!(one::<String>("'two words'"), Ok("two words".to_owned()));
    assert_eq!(
        one::<String>("two words"),
        Err("`words` is one word too many".to_owned())
    );
    assert_eq!(one::<Vec<u8>>("1 2 3"), Ok(vec![1, 2, 3]));
    assert_eq!(one::<Vec<u8>>(""), Ok(vec![]));
    let range = "`value` must be from 0 to 255, not `300`";
    assert_eq!(one::<Vec<u8>>("1 300"), Err(range.to_owned()));
    assert_eq!(one::<Option<u8>>(""), Ok(None));
    assert_eq!(one::<ChannelMention>("#general").unwrap().0.name, "general");
    assert!(
        one::<ChannelMention>("@bob")
            .unwrap_err()
            .contains("a channel, such as `#general`")
    );
    let zero = one::<std::num::NonZeroU8>("0").unwrap_err();
    assert!(zero.starts_with("`value` cannot be `0`: "), "{zero}");
    let id: crate::event::Id = one("general").unwrap();
    assert_eq!(id.to_string(), "general");
    assert_eq!(of::<()>("", &[]), Ok(()));
    assert_eq!(
        of::<()>("x", &[]),
        Err("`x` is one word too many".to_owned())
    );
}

#[test]
fn an_optional_argument_in_the_middle_may_be_left_out() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Add {
        who: Option<Mention>,
        #[serde(default)]
        times: u8,
        what: String,
    }
    let read = |text| of::<Add>(text, &[]);
    let add = |who: Option<&str>, times, what: &str| {
        let who = who.map(|name| Mention {
            name: name.to_owned(),
            ..Mention::default()
        });
        let what = what.to_owned();
        Ok(Add { who, times, what })
    };
    assert_eq!(read("@bob 2 soup"), add(Some("bob"), 2, "soup"));
    assert_eq!(read("2 soup"), add(None, 2, "soup"));
    assert_eq!(read("@bob soup"), add(Some("bob"), 0, "soup"));
    assert_eq!(read("soup"), add(None, 0, "soup"));
    assert_eq!(read("@bob"), add(None, 0, "@bob"));
    assert_eq!(read("2"), add(None, 0, "2"));
    let surplus = "`pie` is one word too many";
    assert_eq!(read("@bob 2 soup pie"), Err(surplus.to_owned()));
    assert!(read("").unwrap_err().starts_with("`what` is missing"));
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), place in any::<(u8, u8)>()) {
        let mentions = [Mention { place: Some((place.0.into(), place.1.into())), ..Mention::default() }];
        let _ = of::<Tip>(&text, &mentions);
        let _ = one::<Vec<Size>>(&text);
        let _ = one::<Duration>(&text);
        let _ = one::<f64>(&text);
    }

    #[test]
    fn quoted_texts_are_read_as_they_were(texts in prop::collection::vec(any::<String>(), 0..5)) {
        let line: Vec<_> = texts.iter().map(|text| quote(text)).collect();
        prop_assert_eq!(one::<Vec<String>>(&line.join(" ")), Ok(texts));
    }

    #[test]
    fn numbers_are_read_as_they_were(number in any::<i64>(), amount in any::<u64>()) {
        prop_assert_eq!(one::<i64>(&number.to_string()), Ok(number));
        prop_assert_eq!(one::<u64>(&amount.to_string()), Ok(amount));
    }
}
