//! Asks the Payman agent, shows the answer while it comes, and goes on in the same session.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports payman=7351
//! PAYMAN_BASE_URL=http://127.0.0.1:7351 PAYMAN_CLIENT_ID=sim-payman-client PAYMAN_CLIENT_SECRET=sim-payman-secret \
//!     cargo run --example payman_ask -- "How much is in my wallet?"
//! ```
//!
//! For real: `PAYMAN_CLIENT_ID` and `PAYMAN_CLIENT_SECRET` of your application, also in a file `.env`, and no base URL.

use greenroom::payman::{AskEvent, ErrorKind, PaymanClient, PaymanError, Settings};

#[actix_rt::main]
async fn main() -> Result<(), PaymanError> {
    let question = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "What can you do?".to_owned());
    let client = PaymanClient::connect(Settings::from_env()?).await?;
    let answer = client
        .ask_with(question, async |event| {
            if let AskEvent::Artifact(update) = event {
                print!("{}", update.artifacts[0].delta);
            }
        })
        .await;
    println!();
    match answer.and_then(|answer| answer.formatted()) {
        Ok(answer) => println!(
            "{:?} in session {}",
            answer.progress.state, answer.ids.session_id
        ),
        // Money may have moved: look before you ask again.
        Err(error) if error.may_have_run() => eprintln!("unknown: {error}"),
        Err(error) if error.kind() == ErrorKind::Auth => {
            eprintln!("the credentials are wrong: {error}");
        }
        Err(error) => eprintln!("nothing has happened: {error}"),
    }
    // The agent remembers what was said in the session.
    println!(
        "{}",
        client.ask("What did we talk about earlier?").await?.text()
    );
    client.close().await;
    Ok(())
}
