//! Events that came together are handed out together.

use std::any::Any;
use std::fmt;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::event::{Event, Payload};
use crate::router::Topic;

/// The events of one run of frames, by topic, until they are handed out. Its memory is used again.
#[derive(Default)]
pub(super) struct Outbox(Vec<Box<dyn AnyBatch>>);

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outbox").field(&self.0.len()).finish()
    }
}

impl Outbox {
    pub(super) fn put<T: Payload>(&mut self, topic: &Topic<T>, event: Event<T>) {
        for batch in &mut self.0 {
            if let Some(batch) = batch.as_any().downcast_mut::<Batch<T>>()
                && batch.topic.is(topic)
            {
                batch.events.push(event);
                return;
            }
        }
        self.0.push(Box::new(Batch {
            topic: topic.clone(),
            events: vec![event],
        }));
    }

    /// Hands everything out; who still waits for room then goes to `blocked`.
    pub(super) fn flush(&mut self, blocked: &mut Vec<BoxFuture<'static, ()>>) {
        for batch in &mut self.0 {
            blocked.extend(batch.flush());
        }
        if self.0.len() > KEPT {
            self.0.clear();
        }
    }
}

impl Drop for Outbox {
    /// A panic has cut the run short: what was read before it is still good.
    fn drop(&mut self) {
        self.flush(&mut Vec::new());
    }
}

trait AnyBatch: Send {
    fn flush(&mut self) -> Option<BoxFuture<'static, ()>>;
    fn as_any(&mut self) -> &mut dyn Any;
}

struct Batch<T> {
    topic: Topic<T>,
    events: Vec<Event<T>>,
}

impl<T: Payload> AnyBatch for Batch<T> {
    fn flush(&mut self) -> Option<BoxFuture<'static, ()>> {
        if self.events.is_empty() {
            return None;
        }
        let published = self.topic.publish_all(&mut self.events);
        (!published.is_done()).then(|| published.boxed())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// The buffers of so many topics are kept.
const KEPT: usize = 8;
