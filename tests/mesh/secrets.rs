//! MESH-30, D-21: nothing secret is logged or printed, however much is logged.

use std::process::Command;
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

const VARIABLE: &str = "MESH_TESTS_LOG_EVERYTHING";

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

/// What must not show: the values of keys, what is made of them, and tokens, all of which are JWTs or called so.
pub(crate) const SECRETS: [&str; 6] = [
    "sk-fake",
    "secret_value",
    "24d40bbc28c4facd442a31ac8862109a6e748d5b64d5e3ca2ed19cc6d4a5317e",
    "e30.eyJ",
    "eyJhbGci",
    "Bearer ",
];

/// Finds a refresh token of the simulator: `v1.` and 32 hexadecimal digits.
fn refresh_token(text: &str) -> Option<usize> {
    let mut starts = text.match_indices("v1.");
    let is_one = |place: usize| {
        let digits = text[place + 3..].bytes();
        digits.take_while(u8::is_ascii_hexdigit).count() >= 32
    };
    starts.find_map(|(place, _)| is_one(place).then_some(place))
}

/// Returns the first secret in a text, with what is around it.
pub(crate) fn leak(text: &str) -> Option<String> {
    let place = SECRETS.iter().find_map(|secret| text.find(secret));
    let place = place.or_else(|| refresh_token(text))?;
    let from = text[..place]
        .char_indices()
        .rev()
        .nth(200)
        .map_or(0, |(place, _)| place);
    Some(text[from..].chars().take(400).collect())
}

#[test]
fn the_whole_suite_logs_no_secret_at_the_finest_level() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--nocapture",
            "--skip",
            "secrets::",
            "--skip",
            "command::",
            "--skip",
            "global::",
        ])
        .env(VARIABLE, "1")
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(
        err.contains("TRACE") && err.contains("greenroom::mesh") && err.contains("actix"),
        "it was logged"
    );
    for text in [out, err] {
        assert_eq!(leak(&text), None);
    }
}
