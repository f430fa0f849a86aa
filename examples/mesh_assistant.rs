//! A bot on two platforms: on Mezon a model of Mesh takes part in conversations; each of them is remembered for a while.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mezon=7350,mesh=7361,auth0=7362
//! MESH_API_URL=http://127.0.0.1:7361 cargo run -- mesh auth
//! GREENROOM__MEZON__BASE_URL=http://127.0.0.1:7350 GREENROOM__MEZON__CLIENT_ID=1000000000000000001 \
//!     GREENROOM__MEZON__API_KEY=sim-mezon-key MESH_API_URL=http://127.0.0.1:7361 cargo run --example mesh_assistant
//! ```
//!
//! For real: the id and key of your bot, and no URLs. The same bot without code: `kind = "assistant"` in `greenroom.toml`.

use std::error::Error;

use greenroom::mesh::{Assistant, Mesh, MeshEvents, Settings};
use greenroom::prelude::*;

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mesh = Mesh::new(Settings::from_env()?);
    let assistant = Assistant::new(mesh.client())
        .prefix("!ask")
        .system("Answer in one sentence.")
        .history(10);
    let assistant = Registration::new("assistant", move || assistant.clone()).on::<ChatMessage>();
    Bot::builder("mesh_assistant")
        .platform(Mezon::from_config()?)
        .platform(mesh)
        .handler(assistant)
        // What a model answers is an event for every handler that wants it.
        .on_chat_answered("answers", async |answered| {
            println!(
                "{} answered {} characters",
                answered.model,
                answered.content.len()
            );
            Ok(())
        })
        .run()
        .await?;
    Ok(())
}
