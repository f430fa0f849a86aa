//! The actor that sends tokens.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::session::{Acquire, Lease, Session};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::error::TransferError;
use super::ledger::{Ledger, Proof, Verdict};
use super::signature::Keys;
use super::transfer::{Order, TokenTransfer, TransferReceipt, address};
use crate::mezon::auth::MezonSession;
use crate::mezon::authenticator::MezonAuthenticator;
use crate::mezon::caller::acquire;
use crate::mezon::config::Settings;
use crate::platform::http::HttpClient;

/// Sends tokens, one transfer after another, so that no two have one number.
///
/// * **Who starts it**: the platform's supervisor, after the session.
/// * **What ends it**: its supervisor.
/// * **What happens to its mailbox then**: it outlives a restart.
/// * **What it may lose**: the answer to the transfer that is under way; who waits for it is told that its outcome is unknown.
#[derive(Debug)]
pub(in crate::mezon) struct Wallet {
    safe: Rc<Safe>,
}

struct Safe {
    settings: Arc<Settings>,
    session: ActorRef<Session<MezonAuthenticator>>,
    ledger: Result<Ledger, &'static str>,
    held: Mutex<Held>,
}

impl fmt::Debug for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Safe")
    }
}

/// What one transfer leaves for the next.
#[derive(Default)]
struct Held {
    identity: Option<Rc<Identity>>,
    /// The sender and number of the last transfer that was taken, or may have been.
    last: Option<(String, u64)>,
}

/// A key, and the proof that it belongs to the bot; good for one session.
struct Identity {
    session: u64,
    keys: Keys,
    proof: Proof,
}

impl Wallet {
    pub(in crate::mezon) fn new(
        http: HttpClient,
        settings: Arc<Settings>,
        session: ActorRef<Session<MezonAuthenticator>>,
    ) -> Self {
        let ledger = match (&settings.mmn_api_url, &settings.zk_api_url) {
            (None, _) => Err("mmn_api_url"),
            (_, None) => Err("zk_api_url"),
            (Some(mmn), Some(zk)) => Ok(Ledger::new(http, mmn.clone(), zk.clone())),
        };
        let safe = Safe {
            settings,
            session,
            ledger,
            held: Mutex::default(),
        };
        Self {
            safe: Rc::new(safe),
        }
    }
}

impl Actor for Wallet {
    type Context = Context<Self>;
}

/// Sends tokens.
#[derive(Debug, Message)]
#[rtype(result = "Result<TransferReceipt, TransferError>")]
pub(in crate::mezon) struct SendTokens(pub(in crate::mezon) TokenTransfer);

impl Handler<SendTokens> for Wallet {
    type Result = ResponseFuture<Result<TransferReceipt, TransferError>>;

    fn handle(&mut self, SendTokens(transfer): SendTokens, _: &mut Self::Context) -> Self::Result {
        let safe = Rc::clone(&self.safe);
        Box::pin(async move { safe.send(&transfer).await })
    }
}

impl Safe {
    async fn send(&self, transfer: &TokenTransfer) -> Result<TransferReceipt, TransferError> {
        // Whatever is wrong with the transfer itself is said without asking anybody.
        Order::new(transfer, &self.settings.client_id)?;
        let ledger = self
            .ledger
            .as_ref()
            .map_err(|name| TransferError::Disabled(name))?;
        // Whoever comes first goes first.
        let held = &mut *self.held.lock().await;
        let lease = self.acquire(Acquire::any()).await?;
        let order = Order::new(transfer, &lease.user_id)?;
        let identity = self.identity(ledger, lease, held).await?;
        let mut nonce = ledger.nonce(&order.sender).await? + 1;
        if let Some((sender, last)) = &held.last
            && *sender == order.sender
        {
            // The ledger may not count yet what it took a moment ago.
            nonce = nonce.max(last + 1);
        }
        let mut is_second = false;
        loop {
            let verdict = identity.send(ledger, &order, nonce).await;
            if let Verdict::Refused(error) = &verdict {
                if error.to_ascii_lowercase().contains("nonce") && !is_second {
                    is_second = true;
                    nonce = ledger.nonce(&order.sender).await? + 1;
                    continue;
                }
                return Err(TransferError::Refused(error.clone()));
            }
            held.last = Some((order.sender, nonce));
            return match verdict {
                Verdict::Taken(tx_hash) => Ok(TransferReceipt { tx_hash, nonce }),
                Verdict::Unknown(reason) | Verdict::Refused(reason) => {
                    let nonce = Some(nonce);
                    Err(TransferError::OutcomeUnknown { nonce, reason })
                }
            };
        }
    }

    /// Returns the key of this session; a new one, with its proof, if the session is new.
    async fn identity(
        &self,
        ledger: &Ledger,
        lease: Lease<MezonSession>,
        held: &mut Held,
    ) -> Result<Rc<Identity>, TransferError> {
        if let Some(identity) = &held.identity
            && identity.session == lease.number()
        {
            return Ok(Rc::clone(identity));
        }
        let identity = match Identity::new(ledger, &lease).await {
            // The session may have ended without anybody having noticed.
            Err(TransferError::Unavailable { source, .. }) if source.status() == Some(401) => {
                let lease = self.acquire(Acquire::instead_of(&lease)).await?;
                Identity::new(ledger, &lease).await?
            }
            identity => identity?,
        };
        let identity = Rc::new(identity);
        held.identity = Some(Rc::clone(&identity));
        Ok(identity)
    }

    async fn acquire(
        &self,
        question: Acquire<MezonSession>,
    ) -> Result<Lease<MezonSession>, TransferError> {
        let lease = acquire(&self.session, question).await;
        lease.map_err(|error| TransferError::NotLoggedIn(error.to_string()))
    }
}

impl Identity {
    async fn new(ledger: &Ledger, lease: &Lease<MezonSession>) -> Result<Self, TransferError> {
        let keys = Keys::draw()?;
        // Servers of the older wire have no token of its own for this.
        let jwt = match lease.id_token.expose_secret() {
            "" => &lease.token,
            _ => &lease.id_token,
        };
        let (user, address) = (lease.user_id.to_string(), address(&lease.user_id));
        let proof = ledger.prove(&user, &keys.public(), jwt, &address).await?;
        Ok(Self {
            session: lease.number(),
            keys,
            proof,
        })
    }

    async fn send(&self, ledger: &Ledger, order: &Order, nonce: u64) -> Verdict {
        let Proof {
            proof,
            public_input,
        } = &self.proof;
        let tx = order.json(nonce, clock::unix_millis(), proof, public_input);
        let signature = self.keys.sign(&order.signed(nonce));
        ledger.transfer(&tx, &signature).await
    }
}
