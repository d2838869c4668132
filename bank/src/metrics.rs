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
    nanoseconds: u128,
}

impl Metrics {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn request(&self, status: u16, took: Duration) {
        self.change(|counts| {
            *counts.requests.entry(status).or_default() += 1;
            counts.nanoseconds += took.as_nanos();
        });
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
        line("# TYPE bank_request_seconds_total counter".into());
        line(format!(
            "bank_request_seconds_total {:.6}",
            Duration::from_nanos_u128(counts.nanoseconds).as_secs_f64()
        ));
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
