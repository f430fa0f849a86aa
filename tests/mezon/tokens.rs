//! Sending tokens.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use greenroom::mezon::{Settings, TokenTransfer, TransferError};
use ring::signature::{ED25519, UnparsedPublicKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn at(settings: &mut Settings, url: &str) {
    settings.mmn_api_url = Some(format!("{url}/mmn-api/").parse().unwrap());
    settings.zk_api_url = Some(format!("{url}/zk-api/").parse().unwrap());
}

async fn rich(wire: Wire) -> Scene {
    Scene::with(wire, |settings| {
        let url = settings.base_url.as_str().trim_end_matches('/').to_owned();
        at(settings, &url);
    })
    .await
}

/// Lists the transfers that the ledger was asked for.
fn transfers(scene: &Scene) -> Vec<Value> {
    let entries = scene
        .stage
        .mezon
        .journal(0)
        .into_iter()
        .map(|entry| entry.to_json());
    let asked =
        entries.filter(|entry| entry["direction"] == "in" && entry["body"]["method"] == "tx.addtx");
    asked.map(|entry| entry["body"]["params"].clone()).collect()
}

fn verify(transfer: &Value) {
    let tx = &transfer["tx_msg"];
    let field = |name: &str| match &tx[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = [
        "type",
        "sender",
        "recipient",
        "amount",
        "text_data",
        "nonce",
        "extra_info",
    ];
    let text = fields.map(field).join("|");
    let envelope = bs58::decode(transfer["signature"].as_str().unwrap())
        .into_vec()
        .unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let part = |name: &str| {
        BASE64_STANDARD
            .decode(envelope[name].as_str().unwrap())
            .unwrap()
    };
    UnparsedPublicKey::new(&ED25519, part("PubKey"))
        .verify(text.as_bytes(), &part("Sig"))
        .unwrap();
}

on_both_wires!(
    tokens_are_sent_signed_and_the_receiver_is_told,
    transfers_at_once_have_numbers_of_their_own_and_one_proof,
    transfers_that_make_no_sense_leave_nothing_behind,
    transfers_can_be_switched_off,
    a_transfer_whose_answer_is_lost_is_not_repeated,
    a_refused_number_is_asked_for_again_once
);

async fn tokens_are_sent_signed_and_the_receiver_is_told(wire: Wire) {
    let scene = rich(wire).await;
    let mut tip = TokenTransfer::new(ALICE, 1_500);
    tip.note = "thanks".to_owned();
    tip.extra_attribute = "order 7".to_owned();
    let receipt = scene.client.send_token(tip).await.unwrap();
    assert_eq!((receipt.nonce, receipt.tx_hash.is_empty()), (1, false));
    let sent = transfers(&scene);
    verify(&sent[0]);
    let tx = &sent[0]["tx_msg"];
    assert_eq!(tx["sender"], "9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73");
    assert_eq!(
        tx["recipient"],
        "JCQrK24N9rjnzhH9v47vJwX5ENeokD2YysmeA4xm9ZMJ"
    );
    assert_eq!(
        (&tx["amount"], &tx["text_data"]),
        (&json!("1500000000"), &json!("thanks"))
    );
    assert_eq!(
        (&tx["zk_proof"], &tx["zk_pub"]),
        (&json!("sim-proof"), &json!("sim-public-input"))
    );
    let extra: Value = serde_json::from_str(tx["extra_info"].as_str().unwrap()).unwrap();
    assert_eq!(extra["ExtraAttribute"], "order 7");
    let told = "Funds Transferred: 1,500\u{20ab} | thanks";
    scene
        .stage
        .until(10, "the message to the receiver", |stage| {
            stage.said().contains_key(told)
        })
        .await;
    let direct = scene.sent("channel_message_send").pop().unwrap();
    assert_eq!(
        (&direct["code"], &direct["channel_id"]),
        (&json!(11), &json!(DM.to_string()))
    );
    scene.stage.close().await;
}

async fn transfers_at_once_have_numbers_of_their_own_and_one_proof(wire: Wire) {
    let scene = rich(wire).await;
    let tips = (1..=5).map(|amount| scene.client.send_token(TokenTransfer::new(ALICE, amount)));
    let receipts = futures::future::try_join_all(tips).await.unwrap();
    let nonces: BTreeSet<_> = receipts.iter().map(|receipt| receipt.nonce).collect();
    assert_eq!(nonces, (1..=5).collect());
    assert_eq!(transfers(&scene).len(), 5);
    let proofs = scene
        .calls()
        .iter()
        .filter(|call| call.ends_with("/zk-api/prove"))
        .count();
    assert_eq!(proofs, 1, "one proof for all of a session");
    scene.stage.close().await;
}

async fn transfers_that_make_no_sense_leave_nothing_behind(wire: Wire) {
    let scene = rich(wire).await;
    let before = scene.calls().len();
    let refused = [
        TokenTransfer::new(ALICE, 0),
        TokenTransfer::new(ALICE, -1),
        TokenTransfer::new(ALICE, i128::MAX),
        TokenTransfer::new(BOT, 1),
    ];
    for transfer in refused {
        let error = scene.client.send_token(transfer).await.unwrap_err();
        assert!(matches!(error, TransferError::Invalid(_)), "{error}");
    }
    assert_eq!(scene.calls().len(), before);
    let poor = scene
        .client
        .send_token(TokenTransfer::new(ALICE, 2_000_000))
        .await
        .unwrap_err();
    assert_eq!(
        poor,
        TransferError::Refused("insufficient balance".to_owned())
    );
    assert_eq!(
        scene
            .client
            .send_token(TokenTransfer::new(ALICE, 1))
            .await
            .unwrap()
            .nonce,
        1
    );
    scene.stage.close().await;
}

async fn transfers_can_be_switched_off(wire: Wire) {
    let scene = Scene::with(wire, |settings| settings.mmn_api_url = None).await;
    let off = scene
        .client
        .send_token(TokenTransfer::new(ALICE, 1))
        .await
        .unwrap_err();
    assert_eq!(off, TransferError::Disabled("mmn_api_url"));
    scene.stage.close().await;
}

async fn a_transfer_whose_answer_is_lost_is_not_repeated(wire: Wire) {
    let (url, asked) = ledger(|method, _| match method {
        "account.getcurrentnonce" => Some(json!({"result": {"nonce": 6}})),
        _ => None,
    })
    .await;
    let scene = Scene::with(wire, |settings| at(settings, &url)).await;
    let error = scene
        .client
        .send_token(TokenTransfer::new(ALICE, 1))
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransferError::OutcomeUnknown { nonce: Some(7), .. }),
        "{error:?}"
    );
    assert_eq!(error.retry(), greenroom::actors::error::Retry::Never);
    assert_eq!(
        *asked.lock().unwrap(),
        ["account.getcurrentnonce", "tx.addtx"]
    );
    scene.stage.close().await;
}

