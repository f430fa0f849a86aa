//! What the simulated platforms have seen of the bot, as lines of the story. Pure.

use serde_json::Value;

/// Something that the bot has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It said something in a conversation, with these buttons.
    Said { text: String, buttons: Vec<String> },
    /// It had the robot do something.
    Moved(String),
    /// It asked for a payment.
    Ordered,
}

/// Reads what a platform has received: an entry of its journal.
pub(super) fn deed(platform: &str, entry: &Value) -> Option<Deed> {
    if entry["direction"] != "in" {
        return None;
    }
    let body = &entry["body"];
    match platform {
        "mezon" => {
            let content = body["channel_message_send"]["content"].as_str()?;
            let content: Value = serde_json::from_str(content).ok()?;
            let row = content["components"][0]["components"].as_array();
            let ids = row
                .into_iter()
                .flatten()
                .filter_map(|one| one["id"].as_str());
            Some(Deed::Said {
                text: content["t"].as_str().unwrap_or_default().to_owned(),
                buttons: ids.map(str::to_owned).collect(),
            })
        }
        "token_bowl" => Some(Deed::Said {
            text: body["content"].as_str()?.to_owned(),
            buttons: Vec::new(),
        }),
        "ticos" => {
            let arguments = &body["arguments"];
            let told = [
                ("moves", &arguments["motion_tag"]),
                ("looks", &arguments["emotion_tag"]),
                ("says", &body["content"]),
            ];
            let mut known = told
                .into_iter()
                .filter_map(|(verb, what)| Some((verb, what.as_str()?)));
            known
                .next()
                .map(|(verb, what)| Deed::Moved(format!("{verb}: {what}")))
        }
        "payman" => {
            let path = entry["path"].as_str()?;
            path.starts_with("/api/a2a/tasks/").then_some(Deed::Ordered)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_bot_does_is_found_on_each_platform() {
        let content = r#"{"t":"pay?","components":[{"components":[{"id":"yes"},{"id":"no"}]}]}"#;
        let said =
            json!({"direction": "in", "body": {"channel_message_send": {"content": content}}});
        let buttons = vec!["yes".to_owned(), "no".to_owned()];
        let text = "pay?".to_owned();
        assert_eq!(deed("mezon", &said), Some(Deed::Said { text, buttons }));
        let body = json!({"name": "motion", "arguments": {"motion_tag": "nod"}});
        let nod = json!({"direction": "in", "body": body});
        assert_eq!(
            deed("ticos", &nod),
            Some(Deed::Moved("moves: nod".to_owned()))
        );
        let sent = json!({"direction": "out", "body": {"content": "x"}});
        assert_eq!(deed("token_bowl", &sent), None);
        let login = json!({"direction": "in", "path": "/api/oauth2/token", "body": {}});
        assert_eq!(deed("payman", &login), None);
    }
}
