use super::*;

#[actix_rt::test]
async fn the_answer_to_the_login_tells_the_wire() {
    let server = server([("200 OK", V1, session_v1()), ("200 OK", "", session_v2())]).await;
    let first = log_in_at(&server, None).await.unwrap();
    assert_eq!(
        (first.wire, first.user_id.clone()),
        (Wire::V1, Id::from(1_000_000_000_000_000_001))
    );
    assert_eq!(first.ws_url, "ws://127.0.0.1:7350");
    assert_eq!(server.line(0), "POST /v2/apps/authenticate/token HTTP/1.1");
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(
        server.header(0, "authorization").as_deref(),
        Some("Basic c2ltLW1lem9uLWtleTo=")
    );
    assert_eq!(
        server.body(0),
        r#"{"account":{"appid":"1000000000000000001","token":"sim-mezon-key"}}"#
    );

    let second = log_in_at(&server, None).await.unwrap();
    assert_eq!((second.wire, second.user_id), (Wire::V2, first.user_id));
    assert_eq!(second.id_token.expose_secret(), "g.h.i");
    assert_eq!(second.ws_url, "ws://127.0.0.1:7350");
}

#[actix_rt::test]
async fn a_wire_can_be_demanded() {
    let answers = [
        ("200 OK", V1, session_v1()),
        ("200 OK", V2, session_v2()),
        ("200 OK", V2, session_v2()),
    ];
    let server = server(answers).await;
    assert_eq!(
        log_in_at(&server, Some(Wire::V1)).await.unwrap().wire,
        Wire::V1
    );
    assert_eq!(
        server.header(0, "accept").as_deref(),
        Some("application/json")
    );
    assert_eq!(
        log_in_at(&server, Some(Wire::V2)).await.unwrap().wire,
        Wire::V2
    );
    assert_eq!(
        server.header(1, "accept").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(
        server.header(1, "content-type").as_deref(),
        Some("application/proto")
    );
    let error = log_in_at(&server, Some(Wire::V1)).await.unwrap_err();
    assert!(matches!(error, ApiError::WrongWire { .. }), "{error:?}");
}

#[actix_rt::test]
async fn every_bad_answer_to_a_login_says_what_is_wrong() {
    const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
    let refusal = br#"{"code":16,"error":"x","message":"wrong id or key: sim-mezon-key"}"#.to_vec();
    let truncated = session_v2()[..20].to_vec();
    let cases: Vec<(Answer, &str)> = vec![
        (
            ("401 Unauthorized", V1, refusal),
            "the login: the server answered HTTP 401 (code 16): wrong id or key",
        ),
        (
            ("400 Bad Request", "", vec![]),
            "the login: the server answered HTTP 400",
        ),
        (
            ("404 Not Found", HTML, b"<html><h1>gone</h1>".to_vec()),
            "the login: the server answered HTTP 404: an HTML page",
        ),
        (
            ("503 Unavailable", "", b"come\nback".to_vec()),
            "the login: the server answered HTTP 503: come back",
        ),
        (
            ("302 Found", "Location: /x\r\n", vec![]),
            "the login: the server answered HTTP 302",
        ),
        (
            ("200 OK", HTML, b"<html>".to_vec()),
            "not Mezon's: its content type is \"text/html; charset=utf-8\"",
        ),
        (
            ("200 OK", "", b"\n <!doctype html>".to_vec()),
            "not Mezon's",
        ),
        (
            ("200 OK", "Content-Type: image/png\r\n", b"\x89PNG".to_vec()),
            "not Mezon's: its content type is \"image/png\"",
        ),
        (("200 OK", V1, vec![]), "the answer to the login is empty"),
        (
            ("204 No Content", "", vec![]),
            "the answer to the login is empty",
        ),
        (
            ("200 OK", V1, session_v1()[..40].to_vec()),
            "cannot be decoded: EOF while parsing",
        ),
        (("200 OK", V2, truncated), "cannot be decoded"),
        (
            ("200 OK", V1, b"{}".to_vec()),
            "the answer to the login has no token",
        ),
        (
            ("200 OK", V1, b"[1]".to_vec()),
            "the answer to the login has no token",
        ),
        (("200 OK", V2, b"\x0a\x01x".to_vec()), "cannot be decoded"),
        (
            ("200 OK", V1, br#"{"token":"t"}"#.to_vec()),
            "the answer to the login has no user_id",
        ),
        (
            ("200 OK", V2, b"\x12\x01t".to_vec()),
            "the answer to the login has no user_id",
        ),
    ];
    for (answer, expected) in cases {
        let server = server([answer.clone()]).await;
        let error = log_in_at(&server, None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{answer:?}: {text}");
        assert!(!text.contains("sim-mezon-key"), "{text}");
        assert_eq!(
            error.is_unauthorized(),
            answer.0.starts_with("401"),
            "{text}"
        );
    }
}

#[actix_rt::test]
async fn a_server_that_is_absent_silent_or_cut_off_is_told_apart() {
    let address = nobody().await;
    let error = MezonSession::log_in(&client(), &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::Unconnected(_),
                ..
            }
        ),
        "{error:?}"
    );

    let address = serve(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let hasty = HttpClient::new(Duration::from_millis(50), 1_000);
    let error = MezonSession::log_in(&hasty, &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::TimedOut(_),
                ..
            }
        ),
        "{error:?}"
    );

    let address = serve(|mut stream| async move {
        request(&mut stream).await;
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"token\"";
        tokio::io::AsyncWriteExt::write_all(&mut stream, cut)
            .await
            .unwrap();
    })
    .await;
    let error = MezonSession::log_in(&client(), &settings(&format!("http://{address}")), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::Protocol(_),
                ..
            }
        ),
        "{error:?}"
    );

    let server = server([("200 OK", V1, vec![b' '; 2_000])]).await;
    let small = HttpClient::new(Duration::from_secs(5), 1_000);
    let error = MezonSession::log_in(&small, &settings(&server.base), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            ApiError::Http {
                source: HttpError::BodyTooLarge(1_000),
                ..
            }
        ),
        "{error:?}"
    );
}

