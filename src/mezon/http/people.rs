//! Calls about users, roles and friends.

use greenroom_actors::event::Id;
use greenroom_proto::mezon::{Wire, api};
use serde_json::{Map, Value, json};

use super::{Api, id, target};
use crate::mezon::error::ApiError;
use crate::mezon::lenient;

/// Somebody in a voice channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VoiceUser {
    /// The platform's id of this presence; none on wire 2.
    pub id: String,
    /// The voice channel.
    pub channel_id: Id,
    /// The user.
    pub user_id: Id,
    /// The name in the room; on wire 2 the room's.
    pub participant: String,
}

impl Api {
    /// Lists who is in the voice channels of a clan, or in one of them if `channel_id` is not 0. Voice channels have type 4.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if `limit` is not from 1 to 500, else as every call.
    pub async fn voice_users(
        &self,
        clan_id: i64,
        channel_id: i64,
        channel_type: i32,
        limit: i32,
    ) -> Result<Vec<VoiceUser>, ApiError> {
        const CALL: &str = "ListChannelVoiceUsers";
        if !(1..=500).contains(&limit) {
            return Err(ApiError::Invalid(format!("0 < limit <= 500, not {limit}")));
        }
        if self.wire == Wire::V1 {
            let parameters = [
                ("clan_id", Some(clan_id.to_string())),
                ("channel_id", Some(id(channel_id).unwrap_or_default())),
                ("channel_type", Some(channel_type.to_string())),
                ("limit", Some(limit.to_string())),
            ];
            let mut answer = self
                .json(CALL, "GET", &target("/v2/channelvoice", &parameters), None)
                .await?;
            let users = answer.get_mut("voice_channel_users").map(Value::take);
            let Some(Value::Array(users)) = users else {
                return Ok(Vec::new());
            };
            return Ok(users.iter().map(voice_user).collect());
        }
        let request = api::ListChannelUsersRequest {
            clan_id,
            channel_id,
            channel_type,
            limit,
            ..Default::default()
        };
        let answer: api::VoiceChannelUserList = self.proto(CALL, &request).await?;
        let each = |room: api::VoiceChannelUser| {
            let api::VoiceChannelUser {
                user_ids,
                channel_id,
                room_name,
                ..
            } = room;
            user_ids.into_iter().map(move |user| VoiceUser {
                id: String::new(),
                channel_id: channel_id.into(),
                user_id: user.into(),
                participant: room_name.clone(),
            })
        };
        Ok(answer
            .voice_channel_users
            .into_iter()
            .flat_map(each)
            .collect())
    }

    /// Lists the roles of a clan. A limit of 0 and an empty cursor are left to the server.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn roles(
        &self,
        clan_id: i64,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<Vec<api::Role>, ApiError> {
        const CALL: &str = "ListRoles";
        if self.wire == Wire::V1 {
            let clan = ("clan_id", Some(clan_id.to_string()));
            let target = target(
                "/v2/roles",
                &[clan, page(limit), ("state", given(state)), after(cursor)],
            );
            let mut answer = self.json(CALL, "GET", &target, None).await?;
            let mut roles = answer.get_mut("roles").map(Value::take).unwrap_or_default();
            return Ok(lenient::list(&mut roles, "roles"));
        }
        let request = api::RoleListEventRequest {
            clan_id,
            limit,
            state,
            cursor: cursor.to_owned(),
        };
        let answer: api::RoleListEventResponse = self.proto(CALL, &request).await?;
        Ok(answer.roles.unwrap_or_default().roles)
    }

