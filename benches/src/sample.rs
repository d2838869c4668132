//! Samples, and the figures made of them. On a busy machine rates fall by half, while medians of runs on one core stay. That is
//! why a ratio is one of medians, of arms that were measured in turn.

use std::time::{Duration, Instant};

/// One arm in one round: how long each operation took.
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Times `count` operations one by one. A tenth as many before them are not counted.
    pub(crate) fn take(
        count: usize,
        mut operation: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        for _ in 0..count.div_ceil(10) {
            operation()?;
        }
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            operation()?;
            samples.push(start.elapsed());
        }
        samples.sort_unstable();
        Ok(Self(samples))
    }

    /// The sample below which `share` of them are, in microseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1e6)
    }
}

/// Something that is measured: one operation a call.
pub(crate) type Arm<'a> = Box<dyn FnMut() -> anyhow::Result<()> + 'a>;

/// Measures all arms in each round, one after the other, and returns the rounds of each arm.
pub(crate) fn in_turn(
    rounds: usize,
    count: usize,
    arms: &mut [Arm<'_>],
) -> anyhow::Result<Vec<Vec<Samples>>> {
    let mut taken: Vec<Vec<Samples>> = arms.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for _ in 0..rounds {
        for (arm, taken) in arms.iter_mut().zip(&mut taken) {
            taken.push(Samples::take(count, arm)?);
        }
    }
    Ok(taken)
}

/// The figures of an arm over all rounds.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// Median of the rounds' medians, in microseconds.
    pub(crate) p50: f64,
    /// Median of the rounds' 99th percentiles, in microseconds.
    pub(crate) p99: f64,
}

impl Figures {
    pub(crate) fn of(rounds: &[Samples]) -> Self {
        let of = |share| median(rounds.iter().map(|round| round.percentile(share)).collect());
        Self { p50: of(0.5), p99: of(0.99) }
    }

    /// Operations a second, one after the other.
    pub(crate) fn rate(self) -> f64 {
        1e6 / self.p50
    }
}

/// The median over rounds of the ratio of medians. Both arms of a round ran on the same machine in the same state.
pub(crate) fn ratio(arm: &[Samples], floor: &[Samples]) -> f64 {
    median(arm.iter().zip(floor).map(|(arm, floor)| arm.percentile(0.5) / floor.percentile(0.5)).collect())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
