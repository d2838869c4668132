//! `bank audit verify`: what somebody who writes into the database cannot do unnoticed.

use std::sync::Arc;

use super::world::{World, database};
use crate::{
    bank::Bank,
    books::audit,
    clock::Clock,
    database::{Kind, MIGRATIONS},
    secrets::Secrets,
    settings::Settings,
};

const OLD: &str = "2006-08-31";

impl World {
    /// Takes the triggers away that refuse changes, as the owner of the database can.
    async fn take_triggers(&self) {
        let (sqlite, postgres) = (
            "DROP TRIGGER posting_no_update; DROP TRIGGER posting_no_delete; DROP TRIGGER audit_no_delete; \
             DROP TRIGGER audit_no_update; DROP TRIGGER audit_seal_no_delete",
            "DROP TRIGGER posting_append_only ON posting; DROP TRIGGER audit_append_only ON audit; \
             DROP TRIGGER audit_seal_append_only ON audit_seal",
        );
        let sql = if self.bank.database.kind == Kind::Sqlite { sqlite } else { postgres };
        self.tamper(sql.into()).await.expect("no triggers");
    }

    /// This statement, without the rules of the audit's columns.
    fn without_checks(&self, sql: &str) -> String {
        match self.bank.database.kind {
            Kind::Sqlite => {
                format!("PRAGMA ignore_check_constraints = 1; {sql}; PRAGMA ignore_check_constraints = 0")
            }
            Kind::Postgres => format!(
                "ALTER TABLE audit DROP CONSTRAINT audit_chain_check; ALTER TABLE audit DROP CONSTRAINT audit_seq_check; {sql}"
            ),
        }
    }

    async fn why(&self) -> String {
        self.bank.prove(None).await.expect("read").expect_err("nothing was noticed")
    }
}

#[tokio::test]
async fn a_posting_and_its_balances_are_not_changed_together() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    world.pay_static(&person, "7").await.expect("paid");
    world.bank.seal().await.expect("sealed");
    assert!(world.is_proven().await);
    world.take_triggers().await;
    // Ten fen more for the payee, in the ledger, in the order and in both balances: the sums are right.
    for sql in [
        "UPDATE posting SET amount = amount + 10 WHERE order_id IS NOT NULL",
        "UPDATE payment_order SET amount = amount + 10",
        "UPDATE allowance SET spent = spent + 10",
        "UPDATE account SET balance = balance + 10 WHERE kind = 'payee'",
        "UPDATE account SET balance = balance - 10 WHERE kind = 'customer'",
    ] {
        world.tamper(sql.into()).await.expect("changed");
    }
    assert!(world.why().await.contains("postings are not as the audit has them"));
}

#[tokio::test]
async fn a_posting_that_is_gone_is_missed() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    world.pay_static(&person, "7").await.expect("paid");
    world.take_triggers().await;
    for sql in [
        "DELETE FROM posting WHERE order_id IS NOT NULL",
        "UPDATE payment_order SET state = 'expired'",
        "UPDATE allowance SET spent = 0",
        "UPDATE account SET balance = balance - 700 WHERE kind = 'payee'",
        "UPDATE account SET balance = balance + 700 WHERE kind = 'customer'",
    ] {
        world.tamper(sql.into()).await.expect("changed");
    }
    assert!(world.why().await.contains("the audit has postings that are gone"));
}

#[tokio::test]
async fn an_order_and_a_limit_are_held_against_the_ledger() {
    for (sql, why) in [
        ("UPDATE allowance SET spent = 0", "what static passwords have spent"),
        ("DELETE FROM allowance", "what static passwords have spent"),
        ("UPDATE payment_order SET amount = 1", "orders are not what was posted"),
        ("UPDATE payment_order SET state = 'cancelled'", "orders are not what was posted"),
        ("UPDATE payment_order SET payee = '6222029876543210'", "orders are not what was posted"),
    ] {
        let world = World::new().await;
        let person = world.person("张三", OLD).await;
        world.pay_static(&person, "7").await.expect("paid");
        assert!(world.is_proven().await);
        world.tamper(sql.into()).await.expect("changed");
        assert!(world.why().await.contains(why), "{sql}");
    }
}