#[actix_rt::test]
async fn a_refresh_keeps_what_the_server_does_not_repeat() {
    let new = br#"{"token":"new","refresh_token":"next"}"#.to_vec();
    let server = server([("200 OK", V1, new), ("200 OK", V2, b"\x12\x03new".to_vec())]).await;
    for (wire, line, body) in [
        (
            Wire::V1,
            "POST /v2/apps/authenticate/refresh HTTP/1.1",
            r#"{"refresh_token":"old refresh"}"#,
        ),
        (
            Wire::V2,
            "POST /mezon.api.Mezon/SessionRefresh HTTP/1.1",
            "\n\u{b}old refresh",
        ),
    ] {
        let old = session(wire, &server);
        let new = old
            .refresh(&client(), &settings("http://127.0.0.1:1"), 50)
            .await
            .unwrap();
        let call = server.asked.borrow().len() - 1;
        assert_eq!(
            (server.line(call).as_str(), server.body(call).as_str()),
            (line, body)
        );
        assert_eq!(
            server.header(call, "authorization").as_deref(),
            Some("Basic c2ltLW1lem9uLWtleTo=")
        );
        assert_eq!(
            (new.token.expose_secret(), &new.user_id),
            ("new", &old.user_id)
        );
        assert_eq!(
            (&new.api_url, &new.ws_url, new.wire),
            (&old.api_url, &old.ws_url, wire)
        );
    }
    let mut old = session(Wire::V1, &server);
    old.refresh_expires_at = Some(49);
    let error = old
        .refresh(&client(), &settings("http://127.0.0.1:1"), 50)
        .await
        .unwrap_err();
    assert!(matches!(error, ApiError::Invalid(_)), "{error:?}");
}
