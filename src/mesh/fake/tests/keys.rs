//! Users, keys and commitments.

use super::*;

#[test]
fn users_are_registered_by_their_profile_or_by_name() {
    let mut rig = Rig::new();
    let credits = "/api/v1/users/auth0%7Csim-user/credits";
    assert_eq!(rig.get(credits), (404, error("User not found")));
    let profile =
        json!({"id": "auth0|sim-user", "email": "sim-user@example.invalid", "credits": 1000});
    for path in [
        "/api/v1/auth/profile",
        "/v1/mesh/auth/profile",
        "/auth/profile",
    ] {
        assert_eq!(
            rig.get(path),
            (200, json!({"success": true, "profile": profile}))
        );
    }
    for path in [credits, "/v1/mesh/users/auth0%7Csim-user/credits"] {
        assert_eq!(
            rig.get(path),
            (
                200,
                json!({"success": true, "userId": "auth0|sim-user", "credits": 1000})
            )
        );
    }
    let body = json!({"id": "user123", "email": "u@x.test"});
    for path in ["/api/v1/users", "/v1/mesh/users"] {
        let (status, made) = rig.mesh("POST", path, "", body.clone());
        assert_eq!(
            (status, &made["user"]),
            (
                200,
                &json!({"id": "user123", "email": "u@x.test", "credits": 1000})
            )
        );
        assert_eq!(
            rig.mesh("POST", path, "", json!({})),
            (400, error("id is required"))
        );
    }
    assert_eq!(rig.emit("user.delete", json!({})).unwrap()["deleted"], true);
    assert_eq!(
        rig.emit("user.delete", json!({})).unwrap()["deleted"],
        false
    );
    assert_eq!(rig.get(credits).0, 404);
}

#[test]
fn keys_are_stored_listed_and_kept_apart() {
    let mut rig = Rig::new();
    for (place, (name, value)) in [("b", "1"), ("a", "2"), ("b", "3")].into_iter().enumerate() {
        let path = ["/api/v1/storeKey", "/v1/mesh/storeKey"][place % 2];
        let body = json!({"userId": "auth0|alice", "keyName": format!("auth0|alice_{name}"), "keyValue": value});
        let (status, stored) = rig.post(path, body);
        assert_eq!(
            (status, &stored["keyName"]),
            (200, &json!(format!("auth0|alice_{name}")))
        );
        assert_eq!(
            (&stored["success"], &stored["userId"]),
            (&json!(true), &json!("auth0|alice"))
        );
    }
    for family in ["/api/v1", "/v1/mesh"] {
        let get = format!("{family}/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_b");
        assert_eq!(
            rig.get(&get),
            (200, json!({"success": true, "keyValue": "3"}))
        );
        assert_eq!(
            rig.get(&get.replace("alice_b", "alice_c")),
            (404, error("Key not found"))
        );
        let list = format!("{family}/listKeys?userId=auth0%7Calice");
        assert_eq!(
            rig.get(&list),
            (200, json!({"success": true, "keys": ["b", "a"]}))
        );
        assert_eq!(rig.get(&list.replace("alice", "bob")).1["keys"], json!([]));
        assert_eq!(
            rig.get(&format!("{family}/listKeys")),
            (400, error("userId is required"))
        );
        assert_eq!(
            rig.get(&format!("{family}/getKey?userId=x")),
            (400, error("keyName is required"))
        );
    }
    for name in ["userId", "keyName", "keyValue"] {
        let mut body = json!({"userId": "u", "keyName": "u_k", "keyValue": "v"});
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(
            rig.post("/api/v1/storeKey", body),
            (400, error(&format!("{name} is required")))
        );
    }
    assert_eq!(rig.post("/api/v1/storeKey", json!("{")).0, 400);
    assert_eq!(
        rig.mesh("POST", "/api/v1/storeKey", "", json!({})),
        (401, error("No token provided"))
    );
    rig.emit("form", json!({"list_keys": "prefixed", "get_key": "key"}))
        .unwrap();
    assert_eq!(
        rig.get("/api/v1/listKeys?userId=auth0%7Calice").1["keys"][1],
        "auth0|alice_a"
    );
    let get = "/api/v1/getKey?userId=auth0%7Calice&keyName=auth0%7Calice_a";
    assert_eq!(rig.get(get).1, json!({"success": true, "key": "2"}));
}

