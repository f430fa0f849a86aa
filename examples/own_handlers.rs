//! The program `greenroom` with a kind of handlers of one's own: `kind = "dice"` in `greenroom.toml`, an actor with state.
//!
//! Against the simulator, in two terminals:
//!
//! ```sh
//! cargo run -- sim --ports token_bowl=4001,control=4000
//! TOKEN_BOWL_CHAT_API_KEY=sim-greenroom-key TOKEN_BOWL_CHAT_BASE_URL=http://127.0.0.1:4001 \
//!     cargo run --example own_handlers -- --config examples/own_handlers.toml run
//! curl -d '{"from": "alice", "text": "!roll", "to": "room"}' http://127.0.0.1:4000/token_bowl/say
//! ```
//!
//! Everything else that `greenroom` does works, too: `check`, `graph`, `chaos`. For real: your key, and no URL.

use std::num::NonZeroU32;
use std::process::ExitCode;

use actix::{Actor, Context, Handler, ResponseFuture};
use greenroom::actors::entropy::Entropy;
use greenroom::compose::Kinds;
use greenroom::prelude::*;
use serde::{Deserialize, Serialize};

/// The options of `kind = "dice"`.
#[derive(Clone, Deserialize, Serialize)]
struct DiceOptions {
    sides: NonZeroU32,
    #[serde(default = "six_times")]
    text: String,
    seed: Option<u64>,
}

fn six_times() -> String {
    "{name} rolled {number} (roll {rolls})".to_owned()
}

/// Rolls a die, and counts how often.
struct Dice {
    options: DiceOptions,
    entropy: Entropy,
    rolls: u64,
}

impl Dice {
    fn new(options: DiceOptions) -> Self {
        let entropy = options
            .seed
            .map_or_else(Entropy::from_system, Entropy::seeded);
        Self {
            options,
            entropy,
            rolls: 0,
        }
    }

    fn roll(&mut self, name: &str) -> String {
        self.rolls += 1;
        let number = self.entropy.next_u64() % u64::from(self.options.sides.get()) + 1;
        let text = &self.options.text;
        text.replace("{number}", &number.to_string())
            .replace("{rolls}", &self.rolls.to_string())
            .replace("{name}", name)
    }
}

impl Actor for Dice {
    type Context = Context<Self>;
}

impl Handler<Event<ChatMessage>> for Dice {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, message: Event<ChatMessage>, _: &mut Context<Self>) -> Self::Result {
        let said = (!message.is_own).then(|| self.roll(&message.author.display));
        Box::pin(async move {
            if let Some(text) = said {
                message.reply(text).await?;
            }
            Ok(())
        })
    }
}

/// The kinds that this program knows: the ready-made ones, and `dice`.
fn kinds() -> Kinds {
    Kinds::default().with("dice", |options: DiceOptions, entry| {
        entry
            .actor(move || Dice::new(options.clone()))
            .on::<ChatMessage>()
    })
}

fn main() -> ExitCode {
    greenroom::cli::main_with(&kinds())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use greenroom::bot::BotBuilder;
    use greenroom::compose;
    use greenroom::config::{Purpose, Sources};
    use greenroom::testing::{Stage, run};

    use super::*;

    /// The bot of the file, or of another text in its place.
    fn composed(text: &str) -> Result<BotBuilder, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("greenroom.toml");
        std::fs::write(&file, text).unwrap();
        let sources = Sources::none().file(&file).kinds(&kinds());
        let config = sources.load(Purpose::Offline);
        let config = config.map_err(|faults| {
            let lines = faults.iter().map(ToString::to_string);
            let folder = format!("{}/", folder.path().display());
            lines.collect::<Vec<_>>().join("\n").replace(&folder, "")
        })?;
        Ok(compose::without_platforms(&config))
    }

    fn of_the_example() -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own_handlers.toml");
        std::fs::read_to_string(file).unwrap()
    }

    #[test]
    fn it_rolls_where_and_for_whom_the_file_says() {
        run(async |stage: Stage| {
            let bot = composed(&of_the_example()).unwrap();
            let bot = stage.start(bot).await;
            let room = stage.token_bowl();
            room.say("alice", "room", "!roll");
            let first = bot
                .expect_where("a roll", |said| said.text.contains("alice rolled "))
                .await;
            assert!(first.text.ends_with("(roll 1)"), "{}", first.text);
            room.say("alice", "room", "!roll again, at once");
            room.say("alice", "room", "no roll");
            room.say("alice", "@greenroom", "!roll in private");
            bot.expect_no_reply(std::time::Duration::from_secs(1)).await;
            room.say("bob", "room", "!roll");
            bot.expect_where("his roll", |said| said.text.ends_with("(roll 2)"))
                .await;
            bot.assert_nothing_lost();
        });
    }

    #[test]
    fn what_is_wrong_is_told_with_path_and_line() {
        let wrong = |options: &str| {
            composed(&format!("[[handlers]]\nkind = \"dice\"\n{options}"))
                .err()
                .unwrap()
        };
        assert_eq!(
            wrong(""),
            "greenroom.toml:1: handlers[0].sides: is required"
        );
        assert_eq!(
            wrong("sides = 0"),
            "greenroom.toml:3: handlers[0].sides: is out of range: must be a nonzero u32"
        );
        assert_eq!(
            wrong("sides = 6\nseed = \"seven\""),
            "greenroom.toml:4: handlers[0].seed: must be a whole number from 0, not text"
        );
        assert_eq!(
            wrong("sides = 6\nchanels = [\"room\"]"),
            "greenroom.toml:4: handlers[0].chanels: is unknown: did you mean `channels`?"
        );
        assert_eq!(
            wrong("sides = 6\non = \"message\"\nplatforms = [\"mezzon\"]"),
            "greenroom.toml:4: handlers[0].on: `dice` knows itself what it handles\n\
             greenroom.toml:5: handlers[0].platforms: must be one of mesh, mezon, payman, ticos, token_bowl"
        );
        let unknown = composed("[[handlers]]\nkind = \"dise\"\n").err().unwrap();
        assert!(
            unknown.starts_with("greenroom.toml:2: handlers[0].kind: must be one of alerts, "),
            "{unknown}"
        );
        assert!(unknown.ends_with(": did you mean `dice`?"), "{unknown}");
    }

    #[test]
    fn it_is_drawn_and_printed_like_any_other() {
        let graph = composed(&of_the_example())
            .unwrap()
            .build()
            .unwrap()
            .graph();
        assert!(graph.to_text().contains("dice"), "{}", graph.to_text());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/own_handlers.toml");
        let config = Sources::none()
            .file(file)
            .kinds(&kinds())
            .load(Purpose::Offline);
        let dump = config.unwrap().dump().unwrap();
        assert!(dump.contains("kind = \"dice\"\nsides = 6\n"), "{dump}");
        assert!(
            dump.contains("{name} rolled {number}"),
            "with what was not set: {dump}"
        );
    }
}
