//! The REST calls of the older wire: paths, query strings and JSON.

use greenroom_proto::mezon::{api, realtime};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::calls::{Caller, written};
use super::chat::Effect;
use super::failure::Failure;
use super::lists::short;
use super::objects::{Page, RoleChange};
use super::query::Query;
use super::world::World;

/// A request for one of the paths below `/v2`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// The path behind `/v2/`, in parts.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a Query,
    pub(super) body: &'a [u8],
}

impl World {
    /// Carries out a call of the older wire.
    pub(super) fn route(
        &mut self,
        caller: Caller,
        call: Call<'_>,
        events: &mut Vec<Effect>,
    ) -> Result<Value, Failure> {
        let bot = caller.bot;
        let query = call.query;
        match (call.method, call.path) {
            ("GET", ["clandesc"]) => {
                let clans = self.clans.values().map(|clan| short(clan, CLAN)).collect();
                let (clans, cursor) = page(query)?.cut::<Value>(clans)?;
                Ok(with_cursor(json!({"clandesc": clans}), cursor))
            }
            ("GET", ["channeldesc"]) => {
                let kind = number(query, "type")?.or(number(query, "channel_type")?);
                let clan = id(query, "clan_id")?.unwrap_or(0);
                let found = self.list_channels(bot, clan, kind.unwrap_or(0));
                let (found, cursor) = page(query)?.cut(found)?;
                let rows: Vec<Value> = found.iter().map(channel_json).collect();
                Ok(json!({"channeldesc": rows, "cursor": cursor}))
            }
            ("GET", ["channeldesc", channel]) => {
                let found = self.channel_detail(bot, path_id(channel)?);
                let found = found.ok_or_else(|| Failure::missing("Channel not found"))?;
                Ok(channel_json(&found))
            }
            ("POST", ["channeldesc"]) => {
                let desc = self.create_channel(bot, &typed(object(call.body)?)?)?;
                Ok(channel_json(&desc))
            }
            ("GET", ["channelvoice"]) => self.voice_rows(query),
            ("GET", ["roles"]) => {
                let clan = id(query, "clan_id")?.unwrap_or(0);
                let (roles, cursor) = page(query)?.cut(self.list_roles(clan))?;
                let roles: Vec<Value> = roles.iter().map(|role| short(role, ROLE)).collect();
                Ok(json!({
                    "clan_id": clan.to_string(),
                    "cursor": cursor,
                    "limit": number(query, "limit")?.unwrap_or(0),
                    "state": number(query, "state")?.unwrap_or(0),
                    "roles": {"roles": roles, "next_cursor": cursor, "prev_cursor": "", "cacheable_cursor": ""},
                }))
            }
            ("PUT", ["roles", role]) => {
                let change = role_change(object(call.body)?)?;
                self.update_role(path_id(role)?, change)?;
                Ok(json!({}))
            }
            ("GET", ["friend"]) => {
                let found = self.list_friends(bot, number(query, "state")?);
                let (friends, cursor) = page(query)?.cut(found)?;
                let rows: Vec<Value> = friends.iter().map(friend_json).collect();
                Ok(json!({"friends": rows, "cursor": cursor}))
            }
            ("POST", ["friend"]) => {
                let (ids, names) = (ids(query)?, query.list("usernames"));
                let ids = self.add_friends(bot, &ids, &names)?;
                let names: Vec<String> = ids.iter().map(|id| self.user(*id).username).collect();
                let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
                Ok(json!({"ids": ids, "usernames": names}))
            }
            ("DELETE", ["friend"]) => {
                self.delete_friends(bot, &ids(query)?, &query.list("usernames"))?;
                Ok(json!({}))
            }
            ("POST", ["quickmenuaccess"]) => {
                let menu = self.add_menu(bot, typed(object(call.body)?)?)?;
                Ok(short(&menu, &["id", "bot_id", "clan_id", "channel_id"]))
            }
            ("DELETE", ["quickmenuaccess"]) => {
                let of = id(query, "bot_id")?.unwrap_or(bot);
                self.delete_menus(bot, id(query, "id")?.unwrap_or(0), of);
                Ok(json!({}))
            }
            ("POST", ["streaming-channels"]) => {
                let request: api::RegisterStreamingChannelRequest = typed(object(call.body)?)?;
                let found = self.channel_detail(bot, request.channel_id);
                let found = found.filter(|desc| desc.clan_id == request.clan_id);
                found.ok_or_else(|| Failure::missing("Channel not found"))?;
                Ok(json!({
                    "clan_id": request.clan_id.to_string(),
                    "channel_id": request.channel_id.to_string(),
                    "streaming_url": "",
                }))
            }
            ("POST", ["sendtoken"]) => {
                let sent = self.send_token(bot, typed(object(call.body)?)?)?;
                let hash = sent.transaction_id.clone();
                events.push(self.token_sent(sent));
                Ok(json!({"transaction_id": hash}))
            }
            ("GET", ["transaction", hash]) => {
                let found = self.ledger.transaction(hash);
                let sent = found.ok_or_else(|| Failure::missing("Transaction not found"))?;
                Ok(json!({
                    "trans_id": hash,
                    "sender_id": sent.sender_id.to_string(),
                    "receiver_id": sent.receiver_id.to_string(),
                    "amount": sent.amount,
                    "metadata": sent.note,
                }))
            }
            ("DELETE", ["apps", "message", message]) => {
                let found = self.find_message(bot, path_id(message)?)?;
                let remove = realtime::ChannelMessageRemove {
                    clan_id: found.clan_id,
                    channel_id: found.channel_id,
                    message_id: found.message_id,
                    mode: found.mode,
                    is_public: found.is_public,
                    topic_id: found.topic_id,
                    ..Default::default()
                };
                let outcome = self.remove(caller.now, None, bot, &remove);
                events.extend(written(outcome, None)?.events);
                Ok(json!({}))
            }
            ("PUT", ["apps", "message", message]) => {
                object(call.body)?;
                self.find_message(bot, path_id(message)?)?;
                Ok(json!({}))
            }
            _ => Err(Failure::unimplemented()),
        }
    }

