//! What the whole bank must show, on SQLite, and on PostgreSQL where `BANK_TEST_POSTGRES` names one (`bank/README.md`).
#![cfg(test)]

mod ahead;
mod attack;
mod crawl;
mod est_attack;
mod generation;
mod est;
mod measure;
mod merchant;
mod metric;
mod migration;
mod model;
mod payment;
mod proof;
mod puk;
mod role;
mod secret;
mod suspension;
mod session;
mod shield;
mod shield_code;
mod statement;
mod webhook;
mod world;
