//! `greenroom mezon listen`: prints events as they come.

use std::collections::BTreeSet;
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::router::Delivery;
use tokio::sync::mpsc;

use super::ListenArgs;
use super::tell::Told;
use crate::bot::BotBuilder;
use crate::cli::{Failure, Globals, Printer, remark};
use crate::config::Config;
use crate::mezon::{AnyEvent, Mezon, MezonClient};
use crate::prelude::*;

/// Prints events until Ctrl-C, SIGTERM, a failure, or as many as are wanted.
pub(super) async fn run(
    args: ListenArgs,
    mezon: Mezon,
    config: &Config,
    globals: &Globals,
) -> Result<(), Failure> {
    let mut listener = Listener {
        asked: BTreeSet::new(),
        left: args.count.unwrap_or(u64::MAX),
        printer: Printer::stream(globals),
        client: mezon.client(),
    };
    let (tell, mut told) = mpsc::channel(WAITING);
    let builder = Bot::builder(&config.bot.name).platform(mezon);
    let builder = match globals.json {
        true => builder,
        false => tell_of_connection(builder),
    };
    // If the bot fails, the ears are gone before the reason is known: that is not the end of the events.
    let _open = tell.clone();
    let ear = move || Ear {
        args: args.clone(),
        tell: tell.clone(),
    };
    // In the order in which they came, for as long as whoever reads the output takes.
    let delivery = Delivery {
        order: Order::Serial,
        timeout: Duration::from_secs(86_400),
        ..Delivery::default()
    };
    let bot = builder
        .handler(
            Registration::new("listen", ear)
                .delivery(delivery)
                .on::<AnyEvent>(),
        )
        .build()?
        .start();
    let printed = tokio::select! {
        stopped = bot.until_stopped() => {
            stopped?;
            // What was received is printed, however fast the stop.
            while let Ok((at, event)) = told.try_recv() {
                if listener.print(at, &event).await? {
                    break;
                }
            }
            return Ok(());
        }
        printed = listener.print_all(&mut told) => printed,
    };
    // Nobody waits for what comes now; handlers must not either.
    told.close();
    bot.shutdown().await;
    printed
}

/// Tells a person what becomes of the connection, beside the output.
fn tell_of_connection(bot: BotBuilder) -> BotBuilder {
    bot.on("connected", async |event: Event<Connected>| {
        match event.down_for_ms {
            None => remark("connected; Ctrl-C ends it"),
            Some(down) => remark(&format!("connected again after {down} ms")),
        }
        Ok(())
    })
    .on("disconnected", async |event: Event<Disconnected>| {
        if !event.is_stopping() {
            remark(&format!("the connection was lost: {}", event.reason));
        }
        Ok(())
    })
    .on("reconnecting", async |event: Event<Reconnecting>| {
        let (delay, reason) = (event.delay_ms, &event.reason);
        remark(&format!("connecting again in {delay} ms: {reason}"));
        Ok(())
    })
}

/// Hears events and tells those that are wanted, with the time.
///
/// * **Who starts it**: the supervisor of the handlers, as a handler of every event.
/// * **What ends it**: shutdown.
/// * **What happens to its mailbox then**: the events in its queue wait for the next incarnation.
/// * **What it may lose**: events that were not told yet when the program ends.
struct Ear {
    args: ListenArgs,
    tell: mpsc::Sender<(u64, Event<AnyEvent>)>,
}

impl Ear {
    fn wants(&self, event: &Event<AnyEvent>) -> bool {
        let (names, places) = (&self.args.event, &self.args.channel);
        let key = &event.envelope().channel;
        (names.is_empty() || names.contains(&event.name.as_str()))
            && (places.is_empty() || places.iter().any(|place| place.is(key)))
    }
}

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Event<AnyEvent>> for Ear {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, event: Event<AnyEvent>, _: &mut Self::Context) -> Self::Result {
        let tell = self.wants(&event).then(|| self.tell.clone());
        Box::pin(async move {
            if let Some(tell) = tell {
                // If nobody listens any more, that is the end.
                let _ = tell.send((clock::unix_seconds(), event)).await;
            }
            Ok(())
        })
    }
}

/// Prints what is told.
struct Listener {
    /// The clans whose channels were asked for.
    asked: BTreeSet<Id>,
    client: MezonClient,
    left: u64,
    printer: Printer,
}

impl Listener {
    async fn print_all(
        &mut self,
        told: &mut mpsc::Receiver<(u64, Event<AnyEvent>)>,
    ) -> Result<(), Failure> {
        while let Some((at, event)) = told.recv().await {
            if self.print(at, &event).await? {
                break;
            }
        }
        Ok(())
    }

    /// Prints an event; returns true if it was the last one.
    async fn print(&mut self, at: u64, event: &Event<AnyEvent>) -> Result<bool, Failure> {
        self.learn_names(&event.envelope().channel.space).await;
        let told = Told::new(at, event);
        self.printer.row(&told.cells(&self.client), &told)?;
        self.left -= 1;
        Ok(self.left == 0)
    }

    /// Asks once for the names of a clan's channels, for a person to read.
    async fn learn_names(&mut self, clan: &Id) {
        if !self.printer.is_json()
            && !clan.is_none()
            && self.asked.insert(clan.clone())
            && let Err(error) = self.client.load_channels(clan).await
        {
            tracing::debug!(%error, %clan, "the names of the channels are not known");
        }
    }
}

/// How many events may wait to be printed.
const WAITING: usize = 1_024;
