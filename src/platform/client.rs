//! How every client connects: TLS with the roots that are trusted, HTTP/1.1, no delay on small writes, no redirects.

use std::fmt;
use std::time::Duration;

use actix_service::{Service, ServiceExt};
use actix_tls::connect::{Connection, ConnectorService};
use awc::error::SendRequestError;
use awc::http::header::{HeaderMap, RETRY_AFTER};
use awc::http::{StatusCode, Uri};
use awc::middleware::Transform;
use awc::{Client, ClientBuilder, ConnectRequest, ConnectResponse, Connector};
use futures::future::LocalBoxFuture;
use tokio::net::TcpStream;

use super::retry_after;
use super::tls::Trust;

/// Makes a client that has no time-out of its own: callers set one over everything that they do.
///
/// It stays on the thread that made it.
pub(super) fn client(trust: &Trust) -> Client {
    let tcp = ConnectorService::default().map(|connection: Connection<Uri, TcpStream>| {
        // Without it small frames only wait longer.
        let _ = connection.io_ref().set_nodelay(true);
        connection
    });
    let connector = Connector::new()
        .rustls_0_23(trust.config())
        .connector(tcp)
        // An open websocket counts as a used connection for as long as it lives.
        .limit(0)
        .timeout(FAR)
        .handshake_timeout(FAR);
    ClientBuilder::new()
        // That it shall be HTTP/1.1 is said in the TLS handshake; said to the builder, it would forget whom to trust.
        .connector(connector)
        .no_default_headers()
        .disable_timeout()
        .disable_redirects()
        .wrap(TellRefusals)
        .finish()
}

/// A server's refusal of an upgrade, with what awc would drop.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

impl Refused {
    fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            status: status.as_u16(),
            retry_after: headers.get(RETRY_AFTER).and_then(retry_after::parse),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with HTTP {}", self.status)
    }
}

impl std::error::Error for Refused {}

/// Turns the refusal of an upgrade into the error [`Refused`].
struct TellRefusals;

impl<S> Transform<S, ConnectRequest> for TellRefusals
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
    S::Future: 'static,
{
    type Transform = TellingRefusals<S>;

    fn new_transform(self, inner: S) -> Self::Transform {
        TellingRefusals { inner }
    }
}

struct TellingRefusals<S> {
    inner: S,
}

impl<S> Service<ConnectRequest> for TellingRefusals<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
    S::Future: 'static,
{
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = LocalBoxFuture<'static, Result<ConnectResponse, SendRequestError>>;

    actix_service::forward_ready!(inner);

    fn call(&self, request: ConnectRequest) -> Self::Future {
        let answer = self.inner.call(request);
        Box::pin(async move {
            match answer.await? {
                ConnectResponse::Tunnel(head, _)
                    if head.status != StatusCode::SWITCHING_PROTOCOLS =>
                {
                    let refused = Refused::new(head.status, &head.headers);
                    Err(SendRequestError::Custom(
                        Box::new(refused),
                        Box::new("upgrade"),
                    ))
                }
                answer => Ok(answer),
            }
        })
    }
}

/// Longer than any time-out of a caller.
const FAR: Duration = Duration::from_secs(24 * 3_600);
