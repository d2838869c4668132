//! What `benches/run --only bank` measures: U-shield authorisations beside the same writes alone, in turn, on one database. It prints
//! its figures as a line of JSON. In `cargo test` it does a few of each, and only looks at the books afterwards: no test asserts a time.

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod node;
mod growth;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use super::{
    shield::{Soft, serial},
    world::{Person, World},
};
use crate::{
    books::{
        account, audit, certificate, order,
        posting::{self, Posting},
        signed::{self, Accepted},
    },
    clock::Moment,
    database::{Kind, Work},
    error::{Refusal, Result},
    money::Fen,
    pay,
    random::{self, hex},
};

/// So many customers pay, each again and again.
const CUSTOMERS: usize = 16;
/// So many documents are on their way at a time.
const AT_ONCE: usize = 8;

/// What was asked for, in `BANK_MEASURE`: rounds, documents of an arm in one round, and threads.
struct Scale {
    rounds: usize,
    documents: usize,
    threads: usize,
}

/// An order that waits for its document, and the document.
struct Waiting {
    order: String,
    payer: String,
    payee: String,
    customer: String,
    der: Vec<u8>,
    document: Vec<u8>,
    serial: String,
    fingerprint: String,
}

async fn prepare(world: &World, (person, soft): &(Person, Soft)) -> Waiting {
    let order = world.order(person, "0.01").await.expect("an order");
    let der = world.challenge(person, &order.id).await.expect("a challenge");
    let (document, certificate) = (soft.sign(&der), soft.payment_certificate());
    let fingerprint = hex(&Sha256::digest(certificate));
    let (payer, payee) = (person.account.clone(), order.payee);
    let customer = person.customer.customer().id.clone();
    Waiting {
        order: order.id,
        payer,
        payee,
        customer,
        der,
        document,
        serial: serial(certificate),
        fingerprint,
    }
}

/// Moves the money and writes the ledger, and nothing into the audit.
async fn post_bare(work: &mut Work, posting: &Posting<'_>, now: Moment) -> Result<bool> {
    if !account::move_money(work, posting.debit, posting.credit, posting.amount).await? {
        return Ok(false);
    }
    let add = sqlx::query(
        "INSERT INTO posting (id, order_id, debit, credit, amount, memo, posted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let add = add.bind(random::id()?).bind(posting.order).bind(posting.debit).bind(posting.credit);
    add.bind(posting.amount.0).bind(posting.memo).bind(now).execute(&mut **work).await?;
    Ok(true)
}

/// The writes of an authorisation, in one transaction, for a document that nobody has looked at.
async fn writes(world: &World, waiting: &Waiting, is_audited: bool) -> Result<()> {
    let (bank, now) = (&world.bank, world.bank.clock.now());
    let must = |happened: bool| if happened { Ok(()) } else { Err(Refusal::OrderEnded) };
    let actor = format!("customer:{}", waiting.customer);
    let mut work = bank.database.begin().await?;
    must(order::authorise(&mut work, &waiting.order, now).await?)?;
    must(signed::consume(&mut work, &waiting.order, &waiting.der, now).await?)?;
    let Waiting { serial, fingerprint, customer, .. } = waiting;
    must(certificate::count_payment(&mut work, serial, fingerprint, customer, now).await?)?;
    let (order, document, key) = (waiting.order.as_str(), waiting.document.as_slice(), random::id()?);
    let accepted = Accepted { order_key: &key, order, certificate: serial, document };
    must(signed::accept(&mut work, &accepted, now).await?)?;
    let posting = Posting {
        order: Some(order),
        reverses: None,
        debit: &waiting.payer,
        credit: &waiting.payee,
        amount: Fen(1),
        memo: "水费",
        actor: &actor,
    };
    must(if is_audited {
        posting::add(&mut work, &posting, now).await?.is_some()
    } else {
        post_bare(&mut work, &posting, now).await?
    })?;
    must(order::post(&mut work, order, now).await?)?;
    if is_audited {
        audit::add(&mut work, now, &actor, "paid", order, &format!("shield {serial}")).await?;
    }
    work.commit().await?;
    Ok(())
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arm {
    Authorisation,
    Writes,
    /// The writes without the audit. Their books prove nothing, so they are books of their own.
    Bare,
}

impl Arm {
    const ALL: [(Self, &str); 3] =
        [(Self::Authorisation, "authorisations"), (Self::Writes, "writes"), (Self::Bare, "bare")];
}

/// Sends all of them, so many at a time; gives how long that took, and how long each one took.
async fn send(
    world: &Arc<World>,
    arm: Arm,
    waiting: Vec<Waiting>,
    at_once: usize,
) -> (Duration, Vec<Duration>) {
    let queue = Arc::new(Mutex::new(VecDeque::from(waiting)));
    let (mut tasks, begun) = (JoinSet::new(), Instant::now());
    for _ in 0..at_once {
        let (world, queue) = (world.clone(), queue.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(waiting) = next() {
                let begun = Instant::now();
                match arm {
                    Arm::Authorisation => {
                        let paid = pay::shield::submit(&world.bank, &waiting.document, None).await;
                        assert_eq!(paid.expect("paid"), waiting.order);
                    }
                    Arm::Writes => writes(&world, &waiting, true).await.expect("written"),
                    Arm::Bare => writes(&world, &waiting, false).await.expect("written"),
                }
                took.push(begun.elapsed());
            }
            took
        });
    }
    let took = tasks.join_all().await.into_iter().flatten().collect();
    (begun.elapsed(), took)
}

fn figures((all, mut each): (Duration, Vec<Duration>)) -> Value {
    each.sort_unstable();
    let at = |share: f64| {
        let place = ((each.len() as f64 * share) as usize).min(each.len().saturating_sub(1));
        each.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6)
    };
    json!({ "rate": each.len() as f64 / all.as_secs_f64(), "p50": at(0.5), "p99": at(0.99) })
}

