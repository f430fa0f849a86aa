//! One bot on five platforms. A person speaks on Mezon or on Token Bowl Chat, and a model of Mesh answers; `pay bob 10` asks for a
//! confirmation, by buttons on Mezon and in words on Token Bowl Chat, and is paid by Payman; the robot, an agent of Ticos, says what was
//! answered, and nods when something was paid.
//!
//! ```text
//! Mezon ──────┐                ┌─> assistant ──Answered──┐
//! Token Bowl ─┼─> ChatMessage ─┤      Mesh               ├─> robot
//! Ticos ──────┘                └─> wallet ─────Payment───┘    Ticos
//!                                     Payman
//! ```
//!
//! Each part may crash or lose its server, and the others do not notice. The platforms are described in `concierge.toml`, where the same
//! bot is composed without code. Against the simulator, in two terminals; a third one dials the robot and speaks:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350,token_bowl=7351,payman=7352,mesh=7353,auth0=7354,control=7360
//! cp examples/concierge.toml . && MESH_API_URL=http://127.0.0.1:7353 AUTH0_DOMAIN=http://127.0.0.1:7354 cargo run -- mesh auth
//! cargo run --example concierge
//! curl -d '{"url":"ws://127.0.0.1:9999/realtime"}' http://127.0.0.1:7360/ticos/connect
//! curl -d '{"from":"alice","channel":"room","text":"!ask what is the time?"}' http://127.0.0.1:7360/token_bowl/say
//! curl -d '{"from":"alice","channel":"room","text":"pay bob 10"}' http://127.0.0.1:7360/token_bowl/say
//! curl -d '{"from":"alice","channel":"room","text":"yes"}' http://127.0.0.1:7360/token_bowl/say
//! ```
//!
//! For real: take the lines with `base_url` out of the file, and put your ids and keys in.

use std::error::Error;
use std::time::Duration;

use greenroom::actors::router::Delivery;
use greenroom::bot::BotBuilder;
use greenroom::chat::{Answered, Payment};
use greenroom::config::{Purpose, Sources};
use greenroom::mesh::{Assistant, Mesh, MeshClient, Settings};
use greenroom::payman::{Amount, Limits, Payman, PaymanClient, Wallet};
use greenroom::prelude::*;
use greenroom::ticos::{Robot, Ticos, TicosClient};
use greenroom::token_bowl::TokenBowl;

/// The three handlers. None knows another: they share events only.
pub(crate) fn concierge(
    bot: BotBuilder,
    mesh: MeshClient,
    payman: PaymanClient,
    ticos: TicosClient,
) -> BotBuilder {
    let assistant = Assistant::new(mesh)
        .system("Answer in one sentence.")
        // What is meant for the wallet.
        .except(["pay", "yes", "no"]);
    let patient = Delivery {
        timeout: Duration::from_secs(150),
        ..Delivery::default()
    };
    let assistant = Registration::new("assistant", move || assistant.clone())
        .delivery(patient)
        .on::<ChatMessage>();
    let wallet = Wallet::new(payman).limits(Limits {
        payment: Amount::whole(20),
        day: Amount::whole(50),
        payments: 10,
    });
    let robot = Robot::new(ticos);
    let robot = Registration::new("robot", move || robot.clone())
        .on::<Answered>()
        .on::<Payment>();
    bot.handler(assistant)
        .stored_handler("wallet", move |store| wallet.register("wallet", store))
        .handler(robot)
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Sources::of_process(Some("concierge.toml".into())).load(Purpose::Run)?;
    let mesh = Mesh::new(Settings::from(config.mesh.unwrap_or_default()));
    let payman = Payman::new(config.payman.unwrap_or_default());
    let ticos = Ticos::new(config.ticos.unwrap_or_default());
    let bot = Bot::builder(config.bot.name);
    concierge(bot, mesh.client(), payman.client(), ticos.client())
        .store("concierge-store")
        .platform(Mezon::new(config.mezon.unwrap_or_default()).cache(&config.cache))
        .platform(TokenBowl::configured(
            &config.token_bowl.unwrap_or_default(),
        ))
        .platform(mesh)
        .platform(payman)
        .platform(ticos)
        .run()
        .await?;
    Ok(())
}
