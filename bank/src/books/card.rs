//! Password cards: 80 cells of three digits. The database never holds a cell: cells are derived by HMAC with a key that is in
//! the file of secrets.

use super::{from_row, statements};
use crate::{
    clock::Moment,
    database::Connection,
    error::{Error, Result},
    random,
    secrets::{Purpose, Secrets},
};

statements! {
    ADD = "INSERT INTO card (id, customer, key_version, state, issued_at) VALUES ($1, $2, $3, 'issued', $4)";
    OF_CUSTOMER = "SELECT id, key_version, state, uses, pair FROM card WHERE customer = $1
                   ORDER BY CASE state WHEN 'active' THEN 0 WHEN 'issued' THEN 1 WHEN 'blocked' THEN 2 ELSE 3 END,
                   issued_at DESC LIMIT 1";
    ACTIVATE = "UPDATE card SET state = 'active', activated_at = $1
                WHERE id = $2 AND customer = $3 AND state = 'issued'";
    END = "UPDATE card SET state = $1, pair = NULL WHERE customer = $2 AND state IN ('issued', 'active')";
    ASK = "UPDATE card SET pair = $1 WHERE id = $2 AND pair IS NULL AND state = 'active' AND uses < 1000";
    PAIR = "SELECT pair FROM card WHERE id = $1";
    WAS_ASKED = "SELECT card FROM card_pair WHERE card = $1 AND pair = $2";
    USE = "UPDATE card SET uses = uses + 1, pair = NULL
           WHERE id = $1 AND pair = $2 AND state = 'active' AND uses < 1000";
    BURN = "UPDATE card SET pair = NULL WHERE id = $1 AND pair = $2";
    KEEP_PAIR = "INSERT INTO card_pair (card, pair, at) VALUES ($1, $2, $3) ON CONFLICT (card, pair) DO NOTHING";
    OF_KEY = "SELECT COUNT(*) FROM card WHERE key_version = $1 AND state IN ('issued', 'active')";
}

/// The rows and columns of a card: A1 to J8.
pub(crate) const COLUMNS: &str = "ABCDEFGHIJ";
pub(crate) const ROWS: u32 = 8;
/// A card is good for so many payments.
pub(crate) const MOST_USES: i64 = 1000;

/// A thousand uses and as many blocks leave a third of the pairs, so one of a hundred draws is new.
const DRAWS: usize = 100;

/// A password card.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) id: String,
    key_version: i64,
    pub(crate) state: String,
    pub(crate) uses: i64,
    /// The coordinates that the card asks at present.
    pub(crate) pair: Option<String>,
}
from_row!(Card { id, key_version, state, uses, pair });

/// Makes a card. Its number is printed on it, and activates it.
pub(crate) async fn add(db: &mut Connection, customer: &str, version: i64, now: Moment) -> Result<Card> {
    let id: String = random::bytes::<12>()?.iter().map(|byte| char::from(b'0' + byte % 10)).collect();
    sqlx::query(ADD).bind(&id).bind(customer).bind(version).bind(now).execute(db).await?;
    Ok(Card { id, key_version: version, state: "issued".to_owned(), uses: 0, pair: None })
}

/// The customer's card: the one in use, or else the last one.
pub(crate) async fn of_customer(db: &mut Connection, customer: &str) -> Result<Option<Card>> {
    Ok(sqlx::query_as(OF_CUSTOMER).bind(customer).fetch_optional(db).await?)
}

/// Whether this issued card of this customer was activated.
pub(crate) async fn activate(db: &mut Connection, card: &str, customer: &str, now: Moment) -> Result<bool> {
    let activate = sqlx::query(ACTIVATE).bind(now).bind(card).bind(customer);
    Ok(activate.execute(db).await?.rows_affected() == 1)
}

/// Ends the customer's card, as `blocked` or as `replaced`. Whether there was one.
pub(crate) async fn end(db: &mut Connection, customer: &str, state: &str) -> Result<bool> {
    Ok(sqlx::query(END).bind(state).bind(customer).execute(db).await?.rows_affected() == 1)
}

