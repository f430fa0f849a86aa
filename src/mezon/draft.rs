//! What can be written into a channel.

use greenroom_actors::connection::RequestError;
use greenroom_actors::event::Id;
use greenroom_proto::mezon::{Wire, api, realtime};
use serde_json::Value;

use super::codec::{self, Request};
use super::content::Content;
use super::limits::{EPHEMERAL, check_content};
use super::message::MezonMessage;
use super::state::Route;

/// A message to write, with all that the platform knows. A text alone is one, too.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::{Attachment, Draft};
///
/// let draft = Draft::from("look").attach(Attachment {
///     filename: "a.png".to_owned(),
///     url: "https://cdn.example/a.png".to_owned(),
///     filetype: "image/png".to_owned(),
///     ..Attachment::default()
/// });
/// # drop(draft);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a draft does nothing until it is sent"]
pub struct Draft {
    content: Content,
    mentions: Vec<api::MessageMention>,
    attachments: Vec<Attachment>,
    references: Vec<api::MessageRef>,
    topic_id: i64,
    code: i32,
    mention_everyone: bool,
    anonymous: bool,
    avatar: String,
}

/// A file of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Where it is.
    pub url: String,
    /// Its type, such as `image/png`.
    pub filetype: String,
    /// Its size in bytes; the newest wire can say 2 GiB at most.
    pub size: i64,
    /// The width of a picture.
    pub width: i32,
    /// The height of a picture.
    pub height: i32,
    /// Where a small picture of it is.
    pub thumbnail: String,
    /// The length of a recording in seconds; only the newest wire has it.
    pub duration: i32,
}

impl<T: Into<Content>> From<T> for Draft {
    fn from(content: T) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }
}

impl Draft {
    /// Mentions a user or a role.
    pub fn mention(mut self, mention: api::MessageMention) -> Self {
        self.mentions.push(mention);
        self
    }

    /// Attaches a file.
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Quotes a message, and stays in its topic unless told otherwise.
    pub fn quote(mut self, message: &api::ChannelMessage) -> Self {
        let view = MezonMessage::new(message);
        if self.topic_id == 0 {
            self.topic_id = message.topic_id;
        }
        self.reference(api::MessageRef {
            message_ref_id: message.message_id,
            content: message.content.clone(),
            has_attachment: !view.attachments().is_empty(),
            message_sender_id: message.sender_id,
            message_sender_username: view.sender_name().to_owned(),
            message_sender_avatar: view.sender_avatar().to_owned(),
            ..Default::default()
        })
    }

    /// Refers to another message.
    pub fn reference(mut self, reference: api::MessageRef) -> Self {
        self.references.push(reference);
        self
    }

    /// Writes into a topic.
    pub fn topic(mut self, topic_id: impl Into<Id>) -> Self {
        self.topic_id = topic_id.into().number().unwrap_or_default();
        self
    }

    /// Sets the code; 0 by default, which is an ordinary message.
    pub fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Mentions everyone in the channel.
    pub fn mention_everyone(mut self) -> Self {
        self.mention_everyone = true;
        self
    }

    /// Hides who wrote it.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Sets the picture to show with it.
    pub fn avatar(mut self, avatar: impl Into<String>) -> Self {
        self.avatar = avatar.into();
        self
    }

    fn write(
        self,
        channel_id: i64,
        route: Route,
    ) -> (realtime::ChannelMessageSend, Vec<(usize, i64)>) {
        let (attachments, wide) = files(self.attachments);
        let send = realtime::ChannelMessageSend {
            clan_id: route.clan_id,
            channel_id,
            content: self.content.to_string(),
            mentions: self.mentions,
            attachments,
            references: self.references,
            mode: route.mode,
            anonymous_message: self.anonymous,
            mention_everyone: self.mention_everyone,
            avatar: self.avatar,
            is_public: route.is_public,
            code: self.code,
            topic_id: self.topic_id,
            id: 0,
        };
        (send, wide)
    }
}

