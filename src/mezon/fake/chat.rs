//! What the server does with the requests that come over a websocket. Pure: request in, effects out.

use greenroom_proto::mezon::realtime::envelope::Message;
use greenroom_proto::mezon::realtime::error::Code;
use greenroom_proto::mezon::{api, realtime};

use super::failure::refused;
use super::lists;
use super::world::{Channel, SocketId, World};

/// What follows from a request, in the order in which it shall happen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// The requesting socket gets this with the id of its request; none is an empty envelope.
    Answer(Option<Message>),
    /// Sockets get an event.
    Event {
        /// Which ones.
        to: Vec<SocketId>,
        /// The event.
        message: Message,
    },
}

/// What a socket is told if it writes to a channel that it did not join.
pub(super) const NOT_JOINED: &str = "Must join channel before sending messages";

pub(super) type Outcome = Result<Vec<Effect>, Message>;

impl World {
    /// Carries out a request of a socket; `now` is the time in seconds since 1970.
    pub(super) fn receive(
        &mut self,
        now: u32,
        socket: SocketId,
        request: Option<Message>,
    ) -> Vec<Effect> {
        let outcome = match request {
            None => Err(refused(Code::MissingPayload, "Missing payload")),
            Some(request) => self.carry_out(now, socket, request),
        };
        outcome.unwrap_or_else(|error| vec![Effect::Answer(Some(error))])
    }

    fn carry_out(&mut self, now: u32, socket: SocketId, request: Message) -> Outcome {
        match request {
            Message::Ping(_) => Ok(answer(Message::Pong(Box::default()))),
            Message::ClanJoin(join) => self.join_clan(socket, join),
            Message::ChannelJoin(join) => self.join_channel(socket, &join),
            Message::ChannelLeave(leave) => Ok(self.leave_channel(socket, &leave)),
            Message::ChannelMessageSend(send) => {
                self.send(now, Some(socket), self.bot(socket), &send)
            }
            Message::ChannelMessageUpdate(update) => {
                self.update(now, Some(socket), self.bot(socket), *update)
            }
            Message::ChannelMessageRemove(remove) => {
                self.remove(now, Some(socket), self.bot(socket), &remove)
            }
            Message::EphemeralMessageSend(send) => self.whisper(now, socket, *send),
            Message::MessageReactionEvent(reaction) => {
                Ok(self.react(Some(socket), self.bot(socket), *reaction))
            }
            Message::CheckNameExistedEvent(mut check) => {
                check.exist = self.clans.values().any(|clan| clan.clan_name == check.name);
                Ok(answer(Message::CheckNameExistedEvent(check)))
            }
            same @ (Message::MessageTypingEvent(_)
            | Message::LastSeenMessageEvent(_)
            | Message::LastPinMessageEvent(_)
            | Message::CustomStatusEvent(_)
            | Message::VoiceJoinedEvent(_)
            | Message::VoiceLeavedEvent(_)) => Ok(answer(same)),
            _ => Err(refused(Code::UnrecognizedPayload, "Unrecognized payload")),
        }
    }

    /// Sends a message; without a socket it came as a call, which needs no joining.
    pub(super) fn send(
        &mut self,
        now: u32,
        socket: Option<SocketId>,
        bot: i64,
        send: &realtime::ChannelMessageSend,
    ) -> Outcome {
        let channel = self.writable(socket, bot, send.channel_id)?;
        let mut message = self.compose(channel, bot, now, send);
        let (to, channel_id) = (self.audience(channel), send.channel_id);
        message.message_id = self.next_message();
        let ack = self.ack(&message);
        if let Some(channel) = self.channels.get_mut(&channel_id) {
            channel.messages.push(message.clone());
        }
        Ok(event_and_answer(
            to,
            message,
            Message::ChannelMessageAck(Box::new(ack)),
        ))
    }

    /// Changes a message.
    pub(super) fn update(
        &mut self,
        now: u32,
        socket: Option<SocketId>,
        bot: i64,
        update: realtime::ChannelMessageUpdate,
    ) -> Outcome {
        self.writable(socket, bot, update.channel_id)?;
        let channel = self
            .channels
            .get_mut(&update.channel_id)
            .ok_or_else(unknown_channel)?;
        let stored = channel
            .messages
            .get_mut(update.message_id)
            .ok_or_else(unknown_message)?;
        stored.content = update.content;
        stored.mentions = lists::mentions(&update.mentions);
        stored.attachments = lists::attachments(&update.attachments);
        stored.hide_editted = update.hide_editted;
        stored.update_time_seconds = now;
        let message = api::ChannelMessage {
            code: code::UPDATE,
            mode: update.mode,
            is_public: update.is_public,
            topic_id: update.topic_id,
            ..stored.clone()
        };
        self.told(bot, message)
    }

