//! Paying: an order is written, challenged, and answered. What a method wants is one table ([`condition::CONDITIONS`]).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod answer;
mod ask;
pub(crate) mod shield;
mod purchase;
mod wish;
mod settle;
pub(crate) mod remit;
pub(crate) mod condition;
pub(crate) mod rules;
pub(crate) mod standing;

pub(crate) use answer::{Answer, answer};
pub(crate) use ask::ask;
pub(crate) use purchase::purchase;
pub(crate) use wish::{Wish, cancel, order};