/// Something to do in a channel, in the order in which it was asked for.
#[derive(Clone, Debug)]
pub enum Post {
    /// Write a message.
    Say(Box<Draft>),
    /// Write a message that only some users see.
    Whisper {
        /// What to write.
        draft: Box<Draft>,
        /// Who sees it.
        receivers: Vec<i64>,
    },
    /// Change a message.
    Edit {
        /// Which one.
        message_id: i64,
        /// What it says from now on.
        draft: Box<Draft>,
    },
    /// Take a message back.
    Remove {
        /// Which one.
        message_id: i64,
        /// The topic that it is in, or 0.
        topic_id: i64,
    },
    /// React to a message, or take a reaction back. Where it happens is filled in.
    React(Box<api::MessageReaction>),
    /// Show that somebody is typing.
    Type,
    /// Any request, as it is.
    Request(Box<Request>),
}

impl Post {
    /// Turns it into requests, which are to be sent one after another; the last answer counts.
    pub(super) fn requests(
        self,
        wire: Wire,
        channel_id: i64,
        route: Route,
        limit: usize,
    ) -> Result<Vec<Request>, RequestError> {
        let Route {
            clan_id,
            mode,
            is_public,
        } = route;
        Ok(match self {
            Self::Say(draft) => {
                let (send, wide) = draft.write(channel_id, route);
                check_content(&send.content, limit)?;
                vec![Request::from(send).with_sizes(wide)]
            }
            Self::Whisper { draft, receivers } => {
                let (mut send, wide) = draft.write(channel_id, route);
                check_content(&send.content, limit)?;
                if receivers.is_empty() {
                    return Err(RequestError::Invalid(
                        "nobody is to see this message".to_owned(),
                    ));
                }
                if send.code == 0 {
                    send.code = EPHEMERAL;
                }
                let requests = codec::ephemeral(wire, &send, &receivers);
                requests
                    .into_iter()
                    .map(|request| request.with_sizes(wide.clone()))
                    .collect()
            }
            Self::Edit { message_id, draft } => {
                let (send, wide) = draft.write(channel_id, route);
                check_content(&send.content, limit)?;
                let update = realtime::ChannelMessageUpdate {
                    clan_id,
                    channel_id,
                    message_id,
                    content: send.content,
                    mentions: send.mentions,
                    attachments: send.attachments,
                    mode,
                    is_public,
                    topic_id: send.topic_id,
                    is_update_msg_topic: send.topic_id != 0,
                    ..Default::default()
                };
                vec![Request::from(update).with_sizes(wide)]
            }
            Self::Remove {
                message_id,
                topic_id,
            } => vec![Request::from(realtime::ChannelMessageRemove {
                clan_id,
                channel_id,
                message_id,
                mode,
                is_public,
                topic_id,
                ..Default::default()
            })],
            Self::React(reaction) => vec![Request::from(api::MessageReaction {
                clan_id,
                channel_id,
                mode,
                is_public,
                ..*reaction
            })],
            Self::Type => vec![Request::from(realtime::MessageTypingEvent {
                clan_id,
                channel_id,
                mode,
                is_public,
                ..Default::default()
            })],
            Self::Request(request) => vec![*request],
        })
    }
}

/// Makes a reference to a message of which only the vocabulary of all platforms is known.
pub(super) fn reference(
    message_id: i64,
    sender_id: i64,
    name: &str,
    avatar: &str,
    text: &str,
) -> api::MessageRef {
    api::MessageRef {
        message_ref_id: message_id,
        content: Content::from(text).to_string(),
        message_sender_id: sender_id,
        message_sender_username: name.to_owned(),
        message_sender_avatar: avatar.to_owned(),
        ..Default::default()
    }
}

fn files(attachments: Vec<Attachment>) -> (Vec<api::MessageAttachment>, Vec<(usize, i64)>) {
    let mut wide = Vec::new();
    let file = |(at, attachment): (usize, Attachment)| {
        let size = i32::try_from(attachment.size).unwrap_or_else(|_| {
            wide.push((at, attachment.size));
            0
        });
        api::MessageAttachment {
            filename: attachment.filename,
            size,
            url: attachment.url,
            filetype: attachment.filetype,
            width: attachment.width,
            height: attachment.height,
            thumbnail: attachment.thumbnail,
            duration: attachment.duration,
        }
    };
    let files = attachments.into_iter().enumerate().map(file).collect();
    (files, wide)
}

