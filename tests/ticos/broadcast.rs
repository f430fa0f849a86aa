//! What the device says to its agents.

use serde_json::{Value, json};

use super::{Device, settings, wait_for};

#[actix_rt::test]
async fn every_agent_gets_it_and_one_that_left_is_not_missed() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let battery = json!({"name": "battery", "arguments": {"level": 5}, "t": "你"});
    assert!(!device.client.send_message(&battery), "there is nobody");
    let (mut one, mut two) = (device.agent().await, device.agent().await);
    assert_eq!(device.client.broadcast(&battery), 2);
    assert_eq!(
        (one.receive().await, two.receive().await),
        (battery.clone(), battery.clone())
    );
    two.close(1_000).await;
    wait_for(|| (device.client.agents() == 1).then_some(())).await;
    assert!(device.client.send_message(&battery));
    assert_eq!(one.receive().await, battery);
    for wrong in [json!([1]), json!("text"), Value::Null] {
        assert!(!device.client.send_message(&wrong), "{wrong}");
    }
    device.stop().await;
}

#[actix_rt::test]
async fn an_agent_that_does_not_read_delays_nobody_and_is_closed() {
    // Defect 21.
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let (mut deaf, mut other) = (device.agent().await, device.agent().await);
    let big = json!({"blob": "x".repeat(1 << 20)});
    let mut rounds = 0;
    while device.client.agents() == 2 {
        rounds += 1;
        assert!(rounds < 200, "it was never closed");
        // It takes no time at all, however full a queue is.
        device.client.broadcast(&big);
        assert_eq!(other.receive().await, big);
    }
    assert!(device.client.send_message(&json!({"still": "here"})));
    assert_eq!(other.receive().await, json!({"still": "here"}));
    // Those who come now are served, and the deaf one is told why if it reads after all.
    let mut third = device.agent().await;
    device.settled(&mut third).await;
    assert_eq!(deaf.closed().await, Some(1_008));
    device.stop().await;
}

#[actix_rt::test]
async fn what_was_sent_leaves_before_the_device_stops() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::start(settings(home.path())).await;
    let mut agent = device.agent().await;
    for number in 0..100 {
        device.client.send_message(&json!({"number": number}));
    }
    let client = device.client.clone();
    let read = async {
        for number in 0..100 {
            assert_eq!(agent.receive().await, json!({"number": number}));
        }
        agent.closed().await
    };
    let (code, ()) = futures::join!(read, device.stop());
    assert_eq!(code, Some(1_012));
    assert!(!client.send_message(&json!({})), "it has stopped");
}
