//! The log of the program: always on standard error, never with a secret in it.

use std::fmt;
use std::io::{self, Write};
use std::panic::PanicHookInfo;

use greenroom_actors::clock;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::{FmtSpan, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::time::utc;
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
    let usual = std::env::var("RUST_LOG")
        .ok()
        .filter(|filter| !filter.is_empty());
    let globals = &Globals {
        log: globals.log.clone().or(usual),
        ..globals.clone()
    };
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
    let switched_on = config
        .mezon
        .as_ref()
        .is_some_and(|mezon| mezon.enable_logging);
    let apart = switched_on && globals.log.is_none();
    let started = match config.log.format {
        LogFormat::Text => {
            let lines = lines.with_filter(filter_fn(move |of| !(apart && is_of_mezon(of))));
            let mezon = apart.then(|| {
                let lines = layer().with_writer(io::stderr).with_ansi(false);
                lines
                    .event_format(MezonLine)
                    .with_filter(filter_fn(is_of_mezon))
            });
            registry.with(lines).with(mezon).try_init()
        }
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

fn is_of_mezon(of: &Metadata<'_>) -> bool {
    of.target().starts_with("greenroom::mezon")
}

/// A line as the platform's own clients write it: `[time] [mezon] [LEVEL] text`.
#[derive(Clone, Copy, Debug)]
struct MezonLine;

impl<S, N> FormatEvent<S, N> for MezonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let at = utc(clock::unix_seconds());
        let level = match *event.metadata().level() {
            Level::WARN => "WARNING",
            Level::TRACE | Level::DEBUG => "DEBUG",
            Level::INFO => "INFO",
            Level::ERROR => "ERROR",
        };
        write!(to, "[{}] [mezon] [{level}] ", at.trim_end_matches('Z'))?;
        context.format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
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
    fn the_adapter_has_lines_as_its_peers_write_them() {
        use std::sync::{Arc, Mutex};

        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);

        impl Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let sink = Sink::default();
        let to = sink.clone();
        let lines = layer().with_writer(move || to.clone()).with_ansi(false);
        let lines = lines
            .event_format(MezonLine)
            .with_filter(filter_fn(is_of_mezon));
        let log = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(log, || {
            tracing::warn!(target: "greenroom::mezon::client", id = 7, "odd");
            tracing::warn!(target: "elsewhere", "not ours");
        });
        let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let (time, text) = written.split_once("] ").unwrap();
        assert_eq!(time.len(), "[2026-01-31 12:34:56".len(), "{written}");
        assert_eq!(text, "[mezon] [WARNING] odd id=7\n");
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
