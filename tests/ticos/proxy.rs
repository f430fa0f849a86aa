//! The cloud behind a proxy, as the environment names it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use greenroom::simulator::Simulator;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::agent::Agent;
use super::cloud::{came, configure, messages, session};
use super::program::Program;
use super::wait_for;

/// A proxy that takes every host for the simulated cloud.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(cloud: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&proxy.heads);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                actix_rt::spawn(serve(stream, cloud.clone(), Arc::clone(&heads)));
            }
        });
        proxy
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut client: TcpStream, cloud: String, heads: Arc<Mutex<Vec<String>>>) {
    let mut cloud = TcpStream::connect(cloud).await.unwrap();
    let Some(head) = read_head(&mut client).await else {
        return;
    };
    heads.lock().unwrap().push(head.clone());
    if head.starts_with("CONNECT ") {
        let opened = b"HTTP/1.1 200 Connected\r\n\r\n";
        client.write_all(opened).await.unwrap();
    } else {
        // One request on a connection, so that no other head has to be changed.
        let origin = head.replacen("http://cloud.test", "", 1);
        let closing = origin.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        cloud.write_all(closing.as_bytes()).await.unwrap();
    }
    copy_bidirectional(&mut client, &mut cloud).await.ok();
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

#[actix_rt::test]
async fn the_cloud_is_reached_by_way_of_the_proxy_that_the_environment_names() {
    let simulator = Simulator::builder().seed(7).start().await.unwrap();
    let cloud = simulator.url("ticos").unwrap();
    let proxy = Proxy::start(cloud.trim_start_matches("http://").to_owned()).await;
    let home = tempfile::tempdir().unwrap();
    configure(home.path(), "http://cloud.test", &session());
    let named = format!("http://user:pass@{}", proxy.address);
    let store = home.path().to_str().unwrap();
    let variables = [("HTTP_PROXY", &*named), ("NO_PROXY", "example.org")];
    let mut program = Program::start_with(home.path(), &["--store", store], &variables).await;
    wait_for(|| (!came(&simulator, "/variables").is_empty()).then_some(())).await;
    assert_eq!(came(&simulator, "/v1/agents/26").len(), 1);
    let heads = proxy.heads();
    assert!(
        heads[0].starts_with("GET http://cloud.test/v1/agents/26 HTTP/1.1\r\n"),
        "{heads:?}"
    );
    let first = heads[0].to_lowercase();
    assert!(first.contains("\r\nhost: cloud.test\r\n"), "{first}");
    assert!(
        first.contains("\r\nproxy-authorization: basic dxnlcjpwyxnz\r\n"),
        "{first}"
    );

    // A websocket needs a tunnel.
    let mut agent = Agent::dial(program.address, "/realtime").await.unwrap();
    agent.send(&json!({"type": "conversation.created"})).await;
    wait_for(|| (messages(&simulator).len() == 2).then_some(())).await;
    let heads = proxy.heads();
    let tunnel = heads.last().unwrap();
    assert!(
        tunnel.starts_with("CONNECT cloud.test:80 HTTP/1.1\r\nHost: cloud.test:80\r\n"),
        "{tunnel}"
    );
    assert_eq!(program.terminate(), Some(0));

    // Hosts that are named are reached without it.
    let before = proxy.heads().len();
    configure(home.path(), &cloud, &session());
    let variables = [("http_proxy", &*named), ("no_proxy", "127.0.0.0/8")];
    let mut program = Program::start_with(home.path(), &["--store", store], &variables).await;
    wait_for(|| (came(&simulator, "/variables").len() == 2).then_some(())).await;
    assert_eq!(program.terminate(), Some(0));
    assert_eq!(proxy.heads().len(), before);
    simulator.stop().await;
}
