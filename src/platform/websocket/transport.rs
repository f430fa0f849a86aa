//! Dials.

use std::fmt;

use actix_http::header::{HeaderName, HeaderValue};
use awc::error::{ConnectError, SendRequestError, WsClientError};
use awc::{BoxedSocket, Client};
use bytes::BytesMut;
use futures::future::LocalBoxFuture;
use greenroom_actors::connection::{DialError, DialRequest, Link, Transport};
use secrecy::ExposeSecret;
use url::Url;

use super::link;
use crate::platform::client::{Dialing, Refused, client};
use crate::platform::http::USER_AGENT;
use crate::platform::tls::Trust;

/// Dials websockets over TCP and TLS.
///
/// A link that it opens answers pings by itself, joins fragments, refuses messages above [`DialRequest::max_frame`] before they have
/// arrived, and holds no read buffer while it waits. Redirects are not followed, proxies are not used.
///
/// It stays on the thread that made it; clones share all they have.
#[derive(Clone)]
pub struct Websocket {
    client: Client,
}

impl Websocket {
    /// Creates a transport that trusts the authorities of the web.
    #[must_use]
    pub fn new() -> Self {
        Self::trusting(&Trust::web())
    }

    /// Creates a transport that trusts other authorities.
    #[must_use]
    pub fn trusting(trust: &Trust) -> Self {
        Self::dialing(&Dialing::trusting(trust))
    }

    pub(crate) fn dialing(dialing: &Dialing) -> Self {
        Self {
            client: client(dialing),
        }
    }
}

impl Default for Websocket {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Websocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Websocket")
    }
}

impl Transport for Websocket {
    fn dial(&self, request: DialRequest) -> LocalBoxFuture<'static, Result<Link, DialError>> {
        let client = self.client.clone();
        Box::pin(async move {
            let timeout = request.timeout;
            tokio::time::timeout(timeout, dial(client, request))
                .await
                .unwrap_or(Err(DialError::TimedOut(timeout)))
        })
    }
}

async fn dial(client: Client, request: DialRequest) -> Result<Link, DialError> {
    let max_frame = request.max_frame;
    let (socket, received) = dial_socket(client, request).await?;
    Ok(link::open(socket, &received, max_frame))
}

/// Shakes hands; returns the socket and what came with the handshake's answer.
pub(super) async fn dial_socket(
    client: Client,
    request: DialRequest,
) -> Result<(BoxedSocket, BytesMut), DialError> {
    let url = request.url.expose_secret();
    check(url)?;
    let mut upgrade = client.ws(url).set_header("user-agent", USER_AGENT);
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
            invalid(format!(
                "the header {name} has characters that it cannot have"
            ))
        })?;
        value.set_sensitive(true);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("no header can be called {name:?}")))?;
        upgrade = upgrade.set_header(name, value);
    }
    if let Some(subprotocol) = request.subprotocol {
        upgrade = upgrade.protocols([subprotocol]);
    }
    let (_, framed) = upgrade.connect().await.map_err(why)?;
    let parts = framed.into_parts();
    // A copy, for the buffer of the handshake is larger than it need be.
    Ok((parts.io, BytesMut::from(&parts.read_buf[..])))
}

/// Says what is wrong with a URL without showing it.
fn check(url: &str) -> Result<(), DialError> {
    let url = Url::parse(url).map_err(|error| invalid(format!("the URL is wrong: {error}")))?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(invalid(format!(
            "the scheme {:?} is not ws or wss",
            url.scheme()
        )));
    }
    if url.host().is_none() {
        return Err(invalid("the URL has no host".to_owned()));
    }
    Ok(())
}

fn why(error: WsClientError) -> DialError {
    let error = match error {
        WsClientError::SendRequest(error) => error,
        WsClientError::InvalidResponseStatus(status) => {
            return DialError::Refused {
                status: status.as_u16(),
                retry_after: None,
            };
        }
        other => {
            return DialError::Unreachable(format!("its answer is no websocket upgrade: {other}"));
        }
    };
    match error {
        SendRequestError::Custom(error, context) => match error.downcast::<Refused>() {
            Ok(refused) => DialError::Refused {
                status: refused.status,
                retry_after: refused.retry_after,
            },
            Err(error) => DialError::Unreachable(format!("{error} ({context:?})")),
        },
        SendRequestError::Url(error) => invalid(error.to_string()),
        SendRequestError::Http(error) => invalid(error.to_string()),
        SendRequestError::Connect(ConnectError::Io(error)) => {
            DialError::Unreachable(error.to_string())
        }
        SendRequestError::Connect(error) => DialError::Unreachable(error.to_string()),
        SendRequestError::Send(error) => DialError::Unreachable(error.to_string()),
        other => DialError::Unreachable(format!("its answer is not HTTP: {other}")),
    }
}

fn invalid(why: String) -> DialError {
    DialError::Invalid(why)
}
