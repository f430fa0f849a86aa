//! What becomes of a frame.

use std::ops::Range;

use bytes::Bytes;
use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use greenroom_actors::event::{ChannelKey, Event};
use greenroom_proto::mezon::{self, FrameError, MessageView, Wire, api};

use super::topics::MESSAGE;
use super::{MezonProtocol, Receiving, effects};
use crate::cache::Noted;
use crate::mezon::codec::Answer;
use crate::mezon::log::note;
use crate::mezon::scan::Heading;

impl MezonProtocol {
    pub(super) fn answered(&mut self, correlation: u32, frame: &Bytes, reception: &mut Receiving) {
        match Answer::read(self.wire(), frame.clone()) {
            Ok(answer) => {
                if let Some(message_id) = answer.as_ref().ok().and_then(Answer::message_id) {
                    self.state.lock().acknowledge(message_id);
                }
                // A call of the API that was refused as any other request is.
                let call = u16::try_from(correlation).ok().filter(|_| answer.is_err());
                let call = call.and_then(|cid| self.calls.answered(cid));
                let answer = match (self.rejoining.remove(&correlation), answer) {
                    // One that is only too early is tried again.
                    (Some(channel), Err(error)) if error.retry() == Retry::Never => {
                        Ok(self.rejoined(channel, &error))
                    }
                    (_, answer) => answer,
                };
                reception.answer(call.unwrap_or(correlation), answer);
            }
            Err(error) => reception.malformed(error, frame),
        }
    }

    /// Forgets a channel that cannot be joined any more, such as one from which the bot was removed.
    fn rejoined(&self, channel_id: i64, error: &RequestError) -> Answer {
        tracing::warn!(%error, channel_id, "a channel could not be joined again");
        self.state.lock().joined.remove(&channel_id);
        Answer::nothing()
    }

    pub(super) fn raw_part(&mut self, frame: &[u8], reception: &mut Receiving) {
        let calls = &self.calls;
        let Some(raw) = self.raw.take(frame, |cid| calls.is_pending(cid)) else {
            return;
        };
        let Some(correlation) = self.calls.answered(raw.cid) else {
            return;
        };
        let answer = match raw.code {
            0 => Ok(Answer::api(raw.payload)),
            code => Err(RequestError::Refused {
                code: code.into(),
                message: String::from_utf8_lossy(&raw.payload).into_owned(),
                retry_after: None,
            }),
        };
        reception.answer(correlation, answer);
    }

    pub(super) fn event(
        &mut self,
        wire: Wire,
        tag: u32,
        (frame, body): (&Bytes, Range<usize>),
        reception: &mut Receiving,
    ) -> Result<(), FrameError> {
        reception.count_event();
        if tag == MESSAGE {
            return self.message(wire, (frame, body), reception);
        }
        let is_wanted = self.topics.is_wanted(tag)
            || self.topics.chat.is_wanted(tag)
            || self.topics.any.is_wanted();
        if is_wanted || effects::matters(tag) {
            self.deliver(wire, tag, frame.slice(body), reception)?;
        }
        Ok(())
    }

    /// Keeps a message and tells it to all who want it.
    fn message(
        &mut self,
        wire: Wire,
        (frame, place): (&Bytes, Range<usize>),
        reception: &mut Receiving,
    ) -> Result<(), FrameError> {
        // Looked at where it is: it is large, and copying it would cost more than most of its fields. A slice of the frame would be
        // counted as one more that has it, which waits for all that was written before.
        let body = &frame[place.clone()];
        if let Some(view) = &MessageView::read(wire, body) {
            // Where a text is none, decoding says what is wrong with it.
            let write = |into: &mut api::ChannelMessage| match view.fill(frame, into) {
                true => Ok(()),
                false => mezon::decode(wire, frame.slice(place)).map(|message| *into = message),
            };
            return self.spread(wire, body, view, write, reception);
        }
        let unusual: api::ChannelMessage = mezon::decode(wire, frame.slice(place))?;
        let write = |into: &mut api::ChannelMessage| {
            into.clone_from(&unusual);
            Ok(())
        };
        self.spread(wire, body, &MessageView::of(&unusual), write, reception)
    }

    /// As [`message`](Self::message), for one that was looked at. It is decoded once, if at all, into memory that is there already.
    fn spread(
        &mut self,
        wire: Wire,
        body: &[u8],
        view: &MessageView<'_>,
        write: impl FnOnce(&mut api::ChannelMessage) -> Result<(), FrameError>,
        reception: &mut Receiving,
    ) -> Result<(), FrameError> {
        self.keep(wire, body, view, reception);
        let Some(key) = self.heard(wire, body, view, reception) else {
            return Ok(());
        };
        let topic = &self.topics.channel_message;
        if topic.is_wanted() {
            let mut written = Ok(());
            let event = Event::reusing(
                &self.origin,
                view.message_id.into(),
                key,
                reception.received_at(),
                mezon::empty,
                |into| written = write(into),
            );
            written?;
            self.tell_otherwise(&event, &event.envelope().channel, reception);
            reception.publish(topic, event);
        } else if self.topics.chat.is_wanted(MESSAGE) || self.topics.any.is_wanted() {
            let mut message = self.message.take().unwrap_or_default();
            write(&mut message)?;
            self.tell_otherwise(&message, &key, reception);
            mezon::empty(&mut message);
            self.message = Some(message);
        }
        Ok(())
    }

    /// Tells a message to those who want it in another form than the platform's.
    fn tell_otherwise(
        &self,
        message: &api::ChannelMessage,
        key: &ChannelKey,
        reception: &mut Receiving,
    ) {
        self.tell_message(message, key, reception);
        let id = message.message_id;
        self.tell_any("channel_message", message, id, key, reception);
    }

    /// Keeps a message in the cache on disk, if there is one.
    fn keep(&self, wire: Wire, body: &[u8], message: &MessageView<'_>, reception: &mut Receiving) {
        let Some(log) = &self.log else { return };
        match note(log, wire, body, &Heading::from(message)) {
            Noted::Hold(room) => reception.hold_for(room),
            Noted::Later => {}
            Noted::Write(write) => reception.background(write),
        }
    }
}
