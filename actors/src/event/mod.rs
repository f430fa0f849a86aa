//! Events: typed messages with an envelope.

#[expect(
    clippy::module_inception,
    reason = "the file of the type that the room is named after"
)]
mod event;
mod id;
mod pool;

pub use event::{Envelope, Event, Origin, Payload};
pub use id::{ChannelKey, Id, stable_hash};

/// Returns the last part of a type's name, without the modules that it is in.
pub(crate) fn short_type_name<T: ?Sized>() -> &'static str {
    let full = std::any::type_name::<T>();
    let plain = full.split('<').next().unwrap_or(full);
    plain.rsplit("::").next().unwrap_or(plain)
}
