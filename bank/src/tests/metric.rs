//! What is watched is there: each metric that an alert names is on the page, by the names that the page gives.

use std::{collections::BTreeSet, time::Duration};

use super::world::World;
use crate::{
    error::{Refusal, Trouble},
    gauge,
};

const ALERTS: &str = include_str!("../../../packaging/prometheus/bank-alerts.yml");

#[tokio::test]
async fn each_metric_of_the_alerts_is_on_the_page() {
    let world = World::new().await;
    let bank = &world.bank;
    bank.metrics.request(200, Duration::from_millis(30));
    bank.metrics.request(200, Duration::from_secs(60));
    bank.metrics.refusal(Refusal::WrongLogin);
    bank.metrics.payment("card");
    bank.metrics.fault(Trouble::Full.name());
    bank.join().await.expect("it serves");
    let page = bank.metrics.page(0, &gauge::read(bank).await);
    let rules = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let names: BTreeSet<&str> = rules
        .flat_map(|rule| rule.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("bank_"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let is_there = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(page.lines().any(is_there), "{name} is not on the page:\n{page}");
    }
    // Buckets count all that was at most so long; what took longest is in the last one alone.
    for line in [
        "bank_request_seconds_bucket{le=\"0.025\"} 0",
        "bank_request_seconds_bucket{le=\"0.05\"} 1",
        "bank_request_seconds_bucket{le=\"10\"} 1",
        "bank_request_seconds_bucket{le=\"+Inf\"} 2",
        "bank_request_seconds_count 2",
        "bank_faults_total{cause=\"database-full\"} 1",
        "bank_nodes 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}:\n{page}");
    }
}
