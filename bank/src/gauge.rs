//! What is read for each page of metrics: how the bank stands at this moment.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    bank::Bank,
    books::{node, remittance, seal, session, webhook},
    clock::SECOND,
    error::Result,
};

/// Whoever collects metrics gives up after ten seconds, and hears earlier that the database does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A gauge: its name, and its value.
pub(crate) type Gauge = (&'static str, i64);

/// All gauges. A database that is away has none but the first.
pub(crate) async fn read(bank: &Bank) -> Vec<Gauge> {
    let Ok(Ok(mut found)) = timeout(PATIENCE, of_database(bank)).await else {
        return vec![("database_up", 0)];
    };
    found.insert(0, ("database_up", 1));
    found.push(("clock_away_seconds", bank.clock.away() / SECOND));
    if let Ok(unwritten) = bank.unwritten_seals().await {
        found.push(("seals_unwritten", unwritten));
    }
    found
}

async fn of_database(bank: &Bank) -> Result<Vec<Gauge>> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let sealed = seal::last(&mut db).await?;
    Ok(vec![
        ("sessions", session::count(&mut db, now).await?),
        ("nodes", node::count(&mut db, now).await?),
        ("remittances_waiting", remittance::waiting(&mut db).await?),
        ("webhooks_waiting", webhook::count(&mut db, "waiting").await?),
        ("webhooks_failed", webhook::count(&mut db, "failed").await?),
        ("seal_age_seconds", sealed.map_or(0, |(at, _)| (now - at) / SECOND)),
    ])
}
