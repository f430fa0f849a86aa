//! The scenarios.

use clap::ValueEnum;

use super::bots::CacheMode;
use super::dialect::Dialect;
use super::growth::Extent;
use super::measure::Load;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Everything
    All,
    /// Events of a type that nobody has subscribed to
    Unsubscribed,
    /// One handler actor, on both wires of Mezon
    Handler,
    /// Sixteen handler actors of the same event
    Handlers,
    /// One handler, and the socket on a second thread
    Sockets,
    /// One handler and the message cache, which may not lose a message
    Cache,
    /// One handler and the message cache, which may leave messages out
    CacheDrop,
    /// Every event is answered, and counts when the answer was acknowledged
    Replies,
    /// Ten and a thousand connections
    Connections,
    /// Token Bowl Chat: JSON in place of protobuf
    Json,
    /// How long events are on their way at 10 %, 50 % and 90 % of the highest rate
    Latency,
    /// A handler that takes 3 us for each event: what waits, and the memory it takes
    Slow,
    /// The first and the last third of a longer run
    Steady,
    /// The memory of a bot, and of a thousand in one process
    Memory,
    /// How soon a bot has joined again after it was cut off
    Reconnect,
    /// Rate and memory by the number of connections, channels and cached messages
    Growth,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extents {
    /// The usual number of events in a run.
    pub(super) events: u64,
    pub(super) rounds: usize,
    /// Whether it is only to be seen that everything works.
    pub(super) is_quick: bool,
}

/// A part of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Compare(Comparison),
    Growth(Load, Extent),
    Latency(Load),
    Memory(Load, usize),
    Reconnect(usize),
    Slow(Load),
    Steady(Load, usize),
}

/// Greenroom beside the bare client under the same load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) name: &'static str,
    /// The ratio of the rates that greenroom should reach.
    pub(super) goal: Option<f64>,
    pub(super) load: Load,
}

impl Scenario {
    /// What is measured if nobody says what.
    pub(super) const DEFAULT: [Self; 3] = [Self::Unsubscribed, Self::Handler, Self::Handlers];

    /// Returns the scenarios that are meant, each once.
    pub(super) fn chosen(asked: &[Self]) -> Vec<Self> {
        if asked.contains(&Self::All) {
            let all = Self::value_variants().iter().copied();
            return all.filter(|scenario| *scenario != Self::All).collect();
        }
        let mut chosen = Vec::new();
        for scenario in if asked.is_empty() {
            &Self::DEFAULT
        } else {
            asked
        } {
            if !chosen.contains(scenario) {
                chosen.push(*scenario);
            }
        }
        chosen
    }

    /// Returns what has to be done for it.
    pub(super) fn parts(self, extents: Extents) -> Vec<Part> {
        let Extents {
            events,
            rounds,
            is_quick,
        } = extents;
        let load = Load {
            events,
            ..Load::default()
        };
        let compare =
            |name, goal: Option<f64>, load| Part::Compare(Comparison { name, goal, load });
        let many = if is_quick { 3 } else { 1_000 };
        match self {
            Self::All => Vec::new(),
            Self::Unsubscribed => {
                // As fast as that is, a run would be over too soon.
                let load = Load {
                    handlers: 0,
                    events: events * 3,
                    ..load
                };
                vec![compare("unsubscribed", Some(4.0), load)]
            }
            Self::Handler => [(Dialect::V1, 1.2), (Dialect::V2, 1.1)]
                .map(|(wire, goal)| compare("handler", Some(goal), Load { wire, ..load }))
                .to_vec(),
            Self::Handlers => {
                let load = Load {
                    handlers: 16,
                    ..load
                };
                vec![compare("handlers", Some(0.8), load)]
            }
            Self::Sockets => {
                let load = Load {
                    sockets: true,
                    ..load
                };
                vec![compare("sockets", Some(1.5), load)]
            }
            Self::Cache => {
                let cache = CacheMode::Lossless;
                vec![compare("cache", Some(0.3), Load { cache, ..load })]
            }
            Self::CacheDrop => {
                let cache = CacheMode::Drop;
                vec![compare("cache-drop", Some(1.0), Load { cache, ..load })]
            }
            Self::Replies => {
                let load = Load {
                    reply: true,
                    events: events / 10,
                    ..load
                };
                vec![compare("replies", None, load)]
            }
            Self::Connections => [(10, "10 connections"), (many, "many connections")]
                .map(|(connections, name)| {
                    compare(
                        name,
                        None,
                        Load {
                            connections,
                            ..load
                        },
                    )
                })
                .to_vec(),
            Self::Json => {
                let wire = Dialect::TokenBowl;
                vec![compare("json", None, Load { wire, ..load })]
            }
            Self::Latency => vec![Part::Latency(load)],
            Self::Slow => vec![Part::Slow(Load {
                events: events / 4,
                ..load
            })],
            Self::Steady => {
                let load = Load {
                    events: events * 3,
                    ..load
                };
                vec![Part::Steady(load, rounds.min(3))]
            }
            Self::Memory => vec![Part::Memory(load, many)],
            Self::Reconnect => vec![Part::Reconnect(if is_quick { 1 } else { 3 })],
            Self::Growth => {
                let extent = if is_quick {
                    Extent::QUICK
                } else {
                    Extent::WHOLE
                };
                let events = events / 2;
                vec![Part::Growth(Load { events, ..load }, extent)]
            }
        }
    }
}

impl Part {
    /// How many steps it takes, for the progress.
    pub(super) fn steps(&self, rounds: usize) -> usize {
        match self {
            Self::Compare(_) => rounds * 2,
            Self::Growth(_, extent) => extent.runs(),
            Self::Latency(_) => 8,
            Self::Memory(..) | Self::Reconnect(_) => 2,
            Self::Slow(_) => 1,
            Self::Steady(_, rounds) => *rounds,
        }
    }
}
