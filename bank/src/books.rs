//! The books: a file for each table, with all the SQL of that table as constants.
//!
//! A function here does one thing in the transaction that it is given. What belongs into one transaction is put together above
//! (`pay`, `desk`). A change says whether it changed anything: the condition stands in the statement itself, so that no two
//! requests both see the last yuan.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub(crate) mod proof;
pub(crate) mod chain;
pub(crate) mod seal;
pub(crate) mod webhook;
pub(crate) mod idempotency;
pub(crate) mod purchase;
pub(crate) mod merchant;
pub(crate) mod approval;
pub(crate) mod node;
pub(crate) mod teller;
pub(crate) mod session;
pub(crate) mod throttle;
pub(crate) mod remittance;
pub(crate) mod signed;
pub(crate) mod crl;
pub(crate) mod generation;
pub(crate) mod certificate;
pub(crate) mod attested;
pub(crate) mod authorisation;
pub(crate) mod puk;
pub(crate) mod shield;
pub(crate) mod posting;
pub(crate) mod audit;
pub(crate) mod challenge;
pub(crate) mod order;
pub(crate) mod allowance;
pub(crate) mod card;
pub(crate) mod gate;
pub(crate) mod contract;
pub(crate) mod account;
pub(crate) mod customer;

/// The SQL of a file: a constant for each statement, and a list of all of them for the test that prepares them.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(const $name: &str = $sql;)*
        #[cfg(test)]
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
use statements;

/// Reads a row into a struct whose fields have the columns' names. (sqlx's own derive would build both drivers a second time, for
/// the compiler.)
macro_rules! from_row {
    ($name:ident { $($field:ident),* }) => {
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $name {
            fn from_row(row: &'r sqlx::any::AnyRow) -> std::result::Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
use from_row;

/// Every statement of every table.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&[(&str, &str)]] = &[
    proof::STATEMENTS,
    seal::STATEMENTS,
    webhook::STATEMENTS,
    idempotency::STATEMENTS,
    purchase::STATEMENTS,
    merchant::STATEMENTS,
    approval::STATEMENTS,
    node::STATEMENTS,
    teller::STATEMENTS,
    session::STATEMENTS,
    throttle::STATEMENTS,
    remittance::STATEMENTS,
    signed::STATEMENTS,
    crl::STATEMENTS,
    generation::STATEMENTS,
    certificate::STATEMENTS,
    attested::STATEMENTS,
    authorisation::STATEMENTS,
    puk::STATEMENTS,
    shield::STATEMENTS,
    posting::STATEMENTS,
    audit::STATEMENTS,
    challenge::STATEMENTS,
    order::STATEMENTS,
    allowance::STATEMENTS,
    card::STATEMENTS,
    gate::STATEMENTS,
    contract::STATEMENTS,
    account::STATEMENTS,
    customer::STATEMENTS,
];
