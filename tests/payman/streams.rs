//! Answers that come piece by piece.

use std::time::Duration;

use greenroom::payman::{Answer, Ask, AskEvent, ErrorKind, OutputFormat, PaymanClient, TaskState};
use serde_json::{Value, json};

use super::script::{Piece, Plan, Script, piece};
use super::{SECOND, TASKS, client, completed, facts, on_stage, requests, settings};

fn event(result: Value) -> String {
    let event = json!({"jsonrpc": "2.0", "id": "req-1", "result": result});
    format!("data: {event}\n\n")
}

fn done() -> String {
    event(json!({"id": "tsk-1", "status": {"state": "completed"}, "final": true}))
}

fn chunk(text: &str) -> String {
    event(
        json!({"id": "tsk-1", "artifact": {"parts": [{"type": "text", "text": text}], "append": true}}),
    )
}

async fn heard(
    client: &PaymanClient,
    ask: impl Into<Ask>,
) -> (Vec<Value>, Result<Answer, greenroom::payman::PaymanError>) {
    let mut events = Vec::new();
    let answer = client
        .ask_with(ask, async |event| {
            events.push(serde_json::to_value(&event).unwrap());
        })
        .await;
    (events, answer)
}

#[test]
fn pay09_each_event_is_there_before_the_next_one_is_sent() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let mut stream = client.stream("!hold").await.unwrap();
        let Some(AskEvent::Status(first)) = stream.next().await else {
            unreachable!()
        };
        assert_eq!(
            (
                first.progress.state,
                first.progress.status_message.as_deref()
            ),
            (TaskState::Working, Some("Holding"))
        );
        for number in 0..5 {
            stage.payman().emit(
                "artifact_update",
                json!({"text": format!("{number} "), "append": number > 0}),
            );
            let Some(AskEvent::Artifact(update)) = stream.next().await else {
                unreachable!()
            };
            assert_eq!(update.artifacts[0].delta, format!("{number} "));
        }
        stage.payman().emit(
            "status_update",
            json!({"state": "completed", "final": true, "text": "there"}),
        );
        let Some(AskEvent::Status(last)) = stream.next().await else {
            unreachable!()
        };
        assert!(last.progress.is_final);
        assert!(stream.next().await.is_none());
        let answer = stream.finish().await.unwrap().formatted().unwrap();
        assert_eq!(
            (
                answer.text().as_str(),
                answer.progress.status_message.as_deref()
            ),
            ("0 1 2 3 4 ", Some("there"))
        );
        let sent = &requests(&stage, TASKS)[0];
        assert_eq!(
            (&sent["path"], &sent["headers"]["accept"]),
            (
                &json!("/api/a2a/tasks/sendSubscribe"),
                &json!("text/event-stream")
            )
        );
        assert_eq!(sent["body"]["method"], "tasks.sendSubscribe");
    });
}

#[test]
fn pay11_and_pay12_states_and_parts_come_as_events() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let (events, answer) = heard(&client, "flow").await;
        let kinds: Vec<_> = events
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "status_update",
                "artifact_update",
                "artifact_update",
                "status_update"
            ]
        );
        assert_eq!(
            (&events[0]["state"], &events[0]["is_final"]),
            (&json!("working"), &json!(false))
        );
        assert_eq!(
            (&events[3]["status"], &events[3]["is_final"]),
            (&json!("completed"), &json!(true))
        );
        let artifacts = events[2]["artifacts"].as_array().unwrap();
        assert_eq!(artifacts.len(), 1);
        assert_eq!(
            (&artifacts[0]["content"], &artifacts[0]["delta"]),
            (&json!("echo: flow"), &json!("flow"))
        );
        assert_eq!(
            (
                &artifacts[0]["append"],
                &artifacts[0]["last_chunk"],
                &events[2]["is_final"]
            ),
            (&json!(true), &json!(true), &json!(false))
        );
        let session = json!(client.session_id());
        assert!(
            events
                .iter()
                .all(|event| event["session_id"] == session && event["sessionId"] == session)
        );
        let answer = answer.unwrap().formatted().unwrap();
        assert_eq!(
            (answer.text().as_str(), answer.progress.is_final),
            ("echo: flow", true)
        );
        let many = client
            .ask_with("!artifacts 3", async |_| ())
            .await
            .unwrap()
            .formatted()
            .unwrap();
        assert_eq!(many.artifacts.len(), 3);
    });
}

