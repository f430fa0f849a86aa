//! The actor that makes calls over HTTP for whoever is on another thread.

use std::fmt;
use std::sync::Arc;

use actix::prelude::*;
use futures::future::LocalBoxFuture;

use super::config::Settings;
use super::error::ApiError;
use super::http::Api;
use super::state::State;
use crate::platform::http::HttpClient;

/// Makes calls of the API with the key that there is.
///
/// * **Who starts it**: the platform's supervisor.
/// * **What ends it**: its supervisor.
/// * **What happens to its mailbox then**: it outlives a restart.
/// * **What it may lose**: the answers to calls that were under way; who waits for them is told.
#[derive(Debug)]
pub(super) struct ApiCaller {
    http: HttpClient,
    settings: Arc<Settings>,
    state: Arc<State>,
}

impl ApiCaller {
    pub(super) fn new(http: HttpClient, settings: Arc<Settings>, state: Arc<State>) -> Self {
        Self {
            http,
            settings,
            state,
        }
    }
}

impl Actor for ApiCaller {
    type Context = Context<Self>;
}

/// Makes a call.
pub(super) struct Call<R> {
    make: Make<R>,
}

type Make<R> = Box<dyn FnOnce(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send>;

impl<R> Call<R> {
    pub(super) fn new(
        make: impl FnOnce(Api) -> LocalBoxFuture<'static, Result<R, ApiError>> + Send + 'static,
    ) -> Self {
        Self {
            make: Box::new(make),
        }
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl<R: 'static> Message for Call<R> {
    type Result = Result<R, ApiError>;
}

impl<R: Send + 'static> Handler<Call<R>> for ApiCaller {
    type Result = ResponseFuture<Result<R, ApiError>>;

    fn handle(&mut self, call: Call<R>, _: &mut Self::Context) -> Self::Result {
        let key = self.state.lock().key.clone();
        (call.make)(Api::new(&self.http, &self.settings).with_key(key))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use futures::future::FutureExt;
    use serde_json::json;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::platform::testing::{header, request, serve};

    /// Another connection would be another handshake of TLS.
    #[actix_rt::test]
    async fn d17_all_calls_share_one_connection() {
        let connections = Rc::new(Cell::new(0));
        let accepted = Rc::clone(&connections);
        let address = serve(move |mut stream| {
            accepted.set(accepted.get() + 1);
            async move {
                for _ in 0..CALLS {
                    let asked = request(&mut stream).await;
                    let version = concat!("greenroom/", env!("CARGO_PKG_VERSION"));
                    assert_eq!(header(&asked, "user-agent"), Some(version), "D-22");
                    let count = json!({
                        "unread_room_messages": 1, "unread_direct_messages": 2, "total_unread": 3,
                    });
                    let body = count.to_string();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        })
        .await;
        let settings = Settings {
            base_url: format!("http://{address}").parse().unwrap(),
            ..Settings::new("a-key")
        };
        let http = HttpClient::new(Duration::from_secs(10), 1 << 20);
        let state = Arc::new(State::new(&settings));
        let caller = ApiCaller::new(http, Arc::new(settings), state).start();
        for _ in 0..CALLS {
            let call = Call::new(|api| async move { api.unread_count().await }.boxed_local());
            let count = caller.send(call).await.unwrap().unwrap();
            assert_eq!(count.total_unread, 3);
        }
        assert_eq!(connections.get(), 1);
    }

    const CALLS: usize = 20;
}
