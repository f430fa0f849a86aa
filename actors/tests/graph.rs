//! The bot as a picture: true, readable whatever the names are, and the same for the same bot.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use actix::prelude::*;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::graph::{EdgeKind, Graph};
use greenroom_actors::router::{HandlerError, Router, closure};
use greenroom_actors::supervisor::{Child, ChildSpec, NodeKind, Root, Strategy, Supervisor};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
struct Asked(String);

#[derive(Serialize, Deserialize)]
struct Answered(String);

struct Quiet;

impl Actor for Quiet {
    type Context = Context<Self>;
}

fn asking(name: &str, router: &Router) -> Child {
    closure(name, async |asked: Event<Asked>| {
        asked.emit(Answered(asked.0.clone())).await;
        Ok(())
    })
    .register(router)
}

/// A bot whose nodes have these names: each in turn a connection, a handler, or a crowd.
fn bot(names: &[String]) -> Graph {
    let router = Router::default();
    let mut supervisor = Supervisor::new("bot", Strategy::OneForOne);
    for (place, name) in names.iter().enumerate() {
        supervisor = match place % 3 {
            0 => {
                let spec = ChildSpec::new(name, || Quiet).kind(NodeKind::Connection);
                supervisor.child(spec.publishes::<Asked>(&router))
            }
            1 => supervisor.child(asking(name, &router)),
            _ => {
                let inner = ChildSpec::new(name, || Quiet).kind(NodeKind::Session);
                supervisor.child(Supervisor::new(name, Strategy::OneForAll).child(inner))
            }
        };
    }
    router.graph(&supervisor.snapshot())
}

fn crowd(channels: usize) -> Graph {
    let all = Supervisor::new("channels", Strategy::OneForOne);
    let all = (0..channels).fold(all, |all, number| {
        let name = format!("channel 1/{number}");
        all.child(ChildSpec::new(name, || Quiet).kind(NodeKind::Channel))
    });
    Router::default().graph(&all.snapshot())
}

#[tokio::test]
async fn edges_are_learned_from_what_happens() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let router = Router::default();
            let answers = closure("answers", async |answered: Event<Answered>| match answered
                .0
                .as_str()
            {
                "bad" => Err(HandlerError::permanent("no good")),
                _ => Ok(()),
            });
            let tree = Supervisor::new("bot", Strategy::OneForOne)
                .child(asking("asks", &router))
                .child(answers.register(&router));
            let before = router.graph(&tree.snapshot());
            let edge = |graph: &Graph, from: &str, to: &str| {
                let mut edges = graph.edges.iter();
                let found = edges.find(|edge| edge.from == from && edge.to == to);
                found.map(|edge| (edge.kind, edge.count.unwrap()))
            };
            assert_eq!(
                edge(&before, "event:Answered", "bot/answers"),
                Some((EdgeKind::Delivers, 0)),
                "registrations are known before the first event"
            );
            assert_eq!(edge(&before, "bot/asks", "event:Answered"), None);

            let root = Root::start(tree);
            let origin = Origin::new("test", "bot", &router);
            for text in ["good", "bad"] {
                let event = Event::new(&origin, 0, ChannelKey::default(), Asked(text.to_owned()));
                router.topic().publish(event).await;
            }
            let done = || router.dead_letters().total() == 1;
            while !done() {
                tokio::task::yield_now().await;
            }
            let graph = router.graph(&root.snapshot());
            for (from, to, kind, count) in [
                ("outside", "event:Asked", EdgeKind::Publishes, 2),
                ("event:Asked", "bot/asks", EdgeKind::Delivers, 2),
                ("bot/asks", "event:Answered", EdgeKind::Publishes, 2),
                ("event:Answered", "bot/answers", EdgeKind::Delivers, 2),
            ] {
                assert_eq!(edge(&graph, from, to), Some((kind, count)), "{from} {to}");
            }
            assert_eq!(graph.edges.len(), 4, "{graph:?}");
            let node = graph.nodes.iter().find(|node| node.name == "answers");
            let figures = node.unwrap().figures;
            assert_eq!((figures.handled, figures.failed), (1, 1));
            root.shutdown().await;
        })
        .await;
}

#[test]
fn json_has_the_documented_shape() {
    let graph = bot(&["source".to_owned(), "a/b~c".to_owned()]);
    let json: Value = serde_json::from_str(&graph.to_json()).unwrap();
    assert_eq!((&json["version"], &json["bot"]), (&json!(1), &json!("bot")));
    assert_eq!(
        json["nodes"][2],
        json!({
            "id": "bot/a~1b~0c", "name": "a/b~c", "parent": "bot", "kind": "handler", "state": "idle", "restarts": 0,
            "last_exit": null, "depth": 0, "oldest_ms": null, "handled": 0, "failed": 0, "filtered": 0, "dropped": 0, "left": 0,
        })
    );
    assert_eq!(
        json["events"],
        json!([{"id": "event:Asked", "name": "Asked"}])
    );
    assert_eq!(
        json["edges"],
        json!([
            {"from": "bot/source", "to": "event:Asked", "kind": "publishes", "label": "", "count": 0},
            {"from": "event:Asked", "to": "bot/a~1b~0c", "kind": "delivers", "label": "", "count": 0},
        ])
    );
}

