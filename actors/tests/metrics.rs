//! The metrics are what Prometheus reads, to the letter.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix::prelude::*;
use greenroom_actors::event::{ChannelKey, Event, Origin};
use greenroom_actors::router::{HandlerError, Router, closure};
use greenroom_actors::supervisor::{ChildSpec, NodeKind, Root, Strategy, Supervisor};
use greenroom_actors::telemetry::{Counters, metrics};

struct Quiet;

impl Actor for Quiet {
    type Context = Context<Self>;
}

/// A series: its name and labels, and its value.
type Series = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Reads the text format 0.0.4 and refuses whatever is not allowed in it.
fn parse(text: &str) -> Series {
    let (mut series, mut families) = (Series::new(), BTreeMap::new());
    let (mut helped, mut family) = (BTreeSet::new(), None);
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(helped.insert(name.to_owned()), "two helps: {line}");
            assert!(words.ends_with('.'), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "no help: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let before = families.insert(name.to_owned(), kind.to_owned());
            assert!(before.is_none(), "a family in two places: {line}");
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (name, labels, value) = parse_series(line);
            let (family, kind) = family.as_ref().unwrap();
            match kind.as_str() {
                "histogram" => {
                    let part = name.strip_prefix(family.as_str()).unwrap();
                    assert!(["_bucket", "_sum", "_count"].contains(&part), "{line}");
                }
                _ => assert_eq!(&name, family, "{line}"),
            }
            assert!(value >= 0.0, "{line}");
            let before = series.insert((name, labels), value);
            assert!(before.is_none(), "a series twice: {line}");
        }
    }
    check_histograms(&series, &families);
    series
}

fn parse_series(line: &str) -> (String, Vec<(String, String)>, f64) {
    let is_name = |text: &str| {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label) && label != "__name__", "{line}");
            let (mut text, mut letters) = (String::new(), value.char_indices());
            let end = loop {
                match letters.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => match letters.next().unwrap().1 {
                        'n' => text.push('\n'),
                        c @ ('\\' | '"') => text.push(c),
                        other => panic!("\\{other} is no escape: {line}"),
                    },
                    (_, c) => text.push(c),
                }
            };
            assert!(labels.iter().all(|(other, _)| other != label), "{line}");
            labels.push((label.to_owned(), text));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break rest = rest.strip_prefix('}').unwrap(),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(!value.contains(' '), "{line}");
    (name.to_owned(), labels, value.parse().unwrap())
}

/// Buckets are cumulative, end with `+Inf`, and that one is the count.
fn check_histograms(series: &Series, families: &BTreeMap<String, String>) {
    for name in families
        .keys()
        .filter(|name| families[*name] == "histogram")
    {
        let mut all: BTreeMap<Vec<(String, String)>, Vec<(f64, f64)>> = BTreeMap::new();
        for ((_, labels), count) in series
            .iter()
            .filter(|((found, _), _)| *found == format!("{name}_bucket"))
        {
            let (le, others): (Vec<_>, Vec<_>) =
                labels.iter().cloned().partition(|(label, _)| label == "le");
            let bound = le[0].1.parse().unwrap();
            all.entry(others).or_default().push((bound, *count));
        }
        for (labels, mut buckets) in all {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1));
            let (bound, all) = *buckets.last().unwrap();
            assert_eq!(bound, f64::INFINITY);
            assert_eq!(series[&(format!("{name}_count"), labels.clone())], all);
            assert!(series.contains_key(&(format!("{name}_sum"), labels)));
        }
    }
}

fn find(series: &Series, name: &str, labels: &[(&str, &str)]) -> f64 {
    let found: Vec<_> = series
        .iter()
        .filter(|((found, all), _)| {
            let has = |(label, value): &(&str, &str)| {
                all.contains(&((*label).to_owned(), (*value).to_owned()))
            };
            found == name && labels.iter().all(has)
        })
        .collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    *found[0].1
}

