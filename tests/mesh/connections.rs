//! D-20: calls over real sockets share connections and do not wait for one another; proxies are used where the environment names some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom::mesh::{MeshClient, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::rig::Rig;
use super::{USER, token_of};

const ANSWER: &str =
    r#"{"success":true,"keys":["k"],"models":{"openai":["a-model"],"anthropic":[]}}"#;

/// A server that gives one answer to everything: late to what is asked for the user `slow`.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    heads: Arc<std::sync::Mutex<Vec<String>>>,
    release: Arc<Notify>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            connections: Arc::default(),
            heads: Arc::default(),
            release: Arc::default(),
        };
        let (connections, heads, release) = (
            Arc::clone(&server.connections),
            Arc::clone(&server.heads),
            Arc::clone(&server.release),
        );
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                actix_rt::spawn(serve(stream, Arc::clone(&heads), Arc::clone(&release)));
            }
        });
        server
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heads: Arc<std::sync::Mutex<Vec<String>>>,
    release: Arc<Notify>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let is_slow = head.contains("userId=slow");
        heads.lock().unwrap().push(head);
        if is_slow {
            release.notified().await;
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            ANSWER.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[actix_rt::test]
async fn one_connection_serves_call_after_call_and_a_slow_one_holds_up_none() {
    let server = Server::start().await;
    let settings = Settings::new(&server.url).auth_token(token_of(USER));
    let client = MeshClient::connect(settings).await.unwrap();
    for _ in 0..5 {
        assert_eq!(client.list_keys(Some("u")).await.unwrap(), ["k"]);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    let waiting = client.clone();
    let slow = actix_rt::spawn(async move { waiting.list_keys(Some("slow")).await });
    while server.heads().len() < 6 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client.list_keys(Some("u")).await.unwrap();
    assert!(!slow.is_finished());
    server.release.notify_one();
    assert_eq!(slow.await.unwrap().unwrap(), ["k"]);
    let head = server.heads()[0].to_lowercase();
    for header in [
        "content-type: application/json",
        "accept: */*",
        "user-agent: greenroom/",
    ] {
        assert!(head.contains(header), "{head}");
    }
    client.close().await;
}

#[actix_rt::test]
async fn what_is_beyond_this_machine_is_reached_by_the_proxy() {
    let (rig, proxy) = (Rig::start().await, Server::start().await);
    let token = token_of(USER);
    let variables = [
        ("HTTP_PROXY", proxy.url.as_str()),
        ("MESH_AUTH_TOKEN", &token),
    ];
    let there = ["--base-url", "http://mesh.invalid", "models"];
    let models = rig.mesh(&there, &variables, "").await;
    assert_eq!(models.out, "openai  a-model\n", "{}", models.err);
    let [head] = &proxy.heads()[..] else {
        panic!("{:?}", proxy.heads())
    };
    assert!(
        head.starts_with("GET http://mesh.invalid/api/v1/models HTTP/1.1\r\n"),
        "{head}"
    );
    let here = rig.mesh(&["models"], &variables, "").await;
    assert!(here.out.contains("openai  gpt-4\n"), "{}", here.err);
    let except = [&variables[..], &[("NO_PROXY", ".invalid")]].concat();
    let direct = rig.mesh(&there, &except, "").await;
    assert_eq!(direct.code, Some(5), "there is no such host");
    assert_eq!(proxy.heads().len(), 1);
    rig.simulator.stop().await;
}
