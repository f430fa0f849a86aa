//! The token ledger (MMN) and the proof service (ZK) beside the platform.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenroom_proto::mezon::api::TokenSentEvent;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::base58;
use super::failure::Failure;

/// Who has how much, and the last number of each one's transfers.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    accounts: BTreeMap<String, Account>,
    transfers: u64,
    done: VecDeque<TokenSentEvent>,
    /// What was proved of which public key, in base58.
    proved: BTreeMap<String, Proved>,
}

/// A key was proved to be that of an address.
#[derive(Clone, Debug)]
struct Proved {
    address: String,
    proof: &'static str,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    nonce: u64,
    balance: u128,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: 1_000_000 * UNIT,
        }
    }
}

/// What a token has in the smallest unit.
const UNIT: u128 = 1_000_000;
/// The largest number of accounts.
const ACCOUNTS: usize = 100_000;
/// The largest number of transfers that can be looked up.
const DONE: usize = 10_000;
/// The largest number of keys that were proved.
const KEYS: usize = 100_000;
/// What a proof and its public input say.
const PROOF: (&str, &str) = ("sim-proof", "sim-public-input");

impl Ledger {
    /// Answers a JSON-RPC request; a transfer that was accepted is also an event.
    pub(super) fn answer(&mut self, body: &[u8]) -> (Value, Option<TokenSentEvent>) {
        let request: Value = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(fault) => {
                return (
                    error(&Value::Null, -32_700, &format!("Parse error: {fault}")),
                    None,
                );
            }
        };
        let id = request.get("id").cloned().unwrap_or_default();
        let params = request.get("params").cloned().unwrap_or_default();
        let mut sent = None;
        let outcome = match request.get("method").and_then(Value::as_str) {
            Some("account.getcurrentnonce") => self.nonce(&params),
            Some("account.getaccount") => self.account(&params),
            Some("tx.addtx") => match self.transfer(params) {
                Ok((hash, event)) => {
                    sent = Some(event);
                    Ok(json!({"ok": true, "tx_hash": hash, "error": ""}))
                }
                Err(text) => Ok(json!({"ok": false, "tx_hash": "", "error": text})),
            },
            Some(method) => Err((-32_601, format!("Method not found: {method}"))),
            None => Err((-32_600, "Invalid Request: method is required".to_owned())),
        };
        match outcome {
            Ok(result) => (json!({"jsonrpc": "2.0", "id": id, "result": result}), sent),
            Err((code, text)) => (error(&id, code, &text), None),
        }
    }

    fn nonce(&self, params: &Value) -> Result<Value, (i32, String)> {
        let address = address(params)?;
        let nonce = self.find(address).nonce;
        let tag = params
            .get("tag")
            .cloned()
            .unwrap_or_else(|| "latest".into());
        Ok(json!({"address": address, "nonce": nonce, "tag": tag, "error": ""}))
    }

    fn account(&self, params: &Value) -> Result<Value, (i32, String)> {
        let address = address(params)?;
        let account = self.find(address);
        Ok(json!({
            "address": address,
            "balance": account.balance.to_string(),
            "nonce": account.nonce,
            "decimals": 6,
        }))
    }

    /// Carries out a transfer that is not signed, as the platform's own call does.
    pub(super) fn pay(&mut self, sent: TokenSentEvent) -> Result<TokenSentEvent, Failure> {
        let (from, to) = (address_of(sent.sender_id), address_of(sent.receiver_id));
        let amount = u128::try_from(sent.amount).unwrap_or_default() * UNIT;
        if amount == 0 {
            return Err(Failure::bad("amount must be positive"));
        }
        if from == to {
            return Err(Failure::bad("sender and receiver are the same"));
        }
        if amount > self.find(&from).balance {
            return Err(Failure::new(9, "insufficient balance"));
        }
        let nonce = self.find(&from).nonce;
        let hash = self.book(&from, &to, amount, nonce);
        let sent = TokenSentEvent {
            transaction_id: hash,
            ..sent
        };
        self.note(sent.clone());
        Ok(sent)
    }

    /// Finds a transfer by the hash that its sender was told.
    pub(super) fn transaction(&self, hash: &str) -> Option<&TokenSentEvent> {
        self.done.iter().find(|sent| sent.transaction_id == hash)
    }

    fn note(&mut self, sent: TokenSentEvent) {
        if self.done.len() >= DONE {
            self.done.pop_front();
        }
        self.done.push_back(sent);
    }

    /// Moves an amount that is there; returns the hash of the transfer.
    fn book(&mut self, from: &str, to: &str, amount: u128, nonce: u64) -> String {
        let sender = self.accounts.entry(from.to_owned()).or_default();
        sender.nonce = nonce;
        sender.balance = sender.balance.saturating_sub(amount);
        let receiver = self.accounts.entry(to.to_owned()).or_default();
        receiver.balance = receiver.balance.saturating_add(amount);
        self.transfers += 1;
        format!("sim-tx-{}", self.transfers)
    }

    fn transfer(&mut self, params: Value) -> Result<(String, TokenSentEvent), String> {
        let order: Order = serde_json::from_value(params).map_err(|fault| fault.to_string())?;
        let tx = order.tx_msg;
        let amount: u128 = tx
            .amount
            .parse()
            .map_err(|_| "amount must be decimal text".to_owned())?;
        let extra: Map<String, Value> = serde_json::from_str(&tx.extra_info)
            .map_err(|fault| format!("extra_info is not a JSON object: {fault}"))?;
        let sender = self.find(&tx.sender);
        let expected = sender.nonce + 1;
        let signed = match order.signature.as_str() {
            "" => Err("signature is required"),
            signature => verify(signature, &tx),
        };
        let fault = if tx.r#type != 0 {
            Some(format!("unknown transaction type {}", tx.r#type))
        } else if let Err(fault) = &signed {
            Some((*fault).to_owned())
        } else if tx.sender.is_empty() || tx.recipient.is_empty() {
            Some("sender and recipient are required".to_owned())
        } else if tx.sender == tx.recipient {
            Some("sender and recipient are the same".to_owned())
        } else if amount == 0 {
            Some("amount must be positive".to_owned())
        } else if tx.nonce != expected {
            Some(format!(
                "invalid nonce: expected {expected}, got {}",
                tx.nonce
            ))
        } else if amount > sender.balance {
            Some("insufficient balance".to_owned())
        } else if tx.zk_proof.is_empty() || tx.zk_pub.is_empty() {
            Some("zk proof is required".to_owned())
        } else if let Err(fault) = self.check_proof(&signed.unwrap_or_default(), &tx) {
            Some(fault.to_owned())
        } else if self.accounts.len() + 2 > ACCOUNTS {
            Some("too many accounts".to_owned())
        } else {
            None
        };
        if let Some(text) = fault {
            return Err(text);
        }
        let hash = self.book(&tx.sender, &tx.recipient, amount, tx.nonce);
        let event = event(&tx, &extra, amount, &hash);
        self.note(event.clone());
        Ok((hash, event))
    }

    /// Checks that the key of a transfer was proved to be its sender's.
    fn check_proof(&self, key: &[u8], tx: &Transaction) -> Result<(), &'static str> {
        match self.proved.get(&base58::encode(key)) {
            None => Err("the public key was not proved"),
            Some(proved) if proved.address != tx.sender => {
                Err("the public key was proved for another address")
            }
            Some(proved)
                if (tx.zk_proof.as_str(), tx.zk_pub.as_str()) != (proved.proof, PROOF.1) =>
            {
                Err("zk proof is not that of the public key")
            }
            Some(_) => Ok(()),
        }
    }

    /// Answers a request for a proof; `knows` says whether a token is one of the platform's.
    pub(super) fn prove(
        &mut self,
        body: &[u8],
        knows: impl FnOnce(&str) -> bool,
    ) -> Result<Value, Failure> {
        let body: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|fault| Failure::bad(format!("body is not a JSON object: {fault}")))?;
        for field in ["user_id", "ephemeral_pk", "jwt", "address", "client_type"] {
            let given = body.get(field).is_some_and(|value| match value {
                Value::String(text) => !text.is_empty(),
                Value::Number(_) => true,
                _ => false,
            });
            if !given {
                return Err(Failure::bad(format!("{field} is required")));
            }
        }
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        if !knows(text("jwt")) {
            return Err(Failure::new(16, "jwt is not valid"));
        }
        if self.proved.len() >= KEYS {
            self.proved.pop_first();
        }
        let proved = Proved {
            address: text("address").to_owned(),
            proof: PROOF.0,
        };
        self.proved.insert(text("ephemeral_pk").to_owned(), proved);
        Ok(json!({"data": {"proof": PROOF.0, "public_input": PROOF.1}}))
    }

    fn find(&self, address: &str) -> Account {
        self.accounts.get(address).copied().unwrap_or_default()
    }
}

