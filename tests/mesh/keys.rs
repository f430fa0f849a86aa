//! Keys, commitments, users, and what was used.

use greenroom::mesh::{ErrorKind, MeshClient};
use secrecy::ExposeSecret;
use serde_json::json;

use super::script::{Plan, Script};
use super::{
    PROFILE, USER, asked, client, on_stage, requests, settings, token_of, unauthenticated,
};

/// MESH-09, MESH-12.
#[test]
fn a_key_is_stored_under_the_path_of_the_user() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        let stored = client.store_key("api_key", "sk-fake", None).await.unwrap();
        assert_eq!(stored.storage_path, format!("{USER}_api_key"));
        assert_eq!(stored.original_key_name, "api_key");
        assert_eq!(
            asked(stage.mesh()),
            [format!("GET {PROFILE}"), "POST /api/v1/storeKey".to_owned()]
        );
        let body =
            json!({"userId": USER, "keyName": format!("{USER}_api_key"), "keyValue": "sk-fake"});
        assert_eq!(requests(stage.mesh())[1]["body"], body);
        client
            .store_key("api_key", "other", Some(USER))
            .await
            .unwrap();
        assert_eq!(
            client
                .get_key("api_key", None)
                .await
                .unwrap()
                .unwrap()
                .expose_secret(),
            "other"
        );
        let before = asked(stage.mesh()).len();
        for (name, value) in [("", "v"), ("n", "")] {
            let error = client.store_key(name, value, None).await.unwrap_err();
            let text = "Missing required parameters: key_name and key_value must be provided";
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::Validation, text)
            );
        }
        assert_eq!(asked(stage.mesh()).len(), before);
    });
}

/// MESH-13, D-23.
#[test]
fn an_absent_key_is_none_and_a_failure_an_error() {
    on_stage(async |stage| {
        assert!(
            client(&stage, settings())
                .get_key("none", None)
                .await
                .unwrap()
                .is_none()
        );
        for (plan, expected) in [
            (
                Plan::json(200, json!({"success": true, "key": "v"})),
                Ok(Some("v")),
            ),
            (
                Plan::json(200, json!({"success": true, "keyValue": ""})),
                Ok(None),
            ),
            (Plan::json(200, json!({"success": false})), Ok(None)),
            (Plan::json(400, json!({"error": "no"})), Err(Some(400))),
            (Plan::text(404, "Cannot GET"), Err(Some(404))),
            (Plan::text(200, "garbage"), Err(Some(200))),
        ] {
            let script = Script::new(move |_, _| plan.clone());
            let got = script.client(settings()).get_key("k", Some("u")).await;
            let got = got.map(|key| key.map(|key| key.expose_secret().to_owned()));
            let got = got
                .as_ref()
                .map(Option::as_deref)
                .map_err(|error| error.status());
            assert_eq!(got, expected);
        }
        let failed = Script::new(|_, _| Plan::text(500, "x"));
        assert!(
            failed
                .client(settings())
                .list_keys(Some("u"))
                .await
                .is_err(),
            "and no empty list"
        );
    });
}

/// MESH-14.
#[test]
fn names_come_without_the_prefix_and_users_do_not_see_each_other() {
    on_stage(async |stage| {
        let mine = client(&stage, settings());
        let other = client(
            &stage,
            unauthenticated().auth_token(token_of("auth0|other")),
        );
        mine.store_key("b", "v", None).await.unwrap();
        mine.store_key("a", "v", None).await.unwrap();
        assert_eq!(mine.list_keys(None).await.unwrap(), ["b", "a"]);
        assert!(other.list_keys(None).await.unwrap().is_empty());
        let prefixed = Script::new(|_, _| Plan::json(200, json!({"keys": ["u_x", "y"]})));
        assert_eq!(
            prefixed
                .client(settings())
                .list_keys(Some("u"))
                .await
                .unwrap(),
            ["x", "y"]
        );
        assert_eq!(prefixed.seen()[0].query, "userId=u");
    });
}

