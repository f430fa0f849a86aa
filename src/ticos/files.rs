//! The configuration of a device: what its owner wrote, what its session says, and what the cloud adds.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::error::TicosError;
use super::ordered::Ordered;
use super::paths::Folders;

/// The configuration. Clones are the same; what the cloud says is merged into all of them.
#[derive(Clone, Debug)]
pub(super) struct Files {
    settings: Arc<Value>,
    local: Arc<Value>,
    merged: Arc<RwLock<Arc<Value>>>,
}

impl Files {
    /// Reads both files. One that is missing is empty; the session file is made then.
    pub(super) fn read(folders: &Folders) -> Result<Self, TicosError> {
        let settings = settings(&folders.settings())?;
        let file = folders.session();
        let session = match folders.card_session.as_deref().map(session) {
            // The card's session replaces the other one.
            Some(Ok(Some(ordered))) => {
                write(&file, &ordered)?;
                ordered
            }
            Some(Err(error)) => return Err(error),
            Some(Ok(None)) | None => match session(&file)? {
                Some(ordered) => ordered,
                None => made(&file),
            },
        };
        let local = Arc::new(Value::from(session));
        Ok(Self {
            settings: Arc::new(settings),
            merged: Arc::new(RwLock::new(Arc::clone(&local))),
            local,
        })
    }

    /// Merges what the cloud says: section by section, what is local wins.
    pub(super) fn merge(&self, cloud: Value) {
        let merged = Arc::new(merged(cloud, &self.local));
        *self.merged.write().unwrap_or_else(PoisonError::into_inner) = merged;
    }

    /// Returns the value at a dotted path.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        let session = self.merged.read().unwrap_or_else(PoisonError::into_inner);
        let is_of_session = SESSION_SECTIONS.iter().any(|section| {
            let rest = path.strip_prefix(section);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let root: &Value = match is_of_session {
            true => &session,
            false => &self.settings,
        };
        let found = path
            .split('.')
            .try_fold(root, |at, step| at.as_object()?.get(step));
        found.cloned()
    }

    /// Returns a text; a number is accepted as one.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        match self.get(path)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns a number; one that is written as text is parsed, anything else is told and left out.
    pub(super) fn number(&self, path: &str) -> Option<i64> {
        let value = self.get(path)?;
        let number = match &value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().map(|n| n as i64)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() && !value.is_null() {
            tracing::warn!(path, "is not a number: the default is used");
        }
        number
    }

    pub(super) fn agent_id(&self) -> String {
        self.text("agent_id").unwrap_or_default().trim().to_owned()
    }

    pub(super) fn api_key(&self) -> SecretString {
        let key = self.text("api.api_key").unwrap_or_default();
        key.trim().to_owned().into()
    }

    /// Returns where calls go, without a slash at the end, and where websockets go.
    pub(super) fn api(&self) -> (String, String) {
        let base = self
            .text("api.base_url")
            .filter(|base| !base.trim().is_empty());
        addresses(base.as_deref().unwrap_or(API))
    }

    pub(super) fn console(&self) -> String {
        let path = "executor.ticos_server_url";
        let base = self.text(path).filter(|base| !base.trim().is_empty());
        addresses(base.as_deref().unwrap_or(CONSOLE)).0
    }

    /// Says whether the device makes memories itself.
    pub(super) fn makes_memories(&self) -> bool {
        self.text("model.enable_memory_generation").as_deref() == Some("client")
    }

    /// Returns how many messages are in a window.
    pub(super) fn window(&self) -> i64 {
        let length = self.number("model.history_conversation_length");
        let rounds = || Some(self.number("model.context_round")?.saturating_mul(2));
        length.or_else(rounds).unwrap_or(WINDOW).max(1)
    }

    /// Returns the half of what an answer may have at most.
    pub(super) fn summary_length(&self) -> i64 {
        let most = self.number("model.max_response_output_tokens");
        most.unwrap_or(4_096).div_euclid(2)
    }

    pub(super) fn variables(&self) -> Option<Map<String, Value>> {
        match self.get("variables")? {
            Value::Object(variables) if !variables.is_empty() => Some(variables),
            _ => None,
        }
    }

    /// Returns the memory that was written into the session.
    pub(super) fn own_memory(&self) -> String {
        match self.get("extended_properties.memory") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        }
    }
}

/// Returns the address of calls and that of websockets, for whichever is given.
fn addresses(base: &str) -> (String, String) {
    let base = base.trim().trim_end_matches('/');
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base));
    let is_plain = matches!(scheme.to_ascii_lowercase().as_str(), "ws" | "http");
    match is_plain {
        true => (format!("http://{rest}"), format!("ws://{rest}")),
        false => (format!("https://{rest}"), format!("wss://{rest}")),
    }
}

fn merged(cloud: Value, local: &Value) -> Value {
    match (cloud, local) {
        (Value::Object(mut cloud), Value::Object(local)) => {
            for (name, value) in local {
                let below = cloud.remove(name).unwrap_or(Value::Null);
                cloud.insert(name.clone(), merged(below, value));
            }
            Value::Object(cloud)
        }
        (_, local) => local.clone(),
    }
}

fn settings(file: &Path) -> Result<Value, TicosError> {
    let Some(text) = text(file)? else {
        return Ok(Value::Object(Map::new()));
    };
    let broken = |line: Option<usize>, message: String| TicosError::Config {
        path: file.to_owned(),
        line,
        message,
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        broken(line, error.message().to_owned())
    })?;
    serde_json::to_value(table).map_err(|error| broken(None, error.to_string()))
}

