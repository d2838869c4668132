//! What the role that serves may do: what the statements need, and on PostgreSQL nothing else, whatever it tries.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;

use super::world::World;
use crate::{
    books,
    database::{Database, GRANTS, Kind},
    random,
};

type Rights = BTreeMap<String, BTreeSet<String>>;

fn words(sql: &str) -> Vec<&str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// The columns that the text after SET gives a value: each name before a lone `=`, at no depth of brackets, until WHERE or RETURNING.
fn set_columns(after_set: &str) -> Vec<String> {
    let end = [" WHERE ", " RETURNING "].iter().filter_map(|mark| after_set.find(mark)).min();
    let list = &after_set[..end.unwrap_or(after_set.len())];
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for c in list.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {}
        }
        if c != ',' || depth > 0 {
            part.push(c);
        }
    }
    parts.push(part);
    parts.iter().map(|part| part.split('=').next().expect("a column").trim().to_owned()).collect()
}

/// What a statement needs.
fn need(rights: &mut Rights, sql: &str) {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut add = |table: &str, right: String| {
        rights.entry(table.to_owned()).or_default().insert(right);
    };
    let all = words(&sql);
    for pair in all.windows(2) {
        // What stands in brackets names its tables itself.
        if matches!(pair[0], "FROM" | "JOIN")
            && pair[1] != "SELECT"
            && !(all[0] == "DELETE" && pair[1] == all[2])
        {
            add(pair[1], "SELECT".into());
        }
    }
    match all[0] {
        "SELECT" => {}
        "INSERT" => add(all[2], "INSERT".into()),
        "DELETE" => add(all[2], "DELETE".into()),
        "UPDATE" => {}
        other => panic!("{other}: what does it need?"),
    }
    let table = if all[0] == "UPDATE" { all[1] } else { all[2] };
    if let Some((_, after)) = sql.split_once(" SET ").filter(|_| matches!(all[0], "UPDATE" | "INSERT")) {
        for column in set_columns(after) {
            add(table, format!("UPDATE {column}"));
        }
    }
    // A condition reads, and so does RETURNING.
    if matches!(all[0], "UPDATE" | "DELETE") && (sql.contains(" WHERE ") || sql.contains(" RETURNING ")) {
        add(table, "SELECT".into());
    }
}

/// What the file of grants gives.
fn given() -> Rights {
    let mut rights = Rights::new();
    for line in GRANTS.lines().filter(|line| line.starts_with("GRANT ")) {
        let (what, table) = line["GRANT ".len()..].split_once(" ON ").expect("a table");
        let table = table.strip_suffix(" TO :role;").expect("a role");
        let own = rights.entry(table.to_owned()).or_default();
        let (what, columns) = match what.split_once("UPDATE (") {
            Some((before, after)) => {
                let (columns, behind) = after.split_once(')').expect("an end");
                (format!("{before}{behind}"), columns.to_owned())
            }
            None => (what.to_owned(), String::new()),
        };
        own.extend(words(&what).into_iter().map(str::to_owned));
        own.extend(words(&columns).into_iter().map(|column| format!("UPDATE {column}")));
    }
    rights
}

#[test]
fn the_serving_role_has_what_the_statements_need_and_nothing_else() {
    let mut needed = Rights::new();
    for (_, sql) in books::STATEMENTS.iter().copied().flatten() {
        need(&mut needed, sql);
    }
    needed.entry("migration".into()).or_default().insert("SELECT".into());
    assert_eq!(given(), needed);
    for table in ["posting", "audit", "audit_seal", "accepted", "attempt", "card_pair", "shield_challenge"] {
        assert_eq!(given()[table].len(), 2, "{table}: SELECT and INSERT");
    }
}

/// The same database as another role.
async fn as_role(url: &str, role: &str, schema: &str) -> Database {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    let mark = if place.contains('?') { '&' } else { '?' };
    let url = format!("{scheme}://{role}@{place}{mark}options=-c%20search_path%3D{schema}");
    Database::open(&url, 10).await.expect("PostgreSQL")
}

