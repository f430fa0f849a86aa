//! The answers to calls over the socket: raw frames in several parts, not envelopes.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::limits::MAX_BODY;

/// What all parts of an answer come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawAnswer {
    pub(super) cid: u16,
    /// 0 for success.
    pub(super) code: u16,
    pub(super) payload: Bytes,
}

/// Joins the parts of answers; those of several may be interleaved.
#[derive(Debug, Default)]
pub(super) struct RawAnswers {
    parts: BTreeMap<u16, BytesMut>,
}

impl RawAnswers {
    /// Says whether a frame is a part of a raw answer. No envelope begins with this byte.
    pub(super) fn is_part(frame: &[u8]) -> bool {
        frame.first() == Some(&0xff)
    }

    /// Takes a part; returns the answer once it is complete. What is too short, or not `expected`, is ignored.
    pub(super) fn take(
        &mut self,
        frame: &[u8],
        expected: impl FnOnce(u16) -> bool,
    ) -> Option<RawAnswer> {
        let (head, payload) = frame.split_first_chunk::<7>()?;
        let [_, cid_high, cid_low, code_high, code_low, flag @ ..] = *head;
        let cid = u16::from_be_bytes([cid_high, cid_low]);
        let code = u16::from_be_bytes([code_high, code_low]);
        if !expected(cid) {
            self.parts.remove(&cid);
            return None;
        }
        let joined = self.parts.entry(cid).or_default();
        if joined.len() + payload.len() <= MAX_BODY {
            joined.extend_from_slice(payload);
        }
        if flag != LAST {
            return None;
        }
        let payload = self.parts.remove(&cid).unwrap_or_default().freeze();
        Some(RawAnswer { cid, code, payload })
    }

    /// Forgets an answer that nobody waits for any more.
    pub(super) fn forget(&mut self, cid: u16) {
        self.parts.remove(&cid);
    }
}

const LAST: [u8; 2] = [0x00, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cid: u16, code: u16, payload: &'static [u8]) -> RawAnswer {
        let payload = Bytes::from_static(payload);
        RawAnswer { cid, code, payload }
    }

    #[test]
    fn parts_are_joined_per_call() {
        let mut answers = RawAnswers::default();
        let take = |answers: &mut RawAnswers, frame: &[u8]| answers.take(frame, |_| true);
        assert_eq!(
            take(&mut answers, b"\xff\x02\x01\0\0\0\xff\x08\x01"),
            Some(answer(513, 0, b"\x08\x01"))
        );
        assert_eq!(take(&mut answers, b"\xff\x02\x01\0\0\0\0\x08"), None);
        assert_eq!(
            take(&mut answers, b"\xff\x02\x02\0\x05\0\xffno"),
            Some(answer(514, 5, b"no"))
        );
        assert_eq!(
            take(&mut answers, b"\xff\x02\x01\0\0\0\xff\x01"),
            Some(answer(513, 0, b"\x08\x01"))
        );
        assert_eq!(take(&mut answers, b"\xff\x02\x01\0\0\0"), None);
        assert_eq!(answers.take(b"\xff\x02\x01\0\0\0\xff", |_| false), None);
        assert!(answers.parts.is_empty());
    }
}
