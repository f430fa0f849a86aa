//! The log of the program: always on standard error, never with a secret in it.

use std::io::{self, Write};
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Failure, FailureKind, Globals};
use crate::config::{Config, LogFormat};

/// What keeps libraries from logging whole requests, tokens included, under a wide filter such as `trace`. A filter that names one
/// of them goes before this.
const QUIET: &str =
    "actix_codec=warn,actix_http=warn,actix_server=warn,awc=warn,h2=warn,rustls=warn,sled=warn";

/// The target of the spans that follow an event to its reply; a filter that names it shows each step.
const TRACES: &str = "greenroom::trace";

/// Starts the log as `--log` and the configuration say.
///
/// # Errors
///
/// `--log` is not a filter, or the log was started before.
pub(super) fn start(globals: &Globals, config: &Config) -> Result<(), Failure> {
    let filter = filter(globals, config)?;
    let colored = globals.color.applies_to(&io::stderr());
    // Who asks for traces wants to see each step; others only what is said in it.
    let steps = match filter.to_string().contains(TRACES) {
        true => FmtSpan::CLOSE,
        false => FmtSpan::NONE,
    };
    let lines = layer()
        .with_writer(io::stderr)
        .with_ansi(colored)
        .with_span_events(steps);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("cannot start the log: {error}")))
}

fn filter(globals: &Globals, config: &Config) -> Result<EnvFilter, Failure> {
    let (text, adapter) = match (&globals.log, &config.mezon) {
        (Some(text), _) => (text, String::new()),
        (None, None) => (&config.log.filter, String::new()),
        (None, Some(mezon)) => {
            let level = match mezon.enable_logging {
                true => mezon.log_level.name(),
                false => "warn",
            };
            (&config.log.filter, format!("greenroom::mezon={level},"))
        }
    };
    EnvFilter::try_new(format!("{QUIET},{adapter}{text}")).map_err(|error| {
        let message = format!("--log: `{text}` is not a filter: {error}");
        Failure::new(FailureKind::Usage, message)
    })
}

/// Replaces the report of a panic, many lines on standard error, by one line of the log.
pub(super) fn report_panics_in_one_line() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string);
        let place = place.as_deref().unwrap_or("an unknown place");
        let message = message(panic);
        if tracing::dispatcher::has_been_set() {
            tracing::error!(target: "greenroom::panic", thread, place, "panicked: {message}");
        } else {
            // A failure to say so must not be a second panic.
            let _ = writeln!(
                io::stderr(),
                "error: thread {thread} panicked at {place}: {message}"
            );
        }
    }));
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("no message");
    message.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Purpose, Sources};

    fn shown(log: Option<&str>, variables: &[(&str, &str)]) -> String {
        let globals = Globals {
            log: log.map(str::to_owned),
            ..Globals::default()
        };
        let sources = variables
            .iter()
            .fold(Sources::none(), |sources, (name, value)| {
                sources.variable(name, value)
            });
        let config = sources.load(Purpose::Offline).unwrap();
        filter(&globals, &config).unwrap().to_string()
    }

    #[test]
    fn a_wide_filter_leaves_libraries_quiet_unless_they_are_named() {
        let wide = shown(Some("trace"), &[]);
        assert!(
            wide.contains("awc=warn") && wide.contains("trace"),
            "{wide}"
        );
        let named = shown(Some("trace,awc=debug"), &[]);
        assert!(
            named.contains("awc=debug") && !named.contains("awc=warn"),
            "{named}"
        );
    }

    #[test]
    fn the_adapter_logs_as_its_section_says() {
        let level = ("GREENROOM__MEZON__LOG_LEVEL", "debug");
        let off = shown(None, &[level]);
        assert!(off.contains("greenroom::mezon=warn"), "{off}");
        let on = shown(None, &[level, ("GREENROOM__MEZON__ENABLE_LOGGING", "true")]);
        assert!(on.contains("greenroom::mezon=debug"), "{on}");
        let flag = shown(Some("error"), &[level]);
        assert!(!flag.contains("greenroom::mezon"), "{flag}");
    }
}
