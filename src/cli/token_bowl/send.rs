//! `greenroom token-bowl send`: says something over the websocket.

use super::tell::text_of;
use super::{SendArgs, Session};
use crate::bot::signals::StopSignals;
use crate::cli::{Failure, Printer};
use crate::prelude::*;
use crate::token_bowl::TokenBowl;

/// Connects, sends, and prints the id that the server gave to the message.
pub(super) async fn run(args: &SendArgs, session: &Session<'_>) -> Result<(), Failure> {
    let text = text_of(&args.text)?;
    let mut signals = StopSignals::listen()?;
    let token_bowl = TokenBowl::new(session.settings.clone());
    let client = token_bowl.client();
    let bot = Bot::builder(&session.config.bot.name).platform(token_bowl);
    let bot = bot.build()?.start();
    let say = async {
        bot.connected().await?;
        let sent = client.send_message(text, args.to.as_deref()).await;
        sent.map_err(Failure::from)
    };
    let sent = tokio::select! {
        sent = say => sent,
        exit = bot.ended() => Err(bot.failed(exit).into()),
        () = signals.received() => Err(Failure::failed("stopped before it was known to be sent")),
    };
    bot.shutdown().await;
    let sent = sent?;
    Printer::report(session.globals).text(&sent.id, &sent)?;
    Ok(())
}
