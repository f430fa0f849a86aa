//! The bot of the demo: ready-made handlers on five platforms.
//!
//! ```text
//! Mezon ──────┐                ┌─> assistant (Mesh) ──Answered──┐
//! Token Bowl ─┴─> ChatMessage ─┴─> wallet (Payman) ────Payment──┴─> robot (Ticos)
//! ```

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenroom_actors::clock;
use greenroom_actors::telemetry::Counter;
use serde_json::json;

use crate::bot::{Bot, BotBuilder};
use crate::chat::{Answered, Payment};
use crate::mesh::{self, Assistant, Mesh, TokenStore};
use crate::mezon::{self, Mezon};
use crate::payman::{self, Payman, Wallet};
use crate::prelude::*;
use crate::ticos::{self, Robot, Ticos, TicosClient};
use crate::token_bowl::{self, BaseUrl, TokenBowl};

/// Where the platforms are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) mezon: url::Url,
    pub(super) token_bowl: BaseUrl,
    pub(super) payman: url::Url,
    pub(super) mesh: url::Url,
    pub(super) auth0: url::Url,
}

/// Makes the bot, and what the robot is reached by. `heard` counts what people have said; the device's files are in `home`.
pub(super) fn bot(places: Places, home: &Path, heard: &Arc<Counter>) -> (BotBuilder, TicosClient) {
    let mut settings = mezon::Settings::new("1000000000000000001", "sim-mezon-key");
    settings.base_url = places.mezon;
    let mezon = Mezon::new(settings);
    let mut settings = token_bowl::Settings::new("sim-greenroom-key");
    settings.base_url = places.token_bowl;
    let token_bowl = TokenBowl::new(settings);
    let settings = payman::Settings::new("sim-payman-client", "sim-payman-secret");
    let payman = Payman::new(settings.base_url(places.payman));
    let mut settings = mesh::Settings::new(places.mesh).auth_token(token());
    settings.auth0_domain = Some(places.auth0.into());
    settings.token_store = TokenStore::Memory;
    settings.headless = true;
    let mesh = Mesh::new(settings);
    let settings = ticos::Settings::new(0).host("127.0.0.1").home(home);
    let ticos = Ticos::new(settings);
    let robot = ticos.client();

    let assistant = Assistant::new(mesh.client()).except(["pay", "yes", "no"]);
    let assistant = Registration::new("assistant", move || assistant.clone());
    let wallet = Wallet::new(payman.client());
    let body = Robot::new(robot.clone());
    let body = Registration::new("robot", move || body.clone());
    let heard = Arc::clone(heard);
    let bot = Bot::builder("demo")
        .platform(mezon)
        .platform(token_bowl)
        .platform(payman)
        .platform(mesh)
        .platform(ticos)
        .handler(assistant.on::<ChatMessage>())
        .stored_handler("wallet", move |store| wallet.register("wallet", store))
        .handler(body.on::<Answered>().on::<Payment>())
        .on("audience", async move |message: Event<ChatMessage>| {
            heard.add(u64::from(!message.is_own && message.attempt() == 1));
            Ok(())
        });
    (bot, robot)
}

/// A login of the simulated user of Mesh, as it takes it: good for a year.
fn token() -> String {
    let claims = json!({"sub": "auth0|sim-user", "exp": clock::unix_seconds() + 365 * 86_400});
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
