//! What a shield is asked to sign, and the signed documents that were posted.

use super::statements;
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO shield_challenge (challenge, der) VALUES ($1, $2)";
    LIVE = "SELECT s.der FROM shield_challenge s JOIN challenge c ON c.id = s.challenge
            WHERE c.order_id = $1 AND c.session = $2 AND c.state = 'live' AND c.expires_at > $3";
    CONSUME = "UPDATE challenge SET state = 'used'
               WHERE order_id = $1 AND method = 'shield' AND state = 'live' AND expires_at > $2
               AND EXISTS (SELECT 1 FROM shield_challenge s WHERE s.challenge = challenge.id AND s.der = $3)";
    ACCEPT = "INSERT INTO accepted (order_key, order_id, certificate, document, at) VALUES ($1, $2, $3, $4, $5)
              ON CONFLICT DO NOTHING";
    BY = "SELECT order_key, certificate FROM accepted WHERE order_id = $1";
}

/// Keeps the order (DER) that a challenge asks to have signed.
pub(crate) async fn ask(db: &mut Connection, challenge: &str, der: &[u8]) -> Result<()> {
    sqlx::query(ADD).bind(challenge).bind(der.to_vec()).execute(db).await?;
    Ok(())
}

/// The order (DER) that the live challenge of this session asks to have signed.
pub(crate) async fn live(
    db: &mut Connection,
    order: &str,
    session: &str,
    now: Moment,
) -> Result<Option<Vec<u8>>> {
    let found: Option<(Vec<u8>,)> =
        sqlx::query_as(LIVE).bind(order).bind(session).bind(now).fetch_optional(db).await?;
    Ok(found.map(|(der,)| der))
}

/// Consumes the live challenge, in the posting's transaction, if these very bytes are what it asks for. Whether they are.
pub(crate) async fn consume(db: &mut Connection, order: &str, der: &[u8], now: Moment) -> Result<bool> {
    let consume = sqlx::query(CONSUME).bind(order).bind(now).bind(der.to_vec());
    Ok(consume.execute(db).await?.rows_affected() == 1)
}

/// A document that is posted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) order_key: &'a str,
    pub(crate) order: &'a str,
    /// The serial number of the certificate.
    pub(crate) certificate: &'a str,
    pub(crate) document: &'a [u8],
}

/// Whether neither the order nor its key was accepted before.
pub(crate) async fn accept(db: &mut Connection, new: &Accepted<'_>, now: Moment) -> Result<bool> {
    let accept = sqlx::query(ACCEPT).bind(new.order_key).bind(new.order).bind(new.certificate);
    Ok(accept.bind(new.document.to_vec()).bind(now).execute(db).await?.rows_affected() == 1)
}

/// The key by which this order was accepted, and the certificate that has signed it.
pub(crate) async fn by(db: &mut Connection, order: &str) -> Result<Option<(String, String)>> {
    Ok(sqlx::query_as(BY).bind(order).fetch_optional(db).await?)
}