/// MESH-15, D-15.
#[test]
fn the_legacy_twin_is_asked_where_a_path_is_missing() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        let paths = [
            "storeKey",
            "getKey",
            "listKeys",
            "storeKeyZKP",
            "getChallenge",
            "getCommitment",
            "verifyProof",
        ];
        for path in paths {
            stage
                .mesh()
                .emit("route.disable", json!({"path": format!("/api/v1/{path}")}));
        }
        client.store_key("k", "v", Some(USER)).await.unwrap();
        assert_eq!(
            asked(stage.mesh()),
            ["POST /api/v1/storeKey", "POST /v1/mesh/storeKey"]
        );
        assert!(client.get_key("k", Some(USER)).await.unwrap().is_some());
        assert_eq!(client.list_keys(Some(USER)).await.unwrap(), ["k"]);
        client.store_key_zkp(Some(USER), "k", "v").await.unwrap();
        assert!(
            client
                .verify_key(Some(USER), "k", "v")
                .await
                .unwrap()
                .verified
        );
    });
}

async fn committed(stage: &greenroom::testing::Stage) -> MeshClient {
    let client = client(stage, settings());
    let stored = client
        .store_key_zkp(Some("user123"), "api_key", "secret_value")
        .await
        .unwrap();
    assert_eq!(
        stored.commitment,
        "6772012b12bd75e769181b5521024120d343e031159d1d91e52ce8d14d9d4d94"
    );
    client
}

/// MESH-17, MESH-35: the sequences of the vectors.
#[test]
fn commitments_are_stored_and_verified_in_the_order_of_the_vectors() {
    on_stage(async |stage| {
        let client = committed(&stage).await;
        let asked = |from: usize| super::asked(stage.mesh())[from..].to_vec();
        assert_eq!(
            asked(0),
            ["POST /v1/mesh/users", "POST /api/v1/storeKeyZKP"]
        );
        let sent = requests(stage.mesh());
        assert_eq!(sent[0]["body"], json!({"id": "user123"}));
        assert!(sent[0]["headers"].get("authorization").is_none());
        assert!(
            client
                .verify_key(Some("user123"), "api_key", "secret_value")
                .await
                .unwrap()
                .verified
        );
        assert_eq!(
            asked(2),
            [
                "GET /api/v1/getChallenge",
                "GET /api/v1/getCommitment",
                "POST /api/v1/verifyProof"
            ]
        );
        let proof = &requests(stage.mesh())[4]["body"];
        assert_eq!(
            proof["nullifier"],
            "24d40bbc28c4facd442a31ac8862109a6e748d5b64d5e3ca2ed19cc6d4a5317e"
        );
        assert_eq!(
            proof["clientCommitment"],
            "6772012b12bd75e769181b5521024120d343e031159d1d91e52ce8d14d9d4d94"
        );
    });
}

/// MESH-18, D-05: the peer finds every value right where the server tells its commitment.
#[test]
fn a_wrong_value_is_not_verified() {
    on_stage(async |stage| {
        let client = committed(&stage).await;
        let wrong = client
            .verify_key(Some("user123"), "api_key", "wrong")
            .await
            .unwrap();
        assert_eq!(
            (wrong.verified, wrong.message),
            (false, Some("Key value doesn't match stored commitment"))
        );
        assert!(
            !asked(stage.mesh()).contains(&"POST /api/v1/verifyProof".to_owned()),
            "nothing is sent"
        );
        // Whatever the server says to it.
        let lying = Script::new(|seen, _| match seen.path() {
            "/api/v1/getChallenge" => Plan::json(200, json!({"challenge": "c"})),
            "/api/v1/getCommitment" => Plan::json(200, json!({"commitment": "00"})),
            _ => Plan::json(200, json!({"success": true, "verified": true})),
        });
        assert!(
            !lying
                .client(settings())
                .verify_key(Some("u"), "k", "v")
                .await
                .unwrap()
                .verified
        );
        stage.mesh().emit("commitment.hide", json!({}));
        assert!(
            client
                .verify_key(Some("user123"), "api_key", "secret_value")
                .await
                .unwrap()
                .verified
        );
        assert_eq!(
            requests(stage.mesh()).last().unwrap()["body"]["clientCommitment"],
            "not provided"
        );
        assert!(
            !client
                .verify_key(Some("user123"), "api_key", "wrong")
                .await
                .unwrap()
                .verified
        );
    });
}

