//! `greenroom token-bowl listen` and `live`: what happens, as it happens; and taking part.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use greenroom_actors::event::Payload;
use tokio::sync::mpsc;

use super::tell::Told;
use super::{ListenArgs, Session};
use crate::bot::BotBuilder;
use crate::bot::signals::StopSignals;
use crate::cli::{Failure, Printer, remark};
use crate::prelude::*;
use crate::token_bowl::model::{Message, Unread};
use crate::token_bowl::{
    Problem, ReadReceipt, Settings, TokenBowl, TokenBowlClient, TokenBowlEvents, Typing,
};

/// Prints what happens until Ctrl-C, SIGTERM, a failure, or as many lines as are wanted.
pub(super) async fn listen(args: &ListenArgs, session: &Session<'_>) -> Result<(), Failure> {
    watch(args, session).await.map(drop)
}

/// Prints messages, and their number at the end.
pub(super) async fn monitor(args: &ListenArgs, session: &Session<'_>) -> Result<(), Failure> {
    let args = ListenArgs {
        messages: true,
        ..args.clone()
    };
    let heard = watch(&args, session).await?;
    remark(&format!("{heard} messages"));
    Ok(())
}

/// Prints what happens; returns how many messages there were.
async fn watch(args: &ListenArgs, session: &Session<'_>) -> Result<u64, Failure> {
    let printer = Printer::stream(session.globals);
    let mut signals = StopSignals::listen()?;
    let (tell, mut told) = mpsc::channel(WAITING);
    let token_bowl = TokenBowl::new(session.settings.clone());
    let name = &session.config.bot.name;
    let bot = tell_all(Bot::builder(name).platform(token_bowl), &tell);
    let bot = match printer.is_json() {
        true => bot,
        false => tell_of_connection(bot),
    };
    let bot = bot.build()?.start();
    let (mut messages, mut lines) = (0, 0);
    let outcome = loop {
        let told = tokio::select! {
            Some(told) = told.recv() => told,
            exit = bot.ended() => break Err(bot.failed(exit).into()),
            () = signals.received() => break Ok(()),
        };
        messages += u64::from(told.is_message());
        if args.messages && !told.is_message() {
            continue;
        }
        if let Err(error) = printer.row(&told.cells, &told) {
            break Err(error.into());
        }
        lines += 1;
        if args.count == Some(lines) {
            break Ok(());
        }
    };
    // Nobody waits for what comes now; handlers must not either.
    told.close();
    bot.shutdown().await;
    outcome.map(|()| messages)
}

/// Reads lines and says them, while what happens is printed.
pub(super) async fn chat(session: &Session<'_>) -> Result<(), Failure> {
    let printer = Printer::stream(session.globals);
    let mut signals = StopSignals::listen()?;
    let (tell, mut told) = mpsc::channel(WAITING);
    let settings = Settings {
        // What one says oneself belongs to the picture, but it is printed when it is acknowledged.
        deliver_own: false,
        ..session.settings.clone()
    };
    let token_bowl = TokenBowl::new(settings);
    let client = token_bowl.client();
    let name = &session.config.bot.name;
    let bot = tell_all(Bot::builder(name).platform(token_bowl), &tell);
    let bot = tell_of_connection(bot).build()?.start();
    let connected = tokio::select! {
        connected = bot.connected() => connected.map_err(Failure::from),
        () = signals.received() => Ok(()),
    };
    if let Err(failure) = connected {
        bot.shutdown().await;
        return Err(failure);
    }
    if std::io::stdin().is_terminal() {
        remark("Say something; `@name text` is for one user, /quit or Ctrl-D ends it.");
    }
    show_last(session, &printer).await?;
    let mut lines = input();
    let outcome = loop {
        tokio::select! {
            // What has come is shown before what is typed is said.
            biased;
            Some(told) = told.recv() => {
                if let Err(error) = printer.row(&told.cells, &told) {
                    break Err(error.into());
                }
            }
            line = lines.recv() => match line.as_deref().map(str::trim) {
                None | Some("/quit") => break Ok(()),
                Some("") => {}
                Some(line) => {
                    if let Err(failure) = say(&client, line, &printer).await {
                        break Err(failure);
                    }
                }
            },
            exit = bot.ended() => break Err(bot.failed(exit).into()),
            () = signals.received() => break Ok(()),
        }
    };
    told.close();
    bot.shutdown().await;
    outcome
}

/// Shows the last messages of the room.
async fn show_last(session: &Session<'_>, printer: &Printer) -> Result<(), Failure> {
    match session.api()?.messages(Some(LAST), None, None).await {
        Ok(page) => {
            for message in page.messages.iter().rev() {
                let told = Told::from(message);
                printer.row(&told.cells, &told)?;
            }
        }
        Err(error) => remark(&format!("the last messages cannot be shown: {error}")),
    }
    Ok(())
}

/// Says a line: to one user if it begins with `@name`, else to the room.
async fn say(client: &TokenBowlClient, line: &str, printer: &Printer) -> Result<(), Failure> {
    let direct = line.strip_prefix('@').and_then(|rest| rest.split_once(' '));
    let (to, text) = match direct {
        Some((name, text)) => (Some(name), text.trim_start()),
        None => (None, line),
    };
    // Others see that something comes; if they cannot, it comes all the same.
    let _ = client.send_typing_indicator(to).await;
    tokio::time::sleep(TYPING).await;
    match client.send_message(text, to).await {
        Ok(sent) => {
            let told = Told::from(&sent);
            printer.row(&told.cells, &told)?;
        }
        Err(error) => remark(&format!("not sent: {error}")),
    }
    Ok(())
}

/// Reads lines on a thread of their own, which ends with the program.
fn input() -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Tells everything that happens, in the order in which it came.
fn tell_all(bot: BotBuilder, tell: &mpsc::Sender<Told>) -> BotBuilder {
    let bot = on::<Message>(bot, "messages", tell);
    let bot = on::<Typing>(bot, "typing", tell);
    let bot = on::<ReadReceipt>(bot, "receipts", tell);
    let bot = on::<Unread>(bot, "unread", tell);
    on::<Problem>(bot, "problems", tell)
}

fn on<T: Payload>(bot: BotBuilder, name: &str, tell: &mpsc::Sender<Told>) -> BotBuilder
where
    for<'a> Told: From<&'a T>,
{
    let tell = tell.clone();
    bot.on(name, async move |event: Event<T>| {
        // If nobody listens any more, that is the end.
        let _ = tell.send(Told::from(event.payload())).await;
        Ok(())
    })
}

/// Tells a person what becomes of the connection, beside the output.
fn tell_of_connection(bot: BotBuilder) -> BotBuilder {
    bot.on_connect("connected", async |event| {
        match event.down_for_ms {
            None => remark("connected; Ctrl-C ends it"),
            Some(down) => remark(&format!("connected again after {down} ms")),
        }
        Ok(())
    })
    .on("reconnecting", async |event: Event<Reconnecting>| {
        let (delay, reason) = (event.delay_ms, &event.reason);
        remark(&format!("connecting again in {delay} ms: {reason}"));
        Ok(())
    })
}

/// How many events may wait to be printed.
const WAITING: usize = 1_024;
/// How many messages are shown at the beginning.
const LAST: u32 = 10;
/// How long others see that something is typed.
const TYPING: Duration = Duration::from_millis(500);
