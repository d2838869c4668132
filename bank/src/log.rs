//! The log: a line of JSON on standard error for each event. A line names routes, never what a customer typed.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::http::Method;
use serde_json::{Value, json};

use crate::clock::of_this_machine;

fn line(mut event: Value) {
    // The unit tests' output is for their results. `bank/tests` reads the log of a whole bank.
    if cfg!(test) {
        return;
    }
    event["at"] = json!(of_this_machine());
    let mut line = event.to_string();
    line.push('\n');
    // A log that cannot be written stops no payment.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

static KEEPS_REQUESTS: AtomicBool = AtomicBool::new(!cfg!(test));

/// Whether each request has a line, which is so from the start.
pub(crate) fn keep_requests(keep: bool) {
    KEEPS_REQUESTS.store(keep, Ordering::Relaxed);
}

/// A request was answered. `route` is the pattern, so that no number of an account or order is logged.
pub(crate) fn request(method: &Method, route: &str, status: u16, took: Duration, address: &str) {
    if KEEPS_REQUESTS.load(Ordering::Relaxed) {
        let milliseconds = took.as_secs_f64() * 1000.0;
        line(
            json!({ "event": "request", "method": method.as_str(), "route": route, "status": status, "ms": milliseconds,
            "address": address }),
        );
    }
}

/// Something that must not happen.
pub(crate) fn fault(what: &str) {
    line(json!({ "event": "fault", "what": what }));
}

/// The bank opens, closes, or does its housekeeping.
pub(crate) fn event(what: &str) {
    line(json!({ "event": what }));
}
