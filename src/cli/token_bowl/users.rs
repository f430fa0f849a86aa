//! `greenroom token-bowl register`, `info` and `users`: calls over HTTP.

use secrecy::ExposeSecret;
use serde_json::json;

use super::{RegisterArgs, Session, UpdateArgs};
use crate::cli::{Cell, Failure, Printer, Tone, remark};
use crate::token_bowl::model::{PublicUser, Role};
use crate::token_bowl::{ApiErrorKind, NewUser};

/// Makes a user, and shows its key: nobody will see it again.
pub(super) async fn register(args: RegisterArgs, session: &Session<'_>) -> Result<(), Failure> {
    let user = NewUser {
        webhook_url: args.webhook,
        ..NewUser::new(args.username)
    };
    let made = session.api()?.register(&user).await;
    let made = made.map_err(|error| match error.kind {
        ApiErrorKind::Conflict => {
            Failure::failed(format!("the name {} is already taken", user.username))
        }
        _ => error.into(),
    })?;
    let key = made.api_key.expose_secret();
    let webhook = made.webhook_url.as_deref();
    let text = format!(
        "username  {}\nAPI key   {key}\nwebhook   {}\nKeep the key: it is not shown again.",
        made.username,
        webhook.unwrap_or("none")
    );
    let object = json!({
        "id": made.id, "username": made.username, "api_key": key, "webhook_url": webhook,
        "role": made.role,
    });
    Printer::report(session.globals).text(&text, &object)?;
    Ok(())
}

/// Shows the user's own profile.
pub(super) async fn info(session: &Session<'_>) -> Result<(), Failure> {
    let profile = session.api()?.my_profile().await?;
    let printer = Printer::report(session.globals);
    if printer.is_json() {
        printer.object(&profile)?;
        return Ok(());
    }
    let none = "none".to_owned();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| none.clone());
    let role = match profile.role {
        Role::Admin => "Admin".to_owned(),
        Role::Member | Role::Bot => "User".to_owned(),
        ref other => other.to_string(),
    };
    let kind = if profile.bot { "bot" } else { "human" };
    for (name, value) in [
        ("username", profile.username.clone()),
        ("email", or_none(&profile.email)),
        ("logo", or_none(&profile.logo)),
        ("emoji", or_none(&profile.emoji)),
        ("webhook", or_none(&profile.webhook_url)),
        ("role", role),
        ("type", kind.to_owned()),
        ("created", profile.created_at.to_string()),
    ] {
        printer.row(
            &[Cell::new(name, Tone::Faint), Cell::plain(&value)],
            &profile,
        )?;
    }
    Ok(())
}

/// Lists users.
pub(super) async fn list(online: bool, session: &Session<'_>) -> Result<(), Failure> {
    let api = session.api()?;
    let users = match online {
        true => api.online_users().await?,
        false => api.users().await?,
    };
    let printer = Printer::report(session.globals);
    for user in &users {
        let logo = user.logo.as_deref().unwrap_or("-");
        let cells = [
            Cell::new(&user.username, Tone::Strong),
            Cell::plain(type_of(user)),
            Cell::new(logo, Tone::Faint),
        ];
        printer.row(&cells, user)?;
    }
    if !printer.is_json() {
        remark(&format!("{} in all", users.len()));
    }
    Ok(())
}

fn type_of(user: &PublicUser) -> &'static str {
    match (user.bot, user.viewer) {
        (true, _) => "bot",
        (false, true) => "viewer",
        (false, false) => "user",
    }
}

/// Changes the user's own profile.
pub(super) async fn update(args: UpdateArgs, session: &Session<'_>) -> Result<(), Failure> {
    let printer = Printer::report(session.globals);
    let wants_webhook = args.webhook.is_some() || args.clear_webhook;
    if args.username.is_none() && !wants_webhook {
        remark("nothing was changed: --username, --webhook and --clear-webhook do");
        return Ok(());
    }
    let api = session.api()?;
    if let Some(name) = &args.username {
        let profile = api.update_my_username(name).await;
        let profile = profile.map_err(|error| match error.kind {
            ApiErrorKind::Conflict => Failure::failed(format!("the name {name} is already taken")),
            _ => error.into(),
        })?;
        printer.text(&format!("the name is now {}", profile.username), &profile)?;
    }
    if wants_webhook {
        let updated = api.update_my_webhook(args.webhook.as_deref()).await?;
        let text = match updated.webhook_url.as_str() {
            "" => "messages are posted nowhere".to_owned(),
            url => format!("messages are posted to {url}"),
        };
        printer.text(&text, &updated)?;
    }
    Ok(())
}
