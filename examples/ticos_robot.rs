//! A device as a bot: an actor that moves, and an answer to whatever the user says.
//!
//! ```sh
//! cargo run --example ticos_robot
//! ```
//!
//! The first lines of `ticos_quick_start` say how the agent of the simulator dials it. `PORT` takes another port.

use actix::prelude::*;
use greenroom::prelude::*;
use greenroom::ticos::{Motion, Settings, Ticos};

/// Moves, one motion after another, and counts them.
#[derive(Default)]
struct Legs {
    steps: u64,
}

impl Actor for Legs {
    type Context = Context<Self>;
}

impl Handler<Event<Motion>> for Legs {
    type Result = Outcome;

    fn handle(&mut self, motion: Event<Motion>, _: &mut Self::Context) -> Outcome {
        self.steps += 1;
        println!("{}, motion {}", motion.tag().unwrap_or("?"), self.steps);
        Ok(())
    }
}

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let ticos = Ticos::new(Settings::new(port.unwrap_or(9_999)));
    let legs = Registration::new("legs", Legs::default)
        .attempts(1)
        .on::<Motion>();
    Bot::builder("robot")
        .platform(ticos)
        .handler(legs)
        .on("parrot", async |message: Event<ChatMessage>| {
            message.reply(format!("you said: {}", message.text)).await?;
            Ok(())
        })
        .run()
        .await
}
