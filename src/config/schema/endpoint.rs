//! `[endpoint]`: where a running bot answers over HTTP how it is.

use std::net::SocketAddr;

use serde::Serialize;

use crate::config::reader::Section;

/// Where a running bot answers over HTTP how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Endpoint {
    /// The address and port, such as `127.0.0.1:9100`; port 0 takes a free one. Nothing is opened by default.
    #[serde(serialize_with = "address")]
    pub listen: Option<SocketAddr>,
}

impl Endpoint {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let endpoint = Self {
            listen: section.address("listen"),
        };
        section.finish();
        endpoint
    }
}

/// Serializes an address, none as the empty text.
fn address<S: serde::Serializer>(
    address: &Option<SocketAddr>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(address),
        None => serializer.serialize_str(""),
    }
}
