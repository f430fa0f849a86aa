//! Looking: which channels there are, and what was said in them.

use greenroom_actors::cache::{ChannelInfo, Query};
use greenroom_actors::event::Id;
use serde::Serialize;

use super::body::{Body, Message, View, read};
use super::store::{Store, Stores};
use super::{CountArgs, MessageArgs, ShowArgs};
use crate::cli::terminal::harmless;
use crate::cli::time::utc;
use crate::cli::{Cell, Failure, Tone};

/// `greenroom cache path`.
pub(super) fn path(stores: &Stores) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        path: String,
        exists: bool,
    }
    for store in stores.iter() {
        let path = std::path::absolute(store.path());
        let path = path.unwrap_or_else(|_| store.path().to_owned());
        let line = Line {
            path: path.display().to_string(),
            exists: store.exists(),
        };
        stores.printer.text(&line.path, &line)?;
    }
    Ok(())
}

/// `greenroom cache list`.
pub(super) async fn list(stores: &Stores) -> Result<(), Failure> {
    let mut channels = 0;
    for store in stores.iter() {
        channels += list_one(store, stores).await?;
    }
    if channels == 0 {
        stores.remark("no messages are kept");
    }
    Ok(())
}

/// Lists the channels of one store, and returns how many there are.
async fn list_one(store: &Store, stores: &Stores) -> Result<usize, Failure> {
    let listed = store.look(async |cache| {
        let channels = cache.channels().await?;
        for info in &channels {
            let newest = cache.get(&info.channel, &info.newest).await?;
            let message = newest.as_ref().and_then(read);
            let label = message.map(|message| message.channel_label);
            let newest_at = newest.map(|newest| newest.at);
            print_channel(
                stores,
                info,
                &label.unwrap_or_default(),
                newest_at.unwrap_or_default(),
            )?;
        }
        Ok(channels.len())
    });
    Ok(listed.await?.unwrap_or_default())
}

fn print_channel(
    stores: &Stores,
    info: &ChannelInfo,
    label: &str,
    newest_at: u64,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        clan_id: &'a Id,
        channel_id: &'a Id,
        label: &'a str,
        messages: u64,
        bytes: u64,
        oldest: &'a Id,
        newest: &'a Id,
        newest_at: u64,
    }
    let line = Line {
        clan_id: &info.channel.space,
        channel_id: &info.channel.channel,
        label,
        messages: info.messages,
        bytes: info.bytes,
        oldest: &info.oldest,
        newest: &info.newest,
        newest_at,
    };
    let cells = [
        Cell::new(&info.channel.to_string(), Tone::Accent),
        Cell::plain(&messages(info.messages)),
        Cell::plain(&size(info.bytes)),
        Cell::new(&utc(newest_at), Tone::Faint),
        Cell::new(label, Tone::Strong),
    ];
    stores.printer.row(&cells, &line)?;
    Ok(())
}

/// `greenroom cache count`.
pub(super) async fn count(args: &CountArgs, stores: &Stores) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
        messages: u64,
    }
    let mut line = Line {
        channel: args.channel.clone(),
        messages: 0,
    };
    match &args.channel {
        Some(name) => {
            let counted = stores.with(name, async |_, info| Ok(info.messages)).await?;
            line.messages = counted.unwrap_or_default();
        }
        None => {
            for store in stores.iter() {
                let counted = store.look(async |cache| Ok(cache.count().await?));
                line.messages += counted.await?.unwrap_or_default();
            }
        }
    }
    stores.printer.text(&line.messages.to_string(), &line)?;
    Ok(())
}

/// `greenroom cache show`.
pub(super) async fn show(args: &ShowArgs, stores: &Stores) -> Result<(), Failure> {
    let shown = stores.with(&args.channel, async |cache, info| {
        let mut query = Query::latest(info.channel, args.limit).offset(args.offset);
        query.before = args.before.as_ref().map(Id::from);
        query.after = args.after.as_ref().map(Id::from);
        let records = cache.list(query).await?;
        for record in &records {
            let view = View::new(record);
            stores.printer.row(&cells(&view), &view)?;
        }
        Ok(!records.is_empty())
    });
    if !shown.await?.unwrap_or(false) {
        stores.remark("no such messages are kept");
    }
    Ok(())
}

