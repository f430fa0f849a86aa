//! How tokens are got: which tenant is asked, and how a token is renewed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actors::clock;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::client::{Shared, lock};
use super::config::auth0_url;
use super::error::{ErrorKind, HELP, MeshError, NO_LOGIN};
use super::http::{Call, Http, Reply, Trouble};
use super::limits::{CONFIG, EXCHANGE, REFRESH, REFRESHES};
use super::token::Token;

/// The application at Auth0 that users log in to.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    /// Its address, without a slash at its end.
    pub(super) url: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<SecretString>,
    pub(super) audience: String,
}

/// Why a token was not renewed.
#[derive(Debug)]
pub(super) enum Unrenewed {
    /// It never will be: a login is needed.
    Refused(MeshError),
    /// It may be later.
    Trouble(MeshError),
}

/// Gets tokens. Clones share connections.
#[derive(Clone)]
pub(super) struct Authenticator {
    pub(super) http: Http,
    pub(super) client: Arc<Shared>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Sends a request of a login.
    pub(super) async fn ask(
        &self,
        call: Call,
        secrets: Vec<SecretString>,
    ) -> Result<Reply, Trouble> {
        let all = secrets
            .into_iter()
            .chain(self.client.settings.secrets())
            .collect();
        self.http.send(call.hiding(all)).await
    }

    pub(super) async fn post(
        &self,
        url: String,
        body: &Value,
        secrets: Vec<SecretString>,
    ) -> Result<Reply, Trouble> {
        let limit = self.client.settings.timeout;
        self.ask(Call::post(url, body, limit), secrets).await
    }

    /// Finds out which tenant to ask: as the settings say, else as the server says, which is kept.
    pub(super) async fn tenant(&self) -> Result<Tenant, MeshError> {
        let settings = &self.client.settings;
        let own = (
            &settings.auth0_domain,
            &settings.client_id,
            &settings.audience,
        );
        let told = match own {
            (Some(_), Some(_), Some(_)) => Map::new(),
            _ => self.told().await?,
        };
        let member = |own: &Option<String>, name: &str| {
            let told = || told.get(name)?.as_str().map(str::to_owned);
            own.clone()
                .or_else(told)
                .filter(|text| !text.trim().is_empty())
        };
        let (domain, id, audience) = (
            member(own.0, "domain"),
            member(own.1, "client_id"),
            member(own.2, "audience"),
        );
        let missing: Vec<_> = [
            ("domain", &domain),
            ("client_id", &id),
            ("audience", &audience),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.is_none().then_some(name))
        .collect();
        let (Some(domain), Some(client_id), Some(audience)) = (domain, id, audience) else {
            let message = format!(
                "Invalid Auth0 configuration: missing {}",
                missing.join(", ")
            );
            return Err(MeshError::new(ErrorKind::Auth, message));
        };
        let told_secret = || member(&None, "client_secret").map(SecretString::from);
        Ok(Tenant {
            url: auth0_url(&domain),
            client_id,
            client_secret: settings.client_secret.clone().or_else(told_secret),
            audience,
        })
    }

    async fn told(&self) -> Result<Map<String, Value>, MeshError> {
        if let Some(known) = lock(&self.client.tenant).clone() {
            return Ok(known);
        }
        let url = format!("{}{CONFIG}", self.client.settings.server());
        let reply = self
            .ask(Call::get(url, self.client.settings.timeout), Vec::new())
            .await
            .map_err(Trouble::error)?;
        if !reply.is_ok() {
            return Err(reply.refusal(format!(
                "Failed to get the Auth0 configuration: {}",
                reply.status
            )));
        }
        let Some(Value::Object(told)) = reply.json() else {
            return Err(reply.unreadable());
        };
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let mut needed = ["domain", "client_id", "audience"].iter();
        if needed.all(|name| told.get(*name).is_some_and(is_text)) && told.values().all(is_text) {
            *lock(&self.client.tenant) = Some(told.clone());
        }
        Ok(told)
    }

