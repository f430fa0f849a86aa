//! MESH-31, D-02, D-24: the functions of the module, on one client of the process.

use std::process::Command;

use futures::future::join_all;
use greenroom::mesh;
use greenroom::simulator::Simulator;
use secrecy::ExposeSecret;

/// What a program does; the test below runs it in a process of its own, since there is one client in each.
#[test]
#[ignore = "run by the test below"]
fn child() {
    actix_rt::System::new().block_on(async {
        for text in join_all((0..4).map(|_| mesh::chat("Hello"))).await {
            assert_eq!(text.unwrap(), "[openai/gpt-4] Hello");
        }
        mesh::store_key("k", "v", None).await.unwrap();
        assert_eq!(
            mesh::get_key("k", None)
                .await
                .unwrap()
                .unwrap()
                .expose_secret(),
            "v"
        );
        assert_eq!(mesh::list_keys(None).await.unwrap(), ["k"]);
        mesh::store_key_zkp("k", "v", None).await.unwrap();
        assert!(mesh::verify_key("k", "v", None).await.unwrap());
        assert!(!mesh::verify_key("k", "w", None).await.unwrap());
    });
}

#[actix_rt::test]
async fn all_functions_share_one_client_and_one_login() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let (url, control) = (
        simulator.url("mesh").unwrap(),
        simulator.control_url().to_owned(),
    );
    let home = tempfile::tempdir().unwrap();
    let home_path = home.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "global::child", "--ignored", "--nocapture"])
            .env("MESH_API_URL", url)
            .env("HEADLESS", "1")
            .env("HOME", home_path)
            .env_remove("MESH_AUTH_TOKEN")
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(home.path().join(".mesh/token.json").exists());
    let journal = format!("{control}/auth0/journal");
    let journal: Vec<serde_json::Value> = awc::Client::default()
        .get(journal)
        .send()
        .await
        .unwrap()
        .json()
        .limit(4_000_000)
        .await
        .unwrap();
    let codes = journal
        .iter()
        .filter(|entry| entry["direction"] == "in" && entry["path"] == "/oauth/device/code");
    assert_eq!(codes.count(), 1);
    simulator.stop().await;
}
