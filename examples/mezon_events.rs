//! Prints every event of the platform, whatever its type: its name and its body as JSON, one event a line.
//!
//! Against the simulator, in two terminals; a third one makes something happen:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350,control=7351
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key cargo run --example mezon_events
//! curl -d '{"event":"give_coffee_event","data":{"sender_id":"4000000000000000001","token_count":3}}' \
//!     http://127.0.0.1:7351/mezon/emit
//! ```
//!
//! For real: `GREENROOM__MEZON__CLIENT_ID` and `GREENROOM__MEZON__API_KEY` of your bot, and no base URL.

use greenroom::mezon::AnyEvent;
use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    Bot::builder("mezon_events")
        .platform(Mezon::from_config()?)
        .on("print", async |event: Event<AnyEvent>| {
            println!("{} {}", event.name, event.body);
            Ok(())
        })
        // What happens to the connection itself are events of other types.
        .on("connected", async |event: Event<Connected>| {
            println!("connected {}", event.reconnects);
            Ok(())
        })
        .on("disconnected", async |event: Event<Disconnected>| {
            println!("disconnected {}", event.reason);
            Ok(())
        })
        .run()
        .await
}
