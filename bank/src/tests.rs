//! What the whole bank must show, on SQLite, and on PostgreSQL where `BANK_TEST_POSTGRES` names one (`bank/README.md`).
#![cfg(test)]

mod crawl;
mod model;
mod payment;
mod statement;
mod world;
