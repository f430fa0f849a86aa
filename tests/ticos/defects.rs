//! Defects of the platform's own device that no other file of tests is about, each with the better behaviour.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::ticos::{Memory, Message, SledStorageService, StorageError, StorageService};
use serde_json::{Value, json};

use super::agent::{CLOSE, PING, PONG, get};
use super::{Device, settings, wait_for};

/// A store whose writes take as long as a test wants.
#[derive(Clone)]
struct Slow {
    inner: Arc<SledStorageService>,
    writes: SyncSender<()>,
    go: Arc<Mutex<Receiver<()>>>,
}

impl StorageService for Slow {
    fn set_store_root_dir(&self, root: &Path, name: Option<&str>) {
        self.inner.set_store_root_dir(root, name);
    }
    fn initialize(&self) -> Result<(), StorageError> {
        self.inner.initialize()
    }
    fn save_message(&self, message: &Message) -> bool {
        self.writes.send(()).ok();
        self.go.lock().unwrap().recv().ok();
        self.inner.save_message(message)
    }
    fn get_message(&self, id: &str) -> Option<Message> {
        self.inner.get_message(id)
    }
    fn update_message(&self, id: &str, message: &Message) -> bool {
        self.inner.update_message(id, message)
    }
    fn delete_message(&self, id: &str) -> bool {
        self.inner.delete_message(id)
    }
    fn get_messages(&self, offset: i64, limit: i64, desc: bool) -> Vec<Message> {
        self.inner.get_messages(offset, limit, desc)
    }
    fn get_message_by_item_id(&self, id: &str) -> Option<Message> {
        self.inner.get_message_by_item_id(id)
    }
    fn save_memory(&self, memory: &Memory) -> bool {
        self.inner.save_memory(memory)
    }
    fn get_memory(&self, id: i64) -> Option<Memory> {
        self.inner.get_memory(id)
    }
    fn update_memory(&self, id: i64, memory: &Memory) -> bool {
        self.inner.update_memory(id, memory)
    }
    fn delete_memory(&self, id: i64) -> bool {
        self.inner.delete_memory(id)
    }
    fn get_latest_memory(&self) -> Option<Memory> {
        self.inner.get_latest_memory()
    }
    fn get_memories(&self, offset: i64, limit: i64, desc: bool) -> Vec<Memory> {
        self.inner.get_memories(offset, limit, desc)
    }
    fn close(&self) {
        self.inner.close();
    }
}

fn user_item(id: &str) -> Value {
    json!({"type": "conversation.item.created", "item": {"id": id, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}})
}

#[actix_rt::test]
async fn d18_a_disk_that_is_slow_holds_up_its_own_agent_only() {
    let home = tempfile::tempdir().unwrap();
    let ((writes, written), (going, go)) = (sync_channel(9), sync_channel(9));
    let store = Slow {
        inner: Arc::new(SledStorageService::new()),
        writes,
        go: Arc::new(Mutex::new(go)),
    };
    let device = Device::start(settings(home.path()).storage(store)).await;
    let mut speaker = device.agent().await;
    speaker.send(&user_item("u1")).await;
    wait_for(|| written.try_recv().ok()).await;
    // While that write takes its time, everybody else is served.
    let address = device.client.address().unwrap();
    assert_eq!(get(address, "/health").await.body, "{\"status\":\"ok\"}");
    assert_eq!(get(address, "/messages").await.json()["total"], 0);
    let mut other = device.agent().await;
    let call = json!({"name": "motion", "arguments": {}});
    other.send(&call).await;
    assert_eq!(device.names(2).await, ["message", "motion"]);
    assert!(device.client.send_message(&json!({"x": 1})));
    assert_eq!(other.receive().await, json!({"x": 1}));
    assert_eq!(speaker.receive().await, json!({"x": 1}));
    going.send(()).unwrap();
    assert_eq!(device.names(2).await, ["conversation", "message"]);
    assert_eq!(get(address, "/messages").await.json()["total"], 1);
    device.stop().await;
}

#[actix_rt::test]
async fn d31_an_agent_is_pinged_and_any_sign_of_life_keeps_it() {
    let home = tempfile::tempdir().unwrap();
    let often = |millis| settings(home.path()).ping_interval(Duration::from_millis(millis));
    // One that says nothing at all is gone at the second ping.
    let device = Device::start(often(100)).await;
    let mut silent = device.agent().await;
    assert_eq!(silent.read().await.unwrap(), (PING, Vec::new()));
    let (kind, code) = silent.read().await.unwrap();
    assert_eq!((kind, code), (CLOSE, 1_011_u16.to_be_bytes().to_vec()));
    device.stop().await;

    // A pong is such a sign, and so is anything else.
    let device = Device::start(often(2_000)).await;
    let (mut polite, mut busy) = (device.agent().await, device.agent().await);
    let (mut told, mut said) = (0, 0);
    for _ in 0..2 {
        let (polite_read, busy_read) = futures::join!(polite.read(), busy.read());
        told += u32::from(polite_read.unwrap().0 == PING);
        said += u32::from(busy_read.unwrap().0 == PING);
        polite.frame(PONG, true, b"").await.unwrap();
        busy.send(&json!({"type": "x"})).await;
    }
    assert_eq!((told, said), (2, 2));
    assert_eq!(device.client.agents(), 2);
    device.stop().await;
}