    /// Takes a message away.
    pub(super) fn remove(
        &mut self,
        now: u32,
        socket: Option<SocketId>,
        bot: i64,
        remove: &realtime::ChannelMessageRemove,
    ) -> Outcome {
        self.writable(socket, bot, remove.channel_id)?;
        let channel = self
            .channels
            .get_mut(&remove.channel_id)
            .ok_or_else(unknown_channel)?;
        let stored = channel
            .messages
            .remove(remove.message_id)
            .ok_or_else(unknown_message)?;
        let message = api::ChannelMessage {
            code: code::REMOVE,
            mode: remove.mode,
            is_public: remove.is_public,
            topic_id: remove.topic_id,
            update_time_seconds: now,
            ..stored
        };
        self.told(bot, message)
    }

    /// Counts a reaction.
    pub(super) fn react(
        &mut self,
        socket: Option<SocketId>,
        bot: i64,
        mut reaction: api::MessageReaction,
    ) -> Vec<Effect> {
        let user = self.user(bot);
        if reaction.id == 0 {
            reaction.id = self.next_other();
        }
        reaction.sender_id = bot;
        reaction.sender_name = user.username;
        reaction.sender_avatar = user.avatar_url;
        if let Some(channel) = self.channels.get_mut(&reaction.channel_id) {
            channel.messages.react(&reaction);
        }
        let channel = self.channels.get(&reaction.channel_id);
        let mut to = channel
            .map(|channel| self.audience(channel))
            .unwrap_or_default();
        to.retain(|other| Some(*other) != socket);
        let message = Message::MessageReactionEvent(Box::new(reaction));
        vec![
            Effect::Event {
                to,
                message: message.clone(),
            },
            Effect::Answer(Some(message)),
        ]
    }

    /// Lets a user speak; returns the id of the message, and the event.
    pub(super) fn say(
        &mut self,
        now: u32,
        user: i64,
        send: &realtime::ChannelMessageSend,
    ) -> Option<(i64, Effect)> {
        let channel = self.channels.get(&send.channel_id)?;
        let mut message = self.compose(channel, user, now, send);
        let to = self.audience(channel);
        message.message_id = self.next_message();
        message.mode = self.channels.get(&send.channel_id)?.mode();
        message.is_public = self.channels.get(&send.channel_id)?.desc.channel_private == 0;
        let id = message.message_id;
        self.channels
            .get_mut(&send.channel_id)?
            .messages
            .push(message.clone());
        let message = Message::ChannelMessage(Box::new(message));
        Some((id, Effect::Event { to, message }))
    }

    fn join_clan(&mut self, socket: SocketId, join: Box<realtime::ClanJoin>) -> Outcome {
        if let Some(member) = self.members.get_mut(&socket) {
            if member.clans.len() >= Self::JOINS {
                return Err(refused(Code::BadInput, "Too many clans"));
            }
            member.clans.insert(join.clan_id);
        }
        Ok(answer(Message::ClanJoin(join)))
    }

    fn join_channel(&mut self, socket: SocketId, join: &realtime::ChannelJoin) -> Outcome {
        let Some(member) = self.members.get_mut(&socket) else {
            return Ok(Vec::new());
        };
        if member.channels.len() >= Self::JOINS {
            return Err(refused(Code::BadInput, "Too many channels"));
        }
        member.channels.insert(join.channel_id);
        let (user, session_id) = (member.user, member.session);
        let own = realtime::UserPresence {
            user_id: user,
            session_id,
            username: self.user(user).username,
            ..Default::default()
        };
        let desc = self
            .channels
            .get(&join.channel_id)
            .map(|channel| &channel.desc);
        let found = realtime::Channel {
            id: join.channel_id,
            presences: vec![own.clone()],
            self_: Some(own),
            chanel_label: desc
                .map(|desc| desc.channel_label.clone())
                .unwrap_or_default(),
            category_name: desc
                .map(|desc| desc.category_name.clone())
                .unwrap_or_default(),
            clan_logo: self
                .clans
                .get(&join.clan_id)
                .map(|clan| clan.logo.clone())
                .unwrap_or_default(),
        };
        Ok(answer(Message::Channel(Box::new(found))))
    }

