//! How every client connects: TLS with the roots that are trusted, HTTP/1.1, no delay on small writes, no redirects.

use std::fmt;
use std::time::Duration;

use actix_service::{Service, ServiceExt};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, ConnectorService};
use awc::error::SendRequestError;
use awc::http::header::{HeaderMap, RETRY_AFTER};
use awc::http::{StatusCode, Uri};
use awc::middleware::Transform;
use awc::{Client, ClientBuilder, ConnectRequest, ConnectResponse, Connector};
use futures::future::LocalBoxFuture;
use tokio::net::TcpStream;

use super::proxy::Proxies;
use super::retry_after;
use super::tls::Trust;

/// How connections are opened.
#[derive(Clone, Debug)]
pub(crate) struct Dialing {
    pub(crate) trust: Trust,
    /// How long looking up a name and opening a connection may take, and as long again TLS.
    pub(crate) limit: Duration,
    pub(crate) proxies: Proxies,
}

impl Dialing {
    /// Opens them without a proxy and without a limit: callers set one over everything that they do.
    pub(crate) fn trusting(trust: &Trust) -> Self {
        Self {
            trust: trust.clone(),
            limit: FAR,
            proxies: Proxies::default(),
        }
    }
}

/// Makes a client. It stays on the thread that made it.
pub(super) fn client(dialing: &Dialing) -> Client {
    let (trust, limit) = (&dialing.trust, dialing.limit);
    let tcp = Dialer {
        tcp: ConnectorService::default(),
        proxies: dialing.proxies.clone(),
    };
    let tcp = tcp.map(|connection: Connection<Uri, TcpStream>| {
        // Without it small frames only wait longer.
        let _ = connection.io_ref().set_nodelay(true);
        connection
    });
    let connector = Connector::new()
        .rustls_0_23(trust.config())
        .connector(tcp)
        // An open websocket counts as a used connection for as long as it lives.
        .limit(0)
        .timeout(limit)
        .handshake_timeout(limit);
    ClientBuilder::new()
        // That it shall be HTTP/1.1 is said in the TLS handshake; said to the builder, it would forget whom to trust.
        .connector(connector)
        .no_default_headers()
        .disable_timeout()
        .disable_redirects()
        .wrap(TellRefusals)
        .finish()
}

/// Opens connections, through a tunnel where a proxy is in the way.
#[derive(Clone)]
struct Dialer {
    tcp: ConnectorService,
    proxies: Proxies,
}

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, ConnectError>>;

    actix_service::always_ready!();

    fn call(&self, to: ConnectInfo<Uri>) -> Self::Future {
        let uri = to.request().clone();
        // Plain requests were addressed to their proxy before they came here.
        let door = match uri.scheme_str() {
            Some("http") => Ok(None),
            _ => self.proxies.door(&uri),
        };
        match door {
            Ok(None) => Box::pin(self.tcp.call(to)),
            Ok(Some(door)) => {
                let (door, connected) = (
                    door.clone(),
                    self.tcp.call(ConnectInfo::new(door.uri.clone())),
                );
                Box::pin(async move {
                    let (mut stream, _) = connected.await?.into_parts();
                    let opened = door.tunnel(&mut stream, &uri).await;
                    opened.map_err(ConnectError::Io)?;
                    Ok(Connection::new(uri, stream))
                })
            }
            Err(reason) => {
                let error = ConnectError::Io(std::io::Error::other(reason));
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }
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
