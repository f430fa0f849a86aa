//! The text format of Prometheus, version 0.0.4, written by hand: it is a few lines a family, and the figures are our own atomics, so
//! that a crate with a registry of its own would only keep them twice.

use std::fmt::{self, Display, Write as _};

use super::HistogramSnapshot;

/// What a family of series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
}

/// Builds the text, family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    /// Begins a family; its series follow.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Adds one series to the family.
    pub(crate) fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\"{}\"", Escaped(text)));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.write(format_args!(" {value}\n"));
    }

    /// Adds a family of one series without labels.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.series(name, &[], value);
    }

    /// Adds the series of one histogram to the family `name`.
    pub(crate) fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        times: &HistogramSnapshot,
    ) {
        let bucket = format!("{name}_bucket");
        let mut within = |bound: &str, count: u64| {
            let mut labels = labels.to_vec();
            labels.push(("le", bound));
            self.series(&bucket, &labels, count);
        };
        for (bound, count) in &times.buckets {
            within(&bound.to_string(), *count);
        }
        within("+Inf", times.count);
        self.series(&format!("{name}_sum"), labels, times.sum_s);
        self.series(&format!("{name}_count"), labels, times.count);
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

/// The value of a label, escaped as the format demands.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_help_are_escaped() {
        let mut text = Exposition::default();
        text.family("x_total", Kind::Counter, "a \\ b\nc");
        text.series("x_total", &[("a", "\"\\\n"), ("b", "ü")], 3);
        text.single("y", Kind::Gauge, "Y.", 0.5);
        assert_eq!(
            text.finish(),
            "# HELP x_total a \\\\ b\\nc\n# TYPE x_total counter\nx_total{a=\"\\\"\\\\\\n\",b=\"ü\"} 3\n\
             # HELP y Y.\n# TYPE y gauge\ny 0.5\n"
        );
    }
}