    fn leave_channel(&mut self, socket: SocketId, leave: &realtime::ChannelLeave) -> Vec<Effect> {
        if let Some(member) = self.members.get_mut(&socket) {
            member.channels.remove(&leave.channel_id);
        }
        vec![Effect::Answer(None)]
    }

    fn whisper(
        &mut self,
        now: u32,
        socket: SocketId,
        whisper: realtime::EphemeralMessageSend,
    ) -> Outcome {
        let send = whisper
            .message
            .ok_or_else(|| refused(Code::BadInput, "message is required"))?;
        let bot = self.bot(socket);
        let channel = self.writable(Some(socket), bot, send.channel_id)?;
        let mut message = self.compose(channel, bot, now, &send);
        message.message_id = self.next_message();
        Ok(answer(Message::ChannelMessage(Box::new(message))))
    }

    /// Finds a channel that a bot may write to; a socket must have joined it or its clan.
    fn writable(&self, socket: Option<SocketId>, bot: i64, id: i64) -> Result<&Channel, Message> {
        let channel = self
            .channels
            .get(&id)
            .filter(|channel| channel.visible_to(bot));
        let channel = channel.ok_or_else(unknown_channel)?;
        let joined = socket.is_none_or(|socket| {
            self.members.get(&socket).is_some_and(|member| {
                member.channels.contains(&id) || member.clans.contains(&channel.desc.clan_id)
            })
        });
        if joined {
            Ok(channel)
        } else {
            Err(refused(Code::BadInput, NOT_JOINED))
        }
    }

    fn compose(
        &self,
        channel: &Channel,
        user: i64,
        now: u32,
        send: &realtime::ChannelMessageSend,
    ) -> api::ChannelMessage {
        let user = self.user(user);
        let clan = self.clans.get(&channel.desc.clan_id);
        let avatar = Some(&send.avatar).filter(|avatar| !avatar.is_empty());
        api::ChannelMessage {
            clan_id: channel.desc.clan_id,
            channel_id: channel.desc.channel_id,
            code: send.code,
            sender_id: user.id,
            username: user.username,
            avatar: avatar.cloned().unwrap_or(user.avatar_url),
            content: send.content.clone(),
            channel_label: channel.desc.channel_label.clone(),
            clan_logo: clan.map(|clan| clan.logo.clone()).unwrap_or_default(),
            category_name: channel.desc.category_name.clone(),
            display_name: user.display_name,
            mentions: lists::mentions(&send.mentions),
            attachments: lists::attachments(&send.attachments),
            references: lists::references(&send.references),
            create_time_seconds: now,
            update_time_seconds: now,
            mode: send.mode,
            is_public: send.is_public,
            topic_id: send.topic_id,
            ..Default::default()
        }
    }

    fn ack(&self, message: &api::ChannelMessage) -> realtime::ChannelMessageAck {
        realtime::ChannelMessageAck {
            channel_id: message.channel_id,
            message_id: message.message_id,
            code: message.code,
            username: message.username.clone(),
            create_time_seconds: message.create_time_seconds,
            update_time_seconds: message.update_time_seconds,
            persistent: Some(true),
            clan_logo: message.clan_logo.clone(),
            category_name: message.category_name.clone(),
        }
    }

    /// Tells everybody about a change of a message, and the bot that it was done.
    fn told(&self, bot: i64, message: api::ChannelMessage) -> Outcome {
        let channel = self
            .channels
            .get(&message.channel_id)
            .ok_or_else(unknown_channel)?;
        let ack = realtime::ChannelMessageAck {
            username: self.user(bot).username,
            ..self.ack(&message)
        };
        let to = self.audience(channel);
        Ok(event_and_answer(
            to,
            message,
            Message::ChannelMessageAck(Box::new(ack)),
        ))
    }

    fn bot(&self, socket: SocketId) -> i64 {
        self.members.get(&socket).map_or(0, |member| member.user)
    }
}

/// Codes of messages that the server itself sets.
pub(super) mod code {
    pub(crate) const UPDATE: i32 = 1;
    pub(crate) const REMOVE: i32 = 2;
}

fn answer(message: Message) -> Vec<Effect> {
    vec![Effect::Answer(Some(message))]
}

fn event_and_answer(to: Vec<SocketId>, event: api::ChannelMessage, answer: Message) -> Vec<Effect> {
    let message = Message::ChannelMessage(Box::new(event));
    vec![Effect::Event { to, message }, Effect::Answer(Some(answer))]
}

fn unknown_channel() -> Message {
    refused(Code::BadInput, "Channel not found")
}

fn unknown_message() -> Message {
    refused(Code::BadInput, "Message not found")
}
