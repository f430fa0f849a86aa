//! The calls of the newer wire, by name: they come as REST requests and over the websocket.

use bytes::Bytes;
use greenroom_proto::mezon::realtime::envelope::Message as Content;
use greenroom_proto::mezon::{api, realtime};
use prost::Message;

use super::chat::{Effect, Outcome};
use super::failure::Failure;
use super::objects::{Page, RoleChange};
use super::world::{SocketId, World};

/// Who calls, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) bot: i64,
    /// The socket that the call came over, if it did.
    pub(super) socket: Option<SocketId>,
    /// Seconds since 1970.
    pub(super) now: u32,
}

/// The answer of a call, with the events that it caused.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) body: Vec<u8>,
    pub(super) events: Vec<Effect>,
}

impl World {
    /// Carries out a call of the newer wire.
    pub(super) fn call(
        &mut self,
        caller: Caller,
        name: &str,
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let bot = caller.bot;
        match name {
            "ListClanDescs" => {
                let request: api::ListClanDescRequest = read(body)?;
                let clans = self.clans.values().cloned().collect();
                let (clandesc, _) = Page::new(request.limit, &request.cursor)?.cut(clans)?;
                reply(&api::ClanDescList { clandesc })
            }
            "ListChannelDescs" => {
                let request: api::ListChannelDescsRequest = read(body)?;
                let found = self.list_channels(bot, request.clan_id, request.channel_type);
                let (channeldesc, _) = Page::new(request.limit, &request.cursor)?.cut(found)?;
                reply(&api::ChannelDescList { channeldesc })
            }
            "ListChannelDetail" => {
                let request: api::ListChannelDetailRequest = read(body)?;
                reply(
                    &self
                        .channel_detail(bot, request.channel_id)
                        .unwrap_or_default(),
                )
            }
            "CreateChannelDesc" => {
                let desc = self.create_channel(bot, &read(body)?)?;
                reply(&desc)
            }
            "ListChannelVoiceUsers" => self.voice_users(&read(body)?),
            "ListRoles" => self.roles(&read(body)?),
            "UpdateRole" => {
                let request: api::UpdateRoleRequest = read(body)?;
                self.update_role(request.role_id, change(request))?;
                Ok(Reply::default())
            }
            "ListFriends" => {
                let request: api::ListFriendsRequest = read(body)?;
                let state = Some(request.state).filter(|state| *state != 0);
                let page = Page::new(request.limit, &request.cursor)?;
                let (friends, cursor) = page.cut(self.list_friends(bot, state))?;
                reply(&api::FriendList { friends, cursor })
            }
            "AddFriends" => {
                let request: api::AddFriendsRequest = read(body)?;
                let names: Vec<&str> = request.usernames.iter().map(String::as_str).collect();
                let ids = self.add_friends(bot, &request.ids, &names)?;
                let usernames = ids.iter().map(|id| self.user(*id).username).collect();
                reply(&api::AddFriendsResponse { ids, usernames })
            }
            "DeleteFriends" => {
                let request: api::DeleteFriendsRequest = read(body)?;
                let names: Vec<&str> = request.usernames.iter().map(String::as_str).collect();
                self.delete_friends(bot, &request.ids, &names)?;
                Ok(Reply::default())
            }
            "AddQuickMenuAccess" => reply(&self.add_menu(bot, read(body)?)?),
            "UpdateQuickMenuAccess" => reply(&self.update_menu(bot, read(body)?)?),
            "DeleteQuickMenuAccess" => {
                let request: api::QuickMenuAccess = read(body)?;
                self.delete_menus(bot, request.id, request.bot_id);
                Ok(Reply::default())
            }
            "ListQuickMenuAccess" => {
                let list_menus = self.list_menus(&read(body)?);
                reply(&api::QuickMenuAccessList { list_menus })
            }
            "ListChannelMessages" => reply(&self.list_messages(bot, &read(body)?)?),
            "SendChannelMessage" => {
                let send = read(body)?;
                written(self.send(caller.now, caller.socket, bot, &send), None)
            }
            "UpdateChannelMessage" => {
                let update: realtime::ChannelMessageUpdate = read(body)?;
                let echo = update.encode_to_vec();
                written(
                    self.update(caller.now, caller.socket, bot, update),
                    Some(echo),
                )
            }
            "DeleteChannelMessage" => {
                let remove: realtime::ChannelMessageRemove = read(body)?;
                let echo = remove.encode_to_vec();
                written(
                    self.remove(caller.now, caller.socket, bot, &remove),
                    Some(echo),
                )
            }
            "ReactChannelMessage" => written(Ok(self.react(caller.socket, bot, read(body)?)), None),
            "MarkAsRead" => {
                let _: realtime::MarkAsRead = read(body)?;
                Ok(Reply::default())
            }
            _ => Err(Failure::unimplemented()),
        }
    }

