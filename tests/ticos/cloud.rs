//! The device and the cloud, and the agent of the simulator.

use std::path::Path;
use std::time::Duration;

use greenroom::simulator::{Fault, FaultKind, Simulator};
use greenroom::ticos::Priority;
use serde_json::{Map, Value, json};

use super::{Device, row, rows, settings, stored, wait_for};

async fn simulator() -> Simulator {
    Simulator::builder().seed(7).start().await.unwrap()
}

/// Writes the files of a device that knows the simulated cloud.
pub(crate) fn configure(home: &Path, cloud: &str, session: &Value) {
    let folder = home.join(".config/ticos");
    std::fs::create_dir_all(&folder).unwrap();
    let address = cloud.trim_start_matches("http://");
    let settings = format!(
        "[api]\nbase_url = \"ws://{address}\"\napi_key = \"sim-ticos-key\"\n\n[executor]\nticos_server_url = \"{cloud}\"\n"
    );
    std::fs::write(folder.join("config.toml"), settings).unwrap();
    std::fs::write(
        folder.join("session_config"),
        serde_json::to_string_pretty(session).unwrap(),
    )
    .unwrap();
}

pub(crate) fn session() -> Value {
    json!({
        "agent_id": "26",
        "variables": {"var1": "val1", "gone": null},
        "model": {"enable_memory_generation": "client", "history_conversation_length": 4},
        "extended_properties": {"memory": "EXT"},
    })
}

/// What came to the cloud: requests by their target, and messages.
pub(crate) fn came(simulator: &Simulator, target: &str) -> Vec<Value> {
    let journal = simulator.platform("ticos").unwrap().journal(0);
    let rows = journal.iter().map(|entry| entry.to_json());
    rows.filter(|row| {
        let path = row["path"].as_str().unwrap_or_default();
        row["direction"] == "in" && path.starts_with(target)
    })
    .collect()
}