/// Returns the address of a user in the ledger.
fn address_of(user: i64) -> String {
    base58::encode(&Sha256::digest(user.to_string()))
}

/// Checks the signature over what a transfer says; returns the public key that it is good for.
fn verify(signature: &str, tx: &Transaction) -> Result<Vec<u8>, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Signed {
        pub_key: String,
        sig: String,
    }
    const LONGEST: usize = 1_024;
    if signature.len() > LONGEST {
        return Err("signature is too long");
    }
    let json = base58::decode(signature).ok_or("signature is not base58")?;
    let signed: Signed =
        serde_json::from_slice(&json).map_err(|_| "signature is not JSON with PubKey and Sig")?;
    let (key, sig) = STANDARD
        .decode(signed.pub_key)
        .and_then(|key| Ok((key, STANDARD.decode(signed.sig)?)))
        .map_err(|_| "PubKey and Sig must be base64")?;
    UnparsedPublicKey::new(&ED25519, &key)
        .verify(tx.signed_text().as_bytes(), &sig)
        .map_err(|_| "invalid signature")?;
    Ok(key)
}

#[derive(Deserialize)]
struct Order {
    tx_msg: Transaction,
    #[serde(default)]
    signature: String,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    r#type: i64,
    sender: String,
    recipient: String,
    amount: String,
    nonce: u64,
    #[serde(default)]
    text_data: String,
    #[serde(default)]
    extra_info: String,
    #[serde(default)]
    zk_proof: String,
    #[serde(default)]
    zk_pub: String,
}

