//! The calls of the ledger (JSON-RPC) and of the proofs.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::error::TransferError;
use crate::platform::http::{HttpAnswer, HttpClient, HttpError, HttpRequest};

/// Makes the calls; it stays on the thread that made it.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    http: HttpClient,
    mmn: Url,
    zk: Url,
    calls: Rc<Cell<u64>>,
}

/// A proof that a key belongs to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) proof: String,
    pub(super) public_input: String,
}

/// What the ledger says to a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken, under this name.
    Taken(String),
    /// It was not.
    Refused(String),
    /// Nobody knows.
    Unknown(String),
}

impl Ledger {
    pub(super) fn new(http: HttpClient, mmn: Url, zk: Url) -> Self {
        Self {
            http,
            mmn,
            zk,
            calls: Rc::default(),
        }
    }

    /// Gets the proof that the user of `jwt` has this key.
    pub(super) async fn prove(
        &self,
        user_id: &str,
        public_key: &str,
        jwt: &SecretString,
        address: &str,
    ) -> Result<Proof, TransferError> {
        use secrecy::ExposeSecret;

        let body = json!({
            "user_id": user_id,
            "ephemeral_pk": public_key,
            "jwt": jwt.expose_secret(),
            "address": address,
            "client_type": "mezon",
        });
        let url = format!("{}/prove", self.zk.as_str().trim_end_matches('/'));
        let answer = self.post(url, &body, vec![jwt.clone()]).await;
        let answer = answer.map_err(|source| TransferError::Unavailable {
            step: PROVE,
            source,
        })?;
        let answer = read(PROVE, &answer)?;
        let text = |name: &str| answer["data"][name].as_str().unwrap_or_default().to_owned();
        let (proof, public_input) = (text("proof"), text("public_input"));
        if proof.is_empty() || public_input.is_empty() {
            return Err(TransferError::Undecodable {
                step: PROVE,
                reason: "it has no proof".to_owned(),
            });
        }
        Ok(Proof {
            proof,
            public_input,
        })
    }

    /// Asks for the number of the last transfer of an address, those under way included.
    pub(super) async fn nonce(&self, address: &str) -> Result<u64, TransferError> {
        let params = json!({"address": address, "tag": "pending"});
        let answer = self.call("account.getcurrentnonce", &params).await;
        let answer = answer.map_err(|source| TransferError::Unavailable {
            step: NONCE,
            source,
        })?;
        let answer = read(NONCE, &answer)?;
        if let Some(error) = refusal(&answer) {
            return Err(TransferError::Refused(error));
        }
        let nonce = &answer["result"]["nonce"];
        let number = nonce.as_u64().or_else(|| nonce.as_str()?.parse().ok());
        number.ok_or_else(|| TransferError::Undecodable {
            step: NONCE,
            reason: "it has no nonce".to_owned(),
        })
    }

    /// Asks to carry out a transfer, once.
    pub(super) async fn transfer(&self, tx: &Value, signature: &str) -> Verdict {
        let params = json!({"tx_msg": tx, "signature": signature});
        let answer = match self.call("tx.addtx", &params).await {
            Ok(answer) => answer,
            Err(error) => return judge(&error),
        };
        let Ok(answer) = serde_json::from_slice::<Value>(&answer.body) else {
            return Verdict::Unknown("the answer is not JSON".to_owned());
        };
        if let Some(error) = refusal(&answer) {
            return Verdict::Refused(error);
        }
        let result = &answer["result"];
        match result["ok"].as_bool() {
            Some(true) => Verdict::Taken(result["tx_hash"].as_str().unwrap_or_default().to_owned()),
            Some(false) => Verdict::Refused(reason(&result["error"])),
            None => Verdict::Unknown("the answer does not say".to_owned()),
        }
    }

    async fn call(&self, method: &str, params: &Value) -> Result<HttpAnswer, HttpError> {
        let id = self.calls.get() + 1;
        self.calls.set(id);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.post(self.mmn.to_string(), &body, Vec::new()).await
    }

    async fn post(
        &self,
        url: String,
        body: &Value,
        secrets: Vec<SecretString>,
    ) -> Result<HttpAnswer, HttpError> {
        let json = || SecretString::from("application/json");
        let request = HttpRequest {
            method: "POST",
            url,
            headers: vec![("accept", json()), ("content-type", json())],
            body: Bytes::from(body.to_string()),
            secrets,
        };
        self.http.send(request).await
    }
}

/// Says what a failed call means for the transfer in it.
fn judge(error: &HttpError) -> Verdict {
    match error {
        // The server has looked at it and does not take it, or it never left.
        HttpError::Status {
            status: 400..500, ..
        }
        | HttpError::Invalid(_) => Verdict::Refused(error.to_string()),
        _ => Verdict::Unknown(error.to_string()),
    }
}

fn read(step: &'static str, answer: &HttpAnswer) -> Result<Value, TransferError> {
    serde_json::from_slice(&answer.body).map_err(|error| TransferError::Undecodable {
        step,
        reason: error.to_string(),
    })
}

/// Finds the error in an answer of JSON-RPC.
fn refusal(answer: &Value) -> Option<String> {
    match &answer["error"] {
        Value::Null => None,
        error => Some(reason(error)),
    }
}

/// Reads an error, which may be JSON with a message, as text or not.
fn reason(error: &Value) -> String {
    let message = |error: &Value| error["message"].as_str().map(str::to_owned);
    let inner = error
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    let found = message(error).or_else(|| message(inner.as_ref()?));
    found.unwrap_or_else(|| match error {
        Value::String(text) => text.clone(),
        Value::Null => "it does not say why".to_owned(),
        other => other.to_string(),
    })
}

const NONCE: &str = "the call for the nonce";
const PROVE: &str = "the call for the proof";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_all_their_forms() {
        let cases = [
            (json!("insufficient balance"), "insufficient balance"),
            (json!(r#"{"code":3,"message":"bad nonce"}"#), "bad nonce"),
            (
                json!({"code": -32601, "message": "Method not found"}),
                "Method not found",
            ),
            (json!(null), "it does not say why"),
            (json!(7), "7"),
        ];
        for (error, text) in cases {
            assert_eq!(reason(&error), text);
        }
        assert_eq!(refusal(&json!({"result": {}})), None);
    }

    #[test]
    fn only_what_surely_did_not_happen_is_a_refusal() {
        let status = |status| HttpError::Status {
            status,
            code: None,
            message: String::new(),
            retry_after: None,
        };
        assert!(matches!(judge(&status(400)), Verdict::Refused(_)));
        for unknown in [
            status(500),
            status(502),
            HttpError::TimedOut(std::time::Duration::from_secs(7)),
            HttpError::Unreachable("reset".to_owned()),
            HttpError::Protocol("cut".to_owned()),
        ] {
            assert!(matches!(judge(&unknown), Verdict::Unknown(_)), "{unknown}");
        }
    }
}