pub(crate) fn messages(simulator: &Simulator) -> Vec<Value> {
    let rows = came(simulator, "/realtime").into_iter();
    rows.filter(|row| row["kind"] == "ws")
        .map(|row| row["body"].clone())
        .collect()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Lets the simulated agent dial a device.
async fn dial(simulator: &Simulator, device: &Device) {
    let url = format!("ws://{}/realtime", device.client.address().unwrap());
    let platform = simulator.platform("ticos").unwrap();
    let dialed = platform
        .dial(object(json!({"url": url})))
        .unwrap()
        .await
        .unwrap();
    assert_eq!(dialed["ok"], true);
}

fn say(simulator: &Simulator, from: &str, text: &str) {
    let platform = simulator.platform("ticos").unwrap();
    platform
        .say(object(json!({"from": from, "text": text})))
        .unwrap();
}

#[actix_rt::test]
async fn memories_are_made_kept_and_pushed() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    configure(home.path(), &simulator.url("ticos").unwrap(), &session());
    let device = Device::start(stored(home.path())).await;
    wait_for(|| (came(&simulator, "/variables").len() == 1).then_some(())).await;
    let config = &came(&simulator, "/v1/agents/26")[0];
    assert_eq!(config["headers"]["authorization"], "Bearer sim-ticos-key");
    assert_eq!(config["headers"]["user-agent"], "Ticos-Client/1.0");
    let variables = &came(&simulator, "/variables?priority=low")[0];
    assert_eq!(
        variables["headers"]["proxy-authorization"],
        "Bearer sim-ticos-key"
    );
    assert_eq!(variables["body"], json!({"var1": "val1", "gone": null}));

    dial(&simulator, &device).await;
    let platform = simulator.platform("ticos").unwrap();
    platform
        .emit(object(json!({"event": "conversation.created"})))
        .unwrap();
    let pushed = wait_for(|| Some(messages(&simulator)).filter(|pushed| pushed.len() == 2)).await;
    let item = |message: &Value| {
        let id = message["item"]["id"].as_str().unwrap();
        let event = message["event_id"].as_str().unwrap();
        assert!(id.starts_with("msg_") && id.len() == 12, "{id}");
        assert!(event.starts_with("evt_") && event.len() == 12, "{event}");
        assert_eq!(message["type"], "conversation.item.create");
        (
            message["previous_item_id"].clone(),
            message["item"]["role"].clone(),
            message["item"]["content"].clone(),
        )
    };
    let text = |text: &str| json!([{"type": "input_text", "text": text}]);
    assert_eq!(
        item(&pushed[0]),
        (json!("initial_user_prompt"), json!("user"), text("EXT"))
    );
    assert_eq!(
        item(&pushed[1]),
        (
            json!("initial_assistant_prompt"),
            json!("assistant"),
            text("OK")
        )
    );
    let upgrade = came(&simulator, "/realtime")
        .into_iter()
        .find(|row| row["kind"] == "http")
        .unwrap();
    assert_eq!(upgrade["headers"]["openai-beta"], "realtime=v1");
    assert_eq!(
        upgrade["headers"]["proxy-authorization"],
        "Bearer sim-ticos-key"
    );

    // Two turns are a window of four messages.
    for number in 1..=2 {
        say(&simulator, "alice", &format!("question {number}"));
        say(&simulator, "agent", &format!("answer {number}"));
    }
    let pushed = wait_for(|| Some(messages(&simulator)).filter(|pushed| pushed.len() == 4)).await;
    let request = &came(&simulator, "/summarize?agent_id=26")[0]["body"];
    let turns = |first: usize| {
        let rows = (first..first + 2).flat_map(|number| {
            [("user", "question"), ("assistant", "answer")]
                .map(|(role, what)| json!({"role": role, "content": format!("{what} {number}")}))
        });
        rows.collect::<Value>()
    };
    assert_eq!(request["conversation_history"], turns(1));
    let parameters = &request["parameters"];
    // Half of what the cloud's configuration says.
    assert_eq!(
        (
            &parameters["max_length"],
            &parameters["history_in_conversation"]
        ),
        (&json!(500), &json!(false))
    );
    let prompt = parameters["summarize_prompt"].as_str().unwrap();
    assert!(prompt.contains("{{latest_memory}}") && prompt.contains("{{conversation}}"));
    assert_eq!(parameters.get("latest_memory"), None);
    let memory = device
        .client
        .storage()
        .unwrap()
        .get_latest_memory()
        .unwrap();
    assert_eq!((memory.id, &*memory.user_id), (1, "nobody"));
    assert_eq!(
        memory.content,
        "The user said: question 1. The user said: question 2."
    );
    assert_eq!(
        item(&pushed[2]).2,
        text(&format!("{}\n\nEXT", memory.content))
    );

    for number in 3..=4 {
        say(&simulator, "alice", &format!("question {number}"));
        say(&simulator, "agent", &format!("answer {number}"));
    }
    wait_for(|| (came(&simulator, "/summarize").len() == 2).then_some(())).await;
    let request = &came(&simulator, "/summarize")[1]["body"];
    assert_eq!(request["conversation_history"], turns(3));
    let latest = request["parameters"]["latest_memory"].as_str().unwrap();
    assert!(latest.starts_with(&format!("{}\n\n", memory.content)) && latest.contains("500"));
    // Other keys and their order are as they were.
    let written =
        std::fs::read_to_string(home.path().join(".config/ticos/session_config")).unwrap();
    let mut expected = session();
    expected["model"]["messages"] = json!({"nobody": turns(3)});
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), expected);
    assert!(!written.ends_with('\n') && written.contains("  \"agent_id\""));
    device.stop().await;
    simulator.stop().await;
}

#[actix_rt::test]
async fn a_cloud_that_is_away_holds_nothing_up() {
    // Defect 23.
    let home = tempfile::tempdir().unwrap();
    // Somebody accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    configure(
        home.path(),
        &format!("http://{}", silent.local_addr().unwrap()),
        &session(),
    );
    let device = Device::start(stored(home.path())).await;
    let mut agent = device.agent().await;
    device.settled(&mut agent).await;
    assert_eq!(rows(&device.client), []);
    device.stop().await;
}

