//! Answers `!menu` with buttons, and says who pressed which.
//!
//! Against the simulator, in two terminals; a third one speaks and presses:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350,control=7351
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key cargo run --example mezon_buttons
//! curl -d '{"from":"alice","channel":"general","text":"!menu"}' http://127.0.0.1:7351/mezon/say
//! curl -d '{"event":"message_button_clicked","data":{"channel_id":"3000000000000000001","button_id":"soup",
//!     "user_id":"4000000000000000001"}}' http://127.0.0.1:7351/mezon/emit
//! ```
//!
//! For real: `GREENROOM__MEZON__CLIENT_ID` and `GREENROOM__MEZON__API_KEY` of your bot, and no base URL.

use greenroom::mezon::{Button, Content, Embed, MezonEvents, OnMessage, OnMezon};
use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Bot::builder("mezon_buttons")
        .platform(Mezon::from_config()?)
        .on_channel_message("menu", async |event| {
            if let Some(message) = event
                .live()
                .filter(|message| message.view().text() == "!menu")
            {
                let menu = Content::from("What would you like?")
                    .embed(
                        Embed::new()
                            .title("Today")
                            .field("Soup", "with bread", true),
                    )
                    .row([
                        Button::primary("soup", "Soup"),
                        Button::secondary("pie", "Pie"),
                        Button::danger("nothing", "Nothing"),
                    ]);
                message.reply(menu).await?;
            }
            Ok(())
        })
        .on_message_button_clicked("pressed", async |event| {
            let Some(mezon) = event.mezon() else {
                return Ok(());
            };
            // The event tells the channel; its clan is known to the client.
            let channel = mezon.channels().fetch(&event.channel_id.into()).await?;
            let user = mezon.users().get(&event.user_id.into());
            let name = user.map_or_else(
                || event.user_id.to_string(),
                |user| user.display_name.clone(),
            );
            channel
                .send(format!("{name} takes {}", event.button_id))
                .await?;
            Ok(())
        })
        .run()
        .await?;
    Ok(())
}
