//! The proof of the books: what each table says is held against what another one says, so that nobody changes one of them unnoticed.
//!
//! The ledger is bound to the chains of the audit, and the chains are sealed with a key outside the database. What is left to somebody
//! who writes into the database: rows younger than the last seal, and a whole former state with its seals. Against the latter the
//! seals are written down outside the database as well.

use super::{chain, seal, seal::Known, statements};
use crate::{clock::Moment, database::Connection, error::Result, secrets::Secrets};

statements! {
    BALANCES = "SELECT a.number FROM account a LEFT JOIN
        (SELECT m.number, SUM(m.amount) AS total FROM
            (SELECT credit AS number, amount FROM posting UNION ALL SELECT debit, -amount FROM posting) m GROUP BY m.number) s
        ON s.number = a.number WHERE a.balance <> CAST(COALESCE(s.total, 0) AS BIGINT) ORDER BY a.number LIMIT 10";
    SUM = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM account";
    COUNT = "SELECT COUNT(*) FROM posting";
    UNKNOWN = "SELECT p.id FROM posting p LEFT JOIN audit a ON a.subject = p.id AND a.action = 'posted' AND a.at = p.posted_at
        AND a.detail = p.debit || ' ' || p.credit || ' ' || CAST(p.amount AS TEXT) || ' ' || COALESCE(p.order_id, '-')
        || ' ' || COALESCE(p.reverses, '-') || ' ' || p.memo
        WHERE a.seq IS NULL ORDER BY p.id LIMIT 10";
    LOST = "SELECT a.subject FROM audit a LEFT JOIN posting p ON p.id = a.subject
        WHERE a.action = 'posted' AND p.id IS NULL ORDER BY a.subject LIMIT 10";
    ORDERS = "SELECT o.id FROM payment_order o LEFT JOIN posting p ON p.order_id = o.id
        WHERE (o.state <> 'posted' AND p.id IS NOT NULL) OR (o.state = 'posted' AND (p.id IS NULL OR p.amount <> o.amount
        OR p.debit <> o.payer OR (o.kind <> 'remittance' AND p.credit <> o.payee))) ORDER BY o.id LIMIT 10";
    PURCHASES = "SELECT b.id FROM purchase b JOIN merchant m ON m.id = b.merchant LEFT JOIN payment_order o ON o.id = b.payment
        WHERE b.state = 'paid' AND (o.id IS NULL OR o.state <> 'posted' OR o.purchase <> b.id OR o.amount <> b.amount
        OR o.payee <> m.account)
        UNION SELECT o.purchase FROM payment_order o JOIN purchase b ON b.id = o.purchase
        WHERE o.state = 'posted' AND (b.payment IS NULL OR b.payment <> o.id) LIMIT 10";
    SPENT = "SELECT o.customer FROM payment_order o LEFT JOIN allowance a
        ON a.customer = o.customer AND a.method = 'static' AND a.period = 'ever'
        WHERE o.method = 'static' AND o.state = 'posted' GROUP BY o.customer, a.spent
        HAVING CAST(SUM(o.amount) AS BIGINT) <> COALESCE(a.spent, 0) ORDER BY o.customer LIMIT 10";
}

/// What was proven.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) postings: i64,
    /// Rows of the audit.
    pub(crate) rows: i64,
}

/// Each question finds what is wrong, by its name.
const QUESTIONS: &[(&str, &str)] = &[
    (BALANCES, "balances are not the sums of their postings"),
    (UNKNOWN, "postings are not as the audit has them"),
    (LOST, "the audit has postings that are gone"),
    (ORDERS, "orders are not what was posted for them"),
    (PURCHASES, "merchants' orders are not what was posted for them"),
    (SPENT, "what static passwords have spent is not what was posted for them"),
];

/// Proves the books, or says what is wrong with them.
pub(crate) async fn prove(
    db: &mut Connection,
    secrets: &Secrets,
    now: Moment,
    known: &[Known],
) -> Result<std::result::Result<Proof, String>> {
    let rows = match chain::verify(db, secrets, known, now - seal::SEALED_WITHIN).await? {
        Ok(rows) => rows,
        Err(why) => return Ok(Err(why)),
    };
    for (question, what) in QUESTIONS {
        let found: Vec<(String,)> = sqlx::query_as(*question).fetch_all(&mut *db).await?;
        if !found.is_empty() {
            let names: Vec<_> = found.into_iter().map(|(name,)| name).collect();
            return Ok(Err(format!("{what}: {}", names.join(", "))));
        }
    }
    let (sum,): (i64,) = sqlx::query_as(SUM).fetch_one(&mut *db).await?;
    if sum != 0 {
        return Ok(Err(format!("all balances together are {sum} fen, not zero")));
    }
    let (postings,): (i64,) = sqlx::query_as(COUNT).fetch_one(db).await?;
    Ok(Ok(Proof { postings, rows }))
}
