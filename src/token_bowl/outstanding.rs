//! Which command an answer belongs to. The server numbers nothing, but answers one command after another.

use std::collections::VecDeque;

use super::codec::{Incoming, Request};

/// The commands of one link that were not answered yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Outstanding(VecDeque<(u32, Request)>);

impl Outstanding {
    /// Notes that a command was sent.
    pub(super) fn sent(&mut self, correlation: u32, request: &Request) {
        // Who waits for one so old has long been told that it is lost.
        if self.0.len() >= LIMIT {
            self.0.pop_front();
        }
        self.0.push_back((correlation, request.clone()));
    }

    /// Takes the command that this frame answers.
    pub(super) fn answered(&mut self, frame: &Incoming) -> Option<u32> {
        if let Incoming::Error(_) = frame {
            return self.0.pop_front().map(|(correlation, _)| correlation);
        }
        let is_answer = |(_, request): &(u32, Request)| match (frame, request) {
            (Incoming::Sent(message), Request::Send { content, to }) => {
                message.content == *content && message.to_username == *to
            }
            (Incoming::MarkedOne { message_id }, Request::MarkRead { message_id: asked }) => {
                message_id == asked
            }
            (Incoming::MarkedDirect { from, .. }, Request::MarkDirectRead { from: asked }) => {
                from == asked
            }
            (Incoming::MarkedAll { .. }, Request::MarkAllRead)
            | (Incoming::MarkedRoom { .. }, Request::MarkRoomRead)
            | (Incoming::Unread(_), Request::UnreadCount) => true,
            _ => false,
        };
        let place = self.0.iter().position(is_answer)?;
        let (correlation, _) = self.0.remove(place)?;
        Some(correlation)
    }

    /// Takes the command of this number.
    pub(super) fn take(&mut self, correlation: u32) -> Option<Request> {
        let place = self
            .0
            .iter()
            .position(|(number, _)| *number == correlation)?;
        self.0.remove(place).map(|(_, request)| request)
    }
}

const LIMIT: usize = 16_384;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn send(content: &str, to: Option<&str>) -> Request {
        Request::Send {
            content: content.to_owned(),
            to: to.map(str::to_owned),
        }
    }

    fn sent(content: &str, to: Option<&str>) -> Incoming {
        let message = json!({
            "id": "1", "from_username": "a", "content": content, "to_username": to,
            "message_type": "room", "timestamp": "2026-01-02T03:04:05Z",
        });
        Incoming::Sent(Box::new(serde_json::from_value(message).unwrap()))
    }

    #[test]
    fn d11_an_answer_finds_the_oldest_command_that_it_fits() {
        let mut outstanding = Outstanding::default();
        outstanding.sent(1, &send("x", Some("bob")));
        outstanding.sent(2, &send("x", None));
        outstanding.sent(3, &Request::UnreadCount);
        outstanding.sent(4, &send("x", None));
        assert_eq!(outstanding.answered(&sent("x", None)), Some(2));
        assert_eq!(outstanding.answered(&sent("y", None)), None);
        let nobody = Incoming::Error("User bob not found".to_owned());
        assert_eq!(
            outstanding.answered(&nobody),
            Some(1),
            "the oldest of any kind"
        );
        assert_eq!(
            outstanding.answered(&Incoming::Unread(Default::default())),
            Some(3)
        );
        assert_eq!(outstanding.answered(&sent("x", None)), Some(4));
        assert_eq!(outstanding.answered(&nobody), None);
    }
}