    fn voice_rows(&self, query: &Query) -> Result<Value, Failure> {
        let limit = number(query, "limit")?;
        if limit.is_some_and(|limit| !(1..=500).contains(&limit)) {
            return Err(Failure::bad("limit must be between 1 and 500"));
        }
        let clan = id(query, "clan_id")?.unwrap_or(0);
        let channel = id(query, "channel_id")?.unwrap_or(0);
        let (voices, _) = page(query)?.cut(self.list_voices(clan, channel))?;
        let row = |voice: super::world::Voice| {
            json!({
                "id": voice.id,
                "channel_id": voice.channel.to_string(),
                "user_id": voice.user.to_string(),
                "participant": self.user(voice.user).username,
            })
        };
        let rows: Vec<Value> = voices.into_iter().map(row).collect();
        Ok(json!({"voice_channel_users": rows}))
    }
}

const CHANNEL: &[&str] = &[
    "clan_id",
    "channel_id",
    "channel_label",
    "type",
    "channel_private",
    "active",
];
const CLAN: &[&str] = &["clan_id", "clan_name", "welcome_channel_id", "creator_id"];
const ROLE: &[&str] = &[
    "id",
    "title",
    "clan_id",
    "active",
    "display_online",
    "allow_mention",
];

/// Reads a JSON object; fields that are null are left out.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|fault| Failure::bad(format!("body is not JSON: {fault}")))?;
    match value {
        Value::Object(mut object) => {
            object.retain(|_, value| !value.is_null());
            Ok(object)
        }
        _ => Err(Failure::bad("body must be a JSON object")),
    }
}

fn typed<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(object))
        .map_err(|fault| Failure::bad(format!("body: {fault}")))
}

fn channel_json(desc: &api::ChannelDescription) -> Value {
    short(desc, CHANNEL)
}

fn friend_json(friend: &api::Friend) -> Value {
    let user = friend.user.clone().unwrap_or_default();
    json!({"user": short(&user, &["id", "username"]), "state": friend.state})
}

/// Reads a change of a role: every field that is there counts; what the platform does not know is passed over.
fn role_change(body: Map<String, Value>) -> Result<RoleChange, Failure> {
    let has = |name: &str| body.contains_key(name);
    let (online, mention) = (has("display_online"), has("allow_mention"));
    let request: api::UpdateRoleRequest = typed(body)?;
    Ok(RoleChange {
        title: request.title,
        color: request.color,
        role_icon: request.role_icon,
        description: request.description,
        display_online: online.then_some(request.display_online),
        allow_mention: mention.then_some(request.allow_mention),
        add_user_ids: request.add_user_ids,
        remove_user_ids: request.remove_user_ids,
    })
}

fn page(query: &Query) -> Result<Page, Failure> {
    let limit = number(query, "limit")?.unwrap_or(0);
    Page::new(limit, query.text("cursor").unwrap_or(""))
}

fn number(query: &Query, name: &str) -> Result<Option<i32>, Failure> {
    query.number(name).map_err(Failure::bad)
}

fn id(query: &Query, name: &str) -> Result<Option<i64>, Failure> {
    query.number(name).map_err(Failure::bad)
}

fn ids(query: &Query) -> Result<Vec<i64>, Failure> {
    query.list("ids").into_iter().map(path_id).collect()
}

fn path_id(text: &str) -> Result<i64, Failure> {
    text.parse()
        .map_err(|_| Failure::bad(format!("\"{text}\" is not an id")))
}

fn with_cursor(mut value: Value, cursor: String) -> Value {
    if !cursor.is_empty() {
        value["cursor"] = cursor.into();
    }
    value
}
