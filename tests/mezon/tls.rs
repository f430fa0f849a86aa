//! Encrypted connections: REST and websocket, with an authority of one's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use greenroom::bot::BotError;
use greenroom::mezon::{Mezon, Settings};
use greenroom::prelude::*;
use greenroom::simulator::{Simulator, World};
use greenroom_proto::mezon::Wire;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::stage::{object, settings};

/// A simulator behind a TLS server whose certificate an authority made for this test has signed.
struct Encrypted {
    simulator: Simulator,
    port: u16,
    ca_file: PathBuf,
}

async fn encrypted(folder: &Path) -> Encrypted {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &authority).unwrap();
    let ca_file = folder.join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();

    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let world = format!("[mezon]\npublic_url = \"https://localhost:{port}\"\n");
    let simulator = Simulator::builder()
        .seed(1)
        .world(World::parse(&world).unwrap());
    let simulator = simulator.start().await.unwrap();
    let url = simulator.url("mezon").unwrap();
    let target = url.trim_start_matches("http://").parse().unwrap();
    actix_rt::spawn(forward(
        listener,
        TlsAcceptor::from(Arc::new(config)),
        target,
    ));
    Encrypted {
        simulator,
        port,
        ca_file,
    }
}

async fn forward(listener: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        actix_rt::spawn(async move {
            // A client that does not trust us goes away here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut server = TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        });
    }
}

fn trusting(stage: &Encrypted, wire: Wire) -> Settings {
    let mut settings = settings(&format!("https://localhost:{}", stage.port), wire);
    settings.ca_file = Some(stage.ca_file.clone());
    settings
}

#[actix_rt::test]
async fn a_bot_talks_over_tls_on_both_wires() {
    for wire in [Wire::V1, Wire::V2] {
        let folder = tempfile::tempdir().unwrap();
        let stage = encrypted(folder.path()).await;
        let bot = Bot::builder("test")
            .platform(Mezon::new(trusting(&stage, wire)))
            .on("ping", async |message: Event<ChatMessage>| {
                message.reply("pong").await?;
                Ok(())
            });
        let bot = bot.build().unwrap().start();
        bot.connected().await.unwrap();
        let mezon = stage.simulator.platform("mezon").unwrap();
        let words = json!({"from": "alice", "channel": "general", "text": "ping"});
        mezon.say(object(words)).unwrap();
        let replied = async {
            while bot.counters().replies.get() < 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let replied = tokio::time::timeout(Duration::from_secs(30), replied).await;
        assert!(replied.is_ok(), "{wire} {}", bot.tree());
        bot.shutdown().await;
        stage.simulator.stop().await;
    }
}

#[actix_rt::test]
async fn a_server_that_nobody_vouches_for_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let stage = encrypted(folder.path()).await;
    let mut settings = trusting(&stage, Wire::V2);
    settings.ca_file = None;
    let bot = Bot::builder("test").platform(Mezon::new(settings));
    let bot = bot.build().unwrap().start();
    let failed = tokio::time::timeout(Duration::from_secs(30), bot.connected()).await;
    let failed = failed.expect("it must give up").unwrap_err();
    let BotError::Failed { exit, .. } = &failed else {
        panic!("{failed}");
    };
    let text = format!("{exit:?} {failed}");
    assert!(text.contains("certificate"), "{text}");
    assert!(
        stage
            .simulator
            .platform("mezon")
            .unwrap()
            .journal(0)
            .is_empty(),
        "the key was not shown"
    );
    stage.simulator.stop().await;
}

#[actix_rt::test]
async fn a_file_of_authorities_that_cannot_be_read_is_named_before_anything_starts() {
    let mut settings = settings("https://localhost:1", Wire::V2);
    settings.ca_file = Some("no-such-file.pem".into());
    let built = Bot::builder("test").platform(Mezon::new(settings)).build();
    let error = built.unwrap_err();
    let text = format!("{error} {:?}", std::error::Error::source(&error));
    assert!(text.contains("no-such-file.pem"), "{text}");
}
