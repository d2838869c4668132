//! How the cost of a payment, of a statement and of the proof grows with the books, and how many bytes a payment takes: in the tables, and in the log
//! of PostgreSQL.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{AT_ONCE as ON_THEIR_WAY, Arm, CUSTOMERS, figures, prepare, runtime, send};
use crate::{
    books::{account::VAULT, audit, posting},
    database::Kind,
    tests::world::World,
};

/// So many rows are written by one statement.
const AT_ONCE: i64 = 1000;
/// So many statements of an account are read.
const STATEMENTS: usize = 200;

/// What was asked for, in `BANK_MEASURE_GROWTH`: customers, postings, documents of a round, and rounds.
fn wanted() -> [i64; 4] {
    let words = std::env::var("BANK_MEASURE_GROWTH").unwrap_or_else(|_| "50 2000 16 1".into());
    let numbers: Vec<i64> = words.split(' ').map(|word| word.parse().expect("a number")).collect();
    numbers.try_into().expect("customers, postings, documents, rounds")
}

fn number(at: i64) -> String {
    format!("62229{at:011}")
}

/// Rows for a statement that adds many: `f` writes what stands between the brackets.
fn rows(from: i64, to: i64, f: impl Fn(i64) -> String) -> String {
    (from..to).map(|at| format!("({})", f(at))).collect::<Vec<_>>().join(", ")
}

impl World {
    async fn add_many(&self, table: &str, count: i64, f: impl Fn(i64) -> String) {
        for from in (0..count).step_by(AT_ONCE as usize) {
            let sql = format!("INSERT INTO {table} VALUES {}", rows(from, count.min(from + AT_ONCE), &f));
            let done = self.tamper(sql).await;
            assert!(done.is_ok(), "{table}: {:?}", done.err());
        }
    }

    /// Customers and postings that prove themselves: each customer is given one fen after another from the vault, in the chains as well.
    async fn fill(&self, customers: i64, postings: i64) {
        self.add_many("customer (id, name, document, phone, opened_at)", customers, |at| {
            format!("'c{at}', '客户', 'D{at}', '13800000000', 0")
        })
        .await;
        self.add_many("account (number, customer, title, kind, balance, opened_at)", customers, |at| {
            let own = postings / customers + i64::from(at < postings % customers);
            format!("'{}', 'c{at}', '客户', 'customer', {own}, 0", number(at))
        })
        .await;
        self.add_many("posting (id, debit, credit, amount, memo, posted_at)", postings, |at| {
            format!("'p{at}', '{VAULT}', '{}', 1, '', {}", number(at % customers), at)
        })
        .await;
        self.tamper(format!("UPDATE account SET balance = balance - {postings} WHERE number = '{VAULT}'"))
            .await
            .expect("the vault gave it");
        for from in (0..postings).step_by(AT_ONCE as usize) {
            let of = |at: i64| {
                let line = format!("{VAULT} {} 1 - - ", number(at % customers));
                (at, format!("p{at}"), line)
            };
            let told: Vec<_> = (from..postings.min(from + AT_ONCE)).map(of).collect();
            let mut work = self.bank.database.begin().await.expect("a transaction");
            audit::add_many(&mut work, &format!("customer:{}", from / AT_ONCE), &told)
                .await
                .expect("written");
            work.commit().await.expect("committed");
        }
        self.bank.seal().await.expect("sealed");
        if self.bank.database.kind == Kind::Postgres {
            self.tamper("ANALYZE".into()).await.expect("known to the planner");
        }
    }

    /// The bytes of all tables with their indices.
    async fn bytes(&self) -> i64 {
        let sql = match self.bank.database.kind {
            Kind::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()".to_owned(),
            Kind::Postgres => "SELECT CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c WHERE c.relkind = 'r' \
                               AND c.relnamespace = CAST(current_schema() AS regnamespace)"
                .to_owned(),
        };
        let mut db = self.bank.database.connection().await.expect("a connection");
        let (bytes,): (i64,) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *db).await.expect("the bytes");
        bytes
    }

    /// The bytes that the log of PostgreSQL has taken until now.
    async fn logged(&self) -> i64 {
        if self.bank.database.kind == Kind::Sqlite {
            return 0;
        }
        let sql = "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS BIGINT)";
        let mut db = self.bank.database.connection().await.expect("a connection");
        let (bytes,): (i64,) = sqlx::query_as(sql).fetch_one(&mut *db).await.expect("the bytes");
        bytes
    }

    /// From now on the first change of each page is written to the log as a whole page, as after every checkpoint.
    async fn checkpoint(&self) {
        if self.bank.database.kind == Kind::Postgres {
            self.tamper("CHECKPOINT".into()).await.expect("a checkpoint");
        }
    }

    /// How long each statement of an account takes, in microseconds: the median.
    async fn statement(&self, customers: i64) -> f64 {
        let mut took = Vec::new();
        for at in 0..STATEMENTS {
            let account = number((at as i64 * 7919) % customers);
            let begun = Instant::now();
            let mut db = self.bank.database.connection().await.expect("a connection");
            let entries = posting::of_account(&mut db, &account).await.expect("read");
            took.push(begun.elapsed().as_secs_f64() * 1e6);
            assert!(!entries.is_empty());
        }
        took.sort_by(f64::total_cmp);
        took[took.len() / 2]
    }
}

async fn measure([customers, postings, documents, rounds]: [i64; 4]) -> Value {
    let world = Arc::new(World::with_payees(CUSTOMERS).await);
    let empty = world.bytes().await;
    world.fill(customers, postings).await;
    let filled = world.bytes().await;
    let mut people = Vec::new();
    for _ in 0..CUSTOMERS {
        people.push(world.shielded("张三").await);
    }
    let mut all = Vec::new();
    // The first round warms the caches. The last one begins with a checkpoint: what it writes to the log is told, and how fast it was is not.
    for round in 0..rounds + 2 {
        world.clean().await;
        if round > rounds {
            world.checkpoint().await;
        }
        let (bytes, logged) = (world.bytes().await, world.logged().await);
        let mut waiting = Vec::new();
        for at in 0..documents as usize {
            waiting.push(prepare(&world, &people[at % CUSTOMERS]).await);
        }
        let sent = figures(send(&world, Arm::Authorisation, waiting, ON_THEIR_WAY).await);
        let each = |before: i64, now: i64| (now - before) / documents.max(1);
        all.push(json!({
            "authorisations": sent,
            "bytes": each(bytes, world.bytes().await),
            "logged": each(logged, world.logged().await),
        }));
    }
    let after_checkpoint = all.pop().expect("the last round");
    let statement = world.statement(customers).await;
    let begun = Instant::now();
    assert!(world.is_proven().await);
    json!({
        "rounds": all.split_off(1),
        "logged after a checkpoint": after_checkpoint["logged"],
        "bytes a filled posting": (filled - empty) / postings.max(1),
        "statement": statement,
        "proof": begun.elapsed().as_secs_f64(),
    })
}

#[test]
fn cost_by_the_size_of_the_books() {
    println!("\nmeasured {}", runtime(2).block_on(measure(wanted())));
}
