//! What grows with what: nothing may grow faster than linearly.

use super::bots::CacheMode;
use super::compare::grouped;
use super::figure::{Figure, Goal, mib};
use super::measure::{self, Client, Load, Run};
use crate::cli::Failure;
use crate::cli::plot::{Chart, Series};

/// What was found, as figures and as pictures.
#[derive(Debug, Default)]
pub(super) struct Growth {
    pub(super) figures: Vec<Figure>,
    pub(super) charts: Vec<Chart>,
}

/// How far each series goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) connections: &'static [usize],
    pub(super) channels: &'static [usize],
    pub(super) messages: &'static [u64],
}

impl Extent {
    pub(super) const WHOLE: Self = Self {
        connections: &[1, 10, 100, 1_000],
        channels: &[10, 100, 1_000, 10_000, 100_000],
        messages: &[10_000, 100_000, 300_000, 1_000_000],
    };
    pub(super) const QUICK: Self = Self {
        connections: &[1, 3],
        channels: &[10, 30],
        messages: &[1_000, 2_000],
    };

    /// How many runs that are.
    pub(super) fn runs(self) -> usize {
        self.connections.len() + self.channels.len() + self.messages.len()
    }
}

pub(super) async fn growth(
    load: Load,
    extent: Extent,
    step: &mut impl FnMut(&'static str),
) -> Result<Growth, Failure> {
    let mut growth = Growth::default();
    let mut runs = Vec::new();
    for connections in extent.connections {
        let load = Load {
            connections: *connections,
            ..load
        };
        runs.push((*connections as f64, one(load, step).await?));
    }
    growth.rates("connections", &runs);
    growth.memory("connection", "connections", &runs, |run| run.usage.idle);
    let mut runs = Vec::new();
    for channels in extent.channels {
        let load = Load {
            channels: *channels,
            // Each channel is heard of a few times.
            events: load.events.max(*channels as u64 * 4),
            ..load
        };
        runs.push((*channels as f64, one(load, step).await?));
    }
    growth.rates("channels", &runs);
    growth.memory("channel", "channels", &runs, |run| run.usage.resident);
    let mut runs = Vec::new();
    for events in extent.messages {
        let load = Load {
            events: *events,
            cache: CacheMode::Lossless,
            ..load
        };
        runs.push((*events as f64, one(load, step).await?));
    }
    growth.rates("cached messages", &runs);
    growth.memory("cached message", "cached messages", &runs, |run| {
        run.usage.resident
    });
    Ok(growth)
}

async fn one(load: Load, step: &mut impl FnMut(&'static str)) -> Result<Run, Failure> {
    step("growth");
    measure::run(Client::Greenroom, load).await
}

impl Growth {
    /// Adds how the rate and the cost of an event depend on a number.
    fn rates(&mut self, of: &str, runs: &[(f64, Run)]) {
        let rates: Vec<_> = runs.iter().map(|(n, run)| (*n, run.per_second())).collect();
        let costs: Vec<_> = runs
            .iter()
            .filter_map(|(n, run)| Some((*n, run.cpu_us()?)))
            .collect();
        for (number, rate) in &rates {
            let what = format!("events/s at {} {of}", grouped(*number));
            self.figures.push(Figure::new("growth", what, *rate, ""));
        }
        if let [(_, first), .., (_, last)] = costs[..] {
            let what = format!("CPU of an event at the most {of} beside the fewest");
            let figure = Figure::new("growth", what, last / first, "");
            self.figures.push(figure.goal(Goal::AtMost(2.0)));
        }
        self.charts
            .push(chart("Events a second", of, "events/s", "greenroom", rates));
    }

    /// Adds how much memory each of a number takes.
    fn memory(
        &mut self,
        one: &str,
        of: &str,
        runs: &[(f64, Run)],
        bytes: impl Fn(&Run) -> Option<u64>,
    ) {
        let points: Vec<_> = runs
            .iter()
            .filter_map(|(n, run)| Some((*n, bytes(run)?)))
            .collect();
        if let [(few, least), .., (many, most)] = points[..] {
            let each = (most as f64 - least as f64) / (many - few);
            let what = format!("memory of each further {one}");
            self.figures
                .push(Figure::new("growth", what, each.max(0.0), "B"));
        }
        let points = points
            .into_iter()
            .map(|(n, bytes)| (n, mib(bytes)))
            .collect();
        self.charts
            .push(chart("Resident memory", of, "MiB", "greenroom", points));
    }
}

fn chart(title: &str, x: &str, y: &str, name: &str, points: Vec<(f64, f64)>) -> Chart {
    Chart {
        title: format!("{title} by {x}"),
        x: x.to_owned(),
        y: y.to_owned(),
        logarithmic: true,
        series: vec![Series {
            name: name.to_owned(),
            points,
        }],
    }
}
