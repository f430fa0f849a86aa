//! One line of input: what to do, and what comes of it.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::run::Output;
use crate::payman::{Ask, ErrorKind, Json, OutputFormat, PaymanClient, PaymanError};

/// What a line says.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    op: String,
    text: Option<String>,
    #[serde(default)]
    raw: Option<bool>,
    #[serde(default)]
    options: Option<Options>,
    #[serde(default)]
    ops: Option<Vec<Self>>,
    ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    new_session: Option<bool>,
    metadata: Option<Json>,
    part_metadata: Option<Json>,
    message_metadata: Option<Json>,
    output_format: Option<String>,
    stream: Option<bool>,
    cancel_after_events: Option<u64>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Done {
    Ok(Json),
    Err(PaymanError),
}

impl Done {
    fn of<T: Serialize>(outcome: Result<T, PaymanError>) -> Self {
        let done = outcome.and_then(|value| {
            Json::of(&value).map_err(|error| PaymanError::invalid(error.to_string()))
        });
        match done {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Err(error),
        }
    }
}

/// Reads a line.
pub(super) fn read(line: &str, number: u64) -> Result<Operation, PaymanError> {
    if matches!(
        line.trim_start().chars().next(),
        Some('[' | '"' | '0'..='9' | '-')
    ) {
        let what = format!("line {number} is no operation: it is no object");
        return Err(PaymanError::invalid(what));
    }
    serde_json::from_str(line).map_err(|error| {
        // The text of the line is not quoted, since it can hold what a person wrote.
        let column = error.column();
        let what = match error.classify() {
            serde_json::error::Category::Data => format!("is no operation: {error}"),
            _ => format!("is not JSON, at column {column}"),
        };
        PaymanError::invalid(format!("line {number} {what}"))
    })
}

/// Does what a line says.
pub(super) fn perform(
    operation: Operation,
    client: PaymanClient,
    output: Output,
) -> LocalBoxFuture<'static, Done> {
    async move {
        match operation.op.as_str() {
            "ask" => Done::of(ask(operation, &client, &output).await),
            "all" => {
                let operations = operation.ops.unwrap_or_default();
                let done = operations.into_iter().map(|one| perform(one, client.clone(), output.clone()));
                Done::of(Ok(join_all(done).await))
            }
            "get_access_token" => {
                let token = client.access_token().await.map(|token| Token {
                    access_token: token.access_token.expose_secret().to_owned(),
                    expires_in: token.expires_in,
                });
                Done::of(Ok(token))
            }
            "is_access_token_expired" => Done::of(Ok(client.is_access_token_expired())),
            "get_session_id" => Done::of(Ok(client.session_id())),
            "get_client_name" => Done::of(Ok(client.name())),
            "get_refresh_token" => {
                let token = client.refresh_token();
                Done::of(Ok(token.map(|token| token.expose_secret().to_owned())))
            }
            "sleep" => match operation.ms {
                Some(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    Done::of(Ok(()))
                }
                None => Done::Err(PaymanError::invalid("sleep: ms is required, a whole number")),
            },
            other => Done::Err(PaymanError::invalid(format!(
                "unknown operation {other:?}, known are all, ask, get_access_token, get_client_name, get_refresh_token, \
                 get_session_id, is_access_token_expired, sleep"
            ))),
        }
    }
    .boxed_local()
}

/// A token as its owner asked to see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    access_token: String,
    expires_in: u64,
}

async fn ask(
    operation: Operation,
    client: &PaymanClient,
    output: &Output,
) -> Result<crate::payman::Answer, PaymanError> {
    let options = operation.options.unwrap_or_default();
    let text = operation
        .text
        .ok_or_else(|| PaymanError::invalid("ask: text is required"))?;
    let format = match options.output_format.as_deref() {
        _ if operation.raw == Some(true) => OutputFormat::Json,
        None | Some("markdown") => OutputFormat::Markdown,
        Some("json") => OutputFormat::Json,
        Some(other) => {
            let message =
                format!("ask: output_format: {other:?} is neither \"json\" nor \"markdown\"");
            return Err(PaymanError::invalid(message));
        }
    };
    let mut ask = Ask::new(text).output_format(format);
    if options.new_session == Some(true) {
        ask = ask.new_session();
    }
    let ask = ask
        .metadata(options.metadata)
        .part_metadata(options.part_metadata)
        .message_metadata(options.message_metadata);
    if options.stream != Some(true) {
        return client.answer(ask).await;
    }
    let mut stream = client.stream(ask).await?;
    let limit = options.cancel_after_events;
    let mut told = 0;
    while limit.is_none_or(|limit| told < limit)
        && let Some(event) = stream.next().await
    {
        output.event(&event);
        told += 1;
    }
    if limit.is_some_and(|limit| told >= limit) {
        stream.cancel();
    }
    stream.finish().await
}

impl PaymanError {
    /// The input is wrong.
    fn invalid(message: impl Into<String>) -> Self {
        Self::input(ErrorKind::Validation, message)
    }
}
