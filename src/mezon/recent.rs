//! The last messages of a channel, as they came.

use std::collections::VecDeque;

use bytes::Bytes;
use greenroom_proto::mezon::{self, Wire, api};

/// Keeps the last 200 messages of one channel. A new one is written into the memory of the one that it replaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    messages: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    id: i64,
    wire: Wire,
    body: Vec<u8>,
}

impl Recent {
    /// Keeps a message. One that `may_replace` another takes the place of the one with the same id.
    pub(super) fn set(&mut self, id: i64, wire: Wire, body: &[u8], may_replace: bool) {
        if may_replace && let Some(kept) = self.messages.iter_mut().find(|kept| kept.id == id) {
            kept.wire = wire;
            write(&mut kept.body, &mut self.bytes, body);
            return;
        }
        let oldest = match self.messages.len() < LENGTH {
            true => None,
            false => self.messages.pop_front(),
        };
        let mut kept = oldest.unwrap_or(Kept {
            id,
            wire,
            body: Vec::new(),
        });
        (kept.id, kept.wire) = (id, wire);
        write(&mut kept.body, &mut self.bytes, body);
        self.messages.push_back(kept);
    }

    /// Forgets a message.
    pub(super) fn remove(&mut self, id: i64) {
        let place = self.messages.iter().position(|kept| kept.id == id);
        if let Some(removed) = place.and_then(|place| self.messages.remove(place)) {
            self.bytes -= removed.body.capacity();
        }
    }

    pub(super) fn get(&self, id: i64) -> Option<api::ChannelMessage> {
        let kept = self.messages.iter().rev().find(|kept| kept.id == id)?;
        mezon::decode(kept.wire, Bytes::copy_from_slice(&kept.body)).ok()
    }

    /// Returns how much memory its messages take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Writes a message over another. Memory never shrinks but for one that was large.
fn write(old: &mut Vec<u8>, bytes: &mut usize, body: &[u8]) {
    if old.capacity() < body.len() || old.capacity() > LARGE.max(2 * body.len()) {
        *bytes -= old.capacity();
        *old = Vec::with_capacity(body.len().next_multiple_of(64));
        *bytes += old.capacity();
    }
    old.clear();
    old.extend_from_slice(body);
}

const LENGTH: usize = 200;
const LARGE: usize = 4 * 1024;
