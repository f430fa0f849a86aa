//! Line charts as SVG: a few panels side by side, with nothing from outside.

use std::fmt::Write as _;

/// One panel.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    /// What stands along the axes.
    pub(super) x: String,
    pub(super) y: String,
    /// Each step along the x axis is a factor of ten.
    pub(super) logarithmic: bool,
    pub(super) series: Vec<Series>,
}

/// One line of a panel.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Draws `charts`, two in a row.
pub(super) fn svg(title: &str, charts: &[Chart]) -> String {
    let rows = charts.len().div_ceil(COLUMNS);
    let columns = charts.len().clamp(1, COLUMNS);
    let (width, height) = (
        WIDTH * columns as f64 + 2.0 * MARGIN,
        HEADING + HEIGHT * rows as f64 + MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"32\">{title}</text>\n",
        title = escaped(title),
    );
    for (place, chart) in charts.iter().enumerate() {
        let left = MARGIN + WIDTH * (place % COLUMNS) as f64;
        let top = HEADING + HEIGHT * (place / COLUMNS) as f64;
        let _ = writeln!(out, "<g transform=\"translate({left} {top})\">");
        chart.draw(&mut out);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

impl Chart {
    fn draw(&self, out: &mut String) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (least, most) = points().fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(least, most), (x, _)| (least.min(*x), most.max(*x)),
        );
        let top = points().map(|(_, y)| *y).fold(0.0, f64::max);
        let steps = steps(top);
        let top = steps.last().copied().unwrap_or(1.0);
        let scale = |x: f64| {
            let along = |x: f64| {
                if self.logarithmic {
                    x.max(f64::MIN_POSITIVE).log10()
                } else {
                    x
                }
            };
            let span = along(most) - along(least);
            let part = if span > 0.0 {
                (along(x) - along(least)) / span
            } else {
                0.5
            };
            LEFT + part * (WIDTH - LEFT - RIGHT)
        };
        let rise = |y: f64| HEIGHT - BOTTOM - y / top * (HEIGHT - BOTTOM - TOP);
        text(out, "panel", LEFT, 18.0, "start", &self.title);
        for step in &steps {
            let y = rise(*step);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            );
            text(out, "tick", LEFT - 8.0, y + 4.0, "end", &short(*step));
        }
        let mut ticks: Vec<f64> = points().map(|(x, _)| *x).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let mut last = f64::NEG_INFINITY;
        for tick in ticks {
            // Labels that would touch are left out.
            if scale(tick) - last > 34.0 {
                last = scale(tick);
                text(
                    out,
                    "tick",
                    last,
                    HEIGHT - BOTTOM + 18.0,
                    "middle",
                    &short(tick),
                );
            }
        }
        text(
            out,
            "axis",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - BOTTOM + 38.0,
            "middle",
            &self.x,
        );
        text(out, "axis", LEFT, TOP - 8.0, "start", &self.y);
        for (number, series) in self.series.iter().enumerate() {
            let color = number % COLORS;
            let path = series
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", scale(*x), rise(*y)));
            let path = path.collect::<Vec<_>>().join(" ");
            let _ = writeln!(out, "<polyline class=\"line s{color}\" points=\"{path}\"/>");
            for (x, y) in &series.points {
                let _ = writeln!(
                    out,
                    "<circle class=\"dot s{color}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}: {}, {}</title></circle>",
                    scale(*x),
                    rise(*y),
                    escaped(&series.name),
                    short(*x),
                    short(*y),
                );
            }
            if self.series.len() > 1 {
                let (x, y) = (WIDTH - RIGHT - 110.0, 18.0 + 16.0 * number as f64);
                let _ = writeln!(
                    out,
                    "<circle class=\"dot s{color}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\"/>",
                    y - 4.0
                );
                text(out, "tick", x + 10.0, y, "start", &series.name);
            }
        }
    }
}

fn text(out: &mut String, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

/// Returns round numbers from zero to `top` or a little above it.
fn steps(top: f64) -> Vec<f64> {
    if top <= 0.0 || !top.is_finite() {
        return vec![0.0, 1.0];
    }
    let rough = top / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999);
    let step = factor.unwrap_or(10.0) * power;
    let count = (top / step * 0.999).ceil() as usize;
    (0..=count.max(1))
        .map(|number| number as f64 * step)
        .collect()
}

/// Writes a number with three digits and k, M or G.
fn short(number: f64) -> String {
    let (scaled, unit) = match number.abs() {
        n if n >= 1e9 => (number / 1e9, "G"),
        n if n >= 1e6 => (number / 1e6, "M"),
        n if n >= 1e3 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let digits = match scaled.abs() {
        n if n >= 100.0 || n == 0.0 => 0,
        n if n >= 10.0 => 1,
        n if n >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const COLUMNS: usize = 2;
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 280.0;
const MARGIN: f64 = 20.0;
const HEADING: f64 = 52.0;
/// The room around the lines of a panel.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 52.0;
/// How many colours there are for lines.
const COLORS: usize = 4;
const STYLE: &str = "\
.paper{fill:#fff}text{font-family:ui-sans-serif,system-ui,sans-serif;fill:#1f2328}.title{font-size:18px;font-weight:600}\
.panel{font-size:14px;font-weight:600}.tick{font-size:11px;fill:#59636e}.axis{font-size:12px;fill:#59636e}\
.grid{stroke:#d1d9e0;stroke-width:1}.line{fill:none;stroke-width:2}.dot{stroke:none}\
.line.s0{stroke:#1a7f37}.dot.s0{fill:#1a7f37}.line.s1{stroke:#0969da}.dot.s1{fill:#0969da}\
.line.s2{stroke:#bc4c00}.dot.s2{fill:#bc4c00}.line.s3{stroke:#8250df}.dot.s3{fill:#8250df}\
@media (prefers-color-scheme:dark){.paper{fill:#0d1117}text{fill:#f0f6fc}.tick,.axis{fill:#9198a1}.grid{stroke:#3d444d}\
.line.s0{stroke:#3fb950}.dot.s0{fill:#3fb950}.line.s1{stroke:#58a6ff}.dot.s1{fill:#58a6ff}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!(steps(1.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(steps(1_450_000.0).last(), Some(&1_500_000.0));
        assert_eq!(steps(0.0), [0.0, 1.0]);
        assert_eq!(
            ["0", "0.25", "12.5", "999", "1.5k", "100k", "2M"],
            [0.0, 0.25, 12.5, 999.0, 1_500.0, 1e5, 2e6].map(short)[..]
        );
    }

    #[test]
    fn pictures_are_well_formed_whatever_is_in_them() {
        let chart = |points: &[(f64, f64)]| Chart {
            title: "a < b & \"c\"".to_owned(),
            x: "connections".to_owned(),
            y: "events/s".to_owned(),
            logarithmic: true,
            series: vec![
                Series {
                    name: "<greenroom>".to_owned(),
                    points: points.to_vec()
                };
                2
            ],
        };
        for points in [&[][..], &[(0.0, 0.0)], &[(1.0, 5.0), (1_000.0, 4.0)]] {
            let picture = svg("growth", &[chart(points), chart(points), chart(points)]);
            assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
            assert!(
                !picture.contains("<greenroom>")
                    && !picture.contains("NaN")
                    && !picture.contains("inf"),
                "{picture}"
            );
        }
    }
}
