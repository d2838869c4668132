//! Two versions on one database: what a newer program adds, this one serves beside; what it takes away, it takes when no node misses it.

use super::world::World;
use crate::{
    books,
    clock::MINUTE,
    database::{Kind, MIGRATIONS, Migration, SILENCE},
};

const ADDED: Migration = Migration {
    name: "9001_added",
    sqlite: "CREATE TABLE added (id TEXT PRIMARY KEY); ALTER TABLE payment_order ADD COLUMN added TEXT NOT NULL DEFAULT ''",
    postgres: "CREATE TABLE added (id TEXT PRIMARY KEY); ALTER TABLE payment_order ADD COLUMN added TEXT NOT NULL DEFAULT ''",
    needs: "",
};
const TAKEN: Migration = Migration {
    name: "9002_taken",
    sqlite: "DROP INDEX order_of_customer",
    postgres: "DROP INDEX order_of_customer",
    needs: "9001_added",
};

/// The migrations of a program that comes after this one.
fn newer(more: &[Migration]) -> Vec<Migration> {
    [MIGRATIONS, more].concat()
}

#[tokio::test]
async fn what_a_newer_program_adds_lets_this_one_serve() {
    let world = World::new().await;
    let person = world.person("张三", "2006-08-31").await;
    let database = &world.bank.database;
    world.bank.join().await.expect("it serves");
    let done = database.migrate_by(&newer(&[ADDED]), 0).await.expect("migrated, though a node serves");
    assert_eq!(done, ["9001_added"]);
    assert!(database.is_current().await.expect("asked"));
    assert_eq!(database.refuses().await.expect("asked"), None);
    assert_eq!(database.strangers().await.expect("asked"), ["9001_added"]);
    world.pay_static(&person, "7").await.expect("paid");
    assert!(world.is_proven().await);
}

#[tokio::test]
async fn nothing_is_taken_away_while_a_node_would_miss_it() {
    let world = World::new().await;
    let (database, now) = (&world.bank.database, world.bank.clock.now());
    world.bank.join().await.expect("it serves");
    let all = newer(&[ADDED, TAKEN]);
    let refused = database.migrate_by(&all, now).await.expect_err("a node of this version serves");
    assert!(refused.to_string().contains("restart them by this program first"), "{refused}");
    // What was added before stays, and this node serves on.
    assert_eq!(database.strangers().await.expect("asked"), ["9001_added"]);
    assert_eq!(database.refuses().await.expect("asked"), None);
    // A node of the newer program does not count.
    {
        let mut db = database.writer().await.expect("a connection");
        books::node::seen(&mut db, "newer", "9001_added", now).await.expect("it serves");
    }
    world.bank.leave().await.expect("it stops");
    assert_eq!(database.migrate_by(&all, now).await.expect("nobody misses it"), ["9002_taken"]);
    let why = database.refuses().await.expect("asked").expect("this program would miss it");
    assert!(why.contains("since 9002_taken a program must know 9001_added"), "{why}");
}

#[tokio::test]
async fn a_node_that_was_killed_holds_nothing_up_for_long() {
    let world = World::new().await;
    let (database, now) = (&world.bank.database, world.bank.clock.now());
    world.bank.join().await.expect("it serves");
    let all = newer(&[ADDED, TAKEN]);
    assert!(database.migrate_by(&all, now + SILENCE - MINUTE / 2).await.is_err());
    assert_eq!(
        database.migrate_by(&all, now + SILENCE + MINUTE).await.expect("it has ended"),
        ["9002_taken"]
    );
}

/// Somebody who reads for long keeps a migration out, and nobody who pays.
#[tokio::test]
async fn a_long_proof_keeps_a_migration_out_and_nobody_who_pays() {
    let world = World::new().await;
    let database = &world.bank.database;
    if database.kind == Kind::Sqlite {
        return;
    }
    let person = world.person("张三", "2006-08-31").await;
    let mut proof = database.snapshot().await.expect("a snapshot");
    sqlx::raw_sql("SELECT COUNT(*) FROM payment_order; SELECT COUNT(*) FROM account")
        .execute(&mut *proof)
        .await
        .expect("read");
    let pay = async {
        for _ in 0..3 {
            world.pay_static(&person, "7").await.expect("paid");
        }
        assert!(!database.strangers().await.expect("asked").contains(&"9001_added".to_owned()));
        drop(proof);
    };
    let all = newer(&[ADDED]);
    let (done, ()) = tokio::join!(database.migrate_by(&all, 0), pay);
    assert_eq!(done.expect("migrated when the proof was over"), ["9001_added"]);
}
