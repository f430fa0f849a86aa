//! Calls about clans, channels and what is said there.

use greenroom_proto::mezon::{Wire, api};
use serde_json::{Map, Value};

use super::{Api, id, target};
use crate::mezon::error::ApiError;
use crate::mezon::lenient;
use crate::mezon::limits::DIRECT;

impl Api {
    /// Lists the clans that the bot is in.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn clans(&self) -> Result<Vec<api::ClanDesc>, ApiError> {
        const CALL: &str = "ListClanDescs";
        match self.wire {
            Wire::V1 => {
                let mut answer = self.json(CALL, "GET", "/v2/clandesc", None).await?;
                Ok(lenient::list(&mut answer, "clandesc"))
            }
            Wire::V2 => {
                let answer: api::ClanDescList = self
                    .proto(CALL, &api::ListClanDescRequest::default())
                    .await?;
                Ok(answer.clandesc)
            }
        }
    }

    /// Lists the channels of a clan that the bot can see, of whatever type.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn channels(&self, clan_id: i64) -> Result<Vec<api::ChannelDescription>, ApiError> {
        self.list_channels(clan_id, 1).await
    }

    /// Lists the bot's direct conversations.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn direct_channels(&self) -> Result<Vec<api::ChannelDescription>, ApiError> {
        self.list_channels(0, 3).await
    }

    async fn list_channels(
        &self,
        clan_id: i64,
        kind: i32,
    ) -> Result<Vec<api::ChannelDescription>, ApiError> {
        const CALL: &str = "ListChannelDescs";
        match self.wire {
            Wire::V1 => {
                let target = target(
                    "/v2/channeldesc",
                    &[("clan_id", id(clan_id)), ("type", Some(kind.to_string()))],
                );
                let mut answer = self.json(CALL, "GET", &target, None).await?;
                Ok(lenient::list(&mut answer, "channeldesc"))
            }
            Wire::V2 => {
                let request = api::ListChannelDescsRequest {
                    clan_id,
                    channel_type: kind,
                    ..Default::default()
                };
                let answer: api::ChannelDescList = self.proto(CALL, &request).await?;
                Ok(answer.channeldesc)
            }
        }
    }

    /// Gets one channel.
    ///
    /// # Errors
    ///
    /// [`ApiError::NotFound`] if there is none, else as every call.
    pub async fn channel(&self, channel_id: i64) -> Result<api::ChannelDescription, ApiError> {
        const CALL: &str = "ListChannelDetail";
        let missing = ApiError::NotFound {
            what: "channel",
            id: channel_id,
        };
        let channel: Result<api::ChannelDescription, _> = match self.wire {
            Wire::V1 => {
                let target = format!("/v2/channeldesc/{channel_id}");
                self.json(CALL, "GET", &target, None)
                    .await
                    .map(lenient::object)
            }
            Wire::V2 => {
                self.proto(CALL, &api::ListChannelDetailRequest { channel_id })
                    .await
            }
        };
        match channel {
            Err(ApiError::Http { source, .. }) if source.status() == Some(404) => Err(missing),
            Ok(channel) if channel.channel_id == 0 => Err(missing),
            channel => channel,
        }
    }

    /// Creates a channel.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn create_channel(
        &self,
        request: &api::CreateChannelDescRequest,
    ) -> Result<api::ChannelDescription, ApiError> {
        const CALL: &str = "CreateChannelDesc";
        if self.wire == Wire::V2 {
            return self.proto(CALL, request).await;
        }
        let mut body = Map::new();
        let ids = [
            ("clan_id", request.clan_id),
            ("channel_id", request.channel_id),
            ("category_id", request.category_id),
            ("parent_id", request.parent_id),
        ];
        for (name, value) in ids {
            if value != 0 {
                body.insert(name.to_owned(), value.to_string().into());
            }
        }
        if !request.channel_label.is_empty() {
            body.insert(
                "channel_label".to_owned(),
                request.channel_label.as_str().into(),
            );
        }
        if request.r#type == DIRECT {
            // As the peers have it: a direct conversation is in no clan, and says so.
            body.insert("clan_id".to_owned(), "".into());
            body.insert("channel_id".to_owned(), "0".into());
            body.insert("category_id".to_owned(), "0".into());
        }
        body.insert("channel_private".to_owned(), request.channel_private.into());
        body.insert("type".to_owned(), request.r#type.into());
        let users: Vec<_> = request.user_ids.iter().map(i64::to_string).collect();
        body.insert("user_ids".to_owned(), users.into());
        let answer = self
            .json(CALL, "POST", "/v2/channeldesc", Some(&Value::Object(body)))
            .await?;
        Ok(lenient::object(answer))
    }

    /// Opens the direct conversation with a user; an existing one is returned.
    ///
    /// # Errors
    ///
    /// [`ApiError::Incomplete`] if the server names no channel, else as every call.
    pub async fn create_direct_channel(
        &self,
        user_id: i64,
    ) -> Result<api::ChannelDescription, ApiError> {
        let request = api::CreateChannelDescRequest {
            r#type: DIRECT,
            channel_private: 1,
            user_ids: vec![user_id],
            ..Default::default()
        };
        let channel = self.create_channel(&request).await?;
        if channel.channel_id == 0 {
            return Err(ApiError::Incomplete {
                call: "CreateChannelDesc",
                field: "channel_id",
            });
        }
        Ok(channel)
    }

    /// Lists messages of a channel; only wire 2 can.
    ///
    /// # Errors
    ///
    /// [`ApiError::Absent`] without a call on wire 1, else as every call.
    pub async fn messages(
        &self,
        request: &api::ListChannelMessagesRequest,
    ) -> Result<Vec<api::ChannelMessage>, ApiError> {
        const CALL: &str = "ListChannelMessages";
        if self.wire == Wire::V1 {
            return Err(ApiError::Absent {
                call: CALL,
                wire: self.wire,
            });
        }
        let answer: api::ChannelMessageList = self.proto(CALL, request).await?;
        Ok(answer.messages)
    }
}
