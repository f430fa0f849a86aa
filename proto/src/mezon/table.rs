//! The table of how messages change between the wires; the build makes its rows.

/// A message of the platform: what [`decode`](super::decode) returns and
/// [`encode`](super::encode) takes.
///
/// All messages of [`api`](super::api) and [`realtime`](super::realtime) are, and nothing else
/// can be.
pub trait Wired: prost::Message + prost::Name + Default {
    #[doc(hidden)]
    const OLDER: Older;
}

/// Where the table of the older wire has a message, if that wire has it at all.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Older(Option<u16>);

impl Older {
    pub(super) fn message(self) -> Option<&'static Message> {
        MESSAGES.get(usize::from(self.0?))
    }
}

/// One message of both wires.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    /// Both wires have it alike, with all that is in it.
    pub(super) same: bool,
    /// Its `clan_id`, field 1 on both wires, is written on the older one even if there is none.
    pub(super) clan_always: bool,
    /// From the older wire, by its field number less one.
    pub(super) up: &'static [Step],
    pub(super) up_names: &'static [&'static str],
    /// From the newest wire, by its field number less one.
    pub(super) down: &'static [Step],
}

/// What becomes of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its number on the other wire.
    pub(super) to: u16,
    pub(super) how: How,
}

/// How a value is rewritten. "Older" and "newest" are the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The other side does not have it.
    Drop,
    /// It is the same on both sides.
    Copy,
    /// Older: one id as text. Newest: a list, of which the older side gets the first.
    FirstId,
    /// Older: one text. Newest: a list, of which the older side gets the first.
    FirstText,
    /// Older: decimal text. Newest: `int64`.
    Id,
    /// Older: a list of decimal texts. Newest: a list of `int64`.
    Ids,
    /// Older: `int64`. Newest: `int32`, at its limit if the number is too large.
    Narrow,
    /// A message of the table.
    Nest(u16),
    /// Older: text of any kind. Newest: `int32`, 0 if the text is not a number.
    Number,
    /// Older: text. Newest: bytes.
    Text,
    /// Older: `Timestamp`. Newest: seconds as `int32` if `signed`, else as `uint32`.
    ///
    /// Field `unless` of the older side, if not 0, is the same time as plain seconds and wins.
    Time { signed: bool, unless: u8 },
    /// Older: `Int32Value` or `BoolValue`. Newest: the plain value.
    Unwrap,
}

const DROP: Step = step(0, How::Drop);

const fn step(to: u16, how: How) -> Step {
    Step { to, how }
}

impl Message {
    pub(super) fn up(&self, number: u32) -> Step {
        find(self.up, number)
    }

    pub(super) fn down(&self, number: u32) -> Step {
        find(self.down, number)
    }

    /// The name that the older wire has for a field.
    pub(super) fn older_name(&self, number: u32) -> Option<&'static str> {
        self.up_names
            .get((number as usize).wrapping_sub(1))
            .copied()
    }
}

fn find(steps: &'static [Step], number: u32) -> Step {
    let at = (number as usize).wrapping_sub(1);
    steps.get(at).copied().unwrap_or(DROP)
}

include!(concat!(env!("OUT_DIR"), "/mezon_table.rs"));