#[tokio::test]
async fn rows_that_nobody_sealed_and_heads_that_are_gone_are_told() {
    let world = World::new().await;
    let mut work = world.bank.database.begin().await.expect("a transaction");
    audit::add(&mut work, 1, "owner", "long ago", "", "").await.expect("written");
    work.commit().await.expect("committed");
    assert!(world.why().await.contains("no seal is on it or after it"));
    let head = world.bank.seal().await.expect("sealed").expect("rows");
    assert_eq!(world.bank.seal().await.expect("read"), Some(head.clone()), "nothing was written since");
    assert!(world.is_proven().await);
    let person = world.person("张三", OLD).await;
    world.pay_static(&person, "7").await.expect("paid");
    assert!(world.bank.prove(Some(head.clone())).await.expect("read").is_ok());
    let other = (head.0, "0".repeat(64));
    assert!(world.bank.prove(Some(other)).await.expect("read").is_err());
    let later = (head.0 + 1000, head.1.clone());
    assert!(world.bank.prove(Some(later)).await.expect("read").is_err(), "a former state was put back");
    world.take_triggers().await;
    world.tamper("DELETE FROM audit_seal".into()).await.expect("no seals");
    assert!(world.why().await.contains("no seal is on it or after it"));
}

/// Whoever owns the database cuts the last row of a customer's chain, takes the head back, or takes seals away.
#[tokio::test]
async fn what_was_sealed_is_missed_when_it_is_gone() {
    let world = World::new().await;
    let person = world.person("张三", OLD).await;
    world.bank.seal().await.expect("sealed").expect("rows");
    world.pay_static(&person, "7").await.expect("paid");
    let known = world.bank.seal().await.expect("sealed").expect("rows");
    world.take_triggers().await;
    let actor = format!("actor = '{}'", person.customer.actor());
    let last = format!("(SELECT MAX(seq) FROM audit WHERE {actor})");
    let chain = format!("(SELECT MAX(chain) FROM audit WHERE {actor})");
    world
        .tamper(format!("UPDATE audit SET detail = 'other' WHERE {actor} AND seq = {last}"))
        .await
        .expect("changed");
    assert!(world.why().await.contains("was changed, or a row before it"));
    world
        .tamper(format!("DELETE FROM audit WHERE chain = {chain} AND seq = {last} AND action <> 'posted'"))
        .await
        .expect("cut");
    let hash = format!("(SELECT hash FROM audit WHERE chain = {chain} ORDER BY seq DESC LIMIT 1)");
    let head = format!("UPDATE audit_head SET seq = seq - 1, hash = {hash} WHERE chain = {chain}");
    world.tamper(head).await.expect("taken back");
    assert!(world.why().await.contains("was sealed, and is gone"));
    world.tamper("DELETE FROM audit_seal WHERE number = 2".into()).await.expect("the seal, too");
    assert!(world.is_proven().await, "the last hour can be cut where nobody knows its seal");
    let why = world.bank.prove(Some(known)).await.expect("read").expect_err("the seal is known");
    assert!(why.contains("is gone: the last seal is 1"), "{why}");
}

