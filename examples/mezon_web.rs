//! A web server beside the bot, in one program and one supervision tree: they start and stop together.
//!
//! Against the simulator, in two terminals; a third one asks:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key WEB_ADDRESS=127.0.0.1:8080 cargo run --example mezon_web
//! curl http://127.0.0.1:8080/health http://127.0.0.1:8080/clan/2000000000000000001/voice-users
//! ```
//!
//! For real: `GREENROOM__MEZON__CLIENT_ID` and `GREENROOM__MEZON__API_KEY` of your bot, and no base URL.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | 200 once the bot is logged in, 503 before |
//! | `GET /clan/{id}/voice-users` | who sits in the voice channels of a clan |

use std::fmt;

use actix::prelude::*;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use greenroom::actors::error::BoxError;
use greenroom::actors::supervisor::Supervised;
use greenroom::mezon::MezonClient;
use greenroom::platform::{Adapter, Assembly, Source};
use greenroom::prelude::*;
use serde_json::{Value, json};

/// Serves HTTP.
///
/// * **Who starts it**: the supervisor of the bot's platforms, since it is one: it connects the bot with the web.
/// * **What ends it**: that supervisor, before Mezon is left; requests that are being answered are answered. Or that the address is taken.
/// * **What happens to its mailbox then**: it has none of its own use.
/// * **What it may lose**: connections of clients that are slower than the deadline of a stop.
struct WebServer {
    address: String,
    mezon: MezonClient,
    server: Option<ServerHandle>,
}

impl Actor for WebServer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let mezon = web::Data::new(self.mezon.clone());
        let factory = move || {
            App::new()
                .app_data(mezon.clone())
                .route("/health", web::get().to(health))
                .route("/clan/{id}/voice-users", web::get().to(voice_users))
        };
        // Signals are the bot's business.
        let server = HttpServer::new(factory).workers(1).disable_signals();
        let server = match server.bind(&self.address) {
            Ok(server) => server,
            Err(error) => return ctx.fail_for_good(format!("{}: {error}", self.address)),
        };
        println!("listening on {:?}", server.addrs());
        let server = server.run();
        self.server = Some(server.handle());
        ctx.spawn(server.into_actor(self).map(|ended, web, ctx| {
            // It ends by itself only if it fails; then a new one is started.
            if web.server.is_some() {
                ctx.fail(format!("the web server ended: {ended:?}"));
            }
        }));
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        let Some(server) = self.server.take() else {
            return Running::Stop;
        };
        let stopped = server.stop(true).into_actor(self);
        ctx.spawn(stopped.map(|(), _, ctx| ctx.stop()));
        Running::Continue
    }
}

async fn health(mezon: web::Data<MezonClient>) -> HttpResponse {
    let bot = mezon.me();
    let clans = mezon.clans().list().len();
    match bot.is_none() {
        true => HttpResponse::ServiceUnavailable().json(json!({"status": "starting"})),
        false => HttpResponse::Ok().json(json!({"status": "ok", "bot": bot, "clans": clans})),
    }
}

async fn voice_users(clan: web::Path<String>, mezon: web::Data<MezonClient>) -> HttpResponse {
    let Ok(clan) = clan.parse::<i64>() else {
        return HttpResponse::BadRequest().json(json!({"error": "the id of a clan is a number"}));
    };
    let found = mezon
        .voice_users(&Id::from(clan), &Id::NONE, VOICE, MOST)
        .await;
    match found {
        Ok(users) => {
            let users = users.into_iter().map(|user| {
                json!({
                    "id": user.id,
                    "channel_id": user.channel_id,
                    "user_id": user.user_id,
                    "participant": user.participant,
                })
            });
            HttpResponse::Ok().json(users.collect::<Vec<Value>>())
        }
        Err(error) => HttpResponse::BadGateway().json(json!({"error": error.to_string()})),
    }
}

/// Puts the web server into the bot's tree.
struct Web {
    address: String,
    mezon: MezonClient,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Adapter for Web {
    fn name(&self) -> &'static str {
        "web"
    }

    fn assemble(self: Box<Self>, _: &Assembly) -> Result<Source, BoxError> {
        let server = ChildSpec::new("web", move || WebServer {
            address: self.address.clone(),
            mezon: self.mezon.clone(),
            server: None,
        });
        Ok(Source {
            branch: server.into(),
            quiesce: Vec::new(),
            take_leave: Vec::new(),
        })
    }
}

#[actix_rt::main]
async fn main() -> Result<(), BotError> {
    let mezon = Mezon::from_config()?;
    let web = Web {
        address: std::env::var("WEB_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned()),
        mezon: mezon.client(),
    };
    Bot::builder("mezon_web")
        .platform(mezon)
        .platform(web)
        .on("ping", async |message: Event<ChatMessage>| {
            if message.text == "!ping" {
                message.reply("pong").await?;
            }
            Ok(())
        })
        .run()
        .await
}

/// The type of voice channels, and the most users that the platform lists.
const VOICE: i32 = 4;
const MOST: i32 = 500;
