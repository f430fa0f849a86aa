//! The ten-line bot of the README: answers `!ping`.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key cargo run --example hello
//! ```
//!
//! Against Mezon itself: the id and the key of your bot, and no base URL.

use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    Bot::builder("hello")
        .platform(Mezon::from_config()?)
        .on("ping", async |message: Event<ChatMessage>| {
            if message.text == "!ping" {
                message.reply("Pong!").await?;
            }
            Ok(())
        })
        .run()
        .await
}
