//! Who is told of what happens: both lines, and web hooks.

use greenroom_actors::connection::Frame;
use serde_json::{Value, json};

use super::centrifugo::push;
use super::channels::Channel;
use super::event::Event;
use super::hub::{Hub, farewell, text_frame};
use super::sockets::Line;
use super::world::{Message, Party, UserNo};
use crate::simulator::{Now, Out, Post, SocketId, Spoken};

/// At most so much is remembered of what was said.
const SPOKEN: usize = 1_024;

impl Hub {
    /// Tells everybody concerned of what has happened.
    pub(super) fn tell(&mut self, now: Now, events: Vec<Event>) -> Vec<Out> {
        let mut outs = Vec::new();
        for event in events {
            match event {
                Event::Sent(message) => self.tell_message(now, &message, &mut outs),
                Event::Read { message, reader } => {
                    self.tell_receipt(now, &message, reader, &mut outs);
                }
                Event::Typing { from, to } => {
                    self.tell_typing(now, from, to.as_deref(), &mut outs);
                }
                Event::AllRead(user) => {
                    let data = json!({
                        "type": "unread_count",
                        "unread_room_messages": 0,
                        "unread_direct_messages": 0,
                        "total_unread": 0,
                        "timestamp": self.world.moment(now).to_string(),
                    });
                    self.publish(now, Channel::User(user), &data, Vec::new(), &mut outs);
                }
                Event::Gone(user) => {
                    let ended = self.sockets.of_user(user);
                    let ended = ended
                        .iter()
                        .filter_map(|id| Some((*id, &self.sockets.open.get(id)?.line)));
                    outs.extend(ended.map(|(socket, line)| farewell(socket, line)));
                    self.channels.remove(user);
                }
            }
        }
        outs
    }

    fn tell_message(&mut self, now: Now, message: &Message, outs: &mut Vec<Out>) {
        let shown = self.world.show(message);
        self.note_spoken(message);
        let sender = message.from.no;
        let to = message.to.as_ref();
        let plain = self.plain_sockets(|user| match to {
            None => user != sender,
            Some(to) => user == to.no,
        });
        let frame = text_frame(&shown);
        let plain = plain.into_iter().map(|socket| (socket, frame.clone()));
        let channel = to.map_or(Channel::Room, |to| Channel::User(to.no));
        self.publish(now, channel, &shown, plain.collect(), outs);
        for user in self.world.users() {
            let is_meant = match to {
                None => user.no != sender,
                Some(to) => user.no == to.no,
            };
            if let Some(url) = user.webhook.as_ref().filter(|_| is_meant) {
                outs.push(Out::Post(Post {
                    url: url.clone(),
                    body: shown.to_string().into(),
                }));
            }
        }
    }

    fn tell_receipt(&mut self, now: Now, message: &Message, reader: UserNo, outs: &mut Vec<Out>) {
        let Some(name) = self.world.user(reader).map(|user| user.name.clone()) else {
            return;
        };
        let receipt = json!({
            "type": "read_receipt",
            "message_id": message.id.to_string(),
            "read_by": name,
        });
        let sender = message.from.no;
        let frame = text_frame(&receipt);
        let plain = self.plain_sockets(|user| user == sender);
        let plain = plain.into_iter().map(|socket| (socket, frame.clone()));
        let mut data = receipt;
        data["read_at"] = self.world.moment(now).to_string().into();
        let channel = match &message.to {
            None => Channel::Room,
            Some(_) => Channel::User(sender),
        };
        self.publish(now, channel, &data, plain.collect(), outs);
    }

    fn tell_typing(&mut self, now: Now, from: UserNo, to: Option<&str>, outs: &mut Vec<Out>) {
        let Some(name) = self.world.user(from).map(|user| user.name.clone()) else {
            return;
        };
        let recipient = match to {
            None => None,
            Some(to) => match self.world.named(to) {
                Some(user) => Some(user.no),
                None => return,
            },
        };
        let typing = json!({"type": "typing", "username": name, "to_username": to});
        let frame = text_frame(&typing);
        let plain = self.plain_sockets(|user| match recipient {
            None => user != from,
            Some(recipient) => user == recipient,
        });
        let plain = plain.into_iter().map(|socket| (socket, frame.clone()));
        let mut data = typing;
        data["timestamp"] = self.world.moment(now).to_string().into();
        let channel = recipient.map_or(Channel::Room, Channel::User);
        self.publish(now, channel, &data, plain.collect(), outs);
    }

    fn plain_sockets(&self, is_meant: impl Fn(UserNo) -> bool) -> Vec<SocketId> {
        let open = self.sockets.open.iter();
        open.filter(|(_, socket)| matches!(socket.line, Line::Plain(user) if is_meant(user)))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Publishes to a channel; `frames` are for the plain line.
    fn publish(
        &mut self,
        now: Now,
        channel: Channel,
        data: &Value,
        mut frames: Vec<(SocketId, Frame)>,
        outs: &mut Vec<Out>,
    ) {
        let offset = self.channels.publish(now.at, channel, data);
        frames.extend(self.pushes(channel, data, Some(offset)));
        if !frames.is_empty() {
            outs.push(Out::Event(frames));
        }
    }

    /// Makes the pushes for those who hear a channel.
    pub(super) fn pushes(
        &self,
        channel: Channel,
        data: &Value,
        offset: Option<u64>,
    ) -> Vec<(SocketId, Frame)> {
        let mut made: Option<(&str, Frame)> = None;
        let mut frames = Vec::new();
        for (id, socket) in &self.sockets.open {
            let Line::Centrifugo(client) = &socket.line else {
                continue;
            };
            let Some(name) = client.hears(channel) else {
                continue;
            };
            let frame = match &made {
                Some((known, frame)) if *known == name => frame.clone(),
                _ => text_frame(&push(name, data, offset)),
            };
            made = Some((name, frame.clone()));
            frames.push((*id, frame));
        }
        frames
    }

    /// Remembers what is said.
    fn note_spoken(&mut self, message: &Message) {
        if self.spoken.len() >= SPOKEN {
            return;
        }
        let channel = match &message.to {
            None => "general".to_owned(),
            Some(Party { name, .. }) => format!("@{name}"),
        };
        let sender = self.world.user(message.from.no);
        self.spoken.push(Spoken {
            id: message.id.to_string(),
            from: message.from.name.clone(),
            is_bot: sender.is_some_and(super::world::User::is_bot),
            channel,
            text: message.content.clone(),
        });
    }
}
