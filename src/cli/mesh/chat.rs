//! `greenroom mesh chat`: one message to a model, and its answer.

use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::{Value, json};

use super::Session;
use super::input::read;
use crate::cli::{Failure, FailureKind, remark};
use crate::mesh::Chat;

/// What to say, and to whom.
#[derive(Args, Clone, Debug)]
pub(super) struct ChatArgs {
    /// What to say; without it, or with `-`, that is read from standard input
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// The model, by its name or another one of it, such as gpt4o or claude-37
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Who is asked: openai or anthropic
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Let the model think first
    #[arg(long)]
    thinking: bool,
    /// For so many tokens: 1024 or more
    #[arg(long, value_name = "TOKENS")]
    thinking_budget: Option<u64>,
    /// Limit the answer to so many tokens
    #[arg(long, value_name = "TOKENS")]
    max_tokens: Option<u64>,
    /// How freely the model chooses its words, from 0.0 to 1.0, or none [default: 0.7]
    #[arg(long, value_name = "NUMBER", value_parser = temperature)]
    temperature: Option<Temperature>,
    /// Another member of the request: NAME=JSON; may be given several times
    #[arg(long, value_name = "NAME=JSON", value_parser = extra)]
    extra: Vec<(String, Value)>,
    /// Print the server's JSON as it came
    #[arg(long)]
    original_response: bool,
}

#[derive(Clone, Copy, Debug)]
struct Temperature(Option<f64>);

fn temperature(text: &str) -> Result<Temperature, String> {
    match text {
        "none" => Ok(Temperature(None)),
        text => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Temperature(Some(number))),
            _ => Err("must be a number, or none".to_owned()),
        },
    }
}

fn extra(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("must have the form NAME=JSON")?;
    // A word that is no JSON is meant as a text.
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    Ok((name.to_owned(), value))
}

/// Says it, and prints the answer.
pub(super) async fn run(args: ChatArgs, session: &Session<'_>) -> Result<(), Failure> {
    let mut chat = Chat::new(said(args.text.as_deref())?);
    if let Some(model) = args.model {
        chat = chat.model(model);
    }
    if let Some(provider) = args.provider {
        chat = chat.provider(provider);
    }
    if args.thinking {
        chat = chat.thinking(true);
    }
    if let Some(budget) = args.thinking_budget {
        chat = chat.thinking_budget(budget);
    }
    if let Some(most) = args.max_tokens {
        chat = chat.max_tokens(most);
    }
    if let Some(Temperature(temperature)) = args.temperature {
        chat = chat.temperature(temperature);
    }
    if args.original_response {
        chat = chat.original_response(true);
    }
    let chat = args
        .extra
        .into_iter()
        .fold(chat, |chat, (name, value)| chat.extra(name, value));
    let answer = session.with(async |client| client.chat(chat).await).await?;
    match answer.result() {
        Value::String(text) => {
            let thoughts = answer.thoughts();
            if !thoughts.is_empty() && !session.printer.is_json() {
                remark(&format!("(it thought: {thoughts})"));
            }
            session.printer.text(&text, &answer)?;
        }
        original => session.printer.object(&original)?,
    }
    Ok(())
}

fn said(given: Option<&str>) -> Result<String, Failure> {
    if let Some(text) = given.filter(|text| *text != "-") {
        return Ok(text.to_owned());
    }
    if io::stdin().is_terminal() {
        remark("Say something, and end it with Ctrl-D:");
    }
    let text = read(io::stdin(), "standard input")?;
    match text.strip_suffix('\n').unwrap_or(&text) {
        "" => Err(Failure::new(FailureKind::Usage, "there is nothing to say")),
        text => Ok(text.to_owned()),
    }
}
