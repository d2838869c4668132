//! A bank of several nodes: payments in a second with one, two and three, beside the same writes, and beside the bare transaction without the audit;
//! how the cost grows with the books; and what a node takes, and how a rolling restart is felt. Each node of the first part is a process of the
//! bank's tests (`bank/src/tests/measure/node.rs`). Customers, payees and payments on their way are as many together with one node as with three, so
//! that only the number of nodes differs. Database, nodes and customers share all cores.

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
/// The most nodes.
const NODES: usize = 3;
/// Customers of all nodes together; and as many payees.
const CUSTOMERS: usize = 48;
/// Payments that are on their way at all nodes together.
const AT_ONCE: usize = 24;
/// Payments of all nodes together in one round of one arm.
const DOCUMENTS: usize = 1200;
/// Customers, and postings that were made before.
const BOOKS: [(usize, usize); 3] = [(1000, 10_000), (10_000, 100_000), (100_000, 1_000_000)];
/// What runs the cluster that is restarted.
const CLUSTER: &str = "tests/bank/nodes/measure";

pub(crate) fn measure(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let _free = Free::new()?;
    let mut rows = together(scale)?;
    for (customers, postings) in BOOKS {
        rows.push(grown(scale.count(customers), scale.count(postings), scale)?);
    }
    rows.extend(cluster(scale)?);
    Ok(rows)
}

/// A node that is running, and what it says.
struct Node {
    child: Child,
    told: BufReader<std::process::ChildStdout>,
    asked: ChildStdin,
}

impl Node {
    fn start(schema: &str, number: usize, count: usize, scale: Scale) -> anyhow::Result<Self> {
        let mut command = test("tests::measure::node::one_node_of_several")?;
        let documents = scale.count(DOCUMENTS).max(16 * count) / count;
        let (customers, at_once) = (CUSTOMERS / count, AT_ONCE / count);
        let words = format!("{schema} {number} {} 2 {documents} {customers} {at_once}", scale.rounds);
        command.env("BANK_MEASURE_NODE", words);
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

    fn say(&mut self, word: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.asked, "{word}")?)
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

/// One round of one arm: payments in a second of all nodes together, and how long they took, in microseconds.
#[derive(Clone, Copy)]
struct Window {
    rate: f64,
    p50: f64,
    p99: f64,
}

/// The nodes of one bank.
struct Group(Vec<Node>);

impl Group {
    fn start(count: usize, scale: Scale) -> anyhow::Result<Self> {
        let schema = format!("nodes_{count}_{}", std::process::id());
        let nodes = (1..=count).map(|number| Node::start(&schema, number, count, scale));
        Ok(Self(nodes.collect::<anyhow::Result<_>>()?))
    }

