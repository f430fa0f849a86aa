//! Paths that are missing, world files, seeds.

use super::*;

#[test]
fn paths_can_be_missing() {
    let mut rig = Rig::registered();
    for (method, path) in [
        ("POST", "/nowhere"),
        ("GET", "/api/v1/storeKey"),
        ("POST", "/api/v1/refresh-token"),
        ("GET", "/v1/mesh/models"),
    ] {
        assert_eq!(
            rig.mesh(method, path, "", Value::Null),
            (404, json!(format!("Cannot {method} {path}")))
        );
    }
    rig.emit("route.disable", json!({"path": "/api/v1/storeKey"}))
        .unwrap();
    let key = json!({"userId": "u", "keyName": "u_k", "keyValue": "v", "commitment": "c"});
    assert_eq!(
        rig.post("/api/v1/storeKey", key.clone()),
        (404, json!("Cannot POST /api/v1/storeKey"))
    );
    assert_eq!(
        rig.post("/api/v1/storeKeyZKP", key.clone()).0,
        200,
        "another path"
    );
    assert_eq!(rig.post("/v1/mesh/storeKey", key.clone()).0, 200);
    rig.emit(
        "route.disable",
        json!({"paths": ["/api/v1/"], "status": 501}),
    )
    .unwrap();
    assert_eq!(
        rig.get("/api/v1/models?x=1"),
        (501, json!("Cannot GET /api/v1/models"))
    );
    rig.emit("route.enable", json!({"path": "/api/v1/"}))
        .unwrap();
    assert_eq!(
        (
            rig.get("/api/v1/models").0,
            rig.post("/api/v1/storeKey", key.clone()).0
        ),
        (200, 404)
    );
    rig.emit("route.enable", json!({})).unwrap();
    assert_eq!(rig.post("/api/v1/storeKey", key).0, 200);
    rig.emit_at_tenant(
        "route.disable",
        json!({"path": "/oauth/device/code", "status": 405}),
    )
    .unwrap();
    assert_eq!(rig.auth0("POST", "/oauth/device/code", json!({})).0, 405);
    for (data, part) in [
        (json!({}), "path is required"),
        (json!({"path": "x"}), "slash"),
        (json!({"path": "/x", "status": 500}), "404, 405, 501"),
        (json!({"way": "/x"}), "way"),
    ] {
        let refused = rig.emit("route.disable", data).unwrap_err();
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn a_world_file_changes_the_world() {
    let mut rig = Rig::with(
        "[mesh]\nlogin = \"auth0|carol\"\nemail = \"c@x.test\"\ncredits = 5\nexpires_in = 60\nrotate = false\naudience = \"aud\"\n\
         auth0_url = \"https://login.test:4443/\"\nmissing = [\"/api/v1/models\"]\nforms = { list_keys = \"prefixed\" }\n\
         [[mesh.user]]\nid = \"u\"\ncredits = 7\n[[mesh.key]]\nuser = \"u\"\nname = \"k\"\nvalue = \"v\"\n\
         [[mesh.commitment]]\nuser = \"u\"\nname = \"k\"\ncommitment = \"abc\"\n",
    );
    assert_eq!(
        rig.mesh("GET", "/api/v1/auth/config", "", Value::Null).1["domain"],
        "login.test:4443"
    );
    assert_eq!(rig.get("/api/v1/users/u/credits").1["credits"], 7);
    assert_eq!(rig.get("/api/v1/auth/profile").1["profile"]["credits"], 5);
    assert_eq!(
        rig.get("/api/v1/listKeys?userId=u").1["keys"],
        json!(["u_k"])
    );
    assert_eq!(
        rig.get("/api/v1/getCommitment?userId=u&keyName=k").1["commitment"],
        "abc"
    );
    assert_eq!(rig.get("/api/v1/models").0, 404);
    let world = World::parse(
        "[mesh]\ncolour = 1\n[[mesh.user]]\nid = \"\"\n[[mesh.key]]\nuser = \"u\"\nname = \"\"\nvalue = \"v\"\n",
    )
    .unwrap();
    let error =
        defaults::load(world.section("mesh"), "http://x.test", &Entropy::seeded(1)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("line 2") && text.contains("line 3") && text.contains("line 5"),
        "{text}"
    );
}

#[test]
fn the_world_file_of_the_examples_is_read() {
    let mut rig = Rig::with(include_str!("../../../../examples/world.toml"));
    assert_eq!(
        rig.get("/v1/mesh/users/auth0%7Cdora/credits").1["credits"],
        3
    );
    let keys = rig.get("/api/v1/listKeys?userId=auth0%7Cdora").1;
    assert_eq!(keys["keys"], json!(["auth0|dora_openai_key"]));
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = || {
        let mut rig = Rig::registered();
        let now = Now::read();
        rig.now = Now {
            unix: 1_767_225_600,
            ..now
        };
        let begun = rig.begin(SCOPE);
        let said = rig.post("/api/v1/chat/completions", json!({"prompt": "x"}));
        (begun, said, rig.browse(""))
    };
    assert_eq!(run(), run());
}
