//! Calls about quick menus.

use greenroom_proto::mezon::{Wire, api};
use serde_json::json;

use super::{Api, target};
use crate::mezon::error::ApiError;
use crate::mezon::lenient;

impl Api {
    /// Adds a quick menu; its id is the caller's to choose. Returns it as the server has it.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn add_quick_menu(
        &self,
        menu: &api::QuickMenuAccess,
    ) -> Result<api::QuickMenuAccess, ApiError> {
        const CALL: &str = "AddQuickMenuAccess";
        if self.wire == Wire::V2 {
            let added: api::QuickMenuAccess = self.proto(CALL, menu).await?;
            // Some servers say nothing but that it is done.
            return Ok(if added.id == 0 { menu.clone() } else { added });
        }
        let body = json!({
            "id": menu.id.to_string(),
            "bot_id": menu.bot_id.to_string(),
            "clan_id": menu.clan_id.to_string(),
            "channel_id": menu.channel_id.to_string(),
            "menu_name": menu.menu_name,
            "background": menu.background,
            "action_msg": menu.action_msg,
            "menu_type": menu.menu_type,
        });
        let answer = self
            .json(CALL, "POST", "/v2/quickmenuaccess", Some(&body))
            .await?;
        let added: api::QuickMenuAccess = lenient::object(answer);
        Ok(if added.id == 0 { menu.clone() } else { added })
    }

    /// Takes one quick menu of a bot away, or with an id of 0 all of them. The older wire can take away all only.
    ///
    /// # Errors
    ///
    /// [`ApiError::Absent`] without a call if an id is given on wire 1, else as every call.
    pub async fn delete_quick_menus(&self, bot_id: i64, id: i64) -> Result<(), ApiError> {
        const CALL: &str = "DeleteQuickMenuAccess";
        if self.wire == Wire::V2 {
            let request = api::QuickMenuAccess {
                id,
                bot_id,
                ..Default::default()
            };
            // The answer is empty, whatever it is called.
            let _: api::QuickMenuAccess = self.proto(CALL, &request).await?;
            return Ok(());
        }
        if id != 0 {
            return Err(ApiError::Absent {
                call: "DeleteQuickMenuAccess for a single menu",
                wire: self.wire,
            });
        }
        let bot = ("bot_id", Some(bot_id.to_string()));
        let target = target("/v2/quickmenuaccess", &[bot]);
        self.json(CALL, "DELETE", &target, None).await.map(drop)
    }

    /// Lists the quick menus of a bot in a channel; 0 is any channel, and any type.
    ///
    /// # Errors
    ///
    /// [`ApiError::Absent`] without a call on wire 1, else as every call.
    pub async fn quick_menus(
        &self,
        bot_id: i64,
        channel_id: i64,
        menu_type: i32,
    ) -> Result<Vec<api::QuickMenuAccess>, ApiError> {
        const CALL: &str = "ListQuickMenuAccess";
        if self.wire == Wire::V1 {
            let wire = self.wire;
            return Err(ApiError::Absent { call: CALL, wire });
        }
        let request = api::ListQuickMenuAccessRequest {
            bot_id,
            channel_id,
            menu_type,
        };
        let answer: api::QuickMenuAccessList = self.proto(CALL, &request).await?;
        Ok(answer.list_menus)
    }
}