#[test]
fn pay10_raw_streams_give_what_came_and_the_whole_task() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let ask = Ask::new("!stream 2").output_format(OutputFormat::Json);
        let (events, answer) = heard(&client, ask).await;
        assert_eq!(events.len(), 4);
        assert_eq!(
            events[1]["result"]["artifact"]["parts"][0]["text"],
            "chunk 1 "
        );
        let raw: Value = answer.unwrap().raw().unwrap().json().read().unwrap();
        assert_eq!(
            (&raw["jsonrpc"], &raw["id"]),
            (&json!("2.0"), &events[0]["id"])
        );
        let artifact = &raw["result"]["artifacts"][0];
        assert_eq!(
            artifact["parts"],
            json!([{"type": "text", "text": "chunk 1 chunk 2 "}])
        );
        assert!(artifact.get("append").is_none() && artifact.get("lastChunk").is_none());
        assert_eq!(raw["result"]["status"]["state"], "completed");
    });
}

#[test]
fn the_framing_of_the_standard_is_understood_wherever_it_is_cut() {
    on_stage(async |_| {
        let text = "\u{feff}: hello\r\nevent: x\rid: 7\nretry: 5\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"r\",\r\ndata:\"result\":{\"status\":{\"state\":\"working\"},\r\
                    data: \"metadata\":{\"ä\":\"😀\"}}}\r\n\r\n: only a comment\n\ndata\n\nodd: field\n\n";
        let bytes = [text.as_bytes(), done().as_bytes(), b"data: never seen\n\n"].concat();
        for size in [1, 2, 3, 7, 4_096] {
            let pieces: Vec<Piece> = bytes.chunks(size).map(piece).collect();
            let client = Script::tasks([Plan::stream(pieces)])
                .client(settings())
                .await;
            let (events, answer) = heard(&client, "x").await;
            let states: Vec<_> = events.iter().map(|event| event["state"].clone()).collect();
            assert_eq!(states, ["working", "completed"], "pieces of {size}");
            assert_eq!(events[0]["metadata"], json!({"ä": "😀"}));
            answer.unwrap();
        }
    });
}

#[test]
fn what_is_no_event_is_skipped_and_what_is_too_long_fails() {
    on_stage(async |_| {
        let odd = "data: not json {\n\ndata: {\"jsonrpc\":\"2.0\"}\n\ndata: []\n\n";
        let client = Script::tasks([Plan::stream([piece(odd), piece(chunk("a")), piece(done())])])
            .client(settings())
            .await;
        let (events, answer) = heard(&client, "x").await;
        assert_eq!(events.len(), 2);
        assert_eq!(answer.unwrap().formatted().unwrap().text(), "a");
        let long = vec![b'x'; (16 << 20) + 1];
        let client = Script::tasks([Plan::stream([piece("data: "), piece(long), piece("\n\n")])])
            .client(settings())
            .await;
        assert_eq!(
            facts(&heard(&client, "x").await.1.unwrap_err()),
            (ErrorKind::Decode, None, true)
        );
    });
}

#[test]
fn a_stream_that_ends_early_is_an_error_and_not_sent_again() {
    on_stage(async |stage| {
        for last in [
            None,
            Some(Piece::Lost),
            Some(piece(
                "data: {\"result\":{\"status\":{\"state\":\"completed\"}}}",
            )),
        ] {
            let pieces = [Some(piece(chunk("a"))), last];
            let script = Script::tasks([Plan::stream(pieces.into_iter().flatten())]);
            let (events, answer) = heard(&script.client(settings()).await, "x").await;
            assert_eq!(events.len(), 1);
            assert_eq!(
                facts(&answer.unwrap_err()),
                (ErrorKind::Interrupted, None, true)
            );
            assert_eq!(script.seen(TASKS).len(), 1);
        }
        let client = client(&stage, settings()).await;
        assert_eq!(
            heard(&client, "!empty").await.1.unwrap_err().kind(),
            ErrorKind::Interrupted
        );
        let mut stream = client.stream("!hold").await.unwrap();
        stream.next().await.unwrap();
        stage
            .payman()
            .fault(greenroom::simulator::FaultKind::Disconnect);
        assert_eq!(
            stream.finish().await.unwrap_err().kind(),
            ErrorKind::Interrupted
        );
    });
}

#[test]
fn a_stream_ends_with_an_error_event_after_one_update() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let (events, answer) = heard(&client, "!error -32001 gone").await;
        assert_eq!(events.len(), 1);
        assert_eq!(
            (
                &events[0]["status"],
                &events[0]["state"],
                &events[0]["is_final"]
            ),
            (&json!("failed"), &json!("failed"), &json!(true))
        );
        assert_eq!(
            events[0]["error"],
            json!({"code": -32001, "message": "gone"})
        );
        let error = answer.unwrap_err();
        assert_eq!(
            (
                error.kind(),
                error.code(),
                error.to_string().starts_with("gone")
            ),
            (ErrorKind::Agent, Some(-32001), true)
        );
    });
}

