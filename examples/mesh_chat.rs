//! Asks a model on Mesh, lets another one think first, and keeps a key.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports mesh=7361,auth0=7362
//! MESH_API_URL=http://127.0.0.1:7361 MESH_TOKEN_STORE=memory cargo run --example mesh_chat -- "Why is the sky blue?"
//! ```
//!
//! For real: no `MESH_API_URL`. The first call logs in; what to open is on standard error.

use greenroom::mesh::{Chat, MeshClient, MeshError, Settings};

#[actix_rt::main]
async fn main() -> Result<(), MeshError> {
    let question = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "What can you do?".to_owned());
    let mut settings = Settings::from_env()?;
    settings.interactive = true;
    let client = MeshClient::connect(settings).await?;
    let outcome = talk(&client, &question).await;
    client.close().await;
    outcome
}

async fn talk(client: &MeshClient, question: &str) -> Result<(), MeshError> {
    println!("{}", client.chat(question).await?.text());
    let thought = client
        .chat(Chat::new(question).with_small_thinking())
        .await?;
    println!("it thought: {}", thought.thoughts());
    println!("and said:   {}", thought.text());
    client.store_key("example", "not a secret", None).await?;
    println!("keys:       {}", client.list_keys(None).await?.join(", "));
    // A hash of the value, which the server does not learn. It does not protect what can be guessed.
    client
        .store_key_zkp(None, "example", "not a secret")
        .await?;
    let verification = client.verify_key(None, "example", "a guess").await?;
    println!("verified:   {}", verification.verified);
    Ok(())
}
