//! The JSON protocol of Centrifugo, as far as the platform needs it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use greenroom_actors::connection::{Class, Frame};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::http::reason_of;
use super::state::Position;

/// The way in: what the server answers whoever wants to connect.
#[derive(Clone, Deserialize)]
pub(super) struct Ticket {
    pub(super) token: SecretString,
    pub(super) url: String,
    #[serde(default)]
    pub(super) channels: Vec<String>,
    pub(super) user: String,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

impl Ticket {
    /// Returns until when the token is good, in seconds since 1970, if it says so.
    pub(super) fn expires_at(&self) -> Option<u64> {
        let claims = self.token.expose_secret().split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims.get("exp")?.as_u64()
    }
}

/// Writes the first frame: it carries the token, and where each channel shall go on.
pub(super) fn connect(
    id: u32,
    token: &SecretString,
    positions: &BTreeMap<String, Position>,
) -> String {
    let mut connect = json!({"token": token.expose_secret()});
    if !positions.is_empty() {
        let subs: Map<_, _> = positions
            .iter()
            .map(|(channel, position)| (channel.clone(), recovery(position)))
            .collect();
        connect["subs"] = Value::Object(subs);
    }
    json!({"id": id, "connect": connect}).to_string()
}

/// Writes the frame that follows a channel, from where it was left if that is known.
pub(super) fn subscribe(id: u32, channel: &str, position: Option<&Position>) -> String {
    let mut subscribe = match position {
        Some(position) => recovery(position),
        None => json!({}),
    };
    subscribe["channel"] = channel.into();
    json!({"id": id, "subscribe": subscribe}).to_string()
}

fn recovery(position: &Position) -> Value {
    json!({"recover": true, "epoch": position.epoch, "offset": position.offset})
}

/// The answer to a ping.
pub(super) const PONG: &str = "{}";

/// Says whether a message may hold several frames, each on a line.
pub(super) fn is_batch(frame: &Frame) -> bool {
    matches!(frame, Frame::Text(text) if text.contains(&b'\n'))
}

/// Splits a message into its lines.
pub(super) fn split(frame: Frame) -> Vec<Frame> {
    let Frame::Text(text) = frame else {
        return vec![frame];
    };
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| Frame::Text(text.slice_ref(line)))
        .collect()
}

/// Classifies a frame.
pub(super) fn class(frame: &Frame) -> Class {
    match frame {
        Frame::Text(text) if text.starts_with(b"{\"push\"") => Class::Event,
        Frame::Text(_) | Frame::Pong(_) => Class::Answer,
        _ => Class::Ignored,
    }
}

/// A frame of the server.
#[derive(Debug, Deserialize)]
pub(super) struct Incoming {
    #[serde(default)]
    pub(super) id: u32,
    pub(super) error: Option<Failure>,
    pub(super) connect: Option<Connected>,
    pub(super) subscribe: Option<Subscribed>,
    pub(super) push: Option<Push>,
}

/// What went wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) code: i64,
    #[serde(default)]
    pub(super) message: String,
}

/// The way in is open.
#[derive(Debug, Deserialize)]
pub(super) struct Connected {
    /// Every so many seconds comes a ping.
    #[serde(default)]
    pub(super) ping: u64,
    #[serde(default)]
    pub(super) subs: BTreeMap<String, Subscribed>,
}

/// A channel is followed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscribed {
    pub(super) epoch: String,
    pub(super) offset: u64,
    /// Whether all that was missed is in `publications`.
    pub(super) recovered: bool,
    pub(super) publications: Vec<Publication>,
}

/// Something that came without being asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Push {
    #[serde(default)]
    pub(super) channel: String,
    #[serde(rename = "pub")]
    pub(super) publication: Option<Publication>,
    pub(super) disconnect: Option<Failure>,
}

/// Something that was published in a channel.
#[derive(Debug, Deserialize)]
pub(super) struct Publication {
    pub(super) data: Map<String, Value>,
    #[serde(default)]
    pub(super) offset: u64,
}

/// Reads a frame; none is a ping.
pub(super) fn read(text: &Bytes) -> Result<Option<Incoming>, String> {
    if text.trim_ascii() == b"{}" {
        return Ok(None);
    }
    serde_json::from_slice(text)
        .map(Some)
        .map_err(|error| reason_of(&error))
}

