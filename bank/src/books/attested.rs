//! Keys of which a shield has said that it made them, for a certificate that somebody asks for later.

use authority::certificate_kind::Kind;

use super::statements;
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO attested (key_digest, kind, shield, at) VALUES ($1, $2, $3, $4) ON CONFLICT (key_digest, shield) DO NOTHING";
    KIND = "SELECT kind FROM attested WHERE key_digest = $1 AND shield = $2";
}

/// Writes down what this shield has said. `key` is the SHA-256 of the SubjectPublicKeyInfo, as in the rows of certificates. Whether it is new.
pub(crate) async fn add(
    db: &mut Connection,
    key: &str,
    kind: Kind,
    shield: &str,
    now: Moment,
) -> Result<bool> {
    let add = sqlx::query(ADD).bind(key).bind(kind.name()).bind(shield).bind(now);
    Ok(add.execute(db).await?.rows_affected() == 1)
}

/// What a key of this shield is for. [`None`]: the shield has not said that it made the key.
pub(crate) async fn kind(db: &mut Connection, key: &str, shield: &str) -> Result<Option<Kind>> {
    let row: Option<(String,)> = sqlx::query_as(KIND).bind(key).bind(shield).fetch_optional(db).await?;
    Ok(row.and_then(|(name,)| Kind::ALL.into_iter().find(|kind| kind.name() == name)))
}