async fn a_refused_number_is_asked_for_again_once(wire: Wire) {
    let (url, asked) = ledger(|method, calls| match (method, calls) {
        ("account.getcurrentnonce", calls) => Some(json!({"result": {"nonce": calls}})),
        ("tx.addtx", 2) => {
            Some(json!({"result": {"ok": false, "error": "{\"message\":\"invalid nonce\"}"}}))
        }
        _ => Some(json!({"result": {"ok": true, "tx_hash": "x"}})),
    })
    .await;
    let scene = Scene::with(wire, |settings| at(settings, &url)).await;
    let receipt = scene
        .client
        .send_token(TokenTransfer::new(ALICE, 1))
        .await
        .unwrap();
    assert_eq!(receipt.nonce, 4);
    let expected = [
        "account.getcurrentnonce",
        "tx.addtx",
        "account.getcurrentnonce",
        "tx.addtx",
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
    scene.stage.close().await;
}

/// A ledger that answers calls with `answer`, given the method and how many were made; without one it hangs up.
async fn ledger(
    answer: impl Fn(&str, usize) -> Option<Value> + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let body = loop {
                let mut bytes = [0; 4_096];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                request.extend_from_slice(&bytes[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
                match body.and_then(|body| serde_json::from_str::<Value>(&body).ok()) {
                    Some(body) => break body,
                    None if read == 0 => break Value::Null,
                    None => {}
                }
            };
            let answer = match body["method"].as_str() {
                Some(method) => {
                    let calls = {
                        let mut log = log.lock().unwrap();
                        log.push(method.to_owned());
                        log.len()
                    };
                    answer(method, calls)
                }
                None => Some(json!({"data": {"proof": "p", "public_input": "i"}})),
            };
            if let Some(answer) = answer {
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    (url, asked)
}
