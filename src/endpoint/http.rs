//! The socket of the endpoint, and the actor behind it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_web::dev::{Server as Accepting, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use greenroom_actors::mailbox::Ref;
use greenroom_actors::supervisor::Supervised as _;

use super::guard;
use super::routes;
use crate::bot::Running;

/// Takes a port.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers the requests of those who watch the bot.
///
/// Requests are answered on a thread of their own, from figures that everybody may read; the actor stands for the bot's thread: when it
/// does not answer, the bot is not live.
///
/// * **Who starts it**: the root of the bot, before everything else.
/// * **What ends it**: shutdown, after everything else; a server that fails, upon which it is started again on the same port.
/// * **What happens to its mailbox then**: questions whether it is alive wait for the next incarnation.
/// * **What it may lose**: requests that are being answered at that moment.
pub(super) struct Server {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    bot: Running,
    accepting: Option<ServerHandle>,
}

impl Server {
    pub(super) fn new(listener: Arc<TcpListener>, address: SocketAddr, bot: Running) -> Self {
        Self {
            listener,
            address,
            bot,
            accepting: None,
        }
    }

    fn serve(&self, pulse: Ref<Pulse>) -> io::Result<Accepting> {
        let watched = web::Data::new(routes::Watched {
            bot: self.bot.clone(),
            pulse,
        });
        let loopback = self.address.ip().is_loopback();
        let app = move || {
            App::new()
                .app_data(watched.clone())
                .app_data(web::PayloadConfig::new(BODY_LIMIT))
                .app_data(web::Data::new(guard::Loopback(loopback)))
                .wrap(from_fn(guard::protect))
                .configure(routes::configure)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS)
            .client_request_timeout(PATIENCE)
            .client_disconnect_timeout(PATIENCE)
            .keep_alive(KEEP_ALIVE)
            .disable_signals()
            .listen(self.listener.try_clone()?)?
            .run();
        Ok(server)
    }
}

impl Actor for Server {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(address) = ctx.stable_address() else {
            ctx.fail("the endpoint runs under supervision only");
            return;
        };
        match self.serve(address.narrow()) {
            Ok(server) => {
                self.accepting = Some(server.handle());
                ctx.spawn(server.into_actor(self).map(|ended, server, ctx| {
                    match (&server.accepting, ended) {
                        (None, _) => {}
                        (Some(_), Ok(())) => ctx.fail("the server has ended by itself"),
                        (Some(_), Err(error)) => ctx.fail(error),
                    }
                }));
            }
            Err(error) => ctx.fail(error),
        }
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> actix::Running {
        let Some(accepting) = self.accepting.take() else {
            return actix::Running::Stop;
        };
        let stopped = accepting.stop(false).into_actor(self);
        ctx.spawn(stopped.map(|(), _, ctx| ctx.stop()));
        actix::Running::Continue
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            // The word is given at once; nobody waits for it to be obeyed.
            drop(accepting.stop(false));
        }
    }
}

/// Asks whether the thread of the bot answers.
pub(super) struct Pulse;

impl Message for Pulse {
    type Result = ();
}

impl Handler<Pulse> for Server {
    type Result = ();

    fn handle(&mut self, _: Pulse, _: &mut Self::Context) {}
}

const BODY_LIMIT: usize = 64 << 10;
const CONNECTIONS: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(5);
