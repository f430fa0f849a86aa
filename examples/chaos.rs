//! How a bot survives: hours of faults in virtual time, and what became of it.
//!
//! ```text
//! cargo run --example chaos --features testing
//! cargo test --example chaos --features testing
//! ```

use std::process::ExitCode;
use std::time::Duration;

use greenroom::bot::BotBuilder;
use greenroom::prelude::*;
use greenroom::testing::{ChaosReport, ChaosRun, Line, timeline};

/// The bot: it says how long a text is. It names the message, so that two answers to one message can be told from answers to two.
fn bot() -> BotBuilder {
    Bot::builder("long").on("length", async |message: Event<ChatMessage>| {
        if let Some(text) = message.command("!length") {
            let length = text.chars().count();
            message
                .reply(format!("{text} has {length} characters"))
                .await?;
        }
        Ok(())
    })
}

/// Lets people speak with a bot while one request, message or answer in fifty meets a fault.
fn survive(bot: BotBuilder, hours: u64) -> Result<ChaosReport, BotError> {
    ChaosRun::new(Duration::from_secs(hours * 3_600))
        .rate(0.02)
        .seed(7)
        .lines([Line::command("!length")])
        .run(|_| bot, |_| {})
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let report = survive(bot(), 6)?;
    println!("{report}");
    std::fs::write("chaos.svg", timeline(&report))?;
    println!("{:<18} chaos.svg", "timeline");
    Ok(match report.broken.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_survives_an_hour() -> Result<(), BotError> {
        let report = survive(bot(), 1)?;
        assert!(report.broken.is_empty(), "{report}");
        assert!(report.faults_total > 0 && report.replies > 0, "{report}");
        Ok(())
    }

    #[test]
    fn a_bot_that_answers_twice_does_not() -> Result<(), BotError> {
        let hasty = bot().on("again", async |message: Event<ChatMessage>| {
            if let Some(text) = message.command("!length") {
                message.reply(format!("{text}!")).await?;
                message.reply(format!("{text}!")).await?;
            }
            Ok(())
        });
        let report = survive(hasty, 1)?;
        assert!(report.broken[0].contains("said twice"), "{report}");
        Ok(())
    }
}
