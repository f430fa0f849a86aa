//! Starting and stopping, and what holds in between.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use greenroom::ticos::{self, SaveMode, Settings, TicosError};
use serde_json::{Value, json};

use super::agent::{Agent, get};
use super::{settings, shared, wait_for};

/// Runs what needs a reactor, beside a device that has its own thread.
fn beside<T>(run: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(run)
}

fn on_port(port: u16, home: &std::path::Path) -> Settings {
    let mut settings = settings(home);
    settings.port = port;
    settings
}

#[test]
fn the_defaults_are_those_of_the_platform() {
    let settings = Settings::default();
    assert_eq!((settings.port, &*settings.host), (9_999, "0.0.0.0"));
    assert_eq!(settings.save_mode, SaveMode::Internal);
    assert!(settings.storage.is_none() && settings.tf_root_dir.is_none());
}

#[test]
fn a_device_starts_and_stops_as_often_as_one_likes() {
    // Defects 4, 5, 6.
    let home = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    assert!(!device.is_running());
    device.stop();
    drop(device);
    let device = ticos::Device::with(on_port(port, home.path())).unwrap();
    device.enable_local_storage().unwrap();
    for round in 0..3 {
        assert!(device.start(), "round {round}");
        assert!(device.is_running());
        let address = device.client().address().unwrap();
        let code = beside(async {
            // It answers from the moment that it has started.
            assert_eq!(get(address, "/health").await.status, 200);
            let mut agent = Agent::dial(address, "/realtime").await.unwrap();
            agent
                .send(&json!({"message_id": format!("m{round}"), "role": "user", "content": "hi"}))
                .await;
            wait_for(|| (device.client().stats().unwrap().stored == 1).then_some(())).await;
            assert!(!device.start(), "it runs already");
            assert!(device.is_running());
            assert!(device.send_message(&json!({"still": "connected"})));
            assert_eq!(agent.receive().await, json!({"still": "connected"}));
            device.stop();
            agent.closed().await
        });
        assert_eq!(code, Some(1_012));
        assert!(!device.is_running());
        drop(TcpListener::bind(("127.0.0.1", port)).expect("the port is free"));
        device.stop();
    }
    assert!(device.start());
    let stored = device.client().storage().unwrap().count_messages();
    assert_eq!(stored, 3, "the same messages after each start");
}

#[test]
fn a_port_that_is_taken_is_told() {
    // Defect 7: whoever holds it, even a server that answers `/health`.
    let home = tempfile::tempdir().unwrap();
    let first = ticos::Device::with(settings(home.path())).unwrap();
    assert!(first.start());
    let port = first.client().address().unwrap().port();
    let second = ticos::Device::with(on_port(port, home.path())).unwrap();
    let told = shared::<Vec<Value>>();
    let messages = Arc::clone(&told);
    second
        .set_message_handler(move |message: &Value| messages.lock().unwrap().push(message.clone()));
    assert!(!second.start());
    assert!(!second.is_running());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["type"], &told[0]["code"]),
        (&json!("health.status"), &json!("EXECUTER_ERROR"))
    );
    assert!(
        told[0]["message"]
            .as_str()
            .unwrap()
            .contains(&port.to_string())
    );
    assert!(first.is_running(), "the first one is not harmed");
}

#[test]
fn a_broken_store_is_told_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/ticos");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ticos.db"), "this is no database").unwrap();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    let told = shared::<Vec<Value>>();
    let messages = Arc::clone(&told);
    device
        .set_message_handler(move |message: &Value| messages.lock().unwrap().push(message.clone()));
    let error = device.enable_local_storage().unwrap_err();
    assert!(matches!(error, TicosError::Storage(_)), "{error}");
    let told = told.lock().unwrap();
    assert_eq!(
        (&told[0]["type"], &told[0]["code"]),
        (&json!("health.status"), &json!("DATABASE_ERROR"))
    );
    let left = std::fs::read_to_string(folder.join("ticos.db")).unwrap();
    assert_eq!(left, "this is no database");
}

#[test]
fn broken_files_are_named() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/ticos");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[api\n").unwrap();
    let error = ticos::Device::with(settings(home.path())).unwrap_err();
    assert!(error.to_string().contains("config.toml, line 1"), "{error}");
    std::fs::remove_file(folder.join("config.toml")).unwrap();
    std::fs::write(folder.join("session_config"), "{\"agent_id\": 26,\n}").unwrap();
    let error = ticos::Device::with(settings(home.path())).unwrap_err();
    assert!(
        error.to_string().contains("session_config, line 2"),
        "{error}"
    );
}