#[tokio::test(start_paused = true)]
async fn what_is_measured_is_what_happened() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let (router, counters) = (Router::default(), Counters::default());
            let hostile = "a \"handler\"\nof \\ all";
            let handler = closure(hostile, async |number: Event<u64>| {
                tokio::time::sleep(Duration::from_millis(*number.payload())).await;
                match number.payload() {
                    13 => Err(HandlerError::permanent("unlucky")),
                    _ => Ok(()),
                }
            });
            let mut tree = Supervisor::new("bot", Strategy::OneForOne);
            for number in 0..3 {
                let spec = ChildSpec::new(format!("channel {number}"), || Quiet);
                tree = tree.child(spec.kind(NodeKind::Channel));
            }
            let root = Root::start(tree.child(handler.register(&router)));
            let origin = Origin::new("test", "bot", &router);
            for millis in [1, 13, 2_000] {
                let event = Event::new(&origin, 0, ChannelKey::default(), millis);
                router.topic::<u64>().publish(event).await;
            }
            counters.events.add(3);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let at_work = parse(&metrics::render(&root.snapshot(), &router, &counters));
            let path = format!("bot/{hostile}");
            let node = [("node", path.as_str())];
            assert_eq!(find(&at_work, "greenroom_mailbox_depth", &node), 1.0);
            let oldest = find(&at_work, "greenroom_mailbox_oldest_seconds", &node);
            assert!((0.9..=1.1).contains(&oldest), "{oldest}");

            tokio::time::sleep(Duration::from_secs(5)).await;
            let done = parse(&metrics::render(&root.snapshot(), &router, &counters));
            assert_eq!(find(&done, "greenroom_events_total", &[]), 3.0);
            assert_eq!(find(&done, "greenroom_node_handled_total", &node), 2.0);
            assert_eq!(find(&done, "greenroom_node_failed_total", &node), 1.0);
            assert_eq!(find(&done, "greenroom_mailbox_oldest_seconds", &node), 0.0);
            let dead = |reason| find(&done, "greenroom_dead_letters_total", &[("reason", reason)]);
            assert_eq!((dead("failed"), dead("overflow")), (1.0, 0.0));
            let of = [("handler", hostile), ("event", "u64")];
            assert_eq!(find(&done, "greenroom_handling_seconds_count", &of), 3.0);
            let sum = find(&done, "greenroom_handling_seconds_sum", &of);
            assert!((2.0..2.1).contains(&sum), "{sum}");
            let bucket = [of[0], of[1], ("le", "1")];
            assert_eq!(
                find(&done, "greenroom_handling_seconds_bucket", &bucket),
                2.0
            );
            let outcome = [of[0], of[1], ("outcome", "dead")];
            assert_eq!(find(&done, "greenroom_handler_events_total", &outcome), 1.0);
            let channels = [("node", "bot/channels"), ("state", "running")];
            assert_eq!(find(&done, "greenroom_nodes", &channels), 3.0);
            assert!(find(&done, "greenroom_uptime_seconds", &[]) >= 6.0);
            if cfg!(target_os = "linux") {
                assert!(find(&done, "process_resident_memory_bytes", &[]) > 1e6);
                assert!(find(&done, "process_cpu_seconds_total", &[]) >= 0.0);
            }
            root.shutdown().await;
        })
        .await;
}

#[test]
fn a_thousand_channels_make_no_more_series_than_one() {
    let lines = |channels: usize| {
        let all = Supervisor::new("channels", Strategy::OneForOne);
        let all = (0..channels).fold(all, |all, number| {
            let spec = ChildSpec::new(format!("channel {number}"), || Quiet);
            all.child(spec.kind(NodeKind::Channel))
        });
        let text = metrics::render(&all.snapshot(), &Router::default(), &Counters::default());
        parse(&text).len()
    };
    assert_eq!(lines(1), lines(1_000));
}