    fn voice_users(&self, request: &api::ListChannelUsersRequest) -> Result<Reply, Failure> {
        if !(0..=500).contains(&request.limit) {
            return Err(Failure::bad("limit must be between 1 and 500"));
        }
        let mut voice_channel_users: Vec<api::VoiceChannelUser> = Vec::new();
        for voice in self.list_voices(request.clan_id, request.channel_id) {
            let user = voice.user.to_string();
            match voice_channel_users
                .iter_mut()
                .find(|row| row.channel_id == voice.channel)
            {
                Some(row) => row.user_ids.push(user),
                None => voice_channel_users.push(api::VoiceChannelUser {
                    user_ids: vec![user],
                    channel_id: voice.channel,
                    room_name: self
                        .channels
                        .get(&voice.channel)
                        .map(|channel| channel.desc.meeting_code.clone())
                        .unwrap_or_default(),
                    ..Default::default()
                }),
            }
        }
        let (voice_channel_users, _) =
            Page::new(request.limit, &request.cursor)?.cut(voice_channel_users)?;
        reply(&api::VoiceChannelUserList {
            voice_channel_users,
        })
    }

    fn roles(&self, request: &api::RoleListEventRequest) -> Result<Reply, Failure> {
        let page = Page::new(request.limit, &request.cursor)?;
        let (roles, cursor) = page.cut(self.list_roles(request.clan_id))?;
        reply(&api::RoleListEventResponse {
            limit: request.limit,
            state: request.state,
            cursor,
            clan_id: request.clan_id,
            roles: Some(api::RoleList {
                roles,
                ..Default::default()
            }),
        })
    }
}

fn read<M: Message + Default>(body: Bytes) -> Result<M, Failure> {
    M::decode(body).map_err(|fault| Failure::bad(format!("body: {fault}")))
}

fn reply(message: &impl Message) -> Result<Reply, Failure> {
    Ok(Reply {
        body: message.encode_to_vec(),
        events: Vec::new(),
    })
}

/// Turns what a socket request would have got into the answer of a call.
pub(super) fn written(outcome: Outcome, mut echo: Option<Vec<u8>>) -> Result<Reply, Failure> {
    let refusal = |error: Content| match error {
        Content::Error(error) => Failure::bad(error.message),
        _ => Failure::new(13, "internal error"),
    };
    let mut found = Reply::default();
    for effect in outcome.map_err(refusal)? {
        match effect {
            Effect::Answer(Some(Content::ChannelMessageAck(ack))) => {
                found.body = echo.take().unwrap_or_else(|| ack.encode_to_vec());
            }
            Effect::Answer(Some(Content::MessageReactionEvent(reaction))) => {
                found.body = reaction.encode_to_vec();
            }
            Effect::Answer(_) => {}
            event @ Effect::Event { .. } => found.events.push(event),
        }
    }
    Ok(found)
}

/// Reads a change of the newer wire, where plain numbers of 0 cannot be told from absent ones.
fn change(request: api::UpdateRoleRequest) -> RoleChange {
    RoleChange {
        title: request.title,
        color: request.color,
        role_icon: request.role_icon,
        description: request.description,
        display_online: Some(request.display_online).filter(|number| *number != 0),
        allow_mention: Some(request.allow_mention).filter(|number| *number != 0),
        add_user_ids: request.add_user_ids,
        remove_user_ids: request.remove_user_ids,
    }
}
