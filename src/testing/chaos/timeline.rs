//! The run as a picture.

use std::fmt::Write as _;
use std::time::Duration;

use super::report::{ChaosReport, Sample};

/// Draws a run: when things went wrong, when connections were down, how long each recovery took, the events and the memory.
#[must_use]
pub fn timeline(report: &ChaosReport) -> String {
    let mut picture = Picture::new(report);
    picture.head(report);
    picture.connection(report);
    picture.recoveries(report);
    picture.events(report);
    picture.memory(report);
    picture.faults(report);
    picture.finish()
}

struct Picture {
    body: String,
    /// The upper edge of the next lane.
    y: f64,
    length: Duration,
}

impl Picture {
    fn new(report: &ChaosReport) -> Self {
        let length = report
            .samples
            .last()
            .map_or(Duration::from_secs(1), |sample| sample.at);
        Self {
            body: String::new(),
            y: 0.0,
            length: length.max(Duration::from_millis(1)),
        }
    }

    fn x(&self, at: Duration) -> f64 {
        LEFT + (at.as_secs_f64() / self.length.as_secs_f64()).min(1.0) * WIDE
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>"
        );
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str, title: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"><title>{title}</title></rect>"
        );
    }

    fn lane(&mut self, name: &str, height: f64) -> f64 {
        let top = self.y;
        self.text(LEFT - 12.0, top + 12.0, "name", name);
        self.y += height + GAP;
        top
    }

    fn head(&mut self, report: &ChaosReport) {
        self.text(
            16.0,
            28.0,
            "title",
            &format!("{} under faults", report.platforms.join(", ")),
        );
        let verdict = match report.broken.is_empty() {
            true => "all guarantees kept".to_owned(),
            false => format!("BROKEN: {}", report.broken.join("; ")),
        };
        let line = format!(
            "{} {} minutes at a rate of {}, seed {}: {} events, {} faults, {} reconnects, {} lost, {} duplicated, {} restarts",
            report.minutes,
            report.time,
            report.rate,
            report.seed,
            report.events,
            report.faults_total,
            report.reconnects,
            report.lost,
            report.duplicated,
            report.restarts
        );
        self.text(16.0, 48.0, "line", &line);
        let class = if report.broken.is_empty() {
            "kept"
        } else {
            "broken"
        };
        self.text(16.0, 66.0, class, &verdict);
        self.y = 88.0;
    }

    fn connection(&mut self, report: &ChaosReport) {
        let top = self.lane("connected", 16.0);
        self.bar(LEFT, top, WIDE, 16.0, "up", "connected");
        for (at, down) in &report.outages {
            let (from, to) = (self.x(*at), self.x(*at + *down));
            self.bar(
                from,
                top,
                (to - from).max(1.0),
                16.0,
                "down",
                &format!("down for {}", shown(*down)),
            );
        }
    }

    fn recoveries(&mut self, report: &ChaosReport) {
        let top = self.lane("recovery", HIGH);
        let most = report
            .outages
            .iter()
            .map(|(_, down)| down.as_secs_f64())
            .fold(1.0, f64::max);
        self.scale(top, &shown(Duration::from_secs_f64(most)));
        for (at, down) in &report.outages {
            let (x, height) = (
                self.x(*at + *down),
                (down.as_secs_f64() / most * HIGH).max(1.0),
            );
            self.bar(
                x - 1.0,
                top + HIGH - height,
                2.0,
                height,
                "recovery",
                &shown(*down),
            );
        }
    }

    fn events(&mut self, report: &ChaosReport) {
        let top = self.lane("events", HIGH);
        let rates: Vec<(Sample, Sample, f64)> = report
            .samples
            .windows(2)
            .map(|pair| {
                let seconds = (pair[1].at.saturating_sub(pair[0].at))
                    .as_secs_f64()
                    .max(0.001);
                (
                    pair[0],
                    pair[1],
                    (pair[1].events - pair[0].events) as f64 * 60.0 / seconds,
                )
            })
            .collect();
        let most = rates.iter().map(|(_, _, rate)| *rate).fold(1.0, f64::max);
        self.scale(top, &format!("{most:.0}/min"));
        for (from, to, rate) in rates {
            let (x, height) = (self.x(from.at), rate / most * HIGH);
            self.bar(
                x,
                top + HIGH - height,
                (self.x(to.at) - x - 0.3).max(0.5),
                height,
                "events",
                &format!("{rate:.0} a minute"),
            );
        }
    }

    fn memory(&mut self, report: &ChaosReport) {
        let points: Vec<_> = report
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at, sample.resident? as f64)))
            .collect();
        if points.len() < 2 {
            return;
        }
        let top = self.lane("memory", HIGH);
        let most = points.iter().map(|(_, bytes)| *bytes).fold(1.0, f64::max) * 1.1;
        self.scale(top, &format!("{:.0} MiB", most / f64::from(1 << 20)));
        let line: Vec<String> = points
            .iter()
            .map(|(at, bytes)| {
                format!("{:.1},{:.1}", self.x(*at), top + HIGH - bytes / most * HIGH)
            })
            .collect();
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" class=\"memory\"/>",
            line.join(" ")
        );
    }

    /// One row a kind of fault.
    fn faults(&mut self, report: &ChaosReport) {
        let top = self.y;
        self.text(16.0, top + 12.0, "line", "faults");
        self.y += 20.0;
        for (kind, times) in &report.faults {
            let y = self.y;
            self.text(LEFT - 12.0, y + 10.0, "name", &format!("{kind} {times}"));
            for (at, _) in report.moments.iter().filter(|(_, befell)| befell == kind) {
                let x = self.x(*at);
                self.bar(x - 0.75, y + 1.0, 1.5, 10.0, "fault", kind);
            }
            self.y += 15.0;
        }
        self.y += 4.0;
        self.axis();
    }

    /// The greatest value of a lane, and its floor.
    fn scale(&mut self, top: f64, most: &str) {
        self.text(LEFT - 12.0, top + 26.0, "scale", most);
        let _ = writeln!(
            self.body,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"floor\"/>",
            LEFT + WIDE,
            y = top + HIGH
        );
    }

    fn axis(&mut self) {
        let y = self.y;
        let step = step(self.length);
        let mut at = Duration::ZERO;
        while at <= self.length {
            let x = self.x(at);
            let _ = writeln!(
                self.body,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"84\" y2=\"{y:.1}\" class=\"grid\"/>"
            );
            self.text(x, y + 14.0, "middle", &mark(at));
            at += step;
        }
        self.y += 28.0;
    }

    fn finish(self) -> String {
        let (width, height) = (LEFT + WIDE + 24.0, self.y);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n{STYLE}\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// Returns the time between two marks of the axis: seven of them at most, each at a round moment.
fn step(length: Duration) -> Duration {
    let longest = STEPS[STEPS.len() - 1];
    let days = u32::try_from(length.as_secs() / (7 * longest.as_secs())).unwrap_or(u32::MAX - 1);
    let fits = |step: &&Duration| length <= **step * 7;
    STEPS
        .iter()
        .find(fits)
        .copied()
        .unwrap_or(longest * (days + 1))
}

/// Shows a moment of the axis, which is round in one of the units.
fn mark(at: Duration) -> String {
    let milliseconds = at.as_millis();
    match milliseconds {
        0 => "0".to_owned(),
        _ if milliseconds.is_multiple_of(3_600_000) => format!("{} h", milliseconds / 3_600_000),
        _ if milliseconds.is_multiple_of(60_000) => format!("{} min", milliseconds / 60_000),
        _ if milliseconds.is_multiple_of(1_000) => format!("{} s", milliseconds / 1_000),
        _ => format!("{milliseconds} ms"),
    }
}

/// Shows a time in the unit that suits it.
fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1_000.0),
        seconds if seconds < 120.0 => format!("{seconds:.1} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}

const STEPS: [Duration; 16] = {
    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    [
        Duration::from_millis(100),
        seconds(1),
        seconds(2),
        seconds(5),
        seconds(10),
        seconds(30),
        seconds(60),
        seconds(2 * 60),
        seconds(5 * 60),
        seconds(10 * 60),
        seconds(30 * 60),
        seconds(3_600),
        seconds(2 * 3_600),
        seconds(4 * 3_600),
        seconds(12 * 3_600),
        seconds(24 * 3_600),
    ]
};
const LEFT: f64 = 130.0;
const WIDE: f64 = 900.0;
const HIGH: f64 = 48.0;
const GAP: f64 = 14.0;
const STYLE: &str = "<style>text{fill:#24292f}.title{font-size:17px;font-weight:bold}.name,.scale{text-anchor:end}.middle{text-anchor:middle}.scale{fill:#6e7781;font-size:10px}.kept{fill:#1a7f37;font-weight:bold}.broken{fill:#cf222e;font-weight:bold}.up{fill:#aceebb}.down{fill:#cf222e}.recovery{fill:#bf8700}.events{fill:#54aeff}.fault{fill:#8250df}.memory{fill:none;stroke:#0a3069;stroke-width:1.5}.grid{stroke:#d0d7de;stroke-width:.5}.floor{stroke:#afb8c1;stroke-width:.5}</style>";