    /// Lists the bot's friends and invitations. A limit of 0 and an empty cursor are left to the server.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn friends(
        &self,
        limit: i32,
        state: i32,
        cursor: &str,
    ) -> Result<api::FriendList, ApiError> {
        const CALL: &str = "ListFriends";
        if self.wire == Wire::V2 {
            let cursor = cursor.to_owned();
            return self
                .proto(
                    CALL,
                    &api::ListFriendsRequest {
                        limit,
                        state,
                        cursor,
                    },
                )
                .await;
        }
        let target = target(
            "/v2/friend",
            &[page(limit), ("state", given(state)), after(cursor)],
        );
        let mut answer = self.json(CALL, "GET", &target, None).await?;
        let friends = match answer.get_mut("friends").map(Value::take) {
            Some(Value::Array(friends)) => friends,
            _ => Vec::new(),
        };
        let friend = |mut friend: Value| {
            let user = friend
                .get_mut("user")
                .map(Value::take)
                .filter(Value::is_object);
            api::Friend {
                user: user.map(lenient::object),
                ..lenient::object(friend)
            }
        };
        Ok(api::FriendList {
            friends: friends.into_iter().map(friend).collect(),
            cursor: lenient::text(&answer, "cursor"),
        })
    }

    /// Invites friends, or accepts their invitations.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] without a call if nobody is named, else as every call.
    pub async fn add_friends(&self, ids: &[i64], usernames: &[&str]) -> Result<(), ApiError> {
        const CALL: &str = "AddFriends";
        if ids.is_empty() && usernames.is_empty() {
            return Err(ApiError::Invalid(
                "name a friend by id or by user name".to_owned(),
            ));
        }
        if self.wire == Wire::V1 {
            let mut parameters: Vec<_> = usernames
                .iter()
                .map(|name| ("usernames", Some((*name).to_owned())))
                .collect();
            parameters.extend(ids.iter().map(|id| ("ids", Some(id.to_string()))));
            self.json(CALL, "POST", &target("/v2/friend", &parameters), None)
                .await?;
            return Ok(());
        }
        let request = api::AddFriendsRequest {
            ids: ids.to_vec(),
            usernames: usernames.iter().map(|name| (*name).to_owned()).collect(),
        };
        let _: api::AddFriendsResponse = self.proto(CALL, &request).await?;
        Ok(())
    }

    /// Changes a role: an object of the request's fields, such as `{"title": "New"}`. Returns the names that wire 2 cannot send.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn update_role(
        &self,
        clan_id: i64,
        role_id: i64,
        changes: &Map<String, Value>,
    ) -> Result<Vec<String>, ApiError> {
        const CALL: &str = "UpdateRole";
        if self.wire == Wire::V1 {
            let target = format!("/v2/roles/{role_id}");
            self.json(CALL, "PUT", &target, Some(&json!(changes)))
                .await?;
            return Ok(Vec::new());
        }
        let (request, unknown) = role_request(clan_id, role_id, changes);
        // The answer is empty, whatever it is called.
        let _: api::Role = self.proto(CALL, &request).await?;
        Ok(unknown)
    }
}

fn role_request(
    clan_id: i64,
    role_id: i64,
    changes: &Map<String, Value>,
) -> (api::UpdateRoleRequest, Vec<String>) {
    let mut request = api::UpdateRoleRequest {
        role_id,
        clan_id,
        ..Default::default()
    };
    let mut unknown = Vec::new();
    let all = Value::Object(changes.clone());
    let number = |name| i32::try_from(lenient::number(&all, name)).unwrap_or(0);
    let ids = |value: &Value| -> Vec<i64> {
        let one = |id: &Value| id.as_i64().or_else(|| id.as_str()?.parse().ok());
        value
            .as_array()
            .map(|ids| ids.iter().filter_map(one).collect())
            .unwrap_or_default()
    };
    for (name, value) in changes {
        match name.as_str() {
            "title" => request.title = Some(lenient::text(&all, name)),
            "color" => request.color = Some(lenient::text(&all, name)),
            "role_icon" => request.role_icon = Some(lenient::text(&all, name)),
            "description" => request.description = Some(lenient::text(&all, name)),
            "display_online" => request.display_online = number(name),
            "allow_mention" => request.allow_mention = number(name),
            "add_user_ids" => request.add_user_ids = ids(value),
            "remove_user_ids" => request.remove_user_ids = ids(value),
            "active_permission_ids" => request.active_permission_ids = ids(value),
            "remove_permission_ids" => request.remove_permission_ids = ids(value),
            "max_permission_id" => request.max_permission_id = lenient::number(&all, name),
            _ => unknown.push(name.clone()),
        }
    }
    (request, unknown)
}

fn voice_user(user: &Value) -> VoiceUser {
    VoiceUser {
        id: lenient::text(user, "id"),
        channel_id: lenient::text(user, "channel_id").into(),
        user_id: lenient::text(user, "user_id").into(),
        participant: lenient::text(user, "participant"),
    }
}

fn given(number: i32) -> Option<String> {
    (number != 0).then(|| number.to_string())
}

fn page(limit: i32) -> (&'static str, Option<String>) {
    ("limit", given(limit))
}

fn after(cursor: &str) -> (&'static str, Option<String>) {
    ("cursor", (!cursor.is_empty()).then(|| cursor.to_owned()))
}
