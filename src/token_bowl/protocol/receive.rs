//! What becomes of a frame.

use bytes::Bytes;
use greenroom_actors::connection::{Frame, RequestError};
use greenroom_actors::event::ChannelKey;

use super::catch_up::Missed;
use super::{Receiving, SILENCE, TokenBowlProtocol};
use crate::cache::Noted;
use crate::token_bowl::centrifugo::{self, ALREADY_SUBSCRIBED, Publication, Subscribed};
use crate::token_bowl::codec::{self, Answer, Incoming, Request, Unreadable};
use crate::token_bowl::event::ProblemKind;
use crate::token_bowl::message::key;
use crate::token_bowl::model::Message;
use crate::token_bowl::state::Position;

impl TokenBowlProtocol {
    pub(super) fn receive_plain(&mut self, text: &Bytes, reception: &mut Receiving) {
        match codec::read(text) {
            Ok(Incoming::Ping) => {
                self.link.silence = Some(SILENCE);
                reception.send_now(Frame::Text(Bytes::from_static(codec::PONG.as_bytes())));
            }
            Ok(incoming) => self.happened(incoming, reception),
            Err(unreadable) => self.unreadable(unreadable, reception),
        }
    }

    /// Does what is to be done about a frame of the plain line, or a publication of the other.
    pub(super) fn happened(&mut self, incoming: Incoming, reception: &mut Receiving) {
        let is_typing = |text: &str| text == "Unknown message type: typing";
        let command = match &incoming {
            // It answers nothing that somebody waits for.
            Incoming::Error(text) if is_typing(text) => None,
            incoming => self.link.outstanding.answered(incoming),
        };
        match incoming {
            Incoming::Error(text) => {
                if is_typing(&text) && std::mem::replace(&mut self.state.lock().typing_is_off, true)
                {
                    return;
                }
                if let Some(correlation) = command {
                    let refused = RequestError::Refused {
                        code: 0,
                        message: text.clone(),
                        retry_after: None,
                    };
                    reception.answer(correlation, Err(refused));
                }
                self.report(ProblemKind::Server, text, reception);
            }
            Incoming::Sent(message) => {
                // One's own words are no news. They say nothing of how far the user has heard.
                self.state.lock().recent.insert(&message);
                self.keep(&key(&message, true), &message, reception);
                if let Some(correlation) = command {
                    reception.answer(correlation, Ok(Answer::Sent(message)));
                }
            }
            Incoming::MarkedAll { number }
            | Incoming::MarkedDirect { number, .. }
            | Incoming::MarkedRoom { number } => {
                if let Some(correlation) = command {
                    reception.answer(correlation, Ok(Answer::Marked(number)));
                }
            }
            Incoming::MarkedOne { .. } => {
                if let Some(correlation) = command {
                    reception.answer(correlation, Ok(Answer::Done));
                }
            }
            Incoming::Unread(unread) => {
                if let Some(correlation) = command {
                    reception.answer(correlation, Ok(Answer::Unread(unread)));
                }
                self.tell_unread(unread, reception);
            }
            Incoming::Message(message) => self.hear(*message, reception),
            Incoming::Receipt(receipt) => self.tell_receipt(receipt, reception),
            Incoming::Typing(typing) => self.tell_typing(typing, reception),
            Incoming::Ping => {}
            Incoming::Unknown(kind) => tracing::debug!(kind, "ignored a frame of unknown type"),
        }
    }