#[actix_rt::test]
async fn the_configuration_is_asked_for_three_times() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    configure(home.path(), &simulator.url("ticos").unwrap(), &session());
    let mut fault = Fault::new(FaultKind::Http).status(503);
    fault.count = 2;
    simulator.platform("ticos").unwrap().fault(fault).unwrap();
    let device = Device::start(settings(home.path())).await;
    wait_for(|| (came(&simulator, "/v1/agents/26").len() == 3).then_some(())).await;
    wait_for(|| (came(&simulator, "/variables").len() == 1).then_some(())).await;
    device.stop().await;
    simulator.stop().await;
}

#[actix_rt::test]
async fn realtime_messages_and_variables_go_to_the_cloud() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    configure(home.path(), &simulator.url("ticos").unwrap(), &session());
    let device = Device::start(settings(home.path())).await;
    let client = &device.client;
    assert!(
        client
            .send_realtime_message(json!({"type": "response.cancel"}))
            .await
    );
    assert!(
        client
            .send_realtime_message(json!({"type": "response.cancel", "event_id": "own"}))
            .await
    );
    assert!(!client.send_realtime_message(json!([1])).await);
    let sent = wait_for(|| Some(messages(&simulator)).filter(|sent| sent.len() == 2)).await;
    assert!(sent[0]["event_id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(
        sent[1],
        json!({"type": "response.cancel", "event_id": "own"})
    );
    assert!(client.update_variables(Priority::High).await);
    assert_eq!(came(&simulator, "/variables?priority=high").len(), 1);
    // Without a store there is no memory to make.
    assert!(!client.generate_memory().await);
    device.stop().await;
    simulator.stop().await;
    assert!(!client_of_nobody().send_realtime_message(json!({})).await);
}

fn client_of_nobody() -> greenroom::ticos::TicosClient {
    greenroom::ticos::TicosClient::default()
}

#[actix_rt::test]
async fn no_summary_is_no_memory() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    configure(home.path(), &simulator.url("ticos").unwrap(), &session());
    let device = Device::start(stored(home.path())).await;
    wait_for(|| (came(&simulator, "/variables").len() == 1).then_some(())).await;
    let platform = simulator.platform("ticos").unwrap();
    for (status, body, made) in [
        (500, json!({}), false),
        (200, json!({"summary": []}), false),
        (200, json!("no JSON"), false),
        // Defect 24: a plain text is taken as it is.
        (200, json!({"summary": "likes tea"}), true),
    ] {
        let mut fault = Fault::new(FaultKind::Http).status(status);
        fault.body = Some(body);
        platform.fault(fault).unwrap();
        assert_eq!(device.client.generate_memory().await, made);
    }
    let memories = device.client.storage().unwrap().get_memories(0, -1, true);
    assert_eq!(memories.len(), 1);
    assert_eq!(memories[0].content, "likes tea");
    device.stop().await;
    simulator.stop().await;
}

