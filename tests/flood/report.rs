//! The table.

use std::time::Duration;

use crate::{Fault, attack::Flood, honest::Measured};

/// The honest host signs at least at this part of the rate that it has beside an equally busy process.
const SHARE: f64 = 0.6;
/// A new host has the list within this time.
const SERVED: Duration = Duration::from_millis(100);
/// The memory of the server, in MiB. Below is what one PIN adds while it is stretched.
const MEMORY: f64 = 64.0;
const STRETCHED: f64 = 20.0;
/// A short run fails beyond these limits. Such a figure is not noise from other work of the machine, because noise shows beside
/// the busy process, too.
const BROKEN_SHARE: f64 = 0.2;
const BROKEN_SERVED: Duration = Duration::from_secs(3);
const BROKEN_TIMES: u32 = 5;

/// The figures of one flood.
pub struct Row {
    flood: Flood,
    pub beside: Measured,
    pub floor: Measured,
    /// The cores that the flood took, and those that the busy process took.
    pub cores: [f64; 2],
    /// The most memory that the server had, in MiB.
    pub peak: f64,
}

/// The table's head, and the honest host alone.
pub fn head(alone: &Measured) {
    println!(
        "{:<44} {:>9} {:>9} {:>6} {:>13}  {:>27}  {:>6}",
        "", "signatures a second", "", "", "cores taken", "new host served, ms", "peak"
    );
    println!(
        "{:<44} {:>9} {:>9} {:>6} {:>6} {:>6}  {:>8} {:>8} {:>8}  {:>6}",
        "flood", "beside", "as busy", "share", "flood", "busy", "median", "worst", "as busy", "MiB"
    );
    let (median, worst) = spread(&alone.served);
    println!(
        "{:<44} {:>9.0} {:>9} {:>6} {:>6} {:>6}  {median:>8} {worst:>8}",
        "none: the honest host alone",
        alone.rate(),
        "",
        "",
        "",
        ""
    );
}

impl Row {
    pub fn new(flood: Flood) -> Self {
        Self { flood, beside: Measured::default(), floor: Measured::default(), cores: [0.0; 2], peak: 0.0 }
    }

    fn share(&self) -> f64 {
        self.beside.rate() / self.floor.rate()
    }

    pub fn print(&self) {
        let (median, worst) = spread(&self.beside.served);
        let (_, floor) = spread(&self.floor.served);
        println!(
            "{:<44} {:>9.0} {:>9.0} {:>5.0}% {:>6.2} {:>6.2}  {median:>8} {worst:>8} {floor:>8}  {:>6.1}",
            self.flood.name(),
            self.beside.rate(),
            self.floor.rate(),
            100.0 * self.share(),
            self.cores[0],
            self.cores[1],
            self.peak
        );
    }

    /// The goals that were not met.
    fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        if self.share() < SHARE {
            misses.push(format!("{:.0} % of the rate, wanted 60", 100.0 * self.share()));
        }
        let late = self.beside.served.iter().filter(|served| **served > SERVED).count();
        if late > 0 {
            misses.push(format!(
                "{late} of {} new hosts were served after more than 100 ms",
                self.beside.served.len()
            ));
        }
        let memory = if self.flood.stretches() { MEMORY + STRETCHED } else { MEMORY };
        if self.peak > memory {
            misses.push(format!("{:.0} MiB, wanted {memory:.0}", self.peak));
        }
        misses
    }

    fn is_broken(&self) -> bool {
        let noise = self.floor.served.iter().max().copied().unwrap_or_default();
        let broken = BROKEN_SERVED.max(noise * BROKEN_TIMES);
        self.share() < BROKEN_SHARE || self.beside.served.iter().any(|served| *served > broken)
    }
}

/// Says which goals were met. Fails where noise cannot be the reason for a miss.
pub fn judge(rows: &[Row]) -> Result<(), Fault> {
    println!();
    for row in rows {
        let misses = row.misses();
        let verdict =
            if misses.is_empty() { "met".to_owned() } else { format!("NOT met: {}", misses.join("; ")) };
        println!("{:<44} {verdict}", row.flood.name());
    }
    match rows.iter().find(|row| row.is_broken()) {
        Some(row) => Err(format!("{} keeps others from being served", row.flood.name()).into()),
        None => Ok(()),
    }
}

/// Median and worst.
fn spread(times: &[Duration]) -> (String, String) {
    let mut times = times.to_vec();
    times.sort();
    let at = |place: usize| {
        times.get(place).map_or("?".to_owned(), |time| format!("{:.1}", time.as_secs_f64() * 1e3))
    };
    (at(times.len() / 2), at(times.len().saturating_sub(1)))
}
