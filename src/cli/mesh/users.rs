//! `greenroom mesh credits`, `models`, `profile`, `register` and `usage`.

use clap::Args;
use serde_json::{Value, json};

use super::Session;
use crate::cli::Failure;
use crate::mesh::Profile;

#[derive(Args, Clone, Debug)]
pub(super) struct UserArgs {
    /// Whose; by default the user who is logged in
    #[arg(long, value_name = "ID")]
    user_id: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct RegisterArgs {
    /// The id of the user, such as auth0|...
    id: String,
    /// The address of the user
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

/// Shows what a user has left.
pub(super) async fn credits(args: &UserArgs, session: &Session<'_>) -> Result<(), Failure> {
    let user = args.user_id.as_deref();
    let credits = session
        .with(async |client| client.credits(user).await)
        .await?;
    session
        .printer
        .text(&credits.to_string(), &json!({"credits": credits}))?;
    Ok(())
}

/// Lists the models.
pub(super) async fn models(session: &Session<'_>) -> Result<(), Failure> {
    let models = session.with(async |client| client.models().await).await?;
    if session.printer.is_json() {
        session.printer.object(&models)?;
        return Ok(());
    }
    for (provider, names) in [("openai", &models.openai), ("anthropic", &models.anthropic)] {
        for name in names {
            session.printer.plain(&format!("{provider}  {name}"))?;
        }
    }
    Ok(())
}

/// Shows who the user is.
pub(super) async fn profile(session: &Session<'_>) -> Result<(), Failure> {
    let profile = session.with(async |client| client.profile().await).await?;
    show(&profile, session)
}

/// Makes sure that the server knows a user.
pub(super) async fn register(args: &RegisterArgs, session: &Session<'_>) -> Result<(), Failure> {
    let email = args.email.as_deref();
    let profile = session
        .with(async |client| client.ensure_user(&args.id, email).await)
        .await?;
    show(&profile, session)
}

fn show(profile: &Profile, session: &Session<'_>) -> Result<(), Failure> {
    let mut text = format!("id       {}", profile.id);
    if let Some(email) = &profile.email {
        text = format!("{text}\nemail    {email}");
    }
    if let Some(credits) = profile.credits {
        text = format!("{text}\ncredits  {credits}");
    }
    session.printer.text(&text, profile)?;
    Ok(())
}

/// Shows what was used.
pub(super) async fn usage(session: &Session<'_>) -> Result<(), Failure> {
    let usage = session.with(async |client| client.usage().await).await?;
    let rows = usage
        .get("data")
        .or_else(|| usage.get("usage"))
        .and_then(Value::as_array);
    if session.printer.is_json() || rows.is_none() {
        session.printer.object(&usage)?;
        return Ok(());
    }
    for row in rows.into_iter().flatten() {
        session.printer.object(row)?;
    }
    Ok(())
}
