//! Messages on disk.

use std::path::Path;

use greenroom::simulator::FaultKind;
use greenroom::testing::run;
use greenroom::token_bowl::{CacheOptions, Protocol};

use super::*;

/// A user whose messages are kept.
async fn kept(stage: &Stage, folder: &Path, protocol: Protocol) -> (TestBot, TokenBowlClient) {
    let settings = Settings {
        protocol,
        ..settings(stage, "bob")
    };
    let platform = TokenBowl::new(settings).cached(CacheOptions::new(folder));
    let client = platform.client();
    let bot = stage.start(Bot::builder("bob").platform(platform)).await;
    (bot, client)
}

async fn texts(client: &TokenBowlClient, channel: &ChannelKey) -> Vec<String> {
    let kept = client.history(channel, 100).await.unwrap();
    kept.into_iter().map(|message| message.content).collect()
}

#[test]
fn what_is_heard_and_said_is_kept_in_order_and_outlives_the_bot() {
    for protocol in [Protocol::Plain, Protocol::Centrifugo] {
        let folder = tempfile::tempdir().unwrap();
        run(async |stage: Stage| {
            let platform = stage.platform("token_bowl");
            let (bot, client) = kept(&stage, folder.path(), protocol).await;
            let room = ChannelKey::default();
            let alice = ChannelKey::new("", "@alice");
            platform.say("alice", "room", "one");
            stage.advance(SECOND).await;
            client.send_message("two", None).await.unwrap();
            stage.advance(SECOND).await;
            platform.fault(FaultKind::Disconnect);
            platform.say("alice", "room", "three, while it was away");
            stage.advance(60 * SECOND).await;
            platform.say("alice", "@bob", "psst");
            stage.advance(SECOND).await;
            client.send_message("what?", Some("alice")).await.unwrap();
            stage.advance(SECOND).await;
            let said = ["three, while it was away", "two", "one"];
            assert_eq!(texts(&client, &room).await, said, "{protocol:?}");
            assert_eq!(texts(&client, &alice).await, ["what?", "psst"]);
            assert_eq!(bot.running().counters().cached.get(), 5);
            bot.stop().await;
            // Whoever has the cache has the folder.
            drop((bot, client));
            let (_bot, client) = kept(&stage, folder.path(), protocol).await;
            assert_eq!(texts(&client, &alice).await, ["what?", "psst"]);
            let newest = client.history(&room, 1).await.unwrap();
            assert_eq!(newest[0].from_username, "alice");
        });
    }
}

#[test]
fn accounts_share_a_folder_and_each_has_its_own_messages() {
    let folder = tempfile::tempdir().unwrap();
    run(async |stage: Stage| {
        let accounts = ["alice", "bob"].map(|name| (name, settings(&stage, name)));
        let platform = TokenBowl::accounts(accounts).cached(CacheOptions::new(folder.path()));
        let clients = platform.clients();
        let bot = stage.start(Bot::builder("two").platform(platform)).await;
        stage.advance(SECOND).await;
        stage.platform("token_bowl").say("admin", "@bob", "for bob");
        stage.advance(SECOND).await;
        let admin = ChannelKey::new("", "@admin");
        assert!(texts(&clients[0], &admin).await.is_empty());
        assert_eq!(texts(&clients[1], &admin).await, ["for bob"]);
        bot.stop().await;
    });
    run(async |stage: Stage| {
        let bob = User::new(&stage, "bob").await;
        let none = texts(&bob.client, &ChannelKey::default()).await;
        assert!(none.is_empty(), "without a cache nothing is kept");
    });
}
