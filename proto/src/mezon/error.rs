use std::{error::Error, fmt};

use prost::DecodeError;

/// A frame that is not what it should be.
///
/// Nothing is gained by trying the same bytes again. It says what is wrong, and as far as that is
/// known in which message, in which field and at which byte of the frame.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::{self, Fault, Wire, realtime::ClanJoin};
///
/// let error = mezon::decode::<ClanJoin>(Wire::V1, b"\x0a\x03abc"[..].into()).unwrap_err();
/// assert_eq!(*error.fault(), Fault::NotAnId);
/// assert_eq!(error.to_string(), "not a decimal id in ClanJoin.clan_id at byte 2");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FrameError(Box<Report>);

#[derive(Clone, Debug, PartialEq)]
struct Report {
    fault: Fault,
    message: Option<&'static str>,
    field: Option<&'static str>,
    offset: Option<usize>,
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The message does not exist on this wire.
    Absent,
    /// A field key that no message can have: number 0, or too large.
    BadKey,
    /// A number of more than 64 bits.
    BadVarint,
    /// The decoder of the newest wire refused it.
    Decode(DecodeError),
    /// The frame ends inside of a value.
    EndsEarly,
    /// A text that should be an id is not a decimal 64-bit number.
    NotAnId,
    /// A text is not UTF-8.
    NotText,
    /// Messages or groups are nested more than a hundred levels deep.
    TooDeep,
    /// The value is encoded in another way than this field has it.
    WireType,
}

impl FrameError {
    /// Keeps the error one word long: it comes with every step, and is rarely made.
    #[cold]
    fn new(fault: Fault, message: Option<&'static str>, offset: Option<usize>) -> Self {
        Self(Box::new(Report {
            fault,
            message,
            field: None,
            offset,
        }))
    }

    pub(super) fn at(fault: Fault, offset: usize) -> Self {
        Self::new(fault, None, Some(offset))
    }

    pub(super) fn absent(message: &'static str) -> Self {
        Self::new(Fault::Absent, Some(message), None)
    }

    /// Adds the place, unless a place further inside is known already.
    pub(super) fn within(mut self, message: &'static str, field: Option<&'static str>) -> Self {
        if self.0.message.is_none() {
            self.0.message = Some(message);
            self.0.field = field.filter(|name| !name.is_empty());
        }
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The name of the message in which it was found, without its package.
    #[must_use]
    pub fn message(&self) -> Option<&'static str> {
        self.0.message
    }

    /// The name of the field in which it was found.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }

    /// The byte of the frame at which it was found.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }
}

impl From<DecodeError> for FrameError {
    fn from(error: DecodeError) -> Self {
        Self::new(Fault::Decode(error), None, None)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        report.fault.fmt(f)?;
        match (report.message, report.field) {
            (Some(message), Some(field)) => write!(f, " in {message}.{field}")?,
            (Some(message), None) => write!(f, " in {message}")?,
            (None, _) => {}
        }
        match report.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl Error for FrameError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.fault() {
            Fault::Decode(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "a message that this wire does not have",
            Self::BadKey => "an impossible field key",
            Self::BadVarint => "a number of more than 64 bits",
            Self::Decode(error) => return error.fmt(f),
            Self::EndsEarly => "the frame ends early",
            Self::NotAnId => "not a decimal id",
            Self::NotText => "text that is not UTF-8",
            Self::TooDeep => "nested too deeply",
            Self::WireType => "a value of the wrong wire type",
        })
    }
}