/// The pair that the card asks for: the one that stands, whatever order it was asked for, or else a new one that was never
/// asked. [`None`]: the card is not in use, or hardly a pair is left that was never asked.
pub(crate) async fn ask(db: &mut Connection, card: &str) -> Result<Option<String>> {
    for _ in 0..DRAWS {
        let standing: Option<(Option<String>,)> =
            sqlx::query_as(PAIR).bind(card).fetch_optional(&mut *db).await?;
        if let Some((Some(pair),)) = standing {
            return Ok(Some(pair));
        }
        let new = draw()?;
        let asked = sqlx::query(WAS_ASKED).bind(card).bind(&new).fetch_optional(&mut *db).await?;
        if asked.is_some() {
            continue;
        }
        if sqlx::query(ASK).bind(&new).bind(card).execute(&mut *db).await?.rows_affected() == 1 {
            return Ok(Some(new));
        }
        // Either another request was faster, or the card is not in use.
        let (pair,): (Option<String>,) = sqlx::query_as(PAIR).bind(card).fetch_one(&mut *db).await?;
        return Ok(pair);
    }
    Ok(None)
}

/// One of the 3,160 pairs, in the order of their coordinates.
fn draw() -> Result<String> {
    let columns = u32::try_from(COLUMNS.len()).unwrap_or_default();
    let cells = columns * ROWS;
    let (one, other) = (random::below(cells)?, random::below(cells)?);
    if one == other {
        return draw();
    }
    let name = |cell: u32| {
        let column = COLUMNS.chars().nth((cell % columns) as usize).unwrap_or('A');
        format!("{column}{}", cell / columns + 1)
    };
    Ok(format!("{}-{}", name(one.min(other)), name(one.max(other))))
}

/// Counts one use, in the posting's transaction. Whether the pair still stood, and the card had a use left.
pub(crate) async fn count_use(db: &mut Connection, card: &str, pair: &str, now: Moment) -> Result<bool> {
    if sqlx::query(USE).bind(card).bind(pair).execute(&mut *db).await?.rows_affected() != 1 {
        return Ok(false);
    }
    keep_pair(db, card, pair, now).await?;
    Ok(true)
}

/// A blocked card asks for another pair when it is opened again.
pub(crate) async fn burn_pair(db: &mut Connection, card: &str, pair: &str, now: Moment) -> Result<()> {
    sqlx::query(BURN).bind(card).bind(pair).execute(&mut *db).await?;
    keep_pair(db, card, pair, now).await
}

async fn keep_pair(db: &mut Connection, card: &str, pair: &str, now: Moment) -> Result<()> {
    sqlx::query(KEEP_PAIR).bind(card).bind(pair).bind(now).execute(db).await?;
    Ok(())
}

impl Card {
    /// The three digits of a cell. The remainder of 2^64 by 1000 makes no digit likelier by more than 10^-16.
    pub(crate) fn cell(&self, secrets: &Secrets, coordinate: &str) -> Result<String> {
        let mac = secrets.mac(Purpose::Card(self.key_version), &[&self.id, coordinate])?;
        let first = mac.first_chunk::<8>().ok_or_else(|| Error::Broken("a MAC of 32 bytes has 8".into()))?;
        Ok(format!("{:03}", u64::from_be_bytes(*first) % 1000))
    }

    /// What answers a pair: six digits.
    pub(crate) fn answer(&self, secrets: &Secrets, pair: &str) -> Result<String> {
        let (one, other) =
            pair.split_once('-').ok_or_else(|| Error::Broken("a pair in the database is not one".into()))?;
        Ok(self.cell(secrets, one)? + &self.cell(secrets, other)?)
    }
}

/// How many cards that are in use name this version of the key.
pub(crate) async fn of_key_version(db: &mut Connection, version: i64) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_KEY).bind(version).fetch_one(db).await?;
    Ok(count)
}