#[actix_rt::test]
async fn the_cards_session_gets_the_messages_too() {
    // Defect 26.
    let (home, card) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = card.path().join(".config/ticos");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("session_config"),
        "{\"agent_id\": \"of the card\", \"model\": {\"messages\": []}}",
    )
    .unwrap();
    let external = || {
        let settings = stored(home.path()).tf_root_dir(card.path());
        settings.save_mode(greenroom::ticos::SaveMode::External)
    };
    let device = Device::start(external()).await;
    let mut agent = device.agent().await;
    for (id, role) in [("1", "user"), ("2", "assistant"), ("3", "user")] {
        agent
            .send(&json!({"message_id": id, "role": role, "content": format!("text {id}")}))
            .await;
        device.names(2).await;
    }
    assert!(device.client.update_session_config_messages().await);
    device.stop().await;
    let read = |folder: &Path| -> Value {
        let text = std::fs::read_to_string(folder.join(".config/ticos/session_config")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    // Up to the last one of the assistant.
    let expected = json!({
        "agent_id": "of the card",
        "model": {"messages": {"nobody": [{"role": "user", "content": "text 1"}, {"role": "assistant", "content": "text 2"}]}},
    });
    assert_eq!(read(home.path()), expected);
    assert_eq!(read(card.path()), expected);
    let device = Device::start(external()).await;
    assert_eq!(read(home.path()), expected, "also after the next start");
    device.stop().await;
}

#[actix_rt::test]
async fn the_simulated_agent_speaks_to_every_device() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (
        Device::start(stored(home.path())).await,
        Device::start(settings(home.path())).await,
    );
    dial(&simulator, &one).await;
    dial(&simulator, &two).await;
    let platform = simulator.platform("ticos").unwrap();
    let sent = platform.command_with_query(
        "send",
        "",
        object(json!({"name": "motion", "arguments": {"n": i64::MAX}})),
    );
    assert_eq!(sent.unwrap(), json!({"ok": true, "sent": 2}));
    for device in [&one, &two] {
        device.names(1).await;
        assert_eq!(
            device.call().await,
            ("motion".to_owned(), json!({"n": i64::MAX}))
        );
    }
    say(&simulator, "alice", "hello");
    say(&simulator, "agent", "how are you?");
    wait_for(|| (rows(&one.client).len() == 2).then_some(())).await;
    let texts: Vec<String> = rows(&one.client).into_iter().map(|row| row.2).collect();
    assert_eq!(texts, ["hello", "how are you?"]);
    // What a device says is in the journal.
    assert!(one.client.send_message(&json!({"battery": 5})));
    let heard = || {
        let journal = platform.journal(0);
        let mut rows = journal.iter().map(|entry| entry.to_json());
        rows.any(|row| row["direction"] == "in" && row["body"] == json!({"battery": 5}))
            .then_some(())
    };
    wait_for(heard).await;
    let refused = platform
        .clone()
        .dial(object(json!({"url": "http://127.0.0.1:1"})))
        .unwrap()
        .await;
    assert_eq!(refused.unwrap_err().status, 400);
    let nobody = platform
        .clone()
        .dial(object(json!({"url": "ws://127.0.0.1:1/realtime"})))
        .unwrap()
        .await;
    assert_eq!(nobody.unwrap_err().status, 502);
    let _ = row("user", "", "");
    one.stop().await;
    two.stop().await;
    simulator.stop().await;
}

#[actix_rt::test]
async fn faults_of_the_agent_harm_nobody_else() {
    let simulator = simulator().await;
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(stored(home.path())).await;
    dial(&simulator, &device).await;
    let platform = simulator.platform("ticos").unwrap();
    let mut garbage = Fault::new(FaultKind::Garbage);
    garbage.count = 3;
    platform.fault(garbage).unwrap();
    wait_for(|| (device.client.stats().unwrap().bad == 3).then_some(())).await;
    // What it was saying is saved when it is cut off.
    platform.emit(object(json!({"event": "response.audio_transcript.delta", "data": {"item_id": "cut", "delta": "I was"}}))).unwrap();
    device.names(2).await;
    platform.fault(FaultKind::Disconnect.into()).unwrap();
    wait_for(|| (rows(&device.client) == [row("assistant", "cut", "I was")]).then_some(())).await;
    // A stall holds what is sent, in order.
    dial(&simulator, &device).await;
    platform
        .fault(Fault::new(FaultKind::Stall).lasting(Duration::from_millis(200)))
        .unwrap();
    for number in 0..3 {
        platform
            .emit(object(json!({"event": "x", "data": {"number": number}})))
            .unwrap();
    }
    for number in 0..3 {
        assert_eq!(device.call().await.1["number"], number);
    }
    // So does a delay before each frame.
    platform
        .fault(Fault::new(FaultKind::Delay).lasting(Duration::from_millis(50)))
        .unwrap();
    platform.emit(object(json!({"event": "late"}))).unwrap();
    assert_eq!(device.call().await.1["type"], "late");
    device.stop().await;
    simulator.stop().await;
}
