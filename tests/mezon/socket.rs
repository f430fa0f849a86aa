//! The socket alone, and the session that opens it.

use greenroom::actors::connection::RequestError;
use greenroom::mezon::{MezonSession, Settings, Socket};
use greenroom::platform::http::HttpClient;

use super::*;

on_both_wires!(
    a_socket_works_without_a_bot,
    a_silent_server_is_told_once_and_the_socket_is_gone,
    a_refused_token_is_an_error_and_not_a_loop,
    a_session_is_saved_and_restored_without_a_login,
    mez50_the_time_out_of_calls_is_honoured,
    mez52_a_session_that_ends_soon_is_refreshed_and_not_made_anew,
    rest_calls_can_be_spaced,
);

pub(super) async fn log_in(wire: Wire) -> (Simulator, Arc<dyn Platform>, Settings, MezonSession) {
    let simulator = Simulator::builder().seed(1).start().await.unwrap();
    let mezon = simulator.platform("mezon").unwrap();
    let settings = settings(&mezon.url(), wire);
    let http = HttpClient::new(settings.timeout, 1_000_000);
    let now = greenroom::actors::clock::unix_seconds();
    let session = MezonSession::log_in(&http, &settings, now).await.unwrap();
    (simulator, mezon, settings, session)
}

fn noted() -> (
    Arc<Mutex<Vec<String>>>,
    impl Fn(String) + Clone + Send + Sync,
) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&notes);
    (notes, move |note| log.lock().unwrap().push(note))
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within 10 s: {what}");
}

async fn a_socket_works_without_a_bot(wire: Wire) {
    let (simulator, mezon, settings, session) = log_in(wire).await;
    let (notes, note) = noted();
    let (events, failures, losses) = (note.clone(), note.clone(), note);
    let port = settings.base_url.port().unwrap();
    let socket = Socket::new("127.0.0.1", port, false)
        .on_event(move |event| events(event.name))
        .on_error(move |error| failures(format!("error {error}")))
        .on_disconnect(move |reason| losses(format!("lost {reason}")));
    let closed = socket.join_clan(CLAN).await.unwrap_err();
    assert_eq!(closed, RequestError::Closed);
    socket.connect(&session).await.unwrap();
    socket.join_clan(CLAN).await.unwrap();
    socket.join_clan(0).await.unwrap();
    socket.join_chat(0, DM, 3, false).await.unwrap();
    let message = realtime::ChannelMessageSend {
        clan_id: CLAN,
        channel_id: GENERAL,
        content: r#"{"t":"hello"}"#.to_owned(),
        mode: 2,
        is_public: true,
        ..Default::default()
    };
    let ack = socket.write_chat_message(message).await.unwrap();
    assert_ne!(ack.message_id, 0);
    until("its own message", || {
        notes
            .lock()
            .unwrap()
            .contains(&"channel_message".to_owned())
    })
    .await;
    let garbage = json!({"kind": "garbage", "count": 1});
    let garbage = greenroom::simulator::Fault::parse(object(garbage), mezon.faults()).unwrap();
    mezon.fault(garbage).unwrap();
    until("the error", || {
        notes
            .lock()
            .unwrap()
            .iter()
            .any(|note| note.starts_with("error"))
    })
    .await;
    assert!(socket.is_open());
    socket.close().await;
    assert!(!socket.is_open());
    assert!(
        notes
            .lock()
            .unwrap()
            .iter()
            .all(|note| !note.starts_with("lost"))
    );
    socket.connect(&session).await.unwrap();
    let cut = json!({"kind": "disconnect"});
    let cut = greenroom::simulator::Fault::parse(object(cut), mezon.faults()).unwrap();
    mezon.fault(cut).unwrap();
    until("the loss", || {
        notes
            .lock()
            .unwrap()
            .iter()
            .any(|note| note.starts_with("lost"))
    })
    .await;
    until("the end", || !socket.is_open()).await;
    simulator.stop().await;
}