fn cells(view: &View) -> [Cell; 4] {
    let (who, text) = match &view.body {
        Body::Message(message) => (message.who(), with_extras(message)),
        Body::TokenBowl(message) => (message.username.clone(), message.text.clone()),
        Body::Other { format, body } => {
            ("?".to_owned(), format!("a body of format {format}: {body}"))
        }
    };
    [
        Cell::new(&utc(view.at), Tone::Faint),
        Cell::new(&view.id.to_string(), Tone::Accent),
        Cell::new(&who, Tone::Strong),
        Cell::plain(&text),
    ]
}

fn with_extras(message: &Message) -> String {
    let extras = message.extras();
    match (message.text.as_str(), extras.is_empty()) {
        (text, true) => text.to_owned(),
        ("", false) => format!("({})", extras.join(", ")),
        (text, false) => format!("{text} ({})", extras.join(", ")),
    }
}

/// `greenroom cache get`.
pub(super) async fn get(args: &MessageArgs, stores: &Stores) -> Result<(), Failure> {
    let found = stores.with(&args.channel, async |cache, info| {
        Ok(cache.get(&info.channel, &args.message).await?)
    });
    let Some(record) = found.await?.flatten() else {
        return Err(unknown(args));
    };
    let view = View::new(&record);
    let mut fields = vec![
        ("message", view.id.to_string()),
        ("channel", record.channel.to_string()),
        ("time", utc(view.at)),
    ];
    match &view.body {
        Body::Message(message) => describe(message, &mut fields),
        Body::TokenBowl(message) => fields.extend(message.fields()),
        Body::Other { format, body } => {
            fields.extend([("format", format.to_string()), ("body", body.clone())]);
        }
    }
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| field(name, value))
        .collect();
    stores.printer.text(&lines.join("\n"), &view)?;
    Ok(())
}

fn describe(message: &Message, fields: &mut Vec<(&'static str, String)>) {
    let from = format!(
        "{} ({}, {})",
        message.who(),
        message.username,
        message.sender_id
    );
    fields.push(("from", from));
    if !message.channel_label.is_empty() {
        fields[1]
            .1
            .push_str(&format!(" ({})", message.channel_label));
    }
    if message.code != 0 {
        fields.push(("code", message.code.to_string()));
    }
    if !message.topic_id.is_none() {
        fields.push(("topic", message.topic_id.to_string()));
    }
    let quoted = message.references.iter();
    fields.extend(quoted.map(|quoted| ("reply to", quoted.message_ref_id.to_string())));
    fields.push(("text", message.text.clone()));
    for attachment in &message.attachments {
        let text = format!("{} {}", attachment.filename, attachment.url);
        fields.push(("attachment", text));
    }
    for reaction in &message.reactions {
        let text = format!("{} x {}", reaction.emoji, reaction.count);
        fields.push(("reaction", text));
    }
}

/// Writes a field with its name; further lines of the value are indented as the first.
fn field(name: &str, value: &str) -> String {
    let lines: Vec<_> = value.split('\n').map(harmless).collect();
    format!("{name:12}{}", lines.join(&format!("\n{:12}", "")))
}

/// The failure to find a message.
pub(super) fn unknown(args: &MessageArgs) -> Failure {
    Failure::failed(format!(
        "no message {} of channel {} is kept",
        args.message, args.channel
    ))
}

/// Says how many messages.
pub(super) fn messages(number: u64) -> String {
    match number {
        1 => "1 message".to_owned(),
        _ => format!("{number} messages"),
    }
}

/// Writes a length in the unit that suits it.
pub(super) fn size(bytes: u64) -> String {
    let units = [("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}
