//! One table, and the same as JSON.

use serde_json::{Value, json};

use crate::sample::Figures;

/// One row.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// Its figures, with their units.
    pub(crate) figures: Vec<(&'static str, f64)>,
    /// The measures beside which it stands, its ratio to each, and the most (or least) that is wanted.
    pub(crate) beside: Vec<Beside>,
}

/// A ratio to another arm of the same run.
pub(crate) struct Beside {
    pub(crate) what: &'static str,
    pub(crate) ratio: f64,
    pub(crate) goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn met(self, figure: f64) -> bool {
        match self {
            Self::AtMost(goal) => figure <= goal,
            Self::AtLeast(goal) => figure >= goal,
        }
    }

    fn text(self, figure: f64) -> String {
        let verdict = if self.met(figure) { "met" } else { "NOT met" };
        match self {
            Self::AtMost(goal) => format!("at most {goal:.2}: {verdict}"),
            Self::AtLeast(goal) => format!("at least {goal:.2}: {verdict}"),
        }
    }
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, figures: Vec<(&'static str, f64)>) -> Self {
        Self { name: name.into(), figures, beside: Vec::new() }
    }

    /// Median, 99th percentile and rate.
    pub(crate) fn timed(name: impl Into<String>, figures: Figures) -> Self {
        Self::new(name, vec![("p50 µs", figures.p50), ("p99 µs", figures.p99), ("per s", figures.rate())])
    }

    pub(crate) fn beside(mut self, what: &'static str, ratio: f64, goal: Option<Goal>) -> Self {
        self.beside.push(Beside { what, ratio, goal });
        self
    }

    fn json(&self) -> Value {
        let figures: serde_json::Map<String, Value> =
            self.figures.iter().map(|(unit, value)| ((*unit).into(), json!(value))).collect();
        let ratios: Vec<Value> = self.beside.iter().map(Beside::json).collect();
        json!({ "name": self.name, "figures": figures, "ratios": ratios })
    }
}

impl Beside {
    fn json(&self) -> Value {
        let mut ratio = json!({ "to": self.what, "is": self.ratio });
        if let Some(goal) = self.goal {
            ratio["goal_met"] = json!(goal.met(self.ratio));
        }
        ratio
    }

    fn text(&self) -> String {
        let goal = self.goal.map_or(String::new(), |goal| format!(" ({})", goal.text(self.ratio)));
        format!("{:.2} × {}{goal}", self.ratio, self.what)
    }
}

/// A figure with as many digits as it deserves.
fn figure(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// Prints the rows for people.
pub(crate) fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    for row in rows {
        let figures: Vec<String> =
            row.figures.iter().map(|(unit, value)| format!("{:>9} {unit:<6}", figure(*value))).collect();
        let beside: Vec<String> = row.beside.iter().map(Beside::text).collect();
        println!("{:<width$}  {:<50}  {}", row.name, figures.join(" "), beside.join(", "));
    }
}

/// The same for programs.
pub(crate) fn json(rows: &[Row], rounds: usize) -> Value {
    json!({ "rounds": rounds, "rows": rows.iter().map(Row::json).collect::<Vec<_>>() })
}
