//! What a body must look like, and the list of what is wrong with it, in the server's words.

use serde_json::{Map, Value, json};
use url::Url;

use super::failure::Failure;
use super::ids::Id;
use super::json::fault_of;
use super::role::Role;
use super::show::LOGOS;
use crate::simulator::Request;

/// The fields of a body, read one by one; what is wrong is collected.
#[derive(Debug)]
pub(super) struct Form {
    whole: Value,
    faults: Vec<Value>,
}

impl Form {
    /// Reads the fields of a frame.
    pub(super) fn of_fields(fields: Map<String, Value>) -> Self {
        Self {
            whole: Value::Object(fields),
            faults: Vec::new(),
        }
    }

    /// Reads the body of a request, which must be a JSON object.
    pub(super) fn of(request: &Request) -> Result<Self, Failure> {
        let whole = body_of(request)?;
        match whole {
            Value::Object(_) => Ok(Self {
                whole,
                faults: Vec::new(),
            }),
            Value::Null => Err(invalid([missing(&json!(["body"]), &Value::Null)])),
            other => Err(invalid([json!({
                "type": "model_attributes_type",
                "loc": ["body"],
                "msg": "Input should be a valid dictionary or object to extract fields from",
                "input": other,
            })])),
        }
    }

    /// Says whether a field is there, even if it is null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.whole.get(name).is_some()
    }

    fn given(&self, name: &str) -> Option<Value> {
        self.whole
            .get(name)
            .filter(|value| !value.is_null())
            .cloned()
    }

    /// Notes that something is wrong with a field.
    fn fault(&mut self, name: &str, kind: &str, text: impl Into<String>, context: Option<Value>) {
        let mut fault = json!({
            "type": kind,
            "loc": ["body", name],
            "msg": text.into(),
            "input": self.whole.get(name),
        });
        if let Some(context) = context {
            fault["ctx"] = context;
        }
        self.faults.push(fault);
    }

    /// Reads a text that must be there.
    pub(super) fn required(&mut self, name: &str, least: usize, most: usize) -> String {
        match self.whole.get(name) {
            None => {
                let fault = missing(&json!(["body", name]), &self.whole);
                self.faults.push(fault);
                String::new()
            }
            Some(Value::Null) => {
                self.fault(name, "string_type", NO_TEXT, None);
                String::new()
            }
            Some(_) => self.text(name, least, most).unwrap_or_default(),
        }
    }

    /// Reads a text that may be absent; lengths are in code points.
    pub(super) fn text(&mut self, name: &str, least: usize, most: usize) -> Option<String> {
        let Value::String(text) = self.given(name)? else {
            self.fault(name, "string_type", NO_TEXT, None);
            return None;
        };
        let length = text.chars().count();
        if length < least {
            let text = format!("String should have at least {}", characters(least));
            let context = json!({"min_length": least});
            self.fault(name, "string_too_short", text, Some(context));
        } else if length > most {
            let text = format!("String should have at most {}", characters(most));
            let context = json!({"max_length": most});
            self.fault(name, "string_too_long", text, Some(context));
        } else {
            return Some(text);
        }
        None
    }

    /// Reads the address of a web hook.
    pub(super) fn web_hook(&mut self, name: &str) -> Option<String> {
        let Value::String(text) = self.given(name)? else {
            let text = "URL input should be a string or URL";
            self.fault(name, "url_type", text, None);
            return None;
        };
        if text.chars().count() > URL_LIMIT {
            let text = format!("URL should have at most {URL_LIMIT} characters");
            let context = json!({"max_length": URL_LIMIT});
            self.fault(name, "url_too_long", text, Some(context));
            return None;
        }
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url.into()),
            Ok(_) => {
                let text = "URL scheme should be 'http' or 'https'";
                let context = json!({"expected_schemes": "'http' or 'https'"});
                self.fault(name, "url_scheme", text, Some(context));
                None
            }
            Err(_) if text.is_empty() => {
                let context = json!({"error": "input is empty"});
                let text = "Input should be a valid URL, input is empty";
                self.fault(name, "url_parsing", text, Some(context));
                None
            }
            Err(fault) => {
                let context = json!({"error": fault.to_string()});
                let text = format!("Input should be a valid URL, {fault}");
                self.fault(name, "url_parsing", text, Some(context));
                None
            }
        }
    }

    /// Reads a flag, as leniently as the server.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.given(name)?;
        let found = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_f64() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.to_lowercase().as_str() {
                "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
                "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
                _ => None,
            },
            _ => {
                self.fault(name, "bool_type", "Input should be a valid boolean", None);
                return None;
            }
        };
        if found.is_none() {
            let text = "Input should be a valid boolean, unable to interpret input";
            self.fault(name, "bool_parsing", text, None);
        }
        found
    }

    /// Reads a role that may be absent.
    pub(super) fn role(&mut self, name: &str) -> Option<Role> {
        let value = self.given(name)?;
        let found = value.as_str().and_then(Role::parse);
        if found.is_none() {
            let expected = "'admin', 'member', 'viewer' or 'bot'";
            let text = format!("Input should be {expected}");
            self.fault(name, "enum", text, Some(json!({"expected": expected})));
        }
        found
    }

    /// Reads a role that must be there.
    pub(super) fn required_role(&mut self, name: &str) -> Role {
        match self.whole.get(name) {
            None => {
                let fault = missing(&json!(["body", name]), &self.whole);
                self.faults.push(fault);
            }
            Some(Value::Null) => {
                let expected = "'admin', 'member', 'viewer' or 'bot'";
                let text = format!("Input should be {expected}");
                self.fault(name, "enum", text, Some(json!({"expected": expected})));
            }
            Some(_) => {}
        }
        self.role(name).unwrap_or_default()
    }

    pub(super) fn logo(&mut self) -> Option<String> {
        let logo = self.text("logo", 0, usize::MAX)?;
        if LOGOS.contains(&logo.as_str()) {
            return Some(logo);
        }
        let text = format!("Logo must be one of: {}", LOGOS.join(", "));
        self.value_fault("logo", &text);
        None
    }

    pub(super) fn emoji(&mut self) -> Option<String> {
        let emoji = self.text("emoji", 0, usize::MAX)?;
        if emoji.chars().count() <= 10 {
            return Some(emoji);
        }
        self.value_fault("emoji", "Emoji must be 10 characters or less");
        None
    }

    /// Reads a list of ids that may be absent.
    pub(super) fn ids_if_given(&mut self, name: &str) -> Option<Vec<Id>> {
        self.given(name)?;
        self.ids(name)
    }

    fn ids(&mut self, name: &str) -> Option<Vec<Id>> {
        let Value::Array(rows) = self.given(name)? else {
            self.fault(name, "list_type", "Input should be a valid list", None);
            return None;
        };
        let mut ids = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let Value::String(text) = row else {
                self.faults.push(json!({
                    "type": "string_type",
                    "loc": ["body", name, place],
                    "msg": NO_TEXT,
                    "input": row,
                }));
                return None;
            };
            match Id::parse(text) {
                Some(id) => ids.push(id),
                None => {
                    let text = format!("Invalid UUID format for message_id: {text}");
                    self.value_fault(name, &text);
                    return None;
                }
            }
        }
        Some(ids)
    }

    fn value_fault(&mut self, name: &str, text: &str) {
        let text = format!("Value error, {text}");
        self.fault(name, "value_error", text, Some(json!({"error": {}})));
    }

    /// Notes that the body as a whole is wrong, if nothing else is.
    pub(super) fn refuse(&mut self, text: &str) {
        if self.faults.is_empty() {
            self.faults.push(json!({
                "type": "value_error",
                "loc": ["body"],
                "msg": format!("Value error, {text}"),
                "input": self.whole,
                "ctx": {"error": {}},
            }));
        }
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(invalid(self.faults)),
        }
    }
}

fn body_of(request: &Request) -> Result<Value, Failure> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = request.header("content-type");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json = kind.is_empty() || kind.eq_ignore_ascii_case("application/json");
    if !is_json && !kind.to_ascii_lowercase().ends_with("+json") {
        return Ok(String::from_utf8_lossy(&request.body).into());
    }
    let text = std::str::from_utf8(&request.body)
        .map_err(|_| Failure::bad("There was an error parsing the body"))?;
    serde_json::from_str(text).map_err(|_| {
        let (place, text) = fault_of(text);
        invalid([json!({
            "type": "json_invalid",
            "loc": ["body", place],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": text},
        })])
    })
}

fn missing(place: &Value, input: &Value) -> Value {
    json!({"type": "missing", "loc": place, "msg": "Field required", "input": input})
}

pub(super) fn invalid(faults: impl Into<Vec<Value>>) -> Failure {
    Failure::new(422, faults.into())
}

fn characters(count: usize) -> String {
    match count {
        1 => "1 character".to_owned(),
        _ => format!("{count} characters"),
    }
}

const NO_TEXT: &str = "Input should be a valid string";
const URL_LIMIT: usize = 2_083;
