//! The truth table of supervision, cell by cell: as decided, and as carried out by a real tree.
//!
//! Children are `a`, `b`, `c` in start order. A cell says what the exit of one of them leads to: `F` forget, `E` escalate, or
//! `stop>start`, both in order, such as `cb>abc`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod stage;

use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::clock;
use greenroom_actors::mailbox::ActorRef;
use greenroom_actors::supervisor::{
    Backoff, ChildFacts, ChildSpec, Decision, Exit, History, Intensity, Restart, Root, Strategy,
    Supervised, Supervisor, decide,
};
use stage::{Lines, later, paused};

use Restart::{Permanent, Temporary, Transient};
use Strategy::{OneForAll, OneForOne, RestForOne};

/// Strategy, restart type, exit, and what happens if it is the exit of `a`, `b`, `c`.
#[rustfmt::skip]
const TABLE: [(Strategy, Restart, &str, [&str; 3]); 63] = [
    (OneForOne,  Permanent, "normal",        [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "shutdown",      [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "error",         [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "panic",         [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "killed",        [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "start failure", [">a",     ">b",     ">c"]),
    (OneForOne,  Permanent, "fatal error",   ["E",      "E",      "E"]),
    (OneForOne,  Transient, "normal",        ["F",      "F",      "F"]),
    (OneForOne,  Transient, "shutdown",      ["F",      "F",      "F"]),
    (OneForOne,  Transient, "error",         [">a",     ">b",     ">c"]),
    (OneForOne,  Transient, "panic",         [">a",     ">b",     ">c"]),
    (OneForOne,  Transient, "killed",        [">a",     ">b",     ">c"]),
    (OneForOne,  Transient, "start failure", [">a",     ">b",     ">c"]),
    (OneForOne,  Transient, "fatal error",   ["E",      "E",      "E"]),
    (OneForOne,  Temporary, "normal",        ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "shutdown",      ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "error",         ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "panic",         ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "killed",        ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "start failure", ["F",      "F",      "F"]),
    (OneForOne,  Temporary, "fatal error",   ["F",      "F",      "F"]),
    (RestForOne, Permanent, "normal",        ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "shutdown",      ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "error",         ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "panic",         ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "killed",        ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "start failure", ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Permanent, "fatal error",   ["E",      "E",      "E"]),
    (RestForOne, Transient, "normal",        ["F",      "F",      "F"]),
    (RestForOne, Transient, "shutdown",      ["F",      "F",      "F"]),
    (RestForOne, Transient, "error",         ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Transient, "panic",         ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Transient, "killed",        ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Transient, "start failure", ["cb>abc", "c>bc",   ">c"]),
    (RestForOne, Transient, "fatal error",   ["E",      "E",      "E"]),
    (RestForOne, Temporary, "normal",        ["F",      "F",      "F"]),
    (RestForOne, Temporary, "shutdown",      ["F",      "F",      "F"]),
    (RestForOne, Temporary, "error",         ["F",      "F",      "F"]),
    (RestForOne, Temporary, "panic",         ["F",      "F",      "F"]),
    (RestForOne, Temporary, "killed",        ["F",      "F",      "F"]),
    (RestForOne, Temporary, "start failure", ["F",      "F",      "F"]),
    (RestForOne, Temporary, "fatal error",   ["F",      "F",      "F"]),
    (OneForAll,  Permanent, "normal",        ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "shutdown",      ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "error",         ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "panic",         ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "killed",        ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "start failure", ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Permanent, "fatal error",   ["E",      "E",      "E"]),
    (OneForAll,  Transient, "normal",        ["F",      "F",      "F"]),
    (OneForAll,  Transient, "shutdown",      ["F",      "F",      "F"]),
    (OneForAll,  Transient, "error",         ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Transient, "panic",         ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Transient, "killed",        ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Transient, "start failure", ["cb>abc", "ca>abc", "ba>abc"]),
    (OneForAll,  Transient, "fatal error",   ["E",      "E",      "E"]),
    (OneForAll,  Temporary, "normal",        ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "shutdown",      ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "error",         ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "panic",         ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "killed",        ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "start failure", ["F",      "F",      "F"]),
    (OneForAll,  Temporary, "fatal error",   ["F",      "F",      "F"]),
];

/// Strategy, the type of a sibling `s` of a permanent child `f` that fails, whether it runs, and what happens if it was started before
/// `f`, and after it.
#[rustfmt::skip]
const SIBLINGS: [(Strategy, Restart, bool, [&str; 2]); 18] = [
    (OneForOne,  Permanent, true,  [">f",   ">f"]),
    (OneForOne,  Transient, true,  [">f",   ">f"]),
    (OneForOne,  Temporary, true,  [">f",   ">f"]),
    (OneForOne,  Permanent, false, [">f",   ">f"]),
    (OneForOne,  Transient, false, [">f",   ">f"]),
    (OneForOne,  Temporary, false, [">f",   ">f"]),
    (RestForOne, Permanent, true,  [">f",   "s>fs"]),
    (RestForOne, Transient, true,  [">f",   "s>fs"]),
    (RestForOne, Temporary, true,  [">f",   "s>f"]),
    (RestForOne, Permanent, false, [">f",   ">f"]),
    (RestForOne, Transient, false, [">f",   ">f"]),
    (RestForOne, Temporary, false, [">f",   ">f"]),
    (OneForAll,  Permanent, true,  ["s>sf", "s>fs"]),
    (OneForAll,  Transient, true,  ["s>sf", "s>fs"]),
    (OneForAll,  Temporary, true,  ["s>f",  "s>f"]),
    (OneForAll,  Permanent, false, [">f",   ">f"]),
    (OneForAll,  Transient, false, [">f",   ">f"]),
    (OneForAll,  Temporary, false, [">f",   ">f"]),
];

fn exit(name: &str) -> Exit {
    match name {
        "normal" => Exit::Normal,
        "shutdown" => Exit::Shutdown,
        "error" => Exit::error("on purpose"),
        "panic" => Exit::Panic("on purpose".into()),
        "killed" => Exit::Killed,
        "start failure" => Exit::start_failure("on purpose"),
        _ => Exit::fatal("on purpose"),
    }
}

fn spell(decision: Decision, names: &[u8]) -> String {
    let of = |places: Vec<usize>| -> String {
        places
            .into_iter()
            .map(|place| names[place] as char)
            .collect()
    };
    match decision {
        Decision::Escalate => "E".to_owned(),
        Decision::Forget => "F".to_owned(),
        Decision::Restart { stop, start } => format!("{}>{}", of(stop), of(start)),
    }
}

fn facts(restart: Restart, running: bool) -> ChildFacts {
    ChildFacts { restart, running }
}

#[test]
fn every_cell_is_decided_as_written() {
    let mut seen = std::collections::BTreeSet::new();
    for (strategy, restart, reason, cells) in TABLE {
        assert!(seen.insert(format!("{strategy:?} {restart:?} {reason}")));
        for (place, cell) in cells.into_iter().enumerate() {
            let mut children = [facts(Permanent, true); 3];
            children[place] = facts(restart, false);
            for (intensity, cell) in [
                (Intensity::default(), cell),
                // The same, if there may be no more restarts.
                (
                    Intensity {
                        restarts: 0,
                        ..Intensity::default()
                    },
                    if cell == "F" { "F" } else { "E" },
                ),
            ] {
                let (history, exit) = (&mut History::default(), exit(reason));
                let decision = decide(
                    strategy,
                    intensity,
                    history,
                    &children,
                    place,
                    &exit,
                    clock::now(),
                );
                assert_eq!(
                    spell(decision, b"abc"),
                    cell,
                    "{strategy:?} {restart:?} {reason} at {place}"
                );
            }
        }
    }
}

#[test]
fn every_kind_of_sibling_is_treated_as_written() {
    for (strategy, restart, running, cells) in SIBLINGS {
        for (sibling, cell) in cells.into_iter().enumerate() {
            let failed = 1 - sibling;
            let mut children = [facts(Permanent, false); 2];
            children[sibling] = facts(restart, running);
            let history = &mut History::default();
            let decision = decide(
                strategy,
                Intensity::default(),
                history,
                &children,
                failed,
                &Exit::error("on purpose"),
                clock::now(),
            );
            let names: &[u8] = if sibling == 0 { b"sf" } else { b"fs" };
            assert_eq!(
                spell(decision, names),
                cell,
                "{strategy:?} {restart:?} running {running} at {sibling}"
            );
        }
    }
}

#[test]
fn an_unknown_place_is_forgotten() {
    let (history, exit) = (&mut History::default(), Exit::Normal);
    let decision = decide(
        OneForAll,
        Intensity::default(),
        history,
        &[],
        0,
        &exit,
        clock::now(),
    );
    assert_eq!(decision, Decision::Forget);
}

/// Writes down its starts and stops, and ends as it is told.
struct Player {
    name: &'static str,
    lines: Lines,
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("+{}", self.name));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.lines.add(format!("-{}", self.name));
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct End(&'static str);

impl Handler<End> for Player {
    type Result = ();

    fn handle(&mut self, End(reason): End, ctx: &mut Self::Context) {
        self.lines.take();
        match reason {
            "normal" => ctx.stop(),
            "error" => ctx.fail("on purpose"),
            "fatal error" => ctx.fail_for_good("on purpose"),
            _ => panic!("on purpose"),
        }
    }
}

fn players(
    strategy: Strategy,
    types: &[(&'static str, Restart)],
    lines: &Lines,
) -> (Supervisor, Vec<ActorRef<Player>>) {
    let mut addresses = Vec::new();
    let backoff = Backoff::exponential(Duration::from_millis(1), Duration::from_millis(1));
    let mut supervisor = Supervisor::new("root", strategy).backoff(backoff);
    for (name, restart) in types {
        let (name, lines) = (*name, lines.clone());
        let spec = ChildSpec::new(name, move || Player {
            name,
            lines: lines.clone(),
        });
        let spec = spec.restart(*restart);
        addresses.push(spec.address());
        supervisor = supervisor.child(spec);
    }
    (supervisor, addresses)
}

/// Spells what has happened as the table does: who stopped, without the one that ended by itself, and who started.
fn spell_lines(lines: &Lines, failed: &str, ended: bool) -> String {
    let lines = lines.take();
    let of = |sign| {
        let names = lines.iter().filter_map(|line| line.strip_prefix(sign));
        names
            .filter(|name| sign == '+' || *name != failed)
            .collect::<String>()
    };
    match (ended, of('-'), of('+')) {
        (true, _, started) if started.is_empty() => "E".to_owned(),
        (_, stopped, started) if stopped.is_empty() && started.is_empty() => "F".to_owned(),
        (_, stopped, started) => format!("{stopped}>{started}"),
    }
}

#[test]
fn a_tree_carries_out_every_cell_in_order() {
    for (strategy, restart, reason, cells) in TABLE {
        if matches!(reason, "shutdown" | "killed" | "start failure") {
            // No actor ends so by itself once it runs; see the tests of `supervision.rs`.
            continue;
        }
        for (place, cell) in cells.into_iter().enumerate() {
            paused(|| async move {
                let lines = Lines::default();
                let mut types = [("a", Permanent), ("b", Permanent), ("c", Permanent)];
                types[place].1 = restart;
                let (supervisor, addresses) = players(strategy, &types, &lines);
                let root = Root::start(supervisor);
                later(1).await;
                assert_eq!(lines.take(), ["+a", "+b", "+c"]);
                addresses[place].tell(End(reason)).unwrap();
                later(100).await;
                let ended =
                    root.snapshot().state == greenroom_actors::supervisor::NodeState::Stopped;
                assert_eq!(
                    spell_lines(&lines, types[place].0, ended),
                    cell,
                    "{strategy:?} {restart:?} {reason} at {place}"
                );
                assert_eq!(addresses[place].is_stopped(), matches!(cell, "F" | "E"));
            });
        }
    }
}

#[test]
fn a_tree_treats_every_kind_of_sibling_in_order() {
    for (strategy, restart, running, cells) in SIBLINGS {
        for (sibling, cell) in cells.into_iter().enumerate() {
            if !running && restart == Permanent {
                // A permanent child ends for good only if somebody stops it: see `supervision.rs`.
                continue;
            }
            paused(|| async move {
                let lines = Lines::default();
                let mut types = [("f", Permanent), ("f", Permanent)];
                types[sibling] = ("s", restart);
                let (supervisor, addresses) = players(strategy, &types, &lines);
                let root = Root::start(supervisor);
                if !running {
                    addresses[sibling].tell(End("normal")).unwrap();
                }
                later(1).await;
                addresses[1 - sibling].tell(End("error")).unwrap();
                later(100).await;
                assert_eq!(
                    spell_lines(&lines, "f", false),
                    cell,
                    "{strategy:?} {restart:?} running {running} at {sibling}"
                );
                let gone = !running || (restart == Temporary && cell.starts_with('s'));
                assert_eq!(addresses[sibling].is_stopped(), gone);
                root.shutdown().await;
            });
        }
    }
}