    fn say(&mut self, word: &str) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|node| node.say(word))
    }

    /// All nodes prepare; when the last one is ready, all begin. The time goes from the first one's beginning to the last one's end: while one node has
    /// ended, the others have its cores.
    fn window(&mut self, arm: &str) -> anyhow::Result<Window> {
        self.say("prepare")?;
        for node in &mut self.0 {
            node.hear("ready")?;
        }
        self.say("go")?;
        let (mut each, mut began, mut ended) = (Vec::new(), f64::INFINITY, 0_f64);
        for node in &mut self.0 {
            let told: Value = serde_json::from_str(&node.hear("measured ")?)?;
            anyhow::ensure!(told["arm"] == arm, "the nodes measure {}", told["arm"]);
            let figure = |value: &Value| value.as_f64().context("a figure");
            began = began.min(figure(&told["began"])?);
            ended = ended.max(figure(&told["ended"])?);
            for took in told["each"].as_array().context("the times")? {
                each.push(figure(took)?);
            }
        }
        each.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| each.get((each.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        Ok(Window { rate: each.len() as f64 / (ended - began), p50: at(0.5), p99: at(0.99) })
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.say("prove")?;
        for node in &mut self.0 {
            let is_good = node.child.wait()?.success();
            anyhow::ensure!(is_good, "a node has failed: its books are wrong, or it was refused");
        }
        Ok(())
    }
}

/// One, two and three nodes. All banks are there from the start, and take turns in each round: the one that is measured later meets no other server.
fn together(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let mut groups =
        (1..=NODES).map(|count| Group::start(count, scale)).collect::<anyhow::Result<Vec<_>>>()?;
    // By nodes and arm: the rounds.
    let mut found = vec![vec![Vec::new(); ARMS.len()]; NODES];
    for round in 0..=scale.rounds {
        let mut order: Vec<usize> = (0..NODES).collect();
        order.rotate_left(round % NODES);
        for group in order {
            let mut arms: Vec<usize> = (0..ARMS.len()).collect();
            arms.rotate_left(round % ARMS.len());
            for arm in arms {
                let window = groups[group].window(ARMS[arm].0)?;
                // The first round warms everything, and is not told.
                if round > 0 {
                    found[group][arm].push(window);
                }
            }
        }
    }
    groups.into_iter().try_for_each(Group::end)?;
    let mut rows = Vec::new();
    for (group, count) in found.iter().zip(1..) {
        let unit = if count == 1 { "node" } else { "nodes" };
        for ((_, name), (rounds, first)) in ARMS.iter().zip(group.iter().zip(&found[0])) {
            let of = |figure: fn(&Window) -> f64| median(rounds.iter().map(figure).collect());
            let figures = vec![
                ("per s", of(|window| window.rate)),
                ("p50 µs", of(|window| window.p50)),
                ("p99 µs", of(|window| window.p99)),
            ];
            // Two windows of one round met the same machine.
            let beside = |others: &[Window]| {
                median(rounds.iter().zip(others).map(|(own, other)| own.rate / other.rate).collect())
            };
            let row = Row::new(format!("bank, {count} {unit}: {name}"), figures);
            rows.push(row.beside("one node", beside(first), None).beside(
                "authorisations",
                beside(&group[0]),
                None,
            ));
        }
    }
    Ok(rows)
}

/// What a payment costs in books of this size.
fn grown(customers: usize, postings: usize, scale: Scale) -> anyhow::Result<Row> {
    let mut command = test("tests::measure::growth::cost_by_the_size_of_the_books")?;
    let words = format!("{customers} {postings} {} {}", scale.count(800).max(16), scale.rounds);
    command.env("BANK_MEASURE_GROWTH", words);
    let done = command.output().context("starting the bank's measurement")?;
    let text = String::from_utf8_lossy(&done.stdout);
    let told = text.lines().find_map(|line| line.split_once("measured ")).map(|(_, told)| told);
    let Some(told) = told.filter(|_| done.status.success()) else {
        bail!("the bank's measurement failed:\n{text}");
    };
    let told: Value = serde_json::from_str(told)?;
    let of = |value: &Value| value.as_f64().context("a figure");
    let rounds = told["rounds"].as_array().context("rounds were told")?;
    let middle = |figure: fn(&Value) -> &Value| -> anyhow::Result<f64> {
        Ok(median(rounds.iter().map(|round| of(figure(round))).collect::<anyhow::Result<_>>()?))
    };
    let figures = vec![
        ("per s", middle(|round| &round["authorisations"]["rate"])?),
        ("p50 µs", middle(|round| &round["authorisations"]["p50"])?),
        ("p99 µs", middle(|round| &round["authorisations"]["p99"])?),
        ("statement p50 µs", of(&told["statement"])?),
        ("proof s", of(&told["proof"])?),
        ("bytes a payment", middle(|round| &round["bytes"])?),
        ("log bytes a payment", middle(|round| &round["logged"])?),
        ("log bytes a payment after a checkpoint", of(&told["logged after a checkpoint"])?),
    ];
    Ok(Row::new(format!("bank, {customers} customers, {postings} postings"), figures))
}

/// Three whole nodes behind haproxy, and customers of all three kinds: what a node takes, what the log takes, and how a rolling restart is felt.
fn cluster(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let programs = env::current_exe()?.parent().context("a folder of programs")?.to_owned();
    let seconds = scale.count(15).max(2).to_string();
    let mut command = Command::new("python3");
    command.args(["-B", CLUSTER, &seconds]).env("PROGRAMS", programs).stderr(Stdio::inherit());
    let done = command.output().with_context(|| format!("starting {CLUSTER}"))?;
    let text = String::from_utf8_lossy(&done.stdout);
    let told = text.lines().find_map(|line| line.strip_prefix("measured "));
    let Some(told) = told.filter(|_| done.status.success()) else {
        bail!("{CLUSTER} failed:\n{text}");
    };
    let told: Value = serde_json::from_str(told)?;
    let mut rows = Vec::new();
    for row in told.as_array().context("rows")? {
        let figures = row["figures"].as_array().context("figures")?.iter().map(|figure| {
            let unit = UNITS.iter().find(|unit| figure[0] == **unit).context("a unit")?;
            Ok((*unit, figure[1].as_f64().context("a figure")?))
        });
        let name = row["name"].as_str().context("a name")?;
        rows.push(Row::new(format!("bank, {name}"), figures.collect::<anyhow::Result<_>>()?));
    }
    Ok(rows)
}

/// What the cluster tells.
const UNITS: [&str; 7] =
    ["payments", "per s", "p50 ms", "p99 ms", "slowest ms", "KiB", "log bytes a payment"];