#[cfg(all(feature = "cli", feature = "simulator"))]
mod with_the_cloud {
    use greenroom::simulator::Simulator;
    use tokio::io::AsyncReadExt;

    use super::super::agent::Agent;
    use super::super::cloud::{came, configure, messages, session};
    use super::super::program::Program;
    use super::super::stored;
    use super::*;

    #[actix_rt::test]
    async fn d27_a_memory_that_is_made_at_once_is_kept() {
        let simulator = Simulator::builder().seed(7).start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        configure(home.path(), &simulator.url("ticos").unwrap(), &session());
        let device = Device::start(stored(home.path())).await;
        assert!(device.client.generate_memory().await);
        let memory = device
            .client
            .storage()
            .unwrap()
            .get_latest_memory()
            .unwrap();
        assert_eq!(memory.content, "Nothing was said.");
        device.stop().await;
        simulator.stop().await;
    }

    #[actix_rt::test]
    async fn a_summary_that_comes_while_the_device_stops_is_dropped_and_not_waited_for() {
        // A cloud that hears what it is asked, and is still thinking when the device stops.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cloud = format!("http://{}", listener.local_addr().unwrap());
        let (asked, question) = tokio::sync::oneshot::channel();
        actix_rt::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 15];
            stream.read_exact(&mut head).await.unwrap();
            asked.send(head).unwrap();
            std::future::pending::<()>().await;
        });
        let home = tempfile::tempdir().unwrap();
        let mut session = session();
        session["variables"] = json!({});
        configure(home.path(), &cloud, &session);
        let folder = home.path().join(".config/ticos/config.toml");
        let file = std::fs::read_to_string(&folder).unwrap();
        // Nobody is there for the configuration of the agent.
        let file = file.replace(&format!("\"{cloud}\""), "\"http://127.0.0.1:1\"");
        std::fs::write(&folder, file).unwrap();
        let device = Device::start(stored(home.path())).await;
        let client = device.client.clone();
        let made = actix_rt::spawn(async move { client.generate_memory().await });
        assert_eq!(question.await.unwrap(), *b"POST /summarize");
        let began = greenroom::actors::clock::now();
        device.stop().await;
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(!made.await.unwrap());
        let device = Device::start(stored(home.path())).await;
        let memories = device.client.storage().unwrap().get_memories(0, -1, true);
        assert_eq!(memories, []);
        device.stop().await;
    }

    #[actix_rt::test]
    async fn d30_and_d32_any_base_url_and_utf_8_whatever_the_locale_is() {
        let simulator = Simulator::builder().seed(7).start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let cloud = simulator.url("ticos").unwrap();
        let mut session = session();
        session["extended_properties"]["memory"] = json!("喜欢茶");
        configure(home.path(), &cloud, &session);
        // The address of calls begins with `http://` here, where that of websockets is expected.
        let folder = home.path().join(".config/ticos");
        let file = format!(
            "# 茶\n[api]\nbase_url = \"{cloud}\"\napi_key = \"sim-ticos-key\"\n\n[executor]\nticos_server_url = \"{cloud}/\"\n"
        );
        std::fs::write(folder.join("config.toml"), file).unwrap();
        let locale = [("LC_ALL", "C"), ("LANG", "C")];
        let store = home.path().to_str().unwrap();
        let mut program = Program::start_with(home.path(), &["--store", store], &locale).await;
        wait_for(|| (came(&simulator, "/variables").len() == 1).then_some(())).await;
        let mut agent = Agent::dial(program.address, "/realtime").await.unwrap();
        agent.send(&json!({"type": "conversation.created"})).await;
        let pushed = wait_for(|| Some(messages(&simulator)).filter(|sent| sent.len() == 2)).await;
        assert_eq!(pushed[0]["item"]["content"][0]["text"], "喜欢茶");
        assert_eq!(program.terminate(), Some(0));
        let written = std::fs::read_to_string(folder.join("session_config")).unwrap();
        assert!(written.contains("喜欢茶"), "{written}");
        simulator.stop().await;
    }

    #[actix_rt::test]
    async fn d29_a_message_costs_no_line_of_the_log_whatever_is_logged() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log");
        let store = home.path().to_str().unwrap();
        let flags = ["--store", store, "--log", "trace"];
        let mut program = Program::start_logging(home.path(), &flags, &log).await;
        let mut agent = Agent::dial(program.address, "/realtime").await.unwrap();
        for number in 0..500 {
            agent
                .send(&json!({"name": "motion", "arguments": {"tag": format!("needle {number}")}}))
                .await;
        }
        for _ in 0..1_000 {
            program.line();
        }
        assert_eq!(program.terminate(), Some(0));
        let log = std::fs::read_to_string(log).unwrap();
        let ours = log.lines().filter(|line| line.contains("greenroom::ticos"));
        assert!(log.contains("waiting for agents"), "it was logged");
        assert!(ours.count() < 50);
        assert!(!log.contains("needle"));
    }
}