#[test]
fn failures_of_commitments_have_their_words() {
    on_stage(async |_| {
        for (status, words) in [
            (402, "Insufficient credits"),
            (400, "Failed to store key: 400"),
        ] {
            let script = Script::new(move |_, _| Plan::json(status, json!({"error": "x"})));
            let error = script
                .client(settings())
                .store_key_zkp(Some("u"), "k", "v")
                .await
                .unwrap_err();
            assert!(error.to_string().starts_with(words), "{error}");
        }
        for status in [401, 403] {
            let script =
                Script::new(move |_, _| Plan::json(status, json!({"error": "Invalid token"})));
            let client = script.client(settings());
            for error in [
                client.store_key_zkp(Some("u"), "k", "v").await.unwrap_err(),
                client.verify_key(Some("u"), "k", "v").await.unwrap_err(),
            ] {
                let object = serde_json::to_value(&error).unwrap();
                assert_eq!(object["error"], "Authentication failed");
                assert_eq!(error.kind(), ErrorKind::Auth);
            }
        }
        let script = Script::new(|_, _| Plan::json(404, json!({"error": "Key not found"})));
        let error = script
            .client(settings())
            .verify_key(Some("u"), "k", "v")
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("Error getting challenge: 404"),
            "{error}"
        );
        assert_eq!(script.paths().len(), 1);
    });
}

/// The third of the vectors: there is a commitment to no value at all.
#[test]
fn nothing_can_be_committed_to() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        let stored = client.store_key_zkp(Some("u"), "k", "").await.unwrap();
        assert_eq!(
            stored.commitment,
            "e1e4ccce330f2593c0366962dd790728af40a37e7cc74a65e80b6bcc91ba4b40"
        );
        let verified = client.verify_key(Some("u"), "k", "").await.unwrap();
        assert!(verified.verified);
        assert!(client.store_key_zkp(Some("u"), "", "v").await.is_err());
    });
}

/// MESH-32 to MESH-35.
#[test]
fn usage_models_credits_and_users() {
    on_stage(async |stage| {
        let client = client(&stage, settings());
        assert_eq!(client.credits(None).await.unwrap(), 1_000.0);
        client.chat("x").await.unwrap();
        assert_eq!(client.credits(None).await.unwrap(), 999.0);
        let unknown = client.credits(Some("auth0|nobody")).await.unwrap_err();
        assert_eq!(unknown.status(), Some(404));
        assert_eq!(client.usage().await.unwrap()["success"], true);
        assert!(
            client
                .models()
                .await
                .unwrap()
                .openai
                .contains(&"gpt-4".to_owned())
        );
        stage
            .mesh()
            .emit("route.disable", json!({"path": "/api/v1/models"}));
        let models = client.models().await.unwrap();
        assert_eq!((models.openai.len(), models.anthropic.len()), (10, 9));
        assert_eq!(models.available_models["openai"], ["gpt-4"]);
        let made = client
            .ensure_user("auth0|new", Some("new@example.com"))
            .await
            .unwrap();
        assert_eq!(
            (made.id.as_str(), made.credits),
            ("auth0|new", Some(1_000.0))
        );
    });
}

#[test]
fn the_token_says_who_the_user_is_only_where_no_profile_can_be_asked_for() {
    on_stage(async |_| {
        let missing = Script::new(|seen, _| match seen.path() {
            "/api/v1/storeKey" => Plan::json(200, json!({"success": true})),
            _ => Plan::missing(),
        });
        let stored = missing
            .client(settings())
            .store_key("k", "v", None)
            .await
            .unwrap();
        assert_eq!(stored.storage_path, format!("{USER}_k"));
        let failing = Script::new(|_, _| Plan::json(400, json!({"error": "no"})));
        let error = serde_json::to_value(
            failing
                .client(settings())
                .list_keys(None)
                .await
                .unwrap_err(),
        )
        .unwrap();
        let text = "User ID not provided and could not be extracted from authentication token";
        assert_eq!(error["error"], text);
        assert_eq!(error["troubleshooting"][0], "Provide a user_id parameter");
    });
}
