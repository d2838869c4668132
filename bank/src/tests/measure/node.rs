//! One node of several on one database: `benches/src/nodes.rs` starts as many processes as there are nodes, and says when all of them begin.

use std::{
    io::{BufRead, Write},
    sync::Arc,
};

use serde_json::json;

use super::{Arm, CUSTOMERS, figures, prepare, runtime, send};
use crate::tests::world::World;

/// What was asked for, in `BANK_MEASURE_NODE`: the schema that all nodes share, this node's number, rounds, documents and threads.
struct Wanted {
    schema: String,
    number: usize,
    rounds: usize,
    documents: usize,
    threads: usize,
}

impl Wanted {
    fn read() -> Option<Self> {
        let words = std::env::var("BANK_MEASURE_NODE").ok()?;
        let words: Vec<&str> = words.split(' ').collect();
        let number = |at: usize| words[at].parse().expect("a number");
        let schema = words[0].to_owned();
        Some(Self { schema, number: number(1), rounds: number(2), documents: number(3), threads: number(4) })
    }
}

/// Says that this node can begin, and waits until all nodes do.
fn wait_for_all() {
    println!("\nready");
    std::io::stdout().flush().expect("told");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("a word");
    assert_eq!(line.trim(), "go", "the other nodes are gone");
}

async fn node(wanted: &Wanted) {
    let whole = Arc::new(World::joined(&wanted.schema, wanted.number).await);
    let bare = Arc::new(World::joined(&format!("{}_bare", wanted.schema), wanted.number).await);
    let mut people = [Vec::new(), Vec::new()];
    for (world, people) in [&whole, &bare].into_iter().zip(&mut people) {
        for _ in 0..CUSTOMERS {
            people.push(world.shielded("张三").await);
        }
    }
    for _ in 0..wanted.rounds {
        for (arm, name) in Arm::ALL {
            let (world, people) = if arm == Arm::Bare { (&bare, &people[1]) } else { (&whole, &people[0]) };
            let mut waiting = Vec::new();
            for at in 0..wanted.documents {
                waiting.push(prepare(world, &people[at % CUSTOMERS]).await);
            }
            tokio::task::block_in_place(wait_for_all);
            let sent = send(world, arm, waiting).await;
            let seconds = sent.0.as_secs_f64();
            println!("\nmeasured {}", json!({ "arm": name, "seconds": seconds, "figures": figures(sent) }));
        }
    }
    if wanted.number == 1 {
        // The others may still be writing, and the proof sees one moment.
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
