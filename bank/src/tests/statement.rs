//! Every statement is one in this database, and every statement of this crate is in the list.

use std::collections::BTreeSet;

use sqlx::{Executor, SqlSafeStr};

use super::world::database;
use crate::{
    books,
    counter::{self, action::ACTIONS},
    public,
};

/// The description has the routes of the API that are served, with their methods, and no others.
fn describes(document: &str, list: Vec<(&'static str, &'static str)>) -> serde_json::Value {
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &serde_json::Value)| {
        let methods: Vec<_> =
            item.as_object().expect("an item").keys().map(|key| key.to_uppercase()).collect();
        methods.into_iter().map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    let described: BTreeSet<(String, String)> = paths.iter().flat_map(methods).collect();
    let is_api = |path: &str| path.starts_with("/api/") || path == "/openapi.json";
    let routes = list.into_iter().filter(|(_, path)| is_api(path));
    // A description has no word for a rest of several segments.
    let served: BTreeSet<_> =
        routes.map(|(method, path)| (method.to_owned(), path.replace("{*", "{"))).collect();
    assert_eq!(described, served);
    assert!(served.len() > 5);
    document
}

#[test]
fn the_openapi_documents_have_exactly_the_routes_of_the_apis() {
    describes(include_str!("../../assets/openapi-public.json"), public::routes().list);
    let document = describes(include_str!("../../assets/openapi.json"), counter::routes().list);
    let actions = &document["paths"]["/api/action/{name}"]["post"]["parameters"][0]["schema"]["enum"];
    let named: BTreeSet<_> =
        actions.as_array().expect("names").iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(named, ACTIONS.iter().copied().collect());
}

#[tokio::test]
async fn each_statement_is_prepared() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(folder.path()).await;
    assert_eq!(database.migrate(0).await.expect("the tables").len(), crate::database::MIGRATIONS.len());
    assert_eq!(database.migrate(0).await.expect("nothing to do").len(), 0);
    assert!(database.is_current().await.expect("asked"));
    let mut db = database.connection().await.expect("a connection");
    let mut seen = 0;
    for (name, sql) in books::STATEMENTS.iter().copied().flatten() {
        let prepared = (&mut *db).prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {sql}: {:?}", prepared.err());
        seen += 1;
    }
    assert!(seen > 80, "{seen} statements: is the list whole?");
}
