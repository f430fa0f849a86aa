//! What is transferred, in the ledger's terms.

use greenroom_actors::event::Id;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::error::TransferError;

/// Tokens to send.
///
/// # Examples
///
/// ```
/// use greenroom::mezon::TokenTransfer;
///
/// let mut tip = TokenTransfer::new(4_000_000_000_000_000_001_i64, 10);
/// tip.note = "thanks".to_owned();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenTransfer {
    /// Who gets them.
    pub receiver: Id,
    /// How many; more than 0.
    pub amount: i128,
    /// What is said of it; may be empty.
    pub note: String,
    /// Who sends them; none for the bot itself.
    pub sender: Id,
    /// The sender's name, for the receiver; may be empty.
    pub sender_name: String,
    /// What a program wants to find in the transfer again; may be empty.
    pub extra_attribute: String,
    /// Further fields of the transfer's extra information.
    pub extra_info: Map<String, Value>,
}

impl TokenTransfer {
    /// Sends so many tokens of the bot.
    #[must_use]
    pub fn new(receiver: impl Into<Id>, amount: i128) -> Self {
        Self {
            receiver: receiver.into(),
            amount,
            ..Self::default()
        }
    }
}

/// What the ledger says of a transfer that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferReceipt {
    /// The name of the transfer in the ledger.
    pub tx_hash: String,
    /// Its number among the transfers of the sender.
    pub nonce: u64,
}

/// A transfer as the ledger has it; everything but the number, which is the ledger's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) sender: String,
    recipient: String,
    amount: u128,
    text_data: String,
    extra_info: String,
}

impl Order {
    /// Checks a transfer; `me` is who sends it unless it says otherwise.
    pub(super) fn new(transfer: &TokenTransfer, me: &Id) -> Result<Self, TransferError> {
        let sender_id = match transfer.sender.is_none() {
            true => me,
            false => &transfer.sender,
        };
        for (what, id) in [("receiver", &transfer.receiver), ("sender", sender_id)] {
            if id.number().is_none_or(|id| id <= 0) {
                let error = format!("the {what} of tokens is not a user of Mezon: `{id}`");
                return Err(TransferError::Invalid(error));
            }
        }
        let (sender, recipient) = (address(sender_id), address(&transfer.receiver));
        if sender == recipient {
            let error = "sender and receiver of tokens are the same";
            return Err(TransferError::Invalid(error.to_owned()));
        }
        Ok(Self {
            sender,
            recipient,
            amount: units(transfer.amount)?,
            text_data: transfer.note.clone(),
            extra_info: extra_info(transfer, sender_id),
        })
    }

    /// Returns what is signed.
    pub(super) fn signed(&self, nonce: u64) -> String {
        let Self {
            sender,
            recipient,
            amount,
            text_data,
            extra_info,
        } = self;
        format!("{TRANSFER}|{sender}|{recipient}|{amount}|{text_data}|{nonce}|{extra_info}")
    }

    /// Returns the transfer as the ledger takes it.
    pub(super) fn json(&self, nonce: u64, now_ms: u64, proof: &str, public_input: &str) -> Value {
        json!({
            "type": TRANSFER,
            "sender": self.sender,
            "recipient": self.recipient,
            "amount": self.amount.to_string(),
            "timestamp": now_ms,
            "text_data": self.text_data,
            "nonce": nonce,
            "extra_info": self.extra_info,
            "zk_proof": proof,
            "zk_pub": public_input,
        })
    }
}

/// Returns the address of a user in the ledger.
pub(super) fn address(user: &Id) -> String {
    bs58::encode(digest(&SHA256, user.to_string().as_bytes())).into_string()
}

fn units(amount: i128) -> Result<u128, TransferError> {
    let invalid = |why: &str| TransferError::Invalid(format!("{amount} tokens: {why}"));
    let whole = u128::try_from(amount).ok().filter(|amount| *amount > 0);
    let whole = whole.ok_or_else(|| invalid("the amount must be more than 0"))?;
    whole
        .checked_mul(UNIT)
        .ok_or_else(|| invalid("the amount is too large"))
}

/// Writes the extra information in the order of the peers, and spaced as theirs.
fn extra_info(transfer: &TokenTransfer, sender: &Id) -> String {
    let (sender, receiver) = (sender.to_string(), transfer.receiver.to_string());
    let mut fields = vec![
        ("type", Value::from("transfer_token")),
        ("UserSenderId", sender.into()),
        ("UserSenderUsername", transfer.sender_name.as_str().into()),
        ("UserReceiverId", receiver.into()),
    ];
    if !transfer.extra_attribute.is_empty() {
        fields.push(("ExtraAttribute", transfer.extra_attribute.as_str().into()));
    }
    let more = transfer.extra_info.iter();
    fields.extend(more.map(|(name, value)| (name.as_str(), value.clone())));
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{}: {value}", json!(name)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// The type of a transfer in the ledger.
const TRANSFER: u8 = 0;
/// What a token has in the smallest unit.
const UNIT: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ME: i64 = 1_000_000_000_000_000_001;
    const ALICE: i64 = 4_000_000_000_000_000_001;

    #[test]
    fn what_is_signed_is_that_of_the_specification() {
        let mut transfer = TokenTransfer::new(ALICE, 10);
        transfer.note = "hi".to_owned();
        let order = Order::new(&transfer, &Id::from(ME)).unwrap();
        let expected = "0|9vwAKXMVAP7yFWEeDUSXVYyMmcjMxu2Z9yWky7gLzt73|JCQrK24N9rjnzhH9v47vJwX5ENeokD2YysmeA4xm9ZMJ|10000000|hi|1|\
                        {\"type\": \"transfer_token\", \"UserSenderId\": \"1000000000000000001\", \"UserSenderUsername\": \"\", \
                        \"UserReceiverId\": \"4000000000000000001\"}";
        assert_eq!(order.signed(1), expected);
        transfer.extra_attribute = "a\"b".to_owned();
        transfer.extra_info.insert("order".to_owned(), "7".into());
        let order = Order::new(&transfer, &Id::from(ME)).unwrap();
        let read: Value = serde_json::from_str(&order.extra_info).unwrap();
        assert_eq!(
            (&read["ExtraAttribute"], &read["order"]),
            (&json!("a\"b"), &json!("7"))
        );
    }

    #[test]
    fn transfers_that_make_no_sense_are_refused() {
        let me = Id::from(ME);
        let refused = |transfer: &TokenTransfer| Order::new(transfer, &me).unwrap_err().to_string();
        for (amount, why) in [
            (0, "more than 0"),
            (-1, "more than 0"),
            (i128::MAX, "too large"),
            (i128::MIN, "more than 0"),
        ] {
            let error = refused(&TokenTransfer::new(ALICE, amount));
            assert!(error.contains(why), "{error}");
        }
        assert!(refused(&TokenTransfer::new(ME, 1)).contains("the same"));
        assert!(refused(&TokenTransfer::new("alice", 1)).contains("`alice`"));
        assert!(refused(&TokenTransfer::new(0, 1)).contains("receiver"));
        // What a 64-bit product could not hold.
        let large = TokenTransfer::new(ALICE, i128::from(i64::MAX));
        let order = Order::new(&large, &me).unwrap();
        assert_eq!(
            order.json(1, 0, "", "")["amount"],
            "9223372036854775807000000"
        );
    }
}
