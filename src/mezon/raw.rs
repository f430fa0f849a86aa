//! The answers to calls over the socket: raw frames in several parts, not envelopes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use greenroom_actors::clock::{self, Instant};
use greenroom_actors::connection::RequestError;

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
}

/// The calls that wait for raw answers. Those have 16 bits for the correlation only, so it is translated.
#[derive(Debug, Default)]
pub(super) struct ApiCalls {
    pending: BTreeMap<u16, (u32, Instant)>,
    last: u16,
    /// When so many are pending, those that were given up are looked for.
    full: usize,
}

impl ApiCalls {
    /// Finds a free number for the call of this correlation; calls older than twice `timeout` have been given up by then.
    ///
    /// # Errors
    ///
    /// [`RequestError::QueueFull`] if all numbers are in use.
    pub(super) fn begin(
        &mut self,
        correlation: u32,
        timeout: Duration,
    ) -> Result<u16, RequestError> {
        let now = clock::now();
        // As long as correlations are small they are used as they are: then no other request has the number.
        let wanted = u16::try_from(correlation).unwrap_or_else(|_| self.last.wrapping_add(1));
        if self.pending.len() >= self.full.clamp(FEW, usize::from(u16::MAX)) {
            self.pending
                .retain(|_, (_, since)| now.saturating_duration_since(*since) < timeout * 2);
            self.full = self.pending.len() * 2;
        }
        let cid = self.free(wanted).ok_or(RequestError::QueueFull)?;
        self.pending.insert(cid, (correlation, now));
        self.last = cid;
        Ok(cid)
    }

    fn free(&self, wanted: u16) -> Option<u16> {
        let mut all = (wanted..=u16::MAX).chain(1..wanted);
        all.find(|cid| *cid != 0 && !self.pending.contains_key(cid))
    }

    pub(super) fn is_pending(&self, cid: u16) -> bool {
        self.pending.contains_key(&cid)
    }

    /// Ends a call and returns its correlation.
    pub(super) fn answered(&mut self, cid: u16) -> Option<u32> {
        self.pending
            .remove(&cid)
            .map(|(correlation, _)| correlation)
    }
}

const FEW: usize = 64;
const LAST: [u8; 2] = [0x00, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d24_calls_get_free_numbers_within_sixteen_bits() {
        let (mut calls, long) = (ApiCalls::default(), Duration::from_secs(3_600));
        assert_eq!(calls.begin(513, long), Ok(513));
        assert_eq!(calls.begin(65_535, long), Ok(65_535));
        assert_eq!(calls.begin(65_536, long), Ok(1));
        assert_eq!(calls.begin(65_537, long), Ok(2));
        assert_eq!(calls.answered(1), Some(65_536));
        assert_eq!(calls.answered(1), None);
        for correlation in 0..65_532 {
            calls.begin(correlation + 100_000, long).unwrap();
        }
        assert_eq!(calls.begin(7, long), Err(RequestError::QueueFull));
        assert_eq!(calls.begin(7, Duration::ZERO), Ok(7));
    }

    #[test]
    fn d21_calls_that_were_given_up_do_not_stay_pending() {
        let mut calls = ApiCalls::default();
        for correlation in 1..=10_000 {
            calls.begin(correlation, Duration::ZERO).unwrap();
            assert!(calls.pending.len() <= FEW);
        }
    }

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
