//! Counters, in the text format of Prometheus. No label holds anything of a customer's.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::error::Refusal;

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<u16, u64>,
    refusals: BTreeMap<&'static str, u64>,
    payments: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    nanoseconds: u128,
    /// Requests by how long they took: those of a place are at most as long as [`BOUNDS`] says there.
    lengths: [u64; BOUNDS.len()],
}

/// In milliseconds. What took longer is in no place, and in the count of all.
const BOUNDS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

impl Metrics {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn request(&self, status: u16, took: Duration) {
        self.change(|counts| {
            *counts.requests.entry(status).or_default() += 1;
            counts.nanoseconds += took.as_nanos();
            let place = BOUNDS.iter().position(|bound| took <= Duration::from_millis(*bound));
            if let Some(count) = place.and_then(|place| counts.lengths.get_mut(place)) {
                *count += 1;
            }
        });
    }

    /// Something of the bank's own that went wrong, by its cause.
    pub(crate) fn fault(&self, cause: &'static str) {
        self.change(|counts| *counts.faults.entry(cause).or_default() += 1);
    }

    pub(crate) fn refusal(&self, refusal: Refusal) {
        self.change(|counts| *counts.refusals.entry(refusal.code()).or_default() += 1);
    }

    pub(crate) fn payment(&self, method: &'static str) {
        self.change(|counts| *counts.payments.entry(method).or_default() += 1);
    }

    /// The page, with the KiB that hashes of passwords have filled, and the gauges that were read for it.
    pub(crate) fn page(&self, hashed: u64, gauges: &[(&str, i64)]) -> String {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        let mut line = |text: String| page.push_str(&(text + "\n"));
        line("# TYPE bank_requests_total counter".into());
        for (status, count) in &counts.requests {
            line(format!("bank_requests_total{{status=\"{status}\"}} {count}"));
        }
        let (all, seconds) = (
            counts.requests.values().sum::<u64>(),
            Duration::from_nanos_u128(counts.nanoseconds).as_secs_f64(),
        );
        line("# TYPE bank_request_seconds histogram".into());
        let mut until = 0;
        for (bound, count) in BOUNDS.iter().zip(counts.lengths) {
            until += count;
            let bound = Duration::from_millis(*bound).as_secs_f64();
            line(format!("bank_request_seconds_bucket{{le=\"{bound}\"}} {until}"));
        }
        line(format!("bank_request_seconds_bucket{{le=\"+Inf\"}} {all}"));
        line(format!("bank_request_seconds_sum {seconds:.6}\nbank_request_seconds_count {all}"));
        line("# TYPE bank_faults_total counter".into());
        for (cause, count) in &counts.faults {
            line(format!("bank_faults_total{{cause=\"{cause}\"}} {count}"));
        }
        line("# TYPE bank_refusals_total counter".into());
        for (code, count) in &counts.refusals {
            line(format!("bank_refusals_total{{code=\"{code}\"}} {count}"));
        }
        line("# TYPE bank_payments_total counter".into());
        for (method, count) in &counts.payments {
            line(format!("bank_payments_total{{method=\"{method}\"}} {count}"));
        }
        line(format!("# TYPE bank_password_kib_total counter\nbank_password_kib_total {hashed}"));
        for (name, value) in gauges {
            line(format!("# TYPE bank_{name} gauge\nbank_{name} {value}"));
        }
        page
    }
}
