//! What calls do to clans, channels, roles, friends and menus, whatever wire they came on.

use greenroom_proto::mezon::api;
use greenroom_proto::mezon::realtime::envelope::Message;

use super::chat::Effect;
use super::failure::Failure;
use super::messages::Direction;
use super::world::{World, channel_type};

/// A part of a list: how many rows, from where.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// The largest number of rows; none for all.
    pub(super) limit: Option<usize>,
    /// Where the part begins; made by the server.
    pub(super) cursor: String,
}

impl Page {
    /// Reads a limit; 0 and absent ones mean all rows.
    pub(super) fn new(limit: i32, cursor: &str) -> Result<Self, Failure> {
        let limit =
            usize::try_from(limit).map_err(|_| Failure::bad("limit must not be negative"))?;
        Ok(Self {
            limit: Some(limit).filter(|limit| *limit > 0),
            cursor: cursor.to_owned(),
        })
    }

    /// Cuts the part out; also returns the cursor of the next one, empty at the end.
    pub(super) fn cut<T>(&self, rows: Vec<T>) -> Result<(Vec<T>, String), Failure> {
        let start: usize = match self.cursor.as_str() {
            "" => 0,
            text => text
                .parse()
                .map_err(|_| Failure::bad("cursor is not valid"))?,
        };
        let all = rows.len();
        let limit = self.limit.unwrap_or(all);
        let rows: Vec<T> = rows.into_iter().skip(start).take(limit).collect();
        let end = start.saturating_add(rows.len());
        let next = if end < all {
            end.to_string()
        } else {
            String::new()
        };
        Ok((rows, next))
    }
}

/// A change of a role; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct RoleChange {
    pub(super) title: Option<String>,
    pub(super) color: Option<String>,
    pub(super) role_icon: Option<String>,
    pub(super) description: Option<String>,
    pub(super) display_online: Option<i32>,
    pub(super) allow_mention: Option<i32>,
    pub(super) add_user_ids: Vec<i64>,
    pub(super) remove_user_ids: Vec<i64>,
}

impl World {
    /// The largest number of users in one channel, and of rows of other kinds that calls can add.
    const ROWS: usize = 10_000;