#[test]
fn proofs_are_verified_with_the_vectors() {
    let mut rig = Rig::new();
    for (key, value, nullifier, commitment, proof) in VECTORS {
        assert_eq!(sha256(&format!("{key}:{value}")), nullifier);
        assert_eq!(sha256(&format!("{value}:{nullifier}")), commitment);
        assert_eq!(
            sha256(&format!("{nullifier}{CHALLENGE}{commitment}")),
            proof
        );
        rig.hub.world.commit("user123", key, commitment);
        rig.hub.world.expect_challenge(CHALLENGE, "user123", key);
        let body = json!({"userId": "user123", "keyName": key, "proof": proof, "nullifier": nullifier, "challenge": CHALLENGE, "clientCommitment": commitment});
        assert_eq!(
            rig.post("/api/v1/verifyProof", body.clone()),
            (200, json!({"success": true, "verified": true}))
        );
        assert_eq!(
            rig.post("/api/v1/verifyProof", body).0,
            400,
            "a challenge works once"
        );
    }
    let colons = "d2d7341b0684cef01075fbffebb7e417a7ae03386152987c48c9e3a2293eac6d";
    rig.hub
        .world
        .expect_challenge(CHALLENGE, "user123", "api_key");
    let body = json!({"userId": "user123", "keyName": "api_key", "proof": colons, "nullifier": VECTORS[0].2, "challenge": CHALLENGE, "clientCommitment": "not provided"});
    assert_eq!(
        rig.post("/api/v1/verifyProof", body),
        (200, json!({"success": true, "verified": false}))
    );
}

#[test]
fn a_challenge_is_for_one_user_and_key() {
    let mut rig = Rig::new();
    let query = "userId=user123&keyName=api_key";
    assert_eq!(
        rig.get(&format!("/api/v1/getChallenge?{query}")),
        (404, error("Key not found"))
    );
    assert_eq!(
        rig.get(&format!("/api/v1/getCommitment?{query}")),
        (404, error("Commitment not found"))
    );
    let (nullifier, commitment) = (
        sha256("api_key:v"),
        sha256(&format!("v:{}", sha256("api_key:v"))),
    );
    for path in ["/api/v1/storeKeyZKP", "/v1/mesh/storeKeyZKP"] {
        let body = json!({"userId": "user123", "keyName": "api_key", "commitment": commitment});
        assert_eq!(rig.post(path, body).1["success"], true);
        assert_eq!(
            rig.post(path, json!({"userId": "u", "keyName": "k"})),
            (400, error("commitment is required"))
        );
    }
    assert_eq!(
        rig.get(&format!("/v1/mesh/getCommitment?{query}")).1["commitment"],
        commitment.as_str()
    );
    let challenge = |rig: &mut Rig| {
        rig.get(&format!("/v1/mesh/getChallenge?{query}")).1["challenge"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (challenge(&mut rig), challenge(&mut rig));
    assert_ne!(first, second);
    let verify = |rig: &mut Rig, user: &str, challenge: &str| {
        let proof = sha256(&format!("{nullifier}{challenge}{commitment}"));
        rig.post("/v1/mesh/verifyProof", json!({"userId": user, "keyName": "api_key", "proof": proof, "nullifier": nullifier, "challenge": challenge, "clientCommitment": commitment}))
    };
    assert_eq!(verify(&mut rig, "user456", &first).0, 400);
    assert_eq!(verify(&mut rig, "user123", "made up").0, 400);
    assert_eq!(verify(&mut rig, "user123", &first).1["verified"], true);
    assert_eq!(verify(&mut rig, "user123", &first).0, 400);
    rig.emit(
        "commitment.hide",
        json!({"userId": "user123", "keyName": "api_key"}),
    )
    .unwrap();
    assert_eq!(
        rig.get(&format!("/api/v1/getCommitment?{query}")),
        (404, error("Commitment not found"))
    );
    assert_eq!(
        verify(&mut rig, "user123", &second).1["verified"],
        true,
        "it is there all the same"
    );
    rig.emit("commitment.hide", json!({"hidden": false}))
        .unwrap();
    assert_eq!(rig.get(&format!("/api/v1/getCommitment?{query}")).0, 200);
    rig.emit("commitment.hide", json!({})).unwrap();
    assert_eq!(rig.get(&format!("/api/v1/getCommitment?{query}")).0, 404);
    for data in [json!({"userId": "u"}), json!({"keyName": "k"})] {
        assert!(rig.emit("commitment.hide", data).is_err());
    }
}
