//! One node of several on one database: `benches/src/nodes.rs` starts as many processes as there are nodes, and says when all of them prepare, and
//! when all of them begin.

use std::{
    io::{BufRead, Write},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use super::{Arm, prepare, runtime, send};
use crate::tests::world::World;

/// What was asked for, in `BANK_MEASURE_NODE`: the schema that all nodes share, this node's number, rounds, and threads; and of this node documents
/// in a round, customers (and as many payees), and documents that are on their way at a time.
struct Wanted {
    schema: String,
    number: usize,
    rounds: usize,
    threads: usize,
    documents: usize,
    customers: usize,
    at_once: usize,
}

impl Wanted {
    fn read() -> Option<Self> {
        let words = std::env::var("BANK_MEASURE_NODE").ok()?;
        let words: Vec<&str> = words.split(' ').collect();
        let number = |at: usize| words[at].parse().expect("a number");
        Some(Self {
            schema: words[0].to_owned(),
            number: number(1),
            rounds: number(2),
            threads: number(3),
            documents: number(4),
            customers: number(5),
            at_once: number(6),
        })
    }
}

/// Waits for this word of whoever measures: other nodes may be measured meanwhile.
fn wait_for(word: &str) {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("a word");
    assert_eq!(line.trim(), word, "the other nodes are gone");
}

fn say(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().expect("told");
}

/// By the clock that all nodes of this machine share.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs_f64()
}

async fn node(wanted: &Wanted) {
    let Wanted { schema, number, customers, documents, .. } = wanted;
    let whole = Arc::new(World::joined(schema, *number, *customers).await);
    let bare = Arc::new(World::joined(&format!("{schema}_bare"), *number, *customers).await);
    let mut people = [Vec::new(), Vec::new()];
    for (world, people) in [&whole, &bare].into_iter().zip(&mut people) {
        for _ in 0..*customers {
            people.push(world.shielded("张三").await);
        }
    }
    // The first round warms caches and connections.
    for round in 0..=wanted.rounds {
        let mut arms = Arm::ALL;
        arms.rotate_left(round % Arm::ALL.len());
        for (arm, name) in arms {
            tokio::task::block_in_place(|| wait_for("prepare"));
            let (world, people) = if arm == Arm::Bare { (&bare, &people[1]) } else { (&whole, &people[0]) };
            let mut waiting = Vec::new();
            for at in 0..*documents {
                waiting.push(prepare(world, &people[at % customers]).await);
            }
            if *number == 1 {
                world.clean().await;
            }
            say("ready");
            tokio::task::block_in_place(|| wait_for("go"));
            let began = now();
            let (_, each) = send(world, arm, waiting, wanted.at_once).await;
            let ended = now();
            let each: Vec<f64> = each.iter().map(|took| took.as_secs_f64() * 1e6).collect();
            say(&format!(
                "measured {}",
                json!({ "arm": name, "began": began, "ended": ended, "each": each })
            ));
        }
    }
    tokio::task::block_in_place(|| wait_for("prove"));
    if *number == 1 {
        assert!(whole.is_proven().await);
    }
}

#[test]
fn one_node_of_several() {
    // Alone it is no test: `super::authorisations_beside_their_writes` does the same in one process.
    if let Some(wanted) = Wanted::read() {
        runtime(wanted.threads).block_on(node(&wanted));
    }
}
