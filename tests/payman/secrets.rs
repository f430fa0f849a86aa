//! Nothing secret is logged or printed, however much is logged.

use std::process::Command;
use std::sync::Once;

use greenroom::simulator::Simulator;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use super::command::run;
use super::{CLIENT, CODE, SECRET};

const VARIABLE: &str = "PAYMAN_TESTS_LOG_EVERYTHING";

/// Logs everything on standard error, libraries included, if the suite is run by the test below.
pub(crate) fn log_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os(VARIABLE).is_some() {
            fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_writer(std::io::stderr)
                .with_ansi(false)
                .init();
        }
    });
}

/// The secrets of all tests: what they give, and how what the simulator gives begins.
fn secrets() -> Vec<String> {
    let basic = "c2ltLXBheW1hbi1jbGllbnQ6c2ltLXBheW1hbi1zZWNyZXQ=";
    let given = [
        SECRET,
        CODE,
        basic,
        "at-script",
        "at-given",
        "at-wire",
        "at-old",
        "rt-1",
    ];
    given.map(str::to_owned).into()
}

/// Returns the first secret in a text, with what is around it.
fn leak(text: &str) -> Option<String> {
    let around = |place: usize| {
        let from = text[..place]
            .char_indices()
            .rev()
            .nth(200)
            .map_or(0, |(place, _)| place);
        text[from..].chars().take(400).collect::<String>()
    };
    let given = secrets()
        .into_iter()
        .find_map(|secret| text.find(&secret).map(around));
    given.or_else(|| {
        let prefixes = ["at-", "rt-"].into_iter();
        let mut places = prefixes.flat_map(|prefix| text.match_indices(prefix));
        places
            .find(|(place, _)| is_uuid(&text[place + 3..]))
            .map(|(place, _)| around(place))
    })
}

fn is_uuid(text: &str) -> bool {
    let mut lengths = text
        .split(|character: char| !character.is_ascii_hexdigit())
        .map(str::len);
    lengths.next() == Some(8) && lengths.next() == Some(4)
}

#[test]
fn leaks_are_found() {
    assert!(leak("x at-01234567-89ab-4def-8123-456789abcdef y").is_some());
    assert!(leak("sim-payman-secret").is_some());
    assert!(leak("at-home, art-7, what-if").is_none());
}

#[test]
fn the_whole_suite_logs_no_secret_at_the_finest_level() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--nocapture", "--skip", "secrets::", "--skip", "command::"])
        .env(VARIABLE, "1")
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}");
    assert!(
        err.contains("TRACE") && err.contains("greenroom::payman") && err.contains("actix"),
        "it was logged"
    );
    for text in [out, err] {
        assert_eq!(leak(&text), None);
    }
}

#[actix_rt::test]
async fn the_program_prints_no_secret_at_the_finest_level() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("payman").unwrap();
    let input = "{\"op\":\"ask\",\"text\":\"x\"}\n{\"op\":\"ask\",\"text\":\"flow\",\"options\":{\"stream\":true}}\n";
    let everything = "trace,actix_codec=trace,actix_http=trace,actix_server=trace,awc=trace,h2=trace,rustls=trace,mio=trace,actix_tls=trace";
    for (arguments, code) in [
        (&["--auth-code", CODE][..], 0),
        (&[], 0),
        (&["--auth-code", "sim-auth-code-that-is-wrong"], 1),
    ] {
        let arguments = [
            &[
                "--base-url",
                &url,
                "--client-id",
                CLIENT,
                "--client-secret",
                SECRET,
            ],
            arguments,
        ]
        .concat();
        let outcome = run(&arguments, &[("RUST_LOG", everything)], None, input).await;
        assert_eq!(outcome.code, Some(code), "{}", outcome.err);
        assert!(outcome.err.contains("TRACE"), "{}", outcome.err);
        for text in [&outcome.out, &outcome.err] {
            assert_eq!(leak(text), None);
        }
    }
    simulator.stop().await;
}
