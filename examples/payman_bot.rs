//! A bot on two platforms: `!pay ...` on Mezon asks Payman, once, however often the message is handled; the answer grows in one message.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350,payman=7351
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key PAYMAN_BASE_URL=http://127.0.0.1:7351 \
//!     PAYMAN_CLIENT_ID=sim-payman-client PAYMAN_CLIENT_SECRET=sim-payman-secret cargo run --example payman_bot
//! ```
//!
//! For real: the ids and keys of your bot and of your application, and no base URLs.

use std::error::Error;

use greenroom::mezon::{MezonEvents, OnMessage, OnMezon};
use greenroom::payman::{Ask, AskEvent, Payman, PaymanEvents, Settings};
use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let payman = Payman::new(Settings::from_env()?);
    let client = payman.client();
    Bot::builder("payman_bot")
        .platform(Mezon::from_config()?)
        .platform(payman)
        .on_channel_message("pay", async move |event| {
            let (Some(message), Some(mezon)) = (event.live(), event.mezon()) else {
                return Ok(());
            };
            let view = message.view();
            let text = view.text();
            let Some(what) = text.strip_prefix("!pay ") else {
                return Ok(());
            };
            let shown = message.reply("One moment ...").await?;
            // If this handler crashes, its next attempt waits for the same answer.
            let mut stream = client.stream(Ask::new(what).once_for(&event)).await?;
            while let Some(part) = stream.next().await {
                if let AskEvent::Artifact(update) = part {
                    let text = update.artifacts[0].content.as_str();
                    mezon
                        .update(&view.key(), &shown.message_id.into(), text)
                        .await?;
                }
            }
            stream.finish().await?;
            Ok(())
        })
        // What comes while the agent answers is an event for every handler that wants it.
        .on_status_update("states", async |event| {
            println!("{}: {:?}", event.ids.task_id, event.progress.state);
            Ok(())
        })
        .run()
        .await?;
    Ok(())
}
