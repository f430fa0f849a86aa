//! Repeats what is said, but not what it said itself.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key cargo run --example mezon_echo
//! ```
//!
//! For real: `GREENROOM__MEZON__CLIENT_ID` and `GREENROOM__MEZON__API_KEY` of your bot, and no base URL. The same settings may stand
//! in a `greenroom.toml` beside the program.

use greenroom::mezon::{MezonEvents, OnMessage, OnMezon};
use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    Bot::builder("mezon_echo")
        .platform(Mezon::from_config()?)
        .on_channel_message("echo", async |event| {
            let (Some(message), Some(mezon)) = (event.live(), event.mezon()) else {
                return Ok(());
            };
            let view = message.view();
            // Ours come back as events too; codes other than 0 are changes, removals and messages of the platform.
            if view.sender() == mezon.me() || event.code != 0 || view.text().is_empty() {
                return Ok(());
            }
            let text = format!("{} said: {}", view.sender_name(), view.text());
            message.reply(text).await?;
            Ok(())
        })
        .run()
        .await
}