/// Whoever writes a posting of their own needs a row of the audit that repeats it. Neither table takes one that is in no chain, and without
/// the rules of the tables the proof finds it.
#[tokio::test]
async fn a_posting_is_not_vouched_for_by_a_row_outside_the_chains() {
    for (chain, seq) in [(0, -1), (3, 0), (16, 1), (-1, 1)] {
        let world = World::new().await;
        let person = world.person("张三", OLD).await;
        assert!(world.is_proven().await);
        let (from, to) = ("SELECT number FROM account WHERE number = '1001'", &person.account);
        let row = format!(
            "INSERT INTO audit (chain, seq, at, actor, action, subject, detail, previous, hash)
             SELECT {chain}, {seq}, 1, 'owner', 'posted', 'forged', number || ' {to} 100 - - x', '', '' FROM ({from}) AS vault"
        );
        assert!(world.tamper(row.clone()).await.is_err(), "the table refuses {chain}-{seq}");
        world.tamper(world.without_checks(&row)).await.expect("no rules");
        for sql in [
            format!(
                "INSERT INTO posting (id, debit, credit, amount, memo, posted_at) SELECT 'forged', number, '{to}', 100, 'x', 1 FROM ({from}) AS vault"
            ),
            format!("UPDATE account SET balance = balance + 100 WHERE number = '{to}'"),
            "UPDATE account SET balance = balance - 100 WHERE number = '1001'".into(),
        ] {
            world.tamper(sql).await.expect("forged");
        }
        let why = world.why().await;
        assert!(why.contains("1 rows of the audit are in no chain"), "{chain}-{seq}: {why}");
    }
}

/// A row as the audit had it: its number, when, who, what, of what, how, the hash before it and its own.
type FormerRow = (i64, i64, String, String, String, String, String, String);

/// A bank of a version that had one chain: what the chain has is kept, and goes on.
#[tokio::test]
async fn the_one_chain_of_a_former_version_goes_on() {
    let world = World::new().await;
    let actor = (0..).map(|n| format!("teller:{n}")).find(|actor| audit::is_of_the_first_chain(actor));
    let actor = actor.expect("one of sixteen");
    let mut work = world.bank.database.begin().await.expect("a transaction");
    audit::add(&mut work, 1, &actor, "did", "three", "").await.expect("written");
    let rows: Vec<FormerRow> = sqlx::query_as(
        "SELECT seq, at, actor, action, subject, detail, previous, hash FROM audit WHERE chain = 0 ORDER BY seq",
    )
    .fetch_all(&mut *work)
    .await
    .expect("rows");
    let folder = tempfile::tempdir().expect("a folder");
    let former = database(folder.path()).await;
    let before =
        MIGRATIONS.iter().position(|migration| migration.name == "0007_chains").expect("the migration");
    former.migrate_by(&MIGRATIONS[..before], 0).await.expect("the former tables");
    let mut db = former.connection().await.expect("a connection");
    for (seq, at, actor, action, subject, detail, previous, hash) in &rows {
        let add = sqlx::query(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, previous, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let add = add.bind(seq).bind(at).bind(actor).bind(action).bind(subject).bind(detail);
        add.bind(previous).bind(hash).execute(&mut *db).await.expect("a row");
        let head = sqlx::query("UPDATE audit_head SET seq = $1, hash = $2").bind(seq).bind(hash);
        head.execute(&mut *db).await.expect("a head");
    }
    drop(db);
    assert_eq!(former.migrate(0).await.expect("migrated").first(), Some(&"0007_chains"));
    let bank = Bank::new(former, Secrets::new().expect("secrets"), Settings::default(), Clock::default());
    bank.found().await.expect("founded");
    bank.seal().await.expect("sealed").expect("rows");
    let mut work = bank.database.begin().await.expect("a transaction");
    audit::add(&mut work, 2, &actor, "did", "four", "").await.expect("written");
    work.commit().await.expect("committed");
    bank.seal().await.expect("sealed").expect("rows");
    let proof = bank.prove(None).await.expect("read").expect("proven");
    assert_eq!(proof.rows, i64::try_from(rows.len()).expect("few") + 1);
}

/// The nightly proof runs while customers pay.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn books_that_are_being_written_are_proven_as_they_were_at_one_moment() {
    let world = Arc::new(World::new().await);
    let person = world.person("张三", OLD).await;
    let payer = world.clone();
    let paying = tokio::spawn(async move {
        for _ in 0..40 {
            payer.pay_static(&person, "7").await.expect("paid");
        }
    });
    let mut proofs = 0;
    while !paying.is_finished() {
        let proof = world.bank.prove(None).await.expect("read");
        assert!(proof.is_ok(), "{proof:?}");
        proofs += 1;
    }
    paying.await.expect("all were paid");
    assert!(proofs > 0);
}
