//! Filters: which events a registration wants, decided before they wait in its queue.
//!
//! A filter is a function of an event. These make and combine them; [`Registration::filter`](super::Registration::filter) takes them.
//!
//! # Examples
//!
//! ```
//! use greenroom_actors::event::{ChannelKey, Event};
//! use greenroom_actors::router::{closure, filter};
//!
//! let handler = closure("shout", async |_: Event<String>| Ok(()))
//!     .filter(filter::or(
//!         filter::in_channels([ChannelKey::new(0, "general")]),
//!         filter::not(|text: &Event<String>| text.is_empty()),
//!     ));
//! # drop(handler);
//! ```

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{ChannelKey, Envelope, Event, Payload};
use crate::supervisor::contain::contain;

/// Wants what both want.
pub fn and<T>(
    left: impl Fn(&Event<T>) -> bool,
    right: impl Fn(&Event<T>) -> bool,
) -> impl Fn(&Event<T>) -> bool {
    move |event| left(event) && right(event)
}

/// Wants what one of them wants.
pub fn or<T>(
    left: impl Fn(&Event<T>) -> bool,
    right: impl Fn(&Event<T>) -> bool,
) -> impl Fn(&Event<T>) -> bool {
    move |event| left(event) || right(event)
}

/// Wants what the other does not want.
pub fn not<T>(filter: impl Fn(&Event<T>) -> bool) -> impl Fn(&Event<T>) -> bool {
    move |event| !filter(event)
}

/// Wants the events of these conversations.
pub fn in_channels<T: Payload>(
    channels: impl IntoIterator<Item = ChannelKey>,
) -> impl Fn(&Event<T>) -> bool {
    let channels: BTreeSet<_> = channels.into_iter().collect();
    move |event| channels.contains(&event.envelope().channel)
}

/// Wants the events of these platforms, by name.
pub fn on_platforms<T: Payload>(
    platforms: impl IntoIterator<Item = String>,
) -> impl Fn(&Event<T>) -> bool {
    let platforms: BTreeSet<_> = platforms.into_iter().collect();
    move |event| platforms.contains(event.envelope().origin.platform())
}

/// What a subscription asks of each event.
pub(crate) type Predicate<T> = Arc<dyn Fn(&Event<T>) -> bool + Send + Sync>;

/// What a subscription asks of each envelope.
pub(crate) type EnvelopePredicate = Arc<dyn Fn(&Envelope) -> bool + Send + Sync>;

/// All filters of one subscription.
pub(crate) struct Filter<T> {
    envelope: Vec<EnvelopePredicate>,
    event: Vec<Predicate<T>>,
}

impl<T: Payload> Filter<T> {
    /// Says whether all want it.
    ///
    /// # Errors
    ///
    /// The text of a panic.
    pub(crate) fn admits(&self, event: &Event<T>) -> Result<bool, String> {
        contain(|| {
            self.envelope.iter().all(|wants| wants(event.envelope()))
                && self.event.iter().all(|wants| wants(event))
        })
    }
}

/// The filters of a registration, for whatever types.
#[derive(Default)]
pub(crate) struct Filters {
    envelope: Vec<EnvelopePredicate>,
    by_type: BTreeMap<TypeId, (&'static str, Box<dyn Any>)>,
}

impl Filters {
    pub(crate) fn add<T: Payload>(&mut self, filter: Predicate<T>) {
        let (_, filters) = self
            .by_type
            .entry(TypeId::of::<T>())
            .or_insert_with(|| (Event::<T>::name(), Box::new(Vec::<Predicate<T>>::new())));
        if let Some(filters) = filters.downcast_mut::<Vec<Predicate<T>>>() {
            filters.push(filter);
        }
    }

    pub(crate) fn add_for_all(&mut self, filter: EnvelopePredicate) {
        self.envelope.push(filter);
    }

    /// Returns what is asked of events of type `T`, if anything is.
    pub(crate) fn of<T: Payload>(&self) -> Option<Arc<Filter<T>>> {
        let own = self.by_type.get(&TypeId::of::<T>());
        let own = own.and_then(|(_, filters)| filters.downcast_ref::<Vec<Predicate<T>>>());
        let filter = Filter {
            envelope: self.envelope.clone(),
            event: own.cloned().unwrap_or_default(),
        };
        let asks = !filter.envelope.is_empty() || !filter.event.is_empty();
        asks.then(|| Arc::new(filter))
    }

    /// Returns the types that are filtered and not among those `subscribed`.
    pub(crate) fn idle(&self, subscribed: &[TypeId]) -> Vec<&'static str> {
        let idle = self.by_type.iter();
        idle.filter(|(id, _)| !subscribed.contains(id))
            .map(|(_, (name, _))| *name)
            .collect()
    }
}
