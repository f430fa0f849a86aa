//! A chat bot for Token Bowl Chat: it answers whoever names it, in the room and directly, and counts what it hears.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports token_bowl=4001
//! TOKEN_BOWL_CHAT_BASE_URL=http://127.0.0.1:4001 TOKEN_BOWL_CHAT_API_KEY=sim-greenroom-key cargo run --example token_bowl_bot
//! ```
//!
//! Then let somebody speak: `TOKEN_BOWL_CHAT_BASE_URL=http://127.0.0.1:4001 cargo run -- token-bowl -k sim-alice-key live chat`.

use greenroom::handlers::Mentioned;
use greenroom::prelude::*;
use greenroom::token_bowl::{TokenBowl, TokenBowlEvents};

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    Bot::builder("chat bot")
        .platform(TokenBowl::from_env()?)
        .handler(
            Registration::new("mentioned", || Mentioned::new("You called, {name}?"))
                .on::<ChatMessage>(),
        )
        .on_error("problems", async |problem| {
            eprintln!("{}", problem.text);
            Ok(())
        })
        .run()
        .await
}
