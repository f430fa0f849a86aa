//! The events of agents in meetings, and playing media there.

use greenroom::mezon::{AgentState, Media, MezonEvents, Settings};

use super::*;

type Told = Arc<Mutex<Vec<String>>>;

/// Starts a bot that listens to agents and writes down what it hears.
async fn listening_to_agents(change: impl FnOnce(&mut Settings)) -> (Stage, MezonClient, Told) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let mut settings = settings(&mezon.url(), Wire::V2);
    settings.agent_url = Some(mezon.url().parse().unwrap());
    change(&mut settings);
    let adapter = Mezon::new(settings);
    let client = adapter.client();
    let told = Told::default();
    let log = |what: &'static str| {
        let told = Arc::clone(&told);
        move |room: &str, id: &str| told.lock().unwrap().push(format!("{what} {room} {id}"))
    };
    let (started, ended, summary) = (log("started"), log("ended"), log("summary"));
    let bot = Bot::builder("test")
        .seed(1)
        .platform(adapter)
        .on_session_started("started", async move |event| {
            started(&event.room.room_name, &event.event_id);
            Ok(())
        })
        .on_session_ended("ended", async move |event| {
            ended(&event.room.room_name, &event.event_id);
            Ok(())
        })
        .on_room_summary_done("summary", async move |event| {
            assert_eq!(event.metadata["pages"], 3);
            assert!(event.mezon().is_some());
            summary(&event.room.room_id, &event.event_id);
            Ok(())
        });
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    (Stage::new(simulator, mezon, bot), client, told)
}

fn agent(stage: &Stage, event: Value) -> Value {
    stage.mezon.command("agent", object(event)).unwrap()
}

async fn until_listening(stage: &Stage, client: &MezonClient) {
    stage
        .until(20, "the stream", |_| {
            client.agent() == AgentState::Listening
        })
        .await;
}

#[actix_rt::test]
async fn what_agents_tell_arrives_typed_and_in_order() {
    let (stage, client, told) = listening_to_agents(|_| ()).await;
    until_listening(&stage, &client).await;
    for event in [
        json!({"event_type": "room_started", "event_id": "1"}),
        json!({"event_type": "room_record_done", "event_id": "2"}),
        json!({"event_type": "room_ended", "event_id": "3"}),
        json!({"event_type": "room_summary_done", "event_id": "4", "room": {"room_id": "r"}, "metadata": {"pages": 3}}),
    ] {
        assert_eq!(agent(&stage, event), json!({"delivered": 1}));
    }
    stage
        .until(10, "three events", |_| told.lock().unwrap().len() == 3)
        .await;
    let mut told = told.lock().unwrap().clone();
    told.sort();
    let room = "sim-meeting-stage";
    let expected = [
        format!("ended {room} 3"),
        format!("started {room} 1"),
        "summary r 4".to_owned(),
    ];
    assert_eq!(told, expected);
    assert_eq!(stage.bot.counters().ignored.get(), 1, "of another kind");
    let graph = stage.bot.graph().to_text();
    assert!(graph.contains("SessionStarted"), "{graph}");
    stage.close().await;
    assert_eq!(client.agent(), AgentState::Off);
}

#[actix_rt::test]
async fn a_stream_that_ends_is_opened_again() {
    let (stage, client, told) = listening_to_agents(|_| ()).await;
    until_listening(&stage, &client).await;
    assert_eq!(agent(&stage, json!({"close": true})), json!({"closed": 1}));
    stage
        .until(10, "the end", |_| {
            matches!(client.agent(), AgentState::Waiting { attempt: 1, .. })
        })
        .await;
    until_listening(&stage, &client).await;
    agent(
        &stage,
        json!({"event_type": "room_started", "event_id": "5"}),
    );
    stage
        .until(10, "the event", |_| told.lock().unwrap().len() == 1)
        .await;
    stage.close().await;
}

#[actix_rt::test]
async fn a_server_that_refuses_the_key_is_not_asked_again_and_the_key_is_not_shown() {
    let world = "[[mezon.bot]]\nid = \"1000000000000000001\"\nname = \"greenroom\"\nkey = \"another-key\"\n";
    let world = greenroom::simulator::World::parse(world).unwrap();
    let other = Simulator::builder().seed(2).world(world).start().await;
    let other = other.unwrap();
    let agents = other.platform("mezon").unwrap();
    let url = agents.url().parse().unwrap();
    let (stage, client, _) = listening_to_agents(|settings| settings.agent_url = Some(url)).await;
    stage
        .until(10, "the refusal", |_| {
            matches!(client.agent(), AgentState::GivenUp { .. })
        })
        .await;
    let shown = format!("{:?}", client.agent());
    assert!(
        shown.contains("HTTP 401") && !shown.contains("sim-mezon-key"),
        "{shown}"
    );
    assert_eq!(called(&agents).len(), 1, "asked once");
    assert!(stage.bot.health().ready, "the bot goes on without");
    stage.close().await;
    other.stop().await;
}

#[actix_rt::test]
async fn nobody_listens_unless_a_server_is_set() {
    let (stage, client, _) = listening_to_agents(|settings| settings.agent_url = None).await;
    assert_eq!(client.agent(), AgentState::Off);
    assert_eq!(
        agent(&stage, json!({"event_type": "room_started"})),
        json!({"delivered": 0})
    );
    assert!(!stage.bot.tree().to_string().contains("agent"));
    stage.close().await;
}

on_both_wires!(media_are_played_in_the_room_of_a_channel);

async fn media_are_played_in_the_room_of_a_channel(wire: Wire) {
    let scene = Scene::with(wire, |settings| {
        let player = settings.base_url.join("/api/playmedia").unwrap();
        settings.media_api_url = Some(player);
    })
    .await;
    let client = &scene.client;
    client.load_channels(&Id::from(CLAN)).await.unwrap();
    let all = client.channels().list();
    let voice = all.iter().find(|channel| !channel.meeting_code.is_empty());
    let voice = voice.unwrap();
    voice.play_media("https://cdn.invalid/a.mp3").await.unwrap();
    scene.stage.fault(json!({"kind": "expire"}));
    let media = Media {
        name: "b".to_owned(),
        participant: "someone".to_owned(),
        ..Media::new("other-room", "https://cdn.invalid/b.mp3")
    };
    client.play_media(media).await.unwrap();
    let entries = scene.stage.mezon.journal(0).into_iter();
    let entries = entries.map(|entry| entry.to_json());
    let played = entries
        .filter(|entry| entry["direction"] == "in" && entry["path"] == "/api/playmedia")
        .inspect(|entry| {
            let bearer = entry["headers"]["authorization"].as_str().unwrap();
            assert!(bearer.starts_with("Bearer "), "{bearer}");
        })
        .map(|entry| entry["body"].clone());
    let other = json!({"room_name": "other-room", "participant_identity": "someone", "url": "https://cdn.invalid/b.mp3", "name": "b"});
    assert_eq!(
        played.collect::<Vec<_>>(),
        [
            json!({"room_name": "sim-meeting-stage", "participant_identity": BOT.to_string(), "url": "https://cdn.invalid/a.mp3"}),
            other.clone(),
            other,
        ],
        "again with a new token, once"
    );
    for empty in [Media::new("", "u"), Media::new("r", " ")] {
        let error = client.play_media(empty).await.unwrap_err();
        assert!(matches!(error, ApiError::Invalid(_)), "{error}");
    }
    scene.stage.close().await;
}