/// Reads a session file; none if there is none.
pub(super) fn session(file: &Path) -> Result<Option<Ordered>, TicosError> {
    let Some(text) = text(file)? else {
        return Ok(None);
    };
    let broken = |line: Option<usize>, message: String| TicosError::Config {
        path: file.to_owned(),
        line,
        message,
    };
    if text.trim().is_empty() {
        return Err(broken(Some(1), "is empty, and no JSON object".to_owned()));
    }
    match serde_json::from_str(&text) {
        Ok(object @ Ordered::Object(_)) => Ok(Some(object)),
        Ok(_) => Err(broken(Some(1), "is no JSON object".to_owned())),
        Err(error) => Err(broken(Some(error.line()), error.to_string())),
    }
}

fn text(file: &Path) -> Result<Option<String>, TicosError> {
    match fs::read(file) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let lines = error.as_bytes()[..valid]
                    .iter()
                    .filter(|byte| **byte == b'\n');
                Err(TicosError::Config {
                    path: file.to_owned(),
                    line: Some(1 + lines.count()),
                    message: "is not UTF-8".to_owned(),
                })
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TicosError::Io {
            action: "read",
            path: file.to_owned(),
            source,
        }),
    }
}

/// Makes an empty session file; a device works without, too.
fn made(file: &Path) -> Ordered {
    let empty = Ordered::Object(Vec::new());
    if let Err(error) = write(file, &empty) {
        tracing::warn!(%error, "there is no session file");
    }
    empty
}

/// Replaces a session file as a whole. What it says is private.
pub(super) fn write(file: &Path, content: &Ordered) -> Result<(), TicosError> {
    let failed = |action, path: &Path, source| TicosError::Io {
        action,
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))?;
    }
    let text = content
        .pretty()
        .map_err(|error| failed("write", file, error.into()))?;
    let mut next = file.as_os_str().to_owned();
    next.push(".tmp");
    let next = Path::new(&next);
    fs::write(next, text).map_err(|source| failed("write", next, source))?;
    if let Ok(before) = fs::metadata(file) {
        // Whoever may read it keeps that right.
        let _ = fs::set_permissions(next, before.permissions());
    }
    fs::rename(next, file).map_err(|source| failed("replace", file, source))
}

const API: &str = "wss://stardust.ticos.cn";
const CONSOLE: &str = "https://api.ticos.cn";
const WINDOW: i64 = 12;
const SESSION_SECTIONS: [&str; 8] = [
    "agent_id",
    "extended_properties",
    "hearing",
    "knowledge",
    "model",
    "speech",
    "variables",
    "vision",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(settings: &str, session: &str) -> Result<Files, TicosError> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".config/ticos");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), settings).unwrap();
        fs::write(folder.join("session_config"), session).unwrap();
        let mode = super::super::paths::SaveMode::Internal;
        Files::read(&Folders::find(Some(home.path()), mode, None, || None).unwrap())
    }

    #[test]
    fn values_are_found_in_their_file() {
        let files = files(
            "[api]\nbase_url = \"ws://127.0.0.1:7/\"\napi_key = \"k\"\n",
            r#"{"agent_id":26,"model":{"context_round":"7","memory_instructions":"你"},"speech":{"a":1},"vision":{"b":2}}"#,
        )
        .unwrap();
        assert_eq!(files.agent_id(), "26");
        assert_eq!(files.window(), 14);
        assert_eq!(files.get("speech"), Some(json!({"a": 1})));
        assert_eq!(files.get("vision.b"), Some(json!(2)));
        assert_eq!(files.get("vision.b.c"), None);
        assert_eq!(
            files.text("model.memory_instructions").as_deref(),
            Some("你")
        );
        assert_eq!(
            files.api(),
            ("http://127.0.0.1:7".into(), "ws://127.0.0.1:7".into())
        );
        assert_eq!(files.console(), "https://api.ticos.cn");
    }

    #[test]
    fn any_form_of_an_address_is_understood() {
        for (given, http, ws) in [
            ("wss://a.b", "https://a.b", "wss://a.b"),
            ("ws://a.b/", "http://a.b", "ws://a.b"),
            ("http://a.b:1", "http://a.b:1", "ws://a.b:1"),
            ("https://a.b/c/", "https://a.b/c", "wss://a.b/c"),
            ("a.b", "https://a.b", "wss://a.b"),
        ] {
            assert_eq!(addresses(given), (http.into(), ws.into()), "{given}");
        }
    }

    #[test]
    fn what_is_local_wins_over_the_cloud() {
        let files = files("", r#"{"model":{"a":1,"list":[1]},"speech":"x"}"#).unwrap();
        files.merge(json!({"model": {"a": 2, "b": 3, "list": [2, 3]}, "speech": {"y": 1}, "hearing": {"z": 1}}));
        assert_eq!(
            files.get("model"),
            Some(json!({"a": 1, "b": 3, "list": [1]}))
        );
        assert_eq!(files.get("speech"), Some(json!("x")));
        assert_eq!(files.get("hearing.z"), Some(json!(1)));
        files.merge(json!({}));
        assert_eq!(files.get("hearing.z"), None);
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let wrong =
            |settings: &str, session: &str| files(settings, session).unwrap_err().to_string();
        let error = wrong("[api]\nbase_url = \n", "{}");
        assert!(error.contains("config.toml, line 2"), "{error}");
        let error = wrong("", "{\n\"a\": }");
        assert!(error.contains("session_config, line 2"), "{error}");
        assert!(wrong("", "[]").contains("no JSON object"));
    }
}
