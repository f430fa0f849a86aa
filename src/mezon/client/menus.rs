//! Quick menus of the bot.

use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use greenroom_actors::clock;
use greenroom_actors::event::Id;
use greenroom_proto::mezon::api;

use super::MezonClient;
use super::know::id_of;
use crate::mezon::error::ApiError;

/// A quick menu to add: what people of a channel can choose from the bot's menu.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::QuickMenu;
///
/// let menu = QuickMenu { name: "Help".to_owned(), action: "!help".to_owned(), ..QuickMenu::default() };
/// assert_eq!(menu.menu_type, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickMenu {
    /// What stands there.
    pub name: String,
    /// What choosing it says.
    pub action: String,
    /// Where the picture behind it is; may be empty.
    pub background: String,
    /// The kind of menu; 1.
    pub menu_type: i32,
}

impl Default for QuickMenu {
    fn default() -> Self {
        Self {
            name: String::new(),
            action: String::new(),
            background: String::new(),
            menu_type: 1,
        }
    }
}

/// Makes ids as the platform's own clients do: from the time, and a number within its millisecond.
#[derive(Debug, Default)]
pub(super) struct Ids(Mutex<(u64, u64)>);

impl Ids {
    fn next(&self, now_ms: u64) -> i64 {
        let last = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = now_ms.saturating_sub(EPOCH_MS).max(last.0);
        let sequence = match *last {
            (ms, sequence) if ms == now_ms => sequence + 1,
            _ => 0,
        };
        // A millisecond has 4,096 of them; then the next one begins early.
        *last = (now_ms + sequence / SEQUENCES, sequence % SEQUENCES);
        let id = last.0 << 22 | 1 << 17 | 1 << 12 | last.1;
        i64::try_from(id).unwrap_or(i64::MAX)
    }
}

impl MezonClient {
    /// Adds a quick menu to a channel of a clan, or to all of them if the channel is none.
    ///
    /// # Errors
    ///
    /// As every call: [`ApiError`].
    pub async fn add_quick_menu(
        &self,
        clan: &Id,
        channel: &Id,
        menu: QuickMenu,
    ) -> Result<api::QuickMenuAccess, ApiError> {
        let menu = api::QuickMenuAccess {
            id: self.shared.ids.next(clock::unix_millis()),
            bot_id: id_of("bot", &self.me())?,
            clan_id: id_of("clan", clan)?,
            channel_id: id_of("channel", channel)?,
            menu_name: menu.name,
            background: menu.background,
            action_msg: menu.action,
            menu_type: menu.menu_type,
        };
        let call = move |api: crate::mezon::Api| {
            let menu = menu.clone();
            async move { api.add_quick_menu(&menu).await }.boxed_local()
        };
        self.call(call).await
    }

    /// Takes one quick menu of the bot away, or all of them if `menu` is none.
    ///
    /// # Errors
    ///
    /// [`ApiError::Absent`] without a call if a single one is named on the older wire, else as every call.
    pub async fn delete_quick_menus(&self, menu: &Id) -> Result<(), ApiError> {
        let (bot, menu) = (id_of("bot", &self.me())?, id_of("menu", menu)?);
        self.call(move |api| async move { api.delete_quick_menus(bot, menu).await }.boxed_local())
            .await
    }

    /// Lists the quick menus of the bot in a channel, or in all of them if the channel is none.
    ///
    /// # Errors
    ///
    /// [`ApiError::Absent`] without a call on the older wire, else as every call.
    pub async fn quick_menus(&self, channel: &Id) -> Result<Vec<api::QuickMenuAccess>, ApiError> {
        let (bot, channel) = (id_of("bot", &self.me())?, id_of("channel", channel)?);
        self.call(move |api| async move { api.quick_menus(bot, channel, 0).await }.boxed_local())
            .await
    }
}

/// The beginning of 2020.
const EPOCH_MS: u64 = 1_577_836_800_000;
const SEQUENCES: u64 = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_are_made_as_the_peers_make_them() {
        let ids = Ids::default();
        let now = EPOCH_MS + 1_000;
        assert_eq!(ids.next(now), 1_000 << 22 | 1 << 17 | 1 << 12);
        assert_eq!(ids.next(now), 1_000 << 22 | 1 << 17 | 1 << 12 | 1);
        let mut last = 0;
        for _ in 0..10_000 {
            let next = ids.next(now);
            assert!(next > last);
            last = next;
        }
        assert!(ids.next(0) > last, "even if the clock goes back");
    }
}
