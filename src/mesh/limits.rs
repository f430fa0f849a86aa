//! What is bounded, and where the server's paths are.

use std::time::Duration;

/// Bytes of an answer.
pub(super) const MAX_BODY: usize = 16 * 1024 * 1024;
/// Calls that may be under way at once; others wait.
pub(super) const MAX_CALLS: usize = 256;
/// How often somebody asks a session that died meanwhile.
pub(super) const SESSION_TRIES: usize = 20;
/// How often a request is sent again after a lost connection.
pub(super) const RETRIES: u32 = 3;
/// The longest wait that a server may ask for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How often a refresh of a token is tried.
pub(super) const REFRESHES: u32 = 3;
/// When a refresh ahead of expiry is tried again.
pub(super) const REFRESH_PAUSE: Duration = Duration::from_secs(60);
/// The smallest budget for thinking, in tokens.
pub(super) const MIN_THINKING: u64 = 1_024;

pub(super) const CONFIG: &str = "/api/v1/auth/config";
pub(super) const AUTH_URL: &str = "/api/v1/auth/get-auth-url";
pub(super) const EXCHANGE: &str = "/api/v1/auth/exchange-token";
pub(super) const REFRESH: &str = "/auth/refresh-token";
pub(super) const PROFILE: &[&str] = &["/api/v1/auth/profile", "/v1/mesh/auth/profile"];
pub(super) const USERS: &[&str] = &["/v1/mesh/users", "/api/v1/users"];
pub(super) const CHAT: &[&str] = &[
    "/api/v1/chat/completions",
    "/v1/mesh/chat",
    "/api/v1/completions",
];
pub(super) const STORE_KEY: &[&str] = &["/api/v1/storeKey", "/v1/mesh/storeKey"];
pub(super) const GET_KEY: &[&str] = &["/api/v1/getKey", "/v1/mesh/getKey"];
pub(super) const LIST_KEYS: &[&str] = &["/api/v1/listKeys", "/v1/mesh/listKeys"];
pub(super) const STORE_COMMITMENT: &[&str] = &["/api/v1/storeKeyZKP", "/v1/mesh/storeKeyZKP"];
pub(super) const CHALLENGE: &[&str] = &["/api/v1/getChallenge", "/v1/mesh/getChallenge"];
pub(super) const COMMITMENT: &[&str] = &["/api/v1/getCommitment", "/v1/mesh/getCommitment"];
pub(super) const VERIFY: &[&str] = &["/api/v1/verifyProof", "/v1/mesh/verifyProof"];
pub(super) const USAGE: &[&str] = &["/api/v1/usage"];
pub(super) const MODELS: &[&str] = &["/api/v1/models"];