    /// Renews a token.
    pub(super) async fn refresh(&self, old: &Token) -> Result<Token, Unrenewed> {
        let Some(secret) = old.refresh() else {
            return Err(Unrenewed::Refused(MeshError::login_needed()));
        };
        let mut made = 1;
        loop {
            match self.refresh_once(old, secret).await {
                Err(Unrenewed::Trouble(error)) if made < REFRESHES && may_pass(&error) => {
                    let wait = self.client.settings.retry_base.saturating_mul(made);
                    tracing::debug!(%error, ?wait, "renewing a token again");
                    tokio::time::sleep(wait).await;
                    made += 1;
                }
                other => return other,
            }
        }
    }

    async fn refresh_once(&self, old: &Token, secret: &SecretString) -> Result<Token, Unrenewed> {
        let server = self.client.settings.server();
        let body = json!({"refresh_token": secret.expose_secret()});
        let mut reply = None;
        for path in [REFRESH, EXCHANGE] {
            let answer = self
                .post(format!("{server}{path}"), &body, old.secrets())
                .await;
            let answer =
                answer.map_err(|trouble| Unrenewed::Trouble(trouble.error().running(false)))?;
            let is_missing = answer.is_missing();
            reply = Some(answer);
            if !is_missing {
                break;
            }
        }
        let reply = match reply {
            Some(reply) if !reply.is_missing() => reply,
            _ => self.refresh_at_auth0(old, secret).await?,
        };
        match reply.status {
            200..300 => {
                let token = Token::received(reply.body(), clock::unix_seconds());
                let token =
                    token.ok_or_else(|| Unrenewed::Trouble(reply.unreadable().running(false)))?;
                Ok(token.after(old))
            }
            400 | 401 | 403 => {
                let details = format!("{NO_LOGIN}: the login has ended and cannot be renewed");
                let error = MeshError::new(ErrorKind::Auth, "Authentication failed");
                Err(Unrenewed::Refused(error.details(details).help(HELP)))
            }
            // A server that has no such path has not said that the grant is bad.
            status => Err(Unrenewed::Trouble(
                reply.refusal(format!("Failed to renew the token: {status}")),
            )),
        }
    }

    async fn refresh_at_auth0(
        &self,
        old: &Token,
        secret: &SecretString,
    ) -> Result<Reply, Unrenewed> {
        let tenant = self.tenant().await.map_err(Unrenewed::Trouble)?;
        let mut body = json!({
            "grant_type": "refresh_token",
            "client_id": tenant.client_id,
            "refresh_token": secret.expose_secret(),
        });
        add_secret(&mut body, &tenant);
        let answer = self
            .post(format!("{}/oauth/token", tenant.url), &body, old.secrets())
            .await;
        answer.map_err(|trouble| Unrenewed::Trouble(trouble.error().running(false)))
    }
}

/// Says whether a renewal that failed may do better a moment later.
fn may_pass(error: &MeshError) -> bool {
    error
        .status()
        .is_none_or(|status| status == 429 || !(300..500).contains(&status))
}

/// Adds the secret of the application, if it has one.
pub(super) fn add_secret(body: &mut Value, tenant: &Tenant) {
    if let (Some(secret), Some(body)) = (&tenant.client_secret, body.as_object_mut()) {
        body.insert("client_secret".to_owned(), json!(secret.expose_secret()));
    }
}

/// Reads a duration in seconds out of an answer, which may be a number of any kind.
pub(super) fn seconds(body: &Value, name: &str, default: u64) -> Duration {
    let given = body.get(name).and_then(|value| match value {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    });
    let given = given.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    given.unwrap_or(Duration::from_secs(default))
}

/// What a login asks for. The last one makes a refresh token appear.
pub(super) const SCOPE: &str = "openid profile email offline_access";