/// What an error or a close means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server does not want the client.
    Final,
    /// A new token may help.
    NewToken,
    /// The token is refused: a new one may help, once.
    Refused,
    /// Connecting again may help.
    Retry,
}

/// Judges the code with which the server closed.
pub(super) fn judge_close(code: u16) -> Verdict {
    match code {
        3005 => Verdict::NewToken,
        3500 => Verdict::Refused,
        3501..=3999 | 4500..=4999 => Verdict::Final,
        _ => Verdict::Retry,
    }
}

/// Judges the code of an error.
pub(super) fn judge_error(code: i64) -> Verdict {
    match code {
        101 => Verdict::Refused,
        109 => Verdict::NewToken,
        103 => Verdict::Final,
        _ => Verdict::Retry,
    }
}

/// The channel is followed already, by the token.
pub(super) const ALREADY_SUBSCRIBED: i64 = 105;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn frames_to_the_server_go_on_where_they_were_left() {
        let token = SecretString::from("a.b.c");
        let mut positions = BTreeMap::new();
        assert_eq!(
            value(&connect(1, &token, &positions)),
            json!({"id": 1, "connect": {"token": "a.b.c"}})
        );
        let position = Position {
            epoch: "e1".to_owned(),
            offset: 7,
        };
        let again = json!({"recover": true, "epoch": "e1", "offset": 7});
        assert_eq!(
            value(&subscribe(2, "room:main", Some(&position))),
            json!({"id": 2, "subscribe": {"channel": "room:main", "recover": true, "epoch": "e1", "offset": 7}})
        );
        positions.insert("room:main".to_owned(), position);
        assert_eq!(
            value(&connect(1, &token, &positions))["connect"]["subs"]["room:main"],
            again
        );
    }

    #[test]
    fn lines_of_one_message_are_frames_of_their_own() {
        let text = Frame::Text(Bytes::from_static(b"{\"id\":1}\n\n {} \n{\"push\":{}}"));
        assert!(is_batch(&text));
        let parts = split(text);
        let classes: Vec<_> = parts.iter().map(class).collect();
        assert_eq!(classes, [Class::Answer, Class::Answer, Class::Event]);
        let Frame::Text(ping) = &parts[1] else {
            panic!();
        };
        assert!(read(ping).unwrap().is_none());
    }

    #[test]
    fn d19_replies_have_no_channel_name_and_say_what_was_recovered() {
        let text = r#"{"id":1,"connect":{"client":"x","version":"0.0.0 OSS","ping":25,"pong":true,"subs":{"room:main":{"recoverable":true,"epoch":"e1","offset":4,"positioned":true,"recovered":true,"publications":[{"data":{"type":"typing","username":"a"},"offset":4}]}}}}"#;
        let frame = read(&Bytes::from_static(text.as_bytes())).unwrap().unwrap();
        let connected = frame.connect.unwrap();
        let room = &connected.subs["room:main"];
        assert_eq!((connected.ping, room.offset, room.recovered), (25, 4, true));
        assert_eq!(room.publications.len(), 1);
        let text = br#"{"id":2,"error":{"code":105,"message":"already subscribed"}}"#;
        let frame = read(&Bytes::from_static(text)).unwrap().unwrap();
        assert_eq!(frame.error.unwrap().code, ALREADY_SUBSCRIBED);
    }

    #[test]
    fn d20_codes_say_whether_to_come_again() {
        for (code, verdict) in [
            (1006, Verdict::Retry),
            (3001, Verdict::Retry),
            (3005, Verdict::NewToken),
            (3012, Verdict::Retry),
            (3500, Verdict::Refused),
            (3501, Verdict::Final),
            (3503, Verdict::Final),
            (4499, Verdict::Retry),
            (4500, Verdict::Final),
        ] {
            assert_eq!(judge_close(code), verdict, "{code}");
        }
        assert_eq!(judge_error(109), Verdict::NewToken);
        assert_eq!(judge_error(100), Verdict::Retry);
    }

    #[test]
    fn tokens_say_when_they_end() {
        let token = format!("x.{}.x", URL_SAFE_NO_PAD.encode(r#"{"sub":"a","exp":99}"#));
        let mut ticket = Ticket {
            token: token.into(),
            url: String::new(),
            channels: Vec::new(),
            user: "a".to_owned(),
        };
        assert_eq!(ticket.expires_at(), Some(99));
        ticket.token = "FAKE.FAKE.FAKE".into();
        assert_eq!(ticket.expires_at(), None);
    }
}