impl From<Value> for Box<Draft> {
    fn from(content: Value) -> Self {
        Self::new(Draft::from(content))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CLAN: i64 = 2_000_000_000_000_000_001;
    const GENERAL: i64 = 3_000_000_000_000_000_001;
    const ALICE: i64 = 4_000_000_000_000_000_001;
    const MESSAGE: i64 = 7_000_000_000_000_000_001;
    const PUBLIC: Route = Route {
        clan_id: CLAN,
        mode: 2,
        is_public: true,
    };

    fn written(wire: Wire, cid: i32, post: Post) -> String {
        let requests = post.requests(wire, GENERAL, PUBLIC, 4_000).unwrap();
        let frame = requests[0].encode(wire, cid).unwrap();
        frame.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn posts_are_written_as_the_peers_write_them() {
        let mention = api::MessageMention {
            user_id: ALICE,
            username: "alice".to_owned(),
            e: 5,
            ..Default::default()
        };
        let file = Attachment {
            filename: "a.png".to_owned(),
            size: 3,
            url: "https://cdn.invalid/a.png".to_owned(),
            filetype: "image/png".to_owned(),
            width: 1,
            height: 2,
            ..Attachment::default()
        };
        let draft = Draft::from("Hello \u{1F44B}").mention(mention).attach(file);
        let requests = Post::Say(Box::new(draft))
            .requests(Wire::V2, GENERAL, PUBLIC, 4_000)
            .unwrap();
        let codec_message = format!("{:?}", requests[0].message);
        assert!(
            codec_message.contains(r#"content: "{\"t\":\"Hello 👋\"}""#),
            "{codec_message}"
        );

        let edit = Post::Edit {
            message_id: MESSAGE,
            draft: Box::new(Draft::from("x")),
        };
        // The vector has a space in its JSON.
        let expected = "08064a2d088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf9261\
                        22097b2274223a2278227d38024001";
        assert_eq!(written(Wire::V2, 6, edit), expected);

        let react = Post::React(Box::new(api::MessageReaction {
            emoji_id: 4,
            emoji: ":ok:".to_owned(),
            count: 1,
            message_id: MESSAGE,
            message_sender_id: ALICE,
            ..Default::default()
        }));
        let expected = "0807d2013610041a043a6f6b3a4001488180b0b1af8389d129508180f09d99ddbf9261588180a0f6f4acdbe01b6002688180c0ece9d9b6c1377001";
        assert_eq!(written(Wire::V2, 7, react), expected);

        let remove = Post::Remove {
            message_id: MESSAGE,
            topic_id: 0,
        };
        let expected =
            "08085222088180a0f6f4acdbe01b108180b0b1af8389d129188180f09d99ddbf926120022801";
        assert_eq!(written(Wire::V2, 8, remove), expected);
    }

    #[test]
    fn a_quote_names_the_message_and_its_sender() {
        let quoted = api::ChannelMessage {
            message_id: MESSAGE,
            sender_id: ALICE,
            username: "alice".to_owned(),
            display_name: "Alice".to_owned(),
            avatar: "a.png".to_owned(),
            content: r#"{"t":"!ping"}"#.to_owned(),
            topic_id: 5,
            ..Default::default()
        };
        let draft = Draft::from("pong").quote(&quoted);
        assert_eq!(draft.topic_id, 5);
        let expected = api::MessageRef {
            message_ref_id: MESSAGE,
            content: r#"{"t":"!ping"}"#.to_owned(),
            message_sender_id: ALICE,
            message_sender_username: "Alice".to_owned(),
            message_sender_avatar: "a.png".to_owned(),
            ..Default::default()
        };
        assert_eq!(draft.references, [expected]);
        assert_eq!(Draft::from("pong").topic(9).quote(&quoted).topic_id, 9);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_here() {
        let long = Post::Say(Box::new(Draft::from("x".repeat(4_000))));
        let error = long.requests(Wire::V2, GENERAL, PUBLIC, 4_000).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("4008 UTF-16 units, the limit is 4000"),
            "{error}"
        );
        let nobody = Post::Whisper {
            draft: Box::new(Draft::from(json!({"t": "psst"}))),
            receivers: Vec::new(),
        };
        assert!(nobody.requests(Wire::V1, GENERAL, PUBLIC, 4_000).is_err());
        let whisper = Post::Whisper {
            draft: Box::new(Draft::from("psst")),
            receivers: vec![ALICE, ALICE + 1],
        };
        assert_eq!(
            whisper
                .clone()
                .requests(Wire::V1, GENERAL, PUBLIC, 4_000)
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            whisper
                .requests(Wire::V2, GENERAL, PUBLIC, 4_000)
                .unwrap()
                .len(),
            1
        );
    }
}
