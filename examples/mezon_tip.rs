//! Sends tokens: `!tip 5 for the soup` gives 5 of the bot's tokens to whoever says it.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__MMN_API_URL=http://127.0.0.1:7350/mmn-api/ \
//!     GREENROOM__MEZON__ZK_API_URL=http://127.0.0.1:7350/zk-api/ GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key cargo run --example mezon_tip
//! ```
//!
//! For real: `GREENROOM__MEZON__CLIENT_ID` and `GREENROOM__MEZON__API_KEY` of your bot, and no URL. It spends what the bot has.

use greenroom::mezon::{MezonEvents, OnMessage, OnMezon, TokenTransfer};
use greenroom::prelude::*;

/// More than this is not given at once.
const MOST: i128 = 10;

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    Bot::builder("mezon_tip")
        .platform(Mezon::from_config()?)
        .on_channel_message("tip", async |event| {
            let (Some(message), Some(mezon)) = (event.live(), event.mezon()) else {
                return Ok(());
            };
            let text = message.view().text();
            let Some(order) = text.strip_prefix("!tip ").map(str::trim) else {
                return Ok(());
            };
            let (amount, note) = order.split_once(' ').unwrap_or((order, ""));
            let answer = match amount.parse() {
                Ok(amount @ 1..=MOST) => {
                    let mut tip = TokenTransfer::new(event.sender_id, amount);
                    tip.note = note.to_owned();
                    match mezon.send_token(tip).await {
                        Ok(receipt) => format!("sent {amount}: {}", receipt.tx_hash),
                        // Never tried again by itself: it may have been carried out.
                        Err(error) => format!("not sent: {error}"),
                    }
                }
                _ => format!("say !tip and a number from 1 to {MOST}"),
            };
            message.reply(answer).await?;
            Ok(())
        })
        .run()
        .await
}
