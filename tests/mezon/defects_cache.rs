//! The defects of other clients' message databases, and the better behaviour: D-16, D-29. (D-20 stands beside the queue that it is
//! about, in `src/cache/tests.rs`.)

use greenroom::actors::cache::{Bound, Limits, Query};

use super::*;

async fn with_cache(wire: Wire, folder: &std::path::Path, most: u64) -> (Stage, MezonClient) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let mut options = CacheOptions::new(folder.join("mezon-cache"));
    let bound = Bound::NONE.messages(most);
    options.settings = options
        .settings
        .limits(Limits::default().per_channel(bound));
    let adapter = Mezon::new(settings(&mezon.url(), wire)).cached(options);
    let client = adapter.client();
    let bot = Bot::builder("test").seed(1).platform(adapter);
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    (Stage::new(simulator, mezon, bot), client)
}

async fn kept(stage: &Stage, changes: u64) {
    stage
        .until(30, "the messages are kept", |stage| {
            stage.bot.counters().cached.get() >= changes
        })
        .await;
}

async fn texts(client: &MezonClient) -> Vec<String> {
    let cache = client.cache().unwrap();
    let rows = cache.list(Query::latest(general(), 100)).await.unwrap();
    let read = rows
        .iter()
        .map(|row| greenroom::mezon::read_record(row).unwrap());
    read.map(|message| MezonMessage::new(&message).text())
        .collect()
}

/// Their databases lose the topic, keep what was removed, store changes as new content, grow for ever, and are made at construction.
async fn d16_what_is_kept_is_whole_follows_changes_and_stays_in_bounds(wire: Wire) {
    let folder = tempfile::tempdir().unwrap();
    let (stage, client) = with_cache(wire, folder.path(), 10).await;
    assert_eq!(
        folder.path().read_dir().unwrap().count(),
        0,
        "nothing before the first message"
    );
    let words =
        json!({"from": "alice", "channel": "general", "text": "in a topic", "topic_id": "77"});
    let said = stage.mezon.say(object(words)).unwrap();
    let topical = Id::from(said["message_id"].as_str().unwrap());
    let own = client.send(&general(), "mine").await.unwrap();
    let other = client.send(&general(), "gone soon").await.unwrap();
    kept(&stage, 3).await;
    let message = client.message(&general(), &topical).await.unwrap();
    assert_eq!(message.topic_id, 77);

    client
        .update(&general(), &own.message_id.into(), "changed")
        .await
        .unwrap();
    client
        .delete(&general(), &other.message_id.into())
        .await
        .unwrap();
    kept(&stage, 5).await;
    assert_eq!(texts(&client).await, ["changed", "in a topic"]);

    for number in 0..30 {
        stage.say(&format!("word {number}"));
    }
    kept(&stage, 35).await;
    let texts = texts(&client).await;
    assert_eq!(
        (texts.len(), texts[0].as_str(), texts[9].as_str()),
        (10, "word 29", "word 20")
    );
    stage.close().await;
}

/// Some write into a `.gitignore` of the working directory.
async fn d29_nothing_is_written_beside_the_folder_of_the_cache(wire: Wire) {
    let ignored = || std::fs::read(".gitignore").unwrap_or_default();
    let before = ignored();
    let folder = tempfile::tempdir().unwrap();
    let (stage, _) = with_cache(wire, folder.path(), 10).await;
    stage.say("hello");
    kept(&stage, 1).await;
    let names = || {
        let entries = folder.path().read_dir().unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let running = names();
    assert!(
        running.iter().all(|name| name.starts_with("mezon-cache")),
        "{running:?}"
    );
    stage.close().await;
    assert_eq!(names(), ["mezon-cache"], "the door goes with the bot");
    assert_eq!(ignored(), before);
}

on_both_wires!(
    d16_what_is_kept_is_whole_follows_changes_and_stays_in_bounds,
    d29_nothing_is_written_beside_the_folder_of_the_cache,
);
