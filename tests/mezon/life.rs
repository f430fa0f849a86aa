use super::*;

#[actix_rt::test]
async fn a_login_joins_every_clan_and_the_direct_conversations() {
    for wire in [Wire::V1, Wire::V2] {
        let (stage, client) = open(wire, |bot| bot).await;
        let joined: Vec<_> = sent(&stage.mezon, "clan_join")
            .iter()
            .map(|join| join["clan_id"].as_str().unwrap_or("0").to_owned())
            .collect();
        assert_eq!(joined, [CLAN.to_string(), "0".to_owned()], "{wire}");
        assert_eq!(client.me(), Id::from(BOT));
        assert_eq!(client.wire(), wire);
        let names: Vec<_> = client
            .clans()
            .list()
            .iter()
            .map(|clan| clan.name.clone())
            .collect();
        assert_eq!(names, ["Green Room", "DM"]);
        assert_eq!(
            client.direct_channel(&Id::from(ALICE)),
            Some(ChannelKey::new(0, DM))
        );
        stage.close().await;
    }
}

#[actix_rt::test]
async fn a_session_is_restored_from_a_file_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.json");
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    for life in 0..2 {
        let mut settings = settings(&mezon.url(), Wire::V2);
        settings.session_file = Some(file.clone());
        let bot = Bot::builder("test")
            .platform(Mezon::new(settings))
            .build()
            .unwrap()
            .start();
        bot.connected().await.unwrap();
        bot.shutdown().await;
        let logins = called(&mezon)
            .iter()
            .filter(|call| call.contains("authenticate"))
            .count();
        assert_eq!(logins, 1, "life {life}");
    }
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    simulator.stop().await;
}

#[actix_rt::test]
async fn a_refused_key_and_a_server_that_is_not_there_end_the_bot_with_a_reason() {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let url = simulator.url("mezon").unwrap();
    let mut wrong = greenroom::mezon::Settings::new(BOT, "not the key");
    wrong.base_url = url.parse().unwrap();
    let bot = Bot::builder("test")
        .platform(Mezon::new(wrong))
        .build()
        .unwrap()
        .start();
    let exit = tokio::time::timeout(Duration::from_secs(10), bot.ended())
        .await
        .unwrap();
    let reason = exit.to_string();
    assert!(
        reason.contains("401") && !reason.contains("not the key"),
        "{reason}"
    );
    simulator.stop().await;

    let mut nowhere = settings(&url, Wire::V2);
    nowhere.backoff = greenroom::actors::supervisor::Backoff::exponential(
        Duration::from_millis(10),
        Duration::from_millis(20),
    );
    let bot = Bot::builder("test")
        .platform(Mezon::new(nowhere))
        .build()
        .unwrap()
        .start();
    let exit = tokio::time::timeout(Duration::from_secs(60), bot.ended())
        .await
        .unwrap();
    assert!(
        exit.to_string().contains("cannot reach the server"),
        "{exit}"
    );
}