async fn measure(scale: &Scale) -> Value {
    let worlds = [Arc::new(World::new().await), Arc::new(World::new().await)];
    let mut people = [Vec::new(), Vec::new()];
    for (world, people) in worlds.iter().zip(&mut people) {
        for _ in 0..CUSTOMERS {
            people.push(world.shielded("张三").await);
        }
    }
    let mut rounds = Vec::new();
    // The first round warms both arms, and is not told.
    for round in 0..=scale.rounds {
        let mut told = serde_json::Map::new();
        let mut arms = Arm::ALL;
        arms.rotate_left(round % Arm::ALL.len());
        for (arm, name) in arms {
            let books = usize::from(arm == Arm::Bare);
            let (world, people) = (&worlds[books], &people[books]);
            let mut waiting = Vec::new();
            for at in 0..scale.documents {
                waiting.push(prepare(world, &people[at % CUSTOMERS]).await);
            }
            told.insert(name.into(), figures(send(world, arm, waiting, AT_ONCE).await));
        }
        rounds.push(Value::Object(told));
    }
    assert!(worlds[0].is_proven().await);
    json!({ "rounds": rounds.split_off(1) })
}

#[test]
fn authorisations_beside_their_writes() {
    let words = std::env::var("BANK_MEASURE").unwrap_or_else(|_| "1 8 2".into());
    let numbers: Vec<usize> = words.split(' ').map(|word| word.parse().expect("a number")).collect();
    let [rounds, documents, threads] = numbers[..] else { panic!("rounds, documents, threads") };
    let scale = Scale { rounds, documents, threads };
    println!("measured {}", runtime(scale.threads).block_on(measure(&scale)));
}

impl World {
    /// PostgreSQL cleans up now, and not while something is measured: the server that is measured does not do so by itself.
    async fn clean(&self) {
        if self.bank.database.kind == Kind::Postgres {
            self.tamper("VACUUM (ANALYZE) account, audit_head, payment_order, challenge, certificate".into())
                .await
                .expect("cleaned");
        }
    }
}

fn runtime(threads: usize) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.expect("a runtime")
}
