//! MESH-04, MESH-05: the browser flow over real sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use awc::Client;
use awc::http::header::LOCATION;
use greenroom::mesh::{Login, MeshClient, MeshError, Prompt, Settings, TokenStore};
use greenroom::simulator::Simulator;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::USER;

struct Rig {
    simulator: Simulator,
    http: Client,
    client: MeshClient,
    page: Arc<Mutex<Option<String>>>,
}

impl Rig {
    async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        super::secrets::log_everything();
        let simulator = Simulator::builder().seed(1).start().await.unwrap();
        let mut settings = Settings::new(simulator.url("mesh").unwrap());
        settings.token_store = TokenStore::Memory;
        settings.headless = true;
        change(&mut settings);
        let client = MeshClient::connect(settings).await.unwrap();
        let page = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&page);
        client.on_prompt(move |prompt| {
            if let Prompt::Browser { url } = prompt {
                *keep.lock().unwrap() = Some(url.clone());
            }
        });
        let http = Client::builder()
            .disable_redirects()
            .timeout(Duration::from_secs(10))
            .finish();
        Self {
            simulator,
            http,
            client,
            page,
        }
    }

    /// Begins a login and returns the page that a person is told to open.
    async fn begin(&self) -> (tokio::task::JoinHandle<Result<(), MeshError>>, String) {
        *self.page.lock().unwrap() = None;
        let client = self.client.clone();
        let login = actix_rt::spawn(async move { client.login(Login::Browser).await });
        loop {
            if let Some(page) = self.page.lock().unwrap().clone() {
                return (login, page);
            }
            assert!(!login.is_finished(), "it ended before it told of a page");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Does as a browser: opens the page, and goes where it is sent.
    async fn follow(&self, page: &str) -> (String, u16) {
        let sent = self.http.get(page).send().await.unwrap();
        let back = sent
            .headers()
            .get(LOCATION)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let status = self.visit(&back).await;
        (back, status)
    }

    async fn visit(&self, url: &str) -> u16 {
        let url = url.replace("localhost", "127.0.0.1");
        self.http.get(url).send().await.unwrap().status().as_u16()
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}{path}", self.simulator.control_url());
        assert!(
            self.http
                .post(url)
                .send_json(&body)
                .await
                .unwrap()
                .status()
                .is_success()
        );
    }

    async fn journal(&self, name: &str) -> Vec<Value> {
        let url = format!("{}/{name}/journal", self.simulator.control_url());
        let all: Vec<Value> = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .limit(4_000_000)
            .await
            .unwrap();
        all.into_iter()
            .filter(|entry| entry["direction"] == "in")
            .collect()
    }
}

fn member(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs()
        .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        .unwrap()
}

/// D-04, D-18: it ends at once; a wrong state is refused and the login goes on; the port is free again.
#[actix_rt::test]
async fn the_browser_comes_back_with_a_code() {
    let rig = Rig::start(|_| {}).await;
    for _ in 0..2 {
        let (login, page) = rig.begin().await;
        let redirect = member(&page, "redirect_uri");
        assert!(redirect.starts_with("http://localhost:") && redirect.ends_with("/callback"));
        assert!(member(&page, "state").len() >= 22, "128 bits");
        assert_eq!(
            rig.visit(&format!("{redirect}?code=c&state=wrong")).await,
            400
        );
        assert_eq!(
            rig.visit(&format!("{redirect}?error=access_denied")).await,
            400
        );
        assert_eq!(rig.visit(&redirect).await, 400);
        assert_eq!(
            rig.visit(&redirect.replace("/callback", "/other")).await,
            404
        );
        let (_, status) = rig.follow(&page).await;
        assert_eq!(status, 200);
        login.await.unwrap().unwrap();
        let state = rig.client.login_state().await.unwrap();
        assert!(state.is_valid && state.is_renewable);
        assert_eq!(state.subject.as_deref(), Some(USER));
        let journal = rig.journal("mesh").await;
        let exchanges: Vec<_> = journal
            .iter()
            .filter(|entry| entry["path"] == "/api/v1/auth/exchange-token")
            .collect();
        assert_eq!(
            exchanges.last().unwrap()["body"]["redirect_uri"],
            redirect,
            "the same one"
        );
    }
    rig.client.close().await;
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn auth0_is_asked_with_pkce_where_the_server_knows_no_page() {
    let rig = Rig::start(|_| {}).await;
    rig.control(
        "/mesh/emit",
        json!({"event": "route.disable", "data": {"path": "/api/v1/auth/get-auth-url"}}),
    )
    .await;
    let (login, page) = rig.begin().await;
    assert_eq!(member(&page, "code_challenge_method"), "S256");
    assert_eq!(member(&page, "code_challenge").len(), 43);
    assert_eq!(rig.follow(&page).await.1, 200);
    login.await.unwrap().unwrap();
    let journal = rig.journal("auth0").await;
    let exchange = journal
        .iter()
        .find(|entry| entry["path"] == "/oauth/token")
        .unwrap();
    assert_eq!(exchange["body"]["grant_type"], "authorization_code");
    assert_eq!(
        exchange["body"]["code_verifier"].as_str().unwrap().len(),
        43
    );
    rig.client.close().await;
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn a_login_that_is_declined_ends_at_once() {
    let rig = Rig::start(|_| {}).await;
    let (login, page) = rig.begin().await;
    let back = format!(
        "{}?error=access_denied&state={}",
        member(&page, "redirect_uri"),
        member(&page, "state")
    );
    assert_eq!(rig.visit(&back).await, 400);
    let error = login.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("declined"), "{error}");
    rig.client.close().await;
    rig.simulator.stop().await;
}

#[actix_rt::test]
async fn the_next_port_is_taken_where_one_is_busy() {
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = busy.local_addr().unwrap().port();
    // The nine behind it are this machine's; one of them will do, unless the range ends before.
    if port < 65_000 {
        let rig = Rig::start(|settings| settings.callback_port = Some(port)).await;
        let (login, page) = rig.begin().await;
        let redirect = url::Url::parse(&member(&page, "redirect_uri")).unwrap();
        let taken = redirect.port().unwrap();
        assert!(taken > port && taken <= port + 9);
        assert_eq!(rig.follow(&page).await.1, 200);
        login.await.unwrap().unwrap();
        rig.client.close().await;
        rig.simulator.stop().await;
    }
    drop(busy);
}