#[test]
fn silence_is_limited_but_not_the_whole_stream() {
    on_stage(async |_| {
        let steady = (0..5).flat_map(|_| [piece(chunk("a")), Piece::Pause(59 * SECOND)]);
        let client = Script::tasks([Plan::stream(steady.chain([piece(done())]))])
            .client(settings())
            .await;
        assert_eq!(
            heard(&client, "x")
                .await
                .1
                .unwrap()
                .formatted()
                .unwrap()
                .text(),
            "aaaaa"
        );
        let begun = greenroom::actors::clock::now();
        let silent = Plan::stream([piece(chunk("a")), Piece::Pause(61 * SECOND), piece(done())]);
        for plan in [silent, Plan::Silence, Plan::stream([]).after(61 * SECOND)] {
            let script = Script::tasks([plan]);
            let error = heard(&script.client(settings()).await, "x")
                .await
                .1
                .unwrap_err();
            assert_eq!(facts(&error), (ErrorKind::Timeout, None, true));
            assert_eq!(script.seen(TASKS).len(), 1);
        }
        assert!(begun.elapsed() < 181 * SECOND);
    });
}

#[test]
fn a_whole_answer_in_place_of_a_stream_is_one_event_and_the_answer() {
    on_stage(async |_| {
        let script = Script::tasks([Plan::json(200, &completed("whole"))]);
        let client = script.client(settings()).await;
        let (events, answer) = heard(&client, "x").await;
        assert_eq!(
            (events.len(), &events[0]["type"], &events[0]["is_final"]),
            (1, &json!("status_update"), &json!(true))
        );
        assert_eq!(answer.unwrap().formatted().unwrap().text(), "whole");
        let (events, answer) =
            heard(&client, Ask::new("x").output_format(OutputFormat::Json)).await;
        assert_eq!(
            (
                events[0].clone(),
                answer
                    .unwrap()
                    .raw()
                    .unwrap()
                    .json()
                    .read::<Value>()
                    .unwrap()
            ),
            (completed("whole"), completed("whole"))
        );
        let odd = Script::tasks([Plan::text(200, "text/html", "<h1>")]);
        assert_eq!(
            facts(
                &heard(&odd.client(settings()).await, "x")
                    .await
                    .1
                    .unwrap_err()
            ),
            (ErrorKind::Decode, None, true)
        );
    });
}

#[test]
fn cancelling_closes_the_connection_and_tells_the_platform_once() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let mut stream = client.stream("!hold").await.unwrap();
        stream.next().await.unwrap();
        let canceller = stream.canceller();
        canceller.cancel();
        canceller.cancel();
        let error = stream.finish().await.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Cancelled, None, true));
        let told = requests(&stage, "/api/a2a/tasks/cancel");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["body"]["method"], "tasks.cancel");
        assert_eq!(
            told[0]["body"]["params"]["id"],
            requests(&stage, TASKS)[0]["body"]["params"]["id"]
        );
        assert_eq!(stage.payman().health()["held"], 0);

        // What the platform makes of it does not matter, and takes three seconds at most.
        let script = Script::tasks([
            Plan::stream([piece(chunk("a")), Piece::Pause(50 * SECOND)]),
            Plan::Silence,
        ]);
        let client = script.client(settings()).await;
        let mut stream = client.stream("x").await.unwrap();
        stream.next().await.unwrap();
        let begun = greenroom::actors::clock::now();
        stream.cancel();
        assert_eq!(
            stream.finish().await.unwrap_err().kind(),
            ErrorKind::Cancelled
        );
        assert_eq!(
            (begun.elapsed().as_secs(), script.seen(TASKS).len()),
            (3, 2)
        );
    });
}

#[test]
fn dropping_a_stream_closes_its_connection_and_no_more() {
    on_stage(async |stage| {
        let client = client(&stage, settings()).await;
        let mut stream = client.stream("!hold").await.unwrap();
        stream.next().await.unwrap();
        assert_eq!(stage.payman().health()["held"], 1);
        drop(stream);
        stage
            .until("the stream to be closed", SECOND, || {
                stage.payman().health()["held"] == 0
            })
            .await;
        assert!(requests(&stage, "/api/a2a/tasks/cancel").is_empty());
    });
}

#[test]
fn a_slow_reader_stops_its_own_stream_and_nobody_else() {
    on_stage(async |_| {
        let pieces = (0..1_000).map(|_| piece(chunk("a"))).chain([piece(done())]);
        let script = Script::tasks([Plan::stream(pieces), Plan::json(200, &completed("quick"))]);
        let client = script.client(settings()).await;
        let mut slow = client.stream("slow").await.unwrap();
        slow.next().await.unwrap();
        let begun = greenroom::actors::clock::now();
        assert_eq!(client.ask("quick").await.unwrap().text(), "quick");
        assert!(begun.elapsed() < Duration::from_millis(100));
        tokio::time::sleep(120 * SECOND).await;
        let mut events = 1;
        while slow.next().await.is_some() {
            events += 1;
        }
        assert_eq!(
            events, 1_001,
            "its own slowness is no silence of the server"
        );
        slow.finish().await.unwrap();
    });
}