async fn a_silent_server_is_told_once_and_the_socket_is_gone(wire: Wire) {
    let (simulator, mezon, _, session) = log_in(wire).await;
    let (notes, note) = noted();
    let (silent, losses) = (note.clone(), note);
    let moment = Duration::from_millis(100);
    let socket = Socket::of(&session)
        .heartbeat(moment, moment)
        .on_heartbeat_timeout(move || silent("silent".to_owned()))
        .on_disconnect(move |_| losses("lost".to_owned()));
    socket.connect(&session).await.unwrap();
    let stall = json!({"kind": "stall", "ms": 60_000});
    let stall = greenroom::simulator::Fault::parse(object(stall), mezon.faults()).unwrap();
    mezon.fault(stall).unwrap();
    until("the end", || !socket.is_open()).await;
    assert_eq!(*notes.lock().unwrap(), ["silent", "lost"]);
    simulator.stop().await;
}

async fn a_refused_token_is_an_error_and_not_a_loop(wire: Wire) {
    let (simulator, mezon, _, mut session) = log_in(wire).await;
    session.update("not.a.token", "");
    let error = Socket::of(&session).connect(&session).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let dials = called(&mezon)
        .iter()
        .filter(|call| call.starts_with("GET /ws"))
        .count();
    assert_eq!(dials, 1);
    simulator.stop().await;
}

async fn a_session_is_saved_and_restored_without_a_login(wire: Wire) {
    let (simulator, mezon, mut settings, session) = log_in(wire).await;
    let saved = serde_json::to_value(&session).unwrap();
    let restored: MezonSession = serde_json::from_value(saved.clone()).unwrap();
    assert_eq!(serde_json::to_value(&restored).unwrap(), saved);
    assert!(
        !restored.is_expired(session.created_at)
            && !restored.is_refresh_expired(session.created_at)
    );
    settings.session = Some(restored);
    let bot = Bot::builder("test").platform(Mezon::new(settings));
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    bot.shutdown().await;
    let logins = called(&mezon)
        .iter()
        .filter(|call| call.contains("authenticate"))
        .count();
    assert_eq!(logins, 1, "only the one that made the session");
    simulator.stop().await;
}

async fn mez50_the_time_out_of_calls_is_honoured(wire: Wire) {
    let patient = Scene::with(wire, |settings| settings.timeout = Duration::from_secs(15)).await;
    let hasty = Scene::with(wire, |settings| {
        settings.timeout = Duration::from_millis(400);
    })
    .await;
    for scene in [&patient, &hasty] {
        scene
            .stage
            .fault(json!({"kind": "delay", "count": 1, "ms": 1_200}));
    }
    patient.client.friends(0, 0, "").await.unwrap();
    let error = hasty.client.friends(0, 0, "").await.unwrap_err();
    assert!(
        error.to_string().contains("no answer within 400ms"),
        "{error}"
    );
    patient.stage.close().await;
    hasty.stage.close().await;
}

async fn mez52_a_session_that_ends_soon_is_refreshed_and_not_made_anew(wire: Wire) {
    let (simulator, mezon, mut settings, mut session) = log_in(wire).await;
    assert!(!session.is_expired(session.expires_at.unwrap()));
    assert!(session.is_expired(session.expires_at.unwrap() + 1));
    session.expires_at = Some(session.created_at + 5);
    settings.session = Some(session);
    let bot = Bot::builder("test").platform(Mezon::new(settings));
    let bot = bot.build().unwrap().start();
    bot.connected().await.unwrap();
    let of = |name: &str| {
        called(&mezon)
            .iter()
            .filter(|call| call.contains(name))
            .count()
    };
    let refresh = match wire {
        Wire::V1 => "authenticate/refresh",
        Wire::V2 => "SessionRefresh",
    };
    until("the refresh", || of(refresh) == 1).await;
    assert_eq!(of("authenticate/token"), 1);
    bot.shutdown().await;
    simulator.stop().await;
}

async fn rest_calls_can_be_spaced(wire: Wire) {
    let spacing = Duration::from_millis(150);
    let scene = Scene::with(wire, |settings| settings.rest_spacing = Some(spacing)).await;
    let start = tokio::time::Instant::now();
    let all = (0..4).map(|_| scene.client.friends(0, 0, ""));
    futures::future::try_join_all(all).await.unwrap();
    // Three gaps at least: never sooner, however slow the machine is.
    assert!(start.elapsed() >= spacing * 3);
    scene.stage.close().await;
}
