//! Every statement is one in this database, and every statement of this crate is in the list.

use sqlx::{Executor, SqlSafeStr};

use super::world::database;
use crate::books;

#[tokio::test]
async fn each_statement_is_prepared() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path()).await;
    assert_eq!(database.migrate(0).await.expect("the tables").len(), 3);
    assert_eq!(database.migrate(0).await.expect("nothing to do").len(), 0);
    assert!(database.is_current().await);
    let mut db = database.connection().await.expect("a connection");
    let mut seen = 0;
    for (name, sql) in books::STATEMENTS.iter().copied().flatten() {
        let prepared = (&mut *db).prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {sql}: {:?}", prepared.err());
        seen += 1;
    }
    assert!(seen > 80, "{seen} statements: is the list whole?");
}