    pub(super) fn receive_centrifugo(&mut self, text: &Bytes, reception: &mut Receiving) {
        let frame = match centrifugo::read(text) {
            Ok(Some(frame)) => frame,
            Ok(None) => {
                reception.send_now(Frame::Text(Bytes::from_static(centrifugo::PONG.as_bytes())));
                return;
            }
            Err(reason) => {
                return self.unreadable(Unreadable::Decode(reason), reception);
            }
        };
        if let Some(push) = frame.push {
            match (push.publication, push.disconnect) {
                (Some(publication), _) => self.published(&push.channel, publication, reception),
                (None, Some(said)) => self.report(ProblemKind::Server, said.message, reception),
                // Somebody joined or left, or the channel was subscribed by the server.
                (None, None) => {}
            }
            return;
        }
        match (frame.error, frame.connect, frame.subscribe) {
            (Some(error), ..) if error.code == ALREADY_SUBSCRIBED => {
                reception.answer(frame.id, Ok(Answer::Done));
            }
            (Some(error), ..) => {
                if frame.id != 0 {
                    let refused = RequestError::Refused {
                        code: error.code,
                        message: error.message.clone(),
                        retry_after: None,
                    };
                    reception.answer(frame.id, Err(refused));
                }
                self.report(ProblemKind::Server, error.message, reception);
            }
            (None, Some(connected), _) => {
                if connected.ping > 0 {
                    let ping = std::time::Duration::from_secs(connected.ping);
                    self.link.silence = Some(ping + LATENESS);
                }
                for (channel, subscribed) in connected.subs {
                    self.subscribed(&channel, subscribed);
                }
                reception.answer(frame.id, Ok(Answer::Done));
            }
            (None, None, Some(subscribed)) => {
                if let Some(channel) = self.channel_of(frame.id) {
                    self.subscribed(&channel, subscribed);
                }
                reception.answer(frame.id, Ok(Answer::Done));
            }
            (None, None, None) => tracing::debug!(id = frame.id, "ignored a reply"),
        }
    }

    /// Writes the first frames of a link.
    pub(super) fn way_in(
        &mut self,
        correlation: u32,
        request: &Request,
    ) -> Result<String, RequestError> {
        let known = self.state.lock();
        match request {
            Request::Subscribe { channel } => {
                let position = known.positions.get(channel);
                let text = centrifugo::subscribe(correlation, channel, position);
                drop(known);
                self.link.outstanding.sent(correlation, request);
                Ok(text)
            }
            _ => {
                let lease = self.lease.borrow();
                let ticket = lease.as_ref().and_then(|lease| lease.ticket.as_ref());
                let ticket = ticket.ok_or(RequestError::Closed)?;
                Ok(centrifugo::connect(
                    correlation,
                    &ticket.token,
                    &known.positions,
                ))
            }
        }
    }

    /// Returns the channel of a reply, which has a number and no name.
    fn channel_of(&mut self, correlation: u32) -> Option<String> {
        match self.link.outstanding.take(correlation)? {
            Request::Subscribe { channel } => Some(channel),
            _ => None,
        }
    }

    /// Notes that a channel is followed, and what it hands over of what was missed.
    fn subscribed(&mut self, channel: &str, subscribed: Subscribed) {
        let Subscribed {
            epoch,
            offset,
            recovered,
            publications,
        } = subscribed;
        if recovered {
            self.link.recoveries += 1;
        }
        for publication in publications {
            if let Ok(incoming) = codec::read_object(publication.data) {
                let missed = Missed::Recovered(Box::new(incoming));
                self.link.recovered.push(missed);
            }
        }
        let position = Position { epoch, offset };
        let known = &mut *self.state.lock();
        match known.positions.contains_key(channel) {
            // Whoever leaves before it is handed out must find it again.
            true => self.link.positions.insert(channel.to_owned(), position),
            false => known.positions.insert(channel.to_owned(), position),
        };
    }

    fn published(&mut self, channel: &str, publication: Publication, reception: &mut Receiving) {
        if publication.offset > 0
            && let Some(position) = self.state.lock().positions.get_mut(channel)
        {
            position.offset = position.offset.max(publication.offset);
        }
        match codec::read_object(publication.data) {
            Ok(incoming) => self.happened(incoming, reception),
            Err(unreadable) => self.unreadable(unreadable, reception),
        }
    }

    /// Keeps a message in the cache on disk, if there is one.
    pub(super) fn keep(&self, channel: &ChannelKey, message: &Message, reception: &mut Receiving) {
        let Some(log) = &self.log else { return };
        match log.note(channel, message) {
            Noted::Hold(room) => reception.hold_for(room),
            Noted::Later => {}
            Noted::Write(write) => reception.background(write),
        }
    }

    fn unreadable(&mut self, unreadable: Unreadable, reception: &mut Receiving) {
        let (kind, reason) = match unreadable {
            Unreadable::Decode(reason) => (ProblemKind::Decode, reason),
            Unreadable::Protocol(reason) => (ProblemKind::Protocol, reason),
        };
        self.state.lock().miss();
        // What a person wrote does not belong into a log.
        reception.malformed(&reason, &[]);
        self.report(kind, reason, reception);
    }
}

/// How much later than promised a ping may come.
const LATENESS: std::time::Duration = std::time::Duration::from_secs(10);