#[test]
fn two_nodes_of_one_name_have_two_ids() {
    let names = ["twin", "x", "y", "twin"].map(str::to_owned);
    let graph = bot(&names);
    let ids: Vec<_> = graph.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(
        ids,
        ["bot", "bot/twin", "bot/x", "bot/y", "bot/y/y", "bot/twin#2"]
    );
}

#[test]
fn channels_by_the_thousand_are_summed_up_in_pictures_and_listed_in_json() {
    let graph = crowd(1_234);
    for picture in [
        graph.to_text(),
        graph.to_mermaid(),
        graph.to_dot(),
        graph.to_svg(),
    ] {
        assert!(picture.contains("channels ×1,234"), "{picture}");
        assert!(!picture.contains("channel 1/7") && picture.len() < 5_000);
    }
    let json: Value = serde_json::from_str(&graph.to_json()).unwrap();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 1_235);
    assert!(
        crowd(8).to_text().contains("channel 1/7"),
        "a few are shown"
    );
}

/// Names that would break out of a label if they could.
const HOSTILE: [&str; 12] = [
    "\"quoted\"",
    "back\\slash\\",
    "<script>alert(1)</script>",
    "a\nb\r\tc",
    "]]> & <!-- -->",
    "end\nn1 --> n2",
    "[x](y){z}",
    "1. list",
    "- dash",
    "\u{202e}turned\u{0}\u{1b}[2J",
    "投票🎭 e\u{301}",
    "\u{ffff}\u{fffe}",
];

/// Checks the lines of a Mermaid chart against all the forms that we write.
fn check_mermaid(chart: &str) {
    let label = |text: &str| {
        let mut rest = text;
        while let Some(at) = rest.find('#') {
            let end = rest[at..].find(';').map(|end| at + end);
            assert!(
                end.is_some_and(|end| rest[at + 1..end].bytes().all(|byte| byte.is_ascii_digit())),
                "{text}"
            );
            rest = &rest[end.unwrap() + 1..];
        }
        let plain = text.replace("<br/>", "");
        assert!(
            !plain.contains(['"', '<', '>', '[', ']', '{', '}', '|', '`']),
            "{text}"
        );
    };
    let mut depth = 0;
    for line in chart.lines().skip(1) {
        let line = line.trim();
        if line.starts_with("classDef ") {
            continue;
        }
        match line.split_once('"') {
            _ if line == "end" => depth -= 1,
            Some((head, rest)) => {
                let (text, tail) = rest.rsplit_once('"').unwrap();
                label(text);
                depth += i32::from(head.starts_with("subgraph "));
                assert!(head.is_ascii() && tail.is_ascii(), "{line}");
            }
            None => {
                let parts: Vec<_> = line.split(' ').collect();
                assert!(parts.len() == 3 && parts[1] == "-->", "{line}");
            }
        }
    }
    assert_eq!(depth, 0);
}

/// Checks that every text in DOT is closed where we close it.
fn check_dot(dot: &str) {
    for line in dot.lines() {
        let mut inside = false;
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if inside => drop(letters.next().unwrap()),
                '"' => inside = !inside,
                letter if !inside => assert!(
                    letter.is_ascii_alphanumeric() || " _[]{}=,;->.".contains(letter),
                    "{line}"
                ),
                _ => {}
            }
        }
        assert!(!inside, "{line}");
    }
    assert_eq!(dot.matches("{\n").count(), dot.matches("}\n").count());
}

fn check_all(graph: &Graph) {
    let svg = graph.to_svg();
    let parsed = roxmltree::Document::parse(&svg);
    let parsed = parsed.unwrap_or_else(|error| panic!("{error}\n{svg}"));
    assert!(
        parsed
            .descendants()
            .all(|node| !node.has_tag_name("script"))
    );
    check_mermaid(&graph.to_mermaid());
    check_dot(&graph.to_dot());
    let _: Value = serde_json::from_str(&graph.to_json()).unwrap();
    let lines = graph.to_text().lines().count();
    let flows = match graph.events.len() {
        0 => 0,
        events => events + 1,
    };
    assert_eq!(lines, graph.nodes.len() + flows);
    assert!(!graph.to_text().contains(['\u{1b}', '\u{202e}', '\r']));
}

#[test]
fn no_name_breaks_a_form() {
    let names: Vec<_> = HOSTILE.iter().map(|name| (*name).to_owned()).collect();
    for turn in 0..3 {
        check_all(&bot(&names[turn..]));
    }
}

#[test]
fn the_same_bot_gives_the_same_picture() {
    let names: Vec<_> = (0..40).map(|number| format!("node {number}")).collect();
    let (a, b) = (bot(&names), bot(&names));
    assert_eq!(a.to_svg(), b.to_svg());
    assert_eq!(a.to_mermaid(), b.to_mermaid());
    assert_eq!(a.to_dot(), b.to_dot());
    assert_eq!(a.to_text(), b.to_text());
    assert_eq!(a.to_json(), b.to_json());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_name_is_drawn(names in prop::collection::vec(any::<String>(), 1..30)) {
        check_all(&bot(&names));
    }
}