    /// Lists the channels of a clan (types 0 and 1: all of them), or those outside of clans.
    pub(super) fn list_channels(
        &self,
        bot: i64,
        clan: i64,
        kind: i32,
    ) -> Vec<api::ChannelDescription> {
        let all = kind == 0 || (kind == channel_type::TEXT && clan != 0);
        let fits =
            |desc: &api::ChannelDescription| desc.clan_id == clan && (all || desc.r#type == kind);
        let found = self.visible(bot).filter(|channel| fits(&channel.desc));
        found.map(super::world::Channel::describe).collect()
    }

    pub(super) fn channel_detail(&self, bot: i64, id: i64) -> Option<api::ChannelDescription> {
        let channel = self
            .channels
            .get(&id)
            .filter(|channel| channel.visible_to(bot));
        channel.map(super::world::Channel::describe)
    }

    /// Makes a DM, a group or a channel of a clan; a DM that exists is returned.
    pub(super) fn create_channel(
        &mut self,
        bot: i64,
        request: &api::CreateChannelDescRequest,
    ) -> Result<api::ChannelDescription, Failure> {
        let kind = match (request.r#type, request.user_ids.as_slice()) {
            (0, [_]) => channel_type::DM,
            (0, []) if request.clan_id != 0 => channel_type::TEXT,
            (0, [_, ..]) => channel_type::GROUP,
            (0, []) => return Err(Failure::bad("type is required")),
            (kind, _) => kind,
        };
        if let (channel_type::DM, [user]) = (kind, request.user_ids.as_slice())
            && let Some(channel) = self.dm(bot, *user)
        {
            return Ok(channel.describe());
        }
        if self.channels.len() >= Self::CHANNELS {
            return Err(Failure::new(8, "too many channels"));
        }
        match kind {
            channel_type::DM | channel_type::GROUP => {
                self.create_direct(bot, kind, &request.user_ids)
            }
            _ => self.create_in_clan(bot, kind, request),
        }
    }

    fn create_direct(
        &mut self,
        bot: i64,
        kind: i32,
        users: &[i64],
    ) -> Result<api::ChannelDescription, Failure> {
        if users.is_empty()
            || users.len() > Self::ROWS
            || (kind == channel_type::DM && users.len() > 1)
        {
            return Err(Failure::bad("user_ids does not fit the type"));
        }
        for user in users {
            if *user == bot {
                return Err(Failure::bad("user_ids must not have the caller"));
            }
            if !self.users.contains_key(user) {
                return Err(Failure::missing(format!("User {user} not found")));
            }
        }
        let id = self.next.dm;
        self.next.dm = id.saturating_add(1);
        Ok(self.add_direct(bot, id, kind, users).describe())
    }

    fn create_in_clan(
        &mut self,
        bot: i64,
        kind: i32,
        request: &api::CreateChannelDescRequest,
    ) -> Result<api::ChannelDescription, Failure> {
        let clan = self.clans.get(&request.clan_id);
        let clan = clan.ok_or_else(|| Failure::missing("Clan not found"))?;
        if request.channel_label.is_empty() {
            return Err(Failure::bad("channel_label is required"));
        }
        let desc = api::ChannelDescription {
            clan_id: request.clan_id,
            parent_id: request.parent_id,
            channel_id: self.next.channel,
            category_id: request.category_id,
            r#type: kind,
            creator_id: bot,
            channel_label: request.channel_label.clone(),
            channel_private: request.channel_private,
            user_ids: request.user_ids.clone(),
            clan_name: clan.clan_name.clone(),
            app_id: request.app_id,
            active: 1,
            ..Default::default()
        };
        self.next.channel = self.next.channel.saturating_add(1);
        let channel = super::world::Channel {
            desc: desc.clone(),
            ..Default::default()
        };
        self.channels.insert(desc.channel_id, channel);
        Ok(desc)
    }

    /// Lists who sits in voice channels: seat, channel, user.
    pub(super) fn list_voices(&self, clan: i64, channel: i64) -> Vec<super::world::Voice> {
        let fits = |voice: &&super::world::Voice| {
            let place = self
                .channels
                .get(&voice.channel)
                .map(|found| found.desc.clan_id);
            place == Some(clan) && (channel == 0 || voice.channel == channel)
        };
        self.voices.iter().filter(fits).cloned().collect()
    }

    pub(super) fn list_roles(&self, clan: i64) -> Vec<api::Role> {
        let roles = self.roles.values().filter(|role| role.clan_id == clan);
        roles.cloned().collect()
    }

    pub(super) fn update_role(&mut self, id: i64, change: RoleChange) -> Result<(), Failure> {
        let users: Vec<api::User> = change
            .add_user_ids
            .iter()
            .map(|id| self.user(*id))
            .collect();
        let role = self
            .roles
            .get_mut(&id)
            .ok_or_else(|| Failure::missing("Role not found"))?;
        set(&mut role.title, change.title);
        set(&mut role.color, change.color);
        set(&mut role.role_icon, change.role_icon);
        set(&mut role.description, change.description);
        set(&mut role.display_online, change.display_online);
        set(&mut role.allow_mention, change.allow_mention);
        let list = role.role_user_list.get_or_insert_default();
        list.role_users.retain(|user| {
            !change.remove_user_ids.contains(&user.id) && !change.add_user_ids.contains(&user.id)
        });
        let members = users.into_iter().map(|user| api::role_user_list::RoleUser {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            avatar_url: user.avatar_url,
            ..Default::default()
        });
        list.role_users.extend(members);
        list.role_users.truncate(Self::ROWS);
        Ok(())
    }

    pub(super) fn list_friends(&self, bot: i64, state: Option<i32>) -> Vec<api::Friend> {
        let own = self.friends.range((bot, i64::MIN)..=(bot, i64::MAX));
        own.filter(|(_, found)| state.is_none_or(|state| state == **found))
            .map(|((_, user), state)| api::Friend {
                user: Some(self.user(*user)),
                state: *state,
                ..Default::default()
            })
            .collect()
    }

    /// Asks users for their friendship, or accepts theirs; returns who was found.
    pub(super) fn add_friends(
        &mut self,
        bot: i64,
        ids: &[i64],
        names: &[&str],
    ) -> Result<Vec<i64>, Failure> {
        let users = self.find_all(ids, names)?;
        for user in &users {
            let state = self.friends.entry((bot, *user)).or_insert(1);
            if *state == 2 {
                *state = 0;
            }
        }
        Ok(users)
    }

    pub(super) fn delete_friends(
        &mut self,
        bot: i64,
        ids: &[i64],
        names: &[&str],
    ) -> Result<(), Failure> {
        for user in self.find_all(ids, names)? {
            self.friends.remove(&(bot, user));
        }
        Ok(())
    }

    /// Finds users; those that do not exist are passed over.
    fn find_all(&self, ids: &[i64], names: &[&str]) -> Result<Vec<i64>, Failure> {
        if ids.is_empty() && names.is_empty() {
            return Err(Failure::bad("ids or usernames are required"));
        }
        let by_name = names.iter().filter_map(|name| {
            let found = self.users.values().find(|user| user.username == *name);
            found.map(|user| user.id)
        });
        let known = ids.iter().copied().filter(|id| self.users.contains_key(id));
        let mut users: Vec<i64> = known.chain(by_name).collect();
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }

    pub(super) fn add_menu(
        &mut self,
        bot: i64,
        mut menu: api::QuickMenuAccess,
    ) -> Result<api::QuickMenuAccess, Failure> {
        if self.menus.len() >= Self::ROWS {
            return Err(Failure::new(8, "too many menus"));
        }
        if menu.id == 0 {
            menu.id = self.next_other();
        }
        if menu.bot_id == 0 {
            menu.bot_id = bot;
        }
        self.menus.insert(menu.id, menu.clone());
        Ok(menu)
    }

    pub(super) fn update_menu(
        &mut self,
        bot: i64,
        menu: api::QuickMenuAccess,
    ) -> Result<api::QuickMenuAccess, Failure> {
        if self.menus.contains_key(&menu.id) {
            self.add_menu(bot, menu)
        } else {
            Err(Failure::missing("Menu not found"))
        }
    }

    /// Takes one menu away by its id, or all of a bot.
    pub(super) fn delete_menus(&mut self, bot: i64, id: i64, of: i64) {
        let of = if of == 0 { bot } else { of };
        self.menus.retain(|key, menu| match id {
            0 => menu.bot_id != of,
            id => *key != id,
        });
    }

    pub(super) fn list_menus(
        &self,
        request: &api::ListQuickMenuAccessRequest,
    ) -> Vec<api::QuickMenuAccess> {
        let fits = |menu: &&api::QuickMenuAccess| {
            (request.bot_id == 0 || menu.bot_id == request.bot_id)
                && (request.channel_id == 0 || [0, request.channel_id].contains(&menu.channel_id))
                && (request.menu_type == 0 || menu.menu_type == request.menu_type)
        };
        self.menus.values().filter(fits).cloned().collect()
    }

    /// Pays tokens from a bot to a user.
    pub(super) fn send_token(
        &mut self,
        bot: i64,
        sent: api::TokenSentEvent,
    ) -> Result<api::TokenSentEvent, Failure> {
        if !self.users.contains_key(&sent.receiver_id) {
            return Err(Failure::missing("Receiver not found"));
        }
        let sender_name = self.user(bot).username;
        self.ledger.pay(api::TokenSentEvent {
            sender_id: bot,
            sender_name,
            ..sent
        })
    }

    /// Makes the event of a transfer, for everybody.
    pub(super) fn token_sent(&self, sent: api::TokenSentEvent) -> Effect {
        Effect::Event {
            to: self.members.keys().copied().collect(),
            message: Message::TokenSentEvent(Box::new(sent)),
        }
    }

    /// Finds a message in whatever channel a bot can see.
    pub(super) fn find_message(&self, bot: i64, id: i64) -> Result<api::ChannelMessage, Failure> {
        let mut channels = self.visible(bot);
        let found = channels.find_map(|channel| channel.messages.get(id));
        found
            .cloned()
            .ok_or_else(|| Failure::missing("Message not found"))
    }

    /// Lists stored messages of a channel, 50 if the request does not say how many, at most 1,000.
    pub(super) fn list_messages(
        &self,
        bot: i64,
        request: &api::ListChannelMessagesRequest,
    ) -> Result<api::ChannelMessageList, Failure> {
        let channel = self.channels.get(&request.channel_id);
        let channel = channel
            .filter(|channel| channel.visible_to(bot))
            .ok_or_else(|| Failure::missing("Channel not found"))?;
        let limit = match request.limit {
            0 => 50,
            limit => {
                usize::try_from(limit).map_err(|_| Failure::bad("limit must not be negative"))?
            }
        };
        let direction = Direction::from_number(request.direction);
        let messages = channel
            .messages
            .list(request.message_id, direction, limit.min(1_000));
        Ok(api::ChannelMessageList {
            messages,
            last_sent_message: channel.describe().last_sent_message,
            ..Default::default()
        })
    }
}

impl super::world::Channel {
    /// Returns the description with the head of the last message.
    pub(super) fn describe(&self) -> api::ChannelDescription {
        let head = self
            .messages
            .last()
            .map(|message| api::ChannelMessageHeader {
                id: message.message_id,
                timestamp_seconds: message.create_time_seconds,
                sender_id: message.sender_id,
                content: message.content.clone(),
            });
        api::ChannelDescription {
            last_sent_message: head,
            ..self.desc.clone()
        }
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
