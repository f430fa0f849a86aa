use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of the two incompatible wires of the platform.
///
/// # Examples
///
/// ```
/// use greenroom_proto::mezon::Wire;
///
/// assert_eq!("v1".parse(), Ok(Wire::V1));
/// assert_eq!(Wire::V2.to_string(), "v2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// The older wire: ids are decimal text.
    V1,
    /// The newest wire: ids are numbers.
    V2,
}

impl Wire {
    /// Its name, `v1` or `v2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Wire {
    type Err = UnknownWire;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            _ => Err(UnknownWire),
        }
    }
}

/// A text that names no [`Wire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownWire;

impl fmt::Display for UnknownWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a wire is `v1` or `v2`")
    }
}

impl std::error::Error for UnknownWire {}

/// Returns the encoded `FileDescriptorSet` of a wire, Google's well-known types included.
///
/// For those who handle messages by name, with `prost-reflect` for example. The packages are
/// `mezon.*` on [`Wire::V2`] and `mezon_v1.*` on [`Wire::V1`].
#[must_use]
pub const fn descriptors(wire: Wire) -> &'static [u8] {
    match wire {
        Wire::V1 => include_bytes!(concat!(env!("OUT_DIR"), "/mezon_v1.bin")),
        Wire::V2 => include_bytes!(concat!(env!("OUT_DIR"), "/mezon_v2.bin")),
    }
}
