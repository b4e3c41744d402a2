//! What was measured, with the machine that it was measured on: as a table that can be pasted into a page, or as JSON.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::Bench;
use crate::{Result, root};

/// One figure: what each round gave, and what it ought to be.
#[derive(Debug)]
pub(super) struct Figure {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
    target: Option<Target>,
}

/// What the median of a figure ought to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, unit: &'static str, values: Vec<f64>) -> Self {
        Self { name: name.into(), unit, values, target: None }
    }

    #[must_use]
    pub(super) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    fn median(&self) -> f64 {
        let values = self.sorted();
        let middle = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        match values.len() % 2 {
            1 => middle(values.len() / 2),
            _ => f64::midpoint(middle((values.len() / 2).wrapping_sub(1)), middle(values.len() / 2)),
        }
    }

    /// A figure that is no number misses every target.
    fn is_met(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtMost(most) => self.median() <= most,
            Target::AtLeast(least) => self.median() >= least,
        })
    }

    fn row(&self) -> [String; 5] {
        let unit = |value: f64| format!("{} {}", number(value), self.unit).trim_end().to_owned();
        let values = self.sorted();
        let spread = match (values.first(), values.last()) {
            (Some(least), Some(most)) if values.len() > 1 => format!("{} – {}", number(*least), number(*most)),
            _ => String::new(),
        };
        let target = match self.target {
            Some(Target::AtMost(most)) => format!("≤ {}", unit(most)),
            Some(Target::AtLeast(least)) => format!("≥ {}", unit(least)),
            None => String::new(),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        [self.name.clone(), unit(self.median()), spread, target, verdict.to_owned()]
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}

/// The figures of a run.
pub(super) struct Report {
    conditions: Vec<(&'static str, String)>,
    figures: Vec<Figure>,
}

impl Report {
    /// An empty report, which knows the machine.
    pub(super) fn new(bench: &Bench) -> Result<Self> {
        let line = |path: &str, start: &str| -> Result<String> {
            let text = fs::read_to_string(path)?;
            let found = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
            Ok(found.trim_start_matches([':', ' ', '\t']).to_owned())
        };
        let cores = std::thread::available_parallelism()?;
        let conditions = vec![
            ("commit", first_line(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root()))),
            ("looms", bench.looms.display().to_string()),
            ("compiler", first_line(Command::new("rustc").arg("--version"))),
            ("cpu", format!("{} cores, {}", cores, line("/proc/cpuinfo", "model name")?)),
            ("memory", line("/proc/meminfo", "MemTotal")?),
            ("kernel", line("/proc/sys/kernel/osrelease", "")?),
            ("rounds", bench.rounds.to_string()),
            ("requests", bench.requests.to_string()),
            ("callers", bench.callers.to_string()),
        ];
        Ok(Self { conditions, figures: Vec::new() })
    }

    pub(super) fn add(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    /// The names of the figures that miss their targets.
    pub(super) fn missed(&self) -> Vec<&str> {
        let missed = self.figures.iter().filter(|figure| figure.is_met() == Some(false));
        missed.map(|figure| figure.name.as_str()).collect()
    }

    #[expect(clippy::print_stdout, reason = "the figures are what the command is for")]
    pub(super) fn print(&self, json: bool) -> Result {
        match json {
            true => println!("{}", serde_json::to_string_pretty(&self.json())?),
            false => println!("{}", self.table()),
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut rows = vec![["figure", "median", "rounds", "target", ""].map(str::to_owned)];
        rows.extend(self.figures.iter().map(Figure::row));
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..5).filter_map(width).collect();
        let mut lines: Vec<String> = self.conditions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.push(String::new());
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} |"));
            lines.push(format!("|{}", cells.collect::<String>()));
            if index == 0 {
                lines.push(format!("|{}", widths.iter().map(|width| "-".repeat(width + 2) + "|").collect::<String>()));
            }
        }
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let conditions: Value =
            self.conditions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let figures = self.figures.iter().map(|figure| {
            let (at_most, at_least) = match figure.target {
                Some(Target::AtMost(most)) => (Some(most), None),
                Some(Target::AtLeast(least)) => (None, Some(least)),
                None => (None, None),
            };
            json!({
                "name": figure.name, "unit": figure.unit, "median": figure.median(), "rounds": figure.values,
                "at_most": at_most, "at_least": at_least, "met": figure.is_met(),
            })
        });
        json!({"conditions": conditions, "figures": figures.collect::<Vec<_>>()})
    }
}

/// What is going on, on stderr: a run takes minutes.
#[expect(clippy::print_stderr, reason = "stdout is for the figures")]
pub(super) fn progress(what: &str) {
    eprintln!("bench: {what}");
}

/// A condition that cannot be told is told as unknown; the figures stand without it.
fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    output.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_held_against_its_target() {
        let figure = |values: &[f64]| Figure::new("cost", "×", values.to_vec()).target(Target::AtMost(2.0));
        assert_eq!(figure(&[9.0, 1.0, 1.5]).row(), ["cost", "1.50 ×", "1.00 – 9.00", "≤ 2.00 ×", "met"]);
        assert_eq!(figure(&[2.0, 2.5]).row(), ["cost", "2.25 ×", "2.00 – 2.50", "≤ 2.00 ×", "missed"]);
        assert_eq!(figure(&[]).is_met(), Some(false));
        assert_eq!(Figure::new("speed", "/s", vec![1234.5]).row(), ["speed", "1234 /s", "", "", ""]);
        let growth = Figure::new("growth", "×", vec![1.5]).target(Target::AtLeast(1.2));
        assert_eq!(growth.is_met(), Some(true));
    }
}