impl Transaction {
    fn signed_text(&self) -> String {
        let Self {
            r#type,
            sender,
            recipient,
            amount,
            text_data,
            nonce,
            extra_info,
            ..
        } = self;
        format!("{type}|{sender}|{recipient}|{amount}|{text_data}|{nonce}|{extra_info}")
    }
}

/// Makes the event of a transfer from what its sender wrote beside it.
fn event(tx: &Transaction, extra: &Map<String, Value>, amount: u128, hash: &str) -> TokenSentEvent {
    let text = |name: &str| extra.get(name).and_then(Value::as_str).unwrap_or_default();
    TokenSentEvent {
        sender_id: text("UserSenderId").parse().unwrap_or_default(),
        sender_name: text("UserSenderUsername").to_owned(),
        receiver_id: text("UserReceiverId").parse().unwrap_or_default(),
        amount: i32::try_from(amount / UNIT).unwrap_or(i32::MAX),
        note: tx.text_data.clone(),
        extra_attribute: text("ExtraAttribute").to_owned(),
        transaction_id: hash.to_owned(),
    }
}

fn address(params: &Value) -> Result<&str, (i32, String)> {
    let address = params.get("address").and_then(Value::as_str);
    address
        .filter(|address| !address.is_empty())
        .ok_or_else(|| (-32_602, "Invalid params: address is required".to_owned()))
}

