//! Numbers for whoever watches: what every room counts with, and how it is told (Prometheus' text
//! format 0.0.4).
//!
//! Each part of the program owns a [`Metrics`] and makes its counters when it is built, with all their
//! labels; to count is then an atomic addition, with no lock and no look-up. Labels are words of the
//! program's own: never an account, a client, a token or an address, so their number is bounded and the
//! numbers tell nothing about anybody.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder as _, HistogramOpts, IntCounter, IntGauge, Opts, Registry, TextEncoder};

/// Something that only grows.
pub type Counter = IntCounter;
/// Something that grows and shrinks.
pub type Gauge = IntGauge;
/// How values are spread; also their count and their sum.
pub type Histogram = prometheus::Histogram;

/// What [`text`] makes, for `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of what is answered from memory, or waits for the disk, or for the server, in seconds.
pub const SECONDS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];
/// Bounds of how many went at once.
pub const HOW_MANY: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Names and values of a series' labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// The series of one part of the program.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// A new counter: `name` without `xmpp_oauth_`.
    ///
    /// # Panics
    /// When there is such a series already, or the name is none.
    pub fn counter(&self, name: &str, help: &str, labels: Labels<'_>) -> Counter {
        self.add(IntCounter::with_opts(options(name, help, labels)))
    }

    /// A counter of refusals at a limit.
    ///
    /// # Panics
    /// See [`Metrics::counter`].
    pub fn limit(&self, limit: &str) -> Counter {
        self.counter(
            "limits_hit_total",
            "Refusals because of a limit, and what had to make room for something newer.",
            &[("limit", limit)],
        )
    }

    /// A new gauge.
    ///
    /// # Panics
    /// See [`Metrics::counter`].
    pub fn gauge(&self, name: &str, help: &str, labels: Labels<'_>) -> Gauge {
        self.add(IntGauge::with_opts(options(name, help, labels)))
    }

    /// A new histogram with these upper bounds.
    ///
    /// # Panics
    /// See [`Metrics::counter`].
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: Labels<'_>,
        bounds: &[f64],
    ) -> Histogram {
        let options = HistogramOpts::from(options(name, help, labels)).buckets(bounds.to_vec());
        self.add(Histogram::with_opts(options))
    }

    /// Adds the process's own: CPU, memory, open files, when it started.
    #[must_use]
    pub fn with_process(self) -> Self {
        self.register(ProcessCollector::for_self());
        self
    }

    #[expect(
        clippy::expect_used,
        reason = "names are literals of the program; a wrong one fails whenever its part is built"
    )]
    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("a name and labels that Prometheus knows");
        self.register(collector.clone());
        collector
    }

    #[expect(clippy::expect_used, reason = "as above")]
    fn register(&self, collector: impl Collector + 'static) {
        self.0
            .register(Box::new(collector))
            .expect("a series that is there only once");
    }
}

fn options(name: &str, help: &str, labels: Labels<'_>) -> Opts {
    let options = Opts::new(format!("xmpp_oauth_{name}"), help);
    labels.iter().fold(options, |options, (name, value)| {
        options.const_label(*name, *value)
    })
}

/// The series of all parts. Those of one name stand together, whichever part they are from.
pub fn text<'a>(parts: impl IntoIterator<Item = &'a Metrics>) -> String {
    let mut families = BTreeMap::<String, MetricFamily>::new();
    for mut family in parts.into_iter().flat_map(|part| part.0.gather()) {
        match families.get_mut(family.name()) {
            None => drop(families.insert(family.name().to_owned(), family)),
            Some(known) => known.mut_metric().extend(family.take_metric()),
        }
    }
    let families: Vec<_> = families.into_values().collect();
    let mut bytes = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&families, &mut bytes) {
        tracing::error!(%error, "the metrics could not be written");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_stand_together_whichever_part_they_are_from() {
        let (here, there) = (Metrics::default(), Metrics::default());
        here.limit("doors").inc();
        there.limit("windows").inc_by(2);
        let text = text([&here, &there]);
        assert_eq!(
            text.matches("# TYPE xmpp_oauth_limits_hit_total counter")
                .count(),
            1
        );
        assert!(text.contains("xmpp_oauth_limits_hit_total{limit=\"doors\"} 1\n"));
        assert!(text.contains("xmpp_oauth_limits_hit_total{limit=\"windows\"} 2\n"));
    }

    #[test]
    fn the_process_tells_of_itself() {
        let text = text([&Metrics::default().with_process()]);
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total"] {
            assert!(text.contains(name), "no {name} in {text}");
        }
    }
}