#[test]
fn messages_are_where_the_mode_says() {
    let home = tempfile::tempdir().unwrap();
    let card = tempfile::tempdir().unwrap();
    let there =
        |folder: &std::path::Path, name: &str| folder.join(".config/ticos").join(name).exists();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    device.enable_local_storage().unwrap();
    assert!(there(home.path(), "ticos.db.sled"));
    // A session file is made where the configuration is.
    assert_eq!(
        std::fs::read_to_string(home.path().join(".config/ticos/session_config")).unwrap(),
        "{}"
    );
    for mode in [SaveMode::Internal, SaveMode::External] {
        let name = format!("{}.db", mode.name());
        let settings = settings(home.path())
            .save_mode(mode)
            .tf_root_dir(card.path())
            .db_filename(&name);
        let device = ticos::Device::with(settings).unwrap();
        device.enable_local_storage().unwrap();
        assert!(there(card.path(), &format!("{name}.sled")));
        assert!(!there(home.path(), &format!("{name}.sled")));
    }
}

#[test]
fn a_device_may_be_used_from_any_thread() {
    let home = tempfile::tempdir().unwrap();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    assert!(device.start());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..50 {
                    device.set_motion_handler(move |_: &Value| assert!(number < 50));
                    device.send_message(&json!({"number": number}));
                    assert!(device.is_running());
                    assert!(!device.start());
                    device.handle_message(&json!({"name": "motion", "arguments": {}}));
                }
            });
        }
    });
    let stats = device.client().stats().unwrap();
    assert_eq!((stats.dispatched, stats.handler_errors), (400, 0));
    device.stop();
}

#[test]
fn a_slow_handler_delays_its_own_agent_only() {
    // Defects 16 and 31.
    let home = tempfile::tempdir().unwrap();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    device.set_message_handler(move |message: &Value| {
        if message["slow"] == true {
            // It blocks its thread until the test lets it go.
            let _ = held.lock().unwrap().recv();
        }
    });
    let seen = shared::<u32>();
    let motions = Arc::clone(&seen);
    device.set_motion_handler(move |_: &Value| *motions.lock().unwrap() += 1);
    assert!(device.start());
    let address = device.client().address().unwrap();
    beside(async {
        let mut slow = Agent::dial(address, "/realtime").await.unwrap();
        slow.send(&json!({"slow": true})).await;
        // More than may wait: its socket is not read on, and nothing is lost.
        let flood = async {
            for _ in 0..3_000 {
                slow.send(&json!({"name": "motion", "arguments": {}})).await;
            }
            slow
        };
        let other = async {
            let mut other = Agent::dial(address, "/realtime").await.unwrap();
            assert_eq!(get(address, "/health").await.status, 200);
            other
                .send(&json!({"name": "motion", "arguments": {}}))
                .await;
            wait_for(|| (*seen.lock().unwrap() == 1).then_some(())).await;
            assert!(device.send_message(&json!({"x": 1})));
            assert_eq!(other.receive().await, json!({"x": 1}));
            hold.send(()).unwrap();
        };
        let (_slow, ()) = futures::join!(flood, other);
        wait_for(|| (*seen.lock().unwrap() == 3_001).then_some(())).await;
    });
    device.stop();
}

#[test]
fn stopping_does_not_wait_for_a_handler_for_ever() {
    let home = tempfile::tempdir().unwrap();
    let device = ticos::Device::with(settings(home.path())).unwrap();
    let entered = shared::<bool>();
    let enters = Arc::clone(&entered);
    let (_hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    device.set_message_handler(move |_: &Value| {
        *enters.lock().unwrap() = true;
        let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(12));
    });
    assert!(device.start());
    let client = device.client();
    let address = client.address().unwrap();
    let _agent = beside(async {
        let mut agent = Agent::dial(address, "/realtime").await.unwrap();
        agent.send(&json!({"any": "thing"})).await;
        wait_for(|| entered.lock().unwrap().then_some(())).await;
        agent.text("{}").await;
        agent
    });
    device.stop();
    assert!(!client.is_running());
}
