//! What becomes of a frame.

use bytes::Bytes;
use greenroom_actors::connection::RequestError;
use greenroom_actors::error::Retry;
use greenroom_proto::mezon::{FrameError, Wire};

use super::topics::MESSAGE;
use super::{MezonProtocol, Receiving, effects};
use crate::mezon::codec::Answer;
use crate::mezon::log::Noted;
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
        body: Bytes,
        reception: &mut Receiving,
    ) -> Result<(), FrameError> {
        reception.count_event();
        if tag == MESSAGE {
            self.keep(wire, &body, reception);
        }
        let is_wanted = self.topics.is_wanted(tag)
            || self.topics.chat.is_wanted(tag)
            || self.topics.any.is_wanted();
        if is_wanted || effects::matters(tag) {
            self.deliver(wire, tag, body, reception)?;
        }
        Ok(())
    }

    /// Keeps a message in memory, and in the cache on disk if there is one.
    fn keep(&self, wire: Wire, body: &Bytes, reception: &mut Receiving) {
        // What is broken is reported where it is decoded.
        let Some(heading) = Heading::read(wire, body) else {
            return;
        };
        self.remember(wire, body, &heading);
        let Some(log) = &self.log else { return };
        match log.note(wire, body, &heading) {
            Noted::Hold(room) => reception.hold_for(room),
            Noted::Later => {}
            Noted::Write(write) => reception.background(write),
        }
    }
}
