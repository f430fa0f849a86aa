//! Scenarios in which greenroom is not compared by its rate: how soon events are handled, how much waits, and what does not change.

use super::compare::{grouped, median};
use super::dialect::Dialect;
use super::figure::{Figure, Goal, mib};
use super::measure::{self, Client, Load, Run};
use crate::cli::Failure;

/// Measures how long events are on their way at 10 %, 50 % and 90 % of the highest rate of each client.
pub(super) async fn latency(
    load: Load,
    step: &mut impl FnMut(&'static str),
) -> Result<Vec<Figure>, Failure> {
    let mut highest = Vec::new();
    for client in [Client::Greenroom, Client::Baseline] {
        step("latency");
        highest.push((client, measure::run(client, load).await?.per_second()));
    }
    let mut figures = Vec::new();
    for percent in [10, 50, 90] {
        let mut quantiles = Vec::new();
        for (client, highest) in &highest {
            step("latency");
            let rate = ((highest * f64::from(percent) / 100.0) as u64).max(1);
            // A second of it, as far as that is not more than was asked for.
            let events = rate.clamp(MIN_EVENTS, load.events.max(MIN_EVENTS));
            let paced = Load {
                rate,
                events,
                ..load
            };
            quantiles.push((rate, measure::run(*client, paced).await?.report.latency_us));
        }
        let [(rate, Some(ours)), (_, bare)] = quantiles[..] else {
            return Err(Failure::failed("a client has taken no times"));
        };
        for (place, name) in ["p50", "p99", "p99.9"].into_iter().enumerate() {
            let what = format!("{name} at {percent} % ({}/s)", grouped(rate as f64));
            let figure = Figure::new("latency", what, ours[place], "us");
            figures.push(figure.beside(bare.map(|bare| bare[place])));
        }
    }
    Ok(figures)
}

/// Lets a handler take 3 us for each event, so that the server is always ahead: what waits must have a bound.
pub(super) async fn slow(
    load: Load,
    step: &mut impl FnMut(&'static str),
) -> Result<Vec<Figure>, Failure> {
    step("slow");
    let run = measure::run(Client::Greenroom, Load { work_us: 3, ..load }).await?;
    let mut figures = vec![Figure::new(
        "slow",
        "events/s with a handler of 3 us",
        run.per_second(),
        "",
    )];
    if let Some(longest) = run.report.longest_queue {
        figures.push(Figure::new(
            "slow",
            "longest queue seen",
            longest as f64,
            "events",
        ));
    }
    figures.extend(peak("slow", "largest resident memory", &run, 30.0));
    Ok(figures)
}

/// Lets a run last: the last third must be as fast as the first one.
pub(super) async fn steady(
    load: Load,
    rounds: usize,
    step: &mut impl FnMut(&'static str),
) -> Result<Vec<Figure>, Failure> {
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        step("steady");
        let run = measure::run(Client::Greenroom, load).await?;
        ratios.extend(run.report.thirds.map(|(first, last)| last / first));
    }
    let ratio = median(ratios).ok_or_else(|| Failure::failed("the client has taken no times"))?;
    let figure = Figure::new(
        "steady",
        "events/s in the last third beside the first",
        ratio,
        "",
    );
    Ok(vec![figure.goal(Goal::AtLeast(0.9))])
}

/// Measures the memory of bots: one, and a thousand in one process.
pub(super) async fn memory(
    load: Load,
    many: usize,
    step: &mut impl FnMut(&'static str),
) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (connections, goal) in [(1, 25.0), (many, 60.0)] {
        step("memory");
        let load = Load {
            connections,
            ..load
        };
        let run = measure::run(Client::Greenroom, load).await?;
        let bare = measure::run(Client::Baseline, load).await?;
        let name = match connections {
            1 => "1 connection".to_owned(),
            many => format!("{} connections", grouped(many as f64)),
        };
        let idle = run.usage.idle.map(|idle| {
            let figure = Figure::new("memory", format!("{name}, idle"), mib(idle), "MiB");
            figure
                .beside(bare.usage.idle.map(mib))
                .goal(Goal::AtMost(goal))
        });
        figures.extend(idle);
        let busy = peak(
            "memory",
            &format!("{name}, largest under full load"),
            &run,
            goal,
        );
        figures.extend(busy.map(|figure| figure.beside(bare.usage.peak.map(mib))));
    }
    Ok(figures)
}

/// Cuts the bot off and measures until it has joined again, less the wait that it chose.
pub(super) async fn reconnect(
    cuts: usize,
    step: &mut impl FnMut(&'static str),
) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (dialect, name) in [(Dialect::V1, "v1"), (Dialect::V2, "v2")] {
        step("reconnect");
        let beyond = measure::reconnects(dialect, cuts).await?;
        let worst = beyond.iter().copied().fold(0.0, f64::max);
        let figure = |what: &str, value| {
            let what = format!("joined again after a cut, {what}, above the back-off, {name}");
            Figure::new("reconnect", what, value, "ms")
        };
        if let Some(median) = median(beyond) {
            figures.push(figure("median", median).goal(Goal::AtMost(10.0)));
            figures.push(figure("longest", worst));
        }
    }
    Ok(figures)
}

fn peak(scenario: &'static str, what: &str, run: &Run, goal: f64) -> Option<Figure> {
    let figure = Figure::new(scenario, what, mib(run.usage.peak?), "MiB");
    Some(figure.goal(Goal::AtMost(goal)))
}

/// Too few events have no quantiles.
const MIN_EVENTS: u64 = 1_000;
