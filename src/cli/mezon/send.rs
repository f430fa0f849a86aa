//! `greenroom mezon send`: says something in a channel.

use std::io::{self, IsTerminal, Read};

use futures::FutureExt;
use greenroom_proto::mezon::{Wire, api};
use serde::Serialize;

use super::{Place, SendArgs};
use crate::bot::signals::StopSignals;
use crate::cli::{Failure, FailureKind, Globals, Printer, remark};
use crate::config::Config;
use crate::mezon::{Channel, Mezon, MezonClient, MezonMessage, NewMessage};
use crate::prelude::*;

/// Connects, sends, and prints the id that the platform gave to the message.
pub(super) async fn run(
    args: SendArgs,
    mezon: Mezon,
    config: &Config,
    globals: &Globals,
) -> Result<(), Failure> {
    let text = text(args.text)?;
    let mut signals = StopSignals::listen()?;
    let client = mezon.client();
    let bot = Bot::builder(&config.bot.name).platform(mezon);
    let bot = bot.build()?.start();
    let say = async {
        bot.connected().await?;
        say(&client, args.channel, args.reply_to, text).await
    };
    let sent = tokio::select! {
        sent = say => sent,
        exit = bot.ended() => Err(bot.failed(exit).into()),
        () = signals.received() => Err(Failure::failed("stopped before it was known to be sent")),
    };
    bot.shutdown().await;
    let sent = sent?;
    Printer::report(globals).text(&sent.message_id.to_string(), &sent)?;
    Ok(())
}

#[derive(Debug, Serialize)]
struct Sent {
    clan_id: Id,
    channel_id: Id,
    message_id: Id,
}

async fn say(
    client: &MezonClient,
    place: Place,
    reply_to: Option<i64>,
    text: String,
) -> Result<Sent, Failure> {
    let channel = client.fetch_channel(&place.channel.into()).await?;
    if let Some(clan) = place.clan.filter(|clan| *clan != channel.clan_id) {
        return Err(Failure::failed(format!(
            "there is no channel {} in clan {clan}",
            place.channel
        )));
    }
    let mut message = NewMessage::from(text);
    if let Some(message_id) = reply_to {
        message = quote(client, &channel, message_id, message).await?;
    }
    let key = ChannelKey::new(channel.clan_id, place.channel);
    let taken = client.send(&key, message).await?;
    Ok(Sent {
        clan_id: key.space,
        channel_id: key.channel,
        message_id: taken.message_id.into(),
    })
}

/// Quotes a message. The older wire cannot be asked for it: then the quote has only its id.
async fn quote(
    client: &MezonClient,
    channel: &Channel,
    message_id: i64,
    mut message: NewMessage,
) -> Result<NewMessage, Failure> {
    if client.wire() == Wire::V1 {
        remark("what it replies to cannot be read on this wire: the quote will be empty");
        message.references.push(api::MessageRef {
            message_ref_id: message_id,
            ..Default::default()
        });
        return Ok(message);
    }
    let request = api::ListChannelMessagesRequest {
        clan_id: channel.clan_id,
        channel_id: channel.id,
        message_id,
        limit: 3,
        direction: AROUND,
        topic_id: 0,
    };
    let found = client.call(move |api| async move { api.messages(&request).await }.boxed_local());
    let mut found = found.await?.into_iter();
    match found.find(|found| found.message_id == message_id) {
        Some(found) => Ok(message.quoting(&MezonMessage::new(&found))),
        None => Err(Failure::failed(format!(
            "there is no message {message_id} in channel {}",
            channel.id
        ))),
    }
}

/// Returns what is to be said.
fn text(given: Option<String>) -> Result<String, Failure> {
    let text = match given.filter(|text| text != "-") {
        Some(text) => text,
        None => {
            if io::stdin().is_terminal() {
                remark("Say something, and end it with Ctrl-D:");
            }
            let mut text = String::new();
            let read = io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
            text.trim_end().to_owned()
        }
    };
    match text.trim().is_empty() {
        true => Err(Failure::new(FailureKind::Usage, "there is nothing to say")),
        false => Ok(text),
    }
}

/// Which messages are listed: those around the one that is named.
const AROUND: i32 = 2;
