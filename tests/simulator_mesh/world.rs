//! World files, ports, and the servers in memory.

use greenroom::simulator::{Simulator, World};
use serde_json::{Value, json};

use super::Rig;

#[actix_rt::test]
async fn a_world_file_has_other_users_and_keys() {
    let rig = Rig::with(
        "[mesh]\nlogin = \"auth0|carol\"\ncredits = 3\nmissing = [\"/api/v1/getKey\"]\n\
         [[mesh.key]]\nuser = \"auth0|carol\"\nname = \"k\"\nvalue = \"v\"\n",
    )
    .await;
    assert_eq!(
        rig.mesh("GET", "/api/v1/auth/profile", Value::Null)
            .await
            .body["profile"]["credits"],
        3
    );
    let key = "getKey?userId=auth0%7Ccarol&keyName=auth0%7Ccarol_k";
    assert_eq!(
        rig.mesh("GET", &format!("/api/v1/{key}"), Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        rig.mesh("GET", &format!("/v1/mesh/{key}"), Value::Null)
            .await
            .body["keyValue"],
        "v"
    );
    rig.simulator.stop().await;
    let wrong = World::parse("[mesh]\ncolour = 1\nforms = { usage = \"x\" }\n").unwrap();
    let error = Simulator::builder().world(wrong).start().await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("line 2") && error.contains("line 3"),
        "{error}"
    );
    let wrong = World::parse("[auth0]\n").unwrap();
    let error = Simulator::builder().world(wrong).start().await.unwrap_err();
    assert!(
        error.to_string().contains("unknown platform \"auth0\""),
        "{error}"
    );
}

#[actix_rt::test]
async fn each_server_has_a_port_of_its_own() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Simulator::builder()
        .port("auth0", port)
        .start()
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("auth0 cannot listen on"),
        "{error}"
    );
    drop(taken);
    let simulator = Simulator::builder()
        .port("auth0", port)
        .start()
        .await
        .unwrap();
    assert_eq!(
        simulator.url("auth0").unwrap(),
        format!("http://127.0.0.1:{port}")
    );
    assert_ne!(simulator.url("mesh"), simulator.url("auth0"));
    simulator.stop().await;
}

#[cfg(feature = "testing")]
#[test]
fn both_are_on_the_stage() {
    greenroom::testing::run(async |stage| {
        assert_eq!(
            (stage.mesh().url(), stage.auth0().url()),
            (
                "http://mesh.test".to_owned(),
                "http://auth0.test".to_owned()
            )
        );
        let data = json!({"outcome": "deny"});
        stage.auth0().emit("device", data);
        stage.mesh().fault(greenroom::simulator::FaultKind::Expire);
        assert_eq!(stage.mesh().faults(), 1);
    });
}
