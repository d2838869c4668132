//! Merchants and their keys. A key is 256 random bits, and the table has the SHA-256 of them: the key is shown once.

use sha2::{Digest, Sha256};

use super::{from_row, statements};
use crate::{
    clock::Moment,
    database::Connection,
    error::{Error, Result},
    random::{self, hex},
};

statements! {
    ADD = "INSERT INTO merchant (id, name, account, return_origins, webhook, webhook_key, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT DO NOTHING";
    FIND = "SELECT id, name, account, return_origins, webhook, webhook_version, webhook_key,
            former_webhook_key, former_secret_until, active FROM merchant WHERE id = $1";
    BY_NAME = "SELECT id, name, account, return_origins, webhook, webhook_version, webhook_key,
            former_webhook_key, former_secret_until, active FROM merchant
               WHERE name = $1";
    BY_KEY = "SELECT m.id, m.name, m.account, m.return_origins, m.webhook, m.webhook_version, m.webhook_key,
              m.former_webhook_key, m.former_secret_until, m.active FROM merchant m
              JOIN merchant_key k ON k.merchant = m.id
              WHERE k.hash = $1 AND m.active = 1 AND (k.ends_at IS NULL OR k.ends_at > $2)";
    LIST = "SELECT id, name, account, return_origins, webhook, webhook_version, webhook_key,
            former_webhook_key, former_secret_until, active FROM merchant ORDER BY name";
    SET_WEBHOOK = "UPDATE merchant SET webhook = $1 WHERE id = $2";
    NEXT_SECRET = "UPDATE merchant SET webhook_version = webhook_version + 1, former_webhook_key = webhook_key, webhook_key = $1,
                   former_secret_until = $2 WHERE id = $3";
    OF_WEBHOOK_KEY = "SELECT COUNT(*) FROM merchant
                      WHERE active = 1 AND (webhook_key = $1 OR (former_webhook_key = $1 AND former_secret_until > $2))";
    STOP = "UPDATE merchant SET active = 0 WHERE id = $1 AND active = 1";
    ADD_KEY = "INSERT INTO merchant_key (hash, merchant, made_at) VALUES ($1, $2, $3)";
    END_KEYS = "UPDATE merchant_key SET ends_at = $1 WHERE merchant = $2 AND (ends_at IS NULL OR ends_at > $1)";
}

/// A merchant.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    pub(crate) id: String,
    /// As customers and their shields see it.
    pub(crate) name: String,
    pub(crate) account: String,
    return_origins: String,
    /// Where outcomes are told; empty for nowhere.
    pub(crate) webhook: String,
    webhook_version: i64,
    webhook_key: i64,
    former_webhook_key: i64,
    former_secret_until: Moment,
    active: i64,
}
from_row!(Merchant {
    id,
    name,
    account,
    return_origins,
    webhook,
    webhook_version,
    webhook_key,
    former_webhook_key,
    former_secret_until,
    active
});

/// What a secret of webhooks is made from: the number of the secret, and the version of the key in the file of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WebhookSecret {
    pub(crate) number: i64,
    pub(crate) key_version: i64,
}

impl Merchant {
    /// The origins that a customer may be led back to.
    pub(crate) fn return_origins(&self) -> impl Iterator<Item = &str> {
        self.return_origins.split_ascii_whitespace()
    }

    /// The secret that signs what the merchant is told.
    pub(crate) const fn secret(&self) -> WebhookSecret {
        WebhookSecret { number: self.webhook_version, key_version: self.webhook_key }
    }

    /// The secret before, while it signs beside.
    pub(crate) fn former_secret(&self, now: Moment) -> Option<WebhookSecret> {
        let former = WebhookSecret { number: self.webhook_version - 1, key_version: self.former_webhook_key };
        (now < self.former_secret_until).then_some(former)
    }

    pub(crate) const fn is_active(&self) -> bool {
        self.active == 1
    }

    /// How the audit names the merchant.
    pub(crate) fn actor(&self) -> String {
        format!("merchant:{}", self.id)
    }
}

/// A merchant that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewMerchant<'a> {
    pub(crate) name: &'a str,
    pub(crate) account: &'a str,
    pub(crate) return_origins: &'a [String],
    pub(crate) webhook: &'a str,
}

/// Adds a merchant. [`None`]: the name or the account is another merchant's.
pub(crate) async fn add(
    db: &mut Connection,
    new: &NewMerchant<'_>,
    webhook_key: i64,
    now: Moment,
) -> Result<Option<Merchant>> {
    let (id, origins) = (random::id()?, new.return_origins.join(" "));
    let add = sqlx::query(ADD).bind(&id).bind(new.name).bind(new.account).bind(origins).bind(new.webhook);
    if add.bind(webhook_key).bind(now).execute(&mut *db).await?.rows_affected() != 1 {
        return Ok(None);
    }
    find(db, &id).await
}

pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<Merchant>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

pub(crate) async fn by_name(db: &mut Connection, name: &str) -> Result<Option<Merchant>> {
    Ok(sqlx::query_as(BY_NAME).bind(name).fetch_optional(db).await?)
}

/// Whose key this is, if it is a living key of a merchant that works with the bank.
pub(crate) async fn by_key(db: &mut Connection, key: &str, now: Moment) -> Result<Option<Merchant>> {
    Ok(sqlx::query_as(BY_KEY).bind(hashed(key)).bind(now).fetch_optional(db).await?)
}

pub(crate) async fn list(db: &mut Connection) -> Result<Vec<Merchant>> {
    Ok(sqlx::query_as(LIST).fetch_all(db).await?)
}

pub(crate) async fn set_webhook(db: &mut Connection, id: &str, webhook: &str) -> Result<()> {
    sqlx::query(SET_WEBHOOK).bind(webhook).bind(id).execute(db).await?;
    Ok(())
}

/// Signs with another secret from now on, and with the former one beside it until this moment.
pub(crate) async fn next_secret(db: &mut Connection, id: &str, key: i64, former_end: Moment) -> Result<()> {
    sqlx::query(NEXT_SECRET).bind(key).bind(former_end).bind(id).execute(db).await?;
    Ok(())
}

/// How many merchants are told by secrets of this version of the key.
pub(crate) async fn of_webhook_key(db: &mut Connection, version: i64, now: Moment) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_WEBHOOK_KEY).bind(version).bind(now).fetch_one(db).await?;
    Ok(count)
}

/// Ends the merchant's work with the bank. Whether it worked.
pub(crate) async fn stop(db: &mut Connection, id: &str) -> Result<bool> {
    Ok(sqlx::query(STOP).bind(id).execute(db).await?.rows_affected() == 1)
}

/// Makes a key. The former ones end at this moment.
pub(crate) async fn add_key(
    db: &mut Connection,
    merchant: &str,
    former_end: Moment,
    now: Moment,
) -> Result<String> {
    sqlx::query(END_KEYS).bind(former_end).bind(merchant).execute(&mut *db).await?;
    let key = format!("{KEY}{}", hex(&random::bytes::<32>()?));
    let added = sqlx::query(ADD_KEY).bind(hashed(&key)).bind(merchant).bind(now).execute(db).await?;
    if added.rows_affected() == 1 { Ok(key) } else { Err(Error::Broken("a key was not added".into())) }
}

/// How each key begins, so that a program which looks for secrets in a source tree finds it.
const KEY: &str = "merchant_";

fn hashed(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}