fn error(id: &Value, code: i32, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}})
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn call(ledger: &mut Ledger, method: &str, params: &Value) -> (Value, Option<TokenSentEvent>) {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (answer, event) = ledger.answer(request.to_string().as_bytes());
        (answer["result"].clone(), event)
    }

    /// The public key of the seed 00 01 .. 1f.
    const PUBLISHED: &str = "FAe4sisG95oZ42w7buUn5qEE4TAnfTTFPiguZUHmhiF";

    fn prove(ledger: &mut Ledger, key: &str, address: &str) {
        let body = json!({"user_id": "1", "ephemeral_pk": key, "jwt": "j", "address": address, "client_type": "mezon"});
        ledger
            .prove(body.to_string().as_bytes(), |jwt| jwt == "j")
            .unwrap();
    }

    fn own_key() -> String {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        base58::encode(pair.public_key().as_ref())
    }

    fn transfer(nonce: u64) -> Value {
        let mut order = json!({"tx_msg": {
            "type": 0, "sender": "A", "recipient": "B", "amount": "10000000", "timestamp": 1, "text_data": "hi", "nonce": nonce,
            "extra_info": "{\"type\":\"transfer_token\",\"UserSenderId\":\"1\",\"UserSenderUsername\":\"\",\"UserReceiverId\":\"2\"}",
            "zk_proof": "sim-proof", "zk_pub": "sim-public-input",
        }});
        sign(&mut order);
        order
    }

    fn sign(order: &mut Value) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let tx: Transaction = serde_json::from_value(order["tx_msg"].clone()).unwrap();
        let sig = pair.sign(tx.signed_text().as_bytes());
        let (key, sig) = (
            STANDARD.encode(pair.public_key()),
            STANDARD.encode(sig.as_ref()),
        );
        let envelope = json!({"PubKey": key, "Sig": sig}).to_string();
        order["signature"] = base58::encode(envelope.as_bytes()).into();
    }

    /// The vector of the platform's own client: seed 00 01 .. 1f, 10 tokens from the bot to alice.
    #[test]
    fn the_published_signature_is_good_and_no_other() {
        let extra = "{\"type\": \"transfer_token\", \"UserSenderId\": \"1000000000000000001\", \"UserSenderUsername\": \"\", \"UserReceiverId\": \"4000000000000000001\"}";
        let (bot, alice) = (
            address_of(1_000_000_000_000_000_001),
            address_of(4_000_000_000_000_000_001),
        );
        assert_eq!(bot, "9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73");
        assert_eq!(alice, "JCQrK24N9rjnzhH9v47vJwX5ENeokD2YysmeA4xm9ZMJ");
        let signature = "3XSLEfi16UEKENYVvnuLSvHgxgwsxPWV2ujYzc2uvMZWHXzQsEEkL3wEVPGRWHpfxxGFgZ5FywKnNbraud3m7tuzZ4sp3yN22E36L8iniVgG1SjzwavMjGttr5iPYKAH2cG3T8CgR53mJX7hRE7RhKg2byDJUiFf6KT18R79NpPgggVpNPXwLwAWPXNdcYhTnFkHqfQL2iQxhDFkoLKSqXA";
        let order = json!({"signature": signature, "tx_msg": {
            "type": 0, "sender": bot, "recipient": alice, "amount": "10000000", "timestamp": 1, "text_data": "hi", "nonce": 1,
            "extra_info": extra, "zk_proof": "sim-proof", "zk_pub": "sim-public-input",
        }});
        for (field, value) in [
            ("text_data", json!("ho")),
            ("amount", json!("10000001")),
            ("recipient", json!(bot)),
        ] {
            let mut changed = order.clone();
            changed["tx_msg"][field] = value;
            let (answer, event) = call(&mut Ledger::default(), "tx.addtx", &changed);
            assert_eq!(answer["error"], "invalid signature", "{field}");
            assert_eq!(event, None);
        }
        let mut ledger = Ledger::default();
        prove(&mut ledger, PUBLISHED, &bot);
        let (answer, _) = call(&mut ledger, "tx.addtx", &order);
        assert_eq!(answer["ok"], true, "{answer}");
        let hash = answer["tx_hash"].as_str().unwrap();
        assert_eq!(ledger.transaction(hash).unwrap().amount, 10);
    }

    #[test]
    fn signatures_that_are_none_are_refused_in_words() {
        for (signature, part) in [
            ("", "required"),
            ("s0l", "base58"),
            ("abc", "JSON"),
            (&base58::encode(br#"{"PubKey":"-","Sig":""}"#), "base64"),
            (&base58::encode(br#"{"PubKey":"","Sig":""}"#), "invalid"),
            (&"1".repeat(2_000), "too long"),
        ] {
            let mut order = transfer(1);
            order["signature"] = signature.into();
            let (answer, _) = call(&mut Ledger::default(), "tx.addtx", &order);
            assert_eq!(answer["ok"], false);
            let error = answer["error"].as_str().unwrap();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_transfer_advances_the_nonce_once() {
        let mut ledger = Ledger::default();
        let nonce = |ledger: &mut Ledger| {
            call(
                ledger,
                "account.getcurrentnonce",
                &json!({"address": "A", "tag": "pending"}),
            )
            .0["nonce"]
                .clone()
        };
        assert_eq!(nonce(&mut ledger), 0);
        prove(&mut ledger, &own_key(), "A");
        let (answer, event) = call(&mut ledger, "tx.addtx", &transfer(1));
        assert_eq!(answer["ok"], true);
        let event = event.unwrap();
        assert_eq!(
            (
                event.sender_id,
                event.receiver_id,
                event.amount,
                event.note.as_str()
            ),
            (1, 2, 10, "hi")
        );
        assert_eq!(nonce(&mut ledger), 1);
        let (answer, event) = call(&mut ledger, "tx.addtx", &transfer(1));
        assert_eq!((answer["ok"].clone(), event), (false.into(), None));
        assert!(answer["error"].as_str().unwrap().contains("nonce"));
        let (account, _) = call(&mut ledger, "account.getaccount", &json!({"address": "B"}));
        assert_eq!(
            account,
            json!({"address": "B", "balance": "1000010000000", "nonce": 0, "decimals": 6})
        );
    }

    #[test]
    fn a_transfer_needs_the_proof_of_its_key_and_address() {
        let refused = |ledger: &mut Ledger, order: &Value| {
            let (answer, event) = call(ledger, "tx.addtx", order);
            assert_eq!((answer["ok"].clone(), event), (false.into(), None));
            answer["error"].as_str().unwrap().to_owned()
        };
        let mut ledger = Ledger::default();
        let order = transfer(1);
        assert!(refused(&mut ledger, &order).contains("not proved"));
        prove(&mut ledger, &own_key(), "B");
        assert!(refused(&mut ledger, &order).contains("another address"));
        prove(&mut ledger, &own_key(), "A");
        let mut forged = order.clone();
        forged["tx_msg"]["zk_proof"] = "mine".into();
        assert!(refused(&mut ledger, &forged).contains("zk proof"));
        for extra in ["", "[]", "{"] {
            let mut odd = order.clone();
            odd["tx_msg"]["extra_info"] = extra.into();
            sign(&mut odd);
            assert!(refused(&mut ledger, &odd).contains("extra_info"));
        }
        assert_eq!(call(&mut ledger, "tx.addtx", &order).0["ok"], true);
    }

    #[test]
    fn nothing_panics_on_wrong_requests() {
        let mut ledger = Ledger::default();
        for body in [
            "",
            "[]",
            "{}",
            "{\"method\":1}",
            "{\"method\":\"tx.addtx\"}",
            "{\"method\":\"account.getaccount\",\"params\":[]}",
        ] {
            let (answer, event) = ledger.answer(body.as_bytes());
            assert!(
                answer.get("error").is_some() || answer["result"]["ok"] == false,
                "{body} {answer}"
            );
            assert_eq!(event, None);
        }
    }

    #[test]
    fn a_proof_needs_every_field() {
        let body = json!({"user_id": "1", "ephemeral_pk": "k", "jwt": "j", "address": "a", "client_type": "mezon"});
        let ask = |body: &Value, jwt: &str| {
            Ledger::default().prove(body.to_string().as_bytes(), |given| given == jwt)
        };
        assert_eq!(ask(&body, "j").unwrap()["data"]["proof"], "sim-proof");
        assert_eq!(ask(&body, "other").unwrap_err().status(), 401);
        for field in ["user_id", "ephemeral_pk", "jwt", "address", "client_type"] {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(field);
            assert_eq!(ask(&body, "j").unwrap_err().status(), 400, "{field}");
        }
    }
}