#[tokio::test]
async fn the_serving_role_serves_and_rewrites_nothing() {
    let Ok(url) = std::env::var("BANK_TEST_POSTGRES") else { return };
    let mut world = World::new().await;
    assert!(
        world.bank.database.kind == Kind::Postgres && world.bank.database.may_rewrite().await.expect("asked")
    );
    let schema: (String,) = {
        let mut db = world.bank.database.connection().await.expect("a connection");
        sqlx::query_as("SELECT CAST(current_schema() AS TEXT)").fetch_one(&mut *db).await.expect("a schema")
    };
    let role = format!("r{}", random::id().expect("random numbers"));
    assert!(world.bank.database.grant(&role).await.is_err(), "there is no such role");
    world.tamper(format!("CREATE ROLE {role} LOGIN")).await.expect("a role");
    // What somebody gave the role by hand is taken back.
    world.tamper(format!("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {role}", schema.0)).await.expect("given");
    world.bank.database.grant(&role).await.expect("granted");
    assert_eq!(world.bank.database.grant_again().await.expect("granted"), [role.as_str()]);
    let person = world.person("张三", "2006-08-31").await;
    let owner = std::mem::replace(&mut world.bank.database, as_role(&url, &role, &schema.0).await);
    assert!(!world.bank.database.may_rewrite().await.expect("asked"));
    world.pay_static(&person, "7").await.expect("paid");
    world.bank.seal().await.expect("sealed");
    assert!(world.is_proven().await);
    for table in ["posting", "audit", "audit_seal", "accepted", "attempt", "card_pair", "shield_challenge"] {
        for sql in [
            format!(
                "UPDATE {table} SET {} = NULL",
                match table {
                    "posting" => "memo",
                    "shield_challenge" => "der",
                    _ => "at",
                }
            ),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("DROP TABLE {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
            format!("ALTER TABLE {table} ADD COLUMN more TEXT"),
            format!("CREATE RULE nothing AS ON INSERT TO {table} DO INSTEAD NOTHING"),
        ] {
            is_denied(&world, &sql).await;
        }
    }
    for sql in [
        "UPDATE payment_order SET amount = 1".to_owned(),
        "UPDATE account SET kind = 'own'".into(),
        "UPDATE audit_head SET chain = 3".into(),
        "DELETE FROM certificate".into(),
        "DELETE FROM puk".into(),
        "DELETE FROM payment_order".into(),
        "UPDATE migration SET digest = ''".into(),
        "INSERT INTO migration (name, digest, at) VALUES ('x', '', 0)".into(),
        "DROP FUNCTION append_only() CASCADE".into(),
        "SET session_replication_role = replica".into(),
        "CREATE TABLE mine (id TEXT)".into(),
        format!("ALTER ROLE {role} SUPERUSER"),
    ] {
        is_denied(&world, &sql).await;
    }
    // PostgreSQL answers this one with a warning, and gives nothing.
    world
        .tamper(format!("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {role}", schema.0))
        .await
        .expect("a warning");
    assert!(!world.bank.database.may_rewrite().await.expect("asked"));
    world.pay_static(&person, "8").await.expect("paid");
    assert!(world.is_proven().await);
    is_no_member(&owner, &role).await;
    let owner_role = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).expect("a user").0;
    assert!(owner.grant(owner_role).await.is_err(), "the owner of the tables can do everything");
}

/// Rights that come by another way than the role's own are found: from a role that it is a member of, from one that it can only become, and from everybody.
async fn is_no_member(owner: &Database, role: &str) {
    let by = format!("by{role}");
    let run = async |sql: String| {
        let mut db = owner.connection().await.expect("a connection");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *db).await.expect("done");
    };
    run(format!("CREATE ROLE {by}; GRANT UPDATE (memo) ON posting TO {by}; CREATE ROLE over{by}; GRANT {by} TO over{by}")).await;
    for member in [by.clone(), format!("over{by}"), "pg_write_all_data".into()] {
        run(format!("GRANT {member} TO {role}")).await;
        for inherits in ["INHERIT", "NOINHERIT"] {
            run(format!("ALTER ROLE {role} {inherits}")).await;
            let why = owner.grant(role).await.expect_err("it may change the ledger").to_string();
            assert!(why.contains("all the same, as a member of"), "{why}");
        }
        run(format!("REVOKE {member} FROM {role}; ALTER ROLE {role} INHERIT")).await;
    }
    run("GRANT DELETE ON accepted TO PUBLIC".into()).await;
    let why = owner.grant(role).await.expect_err("everybody may").to_string();
    assert!(why.contains("REVOKE ALL ON accepted FROM PUBLIC"), "{why}");
    run("REVOKE ALL ON accepted FROM PUBLIC".into()).await;
    owner.grant(role).await.expect("granted");
    run(format!("REVOKE UPDATE (memo) ON posting FROM {by}; DROP ROLE over{by}; DROP ROLE {by}")).await;
}

/// PostgreSQL refuses it for want of a right (42501), and not for another reason.
async fn is_denied(world: &World, sql: &str) {
    let mut db = world.bank.database.connection().await.expect("a connection");
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *db).await;
    let code =
        done.as_ref().err().and_then(|fault| fault.as_database_error()?.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {done:?}");
}
