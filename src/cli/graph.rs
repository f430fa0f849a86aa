//! `greenroom graph`: the bot as text, as data or as a picture.

use std::path::{Path, PathBuf};
use std::time::Duration;

use awc::http::StatusCode;
use clap::{Args, ValueEnum};
use greenroom_actors::graph::Graph;
use url::Url;

use super::terminal::harmless;
use super::{Failure, FailureKind, Globals, Printer, logging};
use crate::compose;
use crate::config::Purpose;

/// The arguments of `greenroom graph`.
#[derive(Args, Debug)]
pub(super) struct GraphArgs {
    /// The form
    #[arg(long, value_name = "FORM", default_value = "text", value_enum)]
    format: Format,
    /// Write into this file in place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw the bot that runs there, at the address of its endpoint, such as http://127.0.0.1:9100
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    url: Option<Url>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Mermaid,
    Dot,
    Svg,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json => "json",
            Self::Mermaid => "mmd",
            Self::Dot => "dot",
            Self::Svg => "svg",
        }
    }

    fn draw(self, graph: &Graph) -> String {
        match self {
            Self::Text => graph.to_text(),
            Self::Json => graph.to_json(),
            Self::Mermaid => graph.to_mermaid(),
            Self::Dot => graph.to_dot(),
            Self::Svg => graph.to_svg(),
        }
    }
}

/// Draws the bot that the configuration composes, without the network, or the one that runs at `--url`.
pub(super) async fn run(args: GraphArgs, globals: &Globals) -> Result<(), Failure> {
    let format = match (globals.json, args.format) {
        (true, Format::Text) => Format::Json,
        (_, format) => format,
    };
    let drawn = match &args.url {
        Some(url) => fetch(url, format).await?,
        None => {
            let mut config = globals.load(Purpose::Offline)?;
            logging::start(globals, &config)?;
            if let Some(mezon) = &mut config.mezon {
                // Nothing is started: who has no key at hand may look at the picture all the same.
                mezon.api_key = "none".into();
                if mezon.client_id.is_empty() {
                    mezon.client_id = "1".to_owned();
                }
            }
            if let Some(payman) = &mut config.payman {
                payman.client_secret = "none".into();
                if payman.client_id.is_empty() {
                    payman.client_id = "none".to_owned();
                }
            }
            if let Some(token_bowl) = &mut config.token_bowl {
                token_bowl.api_key = "none".into();
            }
            if let Some(ticos) = &mut config.ticos {
                // The port may be in use, by the bot that is looked at.
                (ticos.host, ticos.port) = ("127.0.0.1".to_owned(), 0);
            }
            format.draw(&compose::bot(&config).build()?.graph())
        }
    };
    match &args.output {
        Some(file) => write(file, drawn.trim_end()),
        None => Ok(Printer::report(globals).plain(drawn.trim_end())?),
    }
}

fn write(file: &Path, drawn: &str) -> Result<(), Failure> {
    std::fs::write(file, format!("{drawn}\n"))
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))
}

async fn fetch(url: &Url, format: Format) -> Result<String, Failure> {
    let unreachable = |what: String| {
        let message = format!("the endpoint at {url} {what}");
        Failure::new(FailureKind::Network, message)
    };
    let path = format!("/graph.{}", format.extension());
    let address = url
        .join(&path)
        .map_err(|error| unreachable(format!("has no {path}: {error}")))?;
    let client = awc::Client::builder()
        .timeout(PATIENCE)
        .disable_redirects()
        .finish();
    let mut response = client
        .get(address.as_str())
        .send()
        .await
        .map_err(|error| unreachable(format!("does not answer: {error}")))?;
    let body = response
        .body()
        .limit(LIMIT)
        .await
        .map_err(|error| unreachable(format!("broke off: {error}")))?;
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| unreachable("answered with something that is not text".to_owned()))?;
    match response.status() {
        StatusCode::OK => Ok(text),
        status => {
            let begin: String = text.chars().take(200).collect();
            let begin = harmless(&begin).into_owned();
            Err(unreachable(format!("answered {status}: {begin}")))
        }
    }
}

fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    match url.scheme() {
        "http" if url.has_host() => Ok(url),
        _ => Err("must begin with http://".to_owned()),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: usize = 64 << 20;
