//! A bank of several nodes: payments in a second with one, two and three, beside the same writes, and beside the bare transaction without the audit;
//! and how the cost grows with the books. Each node is a process of the bank's tests (`bank/src/tests/measure/node.rs`) with eight payments
//! on their way; database, nodes and customers share all cores.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{
    Scale,
    bank::{POSTGRES, PROGRAM, needed},
    process::Free,
    sample::median,
    table::Row,
};

const ARMS: [(&str, &str); 3] = [
    ("authorisations", "authorisations by U-shield"),
    ("writes", "the writes of an authorisation, alone"),
    ("bare", "the same writes without the audit"),
];
/// Customers, and postings that were made before.
const BOOKS: [(usize, usize); 3] = [(1000, 10_000), (10_000, 100_000), (100_000, 1_000_000)];

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let _free = Free::new()?;
    let mut rows = Vec::new();
    let mut one = Vec::new();
    for count in 1..=3 {
        let rates = rates(count, scale)?;
        if count == 1 {
            one.clone_from(&rates);
        }
        let whole = rates.first().copied().unwrap_or_default();
        for (((_, name), rate), first) in ARMS.iter().zip(&rates).zip(&one) {
            let unit = if count == 1 { "node" } else { "nodes" };
            let row = Row::new(format!("bank, {count} {unit}: {name}"), vec![("per s", *rate)]);
            rows.push(row.beside("one node", rate / first, None).beside(
                "authorisations",
                rate / whole,
                None,
            ));
        }
    }
    for (customers, postings) in BOOKS {
        rows.push(grown(scale.count(customers), scale.count(postings), scale)?);
    }
    Ok(rows)
}

/// A node that is running, and what it says.
struct Node {
    child: Child,
    told: BufReader<std::process::ChildStdout>,
    asked: ChildStdin,
}

impl Node {
    fn start(schema: &str, number: usize, scale: Scale) -> anyhow::Result<Self> {
        let mut command = test("tests::measure::node::one_node_of_several")?;
        let documents = scale.count(400).max(16);
        command.env("BANK_MEASURE_NODE", format!("{schema} {number} {} {documents} 2", scale.rounds));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting a node")?;
        let told = BufReader::new(child.stdout.take().context("piped")?);
        let asked = child.stdin.take().context("piped")?;
        Ok(Self { child, told, asked })
    }

    /// The rest of the next line that holds this mark.
    fn hear(&mut self, mark: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        while self.told.read_line(&mut line)? > 0 {
            if let Some((_, rest)) = line.split_once(mark) {
                return Ok(rest.trim().to_owned());
            }
            line.clear();
        }
        bail!("a node has ended before it said {mark}")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bank's tests, on the PostgreSQL.
fn test(name: &str) -> anyhow::Result<Command> {
    let program = env::var(PROGRAM).with_context(|| needed(PROGRAM))?;
    let mut command = Command::new(program);
    command.args(["--nocapture", "--exact", name]);
    command.env("BANK_TEST_POSTGRES", env::var(POSTGRES[0]).with_context(|| needed(POSTGRES[0]))?);
    Ok(command)
}

/// Payments in a second of all nodes together, for each arm.
fn rates(count: usize, scale: Scale) -> anyhow::Result<Vec<f64>> {
    let schema = format!("nodes_{count}_{}", std::process::id());
    let mut nodes = Vec::new();
    for number in 1..=count {
        nodes.push(Node::start(&schema, number, scale)?);
    }
    let mut found = vec![Vec::new(); ARMS.len()];
    for _ in 0..scale.rounds {
        for (arm, rates) in ARMS.iter().zip(&mut found) {
            for node in &mut nodes {
                node.hear("ready")?;
            }
            for node in &mut nodes {
                node.asked.write_all(b"go\n")?;
            }
            let mut all = 0.0;
            for node in &mut nodes {
                let told: Value = serde_json::from_str(&node.hear("measured ")?)?;
                anyhow::ensure!(told["arm"] == arm.0, "the nodes measure {}", told["arm"]);
                all += told["figures"]["rate"].as_f64().context("a rate")?;
            }
            rates.push(all);
        }
    }
    for node in &mut nodes {
        anyhow::ensure!(
            node.child.wait()?.success(),
            "a node has failed: its books are wrong, or it was refused"
        );
    }
    Ok(found.into_iter().map(median).collect())
}

/// What a payment costs in books of this size.
fn grown(customers: usize, postings: usize, scale: Scale) -> anyhow::Result<Row> {
    let mut command = test("tests::measure::growth::cost_by_the_size_of_the_books")?;
    command.env("BANK_MEASURE_GROWTH", format!("{customers} {postings} {}", scale.count(1000).max(16)));
    let done = command.output().context("starting the bank's measurement")?;
    let text = String::from_utf8_lossy(&done.stdout);
    let told = text.lines().find_map(|line| line.split_once("measured ")).map(|(_, told)| told);
    let Some(told) = told.filter(|_| done.status.success()) else {
        bail!("the bank's measurement failed:\n{text}");
    };
    let told: Value = serde_json::from_str(told)?;
    let of = |value: &Value| value.as_f64().context("a figure");
    let paid = &told["authorisations"];
    let figures = vec![
        ("per s", of(&paid["rate"])?),
        ("p50 µs", of(&paid["p50"])?),
        ("p99 µs", of(&paid["p99"])?),
        ("statement p50 µs", of(&told["statement"])?),
        ("proof s", of(&told["proof"])?),
        ("bytes a payment", of(&told["bytes a payment"])?),
    ];
    Ok(Row::new(format!("bank, {customers} customers, {postings} postings"), figures))
}
