//! Samples, their medians, and the table that is made of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A process that is watched: what it is called in the table, and its id.
pub(crate) type Watched<'a> = &'a [(&'static str, u32)];

/// What one run of a load came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// How long each took that was answered as it should be, in microseconds.
    pub(crate) micros: Vec<u32>,
    /// Those that were not.
    pub(crate) failures: u64,
}

impl Load {
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.micros.extend(other.micros);
        self.failures += other.failures;
        self
    }
}

/// One run, or the medians of several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// A second.
    pub(crate) rate: f64,
    /// In microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// CPU time for each request, in microseconds, by process.
    pub(crate) cpu: BTreeMap<&'static str, f64>,
    pub(crate) failures: f64,
}

/// User and system time of a process so far, in seconds. The kernel counts in hundredths.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let after_name = stat.rsplit(')').next().expect("a name in parentheses");
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks");
    (ticks(11) + ticks(12)) / 100.0
}

/// Resident memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.expect("its resident memory") / 1024.0
}

/// Runs a load and looks at the processes before and after.
pub(crate) async fn sample(watched: Watched<'_>, load: impl Future<Output = Load>) -> Sample {
    let before: Vec<_> = watched.iter().map(|(_, pid)| cpu_seconds(*pid)).collect();
    let since = Instant::now();
    let Load {
        mut micros,
        failures,
    } = load.await;
    let took = since.elapsed().as_secs_f64();
    let count = micros.len().max(1) as f64;
    let cpu = watched.iter().zip(before).map(|((name, pid), before)| {
        let spent = cpu_seconds(*pid) - before;
        (*name, spent * 1e6 / count)
    });
    let cpu = cpu.collect();
    micros.sort_unstable();
    let at = |share: f64| {
        let index = (micros.len() as f64 * share) as usize;
        micros
            .get(index.min(micros.len().saturating_sub(1)))
            .copied()
    };
    Sample {
        rate: micros.len() as f64 / took,
        p50: f64::from(at(0.5).unwrap_or_default()),
        p99: f64::from(at(0.99).unwrap_or_default()),
        cpu,
        failures: failures as f64,
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The medians, each by itself.
pub(crate) fn medians(samples: &[Sample]) -> Sample {
    let of = |what: fn(&Sample) -> f64| median(samples.iter().map(what).collect());
    let names = samples.iter().flat_map(|sample| sample.cpu.keys());
    let cpu = names.map(|name| {
        let values = samples.iter().filter_map(|sample| sample.cpu.get(name));
        (*name, median(values.copied().collect()))
    });
    Sample {
        rate: of(|sample| sample.rate),
        p50: of(|sample| sample.p50),
        p99: of(|sample| sample.p99),
        cpu: cpu.collect(),
        failures: samples.iter().map(|sample| sample.failures).sum(),
    }
}

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// It is only told.
    Told,
}

impl Goal {
    fn is_reached(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(goal) => Some(value >= goal),
            Self::AtMost(goal) => Some(value <= goal),
            Self::Told => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(goal) => format!("≥ {goal}"),
            Self::AtMost(goal) => format!("≤ {goal}"),
            Self::Told => "–".to_owned(),
        }
    }
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) ours: Option<Sample>,
    pub(crate) reference: Option<Sample>,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
}

/// All lines, printed as they come.
#[derive(Debug, Default)]
pub(crate) struct Table {
    lines: Vec<Line>,
}

impl Table {
    pub(crate) fn add(&mut self, line: Line) {
        let reached = match line.goal.is_reached(line.value) {
            Some(true) => "reached",
            Some(false) => "NOT reached",
            None => "",
        };
        eprintln!(
            "  {}: {} {} (goal {}) {reached}",
            line.name,
            short(line.value),
            line.unit,
            line.goal.text()
        );
        self.lines.push(line);
    }

    pub(crate) fn fact(&mut self, name: &str, value: f64, unit: &'static str, goal: Goal) {
        self.add(Line {
            name: name.to_owned(),
            ours: None,
            reference: None,
            value,
            unit,
            goal,
        });
    }

    /// As Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = "| line | result | goal | | ours/s | p50 µs | p99 µs | CPU µs each | reference/s | p50 µs | p99 µs | CPU µs each |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for line in &self.lines {
            let mark = match line.goal.is_reached(line.value) {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "",
            };
            text += &format!(
                "| {} | {} {} | {} | {mark} | {} | {} |\n",
                line.name,
                short(line.value),
                line.unit,
                line.goal.text(),
                columns(line.ours.as_ref()),
                columns(line.reference.as_ref())
            );
        }
        text
    }

    pub(crate) fn json(&self, machine: &Value) -> Value {
        let sample = |sample: &Sample| {
            json!({
                "per_second": sample.rate.round(), "p50_micros": sample.p50,
                "p99_micros": sample.p99, "cpu_micros_each": sample.cpu,
                "failures": sample.failures,
            })
        };
        let line = |line: &Line| {
            json!({
                "name": line.name, "value": line.value, "unit": line.unit,
                "goal": line.goal.text(), "reached": line.goal.is_reached(line.value),
                "ours": line.ours.as_ref().map(sample),
                "reference": line.reference.as_ref().map(sample),
            })
        };
        json!({ "machine": machine, "lines": self.lines.iter().map(line).collect::<Vec<_>>() })
    }
}

fn columns(sample: Option<&Sample>) -> String {
    let Some(sample) = sample else {
        return " | | |".to_owned();
    };
    let cpu = sample
        .cpu
        .iter()
        .map(|(name, micros)| format!("{name} {}", short(*micros)));
    let failed = match sample.failures > 0.0 {
        true => format!(" ({} failed)", sample.failures),
        false => String::new(),
    };
    format!(
        "{:.0}{failed} | {:.0} | {:.0} | {}",
        sample.rate,
        sample.p50,
        sample.p99,
        cpu.collect::<Vec<_>>().join(", ")
    )
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// How long and how often each side of a line is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
}
