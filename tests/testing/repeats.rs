//! The same seed gives the same trace, byte for byte.

use std::process::Command;

use greenroom::testing::{Stage, replay};

use super::*;

/// A scenario with all kinds of trouble; returns its trace.
fn scenario(seed: u64) -> greenroom::testing::Trace {
    Stage::builder().seed(seed).run(async |world: Stage| {
        let bot = world.start(answers("b")).await;
        world.mezon().chaos(0.05);
        for number in 0..60 {
            world.say("alice", "general", &number.to_string());
            world.advance(SECOND * 7).await;
        }
        world.mezon().chaos(0.0);
        world.advance(SECOND * 300).await;
        drop(bot);
        world.trace().clone()
    })
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let first = scenario(7).text();
    let second = scenario(7).text();
    let (mut one, mut two) = (first.lines(), second.lines());
    for number in 1.. {
        let (one, two) = (one.next(), two.next());
        assert_eq!(one, two, "line {number}");
        if one.is_none() {
            break;
        }
    }
    assert_eq!(first, second);
    assert!(first.lines().count() > 500);
    assert!(first.contains("\"what\":\"befell\""));
    assert_ne!(first, scenario(8).text());
}

#[test]
fn another_process_gives_the_same_trace() {
    const FILE: &str = "GREENROOM_TRACE_FILE";
    if let Ok(file) = std::env::var(FILE) {
        scenario(9).save(file).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let texts = ["one", "two"].map(|name| {
        let file = folder.path().join(name);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "repeats::another_process_gives_the_same_trace"])
            .env(FILE, &file)
            .status();
        assert!(status.unwrap().success());
        std::fs::read_to_string(file).unwrap()
    });
    assert!(texts[0].lines().count() > 500);
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], scenario(9).text());
}

#[test]
fn a_saved_trace_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.jsonl");
    scenario(11).save(&file).unwrap();
    replay(&file, answers).unwrap().assert_same();
    // Another bot does other things, and the first of them is told.
    let silent = |name: &str| Bot::builder(name);
    let other = replay(&file, silent).unwrap();
    assert!(!other.is_same());
    let (line, then, now) = other.difference().unwrap();
    assert!(line > 10 && then != now, "{line} {then} {now}");
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.jsonl");
    for (text, part) in [
        ("{}\n", "line 1"),
        ("", "line 1"),
        ("{\"what\":\"stage\",\"seed\":1,\"date\":1}\nx\n", "line 2"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = replay(&file, answers).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = replay(folder.path().join("none"), answers).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
}
